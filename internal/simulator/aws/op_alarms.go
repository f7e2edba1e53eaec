package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

type metricAlarm struct {
	AlarmName, AlarmArn                string
	AlarmDescription                   *string `json:",omitempty"`
	AlarmConfigurationUpdatedTimestamp *instant
	ActionsEnabled                     bool
	OKActions                          []string
	AlarmActions                       []string
	InsufficientDataActions            []string
	StateValue                         string
	StateReason                        string
	StateReasonData                    *string `json:",omitempty"`
	StateUpdatedTimestamp              *instant
	StateTransitionedTimestamp         *instant
	MetricName                         *string `json:",omitempty"`
	Namespace                          *string `json:",omitempty"`
	Statistic                          *string `json:",omitempty"`
	ExtendedStatistic                  *string `json:",omitempty"`
	Dimensions                         []dimension
	Period                             *int    `json:",omitempty"`
	Unit                               *string `json:",omitempty"`
	EvaluationPeriods                  int
	DatapointsToAlarm                  *int `json:",omitempty"`
	Threshold                          float64
	ComparisonOperator                 string
	TreatMissingData                   *string              `json:",omitempty"`
	EvaluateLowSampleCountPercentile   *string              `json:",omitempty"`
	Metrics                            []metricDataQuery    `json:",omitempty"`
	WarmUpConfiguration                *warmUpConfiguration `json:",omitempty"`
}

// listed is a list that is sent also when it is empty.
func listed[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func (a *alarm) describe() metricAlarm {
	s := &a.spec
	out := metricAlarm{
		AlarmName: *s.AlarmName, AlarmArn: a.arn, AlarmDescription: s.AlarmDescription, AlarmConfigurationUpdatedTimestamp: at(a.updated),
		ActionsEnabled: s.ActionsEnabled == nil || *s.ActionsEnabled,
		OKActions:      listed(s.OKActions), AlarmActions: listed(s.AlarmActions), InsufficientDataActions: listed(s.InsufficientDataActions),
		StateValue: a.state, StateReason: a.reason, StateUpdatedTimestamp: at(a.stateUpdated), StateTransitionedTimestamp: at(a.stateSince),
		MetricName: s.MetricName, Namespace: s.Namespace, Statistic: s.Statistic, ExtendedStatistic: s.ExtendedStatistic,
		Dimensions: listed(s.Dimensions), Period: s.Period, Unit: s.Unit,
		EvaluationPeriods: *s.EvaluationPeriods, DatapointsToAlarm: s.DatapointsToAlarm, Threshold: *s.Threshold, ComparisonOperator: *s.ComparisonOperator,
		TreatMissingData: s.TreatMissingData, EvaluateLowSampleCountPercentile: s.EvaluateLowSampleCountPercentile,
		Metrics: s.Metrics, WarmUpConfiguration: s.WarmUpConfiguration,
	}
	if a.data != "" {
		out.StateReasonData = pointer(a.data)
	}
	return out
}

type describeAlarmsInput struct {
	AlarmNames                              []string
	AlarmNamePrefix                         *string
	AlarmTypes                              []string
	ChildrenOfAlarmName, ParentsOfAlarmName *string
	StateValue, ActionPrefix                *string
	MaxRecords                              *int
	NextToken                               *string
}

type describeAlarmsOutput struct {
	CompositeAlarms []noOutput
	MetricAlarms    []metricAlarm
	NextToken       *string `json:",omitempty"`
}

// describeAlarms: without AlarmTypes only metric alarms are told ("DescribeAlarms"). There
// are no composite alarms here.
func (c *monitoringCall) describeAlarms(in *describeAlarmsInput) (any, *APIError) {
	switch {
	case len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil:
		return nil, invalid("AlarmNamePrefix and AlarmNames are mutually exclusive.")
	case len(in.AlarmNames) > 100:
		return nil, invalid("The collection AlarmNames must not have a size greater than 100.")
	case in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil:
		return nil, unsupported("composite alarms")
	}
	for _, kind := range in.AlarmTypes {
		if !slices.Contains([]string{"MetricAlarm", "CompositeAlarm", "LogAlarm"}, kind) {
			return nil, invalid("The value %q for parameter AlarmTypes is invalid.", kind)
		}
	}
	all := []metricAlarm{}
	for _, name := range sortedKeys(c.region.alarms) {
		if a := c.region.alarms[name]; in.fits(a) {
			all = append(all, a.describe())
		}
	}
	from, to, next, refused := c.records(in.MaxRecords, in.NextToken, len(all))
	if refused != nil {
		return nil, refused
	}
	return describeAlarmsOutput{CompositeAlarms: []noOutput{}, MetricAlarms: all[from:to], NextToken: next}, nil
}

func (in *describeAlarmsInput) fits(a *alarm) bool {
	return (len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, *a.spec.AlarmName)) &&
		strings.HasPrefix(*a.spec.AlarmName, deref(in.AlarmNamePrefix)) &&
		(len(in.AlarmTypes) == 0 || slices.Contains(in.AlarmTypes, "MetricAlarm")) &&
		(in.StateValue == nil || *in.StateValue == a.state) &&
		(in.ActionPrefix == nil || slices.ContainsFunc(slices.Concat(a.spec.OKActions, a.spec.AlarmActions, a.spec.InsufficientDataActions),
			func(arn string) bool { return strings.HasPrefix(arn, *in.ActionPrefix) }))
}

