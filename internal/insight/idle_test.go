package insight_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const idle = "cml_worker_idle"

// watcher makes the account that the provider asks as: no administrator, and
// not one of the built-in ones.
func (l *lab) watcher() (config, id string) {
	account := cml.Credentials{Username: "terraform", Password: "a-long-password"}
	id = l.server().AddUser(account, false)
	return l.provider(account), id
}

func (l *lab) did(category string, ago time.Duration, user string) {
	l.server().AddEvent(cml.Event{Category: category, Time: time.Now().Add(-ago), Data: map[string]any{"user_id": user}})
}

type want map[string]knownvalue.Check

func TestIdle(t *testing.T) {
	l := newLab(t)
	provider, own := l.watcher()
	person := l.server().AddUser(cml.Credentials{Username: "jane", Password: "another-long-one"}, false)
	m := l.server()
	look := func(before func(), arguments string, w want) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: provider + l.data(idle, arguments), ConfigStateChecks: values(idle, w)}
	}
	quiet := func() {
		m.ClearEvents()
		l.did("stop_lab", 2*time.Hour, "")
	}
	tag := func(tags map[string]string) func() {
		return func() { l.AWS.Region(home).SetTags(l.id, tags) }
	}
	const awake = `snooze = "0s"`
	stop := want{"idle": yes, "warning": yes, "reason": text("idle"), "recommended_state": text("stopped"), "message": null, "idle_since": set, "stop_due_at": set,
		"last_activity_category": text("stop_lab"), "last_activity_user": null, "last_activity_at": set, "idle_for_seconds": set, "instance_state": text("running"), "region": text(home)}
	run := func(reason string) want { return want{"reason": text(reason), "recommended_state": text("running")} }
	var nodes string
	steps(t,
		// just started
		look(quiet, "", want{"idle": yes, "reason": text("snoozed"), "recommended_state": text("running"), "stop_due_at": set}),
		look(nil, awake, stop),
		look(nil, awake+"\n  idle_threshold = \"3h\"\n  idle_warning = \"90m\"", want{"idle": no, "warning": yes, "reason": text("warning"), "recommended_state": text("running")}),
		look(nil, awake+"\n  idle_threshold = \"3h\"\n  idle_warning = \"150m\"", want{"idle": no, "warning": no, "reason": text("active"), "recommended_state": text("running"), "idle_since": null}),
		// own calls and those of built-in accounts are no activity; a person's are
		look(func() {
			l.did("user_activity", time.Minute, own)
			l.did("user_activity", time.Minute, "00000000-0000-4000-a000-000000000000")
			l.did("system_stats", time.Minute, "")
		}, awake, stop),
		look(nil, awake+"\n  exclude_users = []", run("active")),
		look(nil, awake+"\n  exclude_users = [\"terraform\", \"nobody\"]", stop),
		look(nil, awake+"\n  exclude_user_pattern = \"\"", run("active")),
		look(func() { l.did("user_activity", 3*time.Minute, person) }, awake, want{"reason": text("active"), "last_activity_user": text(person), "last_activity_category": text("user_activity")}),
		look(nil, awake+"\n  exclude_users = [\"terraform\", \"jane\"]", stop),
		look(nil, awake+"\n  exclude_users = [\"terraform\", \""+person+"\"]", stop),
		look(nil, awake+"\n  categories = [\"start_lab\", \"stop_lab\"]", stop),
		// neither are those of the publisher on the worker
		look(func() {
			quiet()
			l.did("user_activity", time.Minute, l.server().AddUser(cml.Credentials{Username: "cml-publisher", Password: "a-third-long-one"}, false))
		}, awake, stop),
		look(nil, awake+"\n  exclude_users = [\"terraform\"]", run("active")),
		// what an excluded user does in labs counts
		look(func() { quiet(); l.did("start_node", time.Minute, own) }, awake, run("active")),
		// switched off
		look(quiet, awake+"\n  enabled = false", want{"idle": yes, "reason": text("disabled"), "recommended_state": text("running"), "stop_due_at": null}),
		look(tag(map[string]string{"cml:idle-detection": "disabled"}), awake, run("disabled")),
		look(tag(map[string]string{"cml:idle-detection": "enabled"}), awake, stop),
		// kept awake
		look(func() {
			var err error
			if nodes, err = m.AddLab(cml.Lab{Title: "long test", Running: true, Nodes: []cml.Node{{Label: "r1"}}}); err != nil {
				t.Fatal(err)
			}
			quiet()
		}, awake, want{"idle": no, "reason": text("active"), "recommended_state": text("running"), "stop_due_at": null}),
		look(nil, awake+"\n  running_nodes_keep_awake = false", stop),
		look(func() { m.RemoveLab(nodes); m.SetLoad(cml.Load{CPUPercent: 50}); quiet() }, awake+"\n  cpu_keep_awake_percent = 50", run("active")),
		look(nil, awake+"\n  cpu_keep_awake_percent = 50.5", stop),
		// CML's clock is the one that counts
		look(func() { m.SetClockSkew(-95 * time.Minute) }, awake, want{"reason": text("warning"), "idle": no, "recommended_state": text("running")}),
		look(func() { m.SetClockSkew(0); l.stop() }, "", want{"idle": null, "warning": null, "reason": text("stopped"), "recommended_state": text("stopped"), "message": null}),
		look(nil, "wake = true", want{"reason": text("stopped"), "recommended_state": text("running"), "instance_state": text("stopped")}),
	)
}

