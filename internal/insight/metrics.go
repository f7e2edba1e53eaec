package insight

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Metrics is data.cml_worker_metrics: the newest values that CloudWatch and CML
// have of a worker.
type Metrics struct{ base }

var _ datasource.DataSourceWithConfigure = (*Metrics)(nil)

// NewMetrics returns data.cml_worker_metrics.
func NewMetrics() datasource.DataSource { return &Metrics{} }

// metricsModel is data.cml_worker_metrics.
type metricsModel struct {
	WorkerID      types.String `tfsdk:"worker_id"`
	Region        types.String `tfsdk:"region"`
	Controller    types.Object `tfsdk:"controller"`
	Metrics       types.Set    `tfsdk:"metrics"`
	Lookback      types.String `tfsdk:"lookback"`
	Thresholds    types.Object `tfsdk:"thresholds"`
	InstanceState types.String `tfsdk:"instance_state"`
	Period        types.Int64  `tfsdk:"period_seconds"`
	CollectedAt   types.String `tfsdk:"collected_at"`
	Timestamps    types.Map    `tfsdk:"timestamps"`
	Alerts        types.List   `tfsdk:"alerts"`

	CPUPercent        types.Float64 `tfsdk:"cpu_percent"`
	CPUMaximumPercent types.Float64 `tfsdk:"cpu_maximum_percent"`
	MemoryPercent     types.Float64 `tfsdk:"memory_percent"`
	NetworkIn         types.Float64 `tfsdk:"network_in_bytes_per_second"`
	NetworkOut        types.Float64 `tfsdk:"network_out_bytes_per_second"`
	PacketsIn         types.Float64 `tfsdk:"network_packets_in_per_second"`
	PacketsOut        types.Float64 `tfsdk:"network_packets_out_per_second"`
	ReadBytes         types.Float64 `tfsdk:"ebs_read_bytes_per_second"`
	WriteBytes        types.Float64 `tfsdk:"ebs_write_bytes_per_second"`
	ReadOps           types.Float64 `tfsdk:"ebs_read_ops_per_second"`
	WriteOps          types.Float64 `tfsdk:"ebs_write_ops_per_second"`
	IOBalance         types.Float64 `tfsdk:"ebs_io_balance_percent"`
	ByteBalance       types.Float64 `tfsdk:"ebs_byte_balance_percent"`
	CreditBalance     types.Float64 `tfsdk:"cpu_credit_balance"`
	CreditUsage       types.Float64 `tfsdk:"cpu_credit_usage"`

	CheckFailed    types.Bool `tfsdk:"status_check_failed"`
	InstanceFailed types.Bool `tfsdk:"status_check_failed_instance"`
	SystemFailed   types.Bool `tfsdk:"status_check_failed_system"`
	EBSFailed      types.Bool `tfsdk:"status_check_failed_attached_ebs"`

	System        types.Object `tfsdk:"system"`
	SystemReason  types.String `tfsdk:"system_reason"`
	SystemMessage types.String `tfsdk:"system_message"`
}

// groupTexts describe the groups, in the order of the documentation.
var groupTexts = [][2]string{
	{groupCPU, "`cpu_percent` (1 metric)"},
	{groupCPUMaximum, "`cpu_maximum_percent` (1)"},
	{groupNetwork, "`network_in_bytes_per_second`, `network_out_bytes_per_second` (2)"},
	{groupPackets, "`network_packets_in_per_second`, `network_packets_out_per_second` (2)"},
	{groupEBS, "`ebs_read_bytes_per_second`, `ebs_write_bytes_per_second` (2; on bare metal 2 for each volume)"},
	{groupEBSOps, "`ebs_read_ops_per_second`, `ebs_write_ops_per_second` (2; on bare metal 2 for each volume)"},
	{groupBurst, "`ebs_io_balance_percent`, `ebs_byte_balance_percent` (2)"},
	{groupCredits, "`cpu_credit_balance`, `cpu_credit_usage` (2)"},
	{groupStatus, "`status_check_failed` (1)"},
	{groupStatusDetails, "`status_check_failed_instance`, `status_check_failed_system`, `status_check_failed_attached_ebs` (3)"},
	{groupMemory, "`memory_percent` of a CloudWatch agent on the worker (1, and a request to ListMetrics)"},
	{groupSystem, "`system` and `memory_percent`, as CML itself says (none; CML is asked instead of CloudWatch)"},
}

