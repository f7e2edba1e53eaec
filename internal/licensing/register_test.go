package licensing_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func ptr[T any](v T) *T { return &v }

// A registration from nothing, and a second run that finds all done.
func TestRegister(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{"204 and PUT": "2.9.1", "bodies and PATCH": "2.11.0", "oldest": "2.7.0", "2.8": "2.8.1", "2.10": "2.10.0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, func(o *simulator.Options) { o.CML.Version = version })
			l.CML.SSMS().AddToken(token, 1)
			req := licensing.Request{
				Product: "CML_Enterprise", Token: token, ExtraNodes: ptr(50),
				Transport: &controller.LicenseTransport{SSMS: "https://ssm.example.net/SmartTransport", ProxyServer: "proxy.example.net", ProxyPort: 3128},
			}
			result := l.registered(req)
			if !result.Licensing.Valid() || !result.Touched || result.Adopted || result.Inherited {
				t.Errorf("%+v", result)
			}
			got := result.Licensing
			if f, _ := got.NodeFeature(); f.InUse != 50 {
				t.Errorf("%d extra nodes", f.InUse)
			}
			if n, ok := licensing.NodeLimit(got); !ok || n != 70 {
				t.Errorf("node limit %d", n)
			}
			if got.Transport.SSMS != req.Transport.SSMS || got.Transport.Proxy.Server != "proxy.example.net" || got.Transport.Proxy.Port != 3128 {
				t.Errorf("transport %+v", got.Transport)
			}
			if end := licensing.ExpiresAt(got); time.Until(end) < 80*24*time.Hour || time.Until(end) > 91*24*time.Hour {
				t.Errorf("expires at %s, want the authorization's 90 days", end)
			}
			l.Recorder.Reset()
			if again := l.registered(req); !again.Adopted || !again.Touched {
				t.Errorf("the second run: %+v", again)
			}
			for _, r := range l.Recorder.All() {
				if r.Service == "cml" && !strings.HasPrefix(r.Operation, "GET ") && r.Operation != "POST /authenticate" {
					t.Errorf("the second run asked for %s", r.Operation)
				}
			}
			l.silent(result, nil)
		})
	}
}

// Another product, and one that is registered already.
func TestProduct(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{Product: "CML_Personal"})
	if got := l.machine().License(); got.Product != "CML_Personal" {
		t.Errorf("%+v", got)
	}
	_, err := l.register(licensing.Request{Product: enterprise, Token: token})
	wantText(t, err, "CML_Personal", "CML_Enterprise", "Lab VA")
	if l.asked("DELETE /licensing/deregistration") != 0 {
		t.Error("it was de-registered all the same")
	}
	l.registered(licensing.Request{Product: enterprise, Reregister: true})
	if got := l.machine().License(); got.Product != enterprise || got.Registration != "COMPLETED" || l.counted() != 1 {
		t.Errorf("%+v, %d counted", got, l.counted())
	}
	// Nodes beyond what CML takes are refused before a token is used.
	if _, err := l.release(licensing.Release{}); err != nil {
		t.Fatal(err)
	}
	l.Recorder.Reset()
	_, err = l.register(licensing.Request{Token: token, ExtraNodes: ptr(100000)})
	wantText(t, err, "0 to 500", "100000")
	_, err = l.register(licensing.Request{Product: "CML_Personal", Token: token, ExtraNodes: ptr(5)})
	wantText(t, err, "CML_Personal", "no expansion nodes")
	if l.asked("POST /licensing/registration") != 0 {
		t.Error("the token was used")
	}
}

// The way to Cisco is changed where it differs, and only there.
func TestTransport(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for n, c := range []struct {
		transport controller.LicenseTransport
		changes   int
	}{
		{controller.LicenseTransport{}, 0},
		{controller.LicenseTransport{ProxyServer: "a.example.net", ProxyPort: 3128}, 1},
		{controller.LicenseTransport{ProxyServer: "a.example.net", ProxyPort: 3128}, 0},
		{controller.LicenseTransport{ProxyServer: "a.example.net", ProxyPort: 3129}, 1},
		{controller.LicenseTransport{ProxyServer: "b.example.net", ProxyPort: 3129}, 1},
		{controller.LicenseTransport{SSMS: "https://ssm.example.net/x", ProxyServer: "b.example.net", ProxyPort: 3129}, 1},
		{controller.LicenseTransport{}, 1},
	} {
		l.Recorder.Reset()
		l.registered(licensing.Request{Transport: &c.transport})
		if got := l.asked("PUT /licensing/transport"); got != c.changes {
			t.Errorf("step %d: %d changes, want %d", n, got, c.changes)
		}
	}
}

