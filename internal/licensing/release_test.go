package licensing_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

var (
	bestEffort = licensing.Policy{Mode: licensing.BestEffort, StartIfStopped: true}
	required   = licensing.Policy{Mode: licensing.Required, StartIfStopped: true}
)

func (l *lab) known() licensing.Known {
	return licensing.Known{Status: controller.LicenseRegistered, SmartAccount: "Example Smart Account", VirtualAccount: "Lab VA", UDI: l.machine().License().UDI}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.7.0", "2.9.1", "2.11.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, func(o *simulator.Options) { o.CML.Version = version })
			l.registered(licensing.Request{})
			out, err := l.release(licensing.Release{Policy: required})
			if err != nil || !out.Free || !out.Released || len(out.Notes) != 0 || l.counted() != 0 {
				t.Errorf("%+v, %v, %d counted", out, err, l.counted())
			}
			// Once more: nothing to do, and nothing asked for.
			l.Recorder.Reset()
			out, err = l.release(licensing.Release{Policy: required})
			if err != nil || !out.Free || out.Released || l.asked("DELETE /licensing/deregistration") != 0 {
				t.Errorf("the second time: %+v, %v", out, err)
			}
		})
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	l.Recorder.Reset()
	out, err := l.release(licensing.Release{Policy: licensing.Policy{Mode: licensing.Skip}})
	if err != nil || out.Free || len(l.Recorder.All()) > 1 || l.counted() != 1 {
		t.Errorf("%+v, %v, %v", out, err, l.Recorder.Operations(""))
	}
}

// HTTP 202: given up here, perhaps still counted there.
func TestUnconfirmed(t *testing.T) {
	t.Parallel()
	for _, how := range []licensing.Policy{bestEffort, required} {
		l := newLab(t)
		l.registered(licensing.Request{})
		l.machine().SetSSMSReachable(false)
		udi := l.machine().License().UDI
		out, err := l.release(licensing.Release{Policy: how})
		if err != nil || !out.Free || len(out.Notes) != 1 || l.counted() != 1 {
			t.Fatalf("%s: %+v, %v", how.Mode, out, err)
		}
		for _, word := range []string{"Example Smart Account", "Lab VA", udi, "could not tell"} {
			if !strings.Contains(out.Notes[0].Text, word) {
				t.Errorf("%q lacks %q", out.Notes[0].Text, word)
			}
		}
	}
}

// The two meanings of HTTP 400.
func TestNodesRunning(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	l.addLab()
	_, err := l.release(licensing.Release{Policy: required})
	wantText(t, err, "1 run", "Branch", "admin")
	if l.counted() != 1 || l.machine().RunningNodes() != 1 {
		t.Error("something was done all the same")
	}
	out, err := l.release(licensing.Release{Policy: bestEffort, Known: l.known()})
	if err != nil || len(out.Notes) != 1 || out.Free || l.machine().RunningNodes() != 1 {
		t.Fatalf("best effort: %+v, %v", out, err)
	}
	if text := out.Notes[0].Text; !strings.Contains(text, "Branch") || !strings.Contains(text, l.known().UDI) {
		t.Errorf("%q", text)
	}
	how := required
	how.StopLabs = true
	out, err = l.release(licensing.Release{Policy: how})
	if err != nil || !out.Released || l.counted() != 0 || l.machine().RunningNodes() != 0 {
		t.Errorf("with stop_labs: %+v, %v", out, err)
	}

	// Already de-registered between the look and the request.
	l.registered(licensing.Request{})
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "DELETE /licensing/deregistration", Times: 1,
		Fault: wire.Fault{Kind: wire.Error, Status: 400, Message: "The product has already been de-registered.", AfterEffect: true}})
	if out, err := l.release(licensing.Release{Policy: required}); err != nil || !out.Free {
		t.Errorf("%+v, %v", out, err)
	}
	// Refused for a reason that is neither.
	l.registered(licensing.Request{})
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "DELETE /licensing/deregistration", Times: 1,
		Fault: wire.Fault{Kind: wire.Error, Status: 400, Message: "Something else."}})
	_, err = l.release(licensing.Release{Policy: required})
	wantText(t, err, "Something else.")
}

