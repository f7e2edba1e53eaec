package power_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	setMaintenance = "PATCH /system/maintenance_mode"
	drainTag       = "cml:drained"
)

// as serves a provider with an account of CML.
func (l *lab) as(account cml.Credentials, more map[string]any) *server {
	l.t.Helper()
	config := map[string]any{"controller": map[string]any{
		"port": l.Port(), "username": account.Username, "password": account.Password, "tls": map[string]any{"trust": "insecure"},
	}}
	maps.Copy(config, more)
	return l.serve(config)
}

func (l *lab) admin() *server { return l.as(l.CML.Admin(), nil) }

// drained is a configuration that drains before a stop.
func (l *lab) drained(state string, drain map[string]any) map[string]any {
	return map[string]any{"worker_id": l.id, "state": state, "stop": map[string]any{"drain": drain}}
}

// closes is the drain that leaves most in CML.
func closes(onBusy string) map[string]any {
	return map[string]any{"maintenance_mode": true, "notice": "Stops soon", "on_busy": onBusy}
}

func (l *lab) addLab(one cml.Lab) string {
	l.t.Helper()
	one.Nodes, one.Running = []cml.Node{{Label: "r1"}, {Label: "r2"}}, true
	id, err := l.CML.Machine(l.id).AddLab(one)
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

// is checks the machine, what its users see, and whether the tag tells of it.
func (l *lab) is(when, state string, maintenance bool, outside string, notices ...string) {
	l.t.Helper()
	m := l.CML.Machine(l.id)
	shown, out := m.Notices()
	if got := l.machine().State; got != state {
		l.t.Errorf("%s: the machine is %s, want %s", when, got, state)
	}
	if m.InMaintenance() != maintenance || out != outside || !slices.Equal(shown, notices) {
		l.t.Errorf("%s: maintenance %t with notice %q, shown are %q; want %t, %q, %q", when, m.InMaintenance(), out, shown, maintenance, outside, notices)
	}
}

// untouched checks that the machine runs and nothing of a drain is left.
func (l *lab) untouched(when string) {
	l.t.Helper()
	l.is(when, "running", false, "")
	for key := range l.machine().Tags {
		if key == drainTag || key == "cml:last-stop-reason" {
			l.t.Errorf("%s: the tag %s is there", when, key)
		}
	}
}

// order are those of the operations that were asked for, in their order.
func (l *lab) order(of ...string) []string {
	var out []string
	for _, r := range l.Recorder.All() {
		if slices.Contains(of, r.Operation) {
			out = append(out, r.Operation)
		}
	}
	return out
}

func TestDrain(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	created := s.create(l.drained("running", closes("ignore")))
	l.CML.Machine(l.id).RegisterNow("", time.Time{})
	l.CML.Machine(l.id).AddEvent(cml.Event{Category: "stop_lab", Time: time.Now().Add(-2 * time.Hour)})
	config := l.drained("stopped", closes("ignore"))
	config["stop"].(map[string]any)["release_license"] = true
	config["stop"].(map[string]any)["recheck_idle"] = map[string]any{}
	l.Recorder.Reset()
	stopped, diags := s.apply(context.Background(), created, s.config(config))
	s.good(diags)
	const events, deregister = "GET /telemetry/events", "DELETE /licensing/deregistration"
	if got, want := l.order(events, setMaintenance, deregister, "StopInstances"), []string{events, setMaintenance, deregister, "StopInstances"}; !slices.Equal(got, want) {
		t.Errorf("order: %q, want %q", got, want)
	}
	l.is("stopped", "stopped", true, "Stops soon", "Stops soon")
	if _, ok := l.machine().Tags[drainTag]; !ok {
		t.Error("no tag tells the next one who starts it")
	}
	l.settled(s, stopped, config)
	read, diags := s.read(stopped)
	s.good(diags)
	if len(diags) > 0 {
		t.Errorf("a worker that is stopped warns:\n%s", show(diags))
	}
	l.settled(s, read, config)

	started, diags := s.apply(context.Background(), read, s.config(l.drained("running", closes("ignore"))))
	s.good(diags)
	l.untouched("started")
	l.settled(s, started, l.drained("running", closes("ignore")))
}

// Who never asked for a drain asks nobody.
func TestNoDrain(t *testing.T) {
	for name, stop := range map[string]any{
		"none": nil, "empty": map[string]any{"drain": map[string]any{}}, "ignore": map[string]any{"drain": map[string]any{"on_busy": "ignore", "maintenance_mode": false, "wait_for_idle": "0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.admin()
			config := map[string]any{"worker_id": l.id, "state": "stopped", "stop": stop}
			plan := s.plan(s.nothing(), s.config(config))
			s.good(plan.Diagnostics)
			l.Recorder.Reset()
			_, diags := s.carryOut(context.Background(), s.nothing(), s.config(config), plan)
			s.good(diags)
			if got := l.Recorder.Operations("cml"); len(got) > 0 {
				t.Errorf("CML was asked %q", got)
			}
		})
	}
}

// A restart is drained too, and nothing is left of it in the same apply.
func TestDrainOfARestart(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	config := l.drained("running", closes("fail"))
	created := s.create(config)
	config["triggers"] = map[string]any{"rotate": "1"}
	l.Recorder.Reset()
	done, diags := s.apply(context.Background(), created, s.config(config))
	s.good(diags)
	if got, want := l.order(setMaintenance, "StopInstances", "StartInstances"), []string{setMaintenance, "StopInstances", "StartInstances", setMaintenance}; !slices.Equal(got, want) {
		t.Errorf("order: %q, want %q", got, want)
	}
	l.untouched("restarted")
	l.settled(s, done, config)
}

func TestDrainFailsOnBusy(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	created := s.create(l.drained("running", closes("fail")))
	lab := l.addLab(cml.Lab{Title: "ospf"})
	plan := s.plan(created, s.config(l.drained("stopped", closes("fail"))))
	if !has(plan.Diagnostics, warning, "that is an error while they run") {
		t.Errorf("the plan does not say so:\n%s", show(plan.Diagnostics))
	}
	kept, diags := s.carryOut(context.Background(), created, s.config(l.drained("stopped", closes("fail"))), plan)
	for _, want := range []string{"Unable to drain CML worker", "2 nodes run", `"ospf" of admin`, lab, "was not stopped", "wait_for_idle"} {
		if !has(diags, failure, want) {
			t.Errorf("the error does not speak of %q:\n%s", want, show(diags))
		}
	}
	l.untouched("refused")
	if l.calls().stop != 0 || !kept.state.Equal(created.state) {
		t.Errorf("%d stops, the state is %s", l.calls().stop, kept.state)
	}
	l.CML.Machine(l.id).RemoveLab(lab)
	_, diags = s.apply(context.Background(), kept, s.config(l.drained("stopped", closes("fail"))))
	s.good(diags)
	l.is("without nodes", "stopped", true, "Stops soon", "Stops soon")
}

func TestDrainWaitsForIdle(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	lab := l.addLab(cml.Lab{Title: "ospf"})
	drain := closes("fail")
	drain["wait_for_idle"] = "10m"
	l.Recorder.Reset()
	go func() {
		// The plan asks once, before the drain has announced anything.
		l.eventually("the drain to wait", func() bool {
			return l.Recorder.Count("cml", setMaintenance) > 0 && l.Recorder.Count("cml", "GET /system_stats") > 3
		})
		l.CML.Machine(l.id).RemoveLab(lab)
	}()
	s.create(l.drained("stopped", drain))
	l.is("stopped", "stopped", true, "Stops soon", "Stops soon")
}

func TestDrainStopsLabs(t *testing.T) {
	l := newLab(t)
	l.CML.Machine(l.id).AddUser(cml.Credentials{Username: "bob", Password: "bobs-password"}, false)
	l.addLab(cml.Lab{Title: "ours"})
	l.addLab(cml.Lab{Title: "his", Owner: "bob"})
	l.Recorder.Reset()
	l.admin().create(l.drained("stopped", closes("stop_labs")))
	const stop = "PUT /labs/{lab_id}/stop"
	if got, want := l.order(setMaintenance, stop, "StopInstances"), []string{setMaintenance, stop, stop, "StopInstances"}; !slices.Equal(got, want) {
		t.Errorf("order: %q, want %q", got, want)
	}
	l.is("stopped", "stopped", true, "Stops soon", "Stops soon")
}

func TestDrainOfStubbornLabs(t *testing.T) {
	l := newLab(t)
	l.addLab(cml.Lab{Title: "willing"})
	stubborn := l.addLab(cml.Lab{Title: "stubborn", Stubborn: true})
	s := l.admin()
	_, diags := s.apply(context.Background(), s.nothing(), s.config(l.drained("stopped", closes("stop_labs"))))
	if !has(diags, failure, "stubborn") || !has(diags, failure, stubborn) || has(diags, failure, "willing") {
		t.Errorf("the error does not name the lab that stays:\n%s", show(diags))
	}
	l.untouched("refused")
}

// What stands against a drain is an error that stops nothing, or under `ignore`
// a warning.
func TestDrainThatIsNotPossible(t *testing.T) {
	jane := cml.Credentials{Username: "jane", Password: "correct horse"}
	for name, c := range map[string]struct {
		broken func(*lab) *server
		text   string
	}{
		"no credentials":   {func(l *lab) *server { return l.serve(nil) }, "no credentials for CML"},
		"no administrator": {func(l *lab) *server { l.CML.Machine(l.id).AddUser(jane, false); return l.as(jane, nil) }, "users of CML could not be told"},
		"another password": {func(l *lab) *server { return l.as(cml.Credentials{Username: "admin", Password: "wrong"}, nil) }, "refused user name or password"},
		"nobody listens":   {func(l *lab) *server { l.phase(cml.Refused); return l.admin() }, "refused the connection"},
		"CML is not there": {func(l *lab) *server { l.phase(cml.BadGateway); return l.admin() }, "502"},
		"an unknown number": {func(l *lab) *server {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_stats", Fault: wire.Fault{Kind: wire.Error, Status: http.StatusInternalServerError}})
			return l.admin()
		}, "nobody knows how many nodes run"},
	} {
		for _, onBusy := range []string{"fail", "stop_labs", "ignore"} {
			t.Run(name+", "+onBusy, func(t *testing.T) {
				l := newLab(t)
				s := c.broken(l)
				drain := closes(onBusy)
				if onBusy == "ignore" {
					drain["wait_for_idle"] = "1s"
				}
				_, diags := s.apply(context.Background(), s.nothing(), s.config(l.drained("stopped", drain)))
				severity, state := failure, "running"
				if onBusy == "ignore" {
					severity, state = warning, "stopped"
				}
				if has(diags, failure, "AWS credentials") {
					t.Errorf("the error sends the reader to AWS:\n%s", show(diags))
				}
				if !has(diags, severity, c.text) || (onBusy == "ignore") == has(diags, failure, "") {
					t.Errorf("got\n%s", show(diags))
				}
				if onBusy == "ignore" && !has(diags, warning, "[drain_incomplete]") {
					t.Errorf("the warning has no code:\n%s", show(diags))
				}
				if got := l.machine().State; got != state {
					t.Errorf("the machine is %s, want %s", got, state)
				}
				if state == "running" && (l.CML.Machine(l.id).InMaintenance() || l.calls().stop > 0) {
					t.Error("something is left, or was stopped")
				}
			})
		}
	}
}

// phase holds CML in a phase.
func (l *lab) phase(p cml.Phase) {
	l.t.Helper()
	if err := l.CML.Machine(l.id).HoldPhase(p); err != nil {
		l.t.Fatal(err)
	}
}

// What a person has switched on is theirs, before, during and after.
func TestDrainLeavesAPersonsMaintenance(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	l.CML.Machine(l.id).SetMaintenance(true, "Disk exchange")
	stopped := s.create(l.drained("stopped", closes("ignore")))
	l.is("stopped", "stopped", true, "Disk exchange", "Disk exchange", "Stops soon")
	_, diags := s.apply(context.Background(), stopped, s.config(l.drained("running", closes("ignore"))))
	s.good(diags)
	l.is("started", "running", true, "Disk exchange", "Disk exchange")
}

// Ctrl-C while nodes are waited for stops nothing and leaves nothing.
func TestCancelDuringDrain(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	created := s.create(l.drained("running", nil))
	l.addLab(cml.Lab{Title: "ospf"})
	drain := closes("ignore")
	drain["wait_for_idle"] = "10m"
	plan := s.plan(created, s.config(l.drained("stopped", drain)))
	l.Recorder.Reset()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		l.eventually("the drain to wait", func() bool { return l.Recorder.Count("cml", "GET /system_stats") > 3 })
		cancel()
	}()
	kept, diags := s.carryOut(ctx, created, s.config(l.drained("stopped", drain)), plan)
	if !has(diags, failure, "was not stopped") || has(diags, failure, "maintenance") {
		t.Errorf("got\n%s", show(diags))
	}
	l.untouched("canceled")
	if l.calls().stop > 0 || !kept.state.Equal(created.state) {
		t.Errorf("%d stops, the state is %s", l.calls().stop, kept.state)
	}
}

func TestStopRefusedAfterDrain(t *testing.T) {
	l := newLab(t)
	s := l.admin()
	config := l.drained("stopped", closes("ignore"))
	l.fail("StopInstances", "UnauthorizedOperation", "You are not authorized to perform this operation.", http.StatusForbidden, 0)
	_, diags := s.apply(context.Background(), s.nothing(), s.config(config))
	if !has(diags, failure, "Unable to stop CML worker") || has(diags, failure, "maintenance") {
		t.Errorf("got\n%s", show(diags))
	}
	l.untouched("refused")
	if l.Recorder.Count("cml", setMaintenance) != 2 {
		t.Error("it was not drained at all")
	}
	// An answer that is lost is no refusal.
	l.Faults.Clear()
	l.Faults.Add(wire.Rule{Service: "ec2", Operation: "StopInstances", Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
	s.create(config)
	l.is("stopped", "stopped", true, "Stops soon", "Stops soon")
}
