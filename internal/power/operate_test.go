package power_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

// destroy plans the end of a resource and carries it out.
func (s *server) destroy(from kept) []*tfprotov6.Diagnostic {
	s.t.Helper()
	out, diags := s.apply(context.Background(), from, s.nothing().state)
	if !has(diags, failure, "") && !out.state.IsNull() {
		s.t.Errorf("destroying left a state: %s", out.state)
	}
	return diags
}

func TestStopModes(t *testing.T) {
	for mode, want := range map[string][2]string{
		"graceful": {"", ""}, "force": {"true", ""}, "skip_os_shutdown": {"", "true"},
	} {
		t.Run(mode, func(t *testing.T) {
			l := newLab(t)
			l.serve(nil).create(map[string]any{"worker_id": l.id, "state": "stopped", "stop": map[string]any{"mode": mode}})
			for _, r := range l.Recorder.All() {
				if r.Operation != "StopInstances" {
					continue
				}
				if got := [2]string{r.Params.Get("Force"), r.Params.Get("SkipOsShutdown")}; got != want {
					t.Errorf("force and skip are %q, wanted %q", got, want)
				}
				return
			}
			t.Error("nothing was stopped")
		})
	}
}

func TestStopReasonTag(t *testing.T) {
	const tag = "cml:last-stop-reason"
	l := newLab(t)
	s := l.serve(nil)
	stopped := map[string]any{"worker_id": l.id, "state": "stopped"}
	running := map[string]any{"worker_id": l.id, "state": "running"}
	created := s.create(stopped)
	if got := l.machine().Tags[tag]; got != "manual" {
		t.Errorf("after a stop the tag is %q", got)
	}
	started, diags := s.apply(context.Background(), created, s.config(running))
	s.good(diags)
	if got, ok := l.machine().Tags[tag]; ok {
		t.Errorf("after a start the tag is %q", got)
	}
	t.Run("without the permission everything else works", func(t *testing.T) {
		l.AWS.Deny(aws123, "ec2:CreateTags", "ec2:DeleteTags")
		again, diags := s.apply(context.Background(), started, s.config(stopped))
		s.good(diags)
		if !has(diags, warning, "[tags_incomplete]") {
			t.Errorf("no warning:\n%s", show(diags))
		}
		if got := attribute(t, again.state, "instance_state"); got != "stopped" {
			t.Errorf("the machine is %s", got)
		}
	})
	t.Run("switched off", func(t *testing.T) {
		l := newLab(t)
		l.serve(map[string]any{"managed_tags": map[string]any{"enabled": false}}).create(stopping(l.id))
		if n := l.Recorder.Count("ec2", "CreateTags"); n > 0 || l.calls().stop != 1 {
			t.Errorf("%d writes of tags beside %d stops", n, l.calls().stop)
		}
	})
	t.Run("a stop under way keeps its reason", func(t *testing.T) {
		l := newLab(t, func(o *simulator.Options) {
			o.Timing = simulator.Quick()
			o.Timing.AWS.Stopping = time.Second
		})
		l.AWS.Region(home).SetTags(l.id, map[string]string{tag: "idle"})
		s := l.serve(nil)
		l.AWS.Region(home).StopOutside(l.id)
		s.create(stopping(l.id))
		if got := l.machine().Tags[tag]; got != "idle" {
			t.Errorf("the tag is %q", got)
		}
	})
}

// stopping is the plainest configuration that stops a machine.
func stopping(id string) map[string]any { return map[string]any{"worker_id": id, "state": "stopped"} }

func TestDestroy(t *testing.T) {
	setup := func(t *testing.T, state, onDestroy string) (*lab, *server, kept) {
		l := newLab(t, otherAccount)
		s := l.serve(nil)
		config := map[string]any{"worker_id": l.id, "state": state}
		if onDestroy != "" {
			config["on_destroy"] = map[string]any{"state": onDestroy}
		}
		created := s.create(config)
		l.Recorder.Reset()
		return l, s, created
	}
	t.Run("leaves the worker alone by default", func(t *testing.T) {
		l, s, created := setup(t, "stopped", "")
		s.good(s.destroy(created))
		if got := l.Recorder.Operations(""); len(got) > 0 {
			t.Errorf("somebody was asked %q", got)
		}
	})
	t.Run("starts it", func(t *testing.T) {
		l, s, created := setup(t, "stopped", "running")
		s.good(s.destroy(created))
		if got := l.machine().State; got != "running" {
			t.Errorf("the machine is %s", got)
		}
	})
	t.Run("gone already", func(t *testing.T) {
		l, s, created := setup(t, "running", "stopped")
		l.AWS.Region(home).TerminateOutside(l.id)
		s.good(s.destroy(created))
	})
	t.Run("not visible is not gone", func(t *testing.T) {
		l, _, created := setup(t, "running", "stopped")
		diags := l.serve(map[string]any{"access_key": "AKIASTRANGEREXAMPLE"}).destroy(created)
		if !has(diags, failure, "not visible with these credentials") {
			t.Errorf("got\n%s", show(diags))
		}
	})
}

