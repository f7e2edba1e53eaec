package automation

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// ModifyPlan implements resource.ResourceWithModifyPlan. What it plans as known
// comes from configuration, provider configuration, prior state and private
// state; the clock and the network only make diagnostics.
func (r *Schedule) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.set == nil || req.Plan.Raw.IsNull() {
		return
	}
	var config, plan scheduleModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if req.State.Raw.IsNull() {
		plan.Region = attribute.NewRegion(ctx, r.set, config.Region)
		if plan.Name = config.Name; config.Name.IsNull() {
			plan.defaultName()
		}
		plan.address()
		plan.AccountID = types.StringUnknown()
		for _, p := range scheduleParts {
			if _, arn := plan.slot(p); !plan.wanted(p) {
				*arn = types.StringNull()
			}
		}
		checkLease(plan.StopAt, types.StringNull(), &resp.Diagnostics)
		r.refuseStops(ctx, planning, &plan, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
		return
	}
	var state scheduleModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	changed := readChanged(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var elsewhere bool
	plan.Region, elsewhere = r.planRegion(ctx, state.what(), config.Region, plan.Region, state.Region, &resp.Diagnostics)
	if elsewhere {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("region"))
	}
	if config.Name.IsNull() {
		plan.Name = state.Name
	}
	for name, moved := range map[string]bool{
		"worker_id": !plan.WorkerID.Equal(state.WorkerID), "group_name": !plan.GroupName.Equal(state.GroupName), "name": !plan.Name.Equal(state.Name),
	} {
		if moved {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root(name))
		}
	}
	if len(resp.RequiresReplace) > 0 {
		// Terraform asks again, without prior state, for the new ones.
		return
	}
	plan.keep(&state, changed)
	checkLease(plan.StopAt, state.StopAt, &resp.Diagnostics)
	if plan.acts() {
		r.warnProtected(ctx, plan.Region, plan.WorkerID, "EC2 refuses each stop of the schedules "+plan.ID.ValueString(), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// acts reports whether the schedules stop the worker: those that are switched off
// do not.
func (m *scheduleModel) acts() bool {
	return m.stops() && !m.Enabled.Equal(types.BoolValue(false))
}

// refuseStops refuses schedules that stop a worker with stop protection.
func (r *Schedule) refuseStops(ctx context.Context, when phase, m *scheduleModel, diags *diag.Diagnostics) {
	if m.acts() {
		r.refuseProtected(ctx, when, m.Region, m.WorkerID, "EC2 would refuse each stop of the schedule", diags)
	}
}

// keep gives the computed attributes of an update their prior values. The ARN of
// a part is unknown where its schedule is made, and where it is put back in a way
// that no argument shows. A lease that is over and has no schedule gets none.
func (m *scheduleModel) keep(prior *scheduleModel, changed []string) {
	m.ID, m.AccountID = prior.ID, prior.AccountID
	for _, p := range scheduleParts {
		argument, arn := m.slot(p)
		before, had := prior.slot(p)
		switch {
		case argument.IsNull():
			*arn = types.StringNull()
		case had.IsNull() && !(p.lease && sameMoment(*argument, *before)), slices.Contains(changed, p.argument):
			*arn = types.StringUnknown()
		default:
			*arn = *had
		}
	}
}
