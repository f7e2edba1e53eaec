package automation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Update implements resource.Resource: schedule by schedule. What was done before
// an error is in the state.
func (r *Schedule) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	const summary = "Unable to change schedule of CML worker"
	var plan, state scheduleModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := plan.Timeouts.Update(ctx, scheduleTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer r.set.Lock(plan.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t, err := r.open(ctx, &plan)
	if err == nil {
		// In another account everything would look deleted, and be made there.
		err = r.set.SameAccount(ctx, state.AccountID.ValueString(), "the schedules "+state.ID.ValueString())
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, plan.about(), err))
		return
	}
	// What the plan did not know yet.
	checkLease(plan.StopAt, state.StopAt, &resp.Diagnostics)
	r.refuseStops(ctx, applying, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	done := state
	for _, p := range scheduleParts {
		if err = t.change(ctx, p, &plan, &done); err != nil {
			break
		}
	}
	if err != nil {
		// The arguments that all have in common wait for the last one.
		resp.Diagnostics.Append(resp.State.Set(ctx, &done)...)
		resp.Diagnostics.Append(explainSchedule(summary, &plan, err))
		return
	}
	for _, p := range scheduleParts {
		_, arn := plan.slot(p)
		if _, now := done.slot(p); arn.IsUnknown() {
			*arn = *now
		}
	}
	r.mark(ctx, t.ec2, plan.WorkerID.ValueString(), instance.MarkerSchedule+plan.Name.ValueString(), plan.GroupName.ValueString(), &resp.Diagnostics)
	resp.Diagnostics.Append(writeChanged(ctx, resp.Private, nil)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, plan.identity())...)
}

// change brings one part from what done says to what the plan says, and notes it
// in done. A lease that is over is left alone: its schedule has run.
func (t *timetable) change(ctx context.Context, p part, plan, done *scheduleModel) error {
	wish, _ := plan.slot(p)
	before, had := done.slot(p)
	switch {
	case p.lease && !wish.IsNull() && over(*wish) && sameMoment(*wish, *before):
		*before = *wish
		return nil
	case wish.IsNull():
		if !had.IsNull() {
			if err := t.scheduler.Delete(ctx, plan.GroupName.ValueString(), plan.scheduleNameOf(p)); err != nil {
				return err
			}
		}
		*before, *had = types.StringNull(), types.StringNull()
		return nil
	}
	now, err := t.get(ctx, plan, p)
	if err != nil {
		return err
	}
	if now != nil && had.IsNull() && now.Description != plan.describe(p) {
		return &scheduling.TakenError{Found: now}
	}
	arn, mayExist, err := t.put(ctx, plan, p, now)
	if err != nil && !mayExist {
		return err
	}
	*before = *wish
	if err == nil {
		*had = types.StringValue(arn)
	}
	return err
}
