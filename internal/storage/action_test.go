package storage_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const snapshotAction = "cml_worker_snapshot"

type object = map[string]any

// run is a provider with an administrator of CML. more are arguments of its
// block.
func (l *lab) run(more object) *protocol.Server {
	l.t.Helper()
	admin := l.CML.Admin()
	all := object{"controller": object{"port": l.Port(), "username": admin.Username, "password": admin.Password, "tls": object{"trust": "insecure"}}}
	for k, v := range more {
		all[k] = v
	}
	return protocol.Serve(l.t, l.World, all)
}

// take invokes the action on the machine.
func (l *lab) take(ctx context.Context, more object) protocol.Invoked {
	l.t.Helper()
	return l.run(nil).Action(snapshotAction).Invoke(ctx, l.on(more), nil)
}

func (l *lab) on(more object) object {
	all := object{"worker_id": l.id}
	for k, v := range more {
		all[k] = v
	}
	return all
}

// names checks that a text holds the ids of all snapshots that were taken, and
// that there are as many.
func (l *lab) names(text string, count int) {
	l.t.Helper()
	all := l.snapshots()
	if len(all) != count {
		l.t.Errorf("%d snapshots, want %d", len(all), count)
	}
	for id := range all {
		if !strings.Contains(text, id) {
			l.t.Errorf("%s is not named: %s", id, text)
		}
	}
}

// The ids are told as soon as there are any, and at the end in the form that
// imports them.
func TestSnapshotAction(t *testing.T) {
	l := newLab(t)
	s := l.run(object{"default_tags": []any{object{"tags": object{"Team": "labs", "Owner": "nobody"}}}})
	got := s.Action(snapshotAction).Invoke(t.Context(), l.on(object{"description": "before 2.10", "tags": object{"Owner": "netops"}}), nil)
	got.Fine(t)
	got.Told(t, "snapshots of worker "+l.id+" have begun: snap-", "are complete, to be imported as snap-")
	if err := l.calls("CreateSnapshots")(nil); err != nil {
		t.Error(err)
	}
	begun, last := got.Progress[0], got.Progress[len(got.Progress)-1]
	l.names(begun, 2)
	l.names(last, 2)
	for _, word := range []string{"vol-", "/dev/sdf"} {
		if !strings.Contains(begun, word) {
			t.Errorf("%q is not in %s", word, begun)
		}
	}
	for id, snapshot := range l.snapshots() {
		tags := tagsOf(snapshot)
		if tags["Team"] != "labs" || tags["Owner"] != "netops" || tags["cml:worker-id"] != l.id || tags["cml:version"] == "" || *snapshot.Description != "before 2.10" || snapshot.State != types.SnapshotStateCompleted {
			t.Errorf("%s: %v %s %s", id, tags, *snapshot.Description, snapshot.State)
		}
	}
	// The set that the last message names is one that the resource takes.
	r := s.Resource("cml_worker_snapshot")
	id := last[strings.LastIndex(last, " ")+1:]
	read, diags := r.Read(protocol.Kept{State: r.Config(object{"id": id, "region": home})})
	s.Good(diags)
	if got := protocol.Text(t, read.State, "worker_id"); got != l.id {
		t.Errorf("imported with the worker %s", got)
	}
}

// A worker is stopped for its snapshots, which the plan warns of, and runs again
// before they are complete.
func TestSnapshotActionStops(t *testing.T) {
	l := newLab(t)
	a := l.run(nil).Action(snapshotAction)
	stop := l.on(object{"quiesce": "stop"})
	plan := a.Plan(stop)
	protocol.Invoked{Diagnostics: plan.Diagnostics}.Warns(t, "[running_nodes_stop]", "[address_change]")
	l.Recorder.Reset()
	if diags := a.Plan(l.on(nil)).Diagnostics; len(diags) > 0 || len(l.Recorder.All()) > 0 {
		t.Errorf("a plan that interrupts nothing made %d requests\n%s", len(l.Recorder.All()), protocol.Show(diags))
	}
	got := a.Invoke(t.Context(), stop, nil)
	got.Fine(t)
	// The ids are told before anything else can go wrong.
	got.Told(t, "have begun: snap-", "starting", "are complete")
	if err := l.calls("StopInstances", "CreateSnapshots", "StartInstances")(nil); err != nil {
		t.Error(err)
	}
	if state := l.state(l.id); state != "running" {
		t.Errorf("the worker is %s", state)
	}
}

