package power_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// heldDown keeps CML down after the next boot until the action has seen it go,
// and then in a phase, if one is given.
func (l *lab) heldDown(then ...cml.Phase) func(string) {
	return func(message string) {
		switch {
		case strings.HasPrefix(message, "rebooting"):
			l.phase(cml.Refused)
		case strings.Contains(message, "went down") && len(then) > 0:
			l.phase(then[0])
		case strings.Contains(message, "went down"):
			l.release()
		}
	}
}

// atMost bounds the wait for CML, so that a test fails and does not hang.
func atMost(timeout string) map[string]any {
	return map[string]any{"readiness": map[string]any{"timeout": timeout}}
}

func TestReboot(t *testing.T) {
	l := newLab(t)
	a := l.actor("cml_worker_reboot", nil)
	before := l.machine()
	l.Recorder.Reset()
	got := a.Invoke(t.Context(), l.on(atMost("1m")), l.heldDown())
	got.Fine(t)
	got.Told(t, "rebooting "+l.id, "went down", "ready after", "worker "+l.id+" runs, CML is available at https://"+before.PublicIP)
	if n := l.Recorder.Count("ec2", "RebootInstances"); n != 1 {
		t.Errorf("%d reboots", n)
	}
	if got := l.calls(); got != (calls{}) {
		t.Errorf("EC2 was asked %+v", got)
	}
}

// Where CML is not waited for, EC2's word is enough.
func TestRebootWithoutCML(t *testing.T) {
	l := newLab(t)
	l.Recorder.Reset()
	l.actor("cml_worker_reboot", nil).Invoke(t.Context(), l.on(map[string]any{"readiness": map[string]any{"until": "status_ok"}}), nil).Fine(t)
	if n := l.Recorder.Count("cml", ""); n > 0 || l.Recorder.Count("ec2", "RebootInstances") != 1 {
		t.Errorf("CML was asked %d times", n)
	}
}

// A worker that does not run is none to reboot.
func TestRebootOfAStoppedWorker(t *testing.T) {
	l := newLab(t)
	l.stopOutside()
	l.actor("cml_worker_reboot", nil).Invoke(t.Context(), l.on(nil), nil).Blames(t, "worker_id", "is stopped", "cml_worker_start")
	if n := l.Recorder.Count("ec2", "RebootInstances"); n > 0 {
		t.Error("it was asked for all the same")
	}
}

func TestRebootPlanWarns(t *testing.T) {
	l := newLab(t)
	l.addLab(cml.Lab{Title: "ospf"})
	plan := l.actor("cml_worker_reboot", nil).Plan(l.on(nil))
	if !protocol.Has(plan.Diagnostics, warning, "2 nodes run") || protocol.Has(plan.Diagnostics, failure, "") {
		t.Errorf("got\n%s", protocol.Show(plan.Diagnostics))
	}
	if n := l.Recorder.Count("ec2", "RebootInstances"); n > 0 {
		t.Error("a plan reboots")
	}
}

func TestRebootFaults(t *testing.T) {
	t.Run("no permission", func(t *testing.T) {
		l := newLab(t)
		l.AWS.Deny(aws123, "ec2:RebootInstances")
		l.actor("cml_worker_reboot", nil).Invoke(t.Context(), l.on(nil), nil).Blames(t, "", "Unable to reboot CML worker", "ec2:RebootInstances")
	})
	t.Run("throttled", func(t *testing.T) {
		l := newLab(t)
		l.fail("RebootInstances", "RequestLimitExceeded", "Request limit exceeded.", 503, 2)
		l.actor("cml_worker_reboot", nil).Invoke(t.Context(), l.on(atMost("1m")), l.heldDown()).Fine(t)
	})
	t.Run("never seen to go", func(t *testing.T) {
		l := newLab(t)
		l.hold()
		l.actor("cml_worker_reboot", nil).Invoke(t.Context(), l.on(nil), nil).Blames(t, "", "accepted the reboot", "went on answering")
	})
	t.Run("not ready in time", func(t *testing.T) {
		l := newLab(t)
		config := l.on(map[string]any{"readiness": map[string]any{"timeout": "1s"}})
		l.actor("cml_worker_reboot", nil).Invoke(t.Context(), config, l.heldDown(cml.NotReady)).Blames(t, "readiness.timeout", "CML did not become ready", "api")
		l.release()
		config["readiness"].(map[string]any)["on_timeout"] = "keep"
		got := l.actor("cml_worker_reboot", nil).Invoke(t.Context(), config, l.heldDown(cml.NotReady))
		if !protocol.Has(got.Diagnostics, warning, "[readiness_pending]") || protocol.Has(got.Diagnostics, failure, "") {
			t.Errorf("got\n%s", protocol.Show(got.Diagnostics))
		}
	})
	t.Run("out of time", func(t *testing.T) {
		l := newLab(t)
		got := l.actor("cml_worker_reboot", nil).Invoke(t.Context(), l.on(map[string]any{"timeout": "2s", "readiness": map[string]any{"timeout": "1h"}}), l.heldDown(cml.NotReady))
		got.Blames(t, "timeout", "CML did not become ready", "Worker "+l.id+" is running now")
	})
	t.Run("canceled", func(t *testing.T) {
		l := newLab(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		down := l.heldDown(cml.NotReady)
		got := l.actor("cml_worker_reboot", nil).Invoke(ctx, l.on(nil), func(message string) {
			if down(message); strings.Contains(message, "waiting for ready") {
				cancel()
			}
		})
		got.Blames(t, "", "cancelled", "Worker "+l.id+" is running now", "invoke the action again")
	})
}