// A stopped worker is started, released and stopped again if it stays.
func TestReleaseStopped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how           licensing.Policy
		stays, done   bool
		known         string
		state         string
		starts        int
		free, counted bool
		notes         int
		fails         bool
	}{
		"stays":                   {how: required, stays: true, known: controller.LicenseRegistered, state: "stopped", starts: 1, free: true},
		"goes":                    {how: required, known: controller.LicenseRegistered, state: "running", starts: 1, free: true},
		"best effort starts too":  {how: bestEffort, stays: true, known: controller.LicenseRegistered, state: "stopped", starts: 1, free: true},
		"not known":               {how: bestEffort, stays: true, state: "stopped", starts: 1, free: true},
		"required looks":          {how: required, stays: true, known: controller.LicenseUnregistered, state: "stopped", starts: 1, free: true},
		"known as free":           {how: bestEffort, known: controller.LicenseUnregistered, state: "stopped", free: true, counted: true},
		"released a moment ago":   {how: required, known: controller.LicenseRegistered, done: true, state: "stopped", free: true, counted: true},
		"may not start, required": {how: licensing.Policy{Mode: licensing.Required}, known: controller.LicenseRegistered, state: "stopped", counted: true, fails: true},
		"may not start":           {how: licensing.Policy{Mode: licensing.BestEffort}, known: controller.LicenseRegistered, state: "stopped", counted: true, notes: 1},
		"may not start, and free": {how: licensing.Policy{Mode: licensing.BestEffort}, known: controller.LicenseUnregistered, state: "stopped", counted: true, free: true},
		"skips":                   {how: licensing.Policy{Mode: licensing.Skip, StartIfStopped: true}, known: controller.LicenseRegistered, state: "stopped", counted: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.registered(licensing.Request{})
			l.stop()
			l.Recorder.Reset()
			known := licensing.Known{Status: c.known}
			out, err := l.release(licensing.Release{Policy: c.how, Stays: c.stays, Done: c.done, Known: known, Ours: true})
			if (err != nil) != c.fails || out.Free != c.free || len(out.Notes) != c.notes {
				t.Errorf("%+v, %v", out, err)
			}
			var own *licensing.Error
			if c.fails && (!errors.As(err, &own) || own.Argument != licensing.ArgumentStart) {
				t.Errorf("to blame is %+v", own)
			}
			if got := l.instance().State; got != c.state {
				t.Errorf("the worker is %s, want %s", got, c.state)
			}
			if n := l.Recorder.Count("ec2", "StartInstances"); n != c.starts {
				t.Errorf("%d starts", n)
			}
			if (l.counted() == 1) != c.counted {
				t.Errorf("%d counted", l.counted())
			}
		})
	}
}

// A worker that was started for a release that fails goes back to sleep.
func TestStoppedAgainAfterFailure(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	l.stop()
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "DELETE /licensing/deregistration", Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "no"}})
	_, err := l.release(licensing.Release{Policy: required})
	wantText(t, err, "the worker was left alone")
	if got := l.instance().State; got != "stopped" {
		t.Errorf("the worker is %s", got)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how   licensing.Policy
		known string
		fails bool
		notes int
	}{
		"required":                   {required, controller.LicenseRegistered, true, 0},
		"required, known as free":    {required, controller.LicenseUnregistered, true, 0},
		"best effort":                {bestEffort, controller.LicenseRegistered, false, 1},
		"best effort, not known":     {bestEffort, "", false, 1},
		"best effort, known as free": {bestEffort, controller.LicenseUnregistered, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.registered(licensing.Request{})
			known := l.known()
			known.Status = c.known
			if err := l.machine().HoldPhase(cml.Refused); err != nil {
				t.Fatal(err)
			}
			out, err := l.release(licensing.Release{Policy: c.how, Known: known})
			if (err != nil) != c.fails || len(out.Notes) != c.notes {
				t.Fatalf("%+v, %v", out, err)
			}
			if c.notes > 0 && !strings.Contains(out.Notes[0].Text, known.UDI) {
				t.Errorf("%q", out.Notes[0].Text)
			}
		})
	}
}

// A worker that was started for its release and answers nobody is out of reach
// half a minute after it passes its checks, and not before; one that stays is
// stopped again.
func TestStartedAndSilent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how    licensing.Policy
		stays  bool
		fails  bool
		checks string
		state  string
	}{
		"required":                   {how: required, fails: true, checks: "ok", state: "stopped"},
		"best effort, and stays":     {how: bestEffort, stays: true, checks: "ok", state: "stopped"},
		"best effort, and goes":      {how: bestEffort, checks: "ok", state: "running"},
		"boots for as long as it is": {how: bestEffort, stays: true, checks: "initializing", state: "stopped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.registered(licensing.Request{})
			known := l.known()
			l.stop()
			if err := l.machine().HoldPhase(cml.BlackHole); err != nil {
				t.Fatal(err)
			}
			health := aws.Health{System: c.checks, Instance: c.checks}
			l.AWS.Region(region).SetStatus(l.id, health)
			l.worker.Transport.ConnectTimeout = 20 * time.Millisecond
			boots := c.checks != "ok"
			if boots {
				// Ten times as long as the machine may be silent once it is up.
				time.AfterFunc(60*acctest.Pace, func() { _ = l.machine().ReleasePhase() })
			}
			out, err := l.release(licensing.Release{Policy: c.how, Known: known, Stays: c.stays})
			switch {
			case boots && (err != nil || !out.Released):
				t.Fatalf("%+v, %v", out, err)
			case boots:
			case (err != nil) != c.fails:
				t.Fatalf("%+v, %v", out, err)
			case c.fails && !fault.Is(err, fault.Unreachable):
				t.Errorf("kind %q", fault.KindOf(err))
			case c.fails:
				wantText(t, err, "nothing answers at", "the worker was left alone")
			case len(out.Notes) != 1 || !strings.Contains(out.Notes[0].Text, "nothing answers at") || !strings.Contains(out.Notes[0].Text, known.UDI):
				t.Errorf("%+v", out)
			}
			if got := l.instance().State; got != c.state {
				t.Errorf("the worker is %s", got)
			}
		})
	}
}

