package worker_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

type object = map[string]any

// pendingKey is the entry of private state that a wait leaves that did not end.
const pendingKey = "readiness_pending"

// serve is the type cml_worker of a provider for a world.
func serve(t *testing.T, w *acctest.World, more object) *protocol.Resource {
	t.Helper()
	return protocol.Serve(t, w, more).Resource("cml_worker")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); pause() {
		if time.Now().After(end) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}

// askedCML counts the unauthenticated questions to CML.
func askedCML(w *acctest.World) int { return w.Recorder.Count("cml", "GET /system_information") }

// settled checks that the plan is empty.
func settled(t *testing.T, worker *protocol.Resource, from protocol.Kept, config object) {
	t.Helper()
	diffs, err := from.State.Diff(worker.Planned(from, worker.Config(config)))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diffs {
		t.Errorf("the plan is not empty: %s", d)
	}
}

// resumes checks that one in-place change is planned that only finishes the
// wait, and applies it.
func resumes(t *testing.T, w *acctest.World, worker *protocol.Resource, from protocol.Kept, config object) {
	t.Helper()
	plan := worker.Plan(from, worker.Config(config))
	worker.Good(plan.Diagnostics)
	planned := worker.Value(plan.PlannedState)
	if got := protocol.Text(t, planned, "service_status"); got != "(unknown)" {
		t.Fatalf("service_status is planned as %q, so that nothing resumes the wait", got)
	}
	for _, name := range []string{"id", "address", "url", "revision", "instance_state"} {
		if got, want := protocol.Text(t, planned, name), protocol.Text(t, from.State, name); got != want {
			t.Errorf("%s is planned as %q, wanted %q", name, got, want)
		}
	}
	if len(plan.RequiresReplace) > 0 {
		t.Errorf("the plan replaces for %v", plan.RequiresReplace)
	}
	w.Recorder.Reset()
	released := make(chan struct{})
	go func() {
		defer close(released)
		eventually(t, "CML to be asked again and again", func() bool { return askedCML(w) > 3 })
		if err := w.CML.Machine(protocol.Text(t, from.State, "id")).ReleasePhase(); err != nil {
			t.Error(err)
		}
	}()
	out, diags := worker.Apply(t.Context(), from, worker.Config(config))
	<-released
	worker.Good(diags)
	if got := protocol.Text(t, out.State, "service_status"); got != "available" {
		t.Errorf("service_status is %q after the wait", got)
	}
	if got := changes(w); got["CreateTags"] != 1 || len(got) != 1 {
		t.Errorf("resuming the wait called %v, wanted the tag of the certificate alone", got)
	}
	if got := out.Entry(t, pendingKey); got != "" {
		t.Errorf("the mark %s is still there", got)
	}
	settled(t, worker, out, config)
}

// canceled creates a worker and interrupts, as Ctrl-C does, once CML is asked.
func canceled(t *testing.T, w *acctest.World, worker *protocol.Resource, config object) protocol.Kept {
	t.Helper()
	w.CML.Prepare(neverReady(t))
	go func() {
		eventually(t, "CML to be asked", func() bool { return askedCML(w) > 0 })
		if _, err := worker.StopProvider(context.WithoutCancel(t.Context()), &tfprotov6.StopProviderRequest{}); err != nil {
			t.Error(err)
		}
	}()
	out, diags := worker.Apply(t.Context(), worker.Nothing(), worker.Config(config))
	worker.Good(diags)
	if id := only(t, w).ID; protocol.Text(t, out.State, "id") != id || !protocol.Has(diags, protocol.Warning, id) {
		t.Errorf("%s is not in the state %s or not in the warning:\n%s", id, out.State, protocol.Show(diags))
	}
	if !protocol.Has(diags, protocol.Warning, "was cancelled") || !protocol.Has(diags, protocol.Warning, "[readiness_pending]") {
		t.Errorf("no warning says that the wait was cancelled:\n%s", protocol.Show(diags))
	}
	var mark struct {
		Until string
		Since time.Time
	}
	if err := json.Unmarshal([]byte(out.Entry(t, pendingKey)), &mark); err != nil || mark.Until != "ready" || mark.Since.IsZero() {
		t.Errorf("the mark is %q", out.Entry(t, pendingKey))
	}
	return out
}

