package aws

import (
	"testing"
	"time"
)

func TestCronExpressions(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ fields, after, want string }{
		{"0 8 ? * MON-FRI *", "2026-11-27T07:59:00", "2026-11-27T08:00:00"},
		{"0 8 ? * MON-FRI *", "2026-11-27T08:00:00", "2026-11-30T08:00:00"},
		{"0 8 ? * 2-6 *", "2026-11-27T08:00:00", "2026-11-30T08:00:00"},
		{"0/20 9-10 * * ? *", "2026-11-27T09:40:00", "2026-11-27T10:00:00"},
		{"15,45 */6 * * ? *", "2026-11-27T06:45:00", "2026-11-27T12:15:00"},
		{"0 18 L * ? *", "2026-02-01T00:00:00", "2026-02-28T18:00:00"},
		{"0 18 1W * ? *", "2026-08-01T00:00:00", "2026-08-03T18:00:00"}, // the 1st is a Saturday
		{"0 18 ? * 6L *", "2026-11-01T00:00:00", "2026-11-27T18:00:00"},
		{"0 18 ? * TUE#2 *", "2026-11-01T00:00:00", "2026-11-10T18:00:00"},
		{"0 18 ? JAN,MAR SAT-SUN *", "2026-02-01T00:00:00", "2026-03-01T18:00:00"},
		{"0 18 ? * FRI-MON *", "2026-11-24T00:00:00", "2026-11-27T18:00:00"},
		{"0 18 1 1 ? 2030/2", "2026-11-24T00:00:00", "2030-01-01T18:00:00"},
		{"30 2 * * ? *", "2026-03-28T12:00:00", "2026-03-30T02:30:00"}, // no 2:30 on the 29th
		{"0 18 1 1 ? 2025", "2026-11-24T00:00:00", ""},
	} {
		e, ok := parseExpression("cron("+c.fields+")", berlin, time.Time{})
		if !ok {
			t.Errorf("%q is refused", c.fields)
			continue
		}
		after, _ := time.ParseInLocation("2006-01-02T15:04:05", c.after, berlin)
		got := ""
		if next := e.next(after); !next.IsZero() {
			got = next.Format("2006-01-02T15:04:05")
		}
		if got != c.want {
			t.Errorf("%q after %s: %q, want %q", c.fields, c.after, got, c.want)
		}
	}
	// The hour that comes twice counts once.
	e, _ := parseExpression("cron(30 2 * * ? *)", berlin, time.Time{})
	first := e.next(time.Date(2026, 10, 24, 12, 0, 0, 0, berlin))
	if next := e.next(first); next.Sub(first) < 24*time.Hour {
		t.Errorf("it runs at %s and again at %s", first, next)
	}
	for _, bad := range []string{
		"cron(0 8 * * MON-FRI)", "cron(0 8 ? * ? *)", "cron(0 8 * * * *)", "cron(60 8 * * ? *)", "cron(0 8 * 13 ? *)", "cron(0 8 ? * MONDAY *)",
		"cron(0 8 ? * 0 *)", "cron(0 8 32W * ? *)", "cron(0 8 * * ? 1969)", "cron(0 8-7 * * ? *)", "cron(0 8/0 * * ? *)", "cron(0 -1 * * ? *)", "rate(0 minutes)",
		"rate(5 seconds)", "at(2026-11-24 10:00:00)", "0 8 * * ? *", "",
	} {
		if _, ok := parseExpression(bad, berlin, time.Time{}); ok {
			t.Errorf("%q passes", bad)
		}
	}
}
