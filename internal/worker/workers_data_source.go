package worker

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// FleetDataSource is data.cml_workers: the workers of several regions, and
// what differs from those that somebody knows of.
type FleetDataSource struct {
	set *clients.Set
}

var _ datasource.DataSourceWithConfigure = (*FleetDataSource)(nil)

// NewFleetDataSource returns data.cml_workers.
func NewFleetDataSource() datasource.DataSource { return &FleetDataSource{} }

// fleetModel is data.cml_workers.
type fleetModel struct {
	fleetSingles
	Regions        types.Set    `tfsdk:"regions"`
	States         types.Set    `tfsdk:"states"`
	InstanceTypes  types.Set    `tfsdk:"instance_types"`
	AMIOwners      types.Set    `tfsdk:"ami_owners"`
	Probe          types.Bool   `tfsdk:"probe"`
	KnownWorkerIDs types.Set    `tfsdk:"known_worker_ids"`
	AccountID      types.String `tfsdk:"account_id"`

	Workers         types.List `tfsdk:"workers"`
	IDs             types.List `tfsdk:"ids"`
	UnknownWorkers  types.List `tfsdk:"unknown_workers"`
	MissingIDs      types.List `tfsdk:"missing_ids"`
	UndeterminedIDs types.List `tfsdk:"undetermined_ids"`
	FailedRegions   types.List `tfsdk:"failed_regions"`
}

// fleetWorker is one of the lists' members.
type fleetWorker struct {
	ID            types.String `tfsdk:"id"`
	Region        types.String `tfsdk:"region"`
	AccountID     types.String `tfsdk:"account_id"`
	Name          types.String `tfsdk:"name"`
	InstanceState types.String `tfsdk:"instance_state"`
	Status        types.String `tfsdk:"status"`
	InstanceType  types.String `tfsdk:"instance_type"`
	AMIID         types.String `tfsdk:"ami_id"`
	AMIName       types.String `tfsdk:"ami_name"`
	PublicIP      types.String `tfsdk:"public_ip"`
	PrivateIP     types.String `tfsdk:"private_ip"`
	Address       types.String `tfsdk:"address"`
	URL           types.String `tfsdk:"url"`
	ServiceStatus types.String `tfsdk:"service_status"`
	CMLVersion    types.String `tfsdk:"cml_version"`
	CMLReady      types.Bool   `tfsdk:"cml_ready"`
	LaunchTime    types.String `tfsdk:"launch_time"`
	Tags          types.Map    `tfsdk:"tags"`
	Managed       types.Bool   `tfsdk:"managed"`
}

// fleetAttributes are the members of a worker in the lists.
func fleetAttributes() map[string]schema.Attribute {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	return map[string]schema.Attribute{
		"id":             text("EC2 instance id."),
		"region":         text("AWS region."),
		"account_id":     text("AWS account that owns the instance."),
		"name":           text("The `Name` tag; null without."),
		"instance_state": text("EC2 state: `pending`, `running`, `stopping` or `stopped`."),
		"status":         text("`pending` (never started), `starting`, `running`, `stopping` or `stopped`."),
		"instance_type":  text("EC2 instance type."),
		"ami_id":         text("Image that the worker was launched from."),
		"ami_name":       text("Name of the worker's image; null when the image does not exist any more or may not be read."),
		"public_ip":      text("Public IPv4 address; null while stopped, unless it is an Elastic IP."),
		"private_ip":     text("Private IPv4 address."),
		"address":        text("Address to dial, by the worker's managed tags and the provider's `controller`; null while it does not exist."),
		"url":            text("URL of CML."),
		"service_status": text("CML's state as `cml_worker` has it; `unknown` for a running worker that was not asked."),
		"cml_version":    text("Version that CML reports; null when it was not asked or did not answer."),
		"cml_ready":      schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether CML says that it can start nodes; `false` for a worker that does not run, null when it was not asked or did not answer."},
		"launch_time":    text("When the instance was started last, RFC 3339."),
		"tags":           schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Tags of the instance, without `Name`, the managed and the ignored ones."},
		"managed":        schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the instance carries this provider's managed tag."},
	}
}