// Interrupted while only waiting: no error, so no taint; the next apply goes on.
func TestCancelWhileWaiting(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	worker := serve(t, w, nil)
	config := with(nil)
	created := canceled(t, w, worker, config)
	i := only(t, w)
	for name, want := range map[string]string{"instance_state": "running", "address": i.PublicIP, "service_status": "starting", "connectable": "false"} {
		if got := protocol.Text(t, created.State, name); got != want {
			t.Errorf("%s is %q, wanted %q", name, got, want)
		}
	}
	refreshed, diags := worker.Read(created)
	worker.Good(diags)
	if refreshed.Entry(t, pendingKey) == "" {
		t.Error("a refresh that finds CML not ready removes the mark")
	}
	resumes(t, w, worker, refreshed, config)
}

// A refresh that finds CML ready has finished the wait; while the machine is
// stopped nothing is planned to wait for.
func TestReadFinishesTheWait(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	worker := serve(t, w, nil)
	config := with(nil)
	created := canceled(t, w, worker, config)

	stopOutside(t, w)
	stopped, diags := worker.Read(created)
	worker.Good(diags)
	if stopped.Entry(t, pendingKey) == "" {
		t.Error("the stop removed the mark")
	}
	settled(t, worker, stopped, config)

	w.AWS.Region(region).StartOutside(only(t, w).ID)
	waitState(t, w, "running")
	machine := w.CML.Machine(only(t, w).ID)
	if err := machine.ReleasePhase(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "CML to be ready", func() bool { return machine.Phase() == cml.Ready })
	ready, diags := worker.Read(stopped)
	worker.Good(diags)
	if got := ready.Entry(t, pendingKey); got != "" {
		t.Errorf("the mark %s is still there", got)
	}
	if got := protocol.Text(t, ready.State, "service_status"); got != "available" {
		t.Errorf("service_status is %q", got)
	}
	if got, want := protocol.Text(t, ready.State, "controller.tls.fingerprint"), machine.Fingerprint(); got != want {
		t.Errorf("the certificate %s is not recorded: %q", want, got)
	}
	settled(t, worker, ready, config)
}

// The provider was killed after RunInstances: no state knows the machine, and
// the next create names it.
func TestOrphanIsNamed(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	worker := serve(t, w, nil)
	config := worker.Config(with(object{"readiness": object{"until": "running"}}))
	_, first := worker.Apply(t.Context(), worker.Nothing(), config) // the state is lost
	worker.Good(first)
	if protocol.Has(first, protocol.Warning, "[live_worker_same_name]") {
		t.Errorf("the first of its name is warned of:\n%s", protocol.Show(first))
	}
	orphan := only(t, w)
	_, diags := worker.Apply(t.Context(), worker.Nothing(), config)
	worker.Good(diags)
	for _, want := range []string{
		"[live_worker_same_name]", "terraform import <address> " + orphan.ID + "@" + region,
		"launched " + orphan.LaunchTime.UTC().Format(time.RFC3339), `"lab-01"`,
	} {
		if !protocol.Has(diags, protocol.Warning, want) {
			t.Errorf("no warning has %q:\n%s", want, protocol.Show(diags))
		}
	}
	w.AWS.Region(region).TerminateOutside(orphan.ID)
	quiet := serve(t, w, object{"suppress_warnings": []any{"live_worker_same_name"}})
	_, diags = quiet.Apply(t.Context(), quiet.Nothing(), config)
	if len(diags) > 0 {
		t.Errorf("suppressed, and still said:\n%s", protocol.Show(diags))
	}
}

