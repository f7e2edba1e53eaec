package aws

import (
	"fmt"
	"time"
)

// The states and the ways between them are those of "Amazon EC2 instance state changes"
// (User Guide). Everything here is called with the simulator's lock held, except what runs
// in the goroutines that talk to the guest.

// powerOn begins pending, at launch and at start. Launch time is that of the last start
// (EC2 API reference, "Instance": launchTime).
func (r *Region) powerOn(i *instance) {
	i.generation++
	i.state = statePending
	i.launched = r.sim.now()
	i.runningSince = time.Time{}
	i.transitionReason = ""
	i.reason = ending{code: "pending", message: "pending"}
	generation := i.generation
	r.sim.after(r.sim.options.Timing.Pending, func() {
		if i.generation != generation {
			return
		}
		if i.fate != nil {
			r.end(i, *i.fate, "")
			return
		}
		for _, n := range i.interfaces {
			if n.wantsPublic && n.elastic == nil {
				n.public = r.sim.pool.public()
			}
		}
		i.booted++
		r.boot(i, generation, func() {
			i.state = stateRunning
			i.reason = ending{}
			i.runningSince = r.sim.now()
			i.runs = append(i.runs, span{from: i.runningSince})
		})
	})
}

// boot gives power to the guest and then calls done with the lock held, unless another
// order for power came in between.
func (r *Region) boot(i *instance, generation int, done func()) {
	event := i.bootEvent()
	s := r.sim
	s.background(func() {
		i.guest.Lock()
		defer i.guest.Unlock()
		if !s.current(i, generation) {
			return
		}
		if guest := s.options.Guest; guest != nil {
			guest.Boot(event)
		}
		i.powered = true
		s.mu.Lock()
		defer s.mu.Unlock()
		if i.generation == generation && !s.closed {
			done()
		}
	})
}

// current reports whether no other order for power came since.
func (s *Simulator) current(i *instance, generation int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return i.generation == generation && !s.closed
}

// powerOff takes power from the guest and calls done with the lock held, at the earliest
// after d and after the guest is down, unless another order for power came in between.
func (r *Region) powerOff(i *instance, d time.Duration, done func()) {
	i.generation++
	generation := i.generation
	s := r.sim
	began := s.now()
	s.background(func() {
		i.guest.Lock()
		if i.powered && s.options.Guest != nil {
			s.options.Guest.Shutdown(i.id)
		}
		i.powered = false
		i.guest.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		s.after(d-s.since(began), func() {
			if i.generation == generation {
				done()
			}
		})
	})
}

// halt begins stopping. The automatic public address goes back to its pool; the private
// one, an Elastic IP address and the volumes stay ("Stop and start EC2 instances", User Guide).
func (r *Region) halt(i *instance, reason ending, transition string) {
	i.ran()
	i.state = stateStopping
	i.reason = reason
	i.transitionReason = transition
	r.powerOff(i, r.sim.options.Timing.Stopping, func() {
		i.state = stateStopped
		i.runningSince = time.Time{}
		for _, n := range i.interfaces {
			n.public = noAddress
		}
	})
}

// end begins shutting-down; from stopped it is short but the same way.
func (r *Region) end(i *instance, reason ending, transition string) {
	i.ran()
	i.state = stateShuttingDown
	i.reason = reason
	i.transitionReason = transition
	r.powerOff(i, r.sim.options.Timing.ShuttingDown, func() { r.bury(i) })
}

// bury ends an instance: its interfaces are gone, its volumes go or stay as they were told.
func (r *Region) bury(i *instance) {
	i.ran()
	i.state = stateTerminated
	i.ended = r.sim.now()
	i.runningSince = time.Time{}
	for _, v := range i.disks() {
		if v.attached.deleteOnTermination {
			r.volumes.remove(v.id)
		} else {
			v.attached = nil
		}
	}
	i.volumes = nil
	for _, n := range i.interfaces {
		if n.elastic != nil {
			n.elastic.attached, n.elastic.associationID = nil, ""
			n.elastic = nil
		}
		r.removeInterface(n)
	}
	i.interfaces = nil
	if i.association != nil {
		r.dissociate(i.association)
	}
	if i.spot != nil && i.spot.state == "active" {
		i.spot.close()
	}
}

func (r *Region) removeInterface(n *networkInterface) {
	r.interfaces.remove(n.id)
	if n.private.IsValid() {
		r.sim.pool.release(n.private)
	}
}

// reboot takes power and gives it back; state, addresses and launch time stay
// ("Reboot your Amazon EC2 instance", User Guide).
func (r *Region) reboot(i *instance) {
	s := r.sim
	generation := i.generation
	s.background(func() {
		i.guest.Lock()
		if i.powered && s.options.Guest != nil {
			s.options.Guest.Shutdown(i.id)
		}
		i.powered = false
		i.guest.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if i.generation == generation && !s.closed {
			i.booted++
			r.boot(i, generation, func() {})
		}
	})
}

// readdress tells the guest that addresses of a running instance changed.
func (r *Region) readdress(i *instance) {
	s := r.sim
	guest, ok := s.options.Guest.(AddressGuest)
	if !ok || i.state != stateRunning {
		return
	}
	event, generation := i.bootEvent(), i.generation
	s.background(func() {
		i.guest.Lock()
		defer i.guest.Unlock()
		if i.powered && s.current(i, generation) {
			guest.Readdress(event)
		}
	})
}

// Reasons of EC2 (EC2 API reference, "StateReason").
var (
	byUser   = ending{code: "Client.UserInitiatedShutdown", message: "Client.UserInitiatedShutdown: User initiated shutdown"}
	byItself = ending{code: "Client.InstanceInitiatedShutdown", message: "Client.InstanceInitiatedShutdown: Instance initiated shutdown"}
)

// userInitiated is the StateTransitionReason after a request of the account.
func (s *Simulator) userInitiated() string {
	return fmt.Sprintf("User initiated (%s GMT)", s.now().UTC().Format("2006-01-02 15:04:05"))
}
