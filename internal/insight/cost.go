package insight

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/datasourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Cost is data.cml_worker_cost: what a worker costs by the price list, or would.
type Cost struct{ base }

var (
	_ datasource.DataSourceWithConfigure        = (*Cost)(nil)
	_ datasource.DataSourceWithConfigValidators = (*Cost)(nil)
	_ datasource.DataSourceWithValidateConfig   = (*Cost)(nil)
)

// NewCost returns data.cml_worker_cost.
func NewCost() datasource.DataSource { return &Cost{} }

// costModel is data.cml_worker_cost.
type costModel struct {
	WorkerID     types.String `tfsdk:"worker_id"`
	InstanceType types.String `tfsdk:"instance_type"`
	Volume       types.Object `tfsdk:"volume"`
	Region       types.String `tfsdk:"region"`
	Include      types.Set    `tfsdk:"include"`

	HourlyRunning       types.Float64 `tfsdk:"hourly_running"`
	HourlyStopped       types.Float64 `tfsdk:"hourly_stopped"`
	MonthlyIfAlwaysOn   types.Float64 `tfsdk:"monthly_if_always_on"`
	SinceLaunchEstimate types.Float64 `tfsdk:"since_launch_estimate"`
	Breakdown           types.Object  `tfsdk:"breakdown"`
	Currency            types.String  `tfsdk:"currency"`
	PricedAt            types.String  `tfsdk:"priced_at"`
}

// volumeModel is a volume that might be.
type volumeModel struct {
	Type       types.String `tfsdk:"type"`
	SizeGiB    types.Int64  `tfsdk:"size_gib"`
	IOPS       types.Int64  `tfsdk:"iops"`
	Throughput types.Int64  `tfsdk:"throughput"`
}

// The parts of a bill.
const (
	partCompute = "compute"
	partStorage = "storage"
	partAddress = "address"
)

var breakdownTypes = map[string]attr.Type{partCompute: types.Float64Type, partStorage: types.Float64Type, partAddress: types.Float64Type}

// Metadata implements datasource.DataSource.
func (*Cost) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_cost"
}

// Schema implements datasource.DataSource.
func (*Cost) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	money := func(s string) schema.Float64Attribute {
		return schema.Float64Attribute{Computed: true, MarkdownDescription: s}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What a worker costs by AWS's public price list (Price List Query API), or what one would cost that does not exist. Linux on shared hardware, on demand; for a spot machine the present spot price of its zone. " +
			"Not in it are discounts, credits and taxes, traffic, snapshots, detailed monitoring, licences of CML, and the requests of magnetic volumes.\n\n" +
			"It needs `pricing:GetProducts`, for spot machines `ec2:DescribeSpotPriceHistory`, for workers that do not run `ec2:DescribeNetworkInterfaceAttribute` (feature `cost` of `cml_iam_policy`). What cannot be read is null, with a warning; AWS serves no price list in GovCloud and in isolated partitions.",
		Attributes: map[string]schema.Attribute{
			"worker_id": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.InstanceID()},
				MarkdownDescription: "EC2 instance id of the worker. Exactly one of `worker_id` and `instance_type`."},
			"instance_type": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.InstanceType()},
				MarkdownDescription: "EC2 instance type of a worker that might be, bought on demand and with one public IPv4 address that goes when it stops."},
			"volume": schema.SingleNestedAttribute{Optional: true, Validators: []validator.Object{objectvalidator.AlsoRequires(path.MatchRoot("instance_type"))},
				MarkdownDescription: "Volume of a worker that might be. Without it no storage is counted.",
				Attributes: map[string]schema.Attribute{
					"type": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("gp2", "gp3", "io1", "io2", "st1", "sc1", "standard")},
						MarkdownDescription: "EBS volume type. Default `gp3`."},
					"size_gib": schema.Int64Attribute{Required: true, Validators: []validator.Int64{int64validator.Between(1, 65536)},
						MarkdownDescription: "Size in GiB."},
					"iops": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(100, 256000)},
						MarkdownDescription: "Provisioned IOPS; io1 and io2 need it, gp3 includes 3000."},
					"throughput": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(125, 2000)},
						MarkdownDescription: "Throughput in MiB/s; gp3 includes 125."},
				}},
			"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
				MarkdownDescription: "AWS region of the worker. Default: the provider's."},
			"include": schema.SetAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Set{
				setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(partCompute, partStorage, partAddress))},
				MarkdownDescription: "What is counted: `compute` (the instance), `storage` (all EBS volumes of the worker, with IOPS and throughput above what their type includes), `address` (its public IPv4 address; an automatic one costs nothing while the worker is stopped). Default: all of them. The list of China names no price of addresses, so leave `address` out there."},
			"hourly_running":       money("Costs of an hour in which it runs, to a millionth. That of a worker that does not run counts the address that it gets when it starts."),
			"hourly_stopped":       money("Costs of an hour in which it is stopped: its volumes and its Elastic IP."),
			"monthly_if_always_on": money("`hourly_running` for 730 hours, to a hundredth."),
			"since_launch_estimate": money("`hourly_running` for each hour that the worker has begun since its last start, to a hundredth: it changes once an hour. What went before that start is not in it. " +
				"Null for a worker that does not run, and for one that does not exist."),
			"breakdown": schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "`hourly_running` by its parts; null where a part is not counted or not known.",
				Attributes: map[string]schema.Attribute{
					partCompute: money("The instance."), partStorage: money("Its volumes."), partAddress: money("Its public IPv4 address; 0 for a worker without one."),
				}},
			"currency":  textAttribute("Currency of the price list: `USD`, in China `CNY`."),
			"priced_at": textAttribute("When the newest of these prices was published, RFC 3339; null where the list does not tell."),
		},
	}
}