// An argument of the provider that is known only after apply: reads keep the
// state, plans go on, data sources fail, and nobody is asked anything.
func TestUnknownProviderConfiguration(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	config := with(nil)
	known := serve(t, w, nil)
	created := known.Create(known.Config(config))
	unknown := protocol.Serve(t, w, object{"secret_key": protocol.Unknown{}})
	worker := unknown.Resource("cml_worker")
	stopOutside(t, w)
	w.Recorder.Reset()

	read, diags := worker.Read(created)
	worker.Good(diags)
	if len(diags) != 1 || !protocol.Has(diags, protocol.Warning, "secret_key") || !protocol.Has(diags, protocol.Warning, "[unknown_configuration]") {
		t.Errorf("wanted is one warning that names the argument:\n%s", protocol.Show(diags))
	}
	if !read.State.Equal(created.State) {
		t.Errorf("the state changed to %s", read.State)
	}
	settled(t, worker, read, config)
	planned := worker.Planned(worker.Nothing(), worker.Config(config))
	if got := protocol.Text(t, planned, "region"); got != "(unknown)" {
		t.Errorf("region of a creation is planned as %s", got)
	}
	_, diags = unknown.Look("cml_worker", object{"name": "lab-01"})
	if !protocol.Has(diags, protocol.Failure, "secret_key") {
		t.Errorf("the data source does not name the argument:\n%s", protocol.Show(diags))
	}
	if asked := w.Recorder.Operations(""); len(asked) > 0 {
		t.Errorf("somebody was asked %q", asked)
	}
}

// Whatever fails after the launch, the machine is in the state.
func TestErrorAfterLaunchKeepsTheID(t *testing.T) {
	for name, c := range map[string]struct {
		change  object
		prepare func(t *testing.T, w *acctest.World)
		says    string
		// state has further values that must be there.
		state map[string]string
	}{
		"CML does not become ready": {
			change:  object{"readiness": object{"timeout": "1s"}},
			prepare: func(t *testing.T, w *acctest.World) { w.CML.Prepare(neverReady(t)) },
			says:    "CML worker did not become ready",
			state:   map[string]string{"instance_state": "running", "service_status": "starting"},
		},
		"it cannot be read back": {
			change:  object{"readiness": object{"until": "none"}},
			prepare: func(_ *testing.T, w *acctest.World) { fail(w, "DescribeInstances", "UnauthorizedOperation", 403, 1, 0) },
			says:    "Unable to read CML worker back",
		},
		"it cannot be read": {
			prepare: func(_ *testing.T, w *acctest.World) {
				fail(w, "DescribeInstances", "UnauthorizedOperation", 403, 1, 0) // the look for orphans passes
			},
			says: "ec2:DescribeInstances",
		},
		"no address is to be had": {
			change:  object{"network": object{"eip": object{"allocate": true}}},
			prepare: func(_ *testing.T, w *acctest.World) { fail(w, "AllocateAddress", "AddressLimitExceeded", 400, 0, 0) },
			says:    "AddressLimitExceeded",
		},
		"the address cannot be given": {
			change:  object{"network": object{"eip": object{"allocate": true}}},
			prepare: func(_ *testing.T, w *acctest.World) { fail(w, "AssociateAddress", "UnauthorizedOperation", 403, 0, 0) },
			says:    "ec2:AssociateAddress",
			state:   map[string]string{"eip_allocation_id": "eipalloc-"},
		},
		"it ends while it is waited for": {
			prepare: func(t *testing.T, w *acctest.World) {
				w.CML.Prepare(neverReady(t))
				go func() {
					eventually(t, "CML to be asked", func() bool { return askedCML(w) > 0 })
					w.AWS.Region(region).TerminateOutside(w.AWS.Region(region).Instances()[0].ID)
				}()
			},
			says: "its instance is terminated instead of running",
		},
		"it is stopped while it is waited for": {
			prepare: func(t *testing.T, w *acctest.World) {
				w.CML.Prepare(neverReady(t))
				go func() {
					eventually(t, "CML to be asked", func() bool { return askedCML(w) > 0 })
					w.AWS.Region(region).StopOutside(w.AWS.Region(region).Instances()[0].ID)
				}()
			},
			says: "CML worker did not become ready",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			worker := serve(t, w, nil)
			c.prepare(t, w)
			got, diags := worker.Apply(t.Context(), worker.Nothing(), worker.Config(with(c.change)))
			if !protocol.Has(diags, protocol.Failure, c.says) {
				t.Errorf("no error says %q:\n%s", c.says, protocol.Show(diags))
			}
			all := w.AWS.Region(region).Instances()
			if len(all) != 1 || got.State.IsNull() || protocol.Text(t, got.State, "id") != all[0].ID {
				t.Fatalf("the state is %s, the machines are %+v", got.State, all)
			}
			if !protocol.Has(diags, protocol.Failure, all[0].ID) {
				t.Errorf("the error does not name %s:\n%s", all[0].ID, protocol.Show(diags))
			}
			for attribute, want := range c.state {
				if text := protocol.Text(t, got.State, attribute); !strings.HasPrefix(text, want) {
					t.Errorf("%s is %q, wanted %q", attribute, text, want)
				}
			}
		})
	}
}

