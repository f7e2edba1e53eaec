package validators

import (
	"fmt"
	"time"
	_ "time/tzdata" // the machine that runs Terraform may have no zone database

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// ParseZone reads the IANA name of a time zone. "Local" would mean another zone
// on each machine. problem says what is wrong and what to write, or is "".
func ParseZone(name string) (zone *time.Location, problem string) {
	if name != "" && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone, ""
		}
	}
	return nil, fmt.Sprintf("%q %s", name, notAZone)
}

const notAZone = `is not a time zone. Write its IANA name, such as "Europe/Berlin", "America/New_York" or "UTC".`

// longestZone is how long the name of a zone may be (EventBridge Scheduler,
// "ScheduleExpressionTimezone").
const longestZone = 50

// Timezone checks the IANA name of a time zone against the database that is
// built into this program.
func Timezone() validator.String {
	return text{
		noun: "time zone",
		rule: "must be the IANA name of a time zone such as Europe/Berlin",
		problem: func(v string) string {
			if _, problem := ParseZone(v); problem != "" || len(v) > longestZone {
				return notAZone
			}
			return ""
		},
	}
}

// Moment checks a moment as RFC 3339 writes it, in whole seconds.
func Moment() validator.String {
	return text{
		noun: "moment",
		rule: "must be a moment as RFC 3339 writes it, in whole seconds",
		problem: func(v string) string {
			t, err := time.Parse(time.RFC3339, v)
			switch {
			case err != nil:
				return `is not a moment. Write date, time and offset as RFC 3339 says, as in "2026-12-31T18:00:00Z" or "2026-12-31T19:00:00+01:00".`
			case t.Nanosecond() != 0:
				return fmt.Sprintf("has fractions of a second. Write %q.", t.Truncate(time.Second).Format(time.RFC3339))
			}
			return ""
		},
	}
}
