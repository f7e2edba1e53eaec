package power_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestWaitAction(t *testing.T) {
	l := newLab(t)
	l.hold()
	l.Recorder.Reset()
	got := l.actor("cml_worker_wait", nil).Invoke(t.Context(), l.on(atMost("1m")), func(message string) {
		if strings.Contains(message, "waiting for ready") {
			l.release()
		}
	})
	got.Fine(t)
	got.Told(t, "waiting for ready", "ready after", "CML is available at https://"+l.machine().PublicIP)
	for _, r := range l.Recorder.All() {
		if !strings.HasPrefix(r.Operation, "Describe") && !strings.HasPrefix(r.Operation, "GET ") && r.Operation != "GetCallerIdentity" {
			t.Errorf("it only looks, and asked for %s", r.Operation)
		}
	}
}

func TestWaitForAStop(t *testing.T) {
	l := newLab(t, slowStop(500*time.Millisecond))
	l.Recorder.Reset()
	heard := false
	got := l.actor("cml_worker_wait", nil).Invoke(t.Context(), l.on(map[string]any{"state": "stopped"}), func(message string) {
		if !heard && strings.Contains(message, "is running") {
			heard = true
			l.AWS.Region(home).StopOutside(l.id)
		}
	})
	got.Fine(t)
	got.Told(t, "is running", "is stopping", "is stopped after", "worker "+l.id+" is stopped")
	if l.calls() != (calls{}) || l.Recorder.Count("cml", "") > 0 {
		t.Errorf("EC2 was asked %+v", l.calls())
	}
	l.actor("cml_worker_wait", nil).Invoke(t.Context(), l.on(map[string]any{"state": "stopped"}), nil).Fine(t)
}

func TestWaitThatIsInVain(t *testing.T) {
	wait := func(l *lab, arguments map[string]any) protocol.Invoked {
		return l.actor("cml_worker_wait", nil).Invoke(t.Context(), l.on(arguments), nil)
	}
	t.Run("for a worker that nobody starts", func(t *testing.T) {
		l := newLab(t)
		l.stopOutside()
		wait(l, nil).Blames(t, "worker_id", "CML did not become ready", "is stopped instead of running", "cml_worker_start")
	})
	t.Run("for a stop that nobody asks for", func(t *testing.T) {
		l := newLab(t)
		wait(l, map[string]any{"state": "stopped", "timeout": "1s"}).Blames(t, "timeout", "to stop", `last state "running"`, "Worker "+l.id+" is running now")
	})
	t.Run("for an account that is refused", func(t *testing.T) {
		l := newLab(t)
		more := map[string]any{"controller": map[string]any{"port": l.Port()}}
		l.actor("cml_worker_wait", more).Invoke(t.Context(), l.on(map[string]any{"readiness": map[string]any{"until": "healthy"}}), nil).Blames(t, "readiness", "needs credentials")
	})
	t.Run("for CML", func(t *testing.T) {
		l := newLab(t)
		l.hold()
		wait(l, map[string]any{"readiness": map[string]any{"timeout": "1s"}}).Blames(t, "readiness.timeout", "Rungs passed: running", "Failed rung: ready")
	})
	t.Run("of a canceled run", func(t *testing.T) {
		l := newLab(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := l.actor("cml_worker_wait", nil).Invoke(ctx, l.on(map[string]any{"state": "stopped"}), func(string) { cancel() })
		got.Blames(t, "", "was cancelled", "Worker "+l.id+" is running now", "invoke the action again")
	})
}

// What passes by itself does not end a wait.
func TestWaitThroughTrouble(t *testing.T) {
	l := newLab(t)
	a := l.actor("cml_worker_wait", nil)
	l.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstances", Times: 2, Fault: wire.Fault{Kind: wire.Error, Code: "RequestLimitExceeded", Status: 503}})
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_information", Times: 2, Fault: wire.Fault{Kind: wire.Drop}})
	a.Invoke(t.Context(), l.on(nil), nil).Fine(t)
}

func TestWaitValidate(t *testing.T) {
	a := protocol.Unconfigured(t).Action("cml_worker_wait")
	worker := "i-0123456789abcdef0"
	protocol.Invoked{Diagnostics: a.Validate(map[string]any{"worker_id": worker, "state": "stopped", "readiness": map[string]any{}})}.Blames(t, "readiness", "does not get ready")
	protocol.Invoked{Diagnostics: a.Validate(map[string]any{"worker_id": worker, "state": "terminated"})}.Blames(t, "state")
	for _, state := range []any{"running", protocol.Unknown{}, nil} {
		protocol.Invoked{Diagnostics: a.Validate(map[string]any{"worker_id": worker, "state": state, "readiness": map[string]any{"until": "api"}})}.Fine(t)
	}
	protocol.Invoked{Diagnostics: a.Validate(map[string]any{"worker_id": worker, "state": "stopped", "readiness": protocol.Unknown{}})}.Fine(t)
}
