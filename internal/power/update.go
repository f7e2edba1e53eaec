package power

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Update implements resource.Resource. It touches the worker only as the plan
// showed it.
func (r *Resource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	const summary = "Unable to change the power state of CML worker"
	var plan, prior model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	unfinished, waiting := readPending(ctx, req.Private, &resp.Diagnostics)
	limit, d := plan.Timeouts.Update(ctx, defaultUpdateTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	m, before := decide(&plan, &prior, f), f
	f.Configured, f.Imported = m.desired, false
	if !plan.unsettled() {
		// Nothing but settings of this provider changed: nobody is asked.
		if m.desired != stateRunning {
			writePending(ctx, resp.Private, nil, &resp.Diagnostics)
		}
		writeFacts(ctx, resp.Private, f, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
		resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&plan, f))...)
		return
	}

	defer r.set.Lock(plan.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	op := r.begin(ctx, summary, &plan, f.AccountID, &resp.Diagnostics)
	if op == nil {
		return
	}
	in, err := op.find(ctx)
	if err != nil {
		about := op.about()
		about.LastState = prior.InstanceState.ValueString()
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}
	if m.act && m.desired != "" {
		// Until it has succeeded the state stays as it was, triggers included, so
		// that the next plan shows what is left to do.
		op.lastStarted = prior.LastStartedAt.ValueString()
		if in, err = op.converge(ctx, in, m.desired, m.restart); err != nil {
			op.fail(ctx, err)
			op.leave(&before)
			writeFacts(ctx, resp.Private, before, &resp.Diagnostics)
			return
		}
	}
	seen := sight{instance: in}
	switch resume := waiting && in.State == stateRunning; {
	case m.desired == stateRunning && (m.act || resume):
		var expect []string
		if f.EIP && !m.reread {
			expect = append(expect, controller.EIP)
		}
		seen = op.await(ctx, in, expect...)
		op.open(ctx, seen, &f)
		op.afterStart(ctx, &seen)
		if resume && seen.pending != nil && !m.act {
			seen.pending.Since = unfinished.Since
		}
	case plan.ServiceStatus.IsUnknown():
		seen.serviceStatus, _ = op.glance(ctx, in)
		op.open(ctx, seen, &f)
	}
	op.record(&plan, seen, &f, prior.LastStoppedAt)
	op.keep(ctx, resp.Private, seen, f)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&plan, f))...)
}

// unsettled reports whether any computed attribute is still unknown.
func (m *model) unsettled() bool {
	unknown := m.Region.IsUnknown() || m.InterruptedBySpot.IsUnknown()
	for _, v := range m.strings() {
		unknown = unknown || v.IsUnknown()
	}
	return unknown
}
