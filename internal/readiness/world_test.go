package readiness_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	simaws "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	region = "us-east-1"
	// patience is for what must happen; nothing is asserted about how soon it does.
	patience = 60 * time.Second
	// never is a limit that no test reaches.
	never = time.Hour
	// short is a limit that a test wants to reach.
	short = 150 * time.Millisecond
)

// world is a simulated AWS and CML with one running worker.
type world struct {
	*cml.Machine
	t         *testing.T
	sim       *simulator.Simulator
	instances *instance.Client
	id        string
}

// newWorld starts a simulator whose CML stays in a phase until a test says otherwise.
func newWorld(t *testing.T, phase cml.Phase) *world {
	t.Helper()
	sim, err := simulator.Start(t.Context(), simulator.Options{Timing: simulator.Timing{CML: cml.Timing{Register: time.Nanosecond}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	sim.CML.Prepare(func(m *cml.Machine) {
		if err := m.HoldPhase(phase); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, sim: sim}
	w.instances = instance.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: aws.String(sim.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
		HTTPClient:  &http.Client{},
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}, instance.Options{
		Interval: 5 * time.Millisecond, Gather: time.Millisecond, CreateGrace: 50 * time.Millisecond,
		AccountID: func(context.Context) (string, error) { return simaws.DefaultAccountID, nil },
	})
	w.launch(simaws.SerialSubnetA)
	return w
}

// launch makes the worker of this world, and waits until it runs.
func (w *world) launch(subnet int) {
	w.t.Helper()
	made, err := w.instances.Launch(w.t.Context(), instance.Launch{
		Name: "lab", ImageID: simaws.SeededID("ami", region, simaws.SerialImage291), InstanceTypes: []string{"m5zn.metal"},
		SubnetIDs:        []string{simaws.SeededID("subnet", region, subnet)},
		SecurityGroupIDs: []string{simaws.SeededID("sg", region, simaws.SerialGroupCML)},
	}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.instances.WaitRunning(w.t.Context(), made.ID, made.AccountID, time.Now(), nil); err != nil {
		w.t.Fatal(err)
	}
	w.id, w.Machine = made.ID, w.sim.CML.Machine(made.ID)
}

func (w *world) ec2() *simaws.Region { return w.sim.AWS.Region(region) }

func (w *world) hold(p cml.Phase) {
	w.t.Helper()
	if err := w.HoldPhase(p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) checks(status string) {
	w.ec2().SetStatus(w.id, simaws.Health{System: status, Instance: status})
}

// target trusts the CML by its pin and has the right credentials.
func (w *world) target() readiness.Target {
	return readiness.Target{
		Instances: w.instances, InstanceID: w.id, AccountID: simaws.DefaultAccountID,
		Settings:    controller.Settings{Port: w.sim.Port(), TLS: controller.TLS{Fingerprint: w.Fingerprint()}},
		Credentials: controller.Credentials{Username: w.Admin().Username, Password: w.Admin().Password},
	}
}

// options poll often and have no limit.
func options(until readiness.Rung) readiness.Options {
	return readiness.Options{Until: until, Timeout: never, Interval: 10 * time.Millisecond, LoginPause: 30 * time.Millisecond}
}

// wait waits with much patience; a test fails when it takes all of that.
func (w *world) wait(target readiness.Target, o readiness.Options, progress func(string)) (readiness.Result, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	result, err := readiness.Wait(ctx, target, o, progress)
	if ctx.Err() != nil {
		w.t.Fatalf("the wait did not end by itself; the log is %q, the error %v", result.Log, err)
	}
	return result, err
}

func (w *world) count(operation string) int { return w.sim.Recorder.Count("cml", operation) }

func (w *world) logins() int { return w.count("POST /authenticate") }

// dialTo sends every connection to CML to another server, for answers that the
// simulated CML does not give.
func dialTo(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
}

func failing(operation string, status int, times int) wire.Rule {
	return wire.Rule{Service: "cml", Operation: operation, Times: times, Fault: wire.Fault{Kind: wire.Error, Status: status}}
}

func refusing(operation, code string, status, times int) wire.Rule {
	return wire.Rule{Service: "ec2", Operation: operation, Times: times, Fault: wire.Fault{Kind: wire.Error, Code: code, Status: status}}
}

// names are the rungs passed.
func names(r readiness.Result) []string {
	var out []string
	for _, step := range r.Passed {
		out = append(out, step.Rung.String())
	}
	return out
}

// timeout returns the TimeoutError of a wait that must have one.
func timeout(t *testing.T, result readiness.Result, err error) *readiness.TimeoutError {
	t.Helper()
	var e *readiness.TimeoutError
	if !errors.As(err, &e) || !fault.Is(err, fault.Timeout) {
		t.Fatalf("got %v with the log %q, want a time-out", err, result.Log)
	}
	if !result.Pending {
		t.Error("the result does not say that the wait is pending")
	}
	return e
}

// final returns the FinalError of a wait that must have one of that kind.
func final(t *testing.T, id string, err error, kind fault.Kind) *readiness.FinalError {
	t.Helper()
	var e *readiness.FinalError
	if !errors.As(err, &e) || !fault.Is(err, kind) {
		t.Fatalf("got %v (%s), want a final error of kind %s", err, fault.KindOf(err), kind)
	}
	if !strings.Contains(err.Error(), id) {
		t.Errorf("the worker is not named in: %v", err)
	}
	return e
}

func says(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, part := range wanted {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func saysNot(t *testing.T, text string, unwanted ...string) {
	t.Helper()
	for _, part := range unwanted {
		if strings.Contains(text, part) {
			t.Errorf("%q is in:\n%s", part, text)
		}
	}
}

func hasLine(log []string, prefix string) bool {
	return slices.ContainsFunc(log, func(line string) bool { return strings.HasPrefix(line, prefix) })
}
