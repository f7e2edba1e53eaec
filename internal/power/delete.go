package power

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Delete implements resource.Resource: what on_destroy of the state says. A
// worker that is gone already is fine.
func (r *Resource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const summary = "Unable to leave CML worker in the state that on_destroy asks for"
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	opts, d := expand(ctx, &state)
	resp.Diagnostics.Append(d...)
	limit, d := state.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	if opts.onDestroy == leave {
		if f.Drained {
			r.leaves(state.WorkerID.ValueString(), &resp.Diagnostics)
		}
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
	if fault.Is(err, fault.NotFound) {
		return
	}
	if err != nil {
		about := op.about()
		about.LastState = state.InstanceState.ValueString()
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}
	op.lastStarted = state.LastStartedAt.ValueString()
	in, err = op.converge(ctx, in, opts.onDestroy, false)
	switch {
	case instance.IsGone(err):
		return
	case err != nil:
		op.fail(ctx, err)
		op.leave(&f)
		writeFacts(ctx, resp.Private, f, &resp.Diagnostics)
		return
	}
	op.open(ctx, sight{instance: in}, &f)
	if f.Drained && in.State == stateStopped {
		r.leaves(op.id, &resp.Diagnostics)
	}
}