// A machine that is on its way is not out of reach before it passes its checks.
func TestReleaseWhileItBoots(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	l.AWS.Region(region).SetStatus(l.id, aws.Health{System: "ok", Instance: "initializing"})
	if err := l.machine().HoldPhase(cml.Refused); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(60*acctest.Pace, func() { _ = l.machine().ReleasePhase() })
	if out, err := l.release(licensing.Release{Policy: required}); err != nil || !out.Released {
		t.Errorf("%+v, %v", out, err)
	}
}

// Without credentials nobody can release; only what may be counted is a word.
func TestNoCredentials(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.worker.Credentials = func(controller.Settings) func(context.Context) (controller.Credentials, error) { return nil }
	for status, notes := range map[string]int{"": 0, controller.LicenseUnknown: 0, controller.LicenseUnregistered: 0, controller.LicenseEvaluation: 0, controller.LicenseRegistered: 1, controller.LicenseExpired: 1} {
		l.Recorder.Reset()
		out, err := l.release(licensing.Release{Policy: bestEffort, Known: licensing.Known{Status: status}})
		if err != nil || len(out.Notes) != notes {
			t.Errorf("%q: %+v, %v", status, out, err)
		}
		if n := l.Recorder.Count("cml", ""); n != 0 {
			t.Errorf("%q: %d requests to CML", status, n)
		}
	}
	_, err := l.release(licensing.Release{Policy: required})
	wantText(t, err, "no credentials")
}

func TestGone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for status, notes := range map[string]int{"": 0, controller.LicenseUnregistered: 0, controller.LicenseRegistered: 1} {
		out, err := l.worker.Release(t.Context(), nil, licensing.Release{Policy: required, Known: licensing.Known{Status: status, UDI: "udi-1"}})
		if err != nil || len(out.Notes) != notes || notes > 0 && !strings.Contains(out.Notes[0].Text, "udi-1") {
			t.Errorf("%q: %+v, %v", status, out, err)
		}
	}
}

// Ctrl-C ends a release as an error, also under best effort: what comes after
// it must not go on.
func TestReleaseInterrupted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	l.stop()
	l.Recorder.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The login takes long enough to be interrupted.
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "POST /authenticate", Times: 1, Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(5 * time.Second)}})
	go func() {
		for ctx.Err() == nil && l.asked("POST /authenticate") == 0 {
			<-l.tick()
		}
		cancel()
	}()
	in := l.instance()
	out, err := l.worker.Release(ctx, in, licensing.Release{Policy: bestEffort, Stays: true, Known: l.known()})
	if !fault.Is(err, fault.Canceled) || out.Free {
		t.Fatalf("%+v, %v", out, err)
	}
	l.eventually("the worker to be stopped again", func() bool { return l.instance().State == "stopped" })
	if out, err := l.release(licensing.Release{Policy: bestEffort, Stays: true, Known: l.known()}); err != nil || !out.Released || l.counted() != 0 {
		t.Errorf("the next run: %+v, %v", out, err)
	}
	if got := l.instance().State; got != "stopped" {
		t.Errorf("the worker is %s", got)
	}
}

// A run that was killed after it had started the worker leaves a mark, by which
// the next one stops the worker again.
func TestReleaseKilled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.worker.Instances = l.marking()
	l.registered(licensing.Request{})
	l.stop()
	// Killed right after the start: all that is left is what EC2 knows.
	l.Faults.Add(wire.Rule{Service: "ec2", Operation: "StopInstances", Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "no"}})
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "DELETE /licensing/deregistration", Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "no"}})
	_, err := l.release(licensing.Release{Policy: required, Stays: true})
	if err == nil {
		t.Fatal("no error")
	}
	wantText(t, err, "the worker was left alone", "could not be stopped again")
	if l.instance().State != "running" {
		t.Fatalf("the worker is %s", l.instance().State)
	}
	l.Faults.Clear()
	out, err := l.release(licensing.Release{Policy: required, Stays: true})
	if err != nil || !out.Released {
		t.Errorf("%+v, %v", out, err)
	}
	in := l.instance()
	if in.State != "stopped" {
		t.Errorf("the worker is %s", in.State)
	}
	for key := range in.Tags {
		if strings.Contains(key, "started-for-release") {
			t.Error("the mark is still there")
		}
	}
	if !slices.Contains(l.said, "stopping the worker again") {
		t.Errorf("%v", l.said)
	}
}