// Metadata implements datasource.DataSource.
func (*Metrics) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_metrics"
}

// Schema implements datasource.DataSource.
func (*Metrics) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	amount := func(text string) schema.Float64Attribute {
		return schema.Float64Attribute{Computed: true, MarkdownDescription: text}
	}
	percent := func(text string) schema.Float64Attribute {
		return schema.Float64Attribute{Optional: true, Validators: []validator.Float64{float64validator.Between(0, 100)}, MarkdownDescription: text}
	}
	var names []string
	list := ""
	for _, g := range groupTexts {
		names = append(names, g[0])
		list += "\n  * `" + g[0] + "`: " + g[1]
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The newest values that CloudWatch has of a worker and, on request, CML's own figures. Everything comes with one request. What is not there is null, never zero: the metrics of a worker that does not run or has just started, groups that were not asked for, what the instance type does not report, and what may not be read (one warning says so).\n\n" +
			"CloudWatch is a few minutes late, five more without detailed `monitoring`. AWS charges GetMetricData for each metric that is asked for, some 0.01 USD for a thousand: the default of six metrics, read every ten minutes, costs about 0.26 USD a worker and month. Each refresh of a configuration with this data source counts, plans included.",
		Attributes: map[string]schema.Attribute{
			"worker_id":  workerIDAttribute(),
			"region":     regionAttribute(),
			"controller": attribute.ControllerDataSource(),
			"metrics": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(names...))},
				MarkdownDescription: "What to read, with the number of metrics that AWS charges:\n" + list + "\n\nDefault: `[\"cpu\", \"network\", \"ebs\", \"status\"]`, six metrics."},
			"lookback": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Minute, 24*time.Hour)},
				MarkdownDescription: "How old a value may be. Default: two periods and five minutes, so `15m`; `7m` with detailed monitoring where nothing comes every five minutes only."},
			"thresholds": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "When a value is an alert.",
				Attributes: map[string]schema.Attribute{
					"cpu_percent":         percent("`cpu_percent` from here on. Default `90`."),
					"memory_percent":      percent("`memory_percent` from here on. Default `90`."),
					"disk_percent":        percent("The used part of `system.disk` from here on. Default `90`."),
					"ebs_balance_percent": percent("`ebs_io_balance_percent` and `ebs_byte_balance_percent` down to here. Default `10`."),
				}},
			"instance_state": textAttribute("EC2 state: `pending`, `running`, `stopping` or `stopped`. Only a worker that runs has values."),
			"period_seconds": numberAttribute("What most values cover: `60` with detailed monitoring, otherwise `300`. Packets, credits, burst balances and the volumes of bare metal are always of 300, status checks of 60."),
			"collected_at":   textAttribute("Time of the newest value of CloudWatch, RFC 3339: the beginning of its period. Null when there is none. `system` is of the moment of the look."),
			"timestamps": schema.MapAttribute{Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Time of the value, as in `collected_at`, of each attribute with a value of CloudWatch, by the attribute's name."},
			"alerts": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "Values beyond `thresholds`, and status checks that failed, by the attribute's name. Empty when there are none; what is null is no alert.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"attribute": textAttribute("Name of the attribute: `cpu_percent`, `memory_percent`, `disk_percent`, `ebs_io_balance_percent`, `ebs_byte_balance_percent`, or a status check."),
					"value":     amount("Value of the attribute; `1` for a status check that failed."),
					"threshold": amount("The threshold; `1` for status checks."),
					"message":   textAttribute("The alert in words."),
				}}},
			"cpu_percent":                      amount("How busy the processors were on average, 0 to 100. EC2 reports whole percents for most types."),
			"cpu_maximum_percent":              amount("How busy the processors were at most, 0 to 100."),
			"memory_percent":                   amount("Used part of the memory, 0 to 100: what CML says with group `system`, otherwise that of a CloudWatch agent (metric `mem_used_percent` of namespace `CWAgent`) with group `memory`."),
			"network_in_bytes_per_second":      amount("Bytes received a second, by all interfaces."),
			"network_out_bytes_per_second":     amount("Bytes sent a second, by all interfaces."),
			"network_packets_in_per_second":    amount("Packets received a second."),
			"network_packets_out_per_second":   amount("Packets sent a second."),
			"ebs_read_bytes_per_second":        amount("Bytes read a second from all EBS volumes; on bare metal the sum of the volumes' own metrics."),
			"ebs_write_bytes_per_second":       amount("Bytes written a second to all EBS volumes."),
			"ebs_read_ops_per_second":          amount("Reads a second from all EBS volumes."),
			"ebs_write_ops_per_second":         amount("Writes a second to all EBS volumes."),
			"ebs_io_balance_percent":           amount("What is left of the burst of I/O operations, 0 to 100. Smaller instance types only."),
			"ebs_byte_balance_percent":         amount("What is left of the burst of throughput, 0 to 100. Smaller instance types only."),
			"cpu_credit_balance":               amount("CPU credits that are left. Burstable instance types only."),
			"cpu_credit_usage":                 amount("CPU credits spent in the last five minutes. Burstable instance types only."),
			"status_check_failed":              flagAttribute("Whether any status check of EC2 failed."),
			"status_check_failed_instance":     flagAttribute("Whether EC2's check of the operating system failed."),
			"status_check_failed_system":       flagAttribute("Whether EC2's check of the host failed."),
			"status_check_failed_attached_ebs": flagAttribute("Whether EC2's check of the attached volumes failed."),
			"system": schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "The load that CML itself reports, of all compute hosts together. Null when it was not asked for or could not be read.",
				Attributes: systemAttributes()},
			"system_reason":  textAttribute("Why `system` is null although it was asked for, in the words of `reason` of `cml_worker_health`."),
			"system_message": textAttribute("`system_reason` in a sentence; null with it."),
		},
	}
}

