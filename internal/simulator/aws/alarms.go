package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// States of an alarm ("Metric alarm states", CloudWatch User Guide).
const (
	alarmOK           = "OK"
	alarmALARM        = "ALARM"
	alarmInsufficient = "INSUFFICIENT_DATA"
)

// alarm is a metric alarm. What it was told is in spec.
type alarm struct {
	region *Region
	spec   putMetricAlarmInput
	arn    string
	tags   map[string]string

	created, updated         time.Time
	state, reason, data      string
	stateUpdated, stateSince time.Time
	cancel                   func()
}

// watch arranges the next evaluation: "For any period of one minute or longer, an alarm is
// evaluated every minute", high-resolution alarms every ten seconds ("Alarm evaluation").
func (a *alarm) watch() {
	if a.cancel != nil {
		a.cancel()
	}
	interval := time.Minute
	if a.period()%time.Minute != 0 {
		interval = 10 * time.Second
	}
	due := a.region.sim.now().Truncate(interval).Add(interval)
	a.cancel = a.region.sim.at(due, func() {
		a.cancel = nil
		a.evaluate(due)
		if a.region.alarms[*a.spec.AlarmName] == a {
			a.watch()
		}
	})
}

func (a *alarm) period() time.Duration {
	if a.spec.Period != nil {
		return time.Duration(*a.spec.Period) * time.Second
	}
	return time.Duration(*a.spec.watched().Period) * time.Second
}

// warmsUp reports whether an evaluation at this time comes within the warm-up, in which the
// alarm stays INSUFFICIENT_DATA and does nothing ("Alarm warm-up periods", User Guide).
func (a *alarm) warmsUp(at time.Time, points int) bool {
	w := a.spec.WarmUpConfiguration
	if w == nil || !at.Before(a.created.Add(time.Duration(*w.WarmUpPeriodDurationInMinutes)*time.Minute)) {
		return false
	}
	return deref(w.OnlyStartEvaluatingAfterWarmUpPeriodEnds) || points < *a.spec.EvaluationPeriods
}

// extraPoints are how many data points more than the evaluation periods an alarm retrieves:
// "the exact number varies"; the examples there have two more ("How alarm state is evaluated
// when data is missing", User Guide).
const extraPoints = 2

// point is a data point of an evaluation; age counts periods, 1 is the newest.
type point struct {
	age   int
	at    time.Time
	value float64
}

// retrieve gets the data points of an evaluation, newest first.
func (a *alarm) retrieve(at time.Time) []point {
	stat := a.spec.watched()
	if stat == nil { // an expression, which nothing here computes
		return nil
	}
	period := a.period()
	count := *a.spec.EvaluationPeriods + extraPoints
	start := at.Add(-time.Duration(count) * period)
	var out []point
	for _, b := range buckets(a.region.samples(*stat.Metric, start, at, deref(stat.Unit)), start, period) {
		if value, there := b.statistic(*stat.Stat); there {
			out = append(out, point{age: int(at.Sub(b.at) / period), at: b.at, value: value})
		}
	}
	slices.Reverse(out)
	return out
}

// evaluate sets the state from the data points there are at a time.
func (a *alarm) evaluate(at time.Time) {
	points := a.retrieve(at)
	if a.warmsUp(at, len(points)) {
		return
	}
	needed := *a.spec.EvaluationPeriods
	points = points[:min(len(points), needed)]
	state := a.judge(points)
	if state != "" && state != a.state {
		a.enter(state, a.explain(state, points), a.document(at, points))
	}
}

// judge decides from the most recent data points; empty keeps the state. Missing ones count
// as TreatMissingData says ("Configuring how CloudWatch alarms treat missing data", with its
// tables).
func (a *alarm) judge(points []point) string {
	periods, needed := *a.spec.EvaluationPeriods, *a.spec.EvaluationPeriods
	if a.spec.DatapointsToAlarm != nil {
		needed = *a.spec.DatapointsToAlarm
	}
	breaching, oldest := 0, 0
	onlyBreachingSince := true
	for _, p := range points {
		if !a.breaches(p.value) {
			onlyBreachingSince = false
			continue
		}
		breaching++
		if onlyBreachingSince {
			oldest = p.age
		}
	}
	missing := periods - len(points)
	treat := firstText(deref(a.spec.TreatMissingData), "missing")
	if missing > 0 && treat == "breaching" {
		breaching += missing
	}
	switch {
	case breaching >= needed:
		return alarmALARM
	case missing == 0 || treat == "breaching" || treat == "notBreaching":
		return alarmOK
	case treat == "ignore" && breaching == 0 && len(points) > 0:
		return alarmOK
	case treat == "ignore":
		return ""
	case len(points) == 0:
		return alarmInsufficient
	case breaching == 0:
		return alarmOK
	case oldest >= needed: // all newer ones breach or are missing
		return alarmALARM
	}
	return ""
}

