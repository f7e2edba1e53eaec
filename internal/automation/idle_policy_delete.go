package automation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Delete implements resource.Resource. Alarms that are gone already are fine, and
// so is a worker that is.
func (r *IdlePolicy) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const summary = "Unable to delete idle policy of CML worker"
	var state policyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := state.Timeouts.Delete(ctx, defaultPolicyTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	worker := state.WorkerID.ValueString()
	unlock := r.set.Lock(worker)
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	ec2, k, err := r.open(ctx, &state)
	if err == nil {
		// In another account everything would look deleted.
		err = r.sameAccount(ctx, &state)
	}
	if err == nil {
		err = k.remove(ctx, stopAlarmName(worker))
	}
	if err == nil {
		_, warn, failed := k.find(ctx)
		if err = failed; err == nil && warn != nil && (warn.ARN == state.WarningAlarmARN.ValueString() || warn.Description == warningDescription(worker)) {
			err = k.remove(ctx, warn.Name)
		}
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, state.about(), err))
		return
	}
	r.unmark(ctx, ec2, worker, instance.MarkerIdlePolicy, &resp.Diagnostics)
}
