package function_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func TestVersionFromName(t *testing.T) {
	for name, want := range map[string]string{"CML-2.7.0-Ubuntu-22.04": "2.7.0", "cml2_2.9.1-7_amd64": "2.9.1"} {
		got, refusal := call(t, "version_from_name", text(name))
		if refusal != nil || as[string](t, got) != want {
			t.Errorf("%q: %v, %v", name, got, refusal)
		}
	}
	for _, name := range []string{"", "ubuntu-22.04"} {
		_, refusal := call(t, "version_from_name", text(name))
		refused(t, refusal, 0, "no CML version in the name")
	}
}

func TestVersionAtLeast(t *testing.T) {
	for _, tc := range []struct {
		version, minimum string
		want             bool
	}{
		{"2.7.0", "2.8", false},
		{"2.8.0", "2.8", true},
		{"2.8", "2.8.0", true},
		{"2.10.0", "2.9.1", true},
		{"2.9.1", "2.10", false},
		{"2.9.1+build.7", "2.9.1", true},
		{"2.9.0+build.9", "2.9.1", false},
		{"3.0.0", "2.99.99", true},
	} {
		got, refusal := call(t, "version_at_least", texts(tc.version, tc.minimum)...)
		if refusal != nil || as[bool](t, got) != tc.want {
			t.Errorf("%s at least %s: %v, %v", tc.version, tc.minimum, got, refusal)
		}
	}
	_, refusal := call(t, "version_at_least", texts("2.x", "2.8")...)
	refused(t, refusal, 0, `"2.x" is not a CML version`)
	_, refusal = call(t, "version_at_least", texts("2.8.0", "")...)
	refused(t, refusal, 1, `"" is not a CML version`)
}

func TestParseWorkerID(t *testing.T) {
	const id = "i-0123456789abcdef0"
	for in, region := range map[string]string{
		id: "", id + "@us-west-2": "us-west-2", "us-west-2:" + id: "us-west-2", id + "@us-gov-east-1": "us-gov-east-1",
	} {
		got, refusal := call(t, "parse_worker_id", text(in))
		if refusal != nil {
			t.Errorf("%s: %v", in, refusal.Text)
			continue
		}
		parts := as[map[string]tftypes.Value](t, got)
		if as[string](t, parts["id"]) != id {
			t.Errorf("%s: %v", in, got)
		}
		if r := parts["region"]; region == "" && !r.IsNull() || region != "" && as[string](t, r) != region {
			t.Errorf("%s: region %v", in, r)
		}
	}
	for in, want := range map[string]string{
		"":                      "does not name an instance",
		"lab-01":                "does not name an instance",
		"i-012 3":               "does not name an instance",
		"@us-west-2":            "does not name an instance",
		"us-west-2@" + id:       "does not name an instance",
		id + "@":                "has no region",
		":" + id:                "has no region",
		id + "@us-west-2a":      "is an availability zone",
		id + "@Frankfurt":       "is not the name of an AWS region",
		id + "@us-west-2@x":     "is not the name of an AWS region",
		"ami-0123456789abcdef0": "does not name an instance",
	} {
		_, refusal := call(t, "parse_worker_id", text(in))
		refused(t, refusal, 0, want)
	}
}

func TestWorkerURL(t *testing.T) {
	for _, tc := range []struct {
		address string
		port    int64
		want    string
	}{
		{"203.0.113.9", 443, "https://203.0.113.9"},
		{"203.0.113.9", 8443, "https://203.0.113.9:8443"},
		{"2001:db8::9", 443, "https://[2001:db8::9]"},
		{"2001:db8::9", 8443, "https://[2001:db8::9]:8443"},
		{"[2001:db8::9]", 443, "https://[2001:db8::9]"},
		{"lab-01.example.net", 443, "https://lab-01.example.net"},
		{"lab-01", 65535, "https://lab-01:65535"},
	} {
		got, refusal := call(t, "worker_url", text(tc.address), number(tc.port))
		if refusal != nil || as[string](t, got) != tc.want {
			t.Errorf("%+v: %v, %v", tc, got, refusal)
		}
	}
	for _, address := range []string{"", "https://203.0.113.9", "203.0.113.9:443", "203.0.113.999", "203.0.113.9/24", "fe80::1%eth0", "[203.0.113.9]", "[::1", "lab 01", "-lab", strings.Repeat("a", 64)} {
		_, refusal := call(t, "worker_url", text(address), number(443))
		refused(t, refusal, 0, "neither an address nor a host name")
	}
	for _, port := range []int64{0, -1, 65536} {
		_, refusal := call(t, "worker_url", text("203.0.113.9"), number(port))
		refused(t, refusal, 1, "is not a port")
	}
}

