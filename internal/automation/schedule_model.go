package automation

import (
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// scheduleModel is cml_worker_schedule in configuration, plan and state.
type scheduleModel struct {
	ID        types.String `tfsdk:"id"`
	AccountID types.String `tfsdk:"account_id"`

	WorkerID      types.String   `tfsdk:"worker_id"`
	Region        types.String   `tfsdk:"region"`
	Name          types.String   `tfsdk:"name"`
	GroupName     types.String   `tfsdk:"group_name"`
	RoleARN       types.String   `tfsdk:"role_arn"`
	Timezone      types.String   `tfsdk:"timezone"`
	StartCron     types.String   `tfsdk:"start_cron"`
	StopCron      types.String   `tfsdk:"stop_cron"`
	StopAt        types.String   `tfsdk:"stop_at"`
	Enabled       types.Bool     `tfsdk:"enabled"`
	RetryWindow   types.String   `tfsdk:"retry_window"`
	DeadLetterARN types.String   `tfsdk:"dead_letter_arn"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`

	StartScheduleARN  types.String `tfsdk:"start_schedule_arn"`
	StopScheduleARN   types.String `tfsdk:"stop_schedule_arn"`
	StopAtScheduleARN types.String `tfsdk:"stop_at_schedule_arn"`
}

// part is one of the schedules of a resource.
type part struct {
	// argument says when it runs, suffix follows the name.
	argument, suffix string
	action           scheduling.Action
	// lease: it runs once.
	lease bool
}

// scheduleParts are all of them. What stops comes first, so that no failure
// leaves a worker that is started and never stopped.
var scheduleParts = []part{
	{argument: "stop_cron", suffix: "-stop", action: scheduling.Stop},
	{argument: "stop_at", suffix: "-stop-at", action: scheduling.Stop, lease: true},
	{argument: "start_cron", suffix: "-start", action: scheduling.Start},
}

// slot is where a model has the argument and the ARN of a part.
func (m *scheduleModel) slot(p part) (argument, arn *types.String) {
	switch p.argument {
	case "start_cron":
		return &m.StartCron, &m.StartScheduleARN
	case "stop_cron":
		return &m.StopCron, &m.StopScheduleARN
	}
	return &m.StopAt, &m.StopAtScheduleARN
}

// wanted reports whether a part is configured.
func (m *scheduleModel) wanted(p part) bool {
	argument, _ := m.slot(p)
	return !argument.IsNull()
}

// stops reports whether the model has a schedule that stops the worker.
func (m *scheduleModel) stops() bool { return !m.StopCron.IsNull() || !m.StopAt.IsNull() }

// scheduleNameOf is the name of a part's schedule.
func (m *scheduleModel) scheduleNameOf(p part) string { return m.Name.ValueString() + p.suffix }

// defaultName gives the name that follows from the worker, unknown as long as
// that is.
func (m *scheduleModel) defaultName() {
	m.Name = types.StringUnknown()
	if !m.WorkerID.IsUnknown() {
		m.Name = types.StringValue("cml-" + m.WorkerID.ValueString())
	}
}

// address gives the id that follows from group and name, unknown as long as one
// of them is.
func (m *scheduleModel) address() {
	m.ID = types.StringUnknown()
	if !m.Name.IsUnknown() && !m.GroupName.IsUnknown() {
		m.ID = types.StringValue(m.GroupName.ValueString() + "/" + m.Name.ValueString())
	}
}

func (m *scheduleModel) identity() attribute.Identity {
	return attribute.Identity{ID: m.ID, Region: m.Region, AccountID: m.AccountID}
}

func (m *scheduleModel) about() tfdiag.About {
	return tfdiag.About{ID: m.WorkerID.ValueString(), Region: m.Region.ValueString()}
}

// what names the resource in a sentence.
func (m *scheduleModel) what() string { return "The schedules " + m.ID.ValueString() }

// over reports whether the moment of a lease has passed. What is no moment has
// not.
func over(lease types.String) bool {
	t, err := time.Parse(time.RFC3339, lease.ValueString())
	return err == nil && !t.After(time.Now())
}

// sameMoment reports whether two leases end at the same moment, however they are
// written.
func sameMoment(a, b types.String) bool {
	if a.IsUnknown() || b.IsUnknown() {
		return false
	}
	t, err := time.Parse(time.RFC3339, a.ValueString())
	u, failed := time.Parse(time.RFC3339, b.ValueString())
	if err != nil || failed != nil {
		return a.Equal(b)
	}
	return t.Equal(u)
}

// accountOf is the account in an ARN, "" if there is none.
func accountOf(arn string) string {
	if fields := strings.Split(arn, ":"); len(fields) > 5 {
		return fields[4]
	}
	return ""
}
