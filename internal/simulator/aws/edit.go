package aws

import (
	"fmt"
	"net/netip"
	"time"
)

// Instance is an instance as it is at one moment, for tests to look at.
type Instance struct {
	ID, State, Type, ImageID, SubnetID, Zone string
	ReservationID, ClientToken, KeyName      string
	PublicIP, PrivateIP                      string
	IPv6                                     []string
	SecurityGroupIDs, VolumeIDs, Interfaces  []string
	NestedVirtualization                     string
	HTTPTokens                               string
	HopLimit                                 int
	Monitoring                               bool
	StopProtection, TerminationProtection    bool
	// UserData is base64, as EC2 keeps it.
	UserData   string
	ProfileARN string
	LaunchTime time.Time
	Tags       map[string]string
}

// Region returns the world of the default account in a region. It panics when there is no
// such region.
func (s *Simulator) Region(name string) *Region { return s.RegionOf(DefaultAccountID, name) }

// RegionOf returns the world of an account in a region. It panics when there is no such
// region or account.
func (s *Simulator) RegionOf(accountID, name string) *Region {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[accountID] == nil {
		panic(fmt.Sprintf("aws: there is no account %q", accountID))
	}
	return s.region(accountID, name)
}

// Instances returns all instances that are still described, oldest first.
func (r *Region) Instances() []Instance {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	var out []Instance
	for _, i := range r.instances.all() {
		if r.known(i) {
			out = append(out, i.view())
		}
	}
	return out
}

// Instance returns one instance and whether it exists.
func (r *Region) Instance(id string) (Instance, bool) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	i, ok := r.instances.get(id)
	if !ok || !r.known(i) {
		return Instance{}, false
	}
	return i.view(), true
}

func (i *instance) view() Instance {
	v := Instance{
		ID: i.id, State: i.state, Type: i.typ.Name, ImageID: i.imageID, SubnetID: i.subnet.id, Zone: i.zone,
		ReservationID: i.reservationID, ClientToken: i.clientToken, KeyName: i.keyName,
		PublicIP: ipText(i.publicIP()), PrivateIP: ipText(i.privateIP()), IPv6: ipTexts(i.sixes()),
		NestedVirtualization: i.nested, HTTPTokens: i.metadata.value.tokens, HopLimit: i.metadata.value.hops, Monitoring: i.monitoring.value,
		StopProtection: i.noStop, TerminationProtection: i.noTerminate,
		UserData: i.userData, LaunchTime: i.launched, Tags: map[string]string{},
	}
	copyTags(v.Tags, i.tags)
	for _, n := range i.interfaces {
		v.Interfaces = append(v.Interfaces, n.id)
	}
	for _, g := range i.groups() {
		v.SecurityGroupIDs = append(v.SecurityGroupIDs, g.id)
	}
	for _, d := range i.disks() {
		v.VolumeIDs = append(v.VolumeIDs, d.id)
	}
	if a := i.association; a != nil {
		v.ProfileARN = a.profile.arn
	}
	return v
}

// edit runs a change of one instance with the lock held. It panics on an unknown id,
// because a test that changes nothing would pass for the wrong reason.
func (r *Region) edit(id string, change func(*instance)) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	i, ok := r.instances.get(id)
	if !ok {
		panic(fmt.Sprintf("aws: no instance %q in %s", id, r.geo.name))
	}
	change(i)
}

// StopOutside stops an instance as another user of the account would.
func (r *Region) StopOutside(id string) {
	r.edit(id, func(i *instance) { r.halt(i, byUser, r.sim.userInitiated()) })
}

// ShutdownInside ends an instance from its operating system: it stops or is terminated, by
// its shutdown behaviour.
func (r *Region) ShutdownInside(id string) {
	r.edit(id, func(i *instance) {
		if i.shutdown == "terminate" {
			r.end(i, byItself, "")
			return
		}
		r.halt(i, byItself, "")
	})
}

// StartOutside starts a stopped instance as another user would.
func (r *Region) StartOutside(id string) { r.edit(id, r.powerOn) }

// TerminateOutside terminates an instance as another user would, protections or not.
func (r *Region) TerminateOutside(id string) {
	r.edit(id, func(i *instance) { r.end(i, byUser, r.sim.userInitiated()) })
}

// Interrupt ends or stops an instance for EC2's own reasons, with the code and the message
// of its StateReason, for example "Server.SpotInstanceTermination".
func (r *Region) Interrupt(id, code, message string, stop bool) {
	r.edit(id, func(i *instance) {
		if stop {
			r.halt(i, ending{code, message}, "")
			return
		}
		r.end(i, ending{code, message}, "")
	})
}

// Forget makes an instance unknown at once, as it is an hour after its end.
func (r *Region) Forget(id string) {
	r.edit(id, func(i *instance) {
		if i.alive() || i.state == stateShuttingDown {
			r.powerOff(i, 0, func() {})
			r.bury(i)
		}
		i.ended = r.sim.now().Add(-r.sim.options.Timing.TerminatedVisible)
	})
}

// SetStatus overrides the status checks and sets the scheduled events of an instance.
func (r *Region) SetStatus(id string, health Health) {
	for n, event := range health.Events {
		if event.ID == "" {
			health.Events[n].ID = "instance-event-0" + randomHex(16)
		}
	}
	r.edit(id, func(i *instance) { i.health = health })
}

// SetPublicIP gives the primary interface another automatic public address, or none when
// the argument is invalid, and tells the guest.
func (r *Region) SetPublicIP(id string, address netip.Addr) {
	r.edit(id, func(i *instance) {
		i.primary().public = address
		r.readdress(i)
	})
}

// SetTags replaces all tags of anything that has tags.
func (r *Region) SetTags(id string, tags map[string]string) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	found, _ := r.resource(id)
	if found == nil {
		panic(fmt.Sprintf("aws: nothing has the id %q in %s", id, r.geo.name))
	}
	clear(found.tags)
	copyTags(found.tags, tags)
}

// Tags returns the tags of anything that has tags, nil when the id is unknown.
func (r *Region) Tags(id string) map[string]string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	found, _ := r.resource(id)
	if found == nil {
		return nil
	}
	out := map[string]string{}
	copyTags(out, found.tags)
	return out
}

// SetConsole sets what GetConsoleOutput answers, before the guest is asked.
func (r *Region) SetConsole(id, output string) {
	r.edit(id, func(i *instance) { i.console = output })
}

// SetProtection sets the protections as another user would.
func (r *Region) SetProtection(id string, termination, stop bool) {
	r.edit(id, func(i *instance) { i.noTerminate, i.noStop = termination, stop })
}

// SetType changes the type of a stopped instance as another user would.
func (r *Region) SetType(id, name string) {
	r.edit(id, func(i *instance) {
		t, ok := r.types.get(name)
		if !ok {
			panic(fmt.Sprintf("aws: no instance type %q", name))
		}
		i.typ, i.cores, i.threads = t, t.cores(), t.ThreadsPerCore
	})
}