// Another product of a server that is ours: what was given back without Cisco
// hearing of it is told, and where the rest fails there is nothing to give back.
func TestProductHalfWay(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.machine().RegisterNow("CML_Personal", time.Now().Add(-10*time.Second))
	l.machine().SetSSMSReachable(false)
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "PUT /licensing/product_license", Fault: wire.Fault{Kind: wire.Error, Status: 403}})
	result, err := l.register(licensing.Request{Token: token, Ours: true, Again: true})
	if err == nil || result.Touched || result.Begun || len(result.Notes) != 1 || !strings.Contains(result.Notes[0].Text, "could not tell") {
		t.Errorf("%+v, %v", result, err)
	}
	if n := l.asked("POST /licensing/registration"); n != 0 {
		t.Errorf("the token was used %d times", n)
	}
}

// A product without expansion nodes takes none of them, and nothing is asked for.
func TestNoExpansionNodes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{Product: "CML_Personal", ExtraNodes: ptr(0)})
	if n := l.asked("PATCH /licensing/features"); n != 0 {
		t.Errorf("%d changes", n)
	}
}

// reregister is sent where there is something to register anew, and only there.
func TestReregisterFlag(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for n, want := range []string{`"reregister":false`, `"reregister":true`} {
		l.Recorder.Reset()
		l.registered(licensing.Request{Again: n == 1, Ours: true})
		sent := ""
		for _, r := range l.Recorder.All() {
			if r.Operation == "POST /licensing/registration" {
				sent += string(r.Body)
			}
		}
		if !strings.Contains(sent, want) {
			t.Errorf("step %d: sent %s", n, sent)
		}
	}
}

// What a registration that fails has come to is in its result: whether there is
// something to give back, and what was read last.
func TestFailedResult(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		registered bool
		fault      wire.Rule
		touched    bool
	}{
		"refused, ours before":     {true, wire.Rule{Operation: "POST /licensing/registration"}, true},
		"refused, nothing before":  {false, wire.Rule{Operation: "POST /licensing/registration"}, false},
		"not to be looked at then": {false, wire.Rule{Operation: "GET /licensing", Skip: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			if c.registered {
				l.machine().RegisterNow(enterprise, time.Now().Add(-10*time.Second))
			}
			c.fault.Service, c.fault.Fault = "cml", wire.Fault{Kind: wire.Error, Status: 403}
			l.Faults.Add(c.fault)
			result, err := l.register(licensing.Request{Token: token, Ours: true, Again: true})
			if err == nil || result.Touched != c.touched || result.Licensing.ProductLicense.Active != enterprise || result.Fresh == c.registered {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

// What stands in the way for a moment is passed, once each.
func TestRegisterPasses(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]wire.Fault{
		"busy": {Kind: wire.Error, Status: 409}, "throttled": {Kind: wire.Error, Status: 429}, "refused": {Kind: wire.Garbage, Status: 503, Body: "<html>"},
		"error": {Kind: wire.Error, Status: 500}, "lost": {Kind: wire.Drop},
	} {
		for _, operation := range []string{"POST /licensing/registration", "GET /licensing", "PATCH /licensing/features"} {
			if name == "busy" && operation == "GET /licensing" {
				continue // no look is ever in the way of another one
			}
			l := newLab(t)
			l.CML.SSMS().AddToken(token, 1)
			l.Faults.Add(wire.Rule{Service: "cml", Operation: operation, Times: 2, Fault: f})
			l.registered(licensing.Request{ExtraNodes: ptr(3)})
			if all := l.CML.SSMS().Registrations(); len(all) != 1 || all[0].Nodes != 3 || l.Faults.Pending() != 0 && f.Kind != wire.Drop {
				t.Errorf("%s at %s: %+v", name, operation, all)
			}
		}
	}
}

// A registration of the same product is taken over, and made anew when asked.
func TestAdoptAndAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.machine().RegisterNow(enterprise, time.Time{})
	result, err := l.register(licensing.Request{}) // no token
	if err != nil || !result.Adopted || l.asked("POST /licensing/registration") != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	_, err = l.register(licensing.Request{Again: true})
	wantText(t, err, "no registration token")
	l.registered(licensing.Request{Again: true})
	all := l.CML.SSMS().Registrations()
	if len(all) != 1 || all[0].Times != 2 {
		t.Errorf("%+v", all)
	}
}

func TestRegisterFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set   func(*lab)
		kind  fault.Kind
		words []string
		// state: something may be left to give back.
		touched bool
	}{
		"bad token": {func(l *lab) { l.CML.SSMS().RejectToken(token) }, fault.Invalid, []string{"FAILED", "is not valid"}, true},
		"bad token, agent retries": {func(l *lab) {
			l.CML.SSMS().RejectToken(token)
			l.machine().Switch(func(s *cml.Switches) { s.BadTokenRetries = true })
		}, fault.Invalid, []string{"RETRY_IN_PROGRESS", "is not valid"}, true},
		"no way to Cisco": {func(l *lab) { l.CML.SSMS().SetReachable(false) }, fault.Unreachable, []string{"RETRY_IN_PROGRESS", "Communication"}, true},
		"no administrator": {func(l *lab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "POST /licensing/registration", Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "for " + token}})
		}, fault.PermissionDenied, nil, false},
		"refused token": {func(l *lab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "POST /licensing/registration", Fault: wire.Fault{Kind: wire.Error, Status: 400, Message: "token " + token}})
		}, fault.Invalid, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c.set(l)
			result, err := l.register(licensing.Request{Token: token})
			wantText(t, err, c.words...)
			if fault.KindOf(err) != c.kind || result.Touched != c.touched || !result.Fresh {
				t.Errorf("kind %q, %+v", fault.KindOf(err), result)
			}
			l.silent(result, err)
			if l.counted() != 0 {
				t.Error("something is counted")
			}
		})
	}
}

