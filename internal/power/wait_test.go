package power_test

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

const (
	warning = tfprotov6.DiagnosticSeverityWarning
	failure = tfprotov6.DiagnosticSeverityError
)

// ready makes a start wait for CML, for a second at most.
func ready(onTimeout string) map[string]any {
	return map[string]any{"readiness": map[string]any{"until": "ready", "timeout": "1s", "on_timeout": onTimeout}}
}

// hold keeps CML from getting ready, also after the next boot.
func (l *lab) hold() {
	l.t.Helper()
	if err := l.CML.Machine(l.id).HoldPhase(cml.NotReady); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) release() {
	l.t.Helper()
	if err := l.CML.Machine(l.id).ReleasePhase(); err != nil {
		l.t.Fatal(err)
	}
}

// resumes checks that exactly one in-place update is planned, which only
// finishes the wait, and applies it.
func (l *lab) resumes(s *server, from kept, config map[string]any) kept {
	l.t.Helper()
	plan := s.plan(from, s.config(config))
	s.good(plan.Diagnostics)
	planned := s.value(plan.PlannedState)
	if got := attribute(l.t, planned, "service_status"); got != "(unknown)" {
		l.t.Fatalf("service_status is planned as %q, so that nothing resumes the wait", got)
	}
	if got, want := attribute(l.t, planned, "address"), attribute(l.t, from.state, "address"); got != want {
		l.t.Errorf("address is planned as %q, wanted %q", got, want)
	}
	if len(plan.RequiresReplace) > 0 {
		l.t.Errorf("the plan replaces for %v", plan.RequiresReplace)
	}
	asked := func() int { return l.Recorder.Count("cml", "GET /system_information") }
	before, first := l.calls(), asked()
	released := make(chan struct{})
	go func() {
		defer close(released)
		l.eventually("CML to be asked again and again", func() bool { return asked() > first+5 })
		l.release()
	}()
	out, diags := s.apply(context.Background(), from, s.config(config))
	<-released
	s.good(diags)
	if got := attribute(l.t, out.state, "service_status"); got != "available" {
		l.t.Errorf("service_status is %q after the wait", got)
	}
	if now := l.calls(); now != before {
		l.t.Errorf("resuming the wait called EC2: %+v, before %+v", now, before)
	}
	if got := out.entry(l.t, "readiness_pending"); got != "" {
		l.t.Errorf("the mark %s is still there", got)
	}
	l.settled(s, out, config)
	return out
}

// settled checks that the plan is empty.
func (l *lab) settled(s *server, from kept, config map[string]any) {
	l.t.Helper()
	plan := s.plan(from, s.config(config))
	s.good(plan.Diagnostics)
	if got := s.value(plan.PlannedState); !got.Equal(from.state) {
		l.t.Errorf("the plan is not empty:\n%s\nfrom\n%s", got, from.state)
	}
}

func TestKeepResumesTheWait(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running", "start": ready("keep")}
	l.hold()
	created, diags := s.apply(context.Background(), s.nothing(), s.config(config))
	s.good(diags)
	if !has(diags, warning, "[readiness_pending]") {
		t.Errorf("no warning says that the wait did not finish:\n%s", show(diags))
	}
	if got := attribute(t, created.state, "service_status"); got != "starting" {
		t.Errorf("service_status is %q", got)
	}
	refreshed, diags := s.read(created)
	s.good(diags)
	l.resumes(s, refreshed, config)
}

// A refresh that finds CML ready has finished the wait.
func TestReadFinishesTheWait(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running", "start": ready("keep")}
	l.hold()
	created, diags := s.apply(context.Background(), s.nothing(), s.config(config))
	s.good(diags)
	if created.entry(t, "readiness_pending") == "" {
		t.Fatal("there is no mark")
	}
	l.release()
	refreshed, diags := s.read(created)
	s.good(diags)
	if got := refreshed.entry(t, "readiness_pending"); got != "" {
		t.Errorf("the mark %s is still there", got)
	}
	l.settled(s, refreshed, config)
}

func TestTimeoutInCreate(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running", "start": ready("fail")}
	l.hold()
	created, diags := s.apply(context.Background(), s.nothing(), s.config(config))
	if !has(diags, failure, "Failed rung: ready") {
		t.Errorf("no error names the rung:\n%s", show(diags))
	}
	if !created.state.IsNull() {
		t.Errorf("a creation that failed left a state, so that Terraform taints it: %s", created.state)
	}
	l.release()
	created, diags = s.apply(context.Background(), s.nothing(), s.config(config))
	s.good(diags)
	if got := attribute(t, created.state, "service_status"); got != "available" {
		t.Errorf("service_status is %q", got)
	}
}

// A start that worked stays in the state though the wait after it failed: the
// next apply goes on with the wait and does not restart.
func TestTimeoutInUpdate(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := map[string]any{"worker_id": l.id, "state": "running", "start": ready("fail"), "triggers": map[string]any{"rotate": "1"}}
	created, diags := s.apply(context.Background(), s.nothing(), s.config(config))
	s.good(diags)
	config["triggers"] = map[string]any{"rotate": "2"}
	l.hold()
	updated, diags := s.apply(context.Background(), created, s.config(config))
	if !has(diags, failure, "Failed rung: ready") {
		t.Errorf("no error names the rung:\n%s", show(diags))
	}
	if got, want := attribute(t, updated.state, "address"), l.machine().PublicIP; got != want {
		t.Errorf("address is %q, the machine is at %q", got, want)
	}
	if got, want := l.calls(), (calls{start: 1, stop: 1}); got != want {
		t.Errorf("EC2 was asked %+v, wanted %+v", got, want)
	}
	l.resumes(s, updated, config)
}