// fail lets calls of an EC2 operation fail: times of them (0: all) after skip.
func fail(w *acctest.World, operation, code string, status, skip, times int) {
	message := "Injected."
	if code == "UnauthorizedOperation" {
		message = "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/u is not authorized to perform: ec2:" + operation
	}
	w.Faults.Add(wire.Rule{Service: "ec2", Operation: operation, Skip: skip, Times: times, Fault: wire.Fault{Kind: wire.Error, Code: code, Status: status, Message: message}})
}

// Tags that say more than the launch's are a convenience: without permission
// the worker is there all the same.
func TestMissingTagPermissionIsAWarning(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	worker := serve(t, w, nil)
	fail(w, "CreateTags", "UnauthorizedOperation", 403, 0, 0)
	got, diags := worker.Apply(t.Context(), worker.Nothing(), worker.Config(with(nil)))
	worker.Good(diags)
	if !protocol.Has(diags, protocol.Warning, "CreateTags") || protocol.Text(t, got.State, "service_status") != "available" {
		t.Errorf("%s\n%s", protocol.Show(diags), got.State)
	}
}

// The limit of an operation ends every wait on EC2.
func TestOperationLimits(t *testing.T) {
	slow := func(change func(*simulator.Options)) func(*simulator.Options) {
		return func(o *simulator.Options) {
			o.Timing = simulator.Quick()
			change(o)
		}
	}
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		w := acctest.NewWorld(t, slow(func(o *simulator.Options) { o.Timing.AWS.Pending = hour }))
		worker := serve(t, w, nil)
		got, diags := worker.Apply(t.Context(), worker.Nothing(), worker.Config(with(object{"timeouts": object{"create": "1s"}})))
		if !protocol.Has(diags, protocol.Failure, "did not become ready") || protocol.Text(t, got.State, "id") != only(t, w).ID {
			t.Errorf("%s\n%s", protocol.Show(diags), got.State)
		}
	})
	t.Run("update", func(t *testing.T) {
		t.Parallel()
		w := acctest.NewWorld(t, slow(func(o *simulator.Options) { o.Timing.AWS.Stopping = hour }))
		worker := serve(t, w, nil)
		config := with(object{"timeouts": object{"update": "1s"}})
		created := worker.Create(worker.Config(config))
		config["instance_type"] = "m8i.4xlarge"
		got, diags := worker.Apply(t.Context(), created, worker.Config(config))
		if !protocol.Has(diags, protocol.Failure, "Last state: stopping") {
			t.Errorf("no error tells of the limit:\n%s", protocol.Show(diags))
		}
		if kind, state := protocol.Text(t, got.State, "instance_type"), protocol.Text(t, got.State, "instance_state"); kind != "m8i.2xlarge" || state != "stopping" {
			t.Errorf("the state tells of a %s that is %s", kind, state)
		}
	})
	t.Run("delete", func(t *testing.T) {
		t.Parallel()
		w := acctest.NewWorld(t, slow(func(o *simulator.Options) { o.Timing.AWS.ShuttingDown = hour }))
		worker := serve(t, w, nil)
		created := worker.Create(worker.Config(with(object{"timeouts": object{"delete": "1s"}})))
		got, diags := worker.Destroy(t.Context(), created)
		if !protocol.Has(diags, protocol.Failure, "Unable to destroy CML worker") || got.State.IsNull() {
			t.Errorf("a destroy that did not end forgets the worker:\n%s", protocol.Show(diags))
		}
	})
}

