package cml

import (
	"net/http"
	"slices"
	"time"
)

// Telemetry: cml-api.md 7.1.

// eventLimit and eventTrim are CML's own constants; that they govern this list
// is not confirmed, but some bound there must be.
const (
	eventLimit = 10000
	eventTrim  = eventLimit / 20
)

// Event is an entry of the telemetry.
type Event struct {
	Category string
	Time     time.Time
	Data     map[string]any
	// Text overrides the timestamp as it is written, for shapes that a client must survive.
	Text string
}

type telemetry struct {
	events []Event
	optIn  *bool
}

// AddEvent adds an entry at the time it names (zero: now), wherever it belongs in the order.
func (m *Machine) AddEvent(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = m.now()
	}
	m.telemetry.events = append(m.telemetry.events, e)
	slices.SortStableFunc(m.telemetry.events, func(a, b Event) int { return a.Time.Compare(b.Time) })
}

// ClearEvents empties the telemetry.
func (m *Machine) ClearEvents() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.telemetry.events = nil
}

// event records something that happens now. Call with mu held.
func (m *Machine) event(category string, data map[string]any) {
	t := &m.telemetry
	t.events = append(t.events, Event{Category: category, Time: m.now(), Data: data})
	if len(t.events) > eventLimit {
		t.events = slices.Delete(t.events, 0, eventTrim)
	}
}

// observe is the observer effect: a call of the API is an activity of its user,
// at most once a minute. Call with mu held.
func (m *Machine) observe(user *account) {
	now := m.now()
	if user.observed.IsZero() || now.Sub(user.observed) >= time.Minute {
		user.observed = now
		m.event("user_activity", map[string]any{"user_id": user.id})
	}
}

// noise is what the machine writes by itself. Call with mu held.
func (m *Machine) noise() {
	m.event("system_stats", map[string]any{})
	m.event("running_nodes", map[string]any{})
	if m.timing.Noise <= 0 {
		return
	}
	m.alarms.after(m.timing.Noise, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.noise()
	})
}

// timestampShapes are the forms in which timestamps were met.
var timestampShapes = []string{
	"2006-01-02T15:04:05.000Z", "2006-01-02T15:04:05.000000Z", "2006-01-02T15:04:05.000000", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05",
}

func (c *call) telemetryAllowed() *apiError {
	switch {
	case c.switches.NoTelemetry:
		return failure(http.StatusNotFound, "Not Found")
	case c.switches.TelemetryForAdmins && !c.user.admin:
		return failure(http.StatusForbidden, "User does not have permission to perform this action.")
	}
	return nil
}

func (c *call) getTelemetryEvents() (reply, *apiError) {
	if err := c.telemetryAllowed(); err != nil {
		return reply{}, err
	}
	out := make([]any, 0, len(c.telemetry.events))
	for i, e := range c.telemetry.events {
		text := e.Text
		if text == "" {
			text = e.Time.UTC().Format(timestampShapes[i%len(timestampShapes)])
		}
		data := e.Data
		if data == nil {
			data = map[string]any{}
		}
		out = append(out, map[string]any{"category": e.Category, "timestamp": text, "data": data})
	}
	if c.switches.TelemetryNewestFirst {
		slices.Reverse(out)
	}
	return ok(out), nil
}

// optInValue is a boolean or null up to 2.9, and a word later.
func (c *call) optInValue() any {
	in := c.telemetry.optIn
	switch {
	case c.release.before(10) && in == nil:
		return nil
	case c.release.before(10):
		return *in
	case in == nil:
		return "unset"
	case *in:
		return "accepted"
	}
	return "declined"
}

func (c *call) getTelemetry() (reply, *apiError) {
	if err := c.telemetryAllowed(); err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"opt_in": c.optInValue(), "show_modal": c.telemetry.optIn == nil}), nil
}

func (c *call) putTelemetry() (reply, *apiError) {
	if err := c.telemetryAllowed(); err != nil {
		return reply{}, err
	}
	member := schema{kind: boolKind, nullable: true}
	if c.release.from(10) {
		member = schema{kind: stringKind, values: []string{"accepted", "declined", "unset"}}
	}
	body, err := c.object(map[string]schema{"opt_in": member})
	if err != nil {
		return reply{}, err
	}
	c.telemetry.optIn = nil
	switch value := body["opt_in"].(type) {
	case bool:
		c.telemetry.optIn = &value
	case string:
		if value != "unset" {
			in := value == "accepted"
			c.telemetry.optIn = &in
		}
	}
	return ok(map[string]any{"opt_in": c.optInValue(), "show_modal": c.telemetry.optIn == nil}), nil
}