func (a *alarm) breaches(value float64) bool {
	threshold := *a.spec.Threshold
	switch *a.spec.ComparisonOperator {
	case "GreaterThanOrEqualToThreshold":
		return value >= threshold
	case "GreaterThanThreshold":
		return value > threshold
	case "LessThanThreshold":
		return value < threshold
	}
	return value <= threshold
}

// comparisons are the operators for a threshold that does not move, in words.
var comparisons = map[string]string{
	"GreaterThanOrEqualToThreshold": "greater than or equal to",
	"GreaterThanThreshold":          "greater than",
	"LessThanThreshold":             "less than",
	"LessThanOrEqualToThreshold":    "less than or equal to",
}

func plain(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// explain is the StateReason.
func (a *alarm) explain(state string, points []point) string {
	missing := *a.spec.EvaluationPeriods - len(points)
	if state == alarmInsufficient {
		return fmt.Sprintf("Insufficient Data: %d datapoints were unknown.", missing)
	}
	var shown []string
	for _, p := range points {
		shown = append(shown, fmt.Sprintf("%s (%s)", plain(p.value), p.at.UTC().Format("02/01/06 15:04:05")))
	}
	text := fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints [%s] ", len(points), *a.spec.EvaluationPeriods, strings.Join(shown, ", "))
	if len(points) == 0 {
		text = fmt.Sprintf("Threshold Crossed: no datapoints were received for %d periods and %d missing datapoints were treated as [%s] ",
			missing, missing, firstText(map[string]string{"breaching": "Breaching", "notBreaching": "NonBreaching"}[deref(a.spec.TreatMissingData)], "Missing"))
	}
	not := ""
	if state == alarmOK {
		not = "not "
	}
	return text + fmt.Sprintf("were %s%s the threshold (%s).", not, comparisons[*a.spec.ComparisonOperator], plain(*a.spec.Threshold))
}

// document is the StateReasonData.
func (a *alarm) document(at time.Time, points []point) string {
	recent := []float64{}
	for i := len(points) - 1; i >= 0; i-- {
		recent = append(recent, points[i].value)
	}
	out := map[string]any{
		"version": "1.0", "queryDate": at.UTC().Format("2006-01-02T15:04:05.000+0000"), "statistic": deref(a.spec.Statistic),
		"period": int(a.period().Seconds()), "recentDatapoints": recent, "threshold": *a.spec.Threshold,
	}
	if len(points) > 0 {
		out["startDate"] = points[len(points)-1].at.UTC().Format("2006-01-02T15:04:05.000+0000")
	}
	encoded, _ := json.Marshal(out) // strings and finite numbers
	return string(encoded)
}

// enter is a change of state, with the actions of the new one. Actions happen on transitions
// only ("Alarm actions", User Guide).
func (a *alarm) enter(state, reason, data string) {
	before, now := a.state, a.region.sim.now()
	a.state, a.reason, a.data = state, reason, data
	a.stateUpdated = now
	if before == state {
		return
	}
	a.stateSince = now
	a.note("StateUpdate", fmt.Sprintf("Alarm updated from %s to %s", before, state), map[string]any{
		"version": "1.0", "oldState": map[string]any{"stateValue": before}, "newState": map[string]any{"stateValue": state, "stateReason": reason},
	})
	if a.spec.ActionsEnabled != nil && !*a.spec.ActionsEnabled {
		return
	}
	for _, arn := range map[string][]string{alarmOK: a.spec.OKActions, alarmALARM: a.spec.AlarmActions, alarmInsufficient: a.spec.InsufficientDataActions}[state] {
		a.act(arn)
	}
}

// historyItem is an entry of the history of an alarm, which outlives it.
type historyItem struct {
	AlarmName       string
	AlarmType       string
	Timestamp       instant
	HistoryItemType string
	HistorySummary  string
	HistoryData     string
}

func (a *alarm) note(kind, summary string, data map[string]any) {
	encoded, _ := json.Marshal(data) // strings and numbers
	a.region.history = append(a.region.history, historyItem{
		AlarmName: *a.spec.AlarmName, AlarmType: "MetricAlarm", Timestamp: instant{a.region.sim.now()},
		HistoryItemType: kind, HistorySummary: summary, HistoryData: string(encoded),
	})
}
