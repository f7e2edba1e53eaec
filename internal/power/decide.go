package power

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// move is what a change of the configuration does to a worker. ModifyPlan and
// Update both work it out from plan, prior state and private state alone, so
// that Update does what the plan showed and nothing else.
type move struct {
	// desired is stateRunning, stateStopped, or "" for a worker that is only
	// observed or whose wished state is not known yet.
	desired string
	// act: the worker is started, stopped or restarted.
	act bool
	// restart: a running worker is stopped and started.
	restart bool
	// stops: the worker runs, as far as the state knows, and is stopped.
	stops bool
	// reread: the worker resource restarted the machine or altered its
	// addressing.
	reread bool
	// preference and endpoint: controller.address_preference changed; or that,
	// hostname or port.
	preference, endpoint bool
}

// decide compares a planned change with the state before it.
func decide(plan, prior *model, f facts) move {
	m := move{desired: plan.State.ValueString()}
	m.preference = changed(plan.Controller, prior.Controller, "address_preference")
	m.endpoint = m.preference || changed(plan.Controller, prior.Controller, "hostname") || changed(plan.Controller, prior.Controller, "port")
	// After an import the values come for the first time, and are recorded.
	first := f.Imported && prior.WorkerRevision.IsNull()
	m.reread = !plan.WorkerRevision.IsNull() && !plan.WorkerRevision.Equal(prior.WorkerRevision) && !first

	now := settled(prior.InstanceState.ValueString())
	if plan.State.IsUnknown() {
		m.act, m.stops = true, now == stateRunning
		return m
	}
	if m.desired == "" {
		return m
	}
	triggered := !sameTriggers(plan.Triggers, prior.Triggers) && !(f.Imported && prior.Triggers.IsNull())
	// Under `accept` a difference to the real state alone is no reason: what
	// counts is whether the configuration asks for something new.
	before := f.Configured
	if before == "" {
		before = prior.State.ValueString()
	}
	if plan.OnExternalChange.ValueString() == onAccept && m.desired == before && !triggered {
		return m
	}
	m.restart = triggered && m.desired == stateRunning
	m.act = m.desired != now || m.restart
	m.stops = m.act && now == stateRunning
	return m
}

// settled is the goal of a state of EC2: what is on its way counts as there,
// so that a plan in between is not noisy.
func settled(state string) string {
	switch state {
	case instance.StatePending:
		return stateRunning
	case instance.StateStopping:
		return stateStopped
	}
	return state
}

// sameTriggers takes no triggers and an empty map as the same.
func sameTriggers(a, b types.Map) bool {
	if a.IsUnknown() || b.IsUnknown() {
		return false
	}
	return a.Equal(b) || len(a.Elements()) == 0 && len(b.Elements()) == 0
}

// member returns a member of an object that may be null; unknown for one of an
// unknown object, nil for one of a null object.
func member(o types.Object, name string) (value attr.Value, unknown bool) {
	if o.IsUnknown() {
		return nil, true
	}
	v := o.Attributes()[name]
	if v == nil || v.IsNull() {
		return nil, false
	}
	return v, v.IsUnknown()
}

// changed reports whether a member of an object differs or may differ.
func changed(plan, prior types.Object, name string) bool {
	was, _ := member(prior, name)
	is, unknown := member(plan, name)
	switch {
	case unknown:
		return true
	case is == nil || was == nil:
		return (is == nil) != (was == nil)
	}
	return !is.Equal(was)
}

// namedURL is the URL that the configuration fixes: with a host name it does
// not depend on any address. Where the object leaves the port out, that of the
// provider holds (provider.Port 0: not known).
func namedURL(object types.Object, provider controller.Settings) (string, bool) {
	hostname, unknown := member(object, "hostname")
	if unknown || hostname == nil {
		return "", false
	}
	name, _ := hostname.(types.String)
	port, unknown := member(object, "port")
	if unknown {
		return "", false
	}
	s := controller.Settings{Hostname: name.ValueString(), Port: provider.Port}
	if n, ok := port.(types.Int64); ok {
		s.Port = int(n.ValueInt64())
	}
	if s.Port == 0 {
		return "", false
	}
	return s.URL(""), true
}

// privateFirst reports whether the configuration itself prefers the private
// address, which no change of addressing alters.
func privateFirst(object types.Object) bool {
	v, unknown := member(object, "address_preference")
	list, ok := v.(types.List)
	if unknown || !ok || len(list.Elements()) == 0 {
		return false
	}
	kind, ok := list.Elements()[0].(types.String)
	return ok && kind.ValueString() == controller.PrivateIP
}
