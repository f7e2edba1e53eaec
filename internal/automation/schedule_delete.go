package automation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// owned reports whether the schedule of a part is this resource's: it is in the
// state, or its description says so.
func (t *timetable) owned(ctx context.Context, m *scheduleModel, p part) (bool, error) {
	if _, arn := m.slot(p); !arn.IsNull() {
		return true, nil
	}
	now, err := t.get(ctx, m, p)
	if err != nil || now == nil {
		return false, err
	}
	return now.Description == m.describe(p), nil
}

// Delete implements resource.Resource. Schedules that are gone already are fine,
// by the same rule as in Read; so is a worker that is gone.
func (r *Schedule) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const summary = "Unable to delete schedule of CML worker"
	var state scheduleModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := state.Timeouts.Delete(ctx, scheduleTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer r.set.Lock(state.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t, err := r.open(ctx, &state)
	if err == nil {
		// In another account everything would look deleted.
		err = r.set.SameAccount(ctx, state.AccountID.ValueString(), "the schedules "+state.ID.ValueString())
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, state.about(), err))
		return
	}
	for _, p := range scheduleParts {
		mine, err := t.owned(ctx, &state, p)
		if err == nil && mine {
			err = t.scheduler.Delete(ctx, state.GroupName.ValueString(), state.scheduleNameOf(p))
		}
		if err != nil {
			resp.Diagnostics.Append(explainSchedule(summary, &state, err))
			return
		}
	}
	r.unmark(ctx, t.ec2, state.WorkerID.ValueString(), instance.MarkerSchedule+state.Name.ValueString(), &resp.Diagnostics)
}