// What outlives a stop stays known in a plan that stops or starts.
func TestFixedStaysKnown(t *testing.T) {
	for name, c := range map[string]struct {
		setup      func(*lab)
		controller map[string]any
		known      []string
		unknown    []string
	}{
		"Elastic IP": {
			setup: (*lab).elasticIP,
			known: []string{"public_ip", "public_dns", "address", "url", "private_ip"}, unknown: []string{"instance_state", "service_status"},
		},
		"private first": {
			controller: map[string]any{"address_preference": []any{"private_ip"}},
			known:      []string{"address", "url", "private_ip"}, unknown: []string{"public_ip", "public_dns", "instance_state"},
		},
		"host name": {
			controller: map[string]any{"hostname": "lab.example.net"},
			known:      []string{"url", "private_ip"}, unknown: []string{"address", "public_ip", "instance_state"},
		},
		"nothing": {
			known: []string{"private_ip", "state_reason", "id", "region"}, unknown: []string{"address", "url", "public_ip", "instance_state"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			if c.setup != nil {
				c.setup(l)
			}
			s := l.serve(nil)
			config := map[string]any{"worker_id": l.id, "state": "running"}
			if c.controller != nil {
				config["controller"] = c.controller
			}
			current := s.create(config)
			for _, state := range []string{"stopped", "running"} {
				next := maps.Clone(config)
				next["state"] = state
				planned := s.value(s.plan(current, s.config(next)).PlannedState)
				for _, name := range c.known {
					if got, want := attribute(t, planned, name), attribute(t, current.state, name); got != want {
						t.Errorf("%s: %s is planned as %s, wanted %s", state, name, got, want)
					}
				}
				for _, name := range c.unknown {
					if got := attribute(t, planned, name); got != "(unknown)" {
						t.Errorf("%s: %s is planned as %s, wanted unknown", state, name, got)
					}
				}
				done, diags := s.apply(context.Background(), current, s.config(next))
				s.good(diags)
				for _, name := range c.known {
					if got, want := attribute(t, done.state, name), attribute(t, planned, name); got != want {
						t.Errorf("%s: %s is %s after apply, planned was %s", state, name, got, want)
					}
				}
				// The next refresh finds the same.
				read, diags := s.read(done)
				s.good(diags)
				for _, name := range c.known {
					if name == "state_reason" {
						continue // of a refresh by its nature
					}
					if got, want := attribute(t, read.state, name), attribute(t, done.state, name); got != want {
						t.Errorf("%s: %s is %s after a refresh, %s before", state, name, got, want)
					}
				}
				current = read
			}
		})
	}
}

// A worker may have got or lost an Elastic IP with a new revision.
func TestRevisionReadsElasticIP(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running", "worker_revision": "r1"}
	created := s.create(config)
	l.elasticIP()
	config["worker_revision"] = "r2"
	done, diags := s.apply(context.Background(), created, s.config(config))
	s.good(diags)
	if got, want := attribute(t, done.state, "url"), fmt.Sprintf("https://%s:%d", l.machine().PublicIP, l.Port()); got != want {
		t.Errorf("url is %q, wanted %q", got, want)
	}
	if got := l.calls(); got != (calls{}) {
		t.Errorf("EC2 was asked %+v", got)
	}
}

func TestReplaces(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running"}
	created := s.create(config)
	for name, c := range map[string]struct {
		argument string
		value    any
		want     bool
	}{
		"another worker":        {"worker_id", "i-0fedcba9876543210", true},
		"a worker to come":      {"worker_id", unknown{}, true},
		"another region":        {"region", "us-west-2", true},
		"the same region":       {"region", home, false},
		"another wish":          {"state", "stopped", false},
		"another way to accept": {"on_external_change", "accept", false},
	} {
		t.Run(name, func(t *testing.T) {
			next := maps.Clone(config)
			next[c.argument] = c.value
			plan := s.plan(created, s.config(next))
			s.good(plan.Diagnostics)
			if got := len(plan.RequiresReplace) > 0; got != c.want {
				t.Errorf("replaced for %v", plan.RequiresReplace)
			}
		})
	}
}

