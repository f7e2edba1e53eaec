package controller_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func labsOnly(category, _ string) bool { return strings.HasSuffix(category, "_lab") }

func TestNewestEvent(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	w.ClearEvents()
	newest, err := c.NewestEvent(within(t, patience), labsOnly)
	if err != nil || newest.Newest != nil || newest.Now.IsZero() {
		t.Fatalf("got %+v, %v from an empty list", newest, err)
	}
	base := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	// in every shape of timestamp, in every order, with noise around
	for i := range 40 {
		w.AddEvent(cml.Event{Category: "start_lab", Time: base.Add(-time.Duration(i) * time.Minute)})
		w.AddEvent(cml.Event{Category: "system_stats", Time: base.Add(time.Duration(i) * time.Minute)})
	}
	w.AddEvent(cml.Event{Category: "user_activity", Time: base.Add(50 * time.Minute), Data: map[string]any{"user_id": "somebody"}})
	for _, reversed := range []bool{false, true} {
		w.Switch(func(s *cml.Switches) { s.TelemetryNewestFirst = reversed })
		got, err := c.NewestEvent(within(t, patience), labsOnly)
		if err != nil || got.Newest == nil || !got.Newest.At.Equal(base) || got.Newest.Category != "start_lab" {
			t.Fatalf("reversed %t: got %+v, %v, want one at %s", reversed, got.Newest, err, base)
		}
	}
	got, err := c.NewestEvent(within(t, patience), func(_, user string) bool { return user == "somebody" })
	if err != nil || got.Newest == nil || got.Newest.UserID != "somebody" {
		t.Fatalf("got %+v, %v", got.Newest, err)
	}
	w.SetClockSkew(3 * time.Hour)
	if got, err = c.NewestEvent(within(t, patience), labsOnly); err != nil || time.Until(got.Now) < 2*time.Hour {
		t.Errorf("now is %s, %v; it is not the server's clock", got.Now, err)
	}
}

func TestNewestEventTimestamps(t *testing.T) {
	for text, want := range map[string]string{
		"2026-02-01T10:25:32.810Z":      "2026-02-01T10:25:32.81Z",
		"2026-02-01T10:25:32Z":          "2026-02-01T10:25:32Z",
		"2026-02-01T10:25:32.123456":    "2026-02-01T10:25:32.123456Z",
		"2026-02-01T10:25:32":           "2026-02-01T10:25:32Z",
		"2026-02-01 10:25:32.5":         "2026-02-01T10:25:32.5Z",
		"2026-02-01T10:25:32+02:00":     "2026-02-01T08:25:32Z",
		"2026-02-01T10:25:32.5+0200":    "2026-02-01T08:25:32.5Z",
		"yesterday":                     "",
		"":                              "",
		"1769941532":                    "",
		"2026-02-31T10:25:32Z":          "",
		"2026-02-01T10:25:32Z and more": "",
	} {
		ip, s := odd(t, telemetry(fmt.Sprintf(`[{"category": "start_lab", "timestamp": %q}]`, text)))
		got, err := controller.New(ip, s, static, controller.Transport{}).NewestEvent(within(t, patience), labsOnly)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q was read as %s", text, got.Newest.At)
		case want != "" && (err != nil || got.Newest == nil || got.Newest.At.Format(time.RFC3339Nano) != want):
			t.Errorf("%q: got %+v, %v, want %s", text, got.Newest, err, want)
		}
	}
}

// Other servers count seconds or milliseconds since 1970.
func TestNewestEventAtANumber(t *testing.T) {
	for number, want := range map[string]string{"1769941532": "2026-02-01T10:25:32Z", "1769941532.81": "2026-02-01T10:25:32.81Z", "1769941532810": "2026-02-01T10:25:32.81Z"} {
		ip, s := odd(t, telemetry(`[{"category": "start_lab", "timestamp": `+number+`}]`))
		got, err := controller.New(ip, s, static, controller.Transport{}).NewestEvent(within(t, patience), labsOnly)
		if err != nil || got.Newest == nil || got.Newest.At.Format(time.RFC3339Nano) != want {
			t.Errorf("%s: got %+v, %v, want %s", number, got.Newest, err, want)
		}
	}
}

// What is of no interest may be of any shape.
func TestNewestEventOddNoise(t *testing.T) {
	ip, s := odd(t, telemetry(`[{"category": "meminfo", "timestamp": 12, "data": "text", "more": [1]}, {"category": "cpuinfo", "timestamp": null, "data": null}, {"category": "vmware"},
		{"category": "blkinfo", "timestamp": {}, "data": [1]}, {"category": "start_lab", "timestamp": "2026-02-01T10:25:32Z", "data": {"user_id": 7}}]`))
	got, err := controller.New(ip, s, static, controller.Transport{}).NewestEvent(within(t, patience), labsOnly)
	if err != nil || got.Newest == nil || got.Newest.UserID != "" {
		t.Errorf("got %+v, %v", got.Newest, err)
	}
}

func telemetry(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}
}