// CML counts nodes that no compute host reports as running, and some report none.
func TestNodesNotReported(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"null", "0"} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.registered(licensing.Request{})
			l.addLab()
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_stats", Fault: wire.Fault{Kind: wire.Garbage, ContentType: "application/json",
				Body: `{"computes": {"x": {"stats": {"dominfo": {"running_nodes": ` + number + `}}}}}`}})
			_, err := l.release(licensing.Release{Policy: required})
			wantText(t, err, "labs are started", "Branch", "admin")
			how := required
			how.StopLabs = true
			out, err := l.release(licensing.Release{Policy: how})
			if err != nil || !out.Released || l.counted() != 0 || l.machine().RunningNodes() != 0 {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
}

// A CML that has nothing to give back and goes on trying is no failure, and is
// not passed over.
func TestReleaseWhileRetrying(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.CML.SSMS().SetReachable(false)
	if _, err := l.register(licensing.Request{Token: token}); err == nil {
		t.Fatal("registered without a way to Cisco")
	}
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "DELETE /licensing/deregistration",
		Fault: wire.Fault{Kind: wire.Error, Status: 400, Message: "The product has already been de-registered."}})
	out, err := l.release(licensing.Release{Policy: required, Known: l.known()})
	if err != nil || !out.Free || out.Released || len(out.Notes) != 1 || !strings.Contains(out.Notes[0].Text, "goes on trying") {
		t.Errorf("%+v, %v", out, err)
	}
}

// A registration that failed is nothing to give back, unless there was one before it.
func TestReleaseAfterFailure(t *testing.T) {
	t.Parallel()
	for status, notes := range map[string]int{"": 0, controller.LicenseUnregistered: 0, controller.LicenseRegistered: 1} {
		l := newLab(t)
		l.CML.SSMS().RejectToken(token)
		if _, err := l.register(licensing.Request{Token: token}); err == nil {
			t.Fatal("a bad token is good")
		}
		out, err := l.release(licensing.Release{Policy: required, Known: licensing.Known{Status: status, UDI: "udi-1"}})
		if err != nil || !out.Free || out.Released || len(out.Notes) != notes {
			t.Errorf("%q: %+v, %v", status, out, err)
		}
	}
}

// A registration that only a person can return is left to that person.
func TestReservation(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /licensing", Fault: wire.Fault{Kind: wire.Garbage, ContentType: "application/json",
		Body: `{"reservation_mode": true, "registration": {"status": "COMPLETED"}, "authorization": {"status": "IN_COMPLIANCE"}}`}})
	_, err := l.release(licensing.Release{Policy: required, Ours: true})
	wantText(t, err, "reservation mode")
	_, err = l.register(licensing.Request{Token: token})
	wantText(t, err, "reservation mode")
	if l.asked("DELETE /licensing/deregistration") != 0 || l.asked("POST /licensing/registration") != 1 {
		t.Error("it was changed all the same")
	}
}

// Who never looked knows the UDI by the tag of whoever registered.
func TestHolderFromTag(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.worker.Instances = l.marking()
	l.registered(licensing.Request{})
	udi := l.machine().License().UDI
	if err := l.machine().HoldPhase(cml.Refused); err != nil {
		t.Fatal(err)
	}
	out, err := l.release(licensing.Release{Policy: bestEffort, Stays: true})
	if err != nil || len(out.Notes) != 1 || !strings.Contains(out.Notes[0].Text, udi) {
		t.Errorf("%+v, %v", out, err)
	}
	if l.instance().Tags["cml:license-udi"] != udi {
		t.Error("what is counted still is forgotten")
	}
}

// What CML does not tell of who is counted comes from what was known before.
func TestHolderFromBefore(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	l.machine().SetSSMSReachable(false)
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /licensing", Times: 1, Fault: wire.Fault{Kind: wire.Garbage, ContentType: "application/json",
		Body: `{"registration": {"status": "COMPLETED"}, "authorization": {"status": "IN_COMPLIANCE"}}`}})
	known := licensing.Known{Status: controller.LicenseRegistered, UDI: "udi-of-before", SmartAccount: "account of before"}
	out, err := l.release(licensing.Release{Policy: required, Known: known, Ours: true})
	if err != nil || len(out.Notes) != 1 || !strings.Contains(out.Notes[0].Text, "udi-of-before") || !strings.Contains(out.Notes[0].Text, "account of before") {
		t.Errorf("%+v, %v", out, err)
	}
}
