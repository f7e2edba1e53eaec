package power

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Create implements resource.Resource. With an error it returns no state:
// nothing new exists, and the next apply begins anew.
func (r *Resource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	const summary = "Unable to set the power state of CML worker"
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	limit, d := plan.Timeouts.Create(ctx, defaultCreateTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer r.set.Lock(plan.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	op := r.begin(ctx, summary, &plan, "", &resp.Diagnostics)
	if op == nil {
		return
	}
	in, err := op.find(ctx)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, op.about().Named(err), err))
		return
	}
	desired := plan.State.ValueString()
	if desired != "" {
		if in, err = op.converge(ctx, in, desired, false); err != nil {
			op.fail(ctx, err)
			return
		}
	}
	seen, f := sight{instance: in}, facts{Configured: desired}
	if desired == stateRunning {
		seen = op.await(ctx, in)
		op.open(ctx, seen, &f)
		op.afterStart(ctx, &seen)
	} else {
		seen.serviceStatus, _ = op.glance(ctx, in)
		op.open(ctx, seen, &f)
	}
	if seen.failed {
		return
	}

	op.record(&plan, seen, &f, types.StringNull())
	op.keep(ctx, resp.Private, seen, f)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&plan, f))...)
}

// record completes a plan with what was seen, and the facts with it.
func (op *operation) record(plan *model, seen sight, f *facts, lastStopped types.String) {
	s := op.set.SettingsFor(seen.instance, op.opts.controller)
	plan.fill(flatten(seen.instance, s, seen.serviceStatus, lastStopped))
	f.observe(seen.instance, s, op.tagsOf(seen.instance))
}

// keep writes the private state.
func (op *operation) keep(ctx context.Context, to attribute.PrivateWriter, seen sight, f facts) {
	writeFacts(ctx, to, f, op.diags)
	writePending(ctx, to, seen.pending, op.diags)
}

// identityOf is the resource identity of a state.
func identityOf(m *model, f facts) identity {
	out := identity{ID: m.ID, Region: m.Region, AccountID: types.StringNull()}
	if f.AccountID != "" {
		out.AccountID = types.StringValue(f.AccountID)
	}
	return out
}