// Only an answer that was read to its end counts.
func TestNewestEventUnreadable(t *testing.T) {
	const good = `{"category": "start_lab", "timestamp": "2026-02-01T10:25:32Z", "data": {}}`
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
	}{
		"page":        {telemetry("<html><body>Please log in</body></html>"), fault.NotReady},
		"object":      {telemetry(`{"events": [` + good + `]}`), fault.NotReady},
		"null":        {telemetry("null"), fault.NotReady},
		"empty":       {telemetry(""), fault.Unreachable},
		"cut short":   {telemetry("[" + good + ","), fault.Unreachable},
		"not closed":  {telemetry("[" + good), fault.Unreachable},
		"not JSON":    {telemetry("[" + good + ", oops]"), fault.NotReady},
		"strings":     {telemetry(`["start_lab"]`), fault.NotReady},
		"nulls":       {telemetry(`[null]`), fault.NotReady},
		"no category": {telemetry(`[{"timestamp": "2026-02-01T10:25:32Z"}]`), fault.NotReady},
		"no time":     {telemetry(`[{"category": "start_lab"}]`), fault.NotReady},
		"null time":   {telemetry(`[{"category": "start_lab", "timestamp": null}]`), fault.NotReady},
		"odd time":    {telemetry(`[{"category": "start_lab", "timestamp": {"at": 1769941532}}]`), fault.NotReady},
		"uptime":      {telemetry(`[{"category": "start_lab", "timestamp": 86400.5}]`), fault.NotReady},
		"nanoseconds": {telemetry(`[{"category": "start_lab", "timestamp": 1769941532000000000}]`), fault.NotReady},
		"huge":        {telemetry(`[{"category": "start_lab", "data": "` + strings.Repeat("x", 2<<20) + `"}]`), fault.NotReady},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "["+good)
		}, fault.Unreachable},
		"no date":      {func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil; fmt.Fprint(w, "["+good+"]") }, fault.NotReady},
		"not found":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, fault.NotFound},
		"forbidden":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, fault.PermissionDenied},
		"bad gateway":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, fault.NotReady},
		"unauthorized": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, fault.Credentials},
	} {
		t.Run(name, func(t *testing.T) {
			ip, s := odd(t, c.answer)
			got, err := controller.New(ip, s, static, controller.Transport{}).NewestEvent(within(t, patience), labsOnly)
			if fault.KindOf(err) != c.kind || got.Newest != nil {
				t.Errorf("got %+v, %v (%s), want %s", got.Newest, err, fault.KindOf(err), c.kind)
			}
		})
	}
}

// Many events, more than one event may be large, cost no more than one.
func TestNewestEventManyEvents(t *testing.T) {
	ip, s := odd(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "[")
		padding := strings.Repeat("x", 1000)
		for range 5000 {
			fmt.Fprintf(w, `{"category": "system_stats", "timestamp": "odd", "data": {"text": %q}},`, padding)
		}
		fmt.Fprint(w, `{"category": "stop_lab", "timestamp": "2026-02-01T10:25:32Z", "data": null}]`)
	})
	got, err := controller.New(ip, s, static, controller.Transport{}).NewestEvent(within(t, patience), labsOnly)
	if err != nil || got.Newest == nil || got.Newest.Category != "stop_lab" {
		t.Fatalf("got %+v, %v", got.Newest, err)
	}
}

// A token that died is renewed once, as for every other call.
func TestNewestEventLogsInAgain(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	for range 2 {
		if _, err := c.NewestEvent(within(t, patience), labsOnly); err != nil {
			t.Fatal(err)
		}
		w.RevokeTokens()
	}
	if n := w.logins(); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

func TestUserIDs(t *testing.T) {
	w := simulate(t)
	id := w.AddUser(cml.Credentials{Username: "watcher", Password: "a-long-password"}, false)
	c := w.client(t, controller.Credentials{Username: "watcher", Password: "a-long-password"}, controller.Transport{})
	if got, err := c.OwnUserID(within(t, patience)); err != nil || got != id {
		t.Errorf("own id %q, %v, want %q", got, err, id)
	}
	if got, err := c.UserID(within(t, patience), "watcher"); err != nil || got != id {
		t.Errorf("id %q, %v, want %q", got, err, id)
	}
	for _, name := range []string{"nobody", "a/b"} {
		if _, err := c.UserID(within(t, patience), name); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ip, s := odd(t, func(http.ResponseWriter, *http.Request) {})
	if got, err := controller.New(ip, s, static, controller.Transport{}).OwnUserID(within(t, patience)); err == nil {
		t.Errorf("a token that tells nothing is that of %q", got)
	}
	// A personal access token need not be readable; 2.10 tells whose it is.
	for body, want := range map[string]string{`{"id": "4c1a8a47-0000-4000-8000-000000000001", "username": "watcher"}`: "4c1a8a47-0000-4000-8000-000000000001", `{"username": "watcher"}`: ""} {
		ip, s := odd(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v0/authentication" || r.Header.Get("Authorization") != "Bearer pat-1" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			fmt.Fprint(w, body)
		})
		got, err := controller.New(ip, s, controller.Credentials{Token: "pat-1"}, controller.Transport{}).OwnUserID(within(t, patience))
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %q, %v, want %q", body, got, err, want)
		}
	}
}

func TestLabsStarted(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	var ids []string
	for i := range 9 {
		id, err := w.AddLab(cml.Lab{Title: fmt.Sprint(i), Running: i%3 == 0, Nodes: []cml.Node{{Label: "n"}}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	w.RemoveLab(ids[0])
	if n, err := c.LabsStarted(within(t, patience), ids); err != nil || n != 2 {
		t.Errorf("got %d, %v, want 2", n, err)
	}
	if n, err := c.LabsStarted(within(t, patience), nil); err != nil || n != 0 {
		t.Errorf("got %d, %v of none", n, err)
	}
	if err := w.HoldPhase(cml.BadGateway); err != nil {
		t.Fatal(err)
	}
	if n, err := c.LabsStarted(within(t, patience), ids); err == nil {
		t.Errorf("got %d while nobody answers", n)
	}
}
