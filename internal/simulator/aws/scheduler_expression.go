package aws

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// expression says when a schedule runs ("Schedule types on EventBridge Scheduler", User Guide).
type expression interface {
	// next is the first moment after a time, zero if there is none.
	next(after time.Time) time.Time
	// once tells a one-time schedule.
	once() bool
}

var (
	atExpression   = regexp.MustCompile(`^at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)$`)
	rateExpression = regexp.MustCompile(`^rate\((\d+) (minute|minutes|hour|hours|day|days)\)$`)
	cronExpression = regexp.MustCompile(`^cron\((.+)\)$`)
)

func parseExpression(text string, zone *time.Location, start time.Time) (expression, bool) {
	if m := atExpression.FindStringSubmatch(text); m != nil {
		t, err := time.ParseInLocation("2006-01-02T15:04:05", m[1], zone)
		return oneTime{t}, err == nil
	}
	if m := rateExpression.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[m[2][0]]
		return rate{every: time.Duration(n) * unit, start: start}, err == nil && n > 0
	}
	if m := cronExpression.FindStringSubmatch(text); m != nil {
		return parseCron(m[1], zone)
	}
	return nil, false
}

// oneTime is a one-time schedule. One that lies in the past never runs: what AWS does with it
// is not documented.
type oneTime struct{ time.Time }

func (m oneTime) once() bool { return true }

func (m oneTime) next(after time.Time) time.Time {
	if m.After(after) {
		return m.Time
	}
	return time.Time{}
}

type rate struct {
	every time.Duration
	start time.Time
}

func (r rate) once() bool { return false }

func (r rate) next(after time.Time) time.Time {
	if after.Before(r.start) {
		return r.start
	}
	passed := after.Sub(r.start)
	return after.Add(r.every - passed%r.every)
}

// cron is a cron expression: each field as the set of its values.
type cron struct {
	zone                        *time.Location
	minutes, hours, months, yrs map[int]bool
	// day tells whether a date is one of the days of both fields of days.
	day func(date time.Time) bool
}

func (cron) once() bool { return false }

// next skips local times that do not exist when daylight saving time begins, and takes those
// that come twice once ("Daylight savings time on EventBridge Scheduler", User Guide).
func (c cron) next(after time.Time) time.Time {
	local := after.In(c.zone)
	for d := 0; d < 366*120; d++ {
		date := time.Date(local.Year(), local.Month(), local.Day()+d, 12, 0, 0, 0, c.zone)
		if !c.yrs[date.Year()] || !c.months[int(date.Month())] || !c.day(date) {
			continue
		}
		for h := range 24 {
			for m := range 60 {
				if !c.hours[h] || !c.minutes[m] {
					continue
				}
				t := time.Date(date.Year(), date.Month(), date.Day(), h, m, 0, 0, c.zone)
				if t.Hour() == h && t.Minute() == m && t.After(after) {
					return t
				}
			}
		}
	}
	return time.Time{}
}

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// parseCron reads the six fields: minutes, hours, day of month, month, day of week, year. One of
// the two fields of days must be "?".
func parseCron(text string, zone *time.Location) (expression, bool) {
	fields := strings.Fields(text)
	if len(fields) != 6 {
		return nil, false
	}
	c := cron{zone: zone}
	ok := (fields[2] == "?") != (fields[4] == "?")
	read := func(field string, low, high int, names []string) map[int]bool {
		values, good := cronValues(field, low, high, names)
		ok = ok && good
		return values
	}
	c.minutes, c.hours = read(fields[0], 0, 59, nil), read(fields[1], 0, 23, nil)
	c.months, c.yrs = read(fields[3], 1, 12, monthNames), read(fields[5], 1970, 2199, nil)
	if fields[4] == "?" {
		c.day = daysOfMonth(fields[2], &ok)
	} else {
		c.day = daysOfWeek(fields[4], &ok)
	}
	return c, ok
}

var (
	nearestWeekday = regexp.MustCompile(`^(\d{1,2})W$`)
	lastWeekday    = regexp.MustCompile(`^([1-7]|[A-Z]{3})L$`)
	nthWeekday     = regexp.MustCompile(`^([1-7]|[A-Z]{3})#([1-5])$`)
)

// lastDay is the last day of the month of a date.
func lastDay(date time.Time) int {
	return time.Date(date.Year(), date.Month()+1, 0, 12, 0, 0, 0, time.UTC).Day()
}

func daysOfMonth(field string, ok *bool) func(time.Time) bool {
	if field == "L" {
		return func(date time.Time) bool { return date.Day() == lastDay(date) }
	}
	if m := nearestWeekday.FindStringSubmatch(field); m != nil {
		wanted, _ := strconv.Atoi(m[1]) // digits, by the pattern
		*ok = *ok && wanted >= 1 && wanted <= 31
		return func(date time.Time) bool { return date.Day() == nearest(date, wanted) }
	}
	values, good := cronValues(field, 1, 31, nil)
	*ok = *ok && good
	return func(date time.Time) bool { return values[date.Day()] }
}

// nearest is the working day of the month that is nearest to a day, without leaving the month.
func nearest(date time.Time, day int) int {
	last := lastDay(date)
	if day > last {
		return 0
	}
	switch time.Date(date.Year(), date.Month(), day, 12, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == last {
			return day - 2
		}
		return day + 1
	}
	return day
}

func daysOfWeek(field string, ok *bool) func(time.Time) bool {
	if field == "L" {
		field = "7"
	}
	number := func(text string) int {
		values, good := cronValues(text, 1, 7, dayNames)
		*ok = *ok && good && len(values) == 1
		for v := range values {
			return v
		}
		return 0
	}
	if m := lastWeekday.FindStringSubmatch(field); m != nil {
		wanted := number(m[1])
		return func(date time.Time) bool {
			return int(date.Weekday())+1 == wanted && date.Day()+7 > lastDay(date)
		}
	}
	if m := nthWeekday.FindStringSubmatch(field); m != nil {
		wanted := number(m[1])
		nth, _ := strconv.Atoi(m[2]) // a digit, by the pattern
		return func(date time.Time) bool { return int(date.Weekday())+1 == wanted && (date.Day()-1)/7+1 == nth }
	}
	values, good := cronValues(field, 1, 7, dayNames)
	*ok = *ok && good
	return func(date time.Time) bool { return values[int(date.Weekday())+1] }
}

// cronValues reads a field: lists of numbers or names, ranges, "*", each with a step.
func cronValues(field string, low, high int, names []string) (map[int]bool, bool) {
	out := map[int]bool{}
	for _, part := range strings.Split(field, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 {
				return nil, false
			}
			step = n
		}
		from, to := low, high
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			var ok1, ok2 bool
			from, ok1 = cronValue(first, names)
			to, ok2 = from, true
			switch {
			case ranged:
				to, ok2 = cronValue(last, names)
			case stepped:
				to = high
			}
			backwards := from > to && high != len(dayNames) // only days go round: FRI-MON
			if !ok1 || !ok2 || backwards || min(from, to) < low || max(from, to) > high {
				return nil, false
			}
		}
		if from > to {
			to += high - low + 1
		}
		for v := from; v <= to; v += step {
			out[(v-low)%(high-low+1)+low] = true
		}
	}
	return out, true
}

func cronValue(text string, names []string) (int, bool) {
	if i := slices.Index(names, strings.ToUpper(text)); i >= 0 {
		return i + 1, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && text != "" && text[0] != '-' && text[0] != '+'
}
