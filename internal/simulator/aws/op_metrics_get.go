package aws

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

type metricStat struct {
	Metric *metric `json:",omitempty"`
	Period *int    `json:",omitempty"`
	Stat   *string `json:",omitempty"`
	Unit   *string `json:",omitempty"`
}

type metricDataQuery struct {
	ID         *string     `json:"Id,omitempty"`
	MetricStat *metricStat `json:",omitempty"`
	Expression *string     `json:",omitempty"`
	Label      *string     `json:",omitempty"`
	ReturnData *bool       `json:",omitempty"`
	Period     *int        `json:",omitempty"`
	AccountID  *string     `json:"AccountId,omitempty"`
}

type getMetricDataInput struct {
	MetricDataQueries  []metricDataQuery
	StartTime, EndTime *instant
	NextToken          *string
	ScanBy             *string
	MaxDatapoints      *int
	LabelOptions       *struct{ Timezone *string }
}

type metricDataResult struct {
	ID         string `json:"Id"`
	Label      string
	Timestamps []instant
	Values     []float64
	StatusCode string
}

type getMetricDataOutput struct {
	MetricDataResults []metricDataResult
	Messages          []noOutput
	NextToken         *string `json:",omitempty"`
}

// invalid is the error of operations whose model has none of their own for bad input.
func invalid(format string, args ...any) *APIError {
	return refuse("ValidationError", format, args...)
}

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)

// mostQueries and mostDatapoints bound a call of GetMetricData.
const (
	mostQueries    = 500
	mostDatapoints = 100800
)

// getMetricData: "GetMetricData", CloudWatch API reference. Metric math and Metrics Insights
// are not simulated.
func (c *monitoringCall) getMetricData(in *getMetricDataInput) (any, *APIError) {
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	limit := mostDatapoints
	if in.MaxDatapoints != nil {
		limit = *in.MaxDatapoints
	}
	if c.sim.options.PageSize < defaultPageSize {
		limit = min(limit, c.sim.options.PageSize)
	}
	skip, refused := pageStart(in.NextToken)
	if refused != nil {
		return nil, refused
	}
	out := getMetricDataOutput{MetricDataResults: []metricDataResult{}, Messages: []noOutput{}}
	next := skip
	for _, q := range in.MetricDataQueries {
		if q.Expression != nil {
			return nil, unsupported("the expression %q", *q.Expression)
		}
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		result := c.region.query(q, in.StartTime.Time, in.EndTime.Time, deref(in.ScanBy) != "TimestampAscending")
		have := len(result.Values)
		from := min(skip, have)
		to := min(from+limit, have)
		skip, limit, next = skip-from, limit-(to-from), next+to-from
		if in.NextToken != nil && have > 0 && from == have {
			continue // the pages before had all of it
		}
		if result.Timestamps, result.Values = result.Timestamps[from:to], result.Values[from:to]; to < have {
			result.StatusCode = "PartialData"
			out.NextToken = pageToken(next)
		}
		out.MetricDataResults = append(out.MetricDataResults, result)
	}
	return out, nil
}

func (in *getMetricDataInput) check() *APIError {
	switch {
	case len(in.MetricDataQueries) == 0:
		return invalid("The parameter MetricDataQueries is required.")
	case len(in.MetricDataQueries) > mostQueries:
		return invalid("The collection MetricDataQueries must not have a size greater than %d.", mostQueries)
	case in.StartTime == nil || in.EndTime == nil:
		return invalid("The parameters StartTime and EndTime are required.")
	case !in.StartTime.Before(in.EndTime.Time):
		return invalid("The parameter StartTime must be less than the parameter EndTime.")
	case in.ScanBy != nil && *in.ScanBy != "TimestampDescending" && *in.ScanBy != "TimestampAscending":
		return invalid("The value %s for parameter ScanBy is invalid.", *in.ScanBy)
	case in.MaxDatapoints != nil && (*in.MaxDatapoints < 1 || *in.MaxDatapoints > mostDatapoints):
		return invalid("The value %d for parameter MaxDatapoints is invalid.", *in.MaxDatapoints)
	}
	seen := map[string]bool{}
	for i, q := range in.MetricDataQueries {
		at, id := fmt.Sprintf("MetricDataQueries.member.%d.", i+1), deref(q.ID)
		switch {
		case !queryID.MatchString(id):
			return invalid("The value %q for parameter %sId is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.", id, at)
		case seen[id]:
			return invalid("The values for parameter id in MetricDataQueries are not unique: %s", id)
		}
		seen[id] = true
		if refused := q.check(at); refused != nil {
			return refused
		}
	}
	return nil
}

