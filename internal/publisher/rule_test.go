package publisher_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/idle"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// judge is what the provider makes of this machine, asking as the publisher's
// account and by the rules of a cml_worker_idle that says nothing else. The
// machine has been up as long as this one.
func (s *stage) judge(exclude ...string) idle.Decision {
	s.t.Helper()
	machine, err := s.EC2(home).Find(s.t.Context(), s.id, "")
	if err != nil {
		s.t.Fatal(err)
	}
	settings := controller.Defaults()
	settings.Port = s.Port()
	settings.TLS.Trust, settings.TLS.Fingerprint = controller.TrustPinFirst, s.server().Fingerprint()
	rules := idle.Defaults()
	rules.ExcludeUsers = exclude
	seen, err := idle.Look(s.t.Context(), idle.Target{
		Machine: machine, Settings: settings,
		Credentials: func(context.Context) (controller.Credentials, error) {
			return controller.Credentials{Username: account, Password: password}, nil
		},
	}, rules)
	if err != nil {
		s.t.Fatal(err)
	}
	seen.Started = seen.Now.Add(-uptime(s.t))
	return idle.Decide(rules, seen)
}

// agree runs the script and holds what it sent against what the provider says of
// the same history: nothing of what the provider does not know; 0 while the
// worker is in use for its nodes; and else for how long it is idle, of which a
// publisher counts what lies after the machine's start.
func (s *stage) agree(exclude ...string) {
	s.t.Helper()
	before := s.judge(exclude...)
	began := time.Now()
	s.Recorder.Reset()
	code, said := s.run()
	got, sent := s.sent()["IdleSeconds"]
	if before.Reason == idle.Unknown {
		if sent || code != 3 {
			s.t.Errorf("the provider does not know, and the script sent %+v and ended with %d: %s", got, code, said)
		}
		return
	}
	if !sent || before.IdleFor == nil {
		s.t.Fatalf("the provider says %+v, and the script ended with %d: %s", before, code, said)
	}
	if nodes := s.sent()["RunningNodes"].value; nodes > 0 {
		if got.value != 0 || before.Reason != idle.Active {
			s.t.Errorf("%g nodes run: the script sent %+v, the provider says %s", nodes, got, before.Reason)
		}
		return
	}
	// CML's clock is told to the second.
	low := min(*before.IdleFor, uptime(s.t)) - 2*time.Second
	high := low + time.Since(began) + 4*time.Second
	if at := time.Duration(got.value * float64(time.Second)); at < max(0, low) || at > max(0, high) {
		s.t.Errorf("the script sent %s, the provider says %s: want %s to %s", at, before.IdleFor, low, high)
	}
}

