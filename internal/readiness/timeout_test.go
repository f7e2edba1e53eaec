package readiness_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	simaws "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestTimeOutsSayWhatHappenedAndWhatToDo(t *testing.T) {
	no := false
	tests := map[string]struct {
		until   readiness.Rung
		prepare func(*world)
		failed  readiness.Rung
		says    []string
		not     []string
	}{
		"nothing but silence": {
			readiness.Ready, func(w *world) { w.hold(cml.BlackHole) }, readiness.HTTPS,
			[]string{"did not answer within", "every attempt timed out", "security group", `address_preference = ["private_ip"]`, `readiness.until = "status_ok"`, "agent", "system ok, instance ok"},
			[]string{"still booting"},
		},
		"refused": {
			readiness.Ready, func(w *world) { w.hold(cml.Refused) }, readiness.HTTPS,
			[]string{"refused the connection", "still booting", "controller.port"},
			[]string{"security group", "route"},
		},
		"bad gateway": {
			readiness.Ready, func(w *world) { w.hold(cml.BadGateway) }, readiness.API,
			[]string{"HTTP 502", "virl2.target", "https after"}, []string{"security group", "<html>"},
		},
		"not ready": {
			readiness.Ready, func(w *world) { w.hold(cml.NotReady) }, readiness.Ready,
			[]string{`"ready": false`, "virtualisation", "api after"}, []string{"security group"},
		},
		"not healthy": {
			readiness.Healthy, func(w *world) {
				w.hold(cml.Ready)
				w.SetHealth(cml.Health{Controller: map[string]*bool{"valid": &no, "images_loaded": &no}})
			}, readiness.Healthy,
			[]string{"controller.valid is false (images_loaded false)", "ready after"}, []string{"kvm"},
		},
		"not an administrator": {
			readiness.Healthy, func(w *world) {
				w.hold(cml.Ready)
				w.AddUser(cml.Credentials{Username: "student", Password: "stud3nt-pa55"}, false)
			}, readiness.Healthy,
			[]string{"valid is null", "use an admin account"}, []string{"valid is false"},
		},
		"refused once": { // in create, before the second try
			readiness.Healthy, func(w *world) { w.hold(cml.Ready) }, readiness.Healthy,
			[]string{"HTTP 403", "check the user name and password"}, []string{"system_health", "wrong-pa55word"},
		},
		"not licensed": {
			readiness.Licensed, func(w *world) { w.hold(cml.Ready) }, readiness.Licensed,
			[]string{"registration NOT_REGISTERED, authorization EVAL", "images that register themselves", "cml_worker_license"}, nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, cml.Refused)
			test.prepare(w)
			target := w.target()
			if name == "not an administrator" {
				target.Credentials = controller.Credentials{Username: "student", Password: "stud3nt-pa55"}
			}
			o := options(test.until)
			o.Timeout = 4 * short
			if name == "refused once" {
				target.Credentials.Password, o.Creating, o.LoginPause = "wrong-pa55word", true, time.Hour
			}
			result, err := w.wait(target, o, nil)
			e := timeout(t, result, err)
			if e.Failed != test.failed || e.Limit != readiness.LimitReadiness || e.Wanted != test.until || e.Hint == "" {
				t.Errorf("got %+v", e)
			}
			says(t, err.Error(), append(test.says, w.id, "readiness.timeout of 600ms", "Failed rung: "+test.failed.String(), "running after")...)
			saysNot(t, err.Error(), test.not...)
		})
	}
}

func TestTheClockStartsWithTheStatusChecksOrTheFirstAnswer(t *testing.T) {
	// Neither: only the operation's own limit counts.
	w := newWorld(t, cml.Refused)
	w.checks("initializing")
	o := options(readiness.Ready)
	o.Timeout = time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 2*short)
	defer cancel()
	result, err := readiness.Wait(ctx, w.target(), o, nil)
	e := timeout(t, result, err)
	if e.Limit != readiness.LimitOperation || e.ClockFrom != "" || !fault.Is(err, fault.Timeout) {
		t.Errorf("got %+v", e)
	}
	says(t, err.Error(), "operation's own limit", "readiness.timeout had not begun", "system initializing", "refused", "still booting")

	// The checks.
	w.checks("ok")
	result, err = w.wait(w.target(), o, nil)
	if e := timeout(t, result, err); e.Limit != readiness.LimitReadiness || !strings.Contains(e.ClockFrom, "status checks") {
		t.Errorf("got %+v", e)
	}

	// An answer, be it only that of the proxy before CML.
	w.checks("impaired")
	w.hold(cml.BadGateway)
	result, err = w.wait(w.target(), o, nil)
	if e := timeout(t, result, err); e.Limit != readiness.LimitReadiness || !strings.Contains(e.ClockFrom, "HTTP answer") {
		t.Errorf("got %+v", e)
	}
	says(t, err.Error(), "system impaired")
}