func TestOperationLimitUnderKeep(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	start := ready("keep")
	delete(start["readiness"].(map[string]any), "timeout")
	config := map[string]any{"worker_id": l.id, "state": "running", "start": start, "timeouts": map[string]any{"create": "1s"}}
	l.hold()
	created, diags := s.apply(context.Background(), s.nothing(), s.config(config))
	s.good(diags)
	if !has(diags, warning, "[readiness_pending]") || created.state.IsNull() {
		t.Errorf("keep does not cover timeouts.create:\n%s", show(diags))
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	for _, until := range []string{"create", "update"} {
		t.Run(until, func(t *testing.T) {
			l := newLab(t)
			s := l.serve(nil)
			from := s.nothing()
			config := map[string]any{"worker_id": l.id, "state": "running"}
			if until == "update" {
				l.stopOutside()
				config["state"] = "stopped"
				created, diags := s.apply(context.Background(), from, s.config(config))
				s.good(diags)
				from = created
				config["state"] = "running"
			}
			l.hold()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			l.Recorder.Reset()
			go func() {
				// CML has been asked, so that the wait is on.
				l.eventually("CML to be asked", func() bool { return l.Recorder.Count("cml", "GET /system_information") > 0 })
				cancel()
			}()
			got, diags := s.apply(ctx, from, s.config(config))
			s.good(diags)
			if got.state.IsNull() || !has(diags, warning, "cancelled") {
				t.Fatalf("a canceled wait is no warning:\n%s", show(diags))
			}
			if got, want := attribute(t, got.state, "address"), l.machine().PublicIP; got != want {
				t.Errorf("address is %q, the machine is at %q", got, want)
			}
			l.resumes(s, got, config)
		})
	}
}

func TestNoCapacity(t *testing.T) {
	const code = "InsufficientInstanceCapacity"
	setup := func(t *testing.T, retry string) (*lab, *server, kept, map[string]any) {
		l := newLab(t)
		s := l.serve(nil)
		l.stopOutside()
		config := map[string]any{"worker_id": l.id, "state": "stopped", "on_external_change": "accept"}
		if retry != "" {
			config["start"] = map[string]any{"capacity_retry": map[string]any{"timeout": retry}}
		}
		created, diags := s.apply(context.Background(), s.nothing(), s.config(config))
		s.good(diags)
		config["state"] = "running"
		return l, s, created, config
	}
	t.Run("fails at once", func(t *testing.T) {
		l, s, created, config := setup(t, "")
		l.fail("StartInstances", code, "We currently do not have sufficient m8i.2xlarge capacity.", 500, 0)
		got, diags := s.apply(context.Background(), created, s.config(config))
		for _, want := range []string{code, "instance type", "capacity_retry", "capacity reservation"} {
			if !has(diags, failure, want) {
				t.Errorf("the error does not speak of %q:\n%s", want, show(diags))
			}
		}
		if got := l.calls().start; got != 1 {
			t.Errorf("%d starts, wanted one", got)
		}
		if got := l.machine(); got.State != "stopped" {
			t.Errorf("the machine is %s", got.State)
		}
		// What did not happen is still to do, under accept as well.
		l.Faults.Clear()
		refreshed, diags := s.read(got)
		s.good(diags)
		done, diags := s.apply(context.Background(), refreshed, s.config(config))
		s.good(diags)
		if got := attribute(t, done.state, "instance_state"); got != "running" {
			t.Errorf("the next apply left the machine %s", got)
		}
	})
	t.Run("tries again", func(t *testing.T) {
		l, s, created, config := setup(t, "1h")
		l.fail("StartInstances", code, "We currently do not have sufficient m8i.2xlarge capacity.", 500, 2)
		done, diags := s.apply(context.Background(), created, s.config(config))
		s.good(diags)
		if got := attribute(t, done.state, "instance_state"); got != "running" {
			t.Errorf("the machine is %s", got)
		}
		if got := l.calls().start; got != 3 {
			t.Errorf("%d starts, wanted three", got)
		}
	})
	t.Run("after a restart's stop", func(t *testing.T) {
		l := newLab(t)
		s := l.serve(nil)
		config := map[string]any{"worker_id": l.id, "state": "running", "on_external_change": "accept", "triggers": map[string]any{"n": "1"}}
		created, diags := s.apply(context.Background(), s.nothing(), s.config(config))
		s.good(diags)
		config["triggers"] = map[string]any{"n": "2"}
		l.fail("StartInstances", code, "We currently do not have sufficient m8i.2xlarge capacity.", 500, 1)
		halfway, diags := s.apply(context.Background(), created, s.config(config))
		if !has(diags, failure, code) {
			t.Fatalf("no error:\n%s", show(diags))
		}
		refreshed, diags := s.read(halfway)
		s.good(diags)
		done, diags := s.apply(context.Background(), refreshed, s.config(config))
		s.good(diags)
		if got := attribute(t, done.state, "instance_state"); got != "running" {
			t.Errorf("the next apply left the machine %s", got)
		}
		l.settled(s, done, config)
	})
}

// The limit of an operation ends a wait on EC2.
func TestOperationLimit(t *testing.T) {
	l := newLab(t, func(o *simulator.Options) {
		o.Timing = simulator.Quick()
		o.Timing.AWS.Stopping = time.Hour
	})
	s := l.serve(nil)
	got, diags := s.apply(context.Background(), s.nothing(), s.config(map[string]any{
		"worker_id": l.id, "state": "stopped", "timeouts": map[string]any{"create": "1s"},
	}))
	if !has(diags, failure, "Unable to stop CML worker") || !has(diags, failure, "Last state: stopping") {
		t.Errorf("no error tells of the limit:\n%s", show(diags))
	}
	if !got.state.IsNull() {
		t.Errorf("a creation that failed left a state: %s", got.state)
	}
}
