package instance_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestWaitRunning(t *testing.T) {
	w := newWorld(t, simulator.Options{Consistency: simulator.Consistency{Reads: 4}})
	made := w.launch(t, plain())
	other := w.client()
	var said []string
	got, err := other.WaitRunning(t.Context(), made.ID, made.AccountID, time.Now(), func(text string) { said = append(said, text) })
	if err != nil || got.State != instance.StateRunning || got.PublicIP == "" || got.Status() != "running" {
		t.Fatalf("got %+v, %v", got, err)
	}
	if len(said) == 0 || !strings.HasPrefix(said[len(said)-1], "instance "+made.ID+" is running after ") {
		t.Errorf("progress %q", said)
	}
}

// An instance that ends before it runs tells why.
func TestWaitRunningEarlyEnd(t *testing.T) {
	for _, tc := range []struct {
		code, message string
		kind          fault.Kind
		hint          string
	}{
		{"Client.VolumeLimitExceeded", "Client.VolumeLimitExceeded: Volume limit exceeded", fault.Quota, ""},
		{"Client.InternalError", "Client.InternalError: Client error on launch", fault.Server, "KMS"},
		{"Server.InsufficientInstanceCapacity", "none left", fault.Capacity, ""},
		{"Client.InstanceInitiatedShutdown", "", fault.WrongState, ""},
	} {
		w := newWorld(t, simulator.Options{})
		w.sim.Region(region).EndNextLaunches(1, tc.code, tc.message)
		made := w.launch(t, plain())
		_, err := w.WaitRunning(t.Context(), made.ID, made.AccountID, time.Now(), nil)
		var early *instance.EarlyEndError
		if !errors.As(err, &early) || early.StateReasonCode != tc.code || early.Region != region {
			t.Fatalf("%s: %v", tc.code, err)
		}
		if fault.KindOf(err) != tc.kind {
			t.Errorf("%s: kind %q", tc.code, fault.KindOf(err))
		}
		for _, part := range []string{made.ID, tc.code, tc.message, tc.hint} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

// Each wait ends with its context: at the deadline, and when the user ends it.
func TestWaitsEnd(t *testing.T) {
	slow := simulator.Timing{Pending: time.Hour, Stopping: time.Hour, ShuttingDown: time.Hour}
	for name, wait := range map[string]func(context.Context, *world, string) error{
		"running": func(ctx context.Context, w *world, id string) error {
			return second(w.WaitRunning(ctx, id, "", time.Now(), nil))
		},
		"start": func(ctx context.Context, w *world, id string) error {
			return second(w.Start(ctx, id, "", instance.StartOptions{}))
		},
		"stop": func(ctx context.Context, w *world, id string) error {
			return second(w.Stop(ctx, id, "", instance.StopGraceful, nil))
		},
		"terminate": func(ctx context.Context, w *world, id string) error {
			return w.Terminate(ctx, id, "", instance.StopGraceful, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Timing: slow})
			id := w.launch(t, plain()).ID
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := wait(ctx, w, id); !fault.Is(err, fault.Timeout) || !strings.Contains(err.Error(), id) {
				t.Errorf("deadline: %v", err)
			}
			ctx, stop := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, stop)
			if err := wait(ctx, w, id); !fault.Is(err, fault.Canceled) {
				t.Errorf("canceled: %v", err)
			}
		})
	}
}

// A wait goes on through what passes, and ends with what does not.
func TestWaitTolerance(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.launch(t, plain())
	w.fail(wire.Rule{Operation: "DescribeInstances", Times: 1, Fault: wire.Fault{Kind: wire.Throttle}},
		wire.Rule{Operation: "DescribeInstances", Skip: 1, Times: 1, Fault: wire.Fault{Kind: wire.Error, Code: "InternalError", Status: 500}},
		wire.Rule{Operation: "DescribeInstances", Skip: 2, Times: 1, Fault: wire.Fault{Kind: wire.Reset}})
	if _, err := w.WaitRunning(t.Context(), made.ID, "", time.Now(), nil); err != nil || w.sim.Faults.Pending() != 0 {
		t.Errorf("%d faults left, %v", w.sim.Faults.Pending(), err)
	}
	w.fail(refusal("DescribeInstances", "UnauthorizedOperation", "no", 1))
	if _, err := w.WaitRunning(t.Context(), made.ID, "", time.Now(), nil); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("got %v", err)
	}
}

