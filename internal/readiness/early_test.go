package readiness_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	simaws "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// Each of these waits would last for an hour if it did not end at once.

func TestAnInstanceThatLeavesRunningEndsTheWait(t *testing.T) {
	tests := map[string]struct {
		leave func(*world)
		says  []string
	}{
		"stopped outside": {func(w *world) { w.ec2().StopOutside(w.id) }, []string{"stop", "User initiated"}},
		"terminated":      {func(w *world) { w.ec2().TerminateOutside(w.id) }, []string{"User initiated"}},
		"taken back by spot": {
			func(w *world) {
				w.ec2().Interrupt(w.id, "Server.SpotInstanceTermination", "Spot instance termination", false)
			},
			[]string{"Server.SpotInstanceTermination"},
		},
		"gone": {func(w *world) { w.ec2().Forget(w.id) }, []string{"does not exist"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cml.Refused)
			left := false
			result, err := w.wait(w.target(), options(readiness.Ready), func(line string) {
				if strings.HasPrefix(line, "waiting for https") && !left {
					left = true
					test.leave(w)
				}
			})
			e := final(t, w.id, err, fault.WrongState)
			says(t, err.Error(), test.says...)
			// What may settle is another matter than what is gone for good.
			if ended := name == "terminated" || name == "taken back by spot"; ended != strings.Contains(e.NextStep(), "does not come back") {
				t.Errorf("next step %q", e.NextStep())
			}
			if !result.Pending {
				t.Error("the result does not say that the wait is pending")
			}
		})
	}
}

func TestRefusedCredentialsEndTheWait(t *testing.T) {
	for name, test := range map[string]struct {
		creating bool
		logins   int
	}{"in create": {true, 2}, "elsewhere": {false, 1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cml.Ready)
			target := w.target()
			target.Credentials.Password = "wrong-pa55word"
			o := options(readiness.Healthy)
			o.Creating = test.creating
			result, err := w.wait(target, o, nil)
			e := final(t, w.id, err, fault.Credentials)
			if fault.As(err) == nil || fault.As(err).StatusCode != http.StatusForbidden || e.Rung != readiness.Ready {
				t.Errorf("got %+v", e)
			}
			if w.logins() != test.logins {
				t.Errorf("%d logins, want %d", w.logins(), test.logins)
			}
			if result.Reached != readiness.Ready || strings.Contains(err.Error(), "wrong-pa55word") {
				t.Errorf("reached %s: %v", result.Reached, err)
			}
		})
	}
}

// A first refusal in a create may only mean that the account is not made yet.
func TestASecondLoginInCreateMaySucceed(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	target.Credentials.Password = "the-later-pa55word"
	o := options(readiness.Healthy)
	o.Creating = true
	var refused time.Time
	_, err := w.wait(target, o, func(line string) {
		if strings.HasPrefix(line, "waiting for healthy: HTTP 403") {
			refused = time.Now()
			w.SetAdmin(cml.Credentials{Username: target.Credentials.Username, Password: target.Credentials.Password})
		}
	})
	if err != nil || refused.IsZero() {
		t.Fatalf("got %v, refused at %v", err, refused)
	}
	if w.logins() != 2 {
		t.Errorf("%d logins, want 2", w.logins())
	}
	records := w.sim.Recorder.All()
	var at []time.Time
	for _, record := range records {
		if record.Operation == "POST /authenticate" {
			at = append(at, record.Time)
		}
	}
	if rest := at[1].Sub(at[0]); rest < o.LoginPause {
		t.Errorf("the second login came %s after the first, want at least %s", rest, o.LoginPause)
	}
}

func TestADeadStaticTokenEndsTheWait(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	target.Credentials = controller.Credentials{Token: "dead-t0ken"}
	_, err := w.wait(target, options(readiness.Healthy), nil)
	_ = final(t, w.id, err, fault.Credentials)
	says(t, err.Error(), "expired or was revoked")
	saysNot(t, err.Error(), "dead-t0ken")
	if n := w.count("GET /system_health"); n != 1 || w.logins() != 0 {
		t.Errorf("%d requests and %d logins, want 1 and 0", n, w.logins())
	}
}