// fleetTypes are the types of fleetAttributes.
var fleetTypes = func() map[string]attr.Type {
	out := map[string]attr.Type{}
	for name, a := range fleetAttributes() {
		out[name] = a.GetType()
	}
	return out
}()

// Metadata implements datasource.DataSource.
func (d *FleetDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_workers"
}

// Configure implements datasource.DataSourceWithConfigure.
func (d *FleetDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	d.set = set
}

// Schema implements datasource.DataSource.
func (d *FleetDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	ids := func(s string) schema.ListAttribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: s}
	}
	workers := func(s string) schema.ListNestedAttribute {
		return schema.ListNestedAttribute{Computed: true, MarkdownDescription: s,
			NestedObject: schema.NestedAttributeObject{Attributes: fleetAttributes()}}
	}
	filled := func(each validator.String) []validator.Set {
		return []validator.Set{setvalidator.ValueStringsAre(each), setvalidator.SizeAtLeast(1)}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The workers of one or several regions that fit all filters given, and how they differ from the workers that a configuration knows of. Terminated instances are not seen. Without any filter these are all instances of the account; `managed_only`, tags or the name of the image tell workers from others.\n\n" +
			"A region that cannot be read is a warning, and is named in `failed_regions`: its workers are then unknown, never missing. When no region can be read at all, that is an error.",
		Attributes: map[string]schema.Attribute{
			"regions": schema.SetAttribute{Optional: true, Computed: true, ElementType: types.StringType, MarkdownDescription: fleetRegionsText,
				Validators: filled(validators.Region())},
			"states": schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetStatesText,
				Validators: filled(fleetState)},
			"instance_types": schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetTypesText,
				Validators: filled(validators.InstanceType())},
			"tags":             schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetTagsText},
			"ami_id":           schema.StringAttribute{Optional: true, Validators: fleetAMIID, MarkdownDescription: fleetAMIIDText},
			"ami_name_pattern": schema.StringAttribute{Optional: true, Validators: fleetPattern, MarkdownDescription: fleetPatternText},
			"ami_owners": schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: fleetOwnersText,
				Validators: append(filled(validators.ImageOwner()), setvalidator.AlsoRequires(path.MatchRoot("ami_name_pattern")))},
			"managed_only": schema.BoolAttribute{Optional: true, MarkdownDescription: fleetManagedText},
			"probe": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Ask the CML of each running worker for its version and readiness, ten at a time and each for at most 3 seconds; not with `refresh_probe = false` in the provider. Default `false`."},
			"known_worker_ids": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.ValueStringsAre(validators.InstanceID())},
				MarkdownDescription: "Ids of the workers that are known, usually those of this configuration. All regions that they live in have to be in `regions`. Gives `unknown_workers` and `missing_ids` their meaning; an empty set knows none."},
			"account_id": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.AccountID(), stringvalidator.AlsoRequires(path.MatchRoot("known_worker_ids"))},
				MarkdownDescription: "AWS account that the known workers live in, for example `cml_worker.lab.account_id`. With credentials of another account, a known worker that is not seen is an error instead of a missing one. Default: not checked."},
			"workers":          workers("The workers that were found, by region and id."),
			"ids":              ids("Ids of `workers`, in the same order."),
			"unknown_workers":  workers("Those of `workers` that `known_worker_ids` does not name: they cost money, and nobody here knows them. Null without `known_worker_ids`."),
			"missing_ids":      ids("Known ids whose instance is gone: terminated, or asked for twice and not found in any region. A worker that only does not fit the filters is not missing. Null without `known_worker_ids`."),
			"undetermined_ids": ids("Known ids that were not found where a region could not be read, so that nobody knows whether they are gone. Null without `known_worker_ids`."),
			"failed_regions":   ids("Regions that could not be read; each is a warning, too."),
		},
	}
}

// Read implements datasource.DataSource.
func (d *FleetDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m fleetModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	query := m.query(attribute.Strings(m.Regions), attribute.Strings(m.States), attribute.Strings(m.InstanceTypes), attribute.Strings(m.AMIOwners))
	query.images = true
	if query.complete(ctx, d.set, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	f := d.search(ctx, query, m, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	f.fill(ctx, &m, d.describe(ctx, f, m.Probe.ValueBool(), &resp.Diagnostics), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
