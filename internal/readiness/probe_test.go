package readiness_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func TestProbeAsksOnceAndNeverFailsForCML(t *testing.T) {
	no := false
	anonymous := func(t *readiness.Target) { t.Credentials = controller.Credentials{} }
	tests := map[string]struct {
		phase   cml.Phase
		prepare func(*world)
		change  func(*readiness.Target)
		reached readiness.Rung
		asked   []string
		status  string // of the service, when "ready" is wanted
		healthy string // when "healthy" is wanted
		license string
	}{
		"ready": {
			cml.Ready, nil, nil, readiness.Healthy,
			[]string{"GET /system_information", "POST /authenticate", "GET /system_health"}, "available", "available", "unregistered",
		},
		"licensed": {
			cml.Ready, func(w *world) { w.RegisterNow("CML_Enterprise", time.Now()) }, nil, readiness.Licensed,
			[]string{"GET /system_information", "POST /authenticate", "GET /system_health"}, "available", "available", "registered",
		},
		"without credentials": {
			cml.Ready, nil, anonymous, readiness.Ready, []string{"GET /system_information"}, "available", "available", "unknown",
		},
		"degraded": {
			cml.Ready, func(w *world) { w.SetHealth(cml.Health{Valid: &no}) }, nil, readiness.Ready,
			[]string{"GET /system_information", "POST /authenticate", "GET /system_health"}, "degraded", "degraded", "unregistered",
		},
		"wrong credentials": {
			cml.Ready, nil, func(t *readiness.Target) { t.Credentials.Password = "wrong-pa55word" }, readiness.Ready,
			[]string{"GET /system_information", "POST /authenticate"}, "available", "unknown", "unknown",
		},
		"credentials may not travel": {
			cml.Ready, nil, func(t *readiness.Target) { t.Settings.TLS.Fingerprint = "" }, readiness.Ready,
			[]string{"GET /system_information"}, "available", "unknown", "unknown",
		},
		"not ready":   {cml.NotReady, nil, nil, readiness.API, []string{"GET /system_information"}, "starting", "starting", "unknown"},
		"bad gateway": {cml.BadGateway, nil, nil, readiness.HTTPS, []string{"GET /system_information"}, "starting", "starting", "unknown"},
		"refused":     {cml.Refused, nil, nil, readiness.Running, nil, "unavailable", "unavailable", "unknown"},
		"silence":     {cml.BlackHole, nil, nil, readiness.Running, nil, "unknown", "unknown", "unknown"},
		"no address": {
			cml.Ready, nil, func(t *readiness.Target) { t.Settings.AddressPreference = []string{controller.EIP} }, readiness.Running,
			nil, "unknown", "unknown", "unknown",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.phase)
			if test.prepare != nil {
				test.prepare(w)
			}
			target := w.target()
			if test.change != nil {
				test.change(&target)
			}
			limits := readiness.Limits{Total: patience}
			if test.phase == cml.BlackHole {
				limits.Total = short
			}
			w.sim.Recorder.Reset()
			result, err := readiness.Probe(t.Context(), target, limits)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.sim.Recorder.Operations("cml"); !slices.Equal(got, test.asked) {
				t.Errorf("asked %q, want %q", got, test.asked)
			}
			if result.Reached != test.reached || result.LicenseStatus != test.license {
				t.Errorf("reached %s, licence %s, last %v", result.Reached, result.LicenseStatus, result.Last)
			}
			if got := readiness.ServiceStatus(result, readiness.Ready); got != test.status {
				t.Errorf("service status %s, want %s (%v)", got, test.status, result.Last)
			}
			if got := readiness.ServiceStatus(result, readiness.Healthy); got != test.healthy {
				t.Errorf("service status with healthy wanted %s, want %s (%v)", got, test.healthy, result.Last)
			}
			if result.ConnectTimedOut() != (test.phase == cml.BlackHole) {
				t.Errorf("timed out: %v", result.ConnectTimedOut())
			}
			if seen := result.Fingerprint != ""; seen != (test.asked != nil) || seen && result.Fingerprint != w.Fingerprint() {
				t.Errorf("fingerprint %q", result.Fingerprint)
			}
		})
	}
}

func TestProbeOfAWorkerThatDoesNotRun(t *testing.T) {
	w := newWorld(t, cml.Ready)
	if _, err := w.instances.Stop(t.Context(), w.id, "", instance.StopGraceful, nil); err != nil {
		t.Fatal(err)
	}
	w.sim.Recorder.Reset()
	result, err := readiness.Probe(t.Context(), w.target(), readiness.Limits{})
	if err != nil || result.Instance.State != instance.StateStopped || result.Asked {
		t.Errorf("got %+v, %v", result, err)
	}
	if got := readiness.ServiceStatus(result, readiness.Ready); got != readiness.ServiceUnavailable {
		t.Errorf("service status %s", got)
	}
	if n := w.count(""); n != 0 {
		t.Errorf("CML was asked %d times", n)
	}

	target := w.target()
	target.Instance = result.Instance
	w.sim.Recorder.Reset()
	if _, err := readiness.Probe(t.Context(), target, readiness.Limits{}); err != nil || w.sim.Recorder.Count("", "") != 0 {
		t.Errorf("with an instance just read: %v, asked %q", err, w.sim.Recorder.Operations(""))
	}
}