// check is also for the queries of alarms.
func (q metricDataQuery) check(at string) *APIError {
	switch {
	case (q.MetricStat == nil) == (q.Expression == nil):
		return invalid("Exactly one of the parameters %sExpression and %sMetricStat must be specified.", at, at)
	case q.Expression != nil:
		return nil
	case q.MetricStat.Metric == nil || deref(q.MetricStat.Metric.Namespace) == "":
		return invalid("The parameter %sMetricStat.Metric.Namespace is required.", at)
	case q.MetricStat.Period == nil:
		return invalid("The parameter %sMetricStat.Period is required.", at)
	case !validPeriod(*q.MetricStat.Period):
		return invalid("The parameter %sMetricStat.Period must be 1, 5, 10, 20, 30 or a multiple of 60.", at)
	case !validStat(deref(q.MetricStat.Stat)):
		return invalid("The value %q for parameter %sMetricStat.Stat is invalid.", deref(q.MetricStat.Stat), at)
	case q.MetricStat.Unit != nil && !units[*q.MetricStat.Unit]:
		return invalid("The value %q for parameter %sMetricStat.Unit is invalid.", *q.MetricStat.Unit, at)
	}
	if refused := checkMetric(at+"MetricStat.Metric.", q.MetricStat.Metric.MetricName, q.MetricStat.Metric.Dimensions); refused != nil {
		return invalid("%s", refused.Message)
	}
	return nil
}

// validPeriod: "a period can be 1, 5, 10, 20, 30, 60, or any multiple of 60" ("MetricStat").
func validPeriod(seconds int) bool {
	return slices.Contains([]int{1, 5, 10, 20, 30}, seconds) || seconds > 0 && seconds%60 == 0
}

func validStat(stat string) bool {
	_, isPercentile := percentile(stat)
	return statistics[stat] != nil || isPercentile
}

// query answers one query.
func (r *Region) query(q metricDataQuery, from, to time.Time, newestFirst bool) metricDataResult {
	stat := q.MetricStat
	result := metricDataResult{ID: deref(q.ID), Label: firstText(deref(q.Label), deref(stat.Metric.MetricName)), Timestamps: []instant{}, Values: []float64{}, StatusCode: "Complete"}
	start := r.roundStart(from)
	for _, b := range buckets(r.samples(*stat.Metric, start, to, deref(stat.Unit)), start, time.Duration(*stat.Period)*time.Second) {
		if value, there := b.statistic(*stat.Stat); there {
			result.Timestamps, result.Values = append(result.Timestamps, instant{b.at}), append(result.Values, value)
		}
	}
	if newestFirst {
		slices.Reverse(result.Timestamps)
		slices.Reverse(result.Values)
	}
	return result
}

// roundStart: "Start time less than 15 days ago - round down to the nearest whole minute",
// before that to five minutes and to hours ("GetMetricData", StartTime).
func (r *Region) roundStart(t time.Time) time.Time {
	switch age := r.sim.since(t); {
	case age <= 15*24*time.Hour:
		return t.Truncate(time.Minute).UTC()
	case age <= 63*24*time.Hour:
		return t.Truncate(5 * time.Minute).UTC()
	}
	return t.Truncate(time.Hour).UTC()
}

type datapoint struct {
	Timestamp          *instant           `json:",omitempty"`
	SampleCount        *float64           `json:",omitempty"`
	Average            *float64           `json:",omitempty"`
	Sum                *float64           `json:",omitempty"`
	Minimum            *float64           `json:",omitempty"`
	Maximum            *float64           `json:",omitempty"`
	Unit               *string            `json:",omitempty"`
	ExtendedStatistics map[string]float64 `json:",omitempty"`
}

type getMetricStatisticsInput struct {
	Namespace, MetricName          *string
	Dimensions                     []dimension
	StartTime, EndTime             *instant
	Period                         *int
	Statistics, ExtendedStatistics []string
	Unit                           *string
}

type getMetricStatisticsOutput struct {
	Label      string
	Datapoints []datapoint
}

// getMetricStatistics: "GetMetricStatistics", CloudWatch API reference. The order of the
// answer is not chronological.
func (c *monitoringCall) getMetricStatistics(in *getMetricStatisticsInput) (any, *APIError) {
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	m := metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions}
	start, period := c.region.roundStart(in.StartTime.Time), time.Duration(*in.Period)*time.Second
	out := getMetricStatisticsOutput{Label: *in.MetricName, Datapoints: []datapoint{}}
	for _, b := range buckets(c.region.samples(m, start, in.EndTime.Time, deref(in.Unit)), start, period) {
		d := datapoint{Timestamp: at(b.at), Unit: pointer(b.unit)}
		for name, member := range map[string]**float64{
			"SampleCount": &d.SampleCount, "Average": &d.Average, "Sum": &d.Sum, "Minimum": &d.Minimum, "Maximum": &d.Maximum,
		} {
			if slices.Contains(in.Statistics, name) {
				*member = pointer(statistics[name](b.sample))
			}
		}
		for _, stat := range in.ExtendedStatistics {
			if value, there := b.statistic(stat); there {
				if d.ExtendedStatistics == nil {
					d.ExtendedStatistics = map[string]float64{}
				}
				d.ExtendedStatistics[stat] = value
			}
		}
		out.Datapoints = append(out.Datapoints, d)
	}
	if n := len(out.Datapoints); n > 1 {
		out.Datapoints[0], out.Datapoints[n/2] = out.Datapoints[n/2], out.Datapoints[0]
	}
	return out, nil
}