// Read implements datasource.DataSource.
func (d *Metrics) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m metricsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s, ok := d.find(ctx, m.WorkerID, m.Region, &resp.Diagnostics)
	if !ok {
		return
	}
	request := m.request()
	settings := d.settings(ctx, m.Controller, s.machine, &resp.Diagnostics)
	var c checkup
	values := map[string]measured{}
	if s.machine.State == instance.StateRunning {
		if request.needsType() {
			request.volumes, _ = abilities(d.facts(ctx, []sight{s}, &resp.Diagnostics), s.machine.Type)
		}
		values = d.measure(ctx, s, request, time.Now(), &resp.Diagnostics)
	}
	if request.wants(groupSystem) {
		var err error
		if c, err = d.ask(ctx, s, settings, (*checkup).askLoad); err != nil {
			resp.Diagnostics.Append(tfdiag.Error("Unable to read the metrics of CML worker", s.about(), err))
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if c.refused {
		tfdiag.Warn(&resp.Diagnostics, d.set, tfdiag.HealthUnknown, fmt.Sprintf("What CML on worker %s tells accounts only is null: %s", s.machine.ID, c.message))
	}
	m.fill(s, settings, values, c)
	resp.Diagnostics.Append(m.alert(ctx)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// request is the arguments with their defaults.
func (m *metricsModel) request() metricsRequest {
	r := metricsRequest{groups: attribute.Strings(m.Metrics)}
	if len(r.groups) == 0 {
		r.groups = defaultGroups
	}
	if lookback, err := time.ParseDuration(m.Lookback.ValueString()); err == nil {
		r.lookback = lookback
	}
	return r
}

// thresholds is the object of that name; what is null has its default.
type thresholds struct {
	CPU     types.Float64 `tfsdk:"cpu_percent"`
	Memory  types.Float64 `tfsdk:"memory_percent"`
	Disk    types.Float64 `tfsdk:"disk_percent"`
	Balance types.Float64 `tfsdk:"ebs_balance_percent"`
}

// alertTypes are the members of an alert.
var alertTypes = map[string]attr.Type{
	"attribute": types.StringType, "value": types.Float64Type, "threshold": types.Float64Type, "message": types.StringType,
}