func TestProbeFailsForWhatIsNotCMLsState(t *testing.T) {
	w := newWorld(t, cml.Ready)
	pin := strings.Repeat("ab", 32)
	target := w.target()
	target.Settings.TLS.Fingerprint = pin
	result, err := readiness.Probe(t.Context(), target, readiness.Limits{Total: patience})
	if !fault.Is(err, fault.Untrusted) || !strings.Contains(err.Error(), pin) || !strings.Contains(err.Error(), w.Fingerprint()) {
		t.Errorf("another certificate: got %v", err)
	}
	if result.Instance == nil || result.Fingerprint != w.Fingerprint() {
		t.Errorf("got %+v", result)
	}

	target.Settings.TLS.Fingerprint = "abc"
	if _, err := readiness.Probe(t.Context(), target, readiness.Limits{Total: patience}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no fingerprint: got %v", err)
	}

	w.hold(cml.BlackHole)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(short, cancel)
	if _, err := readiness.Probe(ctx, w.target(), readiness.Limits{Total: patience}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}

	w.ec2().Forget(w.id)
	time.Sleep(60 * time.Millisecond) // the create grace of these tests
	if _, err := readiness.Probe(t.Context(), w.target(), readiness.Limits{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("gone: got %v", err)
	}
}

func TestServiceStatus(t *testing.T) {
	yes, no := true, false
	running := &instance.Instance{State: instance.StateRunning}
	health := func(valid *bool) *controller.SystemHealth { return &controller.SystemHealth{Valid: valid} }
	tests := map[string]struct {
		result readiness.Result
		wanted readiness.Rung
		want   string
	}{
		"never looked":               {readiness.Result{}, readiness.Ready, "unknown"},
		"pending":                    {readiness.Result{Instance: &instance.Instance{State: "pending"}}, readiness.None, "unavailable"},
		"stopping":                   {readiness.Result{Instance: &instance.Instance{State: "stopping"}}, readiness.Ready, "unavailable"},
		"not asked":                  {readiness.Result{Instance: running, Reached: readiness.StatusOK}, readiness.StatusOK, "unknown"},
		"low rung wanted, CML ready": {readiness.Result{Instance: running, Asked: true, Reached: readiness.Ready}, readiness.StatusOK, "available"},
		"low rung wanted, CML not":   {readiness.Result{Instance: running, Asked: true, Reached: readiness.API}, readiness.Running, "starting"},
		"https wanted":               {readiness.Result{Instance: running, Asked: true, Reached: readiness.HTTPS}, readiness.HTTPS, "available"},
		"wait not finished":          {readiness.Result{Instance: running, Reached: readiness.Running, Pending: true}, readiness.Ready, "starting"},
		"valid":                      {readiness.Result{Instance: running, Asked: true, Reached: readiness.Healthy, Health: health(&yes)}, readiness.Healthy, "available"},
		"not valid":                  {readiness.Result{Instance: running, Asked: true, Reached: readiness.Ready, Health: health(&no)}, readiness.Ready, "degraded"},
		"validity not known":         {readiness.Result{Instance: running, Asked: true, Reached: readiness.Ready, Health: health(nil)}, readiness.Ready, "available"},
		"not licensed":               {readiness.Result{Instance: running, Asked: true, Reached: readiness.Healthy, Health: health(&yes), Last: errors.New("x")}, readiness.Licensed, "starting"},
	}
	for name, test := range tests {
		if got := readiness.ServiceStatus(test.result, test.wanted); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// That an account could not be had is told apart from what CML says to it.
func TestProbeTellsWhyItHadNoAccount(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	missing := errors.New("no such secret")
	target.ResolveCredentials = func(context.Context) (controller.Credentials, error) { return controller.Credentials{}, missing }
	result, err := readiness.Probe(t.Context(), target, readiness.Limits{Total: patience})
	if err != nil || result.Reached != readiness.Ready || !errors.Is(result.CredentialsErr, missing) {
		t.Errorf("reached %s, credentials %v, %v", result.Reached, result.CredentialsErr, err)
	}
	target.ResolveCredentials = nil
	target.Credentials.Password = "wrong-pa55word"
	if result, err := readiness.Probe(t.Context(), target, readiness.Limits{Total: patience}); err != nil || result.CredentialsErr != nil {
		t.Errorf("credentials %v, %v", result.CredentialsErr, err)
	}
}