// mostStatistics is the limit of data points of GetMetricStatistics.
const mostStatistics = 1440

func (in *getMetricStatisticsInput) check() *APIError {
	switch {
	case deref(in.Namespace) == "":
		return required("Namespace")
	case in.StartTime == nil:
		return required("StartTime")
	case in.EndTime == nil:
		return required("EndTime")
	case in.Period == nil:
		return required("Period")
	case !in.StartTime.Before(in.EndTime.Time):
		return refuse("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
	case !validPeriod(*in.Period):
		return refuse("InvalidParameterValue", "The parameter Period must be a multiple of 60.")
	case len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0:
		return refuse("InvalidParameterCombination", "At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	case in.Unit != nil && !units[*in.Unit]:
		return badValue("Unit", "%q", *in.Unit)
	}
	for _, stat := range in.Statistics {
		if statistics[stat] == nil {
			return badValue("Statistics", "%q", stat)
		}
	}
	for _, stat := range in.ExtendedStatistics {
		if _, good := percentile(stat); !good {
			return badValue("ExtendedStatistics", "%q", stat)
		}
	}
	if n := int(in.EndTime.Sub(in.StartTime.Time).Seconds()) / *in.Period; n > mostStatistics {
		return refuse("InvalidParameterCombination", "You have requested up to %d datapoints, which exceeds the limit of %d. "+
			"You may reduce the datapoints requested by increasing Period, or decreasing the time range.", n, mostStatistics)
	}
	return checkMetric("", in.MetricName, in.Dimensions)
}

type listMetricsInput struct {
	Namespace, MetricName *string
	Dimensions            []dimension
	NextToken             *string
	RecentlyActive        *string
	IncludeLinkedAccounts *bool
	OwningAccount         *string
}

type listMetricsOutput struct {
	Metrics   []metric
	NextToken *string `json:",omitempty"`
}

// listMetrics: metrics without data in the past two weeks are not listed ("ListMetrics").
func (c *monitoringCall) listMetrics(in *listMetricsInput) (any, *APIError) {
	since := c.sim.now().AddDate(0, 0, -14)
	if in.RecentlyActive != nil {
		if *in.RecentlyActive != "PT3H" {
			return nil, badValue("RecentlyActive", "%q", *in.RecentlyActive)
		}
		since = c.sim.now().Add(-3 * time.Hour)
	}
	all := []metric{}
	for _, m := range c.region.metrics(deref(in.Namespace), since) {
		if in.fits(m) {
			all = append(all, m)
		}
	}
	from, refused := pageStart(in.NextToken)
	if refused != nil {
		return nil, refused
	}
	from = min(from, len(all))
	to := min(from+min(c.sim.options.PageSize, 500), len(all))
	out := listMetricsOutput{Metrics: all[from:to]}
	if to < len(all) {
		out.NextToken = pageToken(to)
	}
	return out, nil
}

func (in *listMetricsInput) fits(m metric) bool {
	if in.Namespace != nil && *in.Namespace != *m.Namespace || in.MetricName != nil && *in.MetricName != *m.MetricName {
		return false
	}
	for _, wanted := range in.Dimensions {
		if !slices.ContainsFunc(m.Dimensions, func(d dimension) bool {
			return deref(d.Name) == deref(wanted.Name) && (wanted.Value == nil || *wanted.Value == deref(d.Value))
		}) {
			return false
		}
	}
	return true
}

// metrics are all of a namespace, or of any, that have data since a time, in an order that
// does not change.
func (r *Region) metrics(namespace string, since time.Time) []metric {
	var out, own []metric
	if namespace == "" || strings.HasPrefix(namespace, "AWS/") {
		out = r.vendedList(since)
	}
	for _, p := range r.published {
		if last := p.samples[len(p.samples)-1]; last.at.After(since) {
			own = append(own, p.metric)
		}
	}
	slices.SortFunc(own, func(a, b metric) int {
		x, y := a.id(), b.id()
		return strings.Compare(x.namespace+"\x02"+x.name+"\x02"+x.dimensions, y.namespace+"\x02"+y.name+"\x02"+y.dimensions)
	})
	return append(out, own...)
}

// pageToken is an opaque NextToken, pageStart reads it.
func pageToken(next int) *string {
	return pointer(base64.StdEncoding.EncodeToString([]byte("page:" + strconv.Itoa(next))))
}

func pageStart(token *string) (int, *APIError) {
	if token == nil {
		return 0, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(*token)
	offset, isPage := strings.CutPrefix(string(decoded), "page:")
	from, failed := strconv.Atoi(offset)
	if err != nil || !isPage || failed != nil || from <= 0 {
		return 0, refuse("InvalidNextToken", "The token '%s' is invalid", *token)
	}
	return from, nil
}
