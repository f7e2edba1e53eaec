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

const stopLab = "PUT /labs/{lab_id}/stop"

// stopsLabs invokes the action.
func (l *lab) stopsLabs(arguments map[string]any) protocol.Invoked {
	l.t.Helper()
	return l.actor("cml_worker_stop_labs", nil).Invoke(l.t.Context(), l.on(arguments), nil)
}

func (l *lab) nodes() int {
	l.t.Helper()
	return l.CML.Machine(l.id).RunningNodes()
}

func TestStopLabsAction(t *testing.T) {
	l := newLab(t)
	l.CML.Machine(l.id).AddUser(cml.Credentials{Username: "bob", Password: "bobs-password"}, false)
	l.addLab(cml.Lab{Title: "ours"})
	l.addLab(cml.Lab{Title: "his", Owner: "bob"})
	plan := l.actor("cml_worker_stop_labs", nil).Plan(l.on(nil))
	if !protocol.Has(plan.Diagnostics, warning, "4 nodes run") || !protocol.Has(plan.Diagnostics, warning, "stops the labs of all users") {
		t.Errorf("the plan says\n%s", protocol.Show(plan.Diagnostics))
	}
	l.Recorder.Reset()
	got := l.stopsLabs(nil)
	got.Fine(t)
	got.Told(t, "labs still stopping", "2 labs on worker "+l.id+" stopped")
	if n := l.nodes(); n != 0 || l.Recorder.Count("cml", stopLab) != 2 || l.machine().State != "running" || l.calls() != (calls{}) {
		t.Errorf("%d nodes run after %d stops, the machine is %s", n, l.Recorder.Count("cml", stopLab), l.machine().State)
	}
	got = l.stopsLabs(nil)
	got.Fine(t)
	got.Told(t, "no lab runs on worker "+l.id+"; nothing was stopped")
	l.stopOutside()
	got = l.stopsLabs(nil)
	got.Fine(t)
	got.Told(t, "is stopped, so that none of its labs runs")
}

// Nodes that end in time are not stopped.
func TestStopLabsWaits(t *testing.T) {
	l := newLab(t)
	lab := l.addLab(cml.Lab{Title: "ospf"})
	l.Recorder.Reset()
	got := l.actor("cml_worker_stop_labs", nil).Invoke(t.Context(), l.on(map[string]any{"wait_for_idle": "5m"}), func(message string) {
		if strings.Contains(message, "nodes still run") {
			l.CML.Machine(l.id).RemoveLab(lab)
		}
	})
	got.Fine(t)
	got.Told(t, "2 nodes still run", "no lab runs")
	if l.Recorder.Count("cml", stopLab) > 0 {
		t.Error("a lab was stopped")
	}
}

func TestStopLabsFaults(t *testing.T) {
	t.Run("labs that stay", func(t *testing.T) {
		l := newLab(t)
		l.addLab(cml.Lab{Title: "willing"})
		stubborn := l.addLab(cml.Lab{Title: "stubborn", Stubborn: true})
		got := l.stopsLabs(map[string]any{"timeout": "2s"})
		got.Blames(t, "timeout", "Unable to stop the labs", "labs do not stop within", `"stubborn" of admin`, stubborn, "invoke the action again")
		if protocol.Has(got.Diagnostics, failure, "willing") {
			t.Errorf("one that stopped is named:\n%s", protocol.Show(got.Diagnostics))
		}
	})
	t.Run("no administrator", func(t *testing.T) {
		l := newLab(t)
		jane := cml.Credentials{Username: "jane", Password: "correct horse"}
		l.CML.Machine(l.id).AddUser(jane, false)
		l.addLab(cml.Lab{Title: "his"})
		more := map[string]any{"controller": map[string]any{"port": l.Port(), "username": jane.Username, "password": jane.Password, "tls": map[string]any{"trust": "insecure"}}}
		got := l.actor("cml_worker_stop_labs", more).Invoke(t.Context(), l.on(nil), nil)
		got.Blames(t, "", "2 nodes run though all labs were stopped")
		if n := l.nodes(); n != 2 {
			t.Errorf("%d nodes run", n)
		}
	})
	t.Run("no account", func(t *testing.T) {
		l := newLab(t)
		more := map[string]any{"controller": map[string]any{"port": l.Port()}}
		l.actor("cml_worker_stop_labs", more).Invoke(t.Context(), l.on(nil), nil).Blames(t, "", "no credentials for CML")
	})
	t.Run("through trouble", func(t *testing.T) {
		l := newLab(t)
		l.addLab(cml.Lab{Title: "ospf"})
		l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /labs/{lab_id}/check_if_converged", Times: 2, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusBadGateway}})
		l.stopsLabs(nil).Fine(t)
	})
	t.Run("canceled", func(t *testing.T) {
		l := newLab(t)
		l.addLab(cml.Lab{Title: "stubborn", Stubborn: true})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := l.actor("cml_worker_stop_labs", nil).Invoke(ctx, l.on(nil), func(message string) {
			if strings.Contains(message, "labs still stopping") {
				cancel()
			}
		})
		got.Blames(t, "", "go on stopping", "Worker "+l.id+" is running now", "invoke the action again")
	})
	t.Run("too long a wait", func(t *testing.T) {
		protocol.Invoked{Diagnostics: protocol.Unconfigured(t).Action("cml_worker_stop_labs").Validate(map[string]any{
			"worker_id": "i-0123456789abcdef0", "wait_for_idle": "1h",
		})}.Blames(t, "wait_for_idle", "the default of timeout")
	})
}

