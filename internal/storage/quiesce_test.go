package storage_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// is checks the state of the machine.
func (l *lab) is(state string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := l.state(l.id); got != state {
			return fmt.Errorf("the worker is %s, want %s", got, state)
		}
		return nil
	}
}

func TestQuiesceStop(t *testing.T) {
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: l.plain(`quiesce = "stop"`),
		// It starts again before the snapshots are complete.
		Check: resource.ComposeAggregateTestCheckFunc(l.is("running"), l.calls("StopInstances", "CreateSnapshots", "StartInstances"), attr("snapshots.#", "2")),
	}}})
}

func TestQuiesceStopOfAStoppedWorker(t *testing.T) {
	for _, quiesce := range []string{"stop", "stop_labs"} {
		t.Run(quiesce, func(t *testing.T) {
			l := newLab(t)
			l.stopOutside()
			l.Recorder.Reset()
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: l.plain(fmt.Sprintf("quiesce = %q", quiesce)),
				Check:  resource.ComposeAggregateTestCheckFunc(l.is("stopped"), l.calls("CreateSnapshots"), resource.TestMatchResourceAttr(set, "cml_version", says("2.9.0"))),
			}}})
		})
	}
}

// The power state comes back also when the snapshots fail.
func TestQuiesceStopThatFails(t *testing.T) {
	l := newLab(t)
	l.fail("CreateSnapshots", "SnapshotCreationPerVolumeRateExceeded", "The rate limit for creating concurrent snapshots of an EBS volume has been exceeded.", 400, 1)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.plain(`quiesce = "stop"`), ExpectError: says("Unable to take snapshots of CML worker")},
		{
			PreConfig: func() {
				if err := l.is("running")(nil); err != nil {
					t.Error(err)
				}
				if err := l.calls("StopInstances", "CreateSnapshots", "StartInstances")(nil); err != nil {
					t.Error(err)
				}
			},
			// Nothing was left in the state: the next apply begins anew.
			Config: l.plain(`quiesce = "stop"`), Check: l.calls("StopInstances", "CreateSnapshots", "StartInstances"),
		},
	}})
}

// A stop that is refused leaves a running worker, which is not touched.
func TestQuiesceStopThatIsRefused(t *testing.T) {
	l := newLab(t)
	l.AWS.Region(home).SetProtection(l.id, false, true)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{Config: l.plain(`quiesce = "stop"`), ExpectError: says("Unable to take snapshots of CML worker")}}})
	if err := l.is("running")(nil); err != nil {
		t.Error(err)
	}
	if got := l.changes(); !slices.Equal(got, []string{"StopInstances"}) {
		t.Errorf("EC2 was asked %q", got)
	}
}

// A worker that does not start again is an error of its own; the snapshots are
// in the state, and only the destroy deletes them.
func TestWorkerDoesNotStartAgain(t *testing.T) {
	l := newLab(t)
	l.fail("StartInstances", "InsufficientInstanceCapacity", "We currently do not have sufficient capacity.", 500, 0)
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: l.plain(`quiesce = "stop"`), ExpectError: says("CML worker was not started again after its snapshots")},
			{
				PreConfig: func() {
					if n := len(l.snapshots()); n != 2 {
						t.Errorf("%d snapshots, want both", n)
					}
				},
				Config: l.plain(`quiesce = "stop"`), Destroy: true,
			},
		},
		CheckDestroy: l.none,
	})
}

func (l *lab) addLab(one cml.Lab) string {
	l.t.Helper()
	one.Nodes = []cml.Node{{Label: "r1"}}
	id, err := l.CML.Machine(l.id).AddLab(one)
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

// order are the stops of labs and what EC2 was asked to change, in their order.
func (l *lab) order() []string {
	var out []string
	for _, r := range l.Recorder.All() {
		if r.Operation == "PUT /labs/{lab_id}/stop" || r.Operation == "CreateSnapshots" || r.Operation == "StopInstances" {
			out = append(out, r.Operation)
		}
	}
	return out
}

func TestQuiesceStopLabs(t *testing.T) {
	l := newLab(t)
	l.CML.Machine(l.id).AddUser(cml.Credentials{Username: "bob", Password: "bobs-password"}, false)
	l.addLab(cml.Lab{Title: "ours", Running: true})
	l.addLab(cml.Lab{Title: "his", Owner: "bob", Running: true})
	l.addLab(cml.Lab{Title: "idle"})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: l.admin(`quiesce = "stop_labs"`),
		Check: resource.ComposeAggregateTestCheckFunc(l.is("running"), func(*terraform.State) error {
			if n := l.CML.Machine(l.id).RunningNodes(); n != 0 {
				return fmt.Errorf("%d nodes still run", n)
			}
			if got, want := l.order(), []string{"PUT /labs/{lab_id}/stop", "PUT /labs/{lab_id}/stop", "CreateSnapshots"}; !slices.Equal(got, want) {
				return fmt.Errorf("order: %q, want %q", got, want)
			}
			return nil
		}),
	}}})
}

func TestQuiesceStopLabsThatDoNotStop(t *testing.T) {
	l := newLab(t)
	id := l.addLab(cml.Lab{Title: "stubborn", Running: true, Stubborn: true})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.admin("quiesce = \"stop_labs\"\ntimeouts {\n  create = \"2s\"\n}"), ExpectError: says(id)},
	}})
	if got, want := l.order(), []string{"PUT /labs/{lab_id}/stop"}; !slices.Equal(got, want) {
		t.Errorf("order: %q, want %q", got, want)
	}
}

func TestQuiesceStopLabsNeedsCredentials(t *testing.T) {
	l := newLab(t)
	l.addLab(cml.Lab{Title: "ours", Running: true})
	config := l.plain(`quiesce = "stop_labs"`)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config, ExpectError: says("there are no credentials for CML")},
		{Config: config, ExpectError: says("check the user name and password, or the token, that the provider's `controller` block")},
	}})
	if got := l.changes(); len(got) > 0 {
		t.Errorf("EC2 was asked %q", got)
	}
}

func TestRegisteredAtSnapshot(t *testing.T) {
	l := newLab(t)
	registered := attr("registered_at_snapshot", "true")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.admin(`description = "before"`), Check: attr("registered_at_snapshot", "false")},
		{
			PreConfig: func() { l.CML.Machine(l.id).RegisterNow("", time.Time{}) },
			Config:    l.admin(`description = "after"`), Check: registered,
		},
		// It is of that moment.
		{Config: l.plain("description = \"after\"\ncontroller = { tls = { trust = \"insecure\" } }"), Check: registered, ConfigPlanChecks: unchanged()},
	}})
}

// Without trust no credentials travel, and nothing is known.
func TestRegisteredAtSnapshotUntrusted(t *testing.T) {
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: l.config(l.Controller(true), ""),
		Check: resource.ComposeAggregateTestCheckFunc(resource.TestCheckNoResourceAttr(set, "registered_at_snapshot"), func(*terraform.State) error {
			if n := l.Recorder.Count("cml", "POST /authenticate"); n > 0 {
				return fmt.Errorf("credentials travelled %d times over a certificate that nobody trusts", n)
			}
			return nil
		}),
	}}})
}
