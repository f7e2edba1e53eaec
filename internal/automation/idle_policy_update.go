package automation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
)

// Update implements resource.Resource. What the alarms are like already is not
// written again.
func (r *IdlePolicy) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	const summary = "Unable to change idle policy of CML worker"
	var plan, state policyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := plan.Timeouts.Update(ctx, defaultPolicyTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	unlock := r.set.Lock(plan.WorkerID.ValueString())
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	ec2, k, err := r.open(ctx, &plan)
	if err == nil {
		err = r.sameAccount(ctx, &state)
	}
	if err != nil {
		resp.Diagnostics.Append(explain(summary, plan.about(), err))
		return
	}
	if plan.TagsAll.IsUnknown() {
		plan.TagsAll = attribute.TagsAll(r.set, plan.Tags)
	}
	plan.validate(&resp.Diagnostics) // what the plan did not know
	plan.checkTopic(&resp.Diagnostics)
	r.refuse(ctx, applying, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if k.tags, err = r.tagsOf(ctx, &plan); err == nil {
		err = r.change(ctx, k, &plan, &state)
	}
	if err != nil {
		resp.Diagnostics.Append(explain(summary, plan.about(), err))
		return
	}
	plan.readBack(ctx, k, &resp.Diagnostics)
	if k.acted {
		r.mark(ctx, ec2, plan.WorkerID.ValueString(), instance.MarkerIdlePolicy, plan.AlarmName.ValueString(), &resp.Diagnostics)
	}
	resp.Diagnostics.Append(writeChanged(ctx, resp.Private, nil)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, plan.identity())...)
}

// change brings alarms and tags to the plan.
func (r *IdlePolicy) change(ctx context.Context, k *keeper, plan, state *policyModel) error {
	stop, warn, err := k.find(ctx)
	if err != nil {
		return err
	}
	if err := k.sync(ctx, stop, warn); err != nil {
		return err
	}
	if plan.TagsAll.Equal(state.TagsAll) {
		return nil
	}
	// CloudWatch ignores the tags of a put that updates.
	set := attribute.Map(plan.TagsAll)
	var remove []string
	for key := range attribute.Map(state.TagsAll) {
		if _, stays := set[key]; !stays {
			remove = append(remove, key)
		}
	}
	if stop, warn, err = k.find(ctx); err != nil {
		return err
	}
	for _, a := range []*monitoring.Alarm{stop, warn} {
		if a == nil {
			continue
		}
		if err := k.cw.SyncTags(ctx, a.ARN, set, remove); err != nil {
			return err
		}
	}
	return nil
}