// The table of the specification: what is done from where.
func TestPowerTable(t *testing.T) {
	slow := simulator.Timing{Pending: 100 * time.Millisecond, Stopping: 100 * time.Millisecond}
	from := map[string]func(*testing.T, *world) string{
		"pending": func(t *testing.T, w *world) string { return w.launch(t, plain()).ID },
		"running": func(t *testing.T, w *world) string { return w.run(t, plain()).ID },
		"stopping": func(t *testing.T, w *world) string {
			id := w.run(t, plain()).ID
			w.sim.Region(region).StopOutside(id)
			return id
		},
		"stopped": func(t *testing.T, w *world) string { return w.stopped(t, plain()).ID },
	}
	for _, tc := range []struct {
		from, to string
		acts     []string
	}{
		{"pending", "running", nil},
		{"running", "running", nil},
		{"stopping", "running", []string{"StartInstances"}},
		{"stopped", "running", []string{"StartInstances"}},
		{"pending", "stopped", []string{"StopInstances"}},
		{"running", "stopped", []string{"StopInstances"}},
		{"stopping", "stopped", nil},
		{"stopped", "stopped", nil},
	} {
		t.Run(tc.from+" to "+tc.to, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Timing: slow})
			id := from[tc.from](t, w)
			w.sim.Recorder.Reset()
			var got *instance.Instance
			var err error
			if tc.to == "running" {
				got, err = w.Start(t.Context(), id, simulator.DefaultAccountID, instance.StartOptions{})
			} else {
				got, err = w.Stop(t.Context(), id, simulator.DefaultAccountID, instance.StopGraceful, nil)
			}
			if err != nil || got.State != tc.to {
				t.Fatalf("got %+v, %v", got, err)
			}
			if acts := w.acts(); !slices.Equal(acts, tc.acts) {
				t.Errorf("asked for %v, want %v", acts, tc.acts)
			}
			if w.count("DescribeInstances") == 0 {
				t.Error("the recorder saw nothing")
			}
			if tc.to == "running" && got.PublicIP == "" || tc.to == "stopped" && got.PublicIP != "" {
				t.Errorf("public address %q", got.PublicIP)
			}
		})
	}
	for _, gone := range []bool{true, false} {
		w := newWorld(t, simulator.Options{})
		id := nobody
		if gone {
			id = w.run(t, plain()).ID
			w.sim.Region(region).TerminateOutside(id)
		}
		w.sim.Recorder.Reset()
		if _, err := w.Start(t.Context(), id, simulator.DefaultAccountID, instance.StartOptions{}); !isGone(err) {
			t.Errorf("start: %v", err)
		}
		if _, err := w.Stop(t.Context(), id, simulator.DefaultAccountID, instance.StopGraceful, nil); !isGone(err) {
			t.Errorf("stop: %v", err)
		}
		if acts := w.acts(); len(acts) != 0 {
			t.Errorf("asked for %v", acts)
		}
	}
}

func TestRestartedIsNoFirstStart(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	first := w.stopped(t, plain())
	if when, ok := first.StoppedAt(); !ok || time.Since(when) > time.Hour {
		t.Errorf("stopped at %v, %v", when, ok)
	}
	if first.FirstLaunchTime.IsZero() || first.InterruptedBySpot() || !strings.Contains(first.Why(), "User initiated shutdown") {
		t.Errorf("got %+v, %q", first, first.Why())
	}
}