// What is gone is success for Delete, an absence for Read, and neither with the
// credentials of another account.
func TestGone(t *testing.T) {
	t.Parallel()
	const otherKey = "AKIASTRANGEREXAMPLE"
	w := acctest.NewWorld(t, func(o *simulator.Options) {
		o.AWS.Accounts = []aws.Account{{ID: "210987654321", Keys: []aws.Key{{AccessKeyID: otherKey}}}}
	})
	worker := serve(t, w, nil)
	created := worker.Create(worker.Config(with(nil)))

	stranger := serve(t, w, object{"access_key": otherKey})
	// Another run, to which the launch is no longer fresh.
	later := serve(t, w, nil)
	w.AWS.Region(region).Forget(only(t, w).ID)
	for name, call := range map[string]func() (protocol.Kept, []*tfprotov6.Diagnostic){
		"Read":   func() (protocol.Kept, []*tfprotov6.Diagnostic) { return stranger.Read(created) },
		"Delete": func() (protocol.Kept, []*tfprotov6.Diagnostic) { return stranger.Destroy(t.Context(), created) },
	} {
		kept, diags := call()
		if !protocol.Has(diags, protocol.Failure, "not visible with these credentials") || kept.State.IsNull() {
			t.Errorf("%s with other credentials: %s\n%s", name, kept.State, protocol.Show(diags))
		}
	}
	read, diags := later.Read(created)
	later.Good(diags)
	if !read.State.IsNull() {
		t.Errorf("Read keeps what is gone: %s", read.State)
	}
	deleted, diags := later.Destroy(t.Context(), created)
	later.Good(diags)
	if !deleted.State.IsNull() {
		t.Errorf("Delete keeps what is gone: %s", deleted.State)
	}
}

// A step that failed leaves its argument as it was: versions say what was done.
func TestVersionsAdvanceWithTheirStep(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	worker := serve(t, w, nil)
	config := with(object{"user_data_wo": "one", "user_data_wo_version": 1, "user_data_change": "restart"})
	created := worker.Create(worker.Config(config))
	config["user_data_wo"], config["user_data_wo_version"], config["tags"] = "two", 2, object{"Owner": "netops"}
	fail(w, "StopInstances", "UnauthorizedOperation", 403, 0, 1)
	half, diags := worker.Apply(t.Context(), created, worker.Config(config))
	if !protocol.Has(diags, protocol.Failure, "ec2:StopInstances") {
		t.Fatalf("no error:\n%s", protocol.Show(diags))
	}
	if got := protocol.Text(t, half.State, "user_data_wo_version"); !strings.Contains(got, `"1"`) {
		t.Errorf("the version of what was not done is %s", got)
	}
	if got := protocol.Text(t, half.State, "tags"); !strings.Contains(got, "netops") {
		t.Errorf("the tags that were written are not in the state: %s", got)
	}
	// The text is stored, and only the start after it fails.
	fail(w, "StartInstances", "UnauthorizedOperation", 403, 0, 1)
	stored, diags := worker.Apply(t.Context(), half, worker.Config(config))
	if !protocol.Has(diags, protocol.Failure, "ec2:StartInstances") {
		t.Fatalf("no error:\n%s", protocol.Show(diags))
	}
	if got := protocol.Text(t, stored.State, "user_data_wo_version"); !strings.Contains(got, `"2"`) {
		t.Errorf("the version of what was stored is %s", got)
	}
	if got := protocol.Text(t, stored.State, "instance_state"); got != "stopped" {
		t.Errorf("the worker is %s", got)
	}
	if got := protocol.Text(t, stored.State, "user_data_wo"); got != "(null)" {
		t.Errorf("user_data_wo is in the state: %s", got)
	}
	settled(t, worker, stored, config)
}