// A machine that passes its checks and answers nobody is given up before
// readiness.timeout where that is asked for; one that boots, or refuses, is not.
func TestSilence(t *testing.T) {
	for name, c := range map[string]struct {
		phase   cml.Phase
		checks  string
		silence time.Duration
		timeout time.Duration
		want    readiness.Limit
	}{
		"silent":                     {cml.BlackHole, "ok", short, never, readiness.LimitSilence},
		"silent, and nobody asks":    {cml.BlackHole, "ok", 0, 4 * short, readiness.LimitReadiness},
		"silent while it boots":      {cml.BlackHole, "initializing", short, short, readiness.LimitOperation},
		"silent with failed checks":  {cml.BlackHole, "impaired", never, short, readiness.LimitSilence},
		"silent, checks not read":    {cml.BlackHole, "", never, short, readiness.LimitSilence},
		"not for long enough":        {cml.BlackHole, "ok", never, 4 * short, readiness.LimitReadiness},
		"refused is an answer":       {cml.Refused, "ok", short, 4 * short, readiness.LimitReadiness},
		"so is a page of the server": {cml.BadGateway, "ok", short, 4 * short, readiness.LimitReadiness},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.phase)
			if c.checks != "" {
				w.checks(c.checks)
			} else {
				w.sim.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstanceStatus",
					Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: http.StatusForbidden}})
			}
			target, o := w.target(), options(readiness.API)
			target.Transport.ConnectTimeout = 20 * time.Millisecond
			o.Silence, o.Timeout = c.silence, c.timeout
			ctx, cancel := context.WithTimeout(t.Context(), map[bool]time.Duration{true: 10 * short, false: patience}[c.want == readiness.LimitOperation])
			defer cancel()
			result, err := readiness.Wait(ctx, target, o, nil)
			e := timeout(t, result, err)
			if e.Limit != c.want {
				t.Errorf("ended by limit %d: %s", e.Limit, err)
			}
			if c.want == readiness.LimitSilence {
				says(t, err.Error(), "does not answer any attempt to connect", w.id)
			}
		})
	}
}

func TestTheOperationsLimitEndsAWaitWhoseClockRuns(t *testing.T) {
	w := newWorld(t, cml.NotReady)
	ctx, cancel := context.WithTimeout(t.Context(), 2*short)
	defer cancel()
	result, err := readiness.Wait(ctx, w.target(), options(readiness.Ready), nil)
	e := timeout(t, result, err)
	if e.Limit != readiness.LimitOperation || e.Failed != readiness.Ready {
		t.Errorf("got %+v", e)
	}
	says(t, err.Error(), "operation's own limit", "before readiness.timeout of 1h0m0s was over")
}

func TestStableForThatIsNotReached(t *testing.T) {
	w := newWorld(t, cml.Ready)
	o := options(readiness.Ready)
	o.Timeout, o.StableFor = short, never
	result, err := w.wait(w.target(), o, nil)
	e := timeout(t, result, err)
	if e.Failed != readiness.Ready || result.Reached != readiness.Ready {
		t.Errorf("got %+v", e)
	}
	says(t, err.Error(), "readiness.stable_for")
	saysNot(t, err.Error(), "Failed rung")
}

func TestImpairedChecksAreNamed(t *testing.T) {
	w := newWorld(t, cml.Refused)
	w.ec2().SetStatus(w.id, simaws.Health{
		System: "impaired", Instance: "ok",
		Events: []simaws.ScheduledEvent{
			{Code: "system-reboot", Description: "The instance is scheduled for a reboot"},
			{Code: "instance-stop", Description: "[Completed] done"},
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*short)
	defer cancel()
	result, err := readiness.Wait(ctx, w.target(), options(readiness.StatusOK), nil)
	if e := timeout(t, result, err); e.Failed != readiness.StatusOK {
		t.Errorf("got %+v", e)
	}
	says(t, err.Error(), "system impaired, instance ok", "another host", "system-reboot", "scheduled for a reboot")
	saysNot(t, err.Error(), "[Completed]")
}

func TestAnotherServiceOnThePort(t *testing.T) {
	w := newWorld(t, cml.Refused)
	cockpit := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("<html><head><title>Cockpit</title></head></html>"))
	}))
	defer cockpit.Close()
	target := w.target()
	target.Settings.TLS.Fingerprint = ""
	target.Transport.Dial = dialTo(cockpit.Listener.Addr().String())
	o := options(readiness.Ready)
	o.Timeout = short
	result, err := w.wait(target, o, nil)
	if e := timeout(t, result, err); e.Failed != readiness.API {
		t.Errorf("got %+v", e)
	}
	says(t, err.Error(), "not as CML does", "Cockpit", "controller.port")
	if _, err := w.wait(target, options(readiness.HTTPS), nil); err != nil {
		t.Errorf("https: %v", err)
	}
}

