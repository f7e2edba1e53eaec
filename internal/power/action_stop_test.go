package power_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// stops invokes the action.
func (l *lab) stops(arguments map[string]any) protocol.Invoked {
	l.t.Helper()
	return l.actor("cml_worker_stop", nil).Invoke(l.t.Context(), l.on(arguments), nil)
}

// slowStop makes a stop take that long.
func slowStop(d time.Duration) func(*simulator.Options) {
	return func(o *simulator.Options) {
		o.Timing = simulator.Quick()
		o.Timing.AWS.Stopping = d
	}
}

func TestStopAction(t *testing.T) {
	l := newLab(t, slowStop(500*time.Millisecond))
	got := l.stops(map[string]any{"mode": "force"})
	got.Fine(t)
	got.Told(t, "stopping "+l.id, "is stopping after", "is stopped after", "worker "+l.id+" is stopped")
	if m := l.machine(); m.State != "stopped" || m.Tags[reasonTag] != "manual" {
		t.Errorf("it is %s, its tags are %v", m.State, m.Tags)
	}
	for _, r := range l.Recorder.All() {
		if r.Operation == "StopInstances" && r.Params.Get("Force") != "true" {
			t.Error("it was not forced")
		}
	}
	// Once more: a success that says so.
	l.Recorder.Reset()
	got = l.stops(map[string]any{"drain": closes("fail"), "recheck_idle": map[string]any{}})
	got.Fine(t)
	got.Told(t, "is stopped already; nothing was stopped")
	if l.calls() != (calls{}) || l.Recorder.Count("cml", "") > 0 {
		t.Errorf("EC2 was asked %+v", l.calls())
	}
}

func TestStopActionInOrder(t *testing.T) {
	l := newLab(t)
	l.CML.Machine(l.id).RegisterNow("", time.Time{})
	l.CML.Machine(l.id).AddEvent(cml.Event{Category: "stop_lab", Time: time.Now().Add(-2 * time.Hour)})
	l.addLab(cml.Lab{Title: "ospf"})
	l.CML.Machine(l.id).AddEvent(cml.Event{Category: "stop_lab", Time: time.Now().Add(-2 * time.Hour)})
	l.Recorder.Reset()
	const stopLab, deregister = "PUT /labs/{lab_id}/stop", "DELETE /licensing/deregistration"
	got := l.stops(map[string]any{"drain": closes("stop_labs"), "release_license": true})
	got.Fine(t)
	got.Told(t, "nodes still run", "labs still stopping", "stopping "+l.id, "goes with the next start")
	if got, want := l.order(setMaintenance, stopLab, deregister, "StopInstances"), []string{setMaintenance, stopLab, deregister, "StopInstances"}; !slices.Equal(got, want) {
		t.Errorf("order: %q, want %q", got, want)
	}
	l.is("stopped", "stopped", true, "Stops soon", "Stops soon")
	if _, ok := l.machine().Tags[drainTag]; !ok {
		t.Error("no tag tells the next one who starts it")
	}
}

// protect switches the stop protection on.
func (l *lab) protect() {
	l.t.Helper()
	_, err := l.ec2.ModifyInstanceAttribute(context.Background(), &ec2.ModifyInstanceAttributeInput{InstanceId: &l.id, DisableApiStop: &types.AttributeBooleanValue{Value: sdk.Bool(true)}})
	if err != nil {
		l.t.Fatal(err)
	}
}

// Each refusal comes before anybody was told, and blames its argument.
func TestStopRefusals(t *testing.T) {
	busy := func(l *lab) { l.addLab(cml.Lab{Title: "ospf"}) }
	for name, c := range map[string]struct {
		before    func(*lab)
		arguments map[string]any
		at        string
		words     []string
	}{
		"busy":      {busy, map[string]any{"drain": closes("fail")}, "drain.on_busy", []string{"Unable to drain CML worker", "2 nodes run", "`drain.on_busy` is `fail`", `"ospf"`}},
		"active":    {busy, map[string]any{"recheck_idle": map[string]any{}}, "recheck_idle", []string{"CML worker is not idle", "2 nodes run", "Nothing was done"}},
		"protected": {(*lab).protect, map[string]any{"drain": closes("ignore")}, "worker_id", []string{"stop protection", "protection = { stop = false }"}},
		"one-time spot": {func(l *lab) {
			l.id = l.launch(func(in *ec2.RunInstancesInput) {
				in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
			})
		}, map[string]any{"drain": closes("ignore")}, "worker_id", []string{"one-time spot", "persistent request"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			c.before(l)
			l.stops(c.arguments).Blames(t, c.at, c.words...)
			l.untouched("refused")
			if l.calls().stop > 0 || name != "busy" && l.Recorder.Count("cml", setMaintenance) > 0 {
				t.Errorf("EC2 was asked %+v, and users were told %d times", l.calls(), l.Recorder.Count("cml", setMaintenance))
			}
		})
	}
}