// Another way to the worker changes what is published, and nothing else.
func TestControllerChange(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running"}
	created := s.create(config)
	config["controller"] = map[string]any{"address_preference": []any{"private_ip"}}
	planned := s.value(s.plan(created, s.config(config)).PlannedState)
	for name, want := range map[string]string{"address": "(unknown)", "url": "(unknown)", "instance_state": "running", "public_ip": l.machine().PublicIP} {
		if got := attribute(t, planned, name); got != want {
			t.Errorf("%s is planned as %s, wanted %s", name, got, want)
		}
	}
	done, diags := s.apply(context.Background(), created, s.config(config))
	s.good(diags)
	if got, want := attribute(t, done.state, "address"), l.machine().PrivateIP; got != want {
		t.Errorf("address is %s, wanted %s", got, want)
	}
	config["controller"] = map[string]any{"address_preference": []any{"private_ip"}, "hostname": "lab.example.net", "port": 8443}
	planned = s.value(s.plan(done, s.config(config)).PlannedState)
	for name, want := range map[string]string{"address": l.machine().PrivateIP, "url": "https://lab.example.net:8443"} {
		if got := attribute(t, planned, name); got != want {
			t.Errorf("%s is planned as %s, wanted %s", name, got, want)
		}
	}
}

// The states on the way are waited for, and never answered with an error of EC2.
func TestStatesOnTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		begin  func(*lab)
		wanted string
		calls  calls
	}{
		"stopping, wanted running": {func(l *lab) { l.AWS.Region(home).StopOutside(l.id) }, "running", calls{start: 1}},
		"stopping, wanted stopped": {func(l *lab) { l.AWS.Region(home).StopOutside(l.id) }, "stopped", calls{}},
		"pending, wanted running":  {func(l *lab) { l.stopOutside(); l.AWS.Region(home).StartOutside(l.id) }, "running", calls{}},
		"pending, wanted stopped":  {func(l *lab) { l.stopOutside(); l.AWS.Region(home).StartOutside(l.id) }, "stopped", calls{stop: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(nil)
			l.Recorder.Reset()
			c.begin(l)
			created := s.create(map[string]any{"worker_id": l.id, "state": c.wanted})
			if got := attribute(t, created.state, "instance_state"); got != c.wanted {
				t.Errorf("the machine is %s", got)
			}
			if got := l.calls(); got != c.calls {
				t.Errorf("EC2 was asked %+v, wanted %+v", got, c.calls)
			}
		})
	}
}

// The machine goes its own way between plan and apply: what the plan showed is
// returned, and the next refresh tells the truth.
func TestKnownStaysAsPlanned(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running"}
	created := s.create(config)
	config["controller"] = map[string]any{"address_preference": []any{"private_ip"}}
	plan := s.plan(created, s.config(config))
	l.stopOutside()
	done, diags := s.carryOut(context.Background(), created, s.config(config), plan)
	s.good(diags)
	if got := l.calls(); got != (calls{}) {
		t.Errorf("EC2 was asked %+v, which no plan showed", got)
	}
	read, diags := s.read(done)
	s.good(diags)
	for name, want := range map[string]string{"state": "stopped", "instance_state": "stopped", "public_ip": "(null)", "service_status": "unavailable"} {
		if got := attribute(t, read.state, name); got != want {
			t.Errorf("%s is %s after a refresh, wanted %s", name, got, want)
		}
	}
}

// What Terraform runs side by side on one worker takes turns.
func TestOneAtATime(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	l.hold()
	asked := func() int { return l.Recorder.Count("cml", "GET /system_information") }
	l.Recorder.Reset()
	first := make(chan []*tfprotov6.Diagnostic, 1)
	go func() {
		_, diags := s.apply(context.Background(), s.nothing(), s.config(map[string]any{"worker_id": l.id, "state": "running"}))
		first <- diags
	}()
	l.eventually("the first to wait for CML", func() bool { return asked() > 0 })
	second := make(chan []*tfprotov6.Diagnostic, 1)
	go func() {
		_, diags := s.apply(context.Background(), s.nothing(), s.config(map[string]any{"worker_id": l.id, "state": "stopped"}))
		second <- diags
	}()
	before := asked()
	l.eventually("the first to wait on", func() bool { return asked() > before+20 })
	if got := l.calls(); got != (calls{}) {
		t.Errorf("EC2 was asked %+v while another operation was on", got)
	}
	l.release()
	s.good(<-first)
	s.good(<-second)
	if got, want := l.calls(), (calls{stop: 1}); got != want {
		t.Errorf("EC2 was asked %+v, wanted %+v", got, want)
	}
}