// ConfigValidators implements datasource.DataSourceWithConfigValidators.
func (*Cost) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{datasourcevalidator.ExactlyOneOf(path.MatchRoot("worker_id"), path.MatchRoot("instance_type"))}
}

// ValidateConfig implements datasource.DataSourceWithValidateConfig.
func (*Cost) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m costModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	v := m.volume(ctx, &resp.Diagnostics)
	at, kind := path.Root("volume"), v.Type.ValueString()
	if m.Volume.IsNull() || v.Type.IsUnknown() {
		return
	}
	if (kind == "io1" || kind == "io2") && v.IOPS.IsNull() {
		resp.Diagnostics.AddAttributeError(at.AtName("iops"), "IOPS missing", fmt.Sprintf("The price of a %s volume depends on its IOPS: set iops.", kind))
	}
	if kind != "gp3" && kind != "" && !v.Throughput.IsNull() {
		resp.Diagnostics.AddAttributeError(at.AtName("throughput"), "Throughput cannot be provisioned", fmt.Sprintf("A %s volume has no provisioned throughput: use type gp3, or leave throughput out.", kind))
	}
}

// volume is the volume that might be, of unknown members the zero ones.
func (m *costModel) volume(ctx context.Context, diags *diag.Diagnostics) volumeModel {
	var v volumeModel
	diags.Append(m.Volume.As(ctx, &v, basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true})...)
	return v
}

// parts are those that are counted.
func (m *costModel) parts() pricing.Parts {
	if m.Include.IsNull() {
		return pricing.Everything
	}
	var out pricing.Parts
	for _, name := range attribute.Strings(m.Include) {
		out.Compute, out.Storage, out.Address = out.Compute || name == partCompute, out.Storage || name == partStorage, out.Address || name == partAddress
	}
	return out
}

