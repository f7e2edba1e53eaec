package power_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const reasonTag = "cml:last-stop-reason"

// unlicensed keeps the licence out of what a test is about.
func (l *lab) unlicensed(more map[string]any) map[string]any {
	out := l.on(more)
	out["license_check"] = "off"
	return out
}

func TestStartAction(t *testing.T) {
	l := newLab(t)
	before := l.machine().PublicIP
	l.stopOutside()
	l.AWS.Region(home).SetTags(l.id, map[string]string{reasonTag: "manual"})
	l.Recorder.Reset()
	got := l.actor("cml_worker_start", nil).Invoke(t.Context(), l.unlicensed(nil), nil)
	got.Fine(t)
	now := l.machine()
	got.Told(t, "starting "+l.id, "is running after", "ready after", "CML is available at https://"+now.PublicIP)
	if now.State != "running" || now.PublicIP == before || l.calls() != (calls{start: 1}) {
		t.Errorf("%s at %s, before %s, after %+v", now.State, now.PublicIP, before, l.calls())
	}
	if tag, ok := now.Tags[reasonTag]; ok {
		t.Errorf("the tag of the stop is still %q", tag)
	}
}

// A worker that runs is a success that says so, after the same wait.
func TestStartOfARunningWorker(t *testing.T) {
	l := newLab(t)
	l.hold()
	l.Recorder.Reset()
	got := l.actor("cml_worker_start", nil).Invoke(t.Context(), l.on(map[string]any{"license_check": "require", "readiness": map[string]any{"timeout": "1m"}}), func(message string) {
		if strings.Contains(message, "waiting for ready") {
			l.release()
		}
	})
	got.Fine(t)
	got.Told(t, "runs already; nothing was started", "ready after", "CML is available")
	if l.calls() != (calls{}) {
		t.Errorf("EC2 was asked %+v", l.calls())
	}
}

// A worker that is just stopping is started after that.
func TestStartOfAStoppingWorker(t *testing.T) {
	l := newLab(t)
	l.AWS.Region(home).StopOutside(l.id)
	l.actor("cml_worker_start", nil).Invoke(t.Context(), l.unlicensed(nil), nil).Fine(t)
	if got := l.machine().State; got != "running" || l.calls().start != 1 {
		t.Errorf("it is %s after %+v", got, l.calls())
	}
}

// What a drain has left goes with the start, whoever stopped the worker.
func TestStartTakesADrainBack(t *testing.T) {
	for name, tags := range map[string]bool{"by the tag": true, "by what CML shows": false} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			more := map[string]any{"managed_tags": map[string]any{"enabled": tags}}
			l.actor("cml_worker_stop", more).Invoke(t.Context(), l.on(map[string]any{"drain": closes("ignore")}), nil).Fine(t)
			l.is("stopped", "stopped", true, "Stops soon", "Stops soon")
			l.actor("cml_worker_start", more).Invoke(t.Context(), l.unlicensed(nil), nil).Fine(t)
			l.untouched("started")
		})
	}
	t.Run("though CML is not ready", func(t *testing.T) {
		l := newLab(t)
		l.actor("cml_worker_stop", nil).Invoke(t.Context(), l.on(map[string]any{"drain": closes("ignore")}), nil).Fine(t)
		l.hold()
		got := l.actor("cml_worker_start", nil).Invoke(t.Context(), l.on(map[string]any{"readiness": map[string]any{"timeout": "1s"}}), nil)
		got.Blames(t, "readiness.timeout", "CML did not become ready")
		l.untouched("started")
	})
}

func TestStartLicense(t *testing.T) {
	for check, severity := range map[string]any{"off": nil, "warn": warning, "require": failure} {
		t.Run(check, func(t *testing.T) {
			l := newLab(t)
			l.stopOutside()
			got := l.actor("cml_worker_start", nil).Invoke(t.Context(), l.on(map[string]any{"license_check": check}), nil)
			switch severity {
			case nil:
				got.Fine(t)
			case warning:
				if !protocol.Has(got.Diagnostics, warning, "[license_check]") || protocol.Has(got.Diagnostics, failure, "") {
					t.Errorf("got\n%s", protocol.Show(got.Diagnostics))
				}
			case failure:
				got.Blames(t, "license_check", "no valid licence", "`license_check = \"warn\"`", "The worker runs")
			}
			if l.machine().State != "running" {
				t.Error("it does not run")
			}
		})
	}
}

func TestStartFaults(t *testing.T) {
	start := func(l *lab, arguments map[string]any) protocol.Invoked {
		return l.actor("cml_worker_start", nil).Invoke(t.Context(), l.unlicensed(arguments), nil)
	}
	stopped := func(t *testing.T) *lab {
		l := newLab(t)
		l.stopOutside()
		return l
	}
	t.Run("no permission", func(t *testing.T) {
		l := stopped(t)
		l.AWS.Deny(aws123, "ec2:StartInstances")
		start(l, nil).Blames(t, "", "Unable to start CML worker", "ec2:StartInstances")
	})
	t.Run("no capacity", func(t *testing.T) {
		l := stopped(t)
		l.fail("StartInstances", "InsufficientInstanceCapacity", "We currently do not have sufficient capacity.", http.StatusInternalServerError, 0)
		start(l, nil).Blames(t, "", "no capacity", "`capacity_retry = {", "invoke the action again")
		if l.calls().start != 1 || l.machine().State != "stopped" {
			t.Errorf("%s after %+v", l.machine().State, l.calls())
		}
	})
	t.Run("throttled", func(t *testing.T) {
		l := stopped(t)
		l.fail("StartInstances", "RequestLimitExceeded", "Request limit exceeded.", http.StatusServiceUnavailable, 2)
		start(l, nil).Fine(t)
	})
	t.Run("an answer that is lost", func(t *testing.T) {
		l := stopped(t)
		l.Faults.Add(wire.Rule{Service: "ec2", Operation: "StartInstances", Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
		start(l, nil).Fine(t)
	})
	t.Run("canceled", func(t *testing.T) {
		l := stopped(t)
		l.hold()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := l.actor("cml_worker_start", nil).Invoke(ctx, l.unlicensed(nil), func(message string) {
			if strings.Contains(message, "waiting for ready") {
				cancel()
			}
		})
		got.Blames(t, "", "cancelled", "Worker "+l.id+" is running now", "invoke the action again")
	})
	t.Run("out of time", func(t *testing.T) {
		l := stopped(t)
		l.hold()
		start(l, map[string]any{"timeout": "2s", "readiness": map[string]any{"timeout": "1h"}}).Blames(t, "timeout", "CML did not become ready", "Rungs passed: ", "Worker "+l.id+" is running now")
	})
	t.Run("not a secret in sight", func(t *testing.T) {
		l := stopped(t)
		l.CML.Machine(l.id).RegisterNow("", time.Time{})
		admin := cml.Credentials{Username: "admin", Password: "planted-pa55word"}
		more := map[string]any{"controller": map[string]any{"port": l.Port(), "username": admin.Username, "password": admin.Password, "tls": map[string]any{"trust": "insecure"}}}
		got := l.actor("cml_worker_start", more).Invoke(t.Context(), l.on(map[string]any{"readiness": map[string]any{"until": "healthy"}}), nil)
		got.Blames(t, "readiness", "refused")
		got.Hides(t, admin.Password)
	})
}
