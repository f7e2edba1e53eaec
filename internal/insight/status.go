package insight

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Status is data.cml_worker_status: what EC2 says of the machine.
type Status struct{ base }

var _ datasource.DataSourceWithConfigure = (*Status)(nil)

// NewStatus returns data.cml_worker_status.
func NewStatus() datasource.DataSource { return &Status{} }

// statusModel is data.cml_worker_status.
type statusModel struct {
	WorkerID       types.String `tfsdk:"worker_id"`
	Region         types.String `tfsdk:"region"`
	InstanceState  types.String `tfsdk:"instance_state"`
	SystemStatus   types.String `tfsdk:"system_status"`
	InstanceStatus types.String `tfsdk:"instance_status"`
	EBSStatus      types.String `tfsdk:"ebs_status"`
	Passed         types.Bool   `tfsdk:"passed"`
	Events         types.List   `tfsdk:"events"`
}

// eventTypes are the members of an event.
var eventTypes = map[string]attr.Type{
	"id": types.StringType, "code": types.StringType, "description": types.StringType,
	"not_before": types.StringType, "not_after": types.StringType,
}

// Metadata implements datasource.DataSource.
func (*Status) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_status"
}

// Schema implements datasource.DataSource.
func (*Status) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	const words = " `ok`, `impaired`, `initializing` (the first minutes after a start, longer on bare metal), `insufficient-data` or `not-applicable` (the worker does not run)."
	resp.Schema = schema.Schema{
		MarkdownDescription: "EC2's status checks of a worker, and what AWS has scheduled for it. CML is not asked; that is `cml_worker_health`.",
		Attributes: map[string]schema.Attribute{
			"worker_id":       workerIDAttribute(),
			"region":          regionAttribute(),
			"instance_state":  textAttribute("EC2 state: `pending`, `running`, `stopping` or `stopped`."),
			"system_status":   textAttribute("Check of the host and its network:" + words),
			"instance_status": textAttribute("Check of the operating system:" + words),
			"ebs_status":      textAttribute("Check of the attached EBS volumes:" + words + " Null where EC2 does not report it."),
			"passed":          flagAttribute("Whether the machine passes: system and instance are `ok`, the volumes `ok`, not applicable or not reported. `false` while the worker does not run or its checks are not there yet."),
			"events": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "What AWS has scheduled and has neither completed nor cancelled, the earliest first.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"id":          textAttribute("Id of the event."),
					"code":        textAttribute("`instance-reboot`, `system-reboot`, `system-maintenance`, `instance-retirement` or `instance-stop`."),
					"description": textAttribute("AWS's words."),
					"not_before":  textAttribute("Earliest begin, RFC 3339."),
					"not_after":   textAttribute("Latest end, RFC 3339; null where AWS names none."),
				}}},
		},
	}
}

// Read implements datasource.DataSource.
func (d *Status) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m statusModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s, ok := d.find(ctx, m.WorkerID, m.Region, &resp.Diagnostics)
	if !ok {
		return
	}
	checks, err := s.ec2.StatusChecks(ctx, s.machine.ID)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to read the status checks of CML worker", s.about(), err))
		return
	}
	m.fill(s, checks)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *statusModel) fill(s sight, checks instance.Status) {
	state := checks.State
	if state == "" {
		state = s.machine.State
	}
	m.Region, m.InstanceState = types.StringValue(s.ec2.Region()), attribute.String(state)
	m.SystemStatus, m.InstanceStatus = attribute.String(checks.System), attribute.String(checks.Instance)
	m.EBSStatus, m.Passed = attribute.String(checks.AttachedEBS), types.BoolValue(checks.OK())
	events := []attr.Value{}
	for _, e := range pending(checks.Events) {
		events = append(events, types.ObjectValueMust(eventTypes, map[string]attr.Value{
			"id": attribute.String(e.ID), "code": attribute.String(e.Code), "description": attribute.String(e.Description),
			"not_before": attribute.Time(e.NotBefore), "not_after": attribute.Time(e.NotAfter),
		}))
	}
	m.Events = types.ListValueMust(types.ObjectType{AttrTypes: eventTypes}, events)
}
