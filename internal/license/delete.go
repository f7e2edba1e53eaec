package license

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
)

// Delete implements resource.Resource: the release that on_destroy of the state
// asks for. A registration that came with an image is not ours to release.
func (r *Resource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const summary = "Unable to release the licence of CML worker"
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	how := policy(ctx, state.OnDestroy, &resp.Diagnostics)
	limit, d := state.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() || how.Mode == licensing.Skip || state.Inherited.ValueBool() {
		return
	}
	defer r.set.Lock(state.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	op := r.begin(ctx, summary, &state, f.AccountID, &resp.Diagnostics)
	if op == nil {
		return
	}
	in, err := op.find(ctx)
	if err != nil && !fault.Is(err, fault.NotFound) {
		op.fail(summary, err)
		return
	}
	if err != nil {
		in = nil
	}
	out, err := op.worker.Release(ctx, in, licensing.Release{
		Policy: how, Known: state.known(), Stays: true, Ours: state.ours(), Done: r.set.LicenseFree(op.id),
	})
	op.tell(out.Notes)
	if err != nil {
		op.fail(summary, err)
		return
	}
	if out.Free {
		r.set.SetLicenseFree(op.id, true)
	}
}