func TestNoAddressToAsk(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	target.Settings.AddressPreference = []string{controller.EIP}
	o := options(readiness.Ready)
	o.Timeout = short
	result, err := w.wait(target, o, nil)
	_ = timeout(t, result, err)
	says(t, err.Error(), "controller.address_preference")
	if w.count("") != 0 {
		t.Error("another address was asked")
	}
}

func TestTheConsoleIsShownWithoutSecrets(t *testing.T) {
	w := newWorld(t, cml.Refused)
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("line %02d", i))
	}
	target := w.target()
	target.Secrets = []string{"from-user-data"}
	w.ec2().SetConsole(w.id, strings.Join(lines, "\r\n")+"\n\npassword "+target.Credentials.Password+" and from-user-data\n")
	o := options(readiness.Ready)
	o.Timeout = short
	_, err := w.wait(target, o, nil)
	saysNot(t, err.Error(), "line 39")

	o.ConsoleOutput = true
	result, err := w.wait(target, o, nil)
	e := timeout(t, result, err)
	says(t, err.Error(), "line 11\n", "line 39\npassword [redacted] and [redacted]")
	saysNot(t, err.Error(), "line 10", target.Credentials.Password, "from-user-data")
	if n := strings.Count(e.ConsoleTail, "\n") + 1; n != 30 {
		t.Errorf("%d lines, want 30", n)
	}

	// What may be secret has to be known before anything is shown.
	target.ResolveCredentials = func(context.Context) (controller.Credentials, error) {
		return controller.Credentials{}, fault.New(fault.PermissionDenied, "no access")
	}
	_, err = w.wait(target, o, nil)
	says(t, err.Error(), "left out", "no access")
	saysNot(t, err.Error(), "line 39")
}

func TestTheTextOfATimeOut(t *testing.T) {
	minutes := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	e := &readiness.TimeoutError{
		InstanceID: "i-0123456789abcdef0", Limit: readiness.LimitReadiness, Timeout: minutes(10), Waited: minutes(13), ClockFrom: "both EC2 status checks were ok",
		Wanted: readiness.Ready, Failed: readiness.API, Since: minutes(9),
		Passed: []readiness.Step{
			{Rung: readiness.Running, After: 12 * time.Second}, {Rung: readiness.StatusOK, After: minutes(3)}, {Rung: readiness.HTTPS, After: minutes(4)},
		},
		LastWords: "HTTP 502: 502 Bad Gateway nginx",
		Status: instance.Status{
			System: "ok", Instance: "ok", AttachedEBS: "ok",
			Events: []instance.Event{{Code: "system-reboot", Description: "soon", NotBefore: time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)}},
		},
		Hint: "look there.", ConsoleTail: "last line",
		Err: context.DeadlineExceeded,
	}
	want := `worker i-0123456789abcdef0 did not reach "ready" in time: readiness.timeout of 10m0s is over, counted from when both EC2 status checks were ok (13m0s in all).
Rungs passed: running after 12s, status_ok after 3m0s, https after 4m0s.
Failed rung: api, waited for since 9m0s.
Last answer: HTTP 502: 502 Bad Gateway nginx.
EC2 status checks: system ok, instance ok, attached EBS volumes ok.
Scheduled events: system-reboot from 2026-11-30T08:00:00Z: soon.
End of the console output:
last line`
	if diff := cmp.Diff(want, e.Detail()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want+"\nNext step: look there.", e.Error()); diff != "" || e.NextStep() != "look there." {
		t.Errorf("text (-want +got):\n%s\nnext step %q", diff, e.NextStep())
	}
	if !fault.Is(e, fault.Timeout) {
		t.Errorf("kind %s", fault.KindOf(e))
	}
}