// Whatever cannot be read: never a stop.
func TestIdleUnreadable(t *testing.T) {
	l := newLab(t)
	provider, _ := l.watcher()
	m := l.server()
	m.ClearEvents()
	l.did("stop_lab", 5*time.Hour, "")
	unknown := values(idle, want{"idle": null, "warning": null, "reason": text("unknown"), "recommended_state": text("running"), "message": set, "stop_due_at": null, "idle_since": null})
	step := func(config string, before func()) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: config + l.data(idle, `snooze = "0s"`), ConfigStateChecks: unknown}
	}
	fault := func(operation string, f wire.Fault) func() {
		return func() {
			l.Faults.Clear()
			l.Faults.Add(wire.Rule{Service: "cml", Operation: operation, Fault: f})
		}
	}
	const events = "GET /telemetry/events"
	calm := func(then func()) func() {
		return func() { l.Faults.Clear(); then() }
	}
	all := []resource.TestStep{
		{Config: provider + l.data(idle, `snooze = "0s"`), ConfigStateChecks: values(idle, want{"recommended_state": text("stopped")})}, // else the rest proves nothing
		step(provider, fault(events, wire.Fault{Kind: wire.Error, Status: 500})),
		step(provider, fault(events, wire.Fault{Kind: wire.Error, Status: 400})),
		step(provider, fault(events, wire.Fault{Kind: wire.Reset})),
		step(provider, fault(events, wire.Fault{Kind: wire.Garbage, Status: 200, Body: "<html>", ContentType: "text/html"})),
		step(provider, fault(events, wire.Fault{Kind: wire.Garbage, Status: 200, Body: "[", ContentType: "application/json"})),
		step(provider, fault("GET /system_stats", wire.Fault{Kind: wire.Error, Status: 500})),
		step(provider, fault("GET /system_stats", wire.Fault{Kind: wire.Garbage, Status: 200, Body: "{}", ContentType: "application/json"})),
		step(l.provider(cml.Credentials{}), calm(func() {})),
		step(l.provider(cml.Credentials{Username: "terraform", Password: "not-the-password"}), nil),
		step(strings.Replace(provider, fmt.Sprintf(", tls = { fingerprint = %q }", m.Fingerprint()), "", 1), nil),
		step(provider, calm(func() { m.Switch(func(s *cml.Switches) { s.TelemetryForAdmins = true }) })),
		step(provider, func() { m.Switch(func(s *cml.Switches) { s.TelemetryForAdmins, s.NoTelemetry = false, true }) }),
		step(provider, func() {
			m.Switch(func(s *cml.Switches) { s.NoTelemetry = false })
			m.AddEvent(cml.Event{Category: "stop_lab", Text: "some day"})
		}),
		// nothing is recorded, not even this account's own calls
		step(provider, m.ClearEvents),
		step(provider, func() { l.hold(cml.Refused) }),
		step(provider, func() { l.hold(cml.BadGateway) }),
		step(provider, func() { l.hold(cml.NotReady) }),
	}
	steps(t, all...)
}

// Who may not read the telemetry hears what to do.
func TestIdleSaysWhatIsMissing(t *testing.T) {
	l := newLab(t)
	provider, _ := l.watcher()
	l.server().Switch(func(s *cml.Switches) { s.TelemetryForAdmins = true })
	message := func(words string) []statecheck.StateCheck {
		return values(idle, want{"reason": text("unknown"), "message": knownvalue.StringRegexp(says(words))})
	}
	steps(t,
		resource.TestStep{Config: provider + l.data(idle, ""), ConfigStateChecks: message("CML does not show its telemetry to this account; ask as one that may read it: GET /telemetry/events: HTTP 403")},
		resource.TestStep{PreConfig: func() { l.server().Switch(func(s *cml.Switches) { s.NoTelemetry = true }) }, Config: l.admin() + l.data(idle, ""),
			ConfigStateChecks: message("CML " + l.server().Version() + " has no telemetry to tell idleness by (GET /telemetry/events: HTTP 404")},
	)
}