// maintains invokes the action.
func (l *lab) maintains(on bool, notice any) protocol.Invoked {
	l.t.Helper()
	return l.actor("cml_worker_maintenance", nil).Invoke(l.t.Context(), l.on(map[string]any{"enabled": on, "notice": notice}), nil)
}

func TestMaintenanceAction(t *testing.T) {
	l := newLab(t)
	// What CML does not find is not the worker.
	l.Faults.Add(wire.Rule{Service: "cml", Operation: setMaintenance, Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusNotFound, Message: "no such page"}})
	l.maintains(true, nil).Blames(t, "", "no such page")
	for range 2 { // the second time changes nothing
		got := l.maintains(true, nil)
		got.Fine(t)
		got.Told(t, "the maintenance mode of CML on worker "+l.id+" is on")
		l.is("on", "running", true, "This server is in maintenance", "This server is in maintenance")
	}
	l.maintains(true, "Upgrade to 2.9").Fine(t)
	l.is("in other words", "running", true, "Upgrade to 2.9", "Upgrade to 2.9")

	// It is no drain: a stop and a start do not end it.
	l.actor("cml_worker_stop", nil).Invoke(t.Context(), l.on(map[string]any{"drain": closes("ignore")}), nil).Fine(t)
	l.actor("cml_worker_start", nil).Invoke(t.Context(), l.unlicensed(nil), nil).Fine(t)
	l.is("started", "running", true, "Upgrade to 2.9", "Upgrade to 2.9")

	for range 2 {
		got := l.maintains(false, nil)
		got.Fine(t)
		got.Told(t, "is off")
		l.untouched("off")
	}
}

// What a drain has left goes, with its tag; what a person has switched on stays.
func TestMaintenanceOff(t *testing.T) {
	t.Run("a drain's", func(t *testing.T) {
		l := newLab(t)
		l.actor("cml_worker_stop", nil).Invoke(t.Context(), l.on(map[string]any{"drain": closes("ignore")}), nil).Fine(t)
		l.AWS.Region(home).SetTags(l.id, map[string]string{drainTag: l.machine().Tags[drainTag]})
		l.startOutside()
		l.eventually("CML to be ready", func() bool { return l.CML.Machine(l.id).Phase() == cml.Ready })
		l.maintains(false, nil).Fine(t)
		l.untouched("off")
	})
	t.Run("a person's", func(t *testing.T) {
		l := newLab(t)
		l.CML.Machine(l.id).SetMaintenance(true, "Disk exchange")
		l.maintains(true, nil).Fine(t)
		l.is("on", "running", true, "Disk exchange", "Disk exchange")
		got := l.maintains(false, nil)
		if !protocol.Has(got.Diagnostics, warning, "[maintenance_stays]") || protocol.Has(got.Diagnostics, failure, "") {
			t.Errorf("got\n%s", protocol.Show(got.Diagnostics))
		}
		l.is("off", "running", true, "Disk exchange", "Disk exchange")
	})
}

func TestMaintenanceFaults(t *testing.T) {
	t.Run("not running", func(t *testing.T) {
		l := newLab(t)
		l.stopOutside()
		l.maintains(true, nil).Blames(t, "worker_id", "is stopped", "cml_worker_start")
	})
	t.Run("no administrator", func(t *testing.T) {
		l := newLab(t)
		jane := cml.Credentials{Username: "jane", Password: "correct horse"}
		l.CML.Machine(l.id).AddUser(jane, false)
		more := map[string]any{"controller": map[string]any{"port": l.Port(), "username": jane.Username, "password": jane.Password, "tls": map[string]any{"trust": "insecure"}}}
		l.actor("cml_worker_maintenance", more).Invoke(t.Context(), l.on(map[string]any{"enabled": true}), nil).Blames(t, "", "Unable to change the maintenance mode", "administrator rights")
	})
	t.Run("an answer that is lost", func(t *testing.T) {
		l := newLab(t)
		l.Faults.Add(wire.Rule{Service: "cml", Operation: setMaintenance, Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
		l.Faults.Add(wire.Rule{Service: "cml", Operation: "POST /system/notices", Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
		l.maintains(true, "Upgrade").Fine(t)
		l.is("on", "running", true, "Upgrade", "Upgrade")
	})
	t.Run("out of time", func(t *testing.T) {
		l := newLab(t)
		l.phase(cml.Refused)
		began := time.Now()
		got := l.actor("cml_worker_maintenance", nil).Invoke(t.Context(), l.on(map[string]any{"enabled": true}), nil)
		got.Blames(t, "", "refused the connection")
		if time.Since(began) > time.Minute {
			t.Error("it has more patience than a drain")
		}
	})
	t.Run("a notice of nothing", func(t *testing.T) {
		a := protocol.Unconfigured(t).Action("cml_worker_maintenance")
		config := map[string]any{"worker_id": "i-0123456789abcdef0", "enabled": false, "notice": "Soon"}
		protocol.Invoked{Diagnostics: a.Validate(config)}.Blames(t, "notice", "Leave `notice` out")
		config["enabled"] = protocol.Unknown{}
		protocol.Invoked{Diagnostics: a.Validate(config)}.Fine(t)
		delete(config, "enabled")
		config["notice"] = strings.Repeat("x", 129)
		config["enabled"] = true
		protocol.Invoked{Diagnostics: a.Validate(config)}.Blames(t, "notice")
	})
}
