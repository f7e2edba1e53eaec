package aws

import (
	"net/url"
	"strconv"
)

var powerOperations = map[string]operation{
	"StartInstances":     {run: (*call).startInstances, params: "InstanceId.#"},
	"StopInstances":      {run: (*call).stopInstances, params: "InstanceId.# Force Hibernate SkipOsShutdown"},
	"RebootInstances":    {run: (*call).rebootInstances, params: "InstanceId.#"},
	"TerminateInstances": {run: (*call).terminateInstances, params: "InstanceId.# Force SkipOsShutdown"},
	"MonitorInstances":   {run: (*call).monitorInstances, params: "InstanceId.#"},
	"UnmonitorInstances": {run: (*call).unmonitorInstances, params: "InstanceId.#"},
}

// order is a power order that another service gives with the session "role/name" of a role.
func (r *Region) order(name, session string, ids ...string) (*call, operation) {
	values := url.Values{}
	for i, id := range ids {
		values.Set("InstanceId."+strconv.Itoa(i+1), id)
	}
	caller := Caller{AccountID: r.account.id, ARN: "arn:aws:sts::" + r.account.id + ":assumed-role/" + session}
	return &call{
		Request: &Request{ID: newRequestID(), Service: "ec2", Region: r.geo.name, Operation: name, Params: values, Caller: caller},
		params:  params{values: values}, sim: r.sim, region: r,
	}, powerOperations[name]
}

// stateChange is the answer of a power order for one instance.
type stateChange struct{ id, before, now string }

func changes(all []stateChange) []node {
	return []node{list("instancesSet", collect(all, func(s stateChange) []node {
		return []node{text("instanceId", s.id), stateNode("currentState", s.now), stateNode("previousState", s.before)}
	}))}
}

// targets finds the instances of a power order. One that cannot be found fails all of it.
func (c *call) targets() ([]*instance, *APIError) {
	ids := c.list("InstanceId")
	if len(ids) == 0 {
		return nil, missingParameter("InstanceId")
	}
	return c.instances(ids)
}

func wrongState(i *instance, verb string) *APIError {
	return refuse("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be %s.", i.id, verb)
}

// startInstances: pending and running are no error; stopping must end first (EC2 API
// reference, "StartInstances"). All are checked before any is started.
func (c *call) startInstances() ([]node, *APIError) {
	all, refused := c.targets()
	if refused != nil {
		return nil, refused
	}
	for _, i := range all {
		switch i.state {
		case stateStopped, statePending, stateRunning:
		default:
			return nil, wrongState(i, "started")
		}
		if i.spot != nil && i.spot.kind == "one-time" {
			return nil, refuse("UnsupportedOperation", "You can't start the Spot Instance '%s' because the associated Spot Instance request is not persistent.", i.id)
		}
	}
	for _, i := range all {
		if i.state != stateStopped {
			continue
		}
		if refused := c.region.checkQuota(i.typ, 1, i.spot != nil); refused != nil {
			return nil, refused
		}
		if _, refused := c.region.takeCapacity(i.typ, i.subnet, 1, 1); refused != nil {
			return nil, refused
		}
	}
	var out []stateChange
	for _, i := range all {
		before := i.state
		if before == stateStopped {
			c.region.powerOn(i)
		}
		out = append(out, stateChange{i.id, before, i.state})
	}
	return changes(out), nil
}

// stopInstances: stopping and stopped are no error, pending is ("Troubleshoot Amazon EC2
// instance stop issues"); stop protection refuses ("Enable stop protection", User Guide).
func (c *call) stopInstances() ([]node, *APIError) {
	all, refused := c.targets()
	if refused != nil {
		return nil, refused
	}
	for _, i := range all {
		if i.state == statePending || !i.alive() {
			return nil, wrongState(i, "stopped")
		}
		if i.noStop {
			return nil, refuse("OperationNotPermitted", "The instance '%s' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", i.id)
		}
		if i.spot != nil && i.spot.kind == "one-time" {
			return nil, refuse("UnsupportedOperation",
				"You can't stop the Spot Instance '%s' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.", i.id)
		}
		if c.bool("Hibernate") {
			return nil, refuse("UnsupportedHibernationConfiguration", "Instance '%s' is not configured for hibernation.", i.id)
		}
	}
	var out []stateChange
	for _, i := range all {
		before := i.state
		if before == stateRunning {
			c.region.halt(i, byUser, c.sim.userInitiated())
			if i.spot != nil {
				i.spot.setStatus("disabled", "instance-stopped-by-user")
			}
		}
		out = append(out, stateChange{i.id, before, i.state})
	}
	return changes(out), nil
}

func (c *call) rebootInstances() ([]node, *APIError) {
	all, refused := c.targets()
	if refused != nil {
		return nil, refused
	}
	for _, i := range all {
		if i.state != stateRunning {
			return nil, wrongState(i, "rebooted")
		}
	}
	for _, i := range all {
		c.region.reboot(i)
	}
	return done()
}

// terminateInstances: instances that are gone are no error while they are visible; one that
// is protected fails the others of its zone too, here all (EC2 API reference, "TerminateInstances").
// Stop protection protects from it too ("Enable stop protection for your EC2 instances", User Guide).
func (c *call) terminateInstances() ([]node, *APIError) {
	all, refused := c.targets()
	if refused != nil {
		return nil, refused
	}
	for _, i := range all {
		if !i.alive() {
			continue
		}
		for _, protection := range []struct {
			on   bool
			name string
		}{{i.noTerminate, "disableApiTermination"}, {i.noStop, "disableApiStop"}} {
			if protection.on {
				return nil, refuse("OperationNotPermitted",
					"The instance '%s' may not be terminated. Modify its '%s' instance attribute and try again.", i.id, protection.name)
			}
		}
	}
	var out []stateChange
	for _, i := range all {
		before := i.state
		if i.alive() {
			c.region.end(i, byUser, c.sim.userInitiated())
			if i.spot != nil && i.spot.kind == "one-time" {
				i.spot.close()
			}
		}
		out = append(out, stateChange{i.id, before, i.state})
	}
	return changes(out), nil
}

func (c *call) monitorInstances() ([]node, *APIError)   { return c.setMonitoring(true) }
func (c *call) unmonitorInstances() ([]node, *APIError) { return c.setMonitoring(false) }

func (c *call) setMonitoring(on bool) ([]node, *APIError) {
	all, refused := c.targets()
	if refused != nil {
		return nil, refused
	}
	for _, i := range all {
		if !i.alive() {
			return nil, wrongState(i, "monitored")
		}
	}
	for _, i := range all {
		if i.monitoring.value != on {
			i.monitoring.set(on, c.sim.now())
		}
	}
	return []node{list("instancesSet", collect(all, func(i *instance) []node {
		return []node{text("instanceId", i.id), group("monitoring", text("state", c.region.monitoringState(i)))}
	}))}, nil
}
