package worker

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// protectionOf is the protection that a model wishes for or has; what is left
// out is off.
func protectionOf(m *model) instance.Protection {
	attributes := m.Protection.Attributes()
	on := func(name string) bool {
		v, ok := attributes[name].(types.Bool)
		return ok && v.ValueBool()
	}
	return instance.Protection{Termination: on("termination"), Stop: on("stop")}
}

// tellStopProtection tells the resources that are planned after this worker how
// its stop protection changes, so that one plan may lift it and stop the worker.
func (p *planner) tellStopProtection() {
	id := p.state.ID.ValueString()
	stop, _ := p.plan.Protection.Attributes()["stop"].(types.Bool)
	switch on := protectionOf(p.plan).Stop; {
	case p.plan.Protection.IsUnknown(), stop.IsUnknown():
		p.set.PlanStopProtection(id, nil)
	case on != protectionOf(p.state).Stop:
		p.set.PlanStopProtection(id, &on)
	}
}

// refuseProtected adds an error when the worker is protected and the state does
// not allow the destroy to lift it.
func refuseProtected(ctx context.Context, state *model, diags *diag.Diagnostics) {
	p := protectionOf(state)
	if !p.Termination && !p.Stop || object[onDestroy](ctx, state.OnDestroy, diags).OverrideProtection.ValueBool() {
		return
	}
	diags.AddAttributeError(path.Root("protection"), "The worker is protected", fmt.Sprintf(
		"Worker %s (%s) has %s protection, and this plan destroys or replaces it. Set protection = { termination = false, stop = false } and apply that first, "+
			"or set on_destroy = { override_protection = true } and apply that first: a destroy sees only what was applied before.",
		state.ID.ValueString(), state.Name.ValueString(), protectionWords(p)))
}

func protectionWords(p instance.Protection) string {
	switch {
	case p.Termination && p.Stop:
		return "termination and stop"
	case p.Stop:
		return "stop"
	}
	return "termination"
}