func TestStopModes(t *testing.T) {
	for mode, want := range map[instance.StopMode][2]string{
		instance.StopGraceful: {"", ""}, instance.StopForce: {"true", ""}, instance.StopSkipOSShutdown: {"", "true"}, "": {"", ""},
	} {
		w := newWorld(t, simulator.Options{})
		id := w.run(t, plain()).ID
		if _, err := w.Stop(t.Context(), id, "", mode, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Terminate(t.Context(), id, "", mode, nil); err != nil {
			t.Fatal(err)
		}
		for _, operation := range []string{"StopInstances", "TerminateInstances"} {
			p := w.last(t, operation).Params
			if got := [2]string{p.Get("Force"), p.Get("SkipOsShutdown")}; got != want {
				t.Errorf("%s %q: %v", operation, mode, got)
			}
		}
	}
}

// What a person changes between our look and our order is waited out once.
func TestWrongStateOnce(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	id := w.stopped(t, plain()).ID
	w.fail(refusal("StartInstances", "IncorrectInstanceState", "The instance is not in a state from which it can be started.", 1))
	if got, err := w.Start(t.Context(), id, "", instance.StartOptions{}); err != nil || got.State != "running" || w.count("StartInstances") != 2 {
		t.Errorf("%v after %d requests", err, w.count("StartInstances"))
	}
	w.fail(refusal("StopInstances", "IncorrectInstanceState", "no", 0))
	w.sim.Recorder.Reset()
	if _, err := w.Stop(t.Context(), id, "", instance.StopGraceful, nil); !fault.Is(err, fault.WrongState) || w.count("StopInstances") != 2 {
		t.Errorf("%v after %d requests", err, w.count("StopInstances"))
	}
}

func TestStartCapacity(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	id := w.stopped(t, plain()).ID
	w.fail(wire.Rule{Operation: "StartInstances", Times: 3, Fault: wire.Fault{Kind: wire.Error, Code: "InsufficientInstanceCapacity", Status: 500}})
	if _, err := w.Start(t.Context(), id, "", instance.StartOptions{}); !fault.Is(err, fault.Capacity) || w.count("StartInstances") != 1 {
		t.Errorf("no retry: %v after %d requests", err, w.count("StartInstances"))
	}
	if i, err := w.Find(t.Context(), id, ""); err != nil || i.State != "stopped" {
		t.Errorf("not left stopped: %v, %v", i, err)
	}
	var said []string
	got, err := w.Start(t.Context(), id, "", instance.StartOptions{CapacityRetry: 10 * time.Second, Progress: func(s string) { said = append(said, s) }})
	if err != nil || got.State != "running" || w.count("StartInstances") != 4 {
		t.Errorf("%v after %d requests", err, w.count("StartInstances"))
	}
	if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "no capacity yet") }) {
		t.Errorf("progress %q", said)
	}

	id = w.stopped(t, plain()).ID
	w.fail(wire.Rule{Operation: "StartInstances", Fault: wire.Fault{Kind: wire.Error, Code: "InsufficientInstanceCapacity", Status: 500}})
	if _, err := w.Start(t.Context(), id, "", instance.StartOptions{CapacityRetry: 30 * time.Millisecond}); !fault.Is(err, fault.Capacity) {
		t.Errorf("bounded: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := w.Start(ctx, id, "", instance.StartOptions{CapacityRetry: time.Hour}); ctx.Err() == nil || err == nil {
		t.Errorf("deadline: %v", err)
	}
}

// A start that EC2 accepts and then takes back is told with its reason.
func TestStartTakenBack(t *testing.T) {
	w := newWorld(t, simulator.Options{Timing: simulator.Timing{Pending: 100 * time.Millisecond}})
	id := w.stopped(t, plain()).ID
	w.fail(wire.Rule{Operation: "StartInstances", Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Millisecond)}})
	done := make(chan error)
	go func() {
		_, err := w.Start(t.Context(), id, "", instance.StartOptions{})
		done <- err
	}()
	for w.count("StartInstances") == 0 {
		time.Sleep(time.Millisecond)
	}
	for i, _ := w.sim.Region(region).Instance(id); i.State != "pending"; i, _ = w.sim.Region(region).Instance(id) {
		time.Sleep(time.Millisecond)
	}
	w.sim.Region(region).Interrupt(id, "Server.InsufficientInstanceCapacity", "none left", true)
	err := <-done
	var early *instance.EarlyEndError
	if !errors.As(err, &early) || !fault.Is(err, fault.Capacity) {
		t.Errorf("got %v", err)
	}
}

// Right after a start reads may still show the stop before it.
func TestStartOldAnswers(t *testing.T) {
	shown := []string{"stopped", "stopped", "stopping", "stopped", "pending", "running"}
	reads := 0
	c := clientOf(answering(t, func(action string) string {
		if action == "StartInstances" {
			return "<StartInstancesResponse/>"
		}
		state := shown[min(reads, len(shown)-1)]
		reads++
		return `<DescribeInstancesResponse><reservationSet><item><ownerId>1</ownerId><instancesSet><item><instanceId>` + nobody + `</instanceId>
			<instanceState><name>` + state + `</name></instanceState><reason>User initiated (2026-11-01 10:00:00 GMT)</reason>
			</item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
	}))
	if got, err := c.Start(t.Context(), nobody, "", instance.StartOptions{}); err != nil || got.State != "running" || reads != len(shown) {
		t.Errorf("%+v, %v after %d reads", got, err, reads)
	}
}

// Right after a stop one answer is not believed.
func TestStopFlapping(t *testing.T) {
	shown := []string{"running", "stopping", "stopped", "stopping", "stopped", "stopped"}
	reads := 0
	c := clientOf(answering(t, func(action string) string {
		if action == "StopInstances" {
			return "<StopInstancesResponse/>"
		}
		state := shown[min(reads, len(shown)-1)]
		reads++
		return `<DescribeInstancesResponse><reservationSet><item><ownerId>1</ownerId><instancesSet><item><instanceId>` + nobody + `</instanceId>
			<instanceState><name>` + state + `</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
	}))
	if got, err := c.Stop(t.Context(), nobody, "", instance.StopGraceful, nil); err != nil || got.State != "stopped" || reads != len(shown) {
		t.Errorf("%+v, %v after %d reads", got, err, reads)
	}
}