// Each warning of a worker is silenced by its code, and by no other.
func TestSuppressWarnings(t *testing.T) {
	for code, c := range map[string]struct {
		before, after object // before nil: a creation
		more          object
		prepare       func(w *acctest.World)
	}{
		"hop_limit":            {after: object{"metadata_options": object{"http_put_response_hop_limit": 2}}},
		"insecure_tls":         {after: object{"controller": object{"tls": object{"trust": "insecure"}}}},
		"private_address_only": {after: object{"network": object{"public_ip": false}}},
		"running_nodes_stop":   {before: object{}, after: object{"instance_type": "m8i.4xlarge"}},
		"address_change":       {before: object{}, after: object{"instance_type": "m8i.4xlarge"}},
		"region_differs":       {before: object{}, more: object{"region": "us-west-2"}},
		"no_virtualization":    {after: object{"instance_type": "c5.2xlarge"}},
		"bare_metal":           {after: object{"instance_type": "m5zn.metal"}},
		"port_closed":          {after: object{"security_group_ids": []any{groupTwo}}},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			loud := serve(t, w, nil)
			from := loud.Nothing()
			if c.before != nil {
				from = loud.Create(loud.Config(with(c.before)))
			}
			for _, silenced := range []bool{false, true} {
				more := object{"suppress_warnings": []any{"clock_skew"}}
				if silenced {
					more["suppress_warnings"] = []any{code}
				}
				for k, v := range c.more {
					more[k] = v
				}
				worker := serve(t, w, more)
				plan := worker.Plan(from, worker.Config(with(c.after)))
				worker.Good(plan.Diagnostics)
				n := 0
				for _, d := range plan.Diagnostics {
					if strings.HasSuffix(d.Detail, "["+code+"]") {
						n++
					}
				}
				if want := map[bool]int{false: 1, true: 0}[silenced]; n != want {
					t.Errorf("silenced %t: said %d times, wanted %d:\n%s", silenced, n, want, protocol.Show(plan.Diagnostics))
				}
			}
		})
	}
}

// planned effects of a change, as a plan shows them.
const (
	nothing    = "nothing"
	update     = "update"
	readdress  = "readdress"
	restarting = "restart"
	replacing  = "replace"
)

// effectOf reads the effect from a plan.
func effectOf(t *testing.T, worker *protocol.Resource, from protocol.Kept, plan *tfprotov6.PlanResourceChangeResponse) string {
	t.Helper()
	worker.Good(plan.Diagnostics)
	planned := worker.Value(plan.PlannedState)
	unknown := func(name string) bool { return protocol.Text(t, planned, name) == "(unknown)" }
	switch {
	case len(plan.RequiresReplace) > 0:
		return replacing
	case planned.Equal(from.State):
		return nothing
	case unknown("instance_state"):
		return restarting
	case unknown("revision"):
		return readdress
	}
	return update
}

