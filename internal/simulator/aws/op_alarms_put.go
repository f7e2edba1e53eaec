package aws

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

type tag struct {
	Key   *string `json:",omitempty"`
	Value *string `json:",omitempty"`
}

type warmUpConfiguration struct {
	WarmUpPeriodDurationInMinutes            *int  `json:",omitempty"`
	OnlyStartEvaluatingAfterWarmUpPeriodEnds *bool `json:",omitempty"`
}

// putMetricAlarmInput has what is simulated of PutMetricAlarm: thresholds that do not move,
// windows that slide.
type putMetricAlarmInput struct {
	AlarmName, AlarmDescription                      *string
	ActionsEnabled                                   *bool
	OKActions, AlarmActions, InsufficientDataActions []string
	MetricName, Namespace                            *string
	Statistic, ExtendedStatistic                     *string
	Dimensions                                       []dimension
	Period                                           *int
	Unit                                             *string
	EvaluationPeriods, DatapointsToAlarm             *int
	Threshold                                        *float64
	ComparisonOperator                               *string
	TreatMissingData                                 *string
	EvaluateLowSampleCountPercentile                 *string
	Metrics                                          []metricDataQuery
	Tags                                             []tag
	WarmUpConfiguration                              *warmUpConfiguration
}

// watched is the metric with its statistic, nil for an expression.
func (in *putMetricAlarmInput) watched() *metricStat {
	if in.MetricName != nil {
		stat := in.Statistic
		if stat == nil {
			stat = in.ExtendedStatistic
		}
		return &metricStat{
			Metric: &metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions},
			Period: in.Period, Stat: stat, Unit: in.Unit,
		}
	}
	for _, q := range in.Metrics {
		if q.ReturnData == nil || *q.ReturnData {
			return q.MetricStat
		}
	}
	return nil
}

// putMetricAlarm: a new alarm is INSUFFICIENT_DATA at once and evaluated then; an update
// replaces the whole configuration and leaves the state, and its tags are ignored
// ("PutMetricAlarm", CloudWatch API reference).
func (c *monitoringCall) putMetricAlarm(in *putMetricAlarmInput) (any, *APIError) {
	if c.sim.noWarmUps {
		in.WarmUpConfiguration = nil
	}
	if refused := in.check(); refused != nil {
		return nil, refused
	}
	ec2, refused := c.checkActions(in)
	if refused != nil {
		return nil, refused
	}
	if ec2 {
		if refused := c.needRole(); refused != nil {
			return nil, refused
		}
	}
	now := c.sim.now()
	a, exists := c.region.alarms[*in.AlarmName]
	if !exists {
		tags, refused := alarmTags(in.Tags)
		if refused != nil {
			return nil, refused
		}
		if len(tags) > 0 {
			if refused := c.authorize("cloudwatch:TagResource"); refused != nil {
				return nil, refused
			}
		}
		a = &alarm{
			region: c.region, tags: tags, created: now, state: alarmInsufficient, reason: "Unchecked: Initial alarm creation",
			stateUpdated: now, stateSince: now,
			arn: fmt.Sprintf("arn:aws:cloudwatch:%s:%s:alarm:%s", c.Region, c.region.account.id, *in.AlarmName),
		}
		c.region.alarms[*in.AlarmName] = a
	}
	a.spec, a.updated = *in, now
	verb := map[bool]string{false: "created", true: "updated"}[exists]
	a.note("ConfigurationUpdate", fmt.Sprintf("Alarm %q %s", *in.AlarmName, verb), map[string]any{"version": "1.0", "type": strings.ToUpper(verb[:1]) + verb[1:len(verb)-1]})
	a.watch()
	return noOutput{}, nil
}

