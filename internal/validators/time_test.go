package validators_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

func TestCron(t *testing.T) {
	for _, good := range []string{
		"0 8 ? * MON-FRI *", "0 8 ? * mon-fri *", "0 8 ? * 2-6 *", "0,30 8-18/2 * * ? *", "*/15 * 1,15 JAN-JUN ? 2026-2030", "0 8 L * ? *",
		"0 8 15W * ? *", "0 8 ? * 6L *", "0 8 ? * FRIL *", "0 8 ? * TUE#2 *", "0 8 ? * L *", "0 8 ? * FRI-MON *", "0-15/1 8-8 ? * 2,3,4,5,6,7 *",
		"1-31/30 1-1 ? * 1,7 *",
	} {
		if got := check(validators.Cron(), types.StringValue(good)); got != "" {
			t.Errorf("%q: %s", good, got)
		}
	}
	for bad, want := range map[string]string{
		"cron(0 8 ? * MON-FRI *)": `Write the six fields alone: "0 8 ? * MON-FRI *"`,
		"rate(5 minutes)":         "is not a cron expression",
		"at(2026-12-31T18:00:00)": "`stop_at`",
		"0 8 * * MON-FRI":         "has 5 fields, wanted are six",
		"":                        "has 0 fields",
		"0 8  ? * MON-FRI *":      `Write "0 8 ? * MON-FRI *"`,
		"0 8 ? * ? *":             `"?" in both fields of days`,
		"0 8 * * MON *":           "days in both fields of days",
		"60 8 * * ? *":            `field 1, minutes: "60" is not between 0 and 59`,
		"0 24 * * ? *":            `field 2, hours: "24" is not between 0 and 23`,
		"0 8 0 * ? *":             "field 3, day of month",
		"0 8 32W * ? *":           "field 3, day of month",
		"0 8 * 13 ? *":            `field 4, month: "13" is not between 1 and 12, or JAN and DEC`,
		"0 8 ? * MONDAY *":        "field 5, day of week",
		"0 8 ? * MOX#2 *":         "field 5, day of week",
		"0 8 ? * 0 *":             "field 5, day of week",
		"0 8 * * ? 1969":          "field 6, year",
		"0 18-8 * * ? *":          "runs backwards",
		"0/0 8 * * ? *":           "no positive number",
		"0 -1 * * ? *":            "field 2, hours",
	} {
		if got := check(validators.Cron(), types.StringValue(bad)); !strings.Contains(got, want) {
			t.Errorf("%q: %q, wanted %q", bad, got, want)
		}
	}
	if got := check(validators.Cron(), types.StringUnknown()) + check(validators.Cron(), types.StringNull()); got != "" {
		t.Error(got)
	}
}

func TestTimezoneAndMoment(t *testing.T) {
	for _, good := range []string{"Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires"} {
		if got := check(validators.Timezone(), types.StringValue(good)); got != "" {
			t.Error(got)
		}
	}
	for _, bad := range []string{"", "Local", "Mars/Olympus", "CET+1", "europe-berlin"} {
		if got := check(validators.Timezone(), types.StringValue(bad)); !strings.Contains(got, "IANA name") {
			t.Errorf("%q: %q", bad, got)
		}
	}
	for _, good := range []string{"2026-12-31T18:00:00Z", "2026-12-31T19:00:00+01:00"} {
		if got := check(validators.Moment(), types.StringValue(good)); got != "" {
			t.Error(got)
		}
	}
	for bad, want := range map[string]string{
		"2026-12-31": "RFC 3339", "2026-12-31 18:00:00": "RFC 3339", "2026-12-31T18:00:00.5Z": `Write "2026-12-31T18:00:00Z"`, "tomorrow": "RFC 3339",
	} {
		if got := check(validators.Moment(), types.StringValue(bad)); !strings.Contains(got, want) {
			t.Errorf("%q: %q", bad, got)
		}
	}
}