func TestScheduleState(t *testing.T) {
	// 2026-11-23 is a Monday. Berlin is at UTC+1 in winter and at UTC+2 in summer.
	for _, tc := range []struct {
		time, zone, days, start, stop string
		want                          string
	}{
		{"2026-11-23T06:59:59Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00", "stopped"},
		{"2026-11-23T07:00:00Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00", "running"},
		{"2026-11-23T17:59:59Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00", "running"},
		{"2026-11-23T18:00:00Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00", "stopped"},
		{"2026-07-20T06:00:00Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00", "running"}, // summer
		{"2026-11-23T08:00:00+01:00", "Europe/Berlin", "Mon-Fri", "08:00", "19:00", "running"},
		{"2026-11-22T12:00:00Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00", "stopped"}, // Sunday
		{"2026-11-22T23:30:00Z", "Asia/Tokyo", "Mon", "08:00", "19:00", "running"},        // Monday there
		{"2026-11-23T14:00:00Z", "America/New_York", "Mon", "9:00", "17:30", "running"},
		// lists, ranges over the end of the week, full names, any case
		{"2026-11-25T12:00:00Z", "UTC", "Mon,Wed", "08:00", "19:00", "running"},
		{"2026-11-24T12:00:00Z", "UTC", "Mon,Wed", "08:00", "19:00", "stopped"},
		{"2026-11-22T12:00:00Z", "UTC", "Fri-Mon", "08:00", "19:00", "running"},
		{"2026-11-24T12:00:00Z", "UTC", "Fri-Mon", "08:00", "19:00", "stopped"},
		{"2026-11-24T12:00:00Z", "UTC", " friday - MON , Tuesday", "08:00", "19:00", "running"},
		// over midnight: the day is the one of the start
		{"2026-11-23T21:59:00Z", "UTC", "Mon", "22:00", "06:00", "stopped"},
		{"2026-11-23T22:00:00Z", "UTC", "Mon", "22:00", "06:00", "running"},
		{"2026-11-24T05:59:00Z", "UTC", "Mon", "22:00", "06:00", "running"},
		{"2026-11-24T06:00:00Z", "UTC", "Mon", "22:00", "06:00", "stopped"},
		{"2026-11-23T05:00:00Z", "UTC", "Mon", "22:00", "06:00", "stopped"}, // Sunday's night
		{"2026-11-24T22:30:00Z", "UTC", "Mon", "22:00", "06:00", "stopped"},
		// whole days
		{"2026-11-23T23:59:59Z", "UTC", "Mon", "00:00", "24:00", "running"},
		{"2026-11-24T00:00:00Z", "UTC", "Mon", "00:00", "24:00", "stopped"},
		{"2026-11-23T23:30:00Z", "UTC", "Mon", "22:00", "24:00", "running"},
		{"2026-11-23T23:30:00Z", "UTC", "Mon", "22:00", "00:00", "running"},
		{"2026-11-24T00:30:00Z", "UTC", "Mon", "22:00", "00:00", "stopped"},
		// the change of month and year
		{"2027-01-01T03:00:00Z", "UTC", "Thu", "22:00", "06:00", "running"},
	} {
		got, refusal := call(t, "schedule_state", texts(tc.time, tc.zone, tc.days, tc.start, tc.stop)...)
		if refusal != nil || as[string](t, got) != tc.want {
			t.Errorf("%+v: %v, %v", tc, got, refusal)
		}
	}
}

// In the night on which daylight saving time ends, the clock shows two o'clock
// twice. A worker that stops at half past two stops once.
func TestScheduleStateStopsOnceWhenClocksGoBack(t *testing.T) {
	changes, last := 0, "running"
	began := time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC) // midnight in Berlin
	for minute := range 6 * 60 {
		got, refusal := call(t, "schedule_state", texts(began.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339), "Europe/Berlin", "Sat", "20:00", "02:30")...)
		if refusal != nil {
			t.Fatal(refusal.Text)
		}
		if state := as[string](t, got); state != last {
			changes, last = changes+1, state
		}
	}
	if changes != 1 || last != "stopped" {
		t.Errorf("%d changes, in the end %s", changes, last)
	}
}

func TestScheduleStateRefuses(t *testing.T) {
	good := []string{"2026-11-23T07:00:00Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00"}
	for _, tc := range []struct {
		argument    int64
		value, want string
	}{
		{0, "", "is not a time"}, {0, "2026-11-23", "is not a time"}, {0, "Mon", "RFC 3339"},
		{1, "", "is not a time zone"}, {1, "Local", "is not a time zone"}, {1, "Berlin", "IANA"}, {1, "../etc/passwd", "is not a time zone"},
		{2, "", "is not a day"}, {2, "Mo", `"Mo" in "Mo" is not a day`}, {2, "Mon-", "is not a day"}, {2, "Mon,", "is not a day"}, {2, "Mon-Wed-Fri", "is not a day"}, {2, "*", "is not a day"},
		{3, "8", "is not a time of day"}, {3, "24:00", "is not a time of day"}, {3, "08:60", "is not a time of day"}, {3, "8am", "is not a time of day"},
		{4, "24:01", "is not a time of day"}, {4, "", "is not a time of day"}, {4, "08:00", "Start and stop are both 08:00"},
	} {
		args := append([]string(nil), good...)
		args[tc.argument] = tc.value
		_, refusal := call(t, "schedule_state", texts(args...)...)
		refused(t, refusal, tc.argument, tc.want)
	}
}
