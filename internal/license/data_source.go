package license

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// DataSource is data.cml_worker_license.
type DataSource struct {
	set *clients.Set
}

var _ datasource.DataSourceWithConfigure = (*DataSource)(nil)

// NewDataSource returns data.cml_worker_license.
func NewDataSource() datasource.DataSource { return &DataSource{} }

// Metadata implements datasource.DataSource.
func (*DataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_license"
}

// Configure implements datasource.DataSourceWithConfigure. It makes no request.
func (d *DataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	d.set = set
}

// dataModel is data.cml_worker_license.
type dataModel struct {
	WorkerID       types.String `tfsdk:"worker_id"`
	Region         types.String `tfsdk:"region"`
	Controller     types.Object `tfsdk:"controller"`
	Status         types.String `tfsdk:"status"`
	Valid          types.Bool   `tfsdk:"valid"`
	Reason         types.String `tfsdk:"reason"`
	Product        types.String `tfsdk:"product"`
	Registration   types.String `tfsdk:"registration"`
	Authorization  types.String `tfsdk:"authorization"`
	SmartAccount   types.String `tfsdk:"smart_account"`
	VirtualAccount types.String `tfsdk:"virtual_account"`
	ExpiresAt      types.String `tfsdk:"expires_at"`
	RenewsAt       types.String `tfsdk:"renews_at"`
	DaysLeft       types.Int64  `tfsdk:"days_left"`
	UDI            types.String `tfsdk:"udi"`
	Inherited      types.Bool   `tfsdk:"inherited"`
	Features       types.Set    `tfsdk:"features"`
	NodeLimit      types.Int64  `tfsdk:"node_limit"`
	Transport      types.Object `tfsdk:"transport"`
}

// Schema implements datasource.DataSource.
func (*DataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	number := func(s string) schema.Int64Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: s}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The licence of a worker, as CML sees it now. It needs an administrator of CML.\n\n" +
			"A worker that is stopped or cannot be reached is no error: `status` is `unknown`, `valid` is `false` and `reason` says why, so that a `check` block can judge it.",
		Attributes: map[string]schema.Attribute{
			"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
				MarkdownDescription: "EC2 instance id of the worker."},
			"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
				MarkdownDescription: "AWS region of the worker. Default: the provider's."},
			"controller":      attribute.ControllerDataSource(),
			"status":          text("`registered`, `unregistered`, `evaluation`, `expired`, `invalid` (the registration failed, or the account lacks licences) or `unknown`."),
			"valid":           schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether CML is registered and its authorization in compliance. `false` where that is not known."},
			"reason":          text("Why the licence is not known; null where it is."),
			"product":         text("Product licence, such as `CML_Enterprise`."),
			"registration":    text("Status of the registration in CML's words, such as `COMPLETED`."),
			"authorization":   text("Status of the authorization in CML's words, such as `IN_COMPLIANCE`."),
			"smart_account":   text("Smart account that the worker is registered to."),
			"virtual_account": text("Virtual account in `smart_account`."),
			"expires_at":      text("When registration or authorization end, whichever is earlier, RFC 3339."),
			"renews_at":       text("When CML renews next by itself, RFC 3339."),
			"days_left":       number("Whole days until `expires_at`; negative after it, null without a licence."),
			"udi":             text("Under which id the licence servers count the worker (`product_uuid`)."),
			"inherited":       schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the registration is older than the machine, and so came with its image."},
			"node_limit":      number("How many nodes the licence lets run; null for products whose number is not known."),
			"features": schema.SetNestedAttribute{Computed: true, MarkdownDescription: "What the licence consists of.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"id": text("Id of the feature."), "name": text("Name of the feature."), "in_use": number("How much of it is in use."),
					"min": number("Least count."), "max": number("Greatest count."), "status": text("Status of the feature, such as `IN_COMPLIANCE`."),
				}}},
			"transport": schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "The way from CML to the licence servers.",
				Attributes: map[string]schema.Attribute{
					"ssms": text("URL of the licence servers."),
					"proxy": schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "HTTP proxy in between; null for none.",
						Attributes: map[string]schema.Attribute{"server": text("Name or address of the proxy."), "port": number("Port of the proxy.")}},
				}},
		},
	}
}

// Read implements datasource.DataSource.
func (d *DataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	const summary = "Unable to look up the licence of CML worker"
	var m dataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if tfdiag.NotKnown(&resp.Diagnostics, d.set.UnknownArguments(), "the licence cannot be looked up in this plan") {
		return
	}
	r := &Resource{set: d.set}
	op := r.begin(ctx, summary, &model{WorkerID: m.WorkerID, Region: m.Region, Controller: m.Controller}, "", &resp.Diagnostics)
	if op == nil {
		return
	}
	in, err := op.find(ctx)
	if err != nil {
		about := op.about()
		about.Attribute = path.Root("worker_id")
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}
	m.Region = types.StringValue(op.ec2.Region())
	m.Controller = attribute.FlattenController(op.worker.Settings(in))
	m.unknown()
	switch l, err := op.see(ctx, in); {
	case err == nil:
		m.observe(in, l)
	case licensing.NoCredentials(err), unanswered(err):
		m.Reason = types.StringValue(err.Error())
	default:
		op.fail(summary, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// see asks CML, or says why it cannot be asked.
func (op *operation) see(ctx context.Context, in *instance.Instance) (controller.Licensing, error) {
	if in.State != instance.StateRunning {
		return controller.Licensing{}, fault.New(fault.NotReady, "the worker is %s", in.State)
	}
	return op.worker.Look(ctx, in)
}

// unknown is the answer while CML cannot be asked.
func (m *dataModel) unknown() {
	m.Status, m.Valid = types.StringValue(controller.LicenseUnknown), types.BoolValue(false)
	m.Features = types.SetNull(types.ObjectType{AttrTypes: featureTypes})
	m.Transport = types.ObjectNull(transportTypes)
}

func (m *dataModel) observe(in *instance.Instance, l controller.Licensing) {
	o := flatten(l, licensing.Inherited(l, in))
	m.Status, m.Valid, m.Product = o.Status, types.BoolValue(l.Valid()), attribute.String(l.ProductLicense.Active)
	m.Registration, m.Authorization = o.RegistrationStatus, o.AuthorizationStatus
	m.SmartAccount, m.VirtualAccount = o.SmartAccount, o.VirtualAccount
	m.ExpiresAt, m.RenewsAt, m.UDI, m.Inherited = o.ExpiresAt, o.RenewsAt, o.UDI, o.Inherited
	m.Features, m.NodeLimit = o.Features, o.NodeLimit
	if end := licensing.ExpiresAt(l); !end.IsZero() {
		m.DaysLeft = types.Int64Value(daysUntil(end, time.Now()))
	}
	link := types.ObjectNull(proxyTypes)
	if p := l.Transport.Proxy; p.Server != "" {
		link = types.ObjectValueMust(proxyTypes, map[string]attr.Value{"server": types.StringValue(p.Server), "port": types.Int64Value(int64(p.Port))})
	}
	m.Transport = types.ObjectValueMust(transportTypes, map[string]attr.Value{"ssms": attribute.String(l.Transport.SSMS), "proxy": link})
}

// daysUntil counts whole days, rounded down.
func daysUntil(end, now time.Time) int64 {
	left := end.Sub(now)
	days := int64(left / (24 * time.Hour))
	if left < 0 && left%(24*time.Hour) != 0 {
		days--
	}
	return days
}
