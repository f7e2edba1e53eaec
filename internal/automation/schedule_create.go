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

// Create implements resource.Resource. From the moment that a schedule exists,
// or may exist, every way out of here carries the id. Nothing is made while one
// of the names is taken.
func (r *Schedule) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	const summary = "Unable to create schedule of CML worker"
	var plan scheduleModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	limit, d := plan.Timeouts.Create(ctx, scheduleTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer r.set.Lock(plan.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	if plan.Name.IsUnknown() {
		plan.defaultName()
	}
	plan.address()
	t, err := r.open(ctx, &plan)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, plan.about(), err))
		return
	}
	plan.Region = types.StringValue(t.ec2.Region())
	in, err := t.ec2.Find(ctx, plan.WorkerID.ValueString(), "")
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, plan.about().Named(err), err))
		return
	}
	plan.AccountID = attribute.String(in.AccountID)
	// What the plan did not know yet.
	checkLease(plan.StopAt, types.StringNull(), &resp.Diagnostics)
	r.refuseStops(ctx, applying, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	for _, p := range scheduleParts {
		found, err := t.get(ctx, &plan, p)
		if err == nil && found != nil {
			err = &scheduling.TakenError{Found: found}
		}
		if err != nil {
			resp.Diagnostics.Append(explainSchedule(summary, &plan, err))
			return
		}
	}

	for _, p := range scheduleParts {
		if _, arn := plan.slot(p); arn.IsUnknown() {
			*arn = types.StringNull()
		}
	}
	begun := false
	for _, p := range scheduleParts {
		if !plan.wanted(p) {
			continue
		}
		made, mayExist, failed := t.put(ctx, &plan, p, nil)
		begun = begun || mayExist || failed == nil
		if err = failed; err != nil {
			break
		}
		_, arn := plan.slot(p)
		*arn = types.StringValue(made)
		if plan.AccountID.IsNull() {
			plan.AccountID = attribute.String(accountOf(made))
		}
	}
	if begun {
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
		resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, plan.identity())...)
	}
	if err != nil {
		resp.Diagnostics.Append(explainSchedule(summary, &plan, err))
		return
	}
	r.mark(ctx, t.ec2, in.ID, instance.MarkerSchedule+plan.Name.ValueString(), plan.GroupName.ValueString(), &resp.Diagnostics)
}
