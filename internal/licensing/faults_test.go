package licensing_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// step is one request to CML of a recorded run.
type step struct {
	operation string
	nth       int // how often it was asked before
	look      bool
}

func (s step) String() string {
	return fmt.Sprintf("%s+%d", strings.ReplaceAll(s.operation, "/", "_"), s.nth)
}

// steps are the requests of a clean run. Of a look that is repeated without a
// change in between the first two stand for all: how many there are is a matter
// of time.
func (l *lab) steps() []step {
	l.t.Helper()
	var (
		out  []step
		seen = map[string]int{}
		last string
		same int
	)
	for _, r := range l.Recorder.All() {
		if r.Service != "cml" {
			continue
		}
		if same++; r.Operation != last {
			same = 0
		}
		last = r.Operation
		look := strings.HasPrefix(r.Operation, "GET ")
		if !look || same < 2 {
			out = append(out, step{r.Operation, seen[r.Operation], look})
		}
		seen[r.Operation]++
	}
	if len(out) < 4 {
		l.t.Fatalf("a run of %d steps: %v", len(out), out)
	}
	return out
}

// requestTimeout is that of the runs that meet a request which takes longer.
const requestTimeout = 2 * time.Second

// mishaps are what may happen to one request.
var mishaps = map[string]struct {
	wire.Fault
	// ends: the run is interrupted there. kills: and its result is lost as well.
	ends, kills bool
	// lost: whether it took effect is not told.
	lost bool
	// change: it is worth its time only for a request that changes something.
	change bool
}{
	"error":        {Fault: wire.Fault{Kind: wire.Error, Status: 500}, change: true},
	"reset":        {Fault: wire.Fault{Kind: wire.Reset}},
	"lost answer":  {Fault: wire.Fault{Kind: wire.Drop}, lost: true, change: true},
	"late error":   {Fault: wire.Fault{Kind: wire.Error, Status: 500, AfterEffect: true}, lost: true, change: true},
	"502":          {Fault: wire.Fault{Kind: wire.Garbage, Status: 502, Body: "<html><title>502 Bad Gateway</title></html>"}},
	"late 504":     {Fault: wire.Fault{Kind: wire.Garbage, Status: 504, AfterEffect: true}, lost: true, change: true},
	"login page":   {Fault: wire.Fault{Kind: wire.Garbage}},
	"dead session": {Fault: wire.Fault{Kind: wire.Error, Status: 401}},
	"forbidden":    {Fault: wire.Fault{Kind: wire.Error, Status: 403}},
	"bad request":  {Fault: wire.Fault{Kind: wire.Error, Status: 400, Message: "no"}, change: true},
	"busy":         {Fault: wire.Fault{Kind: wire.Error, Status: 409, Message: "Another licensing operation is in progress."}, change: true},
	"slow":         {Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(requestTimeout + time.Second)}, lost: true, change: true},
	"interrupted":  {Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)}, ends: true, lost: true},
	"killed":       {Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)}, ends: true, kills: true, lost: true},
}

// everyMishap runs a test for each step of a clean run and each mishap, many at
// a time, since they wait more than they work.
func everyMishap(t *testing.T, all []step, test func(t *testing.T, s step, name string)) {
	t.Helper()
	var (
		runs  sync.WaitGroup
		slots = make(chan struct{}, 6)
	)
	for _, s := range all {
		for name, m := range mishaps {
			if s.look && m.change {
				continue
			}
			slots <- struct{}{}
			runs.Go(func() {
				defer func() { <-slots }()
				t.Run(name+" "+s.String(), func(t *testing.T) { test(t, s, name) })
			})
		}
	}
	runs.Wait()
}

// meet lets a request of the next run meet a mishap. The function that it
// returns runs what is to meet it, and reports whether it was met.
func (l *lab) meet(s step, name string) func(run func(context.Context)) (met bool) {
	m := mishaps[name]
	l.worker.Transport = controller.Transport{Sessions: controller.NewSessions(), RequestTimeout: requestTimeout}
	l.Recorder.Reset()
	l.Faults.Add(wire.Rule{Service: "cml", Operation: s.operation, Skip: s.nth, Times: 1, Fault: m.Fault})
	return func(run func(context.Context)) bool {
		ctx, cancel := context.WithCancel(l.t.Context())
		defer cancel()
		ended := make(chan struct{})
		go func() {
			for m.ends && ctx.Err() == nil && l.Faults.Pending() > 0 {
				<-l.tick()
			}
			if m.ends {
				cancel()
			}
			close(ended)
		}()
		run(ctx)
		cancel()
		<-ended
		met := l.Faults.Pending() == 0
		if !met && !s.look {
			l.t.Fatalf("%s was not asked", s)
		}
		l.Faults.Clear()
		l.worker.Transport = controller.Transport{Sessions: controller.NewSessions()}
		return met
	}
}