// Read implements datasource.DataSource.
func (d *Cost) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m costModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var bill pricing.Bill
	var launched time.Time
	if m.WorkerID.IsNull() {
		bill = d.imagined(ctx, &m, &resp.Diagnostics)
	} else {
		bill, launched = d.worker(ctx, &m, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if len(bill.Problems) > 0 {
		tfdiag.Warn(&resp.Diagnostics, d.set, tfdiag.PriceUnknown, "What this worker costs is not known, or in part: "+tfdiag.Reason(bill.Problems[0]))
	}
	m.fill(bill, launched, time.Now())
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// worker prices a worker that exists, and returns when it was started last if
// it runs.
func (d *Cost) worker(ctx context.Context, m *costModel, diags *diag.Diagnostics) (bill pricing.Bill, launched time.Time) {
	s, ok := d.find(ctx, m.WorkerID, m.Region, diags)
	if !ok {
		return bill, launched
	}
	m.Region = types.StringValue(s.ec2.Region())
	if s.machine.State == instance.StateRunning || s.machine.State == instance.StatePending {
		launched = s.machine.LaunchTime
	}
	parts := m.parts()
	var volumes []*instance.Volume
	var failed error
	if parts.Storage {
		volumes, failed = s.ec2.VolumesOf(ctx, s.machine)
	}
	if failed != nil {
		parts.Storage = false
	}
	bill = d.set.Cost(ctx, s.ec2, s.machine, volumes, parts)
	if failed != nil {
		bill.Storage, bill.Problems = pricing.Price{}, append(bill.Problems, failed)
	}
	if parts.Address && s.machine.PublicIP == "" && s.machine.State != instance.StateRunning {
		var problems []error
		bill.Address, problems = d.comingAddress(ctx, s)
		bill.Problems = append(bill.Problems, problems...)
	}
	return bill, launched
}

// comingAddress prices the public address that a worker without one gets when it
// starts.
func (d *Cost) comingAddress(ctx context.Context, s sight) (pricing.Price, []error) {
	comes, err := s.ec2.AutomaticPublicIP(ctx, s.machine)
	if err != nil {
		return pricing.Price{}, []error{err}
	}
	m := pricing.Machine{Region: s.ec2.Region()}
	if comes {
		m.Addresses = 1
	}
	bill := d.set.Bill(ctx, m, pricing.Parts{Address: true})
	return bill.Address, bill.Problems
}

// imagined prices a worker that might be.
func (d *Cost) imagined(ctx context.Context, m *costModel, diags *diag.Diagnostics) pricing.Bill {
	if !d.known(diags) {
		return pricing.Bill{}
	}
	if m.Region.IsNull() {
		region, err := d.set.DefaultRegion(ctx)
		if err != nil {
			diags.Append(tfdiag.Error("Unable to find the AWS region", tfdiag.About{}, err))
			return pricing.Bill{}
		}
		m.Region = types.StringValue(region)
	}
	machine := pricing.Machine{Region: m.Region.ValueString(), Type: m.InstanceType.ValueString(), Addresses: 1}
	if v := m.volume(ctx, diags); !m.Volume.IsNull() {
		kind := v.Type.ValueString()
		if kind == "" {
			kind = "gp3"
		}
		machine.Volumes = []pricing.Volume{{Type: kind, SizeGiB: v.SizeGiB.ValueInt64(), IOPS: v.IOPS.ValueInt64(), Throughput: v.Throughput.ValueInt64()}}
	}
	return d.set.Bill(ctx, machine, m.parts())
}

// cents are the digits of sums of money.
const cents = 2

func (m *costModel) fill(bill pricing.Bill, launched, now time.Time) {
	running := bill.Running()
	m.HourlyRunning, m.HourlyStopped = attribute.KnownFloat64(running.Round(pricing.Digits)), attribute.KnownFloat64(bill.Stopped().Round(pricing.Digits))
	m.MonthlyIfAlwaysOn = attribute.KnownFloat64(running.Times(pricing.HoursPerMonth).Round(cents))
	m.SinceLaunchEstimate = types.Float64Null()
	if !launched.IsZero() {
		m.SinceLaunchEstimate = attribute.KnownFloat64(running.Times(begun(now.Sub(launched))).Round(cents))
	}
	parts, counted := m.parts(), map[string]attr.Value{}
	for name, part := range map[string]struct {
		counted bool
		price   pricing.Price
	}{partCompute: {parts.Compute, bill.Compute}, partStorage: {parts.Storage, bill.Storage}, partAddress: {parts.Address, bill.Address}} {
		counted[name] = types.Float64Null()
		if part.counted {
			counted[name] = attribute.KnownFloat64(part.price.Round(pricing.Digits))
		}
	}
	m.Breakdown = types.ObjectValueMust(breakdownTypes, counted)
	known := bill.AtLeast()
	m.Currency, m.PricedAt = attribute.String(known.Currency), attribute.Time(known.Published)
}

// begun is the number of hours that have begun, at least one.
func begun(d time.Duration) int {
	return max(1, int((d+time.Hour-1)/time.Hour))
}