// records is the page that MaxRecords and NextToken ask for; 100 is most and default.
func (c *monitoringCall) records(most *int, token *string, count int) (from, to int, next *string, refused *APIError) {
	size := 100
	if most != nil {
		if size = *most; size < 1 || size > 100 {
			return 0, 0, nil, invalid("The value %d for parameter MaxRecords must be between 1 and 100.", size)
		}
	}
	if from, refused = pageStart(token); refused != nil {
		return 0, 0, nil, refused
	}
	from = min(from, count)
	to = min(from+min(size, c.sim.options.PageSize), count)
	if to < count {
		next = pageToken(to)
	}
	return from, to, next, nil
}

type alarmNamesInput struct{ AlarmNames []string }

// deleteAlarms: "If you specify an incorrect alarm name or make any other error in the
// operation, no alarms are deleted" ("DeleteAlarms").
func (c *monitoringCall) deleteAlarms(in *alarmNamesInput) (any, *APIError) {
	switch {
	case len(in.AlarmNames) == 0:
		return nil, invalid("The parameter AlarmNames is required.")
	case len(in.AlarmNames) > 100:
		return nil, invalid("The collection AlarmNames must not have a size greater than 100.")
	}
	for _, name := range in.AlarmNames {
		if c.region.alarms[name] == nil {
			return nil, &APIError{Status: http.StatusNotFound, Code: "ResourceNotFound", Message: fmt.Sprintf("The alarm %s does not exist.", name)}
		}
	}
	for _, name := range in.AlarmNames {
		a := c.region.alarms[name]
		if a == nil {
			continue // named twice
		}
		if a.cancel != nil {
			a.cancel()
		}
		a.note("ConfigurationUpdate", fmt.Sprintf("Alarm %q deleted", name), map[string]any{"version": "1.0", "type": "Delete"})
		delete(c.region.alarms, name)
	}
	return noOutput{}, nil
}

type setAlarmStateInput struct {
	AlarmName, StateValue, StateReason, StateReasonData *string
}

// setAlarmState holds until the next evaluation, and its actions are carried out
// ("SetAlarmState").
func (c *monitoringCall) setAlarmState(in *setAlarmStateInput) (any, *APIError) {
	switch {
	case deref(in.AlarmName) == "" || in.StateReason == nil:
		return nil, invalid("The parameters AlarmName and StateReason are required.")
	case !slices.Contains([]string{alarmOK, alarmALARM, alarmInsufficient}, deref(in.StateValue)):
		return nil, invalid("The value %q for parameter StateValue is invalid.", deref(in.StateValue))
	case in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)):
		return nil, refuse("InvalidFormat", "StateReasonData is not valid JSON.")
	}
	a := c.region.alarms[*in.AlarmName]
	if a == nil {
		return nil, &APIError{Status: http.StatusNotFound, Code: "ResourceNotFound", Message: fmt.Sprintf("The alarm %s does not exist.", *in.AlarmName)}
	}
	a.enter(*in.StateValue, *in.StateReason, deref(in.StateReasonData))
	return noOutput{}, nil
}

func (c *monitoringCall) enableAlarmActions(in *alarmNamesInput) (any, *APIError) {
	return c.setActions(in, true)
}

func (c *monitoringCall) disableAlarmActions(in *alarmNamesInput) (any, *APIError) {
	return c.setActions(in, false)
}

