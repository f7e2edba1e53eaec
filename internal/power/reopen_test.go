package power_test

import (
	"context"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// takesBack checks that a refresh warns, that one change in place is planned,
// and that its apply takes everything back without a call to EC2's power.
func (l *lab) takesBack(s *server, from kept, config map[string]any) {
	l.t.Helper()
	read, diags := s.read(from)
	s.good(diags)
	if !has(diags, warning, "[drain_left]") {
		l.t.Errorf("the refresh does not tell:\n%s", show(diags))
	}
	plan := s.plan(read, s.config(config))
	s.good(plan.Diagnostics)
	planned := s.value(plan.PlannedState)
	for name, want := range map[string]string{"service_status": "(unknown)", "instance_state": "running", "address": attribute(l.t, read.state, "address")} {
		if got := attribute(l.t, planned, name); got != want {
			l.t.Errorf("%s is planned as %s, wanted %s", name, got, want)
		}
	}
	before := l.calls()
	done, diags := s.carryOut(context.Background(), read, s.config(config), plan)
	s.good(diags)
	if now := l.calls(); now != before || has(diags, warning, "[drain_left]") {
		l.t.Errorf("EC2 was asked %+v, before %+v:\n%s", now, before, show(diags))
	}
	l.untouched("taken back")
	l.settled(s, done, config)
	again, diags := s.read(done)
	s.good(diags)
	if len(diags) > 0 {
		l.t.Errorf("the next refresh warns:\n%s", show(diags))
	}
	l.settled(s, again, config)
}

func (l *lab) awaitReady() {
	l.t.Helper()
	l.eventually("CML to be ready", func() bool { return l.CML.Machine(l.id).Phase() == cml.Ready })
}

// Somebody else starts the worker: the next apply takes back what is left,
// whichever state it has, and with or without tags.
func TestDrainAndAStartOutside(t *testing.T) {
	untagged := map[string]any{"managed_tags": map[string]any{"enabled": false}}
	for name, c := range map[string]struct {
		more  map[string]any
		other bool
	}{
		"the same state": {nil, false}, "another state": {nil, true}, "without tags": {untagged, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.as(l.CML.Admin(), c.more)
			config := l.drained("stopped", closes("ignore"))
			config["on_external_change"] = "accept"
			resource := s.create(config)
			if c.other {
				config = map[string]any{"worker_id": l.id}
				resource = s.create(config)
			}
			l.startOutside()
			l.awaitReady()
			l.is("started", "running", true, "Stops soon", "Stops soon")
			l.AWS.Region(home).SetTags(l.id, withoutReason(l.machine().Tags))
			l.takesBack(s, resource, config)
		})
	}
}

// withoutReason leaves out what a start outside leaves behind.
func withoutReason(tags map[string]string) map[string]string {
	out := maps.Clone(tags)
	delete(out, "cml:last-stop-reason")
	return out
}

// A start with another state takes back what a drain has left, with or without tags.
func TestDrainAndAStartByAnotherState(t *testing.T) {
	for name, more := range map[string]map[string]any{"tags": nil, "no tags": {"managed_tags": map[string]any{"enabled": false}}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.as(l.CML.Admin(), more)
			s.create(l.drained("stopped", closes("ignore")))
			s.create(map[string]any{"worker_id": l.id, "state": "running"})
			l.untouched("started")
		})
	}
}

// CML that forgets its maintenance mode with a boot is fine as well.
func TestDrainThatDoesNotLast(t *testing.T) {
	l := newLab(t)
	l.CML.Machine(l.id).Switch(func(s *cml.Switches) { s.MaintenanceLostOnBoot = true })
	s := l.admin()
	stopped := s.create(l.drained("stopped", closes("ignore")))
	_, diags := s.apply(context.Background(), stopped, s.config(l.drained("running", nil)))
	s.good(diags)
	if has(diags, warning, "[drain_left]") {
		t.Errorf("got\n%s", show(diags))
	}
	l.untouched("started")
}