// A good token mends what a bad one has left.
func TestRegisterAfterFailure(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.CML.SSMS().AddToken(token, 1)
	if _, err := l.register(licensing.Request{Token: "wrong-one-of-a-test-that-is-long"}); err == nil {
		t.Fatal("a wrong token is good")
	}
	l.registered(licensing.Request{})
	if l.counted() != 1 {
		t.Error("not counted")
	}
}

// The end of the evaluation period is nothing that is counted, and nothing that
// ends a registration whose authorization follows.
func TestEvaluationHasEnded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.machine().SetAuthorizationStatus("EVAL_EXPIRED")
	look, err := l.worker.Look(t.Context(), l.instance())
	if known := licensing.KnownFrom(look); err != nil || known.Counted() {
		t.Errorf("%+v is counted, %v", known, err)
	}
	if result := l.registered(licensing.Request{}); !result.Licensing.Valid() {
		t.Errorf("%+v", result)
	}
}

func TestOutOfCompliance(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.CML.SSMS().SetCapacity(0, 0)
	result := l.registered(licensing.Request{})
	if !result.OutOfCompliance || result.Licensing.Valid() || controller.LicenseStatus(result.Licensing) != controller.LicenseInvalid {
		t.Errorf("%+v", result)
	}
}

// Values that nobody knows keep the wait going, until its end.
func TestUnknownStatus(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.machine().SetRegistrationStatus("SOMETHING_NEW")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := l.worker.Register(ctx, l.instance(), licensing.Request{Product: enterprise, Token: token})
		done <- err
	}()
	l.eventually("the registration", func() bool { return l.asked("POST /licensing/registration") > 0 })
	l.machine().Switch(func(s *cml.Switches) { s.RegistrationStatus = "HALF_DONE" })
	l.eventually("the status", func() bool { return l.machine().License().Registration == "HALF_DONE" })
	seen := l.asked("GET /licensing")
	l.eventually("five more looks", func() bool { return l.asked("GET /licensing") > seen+5 })
	cancel()
	err := <-done
	wantText(t, err, "HALF_DONE")
	if !fault.Is(err, fault.Canceled) {
		t.Errorf("kind %q", fault.KindOf(err))
	}
}

func TestInherited(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.machine().RegisterNow(enterprise, time.Now().Add(-30*24*time.Hour))
	l.Recorder.Reset()
	_, err := l.register(licensing.Request{Token: token})
	wantText(t, err, "before this instance was launched", "Lab VA", l.machine().License().UDI)
	result := l.registered(licensing.Request{AdoptInherited: true})
	if !result.Inherited || l.asked("POST /licensing/registration") != 0 {
		t.Errorf("%+v", result)
	}
	out, err := l.release(licensing.Release{})
	if err != nil || l.asked("DELETE /licensing/deregistration") != 0 || len(out.Notes) != 1 || out.Notes[0].Kind != licensing.WasInherited {
		t.Errorf("%+v, %v", out, err)
	}
	// What is known to be ours is released, whatever its date.
	if out, err := l.release(licensing.Release{Ours: true}); err != nil || !out.Released || l.counted() != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	soon := time.Now().Add(24 * time.Hour)
	l.machine().SetLicenseExpiry(soon, soon)
	l.Recorder.Reset()
	got, err := l.worker.Renew(t.Context(), l.instance(), 14*24*time.Hour)
	if err != nil || time.Until(licensing.ExpiresAt(got)) < 80*24*time.Hour {
		t.Fatalf("%s, %v", licensing.ExpiresAt(got), err)
	}
	if l.asked("PUT /licensing/registration/renew") != 1 || l.asked("PUT /licensing/authorization/renew") != 1 {
		t.Error("not both were renewed")
	}
	l.Recorder.Reset()
	if _, err := l.worker.Renew(t.Context(), l.instance(), 14*24*time.Hour); err != nil || l.asked("PUT /licensing/authorization/renew") != 0 {
		t.Errorf("renewed what was good: %v", err)
	}
	l.machine().SetLicenseExpiry(soon, soon)
	l.CML.SSMS().SetReachable(false)
	_, err = l.worker.Renew(t.Context(), l.instance(), 14*24*time.Hour)
	wantText(t, err, "authorization", "still ends")
}