// Labs are stopped through CML's API, which takes an account.
func TestSnapshotActionStopsLabs(t *testing.T) {
	l := newLab(t)
	l.addLab(cml.Lab{Title: "ours", Running: true})
	config := l.on(object{"quiesce": "stop_labs"})
	plain := protocol.Serve(t, l.World, nil).Action(snapshotAction).Invoke(t.Context(), config, nil)
	plain.Blames(t, "quiesce", "there are no credentials for CML", "Nothing was done")
	if err := l.calls()(nil); err != nil {
		t.Error(err)
	}
	got := l.take(t.Context(), object{"quiesce": "stop_labs"})
	got.Fine(t)
	got.Hides(t, l.CML.Admin().Password)
	if got := l.order(); !slices.Equal(got, []string{"PUT /labs/{lab_id}/stop", "CreateSnapshots"}) || l.CML.Machine(l.id).RunningNodes() != 0 {
		t.Errorf("asked %q", got)
	}
}

func TestSnapshotActionFaults(t *testing.T) {
	for name, c := range map[string]struct {
		prepare  func(*lab)
		config   object
		words    []string
		argument string
		// taken are how many snapshots there are in the end, 2 for a set.
		taken int
	}{
		"lost answer": {prepare: func(l *lab) {
			l.Faults.Add(wire.Rule{Service: "ec2", Operation: "CreateSnapshots", Times: 1, Fault: wire.Fault{Kind: wire.Reset, AfterEffect: true}})
		}, taken: 2},
		"throttled": {prepare: func(l *lab) { l.fail("CreateSnapshots", "RequestLimitExceeded", "Request limit exceeded.", 503, 2) }, taken: 2},
		"may not": {prepare: func(l *lab) { l.AWS.Deny(aws.DefaultAccountID, "ec2:CreateSnapshots") },
			words: []string{"Unable to take snapshots of CML worker", "ec2:CreateSnapshots"}},
		"session ended": {prepare: func(l *lab) {
			l.addLab(cml.Lab{Title: "ours", Running: true})
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /labs", Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: 401}})
		}, config: object{"quiesce": "stop_labs"}, taken: 2},
		"may not stop labs": {prepare: func(l *lab) {
			l.addLab(cml.Lab{Title: "ours", Running: true})
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "PUT /labs/{lab_id}/stop", Fault: wire.Fault{Kind: wire.Error, Status: 403}})
		}, config: object{"quiesce": "stop_labs"}, words: []string{"did not stop, so no snapshot was taken"}},
		"fails after the stop": {prepare: func(l *lab) {
			l.fail("CreateSnapshots", "SnapshotCreationPerVolumeRateExceeded", "The rate limit has been exceeded.", 400, 1)
		}, config: object{"quiesce": "stop"}, words: []string{"Unable to take snapshots of CML worker", "rate limit"}},
		"does not start again": {prepare: func(l *lab) {
			l.fail("StartInstances", "InsufficientInstanceCapacity", "We currently do not have sufficient capacity.", 500, 0)
		}, config: object{"quiesce": "stop"}, words: []string{"CML worker was not started again after its snapshots", "`cml_worker_start`", "exist, go on by themselves"}, taken: 2},
		"no clear answer": {prepare: func(l *lab) {
			l.Faults.Add(wire.Rule{Service: "ec2", Operation: "CreateSnapshots", Fault: wire.Fault{Kind: wire.Reset}})
		}, config: object{"timeout": "2s"}, words: []string{"tagged cml:request="}, argument: "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			c.prepare(l)
			got := l.take(t.Context(), c.config)
			if c.words == nil {
				got.Fine(t)
			} else {
				got.Blames(t, c.argument, c.words...)
			}
			text := strings.Join(got.Progress, "\n")
			if c.words != nil {
				text = protocol.Show(got.Diagnostics)
			}
			l.names(text, c.taken)
		})
	}
}