// A clock of CML that is wrong is worth a warning, one that is a little off is not.
func TestIdleClock(t *testing.T) {
	l := newLab(t)
	admin := l.CML.Admin()
	server := protocol.Serve(t, l.World, map[string]any{"controller": map[string]any{
		"port": l.Port(), "username": admin.Username, "password": admin.Password, "tls": map[string]any{"fingerprint": l.server().Fingerprint()}}})
	for skew, warned := range map[time.Duration]bool{0: false, 45 * time.Second: false, 90 * time.Second: true, -90 * time.Second: true} {
		l.server().SetClockSkew(skew)
		_, diags := server.Look(idle, map[string]any{"worker_id": l.id})
		server.Good(diags)
		if got := protocol.Has(diags, protocol.Warning, "[clock_skew]"); got != warned {
			t.Errorf("skew %s: warned is %t\n%s", skew, got, protocol.Show(diags))
		}
	}
}

func (l *lab) hold(p cml.Phase) {
	l.t.Helper()
	if err := l.server().HoldPhase(p); err != nil {
		l.t.Fatal(err)
	}
}

func TestIdleRefuses(t *testing.T) {
	l := newLab(t)
	refuse := func(arguments, text string) resource.TestStep {
		return resource.TestStep{Config: l.admin() + l.data(idle, arguments), ExpectError: says(text)}
	}
	steps(t,
		refuse(`idle_warning = "30m"`, "idle_warning (30m0s) has to be less than idle_threshold (30m0s)"),
		refuse(`idle_threshold = "1s"`, "idle_threshold"),
		refuse(`snooze = "-1m"`, "snooze"),
		refuse(`categories = ["wipe_lab"]`, "categories"),
		refuse(`exclude_user_pattern = "("`, "Invalid regular expression"),
		refuse(`cpu_keep_awake_percent = 101`, "cpu_keep_awake_percent"),
	)
	steps(t, resource.TestStep{
		PreConfig: func() {
			if err := l.server().ReplaceCertificate("other.example.net"); err != nil {
				t.Fatal(err)
			}
		},
		Config: strings.Replace(l.admin(), l.server().Fingerprint(), strings.Repeat("ab", 32), 1) + l.data(idle, ""), ExpectError: says("fingerprint"),
	})
}

// The root module of examples/auto-pause, applied again and again: it stops an
// idle worker once and starts nothing.
func TestAutoPause(t *testing.T) {
	l := newLab(t)
	provider, _ := l.watcher()
	body, err := os.ReadFile("../../examples/auto-pause/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	_, module, found := strings.Cut(string(body), "# --- the module ---\n")
	if !found {
		t.Fatal("the example has lost the line that begins its module")
	}
	module, _, _ = strings.Cut(module, "output ") // it changes with every look
	// The machine of the test is new, that of the example is not.
	module = strings.Replace(module, "data \"cml_worker_idle\" \"lab\" {\n", "data \"cml_worker_idle\" \"lab\" {\n  snooze = \"0s\"\n", 1)
	l.server().ClearEvents()
	l.did("stop_lab", time.Minute, "")
	count := func(stops int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if n := l.Recorder.Count("ec2", "StopInstances"); n != stops {
				return fmt.Errorf("%d StopInstances, want %d", n, stops)
			}
			if n := l.Recorder.Count("ec2", "StartInstances"); n != 0 {
				return fmt.Errorf("%d StartInstances", n)
			}
			return nil
		}
	}
	variables := config.Variables{"worker_id": config.StringVariable(l.id)}
	apply := func(before func(), stops int, checks ...plancheck.PlanCheck) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: provider + module, ConfigVariables: variables, Check: count(stops),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: checks}}
	}
	const power = "cml_worker_power.lab"
	steps(t,
		apply(nil, 0, plancheck.ExpectResourceAction(power, plancheck.ResourceActionCreate)),
		apply(nil, 0, plancheck.ExpectEmptyPlan()),
		apply(func() { l.server().ClearEvents(); l.did("stop_lab", 2*time.Hour, "") }, 1, plancheck.ExpectResourceAction(power, plancheck.ResourceActionUpdate)),
		// two scheduled applies later
		apply(nil, 1, plancheck.ExpectEmptyPlan()),
		apply(nil, 1, plancheck.ExpectEmptyPlan()),
		// somebody starts it by hand: that is theirs to do
		apply(func() {
			l.Recorder.Reset()
			l.AWS.Region(home).StartOutside(l.id)
			l.until("CML to be ready", func() bool { return l.server().Phase() == cml.Ready })
			l.did("start_lab", 0, "")
		}, 0),
	)
	// They leave, and come back between plan and apply.
	back := apply(func() {
		l.server().ClearEvents()
		l.did("stop_lab", 2*time.Hour, "")
	}, 0, plancheck.ExpectResourceAction(power, plancheck.ResourceActionUpdate), meanwhile(func() { l.did("start_lab", 0, "") }))
	back.ExpectError = says("became active since the plan; plan again")
	steps(t,
		apply(nil, 0),
		back,
		// the next scheduled apply sees that there is nothing to do
		apply(nil, 0, plancheck.ExpectEmptyPlan()),
	)
}

// meanwhile is what happens between plan and apply.
type meanwhile func()

// CheckPlan implements plancheck.PlanCheck.
func (m meanwhile) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	m()
}
