package automation

import (
	"fmt"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
)

// expand is the schedule that a part of a known model stands for. The lease is
// written in UTC whatever the time zone of the timetable, so that no clock
// change can move it.
func (m *scheduleModel) expand(p part, partition string) scheduling.Schedule {
	argument, _ := m.slot(p)
	window, _ := time.ParseDuration(m.RetryWindow.ValueString()) // checked by the schema
	s := scheduling.Schedule{
		Group: m.GroupName.ValueString(), Name: m.scheduleNameOf(p), Description: m.describe(p),
		Expression: scheduling.Cron(argument.ValueString()), Timezone: m.Timezone.ValueString(),
		Action: p.action, InstanceIDs: []string{m.WorkerID.ValueString()}, Partition: partition,
		RoleARN: m.RoleARN.ValueString(), DeadLetterARN: m.DeadLetterARN.ValueString(),
		RetryWindow: window.Truncate(time.Second), Enabled: m.Enabled.ValueBool(),
	}
	if p.lease {
		end, _ := time.Parse(time.RFC3339, argument.ValueString()) // checked by the schema
		s.Expression, s.Timezone = scheduling.At(end), "UTC"
	}
	return s
}

// describe is the description of a part's schedule. Schedules have no tags: this
// and the name say whose it is.
func (m *scheduleModel) describe(p part) string {
	verb := "Stops"
	if p.action == scheduling.Start {
		verb = "Starts"
	}
	return fmt.Sprintf("%s CML worker %s: cml_worker_schedule %s of %s", verb, m.WorkerID.ValueString(), m.ID.ValueString(), instance.ManagedByValue)
}