func (in *putMetricAlarmInput) check() *APIError {
	name := deref(in.AlarmName)
	switch {
	case name == "" || len(name) > 255 || strings.ContainsFunc(name, unicode.IsControl):
		return invalid("The value for parameter AlarmName must have 1 to 255 characters and no control characters.")
	case len(deref(in.AlarmDescription)) > 1024:
		return invalid("The value for parameter AlarmDescription must not be longer than 1024 characters.")
	case in.EvaluationPeriods == nil || *in.EvaluationPeriods < 1:
		return invalid("The parameter EvaluationPeriods must be at least 1.")
	case in.DatapointsToAlarm != nil && (*in.DatapointsToAlarm < 1 || *in.DatapointsToAlarm > *in.EvaluationPeriods):
		return invalid("The value for parameter DatapointsToAlarm must be between 1 and EvaluationPeriods.")
	case comparisons[deref(in.ComparisonOperator)] == "":
		return invalid("The value %q for parameter ComparisonOperator is invalid.", deref(in.ComparisonOperator))
	case in.Threshold == nil:
		return invalid("The parameter Threshold is required.")
	case in.TreatMissingData != nil && !slices.Contains([]string{"breaching", "notBreaching", "ignore", "missing"}, *in.TreatMissingData):
		return invalid("Option %s for TreatMissingData is unsupported. Supported options are breaching, notBreaching, ignore, missing.", *in.TreatMissingData)
	case (in.MetricName == nil) == (len(in.Metrics) == 0):
		return invalid("Exactly one of the parameters MetricName and Metrics must be specified.")
	}
	if w := in.WarmUpConfiguration; w != nil && (w.WarmUpPeriodDurationInMinutes == nil || *w.WarmUpPeriodDurationInMinutes < 1 || *w.WarmUpPeriodDurationInMinutes > 2880) {
		return invalid("The value for parameter WarmUpPeriodDurationInMinutes must be between 1 and 2880.")
	}
	if len(in.Metrics) > 0 {
		return in.checkMetrics()
	}
	return in.checkMetric()
}

// checkMetric is for an alarm on one metric.
func (in *putMetricAlarmInput) checkMetric() *APIError {
	switch {
	case deref(in.Namespace) == "":
		return invalid("The parameter Namespace is required.")
	case in.Period == nil:
		return invalid("The parameter Period is required.")
	case !slices.Contains([]int{10, 20, 30}, *in.Period) && (*in.Period < 60 || *in.Period%60 != 0):
		return invalid("Period must be 10, 20, 30 or a multiple of 60.")
	case (in.Statistic == nil) == (in.ExtendedStatistic == nil):
		return invalid("Exactly one of the parameters Statistic and ExtendedStatistic must be specified.")
	case in.Statistic != nil && statistics[*in.Statistic] == nil:
		return invalid("The value %q for parameter Statistic is invalid.", *in.Statistic)
	case in.Unit != nil && !units[*in.Unit]:
		return invalid("The value %q for parameter Unit is invalid.", *in.Unit)
	}
	if in.ExtendedStatistic != nil {
		if _, known := percentile(*in.ExtendedStatistic); !known {
			return unsupported("the extended statistic %q", *in.ExtendedStatistic)
		}
	}
	// "an alarm's total current evaluation period can be no longer than one day", or a week
	// for periods of an hour and more
	longest, word := 86400, "a day"
	if *in.Period >= 3600 {
		longest, word = 7*86400, "a week"
	}
	if *in.Period**in.EvaluationPeriods > longest {
		return invalid("Metrics cannot be checked across more than %s (EvaluationPeriods * Period must be <= %d).", word, longest)
	}
	if refused := checkMetric("", in.MetricName, in.Dimensions); refused != nil {
		return invalid("%s", refused.Message)
	}
	return nil
}

// checkMetrics is for an alarm on queries, of which one returns data.
func (in *putMetricAlarmInput) checkMetrics() *APIError {
	for name, given := range map[string]bool{
		"Namespace": in.Namespace != nil, "Dimensions": len(in.Dimensions) > 0, "Period": in.Period != nil, "Unit": in.Unit != nil,
		"Statistic": in.Statistic != nil, "ExtendedStatistic": in.ExtendedStatistic != nil,
	} {
		if given {
			return invalid("The parameter %s must not be specified when a Metrics list is specified.", name)
		}
	}
	returning := 0
	for i, q := range in.Metrics {
		if refused := q.check(fmt.Sprintf("Metrics.member.%d.", i+1)); refused != nil {
			return refused
		}
		if q.ReturnData == nil || *q.ReturnData {
			returning++
		}
	}
	if returning != 1 {
		return invalid("Exactly one element of the metrics list should return data.")
	}
	return nil
}

const mostAlarmTags = 50

// alarmTags checks tags ("TagResource").
func alarmTags(in []tag) (map[string]string, *APIError) {
	out := map[string]string{}
	for _, t := range in {
		key := deref(t.Key)
		switch _, twice := out[key]; {
		case key == "" || len(key) > 128 || t.Value == nil || len(*t.Value) > 256:
			return nil, refuse("InvalidParameterValue", "A tag needs a key of 1 to 128 characters and a value of up to 256.")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, refuse("InvalidParameterValue", "Tag keys must not begin with aws: (%s).", key)
		case twice:
			return nil, refuse("InvalidParameterValue", "The tag key %s is there twice.", key)
		}
		out[key] = *t.Value
	}
	if len(out) > mostAlarmTags {
		return nil, refuse("InvalidParameterValue", "There are more than %d tags.", mostAlarmTags)
	}
	return out, nil
}
