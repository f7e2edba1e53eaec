package automation

import (
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// flatten takes what was read of the parts into the model, by their arguments.
// A part that is gone is not configured any more, so that a plan makes it again;
// a lease that is over stays, for nothing would come of it.
//
// What several parts have in common is shown as the first has it that differs
// from the state. A lease that has run says nothing there: it is not changed any
// more.
func (m *scheduleModel) flatten(found map[string]*scheduling.Schedule) {
	prior := *m
	shared := func(take func(s *scheduling.Schedule, p part)) {
		// The last one that takes wins, so the first part comes last.
		for _, p := range slices.Backward(scheduleParts) {
			if s := found[p.argument]; s != nil && (!p.lease || !over(m.StopAt) || len(found) == 1 && prior.WorkerID.IsNull()) {
				take(s, p)
			}
		}
	}
	for _, p := range scheduleParts {
		argument, arn := m.slot(p)
		s := found[p.argument]
		switch {
		case s != nil:
			*arn = attribute.String(s.ARN)
			if p.lease {
				*argument = flattenMoment(*argument, s)
			} else {
				*argument = flattenCron(s)
			}
		case p.lease && over(*argument):
			*arn = types.StringNull()
		default:
			*argument, *arn = types.StringNull(), types.StringNull()
		}
	}
	shared(func(s *scheduling.Schedule, p part) {
		if v := types.StringValue(s.RoleARN); !v.Equal(prior.RoleARN) {
			m.RoleARN = v
		}
		if v := types.StringValue(s.Timezone); !p.lease && !v.Equal(prior.Timezone) {
			m.Timezone = v
		}
		if v := attribute.String(s.DeadLetterARN); !v.Equal(prior.DeadLetterARN) {
			m.DeadLetterARN = v
		}
		if v := types.BoolValue(s.Enabled); !v.Equal(prior.Enabled) {
			m.Enabled = v
		}
		if d, err := time.ParseDuration(prior.RetryWindow.ValueString()); err != nil || d.Truncate(time.Second) != s.RetryWindow {
			m.RetryWindow = types.StringValue(validators.ShortDuration(s.RetryWindow))
		}
	})
	if m.Timezone.IsNull() { // an import of a lease alone
		m.Timezone = types.StringValue("UTC")
	}
}

// flattenCron is the argument that an expression stands for; an expression of
// another kind is shown as it is.
func flattenCron(s *scheduling.Schedule) types.String {
	if fields := scheduling.Fields(s.Expression); fields != "" {
		return types.StringValue(fields)
	}
	return types.StringValue(s.Expression)
}

// flattenMoment is the moment of a lease, as the state writes it if it is the
// same.
func flattenMoment(written types.String, s *scheduling.Schedule) types.String {
	end := scheduling.Moment(s.Expression, s.Timezone)
	if end.IsZero() {
		return types.StringValue(s.Expression)
	}
	if read := attribute.Time(end); !sameMoment(written, read) {
		return read
	}
	return written
}

// changedOutside names the parts that differ from the model in a way that no
// argument shows, with what differs.
func (m *scheduleModel) changedOutside(found map[string]*scheduling.Schedule, partition string) map[string][]string {
	out := map[string][]string{}
	for _, p := range scheduleParts {
		s := found[p.argument]
		if s == nil || p.lease && over(m.StopAt) {
			continue
		}
		want := m.expand(p, partition)
		// What an argument shows is planned by that argument.
		want.Expression, want.RoleARN, want.DeadLetterARN = s.Expression, s.RoleARN, s.DeadLetterARN
		want.RetryWindow, want.Enabled = s.RetryWindow, s.Enabled
		if !p.lease {
			want.Timezone = s.Timezone
		}
		if diff := want.Differences(s); len(diff) > 0 {
			out[p.argument] = diff
		}
	}
	return out
}