// A set that is not complete in time, or that somebody does not wait for, stays
// and is named.
func TestSnapshotActionCutShort(t *testing.T) {
	for name, c := range map[string]struct {
		context  func(*lab) context.Context
		config   object
		argument string
	}{
		"time is up":  {func(l *lab) context.Context { return l.t.Context() }, object{"timeout": "2s"}, "timeout"},
		"interrupted": {func(l *lab) context.Context { return l.when("DescribeSnapshots", 3) }, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, slow)
			got := l.take(c.context(l), c.config)
			got.Blames(t, c.argument, "Snapshots of CML worker are not complete", "exist, go on by themselves and were not deleted", "Worker "+l.id+" is running now")
			l.names(protocol.Show(got.Diagnostics), 2)
			if err := l.calls("CreateSnapshots")(nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whoever interrupts it while the worker stops does not mean to leave it down.
func TestSnapshotActionInterruptedStop(t *testing.T) {
	l := newLab(t, func(o *simulator.Options) {
		o.Timing = simulator.Quick()
		o.Timing.AWS.Stopping = 200 * time.Millisecond
	})
	got := l.take(l.when("StopInstances", 1), object{"quiesce": "stop"})
	got.Told(t, "the action ends early, but starts worker "+l.id+" again")
	got.Blames(t, "", "no snapshot is known to have begun", "Worker "+l.id+" is running now")
	if err := l.calls("StopInstances", "StartInstances")(nil); err != nil {
		t.Error(err)
	}
}

// What is not known yet is no reason to fail, and nobody is asked.
func TestSnapshotActionOfUnknownValues(t *testing.T) {
	l := newLab(t)
	for when, c := range map[string]struct{ provider, config object }{
		"worker":     {nil, object{"worker_id": protocol.Unknown{}, "quiesce": "stop"}},
		"region":     {nil, l.on(object{"region": protocol.Unknown{}, "quiesce": "stop"})},
		"quiesce":    {nil, l.on(object{"quiesce": protocol.Unknown{}})},
		"controller": {nil, l.on(object{"controller": protocol.Unknown{}})},
		"tags":       {nil, l.on(object{"tags": protocol.Unknown{}})},
		"a tag":      {nil, l.on(object{"tags": object{"Owner": protocol.Unknown{}}})},
		"provider":   {object{"access_key": protocol.Unknown{}}, l.on(object{"quiesce": "stop"})},
	} {
		t.Run(when, func(t *testing.T) { l.run(c.provider).Action(snapshotAction).Waits(t, l.World, c.config) })
	}
	l.run(object{"access_key": protocol.Unknown{}}).Action(snapshotAction).Invoke(t.Context(), l.on(nil), nil).Blames(t, "", "access_key", "no value yet")
}

func TestSnapshotActionBadInput(t *testing.T) {
	s := protocol.Unconfigured(t)
	const id = "i-0123456789abcdef0"
	for at, config := range map[string]object{
		"worker_id":        {"worker_id": "vol-0123"},
		"region":           {"worker_id": id, "region": "us-east-1a"},
		"timeout":          {"worker_id": id, "timeout": "-5m"},
		"quiesce":          {"worker_id": id, "quiesce": "pause"},
		"description":      {"worker_id": id, "description": strings.Repeat("x", 256)},
		`tags["aws:mine"]`: {"worker_id": id, "tags": object{"aws:mine": "x"}},
	} {
		protocol.Invoked{Diagnostics: s.Action(snapshotAction).Validate(config)}.Blames(t, at)
	}
	if diags := s.Action(snapshotAction).Validate(object{"worker_id": id}); len(diags) > 0 {
		t.Errorf("the least configuration: %s", protocol.Show(diags))
	}
	l := newLab(t)
	a := l.run(nil).Action(snapshotAction)
	plan := a.Plan(l.on(object{"tags": object{"cml:mine": "x"}}))
	protocol.Invoked{Diagnostics: plan.Diagnostics}.Blames(t, `tags["cml:mine"]`, "Reserved tag")
	a.Invoke(t.Context(), object{"worker_id": id}, nil).Blames(t, "worker_id", id)
}
