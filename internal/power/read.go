package power

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Read implements resource.Resource. A worker that is gone takes the resource
// out of the state; one that only these credentials do not see is an error.
func (r *Resource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const summary = "Unable to read the power state of CML worker"
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	unfinished, waiting := readPending(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&state, f))...)
	if tfdiag.NotRead(&resp.Diagnostics, r.set, "the worker "+state.WorkerID.ValueString()) {
		return
	}

	op := r.begin(ctx, summary, &state, f.AccountID, &resp.Diagnostics)
	if op == nil {
		return
	}
	in, err := op.find(ctx)
	if fault.Is(err, fault.NotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		about := op.about()
		about.LastState = state.InstanceState.ValueString()
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}

	status, reached := op.glance(ctx, in)
	s := op.set.SettingsFor(in, op.opts.controller)
	found := flatten(in, s, status, state.LastStoppedAt)
	if !r.set.RefreshProbe() && in.State == stateRunning && found.LastStartedAt.Equal(state.LastStartedAt) && !state.ServiceStatus.IsNull() {
		// A refresh does not ask, and it is still the same run of the machine.
		found.ServiceStatus = state.ServiceStatus
	}
	if until, err := readiness.ParseRung(unfinished.Until); waiting && err == nil && reached >= until {
		writePending(ctx, resp.Private, nil, &resp.Diagnostics)
	}

	configured := state
	state = *found
	state.configuration(&configured)
	if first := f.Imported && configured.State.IsNull(); first || !configured.State.IsNull() && configured.OnExternalChange.ValueString() != onAccept {
		state.State = types.StringValue(settled(in.State))
	}
	f.observe(in, s, op.tagsOf(in))
	op.readDrain(in, &f)
	writeFacts(ctx, resp.Private, f, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&state, f))...)
}

// configuration takes the arguments over from another model.
func (m *model) configuration(from *model) {
	m.WorkerID, m.Controller, m.WorkerRevision = from.WorkerID, from.Controller, from.WorkerRevision
	m.State, m.OnExternalChange, m.Start, m.Stop = from.State, from.OnExternalChange, from.Start, from.Stop
	m.Triggers, m.OnDestroy, m.Timeouts = from.Triggers, from.OnDestroy, from.Timeouts
}