// A start right after a change of the type waits until EC2 plans with it.
func TestStartLaunchPlan(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	id := w.stopped(t, plain()).ID
	w.fail(refusal("StartInstances", "InvalidParameterValue", "The LaunchPlan instance type does not match attribute value m8i.4xlarge", 3))
	if _, err := w.Start(t.Context(), id, "", instance.StartOptions{}); err != nil || w.count("StartInstances") != 4 {
		t.Errorf("%v after %d requests", err, w.count("StartInstances"))
	}
	id = w.stopped(t, plain()).ID
	w.sim.Recorder.Reset()
	w.fail(refusal("StartInstances", "InvalidParameterValue", "something else", 0))
	if _, err := w.Start(t.Context(), id, "", instance.StartOptions{}); !fault.Is(err, fault.Invalid) || w.count("StartInstances") != 1 {
		t.Errorf("%v after %d requests", err, w.count("StartInstances"))
	}
}

func TestReboot(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	id := w.run(t, plain()).ID
	w.fail(refusal("RebootInstances", "IncorrectInstanceState", "no", 1))
	if err := w.Reboot(t.Context(), id); err != nil || w.count("RebootInstances") != 2 {
		t.Errorf("%v after %d requests", err, w.count("RebootInstances"))
	}
}

func TestTerminate(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.run(t, plain())
	if err := w.Terminate(t.Context(), made.ID, made.AccountID, instance.StopGraceful, nil); err != nil {
		t.Fatal(err)
	}
	if i, _ := w.sim.Region(region).Instance(made.ID); i.State != "terminated" {
		t.Errorf("it came back while %s", i.State)
	}
	// Again, after an hour, and for what never was: all the same.
	other := w.client()
	for _, forget := range []bool{false, true} {
		if forget {
			w.sim.Region(region).Forget(made.ID)
		}
		if err := other.Terminate(t.Context(), made.ID, made.AccountID, instance.StopGraceful, nil); err != nil {
			t.Errorf("again: %v", err)
		}
	}
	if err := w.Terminate(t.Context(), nobody, simulator.DefaultAccountID, instance.StopGraceful, nil); err != nil {
		t.Errorf("never was: %v", err)
	}
}

func TestTerminateProtected(t *testing.T) {
	for _, p := range []instance.Protection{{Termination: true}, {Stop: true}} {
		w := newWorld(t, simulator.Options{})
		l := plain()
		l.Protection = p
		made := w.run(t, l)
		err := w.Terminate(t.Context(), made.ID, made.AccountID, instance.StopGraceful, nil)
		if !fault.Is(err, fault.Protected) || w.count("TerminateInstances") != 1 {
			t.Errorf("%+v: %v", p, err)
		}
		if i, err := w.Find(t.Context(), made.ID, ""); err != nil || i.State != "running" {
			t.Errorf("%+v: %v, %v", p, i, err)
		}
	}
}

// What was just launched is not taken for gone because EC2 does not know it yet.
func TestTerminateFresh(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.launch(t, plain())
	w.fail(refusal("TerminateInstances", "InvalidInstanceID.NotFound", "The instance ID does not exist", 3))
	if err := w.Terminate(t.Context(), made.ID, made.AccountID, instance.StopGraceful, nil); err != nil {
		t.Fatal(err)
	}
	if i, _ := w.sim.Region(region).Instance(made.ID); i.State != "terminated" || w.count("TerminateInstances") != 4 {
		t.Errorf("%s after %d requests", i.State, w.count("TerminateInstances"))
	}
}

// "Not found" to the order alone proves nothing while reads show it.
func TestTerminateContradiction(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.run(t, plain())
	w.fail(refusal("TerminateInstances", "InvalidInstanceID.NotFound", "The instance ID does not exist", 0))
	if err := w.client().Terminate(t.Context(), made.ID, made.AccountID, instance.StopGraceful, nil); err == nil {
		t.Error("a running instance counts as gone")
	}
}