// registrations are the ways to a licence, as the resource goes them.
var registrations = map[string]struct {
	version string
	// before is what is registered already.
	before string
	req    licensing.Request
}{
	"new": {version: "2.9.1", req: licensing.Request{ExtraNodes: ptr(30),
		Transport: &controller.LicenseTransport{SSMS: "https://ssm.example.net/SmartTransport"}}},
	"new, with bodies and PATCH": {version: "2.11.0", req: licensing.Request{ExtraNodes: ptr(30),
		Transport: &controller.LicenseTransport{ProxyServer: "proxy.example.net", ProxyPort: 3128}}},
	"of another product": {version: "2.7.0", before: "CML_Personal", req: licensing.Request{Ours: true, Again: true, Version: "1"}},
	"with a new token":   {version: "2.9.1", before: enterprise, req: licensing.Request{Ours: true, Again: true, Version: "2", ExtraNodes: ptr(5)}},
}

// prepareRegistration makes a lab as it is before the registration, where the token is good for one use.
func prepareRegistration(t *testing.T, name string) (*lab, licensing.Request) {
	t.Helper()
	c := registrations[name]
	l := newLab(t, func(o *simulator.Options) { o.CML.Version = c.version })
	l.worker.Instances = l.marking()
	l.CML.SSMS().AddToken(token, 1)
	if c.before != "" {
		// Not in the same second, which is as close as CML's dates tell apart.
		l.machine().RegisterNow(c.before, time.Now().Add(-10*time.Second))
	}
	c.req.Product, c.req.Token = enterprise, token
	l.Recorder.Reset()
	return l, c.req
}

// Whatever happens to any one request of a registration, the run or the one
// after it ends with one registration that is counted once and that used the
// token once.
func TestRegisterMeetsFaults(t *testing.T) {
	t.Parallel()
	for way := range registrations {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			clean, req := prepareRegistration(t, way)
			clean.registered(req)
			everyMishap(t, clean.steps(), func(t *testing.T, s step, name string) {
				l, req := prepareRegistration(t, way)
				var (
					result licensing.Result
					err    error
				)
				met := l.meet(s, name)(func(ctx context.Context) {
					result, err = l.worker.Register(ctx, l.instance(), req)
				})
				l.silent(result, err)
				if !met {
					return
				}
				asked := s.operation == "POST /licensing/registration" && (err == nil || mishaps[name].lost)
				if (asked || l.counted() > 0 && !req.Ours) && !result.Touched && !mishaps[name].kills {
					t.Error("a registration that nobody knows of")
				}
				times := 1
				if registrations[way].before == enterprise {
					times = 2
				}
				if err != nil {
					t.Logf("the first run: %v", err)
					if result.Half() && !mishaps[name].kills {
						req.Again = false // what the resource keeps
					}
					if result, err = l.register(req); err != nil {
						t.Fatalf("the second run: %s", err)
					}
				}
				all := l.CML.SSMS().Registrations()
				if len(all) != 1 || all[0].Times != times || all[0].Product != enterprise || !result.Licensing.Valid() || !result.Touched {
					t.Errorf("counted %+v, result %+v", all, result)
				}
				if req.ExtraNodes != nil && all[0].Nodes != *req.ExtraNodes {
					t.Errorf("%d nodes", all[0].Nodes)
				}
			})
		})
	}
}

