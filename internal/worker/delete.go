package worker

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Delete implements resource.Resource: terminate and wait. Already gone is
// success, by the same rule as Read.
func (r *Resource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := state.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	id := state.ID.ValueString()
	about := tfdiag.About{ID: id, Region: state.Region.ValueString(), LastState: state.InstanceState.ValueString()}
	ec2, err := r.set.Instances(ctx, state.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to destroy CML worker", about, err))
		return
	}
	unlock := r.set.Lock(id)
	defer unlock()
	err = ec2.Terminate(ctx, id, state.AccountID.ValueString(), instance.StopGraceful, progress(ctx, state.Name.ValueString()))
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to destroy CML worker", about, err))
	}
}
