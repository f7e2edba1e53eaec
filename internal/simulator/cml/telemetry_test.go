package cml_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

type event struct {
	category, timestamp string
	data                map[string]any
}

func events(t *testing.T, c *client) []event {
	t.Helper()
	var out []event
	for _, e := range c.get("/telemetry/events").([]any) {
		out = append(out, event{pick(t, e, "category").(string), pick(t, e, "timestamp").(string), pick(t, e, "data").(map[string]any)})
	}
	return out
}

func of(all []event, category string) []event {
	return slices.DeleteFunc(slices.Clone(all), func(e event) bool { return e.category != category })
}

func TestObserverEffect(t *testing.T) {
	m, c := machine(t, "")
	jane := m.AddUser(cml.Credentials{Username: "jane", Password: "correct horse"}, false)
	for range 3 {
		c.json("GET", "/labs", nil)
	}
	c.login(cml.Credentials{Username: "jane", Password: "correct horse"}).json("GET", "/labs", nil)
	var users []any
	for _, e := range of(events(t, c), "user_activity") {
		users = append(users, e.data["user_id"])
	}
	same(t, "active users, once a minute each", users, []any{cml.BuiltinAdminID, jane})
	m.SetClockSkew(61 * time.Second)
	same(t, "a minute later", len(of(events(t, c), "user_activity")), 3)
}

func TestNoiseGoesOn(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: cml.Timing{Noise: 5 * time.Millisecond}})
	_, c := ready(t, fleet, cml.Boot{})
	c = c.login(cml.DefaultAdmin())
	eventually(t, "there is noise", func() bool {
		all := events(t, c)
		return len(of(all, "system_stats")) > 2 && len(of(all, "running_nodes")) > 2
	})
}

func TestTimestampsComeInSeveralShapes(t *testing.T) {
	m, c := machine(t, "")
	m.ClearEvents()
	at := time.Date(2026, 2, 1, 10, 25, 32, 810e6, time.UTC)
	for i := range 6 {
		m.AddEvent(cml.Event{Category: "start_node", Time: at.Add(time.Duration(-i) * time.Hour)})
	}
	m.AddEvent(cml.Event{Category: "import_lab", Time: at.Add(time.Hour), Text: "yesterday"})
	m.AddEvent(cml.Event{Category: "export_lab"})
	all := events(t, c)
	shapes := map[string]bool{}
	for _, e := range of(all, "start_node") {
		shapes[e.timestamp[len("2026-02-01T10:25:32"):]] = true
	}
	for _, want := range []string{".810Z", ".810000Z", ".810000", "Z", ""} {
		if !shapes[want] {
			t.Errorf("no timestamp ends in %q: %v", want, shapes)
		}
	}
	same(t, "oldest first", all[0].timestamp[:13], "2026-02-01T05")
	same(t, "own text", of(all, "import_lab")[0].timestamp, "yesterday")
	same(t, "now", of(all, "export_lab")[0].timestamp[:4], time.Now().UTC().Format("2006"))
	m.Switch(func(s *cml.Switches) { s.TelemetryNewestFirst = true })
	all = events(t, c)
	same(t, "newest first", all[len(all)-1].timestamp[:13], "2026-02-01T05")
}

func TestTelemetryAccess(t *testing.T) {
	m, c := machine(t, "")
	jane := cml.Credentials{Username: "jane", Password: "correct horse"}
	m.AddUser(jane, false)
	c.want(200, "GET", "/telemetry/events", nil)
	c = c.login(jane)
	c.want(200, "GET", "/telemetry/events", nil)
	m.Switch(func(s *cml.Switches) { s.TelemetryForAdmins = true })
	c.want(403, "GET", "/telemetry/events", nil).refusal(t)
	c.login(cml.DefaultAdmin()).want(200, "GET", "/telemetry/events", nil)
	m.Switch(func(s *cml.Switches) { s.NoTelemetry = true })
	c.want(404, "GET", "/telemetry/events", nil).refusal(t)
	c.want(404, "GET", "/telemetry", nil).refusal(t)
}

func TestTelemetryOverAStop(t *testing.T) {
	for _, lost := range []bool{false, true} {
		fleet := newFleet(t, cml.Options{Timing: instant, Switches: cml.Switches{TelemetryLostOnBoot: lost}})
		boot := cml.Boot{InstanceID: "i-1", Addresses: []string{address()}}
		m, c := ready(t, fleet, boot)
		m.AddEvent(cml.Event{Category: "start_lab"})
		fleet.Shutdown("i-1")
		ready(t, fleet, boot)
		same(t, "kept", len(of(events(t, c.login(cml.DefaultAdmin())), "start_lab")) == 1, !lost)
	}
}

func TestTelemetryIsTrimmed(t *testing.T) {
	m, c := machine(t, "")
	id := branch(t, m, cml.Lab{})
	m.ClearEvents()
	for range 10001 {
		if err := m.StopLab(id, ""); err != nil { // each one makes an event
			t.Fatal(err)
		}
	}
	same(t, "events", len(of(events(t, c), "stop_lab")), 9501)
	if err := m.StopLab(id, "nobody"); err == nil {
		t.Error("nobody stopped a lab")
	}
}

func TestOptIn(t *testing.T) {
	m, c := machine(t, "")
	same(t, "2.9 fresh", c.get("/telemetry"), any(map[string]any{"opt_in": nil, "show_modal": true}))
	same(t, "2.9", c.json("PUT", "/telemetry", `{"opt_in":true}`), any(map[string]any{"opt_in": true, "show_modal": false}))
	c.want(400, "PUT", "/telemetry", `{"opt_in":"accepted"}`).refusal(t)
	if err := m.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	same(t, "2.10", c.get("/telemetry", "opt_in"), "accepted")
	for _, word := range []string{"declined", "unset", "accepted"} {
		same(t, "2.10", pick(t, c.json("PUT", "/telemetry", `{"opt_in":"`+word+`"}`), "opt_in"), word)
	}
	c.want(400, "PUT", "/telemetry", `{"opt_in":true}`).refusal(t)
}
