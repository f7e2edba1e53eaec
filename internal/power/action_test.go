package power_test

import (
	"maps"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
)

// actor serves a provider with an administrator of CML, and returns one of its
// actions. more are arguments of the provider.
func (l *lab) actor(name string, more map[string]any) *protocol.Action {
	l.t.Helper()
	admin := l.CML.Admin()
	config := map[string]any{"controller": map[string]any{
		"port": l.Port(), "username": admin.Username, "password": admin.Password, "tls": map[string]any{"trust": "insecure"},
	}}
	maps.Copy(config, more)
	return protocol.Serve(l.t, l.World, config).Action(name)
}

// on is a configuration of an action on the machine.
func (l *lab) on(arguments map[string]any) map[string]any {
	out := map[string]any{"worker_id": l.id}
	maps.Copy(out, arguments)
	return out
}

// asked are all requests so far.
func (l *lab) asked() int { return len(l.Recorder.All()) }

// What is not known yet is no reason to fail, and nobody is asked.
func TestActionsOfUnknownValues(t *testing.T) {
	l := newLab(t)
	for _, name := range actionNames {
		t.Run(name, func(t *testing.T) {
			for when, c := range map[string]struct {
				provider map[string]any
				config   map[string]any
			}{
				"worker":     {nil, map[string]any{"worker_id": protocol.Unknown{}}},
				"region":     {nil, l.on(map[string]any{"region": protocol.Unknown{}})},
				"controller": {nil, l.on(map[string]any{"controller": protocol.Unknown{}})},
				"timeout":    {nil, map[string]any{"worker_id": protocol.Unknown{}, "timeout": protocol.Unknown{}}},
				"provider":   {map[string]any{"access_key": protocol.Unknown{}}, l.on(nil)},
			} {
				a := l.actor(name, c.provider)
				l.Recorder.Reset()
				if diags := a.Validate(least(name, c.config)); len(diags) > 0 {
					t.Errorf("unknown %s: validate says\n%s", when, protocol.Show(diags))
				}
				if plan := a.Plan(least(name, c.config)); len(plan.Diagnostics) > 0 || plan.Deferred != nil {
					t.Errorf("unknown %s: the plan says\n%s", when, protocol.Show(plan.Diagnostics))
				}
				if n := l.asked(); when != "controller" && n > 0 || l.Recorder.Count("cml", "") > 0 {
					t.Errorf("unknown %s: %d requests", when, n)
				}
			}
			// Should it still be unknown in apply, the error names it.
			l.actor(name, map[string]any{"access_key": protocol.Unknown{}}).Invoke(t.Context(), least(name, l.on(nil)), nil).Blames(t, "", "access_key", "no value yet")
		})
	}
}

func TestActionsValidate(t *testing.T) {
	s := protocol.Unconfigured(t)
	for _, name := range actionNames {
		t.Run(name, func(t *testing.T) {
			for at, config := range map[string]map[string]any{
				"worker_id":       {"worker_id": "lab"},
				"region":          {"worker_id": "i-0123456789abcdef0", "region": "here"},
				"timeout":         {"worker_id": "i-0123456789abcdef0", "timeout": "-5m"},
				"controller.port": {"worker_id": "i-0123456789abcdef0", "controller": map[string]any{"port": 0}},
			} {
				protocol.Invoked{Diagnostics: s.Action(name).Validate(least(name, config))}.Blames(t, at)
			}
			if diags := s.Action(name).Validate(least(name, map[string]any{"worker_id": "i-0123456789abcdef0"})); len(diags) > 0 {
				t.Errorf("the least configuration: %s", protocol.Show(diags))
			}
		})
	}
}

// A worker that is not there, and a region that is none.
func TestActionsOfNoWorker(t *testing.T) {
	l := newLab(t)
	for _, name := range actionNames {
		a := l.actor(name, nil)
		a.Invoke(t.Context(), least(name, map[string]any{"worker_id": "i-0fedcba9876543210"}), nil).Blames(t, "worker_id", "i-0fedcba9876543210", "check `worker_id` and `region`")
		a.Invoke(t.Context(), least(name, l.on(map[string]any{"region": "us-esat-1"})), nil).Blames(t, "region", "us-esat-1")
		if plan := a.Plan(least(name, map[string]any{"worker_id": "i-0fedcba9876543210"})); len(plan.Diagnostics) > 0 {
			t.Errorf("%s: the plan says\n%s", name, protocol.Show(plan.Diagnostics))
		}
	}
	l.AWS.Deny(aws123, "ec2:DescribeInstances")
	for _, name := range actionNames {
		l.actor(name, nil).Invoke(t.Context(), least(name, l.on(nil)), nil).Blames(t, "", "ec2:DescribeInstances")
	}
}

// actionNames are all actions of this room.
var actionNames = []string{
	"cml_worker_maintenance", "cml_worker_reboot", "cml_worker_start", "cml_worker_stop", "cml_worker_stop_labs", "cml_worker_wait",
}

// least is what an action needs beside the worker, with more.
func least(name string, more map[string]any) map[string]any {
	out := map[string]any{}
	if name == "cml_worker_maintenance" {
		out["enabled"] = true
	}
	maps.Copy(out, more)
	return out
}

func TestActionLimitsFit(t *testing.T) {
	s := protocol.Unconfigured(t)
	protocol.Invoked{Diagnostics: s.Action("cml_worker_reboot").Validate(map[string]any{
		"worker_id": "i-0123456789abcdef0", "timeout": "5m", "readiness": map[string]any{"timeout": "10m"},
	})}.Blames(t, "readiness.timeout", "timeout ends the whole operation after 5m")
	protocol.Invoked{Diagnostics: s.Action("cml_worker_reboot").Validate(map[string]any{
		"worker_id": "i-0123456789abcdef0", "readiness": map[string]any{"timeout": "2h"},
	})}.Blames(t, "readiness.timeout", "the default of timeout")
}