func TestCredentialsThatCannotBeReadEndTheWait(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	for name, test := range map[string]struct {
		resolve func(context.Context) (controller.Credentials, error)
		kind    fault.Kind
	}{
		"denied": {func(context.Context) (controller.Credentials, error) {
			return controller.Credentials{}, fault.New(fault.PermissionDenied, "no secretsmanager:GetSecretValue")
		}, fault.PermissionDenied},
		"empty": {func(context.Context) (controller.Credentials, error) { return controller.Credentials{}, nil }, fault.Credentials},
	} {
		target.ResolveCredentials = test.resolve
		_, err := w.wait(target, options(readiness.Healthy), nil)
		if e := final(t, w.id, err, test.kind); !strings.Contains(e.Message, "cannot be read") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAnotherCertificateThanThePinEndsTheWait(t *testing.T) {
	w := newWorld(t, cml.NotReady)
	w.checks("initializing")
	target := w.target()
	pin := strings.Repeat("ab", 32)
	target.Settings.TLS.Fingerprint = pin
	result, err := w.wait(target, options(readiness.HTTPS), nil)
	_ = final(t, w.id, err, fault.Untrusted)
	says(t, err.Error(), pin, w.Fingerprint())
	if w.count("") != 0 || result.Fingerprint != w.Fingerprint() {
		t.Errorf("%d requests, fingerprint %q", w.count(""), result.Fingerprint)
	}
}

func TestACertificateThatAllowsNoSecretsEndsTheWait(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	target.Settings.TLS = controller.TLS{}
	if _, err := w.wait(target, options(readiness.Ready), nil); err != nil {
		t.Fatalf("without secrets: %v", err)
	}
	o := options(readiness.Healthy)
	o.Creating = true
	result, err := w.wait(target, o, nil)
	_ = final(t, w.id, err, fault.Untrusted)
	says(t, err.Error(), w.Fingerprint(), "controller.tls.fingerprint", `readiness.until = "ready"`)
	if w.logins() != 0 || result.Fingerprint != w.Fingerprint() || result.Reached != readiness.Ready {
		t.Errorf("%d logins, fingerprint %q, reached %s", w.logins(), result.Fingerprint, result.Reached)
	}
}

func TestTheFirstCertificateOfAnOwnMachineBecomesItsPin(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	target.Settings.TLS = controller.TLS{}
	o := options(readiness.Healthy)
	o.PinFirst = true
	result, err := w.wait(target, o, nil)
	if err != nil || result.Fingerprint != w.Fingerprint() || w.logins() != 1 {
		t.Errorf("%d logins, fingerprint %q: %v", w.logins(), result.Fingerprint, err)
	}
	target.Settings.TLS = controller.TLS{Trust: controller.TrustVerify}
	o.Creating = true
	_, err = w.wait(target, o, nil)
	_ = final(t, w.id, err, fault.Untrusted)
	says(t, err.Error(), `readiness.until = "ready" sends no credentials`)
	saysNot(t, err.Error(), "is pinned at the end")
}

func TestAReleaseThatIsTooOldEndsTheWait(t *testing.T) {
	w := newWorld(t, cml.NotReady) // known before it is ready
	if err := w.SetVersion("2.9.1+build.7"); err != nil {
		t.Fatal(err)
	}
	o := options(readiness.Ready)
	o.MinVersion = "2.10"
	result, err := w.wait(w.target(), o, nil)
	_ = final(t, w.id, err, fault.Invalid)
	says(t, err.Error(), "2.9.1+build.7", "2.10", "readiness.min_version")
	if result.Info == nil || result.Info.Version != "2.9.1+build.7" {
		t.Errorf("information %+v", result.Info)
	}
	o.MinVersion = "2.9"
	w.hold(cml.Ready)
	if _, err := w.wait(w.target(), o, nil); err != nil {
		t.Errorf("a release that is new enough: %v", err)
	}
}

func TestAVersionThatCannotBeReadIsAWarning(t *testing.T) {
	w := newWorld(t, cml.Ready)
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte(`{"version": "next", "ready": true}`))
	}))
	defer server.Close()
	target := w.target()
	target.Settings.TLS.Fingerprint = ""
	target.Transport.Dial = dialTo(server.Listener.Addr().String())
	o := options(readiness.Ready)
	o.MinVersion = "2.9"
	result, err := w.wait(target, o, nil)
	if err != nil || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], `"next"`) {
		t.Errorf("got %v and the warnings %q", err, result.Warnings)
	}
}

func TestMissingVirtualizationEndsTheWait(t *testing.T) {
	w := newWorld(t, cml.Ready)
	no := false
	w.SetHealth(cml.Health{Compute: map[string]*bool{"kvm_vmx_enabled": &no, "valid": &no}})
	_, err := w.wait(w.target(), options(readiness.Healthy), nil)
	_ = final(t, w.id, err, fault.Invalid)
	says(t, err.Error(), "kvm_vmx_enabled", "m5zn.metal", "virtualisation")

	// One host that does not tell is no proof.
	w.SetHealth(cml.Health{Compute: map[string]*bool{"kvm_vmx_enabled": nil, "valid": &no}})
	o := options(readiness.Healthy)
	o.Timeout = short
	result, err := w.wait(w.target(), o, nil)
	_ = timeout(t, result, err)
}

func TestWhatEC2RefusesForGoodEndsTheWait(t *testing.T) {
	w := newWorld(t, cml.Refused)
	w.sim.AWS.Deny(simaws.DefaultAccountID, "ec2:DescribeInstanceStatus")
	_, err := w.wait(w.target(), options(readiness.StatusOK), nil)
	_ = final(t, w.id, err, fault.PermissionDenied)
	says(t, err.Error(), "status checks")

	// Whoever does not wait for the checks themselves can do without them.
	w.hold(cml.Ready)
	result, err := w.wait(w.target(), options(readiness.Ready), nil)
	if err != nil {
		t.Errorf("ready: got %v", err)
	}
	for _, text := range result.Warnings {
		says(t, text, "status checks", w.id)
	}

	w.sim.AWS.Deny(simaws.DefaultAccountID, "ec2:DescribeInstances")
	_, err = w.wait(w.target(), options(readiness.Ready), nil)
	_ = final(t, w.id, err, fault.PermissionDenied)
}
