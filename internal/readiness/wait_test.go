package readiness_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestWaitReachesEveryRung(t *testing.T) {
	w := newWorld(t, cml.Ready)
	w.RegisterNow("CML_Enterprise", time.Now())
	for i, name := range readiness.Names() {
		t.Run(name, func(t *testing.T) {
			until, err := readiness.ParseRung(name)
			if err != nil {
				t.Fatal(err)
			}
			w.sim.Recorder.Reset()
			result, err := w.wait(w.target(), options(until), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(readiness.Names()[1:i+1], names(result), equateEmpty); diff != "" || result.Reached != until || result.Pending {
				t.Errorf("reached %s, pending %v, rungs (-want +got):\n%s", result.Reached, result.Pending, diff)
			}
			if asked := w.sim.Recorder.Count("cml", "") > 0; asked != (until > readiness.StatusOK) || result.Asked != asked {
				t.Errorf("CML was asked: %v, and the result says %v", asked, result.Asked)
			}
			if needs := until >= readiness.Healthy; (w.logins() > 0) != needs || until.NeedsCredentials() != needs {
				t.Errorf("%d logins", w.logins())
			}
			if until > readiness.StatusOK && (result.Fingerprint != w.Fingerprint() || result.Address != w.Addresses()[0]) {
				t.Errorf("fingerprint %q, address %q", result.Fingerprint, result.Address)
			}
			if until >= readiness.API && (result.Info == nil || result.Info.Version == "") {
				t.Errorf("information %+v", result.Info)
			}
			if got := result.LicenseStatus; until >= readiness.Healthy && got != controller.LicenseRegistered || until < readiness.Healthy && got != controller.LicenseUnknown {
				t.Errorf("license status %q", got)
			}
		})
	}
}

var equateEmpty = cmp.Transformer("nil", func(in []string) []string {
	if len(in) == 0 {
		return nil
	}
	return in
})

func TestAHigherRungImpliesTheLowerOnes(t *testing.T) {
	w := newWorld(t, cml.Ready)
	w.checks("impaired") // not final either
	result, err := w.wait(w.target(), options(readiness.Ready), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(result); !slices.Equal(got, []string{"running", "status_ok", "https", "api", "ready"}) {
		t.Errorf("passed %q", got)
	}
}

func TestStatusChecksAreWaitedFor(t *testing.T) {
	w := newWorld(t, cml.Ready)
	w.checks("impaired")
	var heard []string
	result, err := w.wait(w.target(), options(readiness.StatusOK), func(line string) {
		heard = append(heard, line)
		if strings.Contains(line, "impaired") {
			w.checks("ok")
		}
	})
	if err != nil || result.Reached != readiness.StatusOK || !result.Status.OK() {
		t.Errorf("got %+v, %v", result, err)
	}
	if !slices.Equal(heard, result.Log) || !hasLine(heard, "waiting for status_ok: EC2 status checks: system impaired") {
		t.Errorf("heard %q, the log is %q", heard, result.Log)
	}
}

// Each step of the boot is told once, however often it is asked for.
func TestTheLogHasOnlyChanges(t *testing.T) {
	w := newWorld(t, cml.Refused)
	w.checks("initializing")
	next := map[string]cml.Phase{
		"waiting for https: ": cml.BadGateway,
		"waiting for api: ":   cml.NotReady,
		"waiting for ready: ": cml.Ready,
	}
	o := options(readiness.Ready)
	result, err := w.wait(w.target(), o, func(line string) {
		for prefix, phase := range next {
			if strings.HasPrefix(line, prefix) {
				asked := w.count("GET /system_information")
				go func() { // after some more answers of the same kind
					for phase != cml.BadGateway && w.count("GET /system_information") < asked+3 {
						time.Sleep(time.Millisecond)
					}
					w.hold(phase)
				}()
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"running ", "waiting for https: ", "https ", "waiting for api: HTTP 502", "api ", `waiting for ready: CML 2.9.1+build.1 answers "ready": false`, "ready ",
	}
	if len(result.Log) != len(want) {
		t.Fatalf("the log is %q, want lines that begin with %q", result.Log, want)
	}
	for i, prefix := range want {
		if !strings.HasPrefix(result.Log[i], prefix) {
			t.Errorf("line %d is %q, want %q", i, result.Log[i], prefix)
		}
	}
	for i, step := range result.Passed[1:] {
		if before := result.Passed[i]; step.At.Before(before.At) || step.After < before.After {
			t.Errorf("%+v comes after %+v", step, before)
		}
	}
}

func TestNothingIsSentToTheLoginBeforeReady(t *testing.T) {
	w := newWorld(t, cml.NotReady)
	o := options(readiness.Healthy)
	o.MinReadyComputes = 2
	w.AddCompute("compute-2")
	_, err := w.wait(w.target(), o, func(line string) {
		if strings.HasPrefix(line, "waiting for ready") {
			if w.logins() != 0 {
				t.Error("a login before CML was ready")
			}
			w.hold(cml.Ready)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.logins() != 1 {
		t.Errorf("%d logins, want 1", w.logins())
	}
}

func TestStableForStartsAnewAfterAMiss(t *testing.T) {
	w := newWorld(t, cml.Ready)
	o := options(readiness.Ready)
	o.StableFor = 60 * time.Millisecond
	missed := false
	var readyAt []time.Time
	result, err := w.wait(w.target(), o, func(line string) {
		switch {
		case strings.HasPrefix(line, "ready"):
			readyAt = append(readyAt, time.Now())
			if !missed {
				missed = true
				w.hold(cml.Refused)
			}
		case strings.HasPrefix(line, "lost ready"):
			w.hold(cml.Ready)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(readyAt) != 2 || !hasLine(result.Log, "lost ready") {
		t.Fatalf("the log is %q", result.Log)
	}
	if held := time.Since(readyAt[1]); held < o.StableFor {
		t.Errorf("ended %s after it was ready again, want at least %s", held, o.StableFor)
	}
}

func TestAnAddressThatIsPromisedIsWaitedFor(t *testing.T) {
	w := newWorld(t, cml.Ready)
	target := w.target()
	target.Expect = []string{controller.EIP}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var elastic *instance.Address
	result, err := w.wait(target, options(readiness.Ready), func(line string) {
		if !strings.HasPrefix(line, "waiting for https: the instance has no eip yet") {
			return
		}
		if n := w.count(""); n != 0 {
			t.Errorf("another address was asked %d times", n)
		}
		var err error
		if elastic, err = w.instances.AllocateAddress(ctx, nil); err != nil {
			t.Error(err)
			return
		}
		if err := w.instances.AssociateAddress(ctx, elastic.AllocationID, w.id); err != nil {
			t.Error(err)
		}
	})
	if err != nil || elastic == nil {
		t.Fatalf("got %v with the log %q", err, result.Log)
	}
	if result.Address != elastic.PublicIP || !result.Instance.PublicIPIsEIP {
		t.Errorf("asked %s, want the Elastic IP %s", result.Address, elastic.PublicIP)
	}
}

func TestAddressesAreReadAnew(t *testing.T) {
	w := newWorld(t, cml.Refused)
	to := netip.MustParseAddr("127.79.12.7")
	result, err := w.wait(w.target(), options(readiness.Ready), func(line string) {
		if strings.HasPrefix(line, "waiting for https") {
			w.ec2().SetPublicIP(w.id, to)
			w.hold(cml.Ready)
		}
	})
	if err != nil || result.Address != to.String() {
		t.Errorf("asked %s, %v, want %s", result.Address, err, to)
	}
}

func TestPassingTroubleIsNoEnd(t *testing.T) {
	w := newWorld(t, cml.Ready)
	w.sim.Faults.Add(
		refusing("DescribeInstances", "InternalError", 500, 2),
		refusing("DescribeInstanceStatus", "RequestLimitExceeded", 503, 2),
		failing("GET /system_information", 500, 1),
		failing("POST /authenticate", 502, 2),
		failing("GET /system_health", 503, 2),
		wire.Rule{Service: "cml", Operation: "GET /system_health", Skip: 2, Times: 1, Fault: wire.Fault{Kind: wire.Garbage}},
	)
	result, err := w.wait(w.target(), options(readiness.Healthy), nil)
	if err != nil || result.Reached != readiness.Healthy {
		t.Errorf("got %v with the log %q", err, result.Log)
	}
	// Every fault was met, but for what the wait has no need to see again.
	if n := w.sim.Faults.Pending(); n > 1 {
		t.Errorf("%d faults were not met", n)
	}
}

// A question to EC2 that hangs must not keep CML's answer from being seen, nor
// the wait from ending.
func TestTheWatchersDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t, cml.Ready)
	w.sim.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstanceStatus", Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(2 * patience)}})
	result, err := w.wait(w.target(), options(readiness.Ready), nil)
	if err != nil || result.Status.System != "" {
		t.Errorf("got %v and the status %+v", err, result.Status)
	}
}

func TestCancellingKeepsWhatIsKnown(t *testing.T) {
	w := newWorld(t, cml.NotReady)
	ctx, cancel := context.WithCancel(t.Context())
	result, err := readiness.Wait(ctx, w.target(), options(readiness.Ready), func(line string) {
		if strings.HasPrefix(line, "waiting for ready") {
			cancel()
		}
	})
	if !fault.Is(err, fault.Canceled) {
		t.Fatalf("got %v, want fault.Canceled", err)
	}
	says(t, err.Error(), w.id, "cancelled", `"ready"`, "api")
	if result.Reached != readiness.API || !result.Pending || result.Info == nil || result.Instance == nil || result.Fingerprint != w.Fingerprint() {
		t.Errorf("got %+v", result)
	}
	// Nothing goes on asking.
	asked := w.count("")
	time.Sleep(50 * time.Millisecond)
	if w.count("") != asked {
		t.Error("CML is asked after the end of the wait")
	}
}

func TestMinReadyComputes(t *testing.T) {
	w := newWorld(t, cml.Ready)
	o := options(readiness.Ready)
	o.MinReadyComputes = 2

	anonymous := w.target()
	anonymous.Credentials = controller.Credentials{}
	result, err := w.wait(anonymous, o, nil)
	if err != nil || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "readiness.min_ready_computes") {
		t.Errorf("without credentials: got %v and the warnings %q", err, result.Warnings)
	}

	result, err = w.wait(w.target(), o, func(line string) {
		if strings.HasPrefix(line, "waiting for ready: 1 of 2 compute hosts are ready") {
			w.AddCompute("compute-2")
		}
	})
	if err != nil || len(result.Warnings) != 0 || result.Health.ReadyComputes() != 2 {
		t.Errorf("got %v with the log %q", err, result.Log)
	}
}

func TestCredentialsAreFetchedWhenTheyAreNeeded(t *testing.T) {
	w := newWorld(t, cml.Ready)
	asked := 0
	target := w.target()
	right := target.Credentials
	target.Credentials = controller.Credentials{}
	target.ResolveCredentials = func(context.Context) (controller.Credentials, error) {
		if asked++; asked == 1 {
			return controller.Credentials{}, fault.New(fault.Throttled, "slow down")
		}
		return right, nil
	}
	if _, err := w.wait(target, options(readiness.Ready), nil); err != nil || asked != 0 {
		t.Errorf("ready: got %v, asked %d times", err, asked)
	}
	if _, err := w.wait(target, options(readiness.Healthy), nil); err != nil || asked != 2 {
		t.Errorf("healthy: got %v, asked %d times, want 2", err, asked)
	}
}

func TestLicensedByTheLicensingDocument(t *testing.T) {
	w := newWorld(t, cml.Ready)
	o := options(readiness.Licensed)
	result, err := w.wait(w.target(), o, func(line string) {
		if strings.HasPrefix(line, "waiting for licensed: registration NOT_REGISTERED") {
			w.RegisterNow("CML_Enterprise", time.Now())
		}
	})
	if err != nil || result.LicenseStatus != controller.LicenseRegistered {
		t.Errorf("got %v, %q, log %q", err, result.LicenseStatus, result.Log)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	w := newWorld(t, cml.Ready)
	w.sim.Recorder.Reset()
	o := options(readiness.Ready)
	o.MinVersion = "two"
	if _, err := w.wait(w.target(), o, nil); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "readiness.min_version") {
		t.Errorf("min_version: got %v", err)
	}
	target := w.target()
	target.Credentials = controller.Credentials{}
	if _, err := w.wait(target, options(readiness.Healthy), nil); !fault.Is(err, fault.Credentials) || !strings.Contains(err.Error(), "readiness.until") {
		t.Errorf("no credentials: got %v", err)
	}
	if n := w.sim.Recorder.Count("", ""); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	if _, err := readiness.ParseRung("up"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a rung of another name: got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	lent := &instance.Instance{PublicIP: "203.0.113.9", PrivateIP: "10.0.0.9", IPv6: "2001:db8::9"}
	want := controller.Addresses{PublicIP: "203.0.113.9", PrivateIP: "10.0.0.9", IPv6: "2001:db8::9"}
	if got := readiness.Addresses(lent); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	lent.PublicIPIsEIP, want.EIP = true, "203.0.113.9"
	if got := readiness.Addresses(lent); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := readiness.Addresses(nil); got != (controller.Addresses{}) {
		t.Errorf("got %+v", got)
	}
}
