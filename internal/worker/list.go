package worker

import (
	"context"
	"math"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// List is list.cml_worker: workers to adopt, for `terraform query`.
type List struct {
	set *clients.Set
}

var _ list.ListResourceWithConfigure = (*List)(nil)

// NewList returns list.cml_worker.
func NewList() list.ListResource { return &List{} }

// listModel is its configuration.
type listModel struct {
	fleetSingles
	Regions           types.List `tfsdk:"regions"`
	States            types.List `tfsdk:"states"`
	InstanceTypes     types.List `tfsdk:"instance_types"`
	AMIOwners         types.List `tfsdk:"ami_owners"`
	IncludeAutoScaled types.Bool `tfsdk:"include_auto_scaled"`
}

// Metadata implements list.ListResource.
func (l *List) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker"
}

// Configure implements list.ListResourceWithConfigure.
func (l *List) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	l.set = set
}

// ListResourceConfigSchema implements list.ListResource.
func (l *List) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	filled := func(each validator.String) []validator.List {
		return []validator.List{listvalidator.ValueStringsAre(each), listvalidator.SizeAtLeast(1)}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The workers of one or several regions that fit all filters given, to look over and to take into a configuration: `terraform query` lists them, and `terraform query -generate-config-out=FILE` writes for each a `resource` and the `import` block that adopts it, whatever its region. Needs Terraform 1.14 or newer.\n\n" +
			"A worker is shown by its tag `Name`, or by its id without one. Without any filter these are all instances of the account; `managed_only`, tags or the name of the image tell workers from others. Left out are terminated instances and, unless `include_auto_scaled` says otherwise, the members of Auto Scaling groups.\n\n" +
			"A region that cannot be read is a warning; when no region can be read at all, that is an error.",
		Attributes: map[string]schema.Attribute{
			"regions": schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetRegionsText,
				Validators: filled(validators.Region())},
			"states": schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetStatesText,
				Validators: filled(fleetState)},
			"instance_types": schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetTypesText,
				Validators: filled(validators.InstanceType())},
			"tags":             schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetTagsText},
			"ami_id":           schema.StringAttribute{Optional: true, Validators: fleetAMIID, MarkdownDescription: fleetAMIIDText},
			"ami_name_pattern": schema.StringAttribute{Optional: true, Validators: fleetPattern, MarkdownDescription: fleetPatternText},
			"ami_owners": schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetOwnersText,
				Validators: append(filled(validators.ImageOwner()), listvalidator.AlsoRequires(path.MatchRoot("ami_name_pattern")))},
			"managed_only": schema.BoolAttribute{Optional: true, MarkdownDescription: fleetManagedText},
			"include_auto_scaled": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Also the instances of Auto Scaling groups, which their group replaces whatever a configuration says. Default `false`."},
		},
	}
}

// List implements list.ListResource.
func (l *List) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var (
		m     listModel
		diags diag.Diagnostics
	)
	diags.Append(req.Config.Get(ctx, &m)...)
	query := m.query(attribute.Strings(m.Regions), attribute.Strings(m.States), attribute.Strings(m.InstanceTypes), attribute.Strings(m.AMIOwners))
	query.images, query.single = req.IncludeResource, !m.IncludeAutoScaled.ValueBool()
	if !diags.HasError() {
		query.complete(ctx, l.set, &diags)
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	run := &listing{req: req, query: query, worker: &Resource{set: l.set}, patience: regionLimit, left: req.Limit}
	if run.left <= 0 {
		run.left = math.MaxInt64 // Terraform always gives a limit
	}
	for _, name := range query.regions {
		run.regions = append(run.regions, &fleetRegion{name: name})
	}
	stream.Results = run.results(ctx)
}