// Whoever wants it renewed at once has both parts renewed, however long they are
// good for.
func TestRenewAlways(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	soon := time.Now().Add(60 * 24 * time.Hour)
	l.machine().SetLicenseExpiry(soon, soon)
	l.Recorder.Reset()
	got, err := l.worker.Renew(t.Context(), l.instance(), licensing.Always)
	if err != nil || time.Until(licensing.ExpiresAt(got)) < 80*24*time.Hour {
		t.Fatalf("%s, %v", licensing.ExpiresAt(got), err)
	}
	if l.asked("PUT /licensing/registration/renew") != 1 || l.asked("PUT /licensing/authorization/renew") != 1 {
		t.Error("not both were renewed")
	}
}

// CML says that a try went well which does not move the end; one from before says
// nothing.
func TestRenewWithoutLaterEnd(t *testing.T) {
	t.Parallel()
	for attempted, fails := range map[string]bool{"2026-06-01 10:00:01": false, "2026-06-01 10:00:00": true} {
		l := newLab(t)
		document := func(attempted string) string {
			return `{"registration": {"status": "COMPLETED", "expires": "2099-01-01 00:00:00"}, "authorization": {"status": "IN_COMPLIANCE", "expires": "2026-06-30 10:00:00",
				"renew_time": {"attempted": "` + attempted + `", "status": "SUCCEEDED", "success": "SUCCESS"}}}`
		}
		for _, rule := range []wire.Rule{
			{Times: 1, Fault: wire.Fault{Kind: wire.Garbage, Status: 200, ContentType: "application/json", Body: document("2026-06-01 10:00:00")}},
			{Fault: wire.Fault{Kind: wire.Garbage, Status: 200, ContentType: "application/json", Body: document(attempted)}},
		} {
			rule.Service, rule.Operation = "cml", "GET /licensing"
			l.Faults.Add(rule)
		}
		if err := l.machine().HoldPhase(cml.Ready); err != nil {
			t.Fatal(err)
		}
		l.machine().RegisterNow(enterprise, time.Time{}) // so that CML takes the request
		got, err := l.worker.Renew(t.Context(), l.instance(), 24*time.Hour)
		if (err != nil) != fails || !fails && !got.Registered() {
			t.Errorf("tried at %s: %v", attempted, err)
		}
	}
}

// The second part fails: the text says that the first is done. A refusal that
// lasts is told.
func TestRenewHalf(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.registered(licensing.Request{})
	soon := time.Now().Add(24 * time.Hour)
	l.machine().SetLicenseExpiry(soon, soon)
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "PUT /licensing/registration/renew",
		Fault: wire.Fault{Kind: wire.Error, Status: 409, Message: "busy with something else"}})
	_, err := l.worker.Renew(t.Context(), l.instance(), licensing.Always)
	wantText(t, err, "the authorization of the licence was renewed and is good until", "but not its registration", "still ends", "busy with something else")
	if !fault.Is(err, fault.WrongState) {
		t.Errorf("a refusal is %s", fault.KindOf(err))
	}
}

// A machine that reboots, or was launched a moment ago, is waited for; one that
// was never reached is not for long.
func TestRegisterDuringReboot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age   time.Duration
		fails bool
	}{"launched a moment ago": {0, false}, "out of reach": {time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			in := l.instance()
			in.LaunchTime = time.Now().Add(-c.age)
			if err := l.machine().HoldPhase(cml.Refused); err != nil {
				t.Fatal(err)
			}
			// Ten times what a machine is given that is out of reach.
			free := time.AfterFunc(60*acctest.Pace, func() { _ = l.machine().ReleasePhase() })
			defer free.Stop()
			_, err := l.worker.Register(t.Context(), in, licensing.Request{Product: enterprise, Token: token})
			if (err != nil) != c.fails || err != nil && !fault.Is(err, fault.Unreachable) {
				t.Errorf("%v", err)
			}
		})
	}
}
