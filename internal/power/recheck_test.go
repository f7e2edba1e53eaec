package power_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// rechecked is a configuration that looks again before a stop.
func (l *lab) rechecked(state string) map[string]any {
	return map[string]any{"worker_id": l.id, "state": state, "on_external_change": "accept", "stop": map[string]any{
		"recheck_idle": map[string]any{"idle_threshold": "30m"}, "drain": closes("ignore"),
	}}
}

func (l *lab) did(category string, ago time.Duration, user string) {
	l.CML.Machine(l.id).AddEvent(cml.Event{Category: category, Time: time.Now().Add(-ago), Data: map[string]any{"user_id": user}})
}

// What a person does between plan and apply keeps the worker running; nothing
// is done to it, and the next plan decides anew.
func TestRecheckIdle(t *testing.T) {
	builtin := cml.BuiltinAdminID
	for name, c := range map[string]struct {
		meanwhile func(*lab)
		threshold string
		why       string // "": it is stopped
	}{
		"still idle":           {nil, "", ""},
		"a lab":                {func(l *lab) { l.did("start_lab", time.Minute, builtin) }, "", "its last activity (start_lab)"},
		"long enough ago":      {func(l *lab) { l.did("start_lab", 31*time.Minute, builtin) }, "", ""},
		"the provider's login": {func(l *lab) { l.did("user_activity", time.Minute, builtin) }, "", ""},
		"a person's login":     {func(l *lab) { l.did("user_activity", time.Minute, "7d3c5f1a-0000-4000-a000-000000000007") }, "", "its last activity (user_activity)"},
		"nodes run":            {func(l *lab) { l.addLab(cml.Lab{Title: "ospf"}) }, "", "2 nodes run"},
		"no longer readable": {func(l *lab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /telemetry/events", Fault: wire.Fault{Kind: wire.Error, Status: http.StatusInternalServerError}})
		}, "", "nobody can tell whether it is idle"},
		"no answer":      {func(l *lab) { l.phase(cml.Refused) }, "", "nobody can tell whether it is idle"},
		"switched off":   {func(l *lab) { l.AWS.Region(home).SetTags(l.id, map[string]string{"cml:idle-detection": "disabled"}) }, "", "its tag switches idle detection off"},
		"started anew":   {func(l *lab) { l.stopOutside(); time.Sleep(time.Second); l.startOutside(); l.awaitReady() }, "", "it was started at"},
		"less than that": {nil, "3h", "its last activity (stop_lab)"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.admin()
			created := s.create(l.rechecked("running"))
			l.CML.Machine(l.id).ClearEvents()
			l.did("stop_lab", 2*time.Hour, builtin)
			config := l.rechecked("stopped")
			if c.threshold != "" {
				config["stop"].(map[string]any)["recheck_idle"] = map[string]any{"idle_threshold": c.threshold}
			}
			plan := s.plan(created, s.config(config))
			s.good(plan.Diagnostics)
			if c.meanwhile != nil {
				c.meanwhile(l)
			}
			l.Recorder.Reset()
			kept, diags := s.carryOut(context.Background(), created, s.config(config), plan)
			if c.why == "" {
				s.good(diags)
				if got := attribute(t, kept.state, "instance_state"); got != "stopped" {
					t.Errorf("the machine is %s", got)
				}
				if got := l.machine().Tags["cml:last-stop-reason"]; got != "idle" {
					t.Errorf("the reason is %q", got)
				}
				return
			}
			for _, want := range []string{"CML worker became active since the plan", "became active since the plan; plan again", c.why} {
				if !has(diags, failure, want) {
					t.Errorf("the error does not speak of %q:\n%s", want, show(diags))
				}
			}
			if !kept.state.Equal(created.state) {
				t.Errorf("the state is now %s", kept.state)
			}
			if n := l.calls().stop; n > 0 {
				t.Errorf("%d StopInstances", n)
			}
			l.untouched("in use")
			if n := l.Recorder.Count("cml", setMaintenance); n > 0 {
				t.Error("it was drained all the same")
			}
			// Under `accept` as well: what was not done is still to do.
			if next := s.plan(kept, s.config(config)); s.value(next.PlannedState).Equal(kept.state) {
				t.Error("the stop is forgotten")
			}
		})
	}
}

func TestRecheckIdleWithoutCredentials(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	_, diags := s.apply(context.Background(), s.nothing(), s.config(map[string]any{
		"worker_id": l.id, "state": "stopped", "stop": map[string]any{"recheck_idle": map[string]any{}},
	}))
	if !has(diags, failure, "there are no credentials for CML") || l.calls().stop > 0 {
		t.Errorf("%d stops:\n%s", l.calls().stop, show(diags))
	}
}
