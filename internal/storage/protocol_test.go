package storage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

// value is a string of a state: "(null)" for what has none.
func value(t *testing.T, v tftypes.Value, name string) string {
	t.Helper()
	var members map[string]tftypes.Value
	if err := v.As(&members); err != nil {
		t.Fatal(err)
	}
	if members[name].IsNull() {
		return "(null)"
	}
	var out string
	if err := members[name].As(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func slow(o *simulator.Options) {
	o.Timing = simulator.Quick()
	o.Timing.AWS.Snapshot = time.Hour
}

// when cancels as soon as something has been asked of EC2 that often.
func (l *lab) when(operation string, times int) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	l.t.Cleanup(cancel)
	go func() {
		defer cancel()
		for ctx.Err() == nil && l.Recorder.Count("ec2", operation) < times {
			time.Sleep(time.Millisecond)
		}
	}()
	return ctx
}

// A wait that is canceled keeps what was taken, in the state and at EC2.
func TestCanceledWait(t *testing.T) {
	l := newLab(t, slow)
	r := protocol.Serve(t, l.World, nil).Resource("cml_worker_snapshot")
	created, diags := r.Apply(l.when("DescribeSnapshots", 3), r.Nothing(), r.Config(map[string]any{"worker_id": l.id}))
	if !protocol.Has(diags, protocol.Failure, "Snapshots of CML worker are not complete") {
		t.Errorf("diagnostics:\n%s", protocol.Show(diags))
	}
	existing := l.snapshots()
	ids := strings.Split(value(t, created.State, "id"), ",")
	for _, id := range ids {
		if _, ok := existing[id]; !ok {
			t.Errorf("%s is in the state and not at EC2", id)
		}
	}
	if len(ids) != 2 || len(existing) != 2 || value(t, created.State, "root_snapshot_id") == "(null)" {
		t.Errorf("state: %s", created.State)
	}
	if created.Identity == nil || created.Identity.IdentityData == nil {
		t.Error("there is no identity")
	}
	if got := l.Recorder.Count("ec2", "DeleteSnapshot"); got != 0 {
		t.Errorf("%d snapshots were deleted", got)
	}
}

// Whoever interrupts a backup does not mean to leave the lab down.
func TestCanceledWhileStopping(t *testing.T) {
	l := newLab(t, func(o *simulator.Options) {
		o.Timing = simulator.Quick()
		o.Timing.AWS.Stopping = 200 * time.Millisecond
	})
	r := protocol.Serve(t, l.World, nil).Resource("cml_worker_snapshot")
	created, diags := r.Apply(l.when("StopInstances", 1), r.Nothing(), r.Config(map[string]any{"worker_id": l.id, "quiesce": "stop"}))
	if !protocol.Has(diags, protocol.Failure, "Unable to take snapshots of CML worker") || !created.State.IsNull() {
		t.Errorf("state %s, diagnostics:\n%s", created.State, protocol.Show(diags))
	}
	if err := l.calls("StopInstances", "StartInstances")(nil); err != nil {
		t.Error(err)
	}
	if got := l.state(l.id); got != "running" {
		t.Errorf("the worker is %s", got)
	}
}

func TestWarnings(t *testing.T) {
	l := newLab(t)
	r := protocol.Serve(t, l.World, nil).Resource("cml_worker_snapshot")
	stop := r.Config(map[string]any{"worker_id": l.id, "quiesce": "stop", "retain": true})
	plan := r.Plan(r.Nothing(), stop)
	for _, code := range []string{"[running_nodes_stop]", "[address_change]"} {
		if !protocol.Has(plan.Diagnostics, protocol.Warning, code) {
			t.Errorf("no %s in the plan:\n%s", code, protocol.Show(plan.Diagnostics))
		}
	}
	created := r.Create(stop)
	root, id := value(t, created.State, "root_snapshot_id"), value(t, created.State, "id")
	l.deleteOutside(root)
	read, diags := r.Read(created)
	if !protocol.Has(diags, protocol.Warning, "[snapshots_missing]") || !protocol.Has(diags, protocol.Warning, root) {
		t.Errorf("no warning of %s:\n%s", root, protocol.Show(diags))
	}
	if got := value(t, read.State, "id"); got != id {
		t.Errorf("id became %s", got)
	}
	again, diags := r.Read(read)
	if protocol.Has(diags, protocol.Warning, "") || !again.State.Equal(read.State) {
		t.Errorf("the second look:\n%s", protocol.Show(diags))
	}

	l.Recorder.Reset()
	gone, diags := r.Destroy(t.Context(), again)
	if !gone.State.IsNull() || !protocol.Has(diags, protocol.Warning, "[snapshots_retained]") {
		t.Errorf("destroy with retain:\n%s", protocol.Show(diags))
	}
	if n := l.Recorder.Count("ec2", "DeleteSnapshot"); n != 0 || len(l.snapshots()) != 1 {
		t.Errorf("%d snapshots were deleted", n)
	}

	l.stopOutside()
	if plan := r.Plan(r.Nothing(), stop); protocol.Has(plan.Diagnostics, protocol.Warning, "") {
		t.Errorf("a plan for a stopped worker warns:\n%s", protocol.Show(plan.Diagnostics))
	}
}

// A provider whose configuration comes with the apply keeps the state.
func TestUnknownProviderConfiguration(t *testing.T) {
	l := newLab(t)
	known := protocol.Serve(t, l.World, nil).Resource("cml_worker_snapshot")
	created := known.Create(known.Config(map[string]any{"worker_id": l.id}))
	l.Recorder.Reset()
	r := protocol.Serve(t, l.World, map[string]any{"secret_key": protocol.Unknown{}}).Resource("cml_worker_snapshot")
	read, diags := r.Read(created)
	r.Good(diags)
	if !read.State.Equal(created.State) || !protocol.Has(diags, protocol.Warning, "[unknown_configuration]") {
		t.Errorf("read:\n%s", protocol.Show(diags))
	}
	if n := len(l.Recorder.All()); n != 0 {
		t.Errorf("%d requests with a configuration that is not known", n)
	}
}