// setActions: names that do not exist are no error; none is among the errors of the model.
func (c *monitoringCall) setActions(in *alarmNamesInput, on bool) (any, *APIError) {
	if len(in.AlarmNames) == 0 || len(in.AlarmNames) > 100 {
		return nil, invalid("The parameter AlarmNames must have 1 to 100 members.")
	}
	for _, name := range in.AlarmNames {
		a := c.region.alarms[name]
		if a == nil || a.spec.ActionsEnabled != nil && *a.spec.ActionsEnabled == on {
			continue
		}
		a.spec.ActionsEnabled, a.updated = &on, c.sim.now()
		a.note("ConfigurationUpdate", fmt.Sprintf("Alarm %q updated", name), map[string]any{"version": "1.0", "type": "Update"})
	}
	return noOutput{}, nil
}

type describeAlarmHistoryInput struct {
	AlarmName          *string
	AlarmTypes         []string
	HistoryItemType    *string
	StartDate, EndDate *instant
	MaxRecords         *int
	NextToken          *string
	ScanBy             *string
}

type describeAlarmHistoryOutput struct {
	AlarmHistoryItems []historyItem
	NextToken         *string `json:",omitempty"`
}

// describeAlarmHistory: the history of an alarm outlives it; the newest comes first
// ("DescribeAlarmHistory").
func (c *monitoringCall) describeAlarmHistory(in *describeAlarmHistoryInput) (any, *APIError) {
	all := []historyItem{}
	for _, item := range c.region.history {
		if in.fits(item) {
			all = append(all, item)
		}
	}
	if deref(in.ScanBy) != "TimestampAscending" {
		slices.Reverse(all)
	}
	from, to, next, refused := c.records(in.MaxRecords, in.NextToken, len(all))
	if refused != nil {
		return nil, refused
	}
	return describeAlarmHistoryOutput{AlarmHistoryItems: all[from:to], NextToken: next}, nil
}

func (in *describeAlarmHistoryInput) fits(item historyItem) bool {
	return (in.AlarmName == nil || *in.AlarmName == item.AlarmName) &&
		(len(in.AlarmTypes) == 0 || slices.Contains(in.AlarmTypes, item.AlarmType)) &&
		(in.HistoryItemType == nil || *in.HistoryItemType == item.HistoryItemType) &&
		(in.StartDate == nil || !item.Timestamp.Before(in.StartDate.Time)) &&
		(in.EndDate == nil || item.Timestamp.Before(in.EndDate.Time))
}

// alarmByARN finds an alarm for its tags.
func (c *monitoringCall) alarmByARN(arn *string) (*alarm, *APIError) {
	if arn == nil {
		return nil, required("ResourceARN")
	}
	for _, a := range c.region.alarms {
		if a.arn == *arn {
			return a, nil
		}
	}
	return nil, &APIError{Status: http.StatusNotFound, Code: "ResourceNotFoundException", Message: fmt.Sprintf("The resource %s does not exist.", *arn)}
}

type resourceInput struct{ ResourceARN *string }

type tagsOutput struct{ Tags []tag }

func (c *monitoringCall) listTags(in *resourceInput) (any, *APIError) {
	a, refused := c.alarmByARN(in.ResourceARN)
	if refused != nil {
		return nil, refused
	}
	out := tagsOutput{Tags: []tag{}}
	for _, key := range sortedKeys(a.tags) {
		out.Tags = append(out.Tags, tag{Key: pointer(key), Value: pointer(a.tags[key])})
	}
	return out, nil
}

type tagResourceInput struct {
	ResourceARN *string
	Tags        []tag
}

// tagResource adds tags and overwrites those of the same key ("TagResource").
func (c *monitoringCall) tagResource(in *tagResourceInput) (any, *APIError) {
	a, refused := c.alarmByARN(in.ResourceARN)
	if refused != nil {
		return nil, refused
	}
	tags, refused := alarmTags(in.Tags)
	if refused != nil {
		return nil, refused
	}
	total := len(tags)
	for key := range a.tags {
		if _, again := tags[key]; !again {
			total++
		}
	}
	if total > mostAlarmTags {
		return nil, refuse("InvalidParameterValue", "There would be more than %d tags.", mostAlarmTags)
	}
	copyTags(a.tags, tags)
	return noOutput{}, nil
}

type untagResourceInput struct {
	ResourceARN *string
	TagKeys     []string
}

func (c *monitoringCall) untagResource(in *untagResourceInput) (any, *APIError) {
	a, refused := c.alarmByARN(in.ResourceARN)
	if refused != nil {
		return nil, refused
	}
	for _, key := range in.TagKeys {
		delete(a.tags, key)
	}
	return noOutput{}, nil
}
