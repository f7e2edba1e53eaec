package function

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// scheduleState is provider::cml::schedule_state.
type scheduleState struct{}

// NewScheduleState returns the function schedule_state.
func NewScheduleState() function.Function { return scheduleState{} }

// Metadata implements function.Function.
func (scheduleState) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "schedule_state"
}

// Definition implements function.Function.
func (scheduleState) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Power state that a timetable wants at a time",
		MarkdownDescription: "Returns `\"running\"` or `\"stopped\"`: what a timetable of office hours wants at a given time. The result is made for `state` of `cml_worker_power`, " +
			"in a configuration that is applied on a schedule; `cml_worker_schedule` needs no Terraform run at all.\n\n" +
			"The worker runs from `start` to `stop` on the given days. Where `stop` is earlier than `start`, it runs over midnight, and the day is the one on which it starts.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "time", MarkdownDescription: "Time to judge, RFC 3339: usually `plantimestamp()`."},
			function.StringParameter{Name: "timezone", MarkdownDescription: "Time zone of the timetable by its IANA name, such as `\"Europe/Berlin\"` or `\"UTC\"`. Daylight saving time is taken care of."},
			function.StringParameter{Name: "days", MarkdownDescription: "Days of the week: `\"Mon-Fri\"`, `\"Mon,Wed\"`, `\"Sat-Mon,Thu\"`; `\"Mon-Sun\"` is every day."},
			function.StringParameter{Name: "start", MarkdownDescription: "Time of day at which the worker is to run, `\"08:00\"`."},
			function.StringParameter{Name: "stop", MarkdownDescription: "Time of day at which it is to stop, `\"19:00\"`; `\"24:00\"` is the end of the day."},
		},
		Return: function.StringReturn{},
	}
}

// Run implements function.Function.
func (scheduleState) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var stamp, zone, days, start, stop string
	if resp.Error = req.Arguments.Get(ctx, &stamp, &zone, &days, &start, &stop); resp.Error != nil {
		return
	}
	refuse := func(argument int64, problem string) {
		if problem != "" {
			resp.Error = function.ConcatFuncErrors(resp.Error, argumentError(argument, problem))
		}
	}
	now, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		refuse(first, fmt.Sprintf("%q is not a time. Write it as RFC 3339 says, \"2026-11-23T08:00:00Z\", or use plantimestamp().", stamp))
	}
	var t timetable
	var problem string
	t.zone, problem = validators.ParseZone(zone)
	refuse(second, problem)
	t.days, problem = parseDays(days)
	refuse(third, problem)
	t.start, problem = parseClock(start, false)
	refuse(fourth, problem)
	t.stop, problem = parseClock(stop, true)
	refuse(fifth, problem)
	if resp.Error != nil {
		return
	}
	if t.start == t.stop {
		refuse(fifth, fmt.Sprintf("Start and stop are both %s. Write two different times; from \"00:00\" to \"24:00\" is the whole day.", stop))
		return
	}
	state := "stopped"
	if t.runs(now) {
		state = "running"
	}
	resp.Error = resp.Result.Set(ctx, state)
}

// timetable says when a worker runs: from start to stop on the days.
type timetable struct {
	zone *time.Location
	// days by time.Weekday.
	days [7]bool
	// start and stop are minutes since midnight.
	start, stop int
}

// runs reports whether the worker runs at a time. It compares instants and not
// clock readings, so that the hour that comes twice when daylight saving time
// ends switches nothing off and on again.
func (t timetable) runs(now time.Time) bool {
	year, month, day := now.In(t.zone).Date()
	at := func(day, minutes int) time.Time { return time.Date(year, month, day, 0, minutes, 0, 0, t.zone) }
	for _, d := range []int{day - 1, day} {
		if !t.days[at(d, 12*60).Weekday()] {
			continue
		}
		end := at(d, t.stop)
		if t.stop < t.start {
			end = at(d+1, t.stop)
		}
		if !now.Before(at(d, t.start)) && now.Before(end) {
			return true
		}
	}
	return false
}

var clockPattern = regexp.MustCompile(`^([01]?[0-9]|2[0-4]):([0-5][0-9])$`)

// parseClock reads a time of day as minutes since midnight. Only the end of a
// day may be written "24:00".
func parseClock(text string, end bool) (int, string) {
	if m := clockPattern.FindStringSubmatch(text); m != nil {
		hours, _ := strconv.Atoi(m[1]) // digits, by the pattern
		minutes, _ := strconv.Atoi(m[2])
		minutes += 60 * hours
		if minutes < 24*60 || (end && minutes == 24*60) {
			return minutes, ""
		}
	}
	return 0, fmt.Sprintf("%q is not a time of day. Write hours and minutes, as in \"08:00\" or \"19:30\".", text)
}

// parseDays reads days and ranges of days, separated by commas.
func parseDays(text string) (days [7]bool, problem string) {
	for _, part := range strings.Split(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		low, okLow := weekday(from)
		high, okHigh := weekday(to)
		if !okLow || !okHigh {
			return days, fmt.Sprintf("%q in %q is not a day or a range of days. Write them as in \"Mon-Fri\" or \"Mon,Wed,Sat-Sun\".", strings.TrimSpace(part), text)
		}
		for d := low; ; d = (d + 1) % 7 {
			days[d] = true
			if d == high {
				break
			}
		}
	}
	return days, ""
}

// weekday reads the English name of a day, or its first three letters.
func weekday(text string) (time.Weekday, bool) {
	text = strings.TrimSpace(text)
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(text, name) || strings.EqualFold(text, name[:3]) {
			return d, true
		}
	}
	return 0, false
}