// What cannot be taken back at once is told, and done by the next apply.
func TestDrainThatCannotBeTakenBack(t *testing.T) {
	deaf := wire.Rule{Service: "cml", Operation: setMaintenance, Skip: 1, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusForbidden}}
	for name, more := range map[string]map[string]any{"tagged": nil, "not tagged": {"managed_tags": map[string]any{"enabled": false}}} {
		t.Run("after a refused stop, "+name, func(t *testing.T) {
			l := newLab(t)
			s := l.as(l.CML.Admin(), more)
			config := l.drained("running", nil)
			created := s.create(config)
			l.fail("StopInstances", "UnauthorizedOperation", "You are not authorized to perform this operation.", http.StatusForbidden, 0)
			l.Faults.Add(deaf)
			kept, diags := s.apply(context.Background(), created, s.config(l.drained("stopped", closes("ignore"))))
			if !has(diags, failure, "still in maintenance mode") {
				t.Errorf("got\n%s", show(diags))
			}
			l.is("refused", "running", true, "Stops soon", "Stops soon")
			l.Faults.Clear()
			l.eventually("the second of the tag to be over", func() bool { return time.Now().UTC().Format(time.RFC3339) > l.machine().Tags[drainTag] })
			l.takesBack(s, kept, config)
		})
	}
	t.Run("from a CML that is not ready for long", func(t *testing.T) {
		l := newLab(t)
		s := l.admin()
		created := s.create(l.drained("running", nil))
		l.fail("StopInstances", "UnauthorizedOperation", "You are not authorized to perform this operation.", http.StatusForbidden, 0)
		l.Faults.Add(wire.Rule{Service: "cml", Operation: setMaintenance, Skip: 1, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusServiceUnavailable, Message: "one moment"}})
		_, diags := s.apply(context.Background(), created, s.config(l.drained("stopped", closes("ignore"))))
		if !has(diags, failure, "one moment") || has(diags, warning, "[tags_incomplete]") {
			t.Errorf("got\n%s", show(diags))
		}
		if until, err := time.Parse(time.RFC3339, l.machine().Tags[drainTag]); err != nil || until.After(time.Now()) {
			t.Errorf("the tag keeps others away until %s, %v", until, err)
		}
	})
	t.Run("after the start", func(t *testing.T) {
		l := newLab(t)
		s := l.admin()
		config := l.drained("running", nil)
		stopped := s.create(l.drained("stopped", closes("ignore")))
		l.Faults.Add(wire.Rule{Service: "cml", Operation: setMaintenance, Fault: deaf.Fault})
		started, diags := s.apply(context.Background(), stopped, s.config(config))
		s.good(diags)
		if !has(diags, warning, "[drain_left]") {
			t.Errorf("got\n%s", show(diags))
		}
		l.is("started", "running", true, "Stops soon", "Stops soon")
		l.Faults.Clear()
		l.takesBack(s, started, config)
	})
	t.Run("without credentials", func(t *testing.T) {
		l := newLab(t)
		s := l.admin()
		stopped := s.create(l.drained("stopped", closes("ignore")))
		config := l.drained("running", nil)
		started, diags := l.serve(nil).apply(context.Background(), stopped, s.config(config))
		s.good(diags)
		if !has(diags, warning, "no credentials for CML") || !has(diags, warning, "[drain_left]") {
			t.Errorf("got\n%s", show(diags))
		}
		l.takesBack(s, started, config)
	})
}

// A stop that goes on after its run was interrupted keeps what users were told.
func TestCancelDuringTheStop(t *testing.T) {
	l := newLab(t, func(o *simulator.Options) {
		o.Timing = simulator.Quick()
		o.Timing.AWS.Stopping = time.Hour
	})
	s := l.admin()
	created := s.create(l.drained("running", nil))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		l.await(l.id, "stopping")
		cancel()
	}()
	_, diags := s.apply(ctx, created, s.config(l.drained("stopped", closes("ignore"))))
	if !has(diags, failure, "Unable to stop CML worker") {
		t.Errorf("got\n%s", show(diags))
	}
	l.is("canceled", "stopping", true, "Stops soon", "Stops soon")
	if _, ok := l.machine().Tags[drainTag]; !ok {
		t.Error("no tag tells the next one who starts it")
	}
}

// A tag that cannot be removed is not looked at again.
func TestDrainTagThatStays(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	stopped := s.create(l.drained("stopped", closes("ignore")))
	l.AWS.Deny(aws123, "ec2:DeleteTags")
	config := l.drained("running", nil)
	started, diags := s.apply(context.Background(), stopped, s.config(config))
	s.good(diags)
	l.is("started", "running", false, "")
	read, diags := s.read(started)
	s.good(diags)
	if has(diags, warning, "[drain_left]") {
		t.Errorf("got\n%s", show(diags))
	}
	l.settled(s, read, config)
}

// While a run may still be at its drain, no other one takes it back.
func TestDrainOfAnotherRun(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	config := map[string]any{"worker_id": l.id}
	created := s.create(config)
	l.AWS.Region(home).SetTags(l.id, map[string]string{drainTag: time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	read, diags := s.read(created)
	s.good(diags)
	if len(diags) > 0 {
		t.Errorf("got\n%s", show(diags))
	}
	l.settled(s, read, config)
	l.AWS.Region(home).SetTags(l.id, map[string]string{drainTag: time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	l.takesBack(s, read, config)
}

func TestDrainOnDestroy(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	config := l.drained("running", closes("fail"))
	config["on_destroy"] = map[string]any{"state": "stopped"}
	created := s.create(config)
	lab := l.addLab(cml.Lab{Title: "ospf"})
	_, diags := s.apply(context.Background(), created, s.nothing().state)
	if !has(diags, failure, "ospf") {
		t.Errorf("got\n%s", show(diags))
	}
	l.untouched("refused")
	l.CML.Machine(l.id).RemoveLab(lab)
	// What CML does not find is not the worker.
	l.Faults.Add(wire.Rule{Service: "cml", Operation: setMaintenance, Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusNotFound, Message: "no such page"}})
	if diags = s.destroy(created); !has(diags, failure, "no such page") {
		t.Errorf("got\n%s", show(diags))
	}
	l.untouched("not found")
	diags = s.destroy(created)
	s.good(diags)
	if !has(diags, warning, "[drain_left]") {
		t.Errorf("nobody says that it stays so:\n%s", show(diags))
	}
	l.is("destroyed", "stopped", true, "Stops soon", "Stops soon")

	// One that starts it at its end leaves nothing.
	starting := map[string]any{"worker_id": l.id, "state": "stopped", "on_destroy": map[string]any{"state": "running"}}
	s.good(s.destroy(s.create(starting)))
	l.untouched("started")
}

func TestDrainLeftByAnEnd(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	if diags := s.destroy(s.create(l.drained("stopped", closes("ignore")))); !has(diags, warning, drainTag) {
		t.Errorf("got\n%s", show(diags))
	}
}