func TestStopPlan(t *testing.T) {
	l := newLab(t)
	plan := func(arguments map[string]any) protocol.Invoked {
		return protocol.Invoked{Diagnostics: l.actor("cml_worker_stop", nil).Plan(l.on(arguments)).Diagnostics}
	}
	plan(nil).Fine(t)
	l.addLab(cml.Lab{Title: "ospf"})
	got := plan(map[string]any{"mode": "skip_os_shutdown", "drain": closes("stop_labs")})
	for _, want := range []string{"`mode` is `skip_os_shutdown`", "2 nodes run", "this action stops it", "By `drain.on_busy` the labs of all users"} {
		if !protocol.Has(got.Diagnostics, warning, want) {
			t.Errorf("no warning holds %q:\n%s", want, protocol.Show(got.Diagnostics))
		}
	}
	if protocol.Has(got.Diagnostics, failure, "") || l.calls().stop > 0 {
		t.Errorf("got\n%s", protocol.Show(got.Diagnostics))
	}
	l.protect()
	plan(nil).Blames(t, "worker_id", "stop protection is on")
	l.id = l.launch(func(in *ec2.RunInstancesInput) {
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
	})
	plan(nil).Blames(t, "worker_id", "one-time spot")
	protocol.Invoked{Diagnostics: l.actor("cml_worker_stop", nil).Validate(l.on(map[string]any{"timeout": "5m", "drain": map[string]any{"wait_for_idle": "10m"}}))}.Blames(t,
		"drain.wait_for_idle", "timeout ends the whole operation after 5m")
}

func TestStopFaults(t *testing.T) {
	t.Run("no permission", func(t *testing.T) {
		l := newLab(t)
		l.AWS.Deny(aws123, "ec2:StopInstances")
		l.stops(map[string]any{"drain": closes("ignore")}).Blames(t, "", "Unable to stop CML worker", "ec2:StopInstances")
		l.untouched("refused")
	})
	t.Run("throttled", func(t *testing.T) {
		l := newLab(t)
		l.fail("StopInstances", "RequestLimitExceeded", "Request limit exceeded.", http.StatusServiceUnavailable, 2)
		l.stops(nil).Fine(t)
	})
	t.Run("an answer that is lost", func(t *testing.T) {
		l := newLab(t)
		l.Faults.Add(wire.Rule{Service: "ec2", Operation: "StopInstances", Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
		l.stops(nil).Fine(t)
	})
	t.Run("no tags", func(t *testing.T) {
		l := newLab(t)
		l.AWS.Deny(aws123, "ec2:CreateTags")
		got := l.stops(nil)
		if !protocol.Has(got.Diagnostics, warning, "[tags_incomplete]") || protocol.Has(got.Diagnostics, failure, "") || l.machine().State != "stopped" {
			t.Errorf("%s:\n%s", l.machine().State, protocol.Show(got.Diagnostics))
		}
	})
	t.Run("canceled while nodes are waited for", func(t *testing.T) {
		l := newLab(t)
		l.addLab(cml.Lab{Title: "ospf"})
		drain := closes("ignore")
		drain["wait_for_idle"] = "10m"
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got := l.actor("cml_worker_stop", nil).Invoke(ctx, l.on(map[string]any{"drain": drain}), func(message string) {
			if strings.Contains(message, "nodes still run") {
				cancel()
			}
		})
		got.Blames(t, "drain", "was not stopped", "Worker "+l.id+" is running now", "invoke the action again")
		l.untouched("canceled")
	})
	t.Run("out of time", func(t *testing.T) {
		l := newLab(t, slowStop(time.Minute))
		l.stops(map[string]any{"timeout": "1s"}).Blames(t, "timeout", "Unable to stop CML worker", "Worker "+l.id+" is stopping now", "a longer `timeout`")
	})
}