// Whatever happens to any one request of a release, the run or the one after it
// ends with nothing counted, and where nobody knows whether Cisco was told
// somebody is told that.
func TestReleaseMeetsFaults(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T) *lab {
		l := newLab(t)
		l.registered(licensing.Request{})
		l.addLab()
		l.Recorder.Reset()
		l.worker.Transport = controller.Transport{Sessions: controller.NewSessions()}
		return l
	}
	how := required
	how.StopLabs = true
	clean := prepare(t)
	if out, err := clean.release(licensing.Release{Policy: how}); err != nil || !out.Released {
		t.Fatalf("%+v, %v", out, err)
	}
	everyMishap(t, clean.steps(), func(t *testing.T, s step, name string) {
		l := prepare(t)
		var (
			out licensing.Outcome
			err error
		)
		met := l.meet(s, name)(func(ctx context.Context) {
			out, err = l.worker.Release(ctx, l.instance(), licensing.Release{Policy: how, Known: l.known(), Stays: true})
		})
		if !met {
			return
		}
		notes := out.Notes
		if err != nil {
			t.Logf("the first run: %s", err)
			if out, err = l.release(licensing.Release{Policy: how, Known: l.known()}); err != nil {
				t.Fatalf("the second run: %s", err)
			}
			notes = append(notes, out.Notes...)
		}
		if !out.Free || l.counted() != 0 || l.machine().License().Registration != "NOT_REGISTERED" {
			t.Errorf("%+v, %d counted", out, l.counted())
		}
		// A de-registration is given two minutes, so that "slow" loses nothing there.
		lost := strings.HasPrefix(s.operation, "DELETE") && mishaps[name].lost && name != "slow"
		if lost != (len(notes) == 1) {
			t.Errorf("lost %t, notes %v", lost, notes)
		}
	})
}

// A lost answer may have been "not told to Cisco": then the licence is counted,
// and the run that lost the answer, or was killed, has said so.
func TestNothingIsLostUnseen(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lost answer", "late error", "late 504", "interrupted"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.registered(licensing.Request{})
			l.machine().SetSSMSReachable(false)
			var (
				out licensing.Outcome
				err error
			)
			udi := l.machine().License().UDI
			l.meet(step{operation: "DELETE /licensing/deregistration"}, name)(func(ctx context.Context) {
				out, err = l.worker.Release(ctx, l.instance(), licensing.Release{Policy: bestEffort})
			})
			if mishaps[name].ends != (err != nil) {
				t.Errorf("%v", err)
			}
			if l.counted() != 1 || len(out.Notes) != 1 || !strings.Contains(out.Notes[0].Text, udi) {
				t.Errorf("%d counted, %+v", l.counted(), out)
			}
		})
	}
}

// Interrupted after each step of a registration, the next run finishes it.
func TestRegisterInterrupted(t *testing.T) {
	t.Parallel()
	clean, req := prepareRegistration(t, "new")
	clean.registered(req)
	for _, s := range clean.steps() {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			l, req := prepareRegistration(t, "new")
			l.worker.Transport = controller.Transport{Sessions: controller.NewSessions()}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stop := make(chan struct{})
			go func() {
				defer close(stop)
				for ctx.Err() == nil && l.asked(s.operation) <= s.nth {
					<-l.tick()
				}
				cancel()
			}()
			result, err := l.worker.Register(ctx, l.instance(), req)
			cancel()
			<-stop
			l.silent(result, err)
			if err == nil {
				t.Skip("it was quicker than the interruption")
			}
			if !fault.Is(err, fault.Canceled) {
				t.Errorf("kind %q: %s", fault.KindOf(err), err)
			}
			if !result.Touched && l.machine().License().Registration != "NOT_REGISTERED" {
				t.Error("a registration that nobody knows of")
			}
			l.registered(req)
			all := l.CML.SSMS().Registrations()
			if len(all) != 1 || all[0].Times != 1 {
				t.Errorf("counted %+v", all)
			}
		})
	}
}

// A request that never ends but for the time of the operation tells in its
// error what CML answered.
func TestBusyTillTheEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.machine().Switch(func(s *cml.Switches) { s.LicensingBusy = true })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil && l.asked("POST /licensing/registration") < 5 {
			<-l.tick()
		}
		cancel()
	}()
	result, err := l.worker.Register(ctx, l.instance(), licensing.Request{Product: enterprise, Token: token})
	if !fault.Is(err, fault.Canceled) || result.Begun {
		t.Errorf("%q, %+v", fault.KindOf(err), result)
	}
	wantText(t, err, "Another licensing operation is in progress")
}
