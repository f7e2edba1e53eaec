package idle_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cml-infra/terraform-provider-cml/internal/idle"
)

var now = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func ptr[T any](v T) *T { return &v }

func rules(change ...func(*idle.Options)) idle.Options {
	o := idle.Options{
		Threshold: 30 * time.Minute, Warning: 20 * time.Minute, Snooze: time.Hour, Enabled: true, NodesKeepAwake: true,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// seen is a running worker, started yesterday and used two hours ago.
func seen(change ...func(*idle.Observation)) idle.Observation {
	s := idle.Observation{
		State: "running", Started: ago(24 * time.Hour), Read: true, Now: now, Local: now,
		Last: ago(2 * time.Hour), Category: "stop_lab", Nodes: ptr(0), CPUPercent: ptr(1.0),
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func TestDecide(t *testing.T) {
	type o = idle.Options
	type s = idle.Observation
	for name, c := range map[string]struct {
		options     func(*o)
		observation func(*s)
		reason      string
		recommended string
		idle        *bool
		warning     *bool
	}{
		"idle":              {reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"at the threshold":  {observation: func(x *s) { x.Last = ago(30 * time.Minute) }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"just below":        {observation: func(x *s) { x.Last = ago(30*time.Minute - time.Second) }, reason: idle.Warning, recommended: "running", idle: ptr(false), warning: ptr(true)},
		"at the warning":    {observation: func(x *s) { x.Last = ago(20 * time.Minute) }, reason: idle.Warning, recommended: "running", idle: ptr(false), warning: ptr(true)},
		"active":            {observation: func(x *s) { x.Last = ago(time.Minute) }, reason: idle.Active, recommended: "running", idle: ptr(false), warning: ptr(false)},
		"in the future":     {observation: func(x *s) { x.Last = ago(-time.Hour) }, reason: idle.Active, recommended: "running", idle: ptr(false), warning: ptr(false)},
		"no event":          {observation: func(x *s) { x.Last = time.Time{} }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"no event, started": {observation: func(x *s) { x.Last, x.Started = time.Time{}, ago(25*time.Minute) }, reason: idle.Warning, recommended: "running", idle: ptr(false), warning: ptr(true)},
		"no event, fast CML": {options: func(x *o) { x.Snooze = 0 }, observation: func(x *s) { x.Last, x.Started, x.Local = time.Time{}, ago(80*time.Minute), ago(time.Hour) },
			reason: idle.Warning, recommended: "running", idle: ptr(false), warning: ptr(true)},
		"no event, slow CML": {options: func(x *o) { x.Snooze = 0 }, observation: func(x *s) { x.Last, x.Started, x.Local = time.Time{}, ago(20*time.Minute), ago(-time.Hour) },
			reason: idle.Warning, recommended: "running", idle: ptr(false), warning: ptr(true)},
		"snoozed":            {observation: func(x *s) { x.Started = ago(59 * time.Minute) }, reason: idle.Snoozed, recommended: "running", idle: ptr(true), warning: ptr(true)},
		"no longer snoozed":  {observation: func(x *s) { x.Started = ago(time.Hour) }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"snoozed, fast CML":  {observation: func(x *s) { x.Started, x.Local = ago(70*time.Minute), ago(30*time.Minute) }, reason: idle.Snoozed, recommended: "running", idle: ptr(true), warning: ptr(true)},
		"no snooze":          {options: func(x *o) { x.Snooze = 0 }, observation: func(x *s) { x.Started = ago(time.Minute) }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"no snooze at all":   {options: func(x *o) { x.Snooze = 0 }, observation: func(x *s) { x.Started = ago(-time.Second) }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"nodes run":          {observation: func(x *s) { x.Nodes = ptr(1) }, reason: idle.Active, recommended: "running", idle: ptr(false), warning: ptr(false)},
		"nodes do not count": {options: func(x *o) { x.NodesKeepAwake = false }, observation: func(x *s) { x.Nodes = ptr(7) }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"nodes not read":     {observation: func(x *s) { x.Nodes = nil }, reason: idle.Unknown, recommended: "running"},
		"nodes of no use":    {options: func(x *o) { x.NodesKeepAwake = false }, observation: func(x *s) { x.Nodes = nil }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"busy":               {options: func(x *o) { x.CPUKeepAwake = ptr(40.0) }, observation: func(x *s) { x.CPUPercent = ptr(40.0) }, reason: idle.Active, recommended: "running", idle: ptr(false), warning: ptr(false)},
		"not busy":           {options: func(x *o) { x.CPUKeepAwake = ptr(40.0) }, observation: func(x *s) { x.CPUPercent = ptr(39.9) }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
		"load not read":      {options: func(x *o) { x.CPUKeepAwake = ptr(40.0) }, observation: func(x *s) { x.CPUPercent = nil }, reason: idle.Unknown, recommended: "running"},
		"unreadable":         {observation: func(x *s) { x.Read = false }, reason: idle.Unknown, recommended: "running"},
		"disabled":           {options: func(x *o) { x.Enabled = false }, reason: idle.Disabled, recommended: "running", idle: ptr(true), warning: ptr(true)},
		"disabled by tag":    {observation: func(x *s) { x.Disabled = true }, reason: idle.Disabled, recommended: "running", idle: ptr(true), warning: ptr(true)},
		"off and unreadable": {options: func(x *o) { x.Enabled = false }, observation: func(x *s) { x.Read = false }, reason: idle.Disabled, recommended: "running"},
		"pending":            {observation: func(x *s) { x.State = "pending" }, reason: idle.Unknown, recommended: "running"},
		"stopped":            {observation: func(x *s) { x.State = "stopped" }, reason: idle.Stopped, recommended: "stopped"},
		"stopping":           {observation: func(x *s) { x.State = "stopping" }, reason: idle.Stopped, recommended: "stopped"},
		"woken":              {options: func(x *o) { x.Wake = true }, observation: func(x *s) { x.State = "stopped" }, reason: idle.Stopped, recommended: "running"},
		"woken and idle":     {options: func(x *o) { x.Wake = true }, reason: idle.Idle, recommended: "stopped", idle: ptr(true), warning: ptr(true)},
	} {
		t.Run(name, func(t *testing.T) {
			options, observation := rules(), seen()
			if c.options != nil {
				c.options(&options)
			}
			if c.observation != nil {
				c.observation(&observation)
			}
			got := idle.Decide(options, observation)
			if got.Reason != c.reason || got.Recommended != c.recommended {
				t.Errorf("got %s, %s; want %s, %s", got.Reason, got.Recommended, c.reason, c.recommended)
			}
			same := func(what string, got, want *bool) {
				if (got == nil) != (want == nil) || got != nil && *got != *want {
					t.Errorf("%s: got %v, want %v", what, got, want)
				}
			}
			same("idle", got.Idle, c.idle)
			same("warning", got.Warning, c.warning)
		})
	}
}

func TestDecideTimes(t *testing.T) {
	got := idle.Decide(rules(), seen(func(s *idle.Observation) { s.Started = ago(50 * time.Minute) }))
	if got.IdleFor == nil || *got.IdleFor != 2*time.Hour || !got.Since.Equal(ago(2*time.Hour)) {
		t.Errorf("idle for %v since %s", got.IdleFor, got.Since)
	}
	if want := now.Add(10 * time.Minute); !got.StopDue.Equal(want) {
		t.Errorf("stop due %s, want the end of the snooze %s", got.StopDue, want)
	}
	got = idle.Decide(rules(), seen(func(s *idle.Observation) { s.Last = ago(5 * time.Minute) }))
	if want := now.Add(25 * time.Minute); !got.StopDue.Equal(want) {
		t.Errorf("stop due %s, want %s", got.StopDue, want)
	}
	for what, d := range map[string]idle.Decision{
		"nodes run": idle.Decide(rules(), seen(func(s *idle.Observation) { s.Nodes = ptr(2) })),
		"disabled":  idle.Decide(rules(), seen(func(s *idle.Observation) { s.Disabled = true })),
		"stopped":   idle.Decide(rules(), seen(func(s *idle.Observation) { s.State = "stopped" })),
	} {
		if !d.StopDue.IsZero() {
			t.Errorf("%s: a stop is due at %s", what, d.StopDue)
		}
	}
}

// Whatever else holds: a worker that runs, and of which something that matters
// was not read, is never recommended to stop; and no worker is started unasked.
func TestNothingUnreadStops(t *testing.T) {
	span := rapid.Map(rapid.Int64Range(-int64(48*time.Hour), int64(48*time.Hour)), func(n int64) time.Duration { return time.Duration(n) })
	positive := rapid.Map(rapid.Int64Range(0, int64(24*time.Hour)), func(n int64) time.Duration { return time.Duration(n) })
	rapid.Check(t, func(t *rapid.T) {
		o := idle.Options{
			Threshold: positive.Draw(t, "threshold"), Warning: positive.Draw(t, "warning"), Snooze: positive.Draw(t, "snooze"),
			Enabled: rapid.Bool().Draw(t, "enabled"), Wake: rapid.Bool().Draw(t, "wake"), NodesKeepAwake: rapid.Bool().Draw(t, "nodes keep awake"),
		}
		if rapid.Bool().Draw(t, "cpu keeps awake") {
			o.CPUKeepAwake = ptr(rapid.Float64Range(0, 100).Draw(t, "cpu limit"))
		}
		s := idle.Observation{
			State:    rapid.SampledFrom([]string{"pending", "running", "stopping", "stopped"}).Draw(t, "state"),
			Disabled: rapid.Bool().Draw(t, "tag"), Read: rapid.Bool().Draw(t, "read"),
			Now: now.Add(span.Draw(t, "skew")), Local: now,
		}
		if rapid.Bool().Draw(t, "no clock") {
			s.Now = time.Time{}
		}
		if rapid.Bool().Draw(t, "started known") {
			s.Started = now.Add(span.Draw(t, "started"))
		}
		if rapid.Bool().Draw(t, "event") {
			s.Last = now.Add(span.Draw(t, "last"))
		}
		if rapid.Bool().Draw(t, "nodes known") {
			s.Nodes = ptr(rapid.IntRange(0, 3).Draw(t, "nodes"))
		}
		if rapid.Bool().Draw(t, "cpu known") {
			s.CPUPercent = ptr(rapid.Float64Range(0, 100).Draw(t, "cpu"))
		}
		d := idle.Decide(o, s)
		found := s.State == "stopped" || s.State == "stopping"
		switch {
		case found && !o.Wake && d.Recommended != "stopped":
			t.Fatalf("a worker that is %s is recommended to be %s", s.State, d.Recommended)
		case found:
			return
		case d.Recommended == "running":
			return
		}
		unread := !s.Read || s.Now.IsZero() || s.Started.IsZero() || o.NodesKeepAwake && s.Nodes == nil || o.CPUKeepAwake != nil && s.CPUPercent == nil
		if unread || s.State != "running" || !o.Enabled || s.Disabled {
			t.Fatalf("%+v is recommended to stop under %+v: %+v", s, o, d)
		}
		if d.Reason != idle.Idle || d.Idle == nil || !*d.Idle {
			t.Fatalf("recommended to stop for %s", d.Reason)
		}
	})
}
