package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/datasourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// AMI is data.cml_ami: the newest image that fits.
type AMI struct{ base }

var (
	_ datasource.DataSourceWithConfigure        = (*AMI)(nil)
	_ datasource.DataSourceWithConfigValidators = (*AMI)(nil)
)

// NewAMI returns data.cml_ami.
func NewAMI() datasource.DataSource { return &AMI{} }

// amiModel is data.cml_ami.
type amiModel struct {
	NamePattern   types.String `tfsdk:"name_pattern"`
	Owners        types.Set    `tfsdk:"owners"`
	CMLVersion    types.String `tfsdk:"cml_version"`
	Architecture  types.String `tfsdk:"architecture"`
	Region        types.String `tfsdk:"region"`
	ID            types.String `tfsdk:"id"`
	Name          types.String `tfsdk:"name"`
	OwnerID       types.String `tfsdk:"owner_id"`
	CreatedAt     types.String `tfsdk:"created_at"`
	DeprecatedAt  types.String `tfsdk:"deprecated_at"`
	RootVolumeGiB types.Int64  `tfsdk:"root_volume_gib"`
}

// defaultArchitecture is the only one that CML runs on.
const defaultArchitecture = "x86_64"

// Metadata implements datasource.DataSource.
func (*AMI) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_ami"
}

// ConfigValidators implements datasource.DataSourceWithConfigValidators.
func (*AMI) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{datasourcevalidator.AtLeastOneOf(path.MatchRoot("name_pattern"), path.MatchRoot("cml_version"))}
}

// Schema implements datasource.DataSource.
func (*AMI) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The newest available image (AMI) with CML that fits a pattern, a CML version, or both. Finding none is an error.\n\n" +
			"A worker whose `ami_id` comes from here is replaced when a newer image appears, as the id changes; `ami_filter` of `cml_worker` looks once and keeps the image.",
		Attributes: map[string]schema.Attribute{
			"name_pattern": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
				MarkdownDescription: "Name of the image; `*` stands for any text, `?` for any one character: `\"CML-2.9.*\"`. At least one of `name_pattern` and `cml_version` is needed."},
			"owners": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(validators.ImageOwner())},
				MarkdownDescription: "Whose images count: account ids, `self`, `amazon` or `aws-marketplace`. Default: `[\"self\"]`, the account of the credentials. Anybody may publish an image of any name, so name the accounts that you trust."},
			"cml_version": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.CMLVersion()},
				MarkdownDescription: "CML version that the image must have, exactly: `\"2.9.0\"`. The version of an image is its tag `cml:version` or else in its name. Left out: the version of the image that was found, null where neither tells it."},
			"architecture": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.OneOf("x86_64", "arm64", "i386")},
				MarkdownDescription: "Architecture of the image. Default: `x86_64`, the one that CML runs on."},
			"region":          regionAttribute(),
			"id":              text("Image id, for `ami_id` of a worker."),
			"name":            text("Name of the image."),
			"owner_id":        text("AWS account that owns the image."),
			"created_at":      text("When the image was made, RFC 3339."),
			"deprecated_at":   text("From when on the image counts as deprecated, RFC 3339; null where its owner has set no such time."),
			"root_volume_gib": schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the image's root volume in GiB: the least that `root_volume.size_gib` of a worker may say."},
		},
	}
}

// Read implements datasource.DataSource.
func (d *AMI) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m amiModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	refuseUnknown(d.set.UnknownArguments(), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if m.Architecture.IsNull() {
		m.Architecture = types.StringValue(defaultArchitecture)
	}
	about := tfdiag.About{Region: m.Region.ValueString()}
	ec2, err := d.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to look up CML image", about, err))
		return
	}
	m.Region = types.StringValue(ec2.Region())
	query := instance.ImageQuery{NamePattern: m.NamePattern.ValueString(), Owners: attribute.Strings(m.Owners), Architecture: m.Architecture.ValueString()}
	all, err := ec2.SearchImages(ctx, query)
	if err != nil {
		about.Region = ec2.Region()
		resp.Diagnostics.Append(tfdiag.Error("Unable to look up CML image", about, err))
		return
	}
	image := newest(all, m.CMLVersion.ValueString())
	if image == nil {
		at, text := notFound(m, query, all)
		resp.Diagnostics.AddAttributeError(at, "CML image not found", text)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, amiFrom(m, image))...)
}

// newest returns the first of the images, which are sorted so, that has the
// version; "" does not restrict.
func newest(all []*instance.Image, version string) *instance.Image {
	for _, i := range all {
		if version == "" || sameVersion(controller.ImageVersion(i.Name, i.Tags), version) {
			return i
		}
	}
	return nil
}

// sameVersion compares the numbers of two versions.
func sameVersion(a, b string) bool {
	v, errA := controller.ParseVersion(a)
	w, errB := controller.ParseVersion(b)
	return errA == nil && errB == nil && v.Compare(w) == 0
}

func amiFrom(m amiModel, i *instance.Image) amiModel {
	if m.CMLVersion.IsNull() {
		m.CMLVersion = attribute.String(controller.ImageVersion(i.Name, i.Tags))
	}
	m.ID, m.Name, m.OwnerID = attribute.String(i.ID), attribute.String(i.Name), attribute.String(i.OwnerID)
	m.CreatedAt, m.DeprecatedAt = attribute.Time(i.CreatedAt), attribute.Time(i.DeprecatedAt)
	m.RootVolumeGiB = types.Int64Null()
	if i.RootSizeGiB > 0 {
		m.RootVolumeGiB = types.Int64Value(int64(i.RootSizeGiB))
	}
	return m
}

// notFound says what was searched where, and what there is instead.
func notFound(m amiModel, q instance.ImageQuery, others []*instance.Image) (path.Path, string) {
	owners := q.Owners
	if len(owners) == 0 {
		owners = []string{"self"}
	}
	var wanted []string
	at := path.Root("cml_version")
	if !m.CMLVersion.IsNull() {
		wanted = append(wanted, "CML version "+m.CMLVersion.ValueString())
	}
	if q.NamePattern != "" {
		wanted = append(wanted, fmt.Sprintf("a name like %q", q.NamePattern))
		at = path.Root("name_pattern")
	}
	what := fmt.Sprintf("No available image with %s", strings.Join(wanted, " and "))
	what += fmt.Sprintf(" and architecture %s is owned by %s in %s, as far as these credentials see.", q.Architecture, strings.Join(owners, ", "), m.Region.ValueString())
	if len(others) > 0 {
		what += " Images that fit but for the version, newest first:\n"
		for n, i := range others {
			if n == 10 {
				what += fmt.Sprintf("\n  … and %d more", len(others)-n)
				break
			}
			version := controller.ImageVersion(i.Name, i.Tags)
			if version == "" {
				version = "unknown"
			}
			what += fmt.Sprintf("\n  %s  %q  CML %s", i.ID, i.Name, version)
		}
		return path.Root("cml_version"), what
	}
	return at, what + "\n\nImages belong to one region; check region, owners and pattern. An image that another account shares is found only when `owners` names that account."
}