// TestPlannedEffects changes each argument of one worker and looks at what the
// plan does: nothing is called, in place, with other addresses, one restart, or
// another machine. TestChangeTableCoversTheSchema holds the list against the
// schema; the calls are counted where changes are applied.
func TestPlannedEffects(t *testing.T) {
	w := acctest.NewWorld(t)
	worker := serve(t, w, nil)
	base := with(object{
		"user_data": "one", "network": object{"public_ip": true}, "key_name": "cml",
		"instance_types": []any{"m8i.2xlarge", "m8i.4xlarge"}, "instance_type": nil,
		"market": object{"type": "on_demand"},
	})
	created := worker.Create(worker.Config(base))
	w.Recorder.Reset()
	for name, c := range map[string]struct {
		change object
		want   string
		at     string // of a replacement
	}{
		"same":                   {nil, nothing, ""},
		"name":                   {object{"name": "lab-02"}, update, ""},
		"tags":                   {object{"tags": object{"Owner": "netops"}}, update, ""},
		"monitoring":             {object{"monitoring": true}, update, ""},
		"metadata_options":       {object{"metadata_options": object{"http_tokens": "optional"}}, update, ""},
		"security groups":        {object{"security_group_ids": []any{groupTwo}}, update, ""},
		"groups left out":        {object{"security_group_ids": nil}, nothing, ""},
		"instance profile":       {object{"iam_instance_profile": "cml-worker"}, update, ""},
		"trust":                  {object{"controller": object{"tls": object{"trust": "verify"}}}, update, ""},
		"way":                    {object{"controller": object{"via": "proxy"}}, update, ""},
		"credentials":            {object{"controller": object{"credentials": object{"ssm_parameter_name": "/cml"}}}, update, ""},
		"port":                   {object{"controller": object{"port": 8443}}, readdress, ""},
		"host name":              {object{"controller": object{"hostname": "lab.example.net"}}, readdress, ""},
		"preference":             {object{"controller": object{"address_preference": []any{"private_ip"}}}, readdress, ""},
		"volume size":            {object{"root_volume": object{"size_gib": 100}}, update, ""},
		"volume type":            {object{"root_volume": object{"type": "io2", "iops": 4000}}, update, ""},
		"volume figures":         {object{"root_volume": object{"iops": 4000, "throughput": 250}}, update, ""},
		"volume stays":           {object{"root_volume": object{"delete_on_termination": false}}, update, ""},
		"encryption":             {object{"root_volume": object{"encrypted": false}}, replacing, "root_volume.encrypted"},
		"KMS key":                {object{"root_volume": object{"kms_key_id": "alias/other"}}, replacing, "root_volume.kms_key_id"},
		"readiness":              {object{"readiness": object{"until": "api"}}, update, ""},
		"timeouts":               {object{"timeouts": object{"create": "50m"}}, update, ""},
		"leave to stop":          {object{"allow_stop_for_update": true}, update, ""},
		"protection":             {object{"protection": object{"termination": true}}, update, ""},
		"destroy":                {object{"on_destroy": object{"mode": "force"}}, update, ""},
		"licence check":          {object{"license_check": "off"}, update, ""},
		"expected version":       {object{"expected_cml_version": "2.9.0"}, update, ""},
		"user data":              {object{"user_data": "two"}, update, ""},
		"user data, restart":     {object{"user_data": "two", "user_data_change": "restart"}, restarting, ""},
		"user data, replace":     {object{"user_data": "two", "user_data_change": "replace"}, replacing, "user_data"},
		"what a change does":     {object{"user_data_change": "restart"}, update, ""},
		"menu with present type": {object{"instance_types": []any{"c8i.2xlarge", "m8i.2xlarge"}}, nothing, ""},
		"present type":           {object{"instance_types": nil, "instance_type": "m8i.2xlarge"}, update, ""},
		"menu without it":        {object{"instance_types": []any{"c8i.2xlarge", "m8i.4xlarge"}}, restarting, ""},
		"type":                   {object{"instance_types": nil, "instance_type": "c8i.2xlarge"}, restarting, ""},
		"nested off":             {object{"nested_virtualization": "disabled"}, restarting, ""},
		"nested as it is":        {object{"nested_virtualization": "enabled"}, update, ""},
		"public address":         {object{"network": object{"public_ip": false}}, readdress, ""},
		"Elastic IP":             {object{"network": object{"public_ip": true, "eip": object{"allocate": true}}}, readdress, ""},
		"IPv6":                   {object{"network": object{"public_ip": true, "ipv6_address_count": 1}}, readdress, ""},
		"private address":        {object{"network": object{"public_ip": true, "private_ip": "127.64.77.77"}}, replacing, "network.private_ip"},
		"menu with the subnet":   {object{"subnet_ids": []any{subnetB, subnetA}}, nothing, ""},
		"other subnet":           {object{"subnet_ids": []any{subnetB}}, replacing, "subnet_ids"},
		"image":                  {object{"ami_id": newImage}, replacing, "ami_id"},
		"key":                    {object{"key_name": "other"}, replacing, "key_name"},
		"region":                 {object{"region": "us-west-2"}, replacing, "region"},
		"region as it is":        {object{"region": region}, nothing, ""},
		"market":                 {object{"market": object{"type": "spot"}}, replacing, "market"},
		"filter that matches":    {object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-2.9.0*"}}, update, ""},
		"filter that does not":   {object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-2.8*"}}, replacing, "ami_filter"},
	} {
		t.Run(name, func(t *testing.T) {
			config := with(base)
			for k, v := range c.change {
				config[k] = v
			}
			plan := worker.Plan(created, worker.Config(config))
			if got := effectOf(t, worker, created, plan); got != c.want {
				t.Errorf("planned is %s, wanted %s", got, c.want)
			}
			var at []string
			for _, p := range plan.RequiresReplace {
				at = append(at, protocol.Path(&tfprotov6.Diagnostic{Attribute: p}))
			}
			if c.want == replacing && !slices.Contains(at, c.at) {
				t.Errorf("replaced for %q, wanted %q", at, c.at)
			}
		})
	}
	if made := changes(w); len(made) > 0 {
		t.Errorf("plans called %v", made)
	}
}