// The publisher and the provider make the same of the same telemetry.
func TestIdlenessIsOneRule(t *testing.T) {
	s := newStage(t)
	if uptime(t) < 5*time.Minute {
		t.Skip("this machine has not been up long enough")
	}
	jane := s.server().AddUser(cml.Credentials{Username: "jane", Password: "password"}, false)
	robot := s.server().AddUser(cml.Credentials{Username: "ro bot", Password: "robotics"}, false)
	at := func(ago time.Duration) time.Time { return time.Now().Add(-ago).UTC() }
	// event is one of a history, as it goes over the wire.
	event := func(category string, ago time.Duration, user string) string {
		return fmt.Sprintf(`{"category": %q, "timestamp": %q, "data": {"user_id": %q}}`, category, at(ago).Format("2006-01-02T15:04:05.000Z"), user)
	}
	lab, noise := event("stop_lab", 4*time.Minute, jane), event("system_stats", 0, "")
	shaped := func(form string) string {
		return fmt.Sprintf(`{"category": "start_node", "timestamp": %q}`, at(90*time.Second).Format(form))
	}
	odd := func(member string) string { return fmt.Sprintf(`{"category": "user_activity", %s}`, member) }
	now := fmt.Sprintf("%q", at(time.Minute).Format(time.RFC3339))
	for name, history := range map[string][]string{
		"nobody yet":                {noise},
		"nothing recorded":          {},
		"a lab":                     {noise, lab, noise},
		"newest first":              {event("start_lab", time.Minute, jane), lab},
		"oldest first":              {lab, event("start_lab", time.Minute, jane)},
		"before the start":          {event("stop_lab", 20*365*24*time.Hour, jane)},
		"in the future":             {lab, event("start_lab", -time.Hour, jane)},
		"a person":                  {lab, event("user_activity", 2*time.Minute, jane)},
		"the publisher's own calls": {lab, event("user_activity", 0, s.user)},
		"its own work in labs":      {lab, event("start_node", 2*time.Minute, s.user)},
		"the system":                {lab, event("user_activity", 0, cml.BuiltinAdminID)},
		"somebody excluded by name": {lab, event("user_activity", 0, robot)},
		"nobody's call":             {lab, event("user_activity", time.Minute, "")},
		"a call without data":       {lab, odd(`"timestamp": ` + now)},
		"data that is no object":    {lab, odd(`"timestamp": ` + now + `, "data": [1]`)},
		"data that is null":         {lab, odd(`"timestamp": ` + now + `, "data": null`)},
		"a user that is a number":   {lab, odd(`"timestamp": ` + now + `, "data": {"user_id": 7}`)},
		"a category of later days":  {lab, event("wipe_lab", 0, jane), event("lab_autostart", 0, jane)},
		"noise without a time":      {lab, `{"category": "meminfo", "timestamp": "?"}`, `{"category": "cpuinfo"}`},
		"with a zone":               {shaped("2006-01-02T15:04:05Z07:00")},
		"without a zone":            {shaped("2006-01-02T15:04:05")},
		"with a space":              {shaped("2006-01-02 15:04:05.999999")},
		"with nanoseconds":          {shaped("2006-01-02T15:04:05.999999999Z")},
		"with an offset":            {fmt.Sprintf(`{"category": "start_node", "timestamp": %q}`, time.Now().Add(-90*time.Second).In(time.FixedZone("", 5*3600+1800)).Format("2006-01-02T15:04:05-0700"))},
		"activity without a time":   {lab, `{"category": "start_lab"}`},
		"activity at no time":       {lab, `{"category": "start_lab", "timestamp": "yesterday"}`},
		"at a date that is not":     {lab, `{"category": "start_lab", "timestamp": "2026-02-30T10:00:00Z"}`},
		"a time in seconds":         {lab, fmt.Sprintf(`{"category": "start_lab", "timestamp": %d}`, at(time.Minute).Unix())},
		"a time in milliseconds":    {lab, fmt.Sprintf(`{"category": "start_lab", "timestamp": %d.5}`, at(time.Minute).UnixMilli())},
		"a number that is no time":  {lab, `{"category": "start_lab", "timestamp": 90}`},
		"a time that is true":       {lab, `{"category": "start_lab", "timestamp": true}`},
		"no category":               {lab, `{"timestamp": ` + now + `}`},
		"a category that is null":   {lab, `{"category": null, "timestamp": ` + now + `}`},
		"a category that is a list": {lab, `{"category": ["stop_lab"], "timestamp": ` + now + `}`},
		"no event":                  {lab, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.Faults.Clear()
			s.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /telemetry/events", Fault: wire.Fault{
				Kind: wire.Garbage, Status: 200, ContentType: "application/json", Body: "[" + strings.Join(history, ", ") + "]"}})
			s.settings.ExcludeUsers = []string{"ro bot", "nobody"}
			s.configure(s.settings)
			s.agree(s.settings.ExcludeUsers...)
		})
	}
	s.t = t
	s.Faults.Clear()
	s.lab(cml.Lab{Title: "long test", Running: true})
	s.agree()
}
