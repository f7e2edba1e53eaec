package validators

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// cronField is one of the six fields of EventBridge's cron expressions
// ("Schedule types on EventBridge Scheduler", User Guide).
type cronField struct {
	name      string
	low, high int
	// names stand for low, low+1, …
	names []string
	// special are the forms that only this field knows.
	special *regexp.Regexp
	example string
}

var cronFields = []cronField{
	{name: "minutes", low: 0, high: 59, example: `"0", "0,30" or "*/15"`},
	{name: "hours", low: 0, high: 23, example: `"8", "8-18" or "*"`},
	{name: "day of month", low: 1, high: 31, special: regexp.MustCompile(`^(\?|L|([1-9]|[12][0-9]|3[01])W)$`), example: `"1", "L" (the last), "15W" (the weekday nearest to the 15th) or "?"`},
	{name: "month", low: 1, high: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}, example: `"*", "1-6" or "JAN,JUL"`},
	{name: "day of week", low: 1, high: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, special: regexp.MustCompile(`^(\?|L|([1-7]|[A-Z]{3})(L|#[1-5]))$`), example: `"MON-FRI", "2-6" (1 is Sunday), "FRIL" (the last Friday), "TUE#2" (the second Tuesday) or "?"`},
	{name: "year", low: 1970, high: 2199, example: `"*" or "2027"`},
}

// dayNamed is the name of a day before "L" or "#".
var dayNamed = regexp.MustCompile(`^[A-Z]{3}`)

const cronExample = `"0 8 ? * MON-FRI *" is eight o'clock from Monday to Friday`

// Cron checks the six fields of a cron expression of EventBridge Scheduler,
// without the word "cron" around them. The service decides; this catches what it
// would refuse.
func Cron() validator.String {
	return text{noun: "cron expression", rule: "must be the six fields of a cron expression of EventBridge", problem: cronProblem}
}

func cronProblem(v string) string {
	if m := regexp.MustCompile(`^\s*cron\s*\((.*)\)\s*$`).FindStringSubmatch(v); m != nil {
		return fmt.Sprintf("has %q around it. Write the six fields alone: %q.", "cron()", strings.TrimSpace(m[1]))
	}
	if regexp.MustCompile(`^\s*(rate|at)\s*\(`).MatchString(v) {
		return "is not a cron expression. Write six fields; " + cronExample + ". A single stop goes into `stop_at`."
	}
	fields := strings.Fields(v)
	if len(fields) != len(cronFields) {
		hint := ""
		if len(fields) == len(cronFields)-1 {
			hint = " The crontab of Unix has no year: add a sixth field, and write \"?\" in one of the two fields of days."
		}
		return fmt.Sprintf("has %d fields, wanted are six: minutes, hours, day of month, month, day of week, year. %s.%s", len(fields), cronExample, hint)
	}
	if v != strings.Join(fields, " ") {
		return fmt.Sprintf("has other white space than one space between its fields. Write %q.", strings.Join(fields, " "))
	}
	for i, f := range cronFields {
		if problem := f.problem(fields[i]); problem != "" {
			return fmt.Sprintf("has a mistake in field %d, %s: %q %s. Write as in %s.", i+1, f.name, fields[i], problem, f.example)
		}
	}
	switch dom, dow := fields[2] == "?", fields[4] == "?"; {
	case dom && dow:
		return `has "?" in both fields of days. Write the days in one of them: "*" in the day of month is every day; ` + cronExample + "."
	case !dom && !dow:
		return `names days in both fields of days. EventBridge wants "?" in one of them; ` + cronExample + "."
	}
	return ""
}

// problem says what is wrong with the text of a field.
func (f cronField) problem(field string) string {
	if f.special != nil && f.special.MatchString(field) {
		// What is left to check is the name of a day.
		name := dayNamed.FindString(field)
		if name == "" || slices.Contains(f.names, name) {
			return ""
		}
	}
	for _, part := range strings.Split(field, ",") {
		span, step, stepped := strings.Cut(part, "/")
		if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1) {
			return "has a step that is no positive number"
		}
		if span == "*" {
			continue
		}
		first, last, ranged := strings.Cut(span, "-")
		low, ok := f.value(first)
		high := low
		if ok && ranged {
			high, ok = f.value(last)
		}
		switch {
		case !ok:
			return fmt.Sprintf("is not between %s", f.bounds())
		case low > high && len(f.names) != 7:
			return "has a range that runs backwards"
		}
	}
	return ""
}

// value reads a number or a name of the field.
func (f cronField) value(s string) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(s)); i >= 0 {
		return f.low + i, true
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= f.low && n <= f.high
}

func (f cronField) bounds() string {
	if len(f.names) > 0 {
		return fmt.Sprintf("%d and %d, or %s and %s", f.low, f.high, f.names[0], f.names[len(f.names)-1])
	}
	return fmt.Sprintf("%d and %d", f.low, f.high)
}
