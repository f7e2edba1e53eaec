package monitoring

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// States of an alarm.
const (
	StateOK           = "OK"
	StateAlarm        = "ALARM"
	StateInsufficient = "INSUFFICIENT_DATA"
)

// Values of the members of a Trigger.
const (
	StatisticMinimum = "Minimum"
	StatisticAverage = "Average"

	AtLeast  = "GreaterThanOrEqualToThreshold"
	LessThan = "LessThanThreshold"

	MissingNotBreaching = "notBreaching"
)

// LongestWarmUp is the longest warm-up of an alarm, and LongestEvaluation the
// longest time that an alarm with a period below an hour looks back
// (CloudWatch API reference, WarmUpConfiguration and PutMetricAlarm).
const (
	LongestWarmUp     = 2880 * time.Minute
	LongestEvaluation = 24 * time.Hour
)

// Trigger is what an alarm on a single metric watches, and when it goes off.
type Trigger struct {
	Namespace, Metric string
	Dimensions        map[string]string
	Statistic         string
	Comparison        string
	Threshold         float64
	// Period is what one datapoint covers; Periods of them are looked at, and
	// Breaching of those must breach.
	Period             time.Duration
	Periods, Breaching int
	// MissingData is how a datapoint that is missing counts.
	MissingData string
}

// Equal reports whether two triggers go off alike.
func (t Trigger) Equal(o Trigger) bool {
	return maps.Equal(t.Dimensions, o.Dimensions) && t.Namespace == o.Namespace && t.Metric == o.Metric && t.Statistic == o.Statistic && t.Comparison == o.Comparison &&
		t.Threshold == o.Threshold && t.Period == o.Period && t.Periods == o.Periods && t.Breaching == o.Breaching && t.MissingData == o.MissingData
}

// Alarm is a metric alarm.
type Alarm struct {
	// ARN is CloudWatch's to give.
	Name, ARN   string
	Description string
	Trigger     Trigger
	// Plain is false for an alarm that no Trigger describes: on an expression, a
	// query, a percentile, a unit or a window of the wall clock.
	Plain bool
	// ActionsEnabled is whether Actions are carried out when the alarm goes off.
	ActionsEnabled bool
	// Actions are ARNs, in order. OtherActions are those of the two other states.
	Actions, OtherActions []string
	// WarmUp is how long after its creation the alarm neither looks nor acts, in
	// whole minutes; 0 is no such time. A server that does not know it leaves it out.
	WarmUp time.Duration
	// State and Reason are what CloudWatch says of the alarm.
	State, Reason string
}

// Alarms returns those metric alarms of the given names that exist, by name
// (DescribeAlarms). Another type of alarm is not among them.
func (c *Client) Alarms(ctx context.Context, names ...string) (map[string]*Alarm, error) {
	found := map[string]*Alarm{}
	pages := cloudwatch.NewDescribeAlarmsPaginator(c.api, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.fail(err)
		}
		for i := range page.MetricAlarms {
			a := fromAPI(&page.MetricAlarms[i])
			if slices.Contains(names, a.Name) {
				found[a.Name] = a
			}
		}
	}
	return found, nil
}

// PutAlarm creates an alarm, or overwrites the one of its name
// (PutMetricAlarm). tags are those of an alarm that it creates; CloudWatch
// ignores them for one that exists.
//
// A new alarm is INSUFFICIENT_DATA. Once its warm-up is over it is evaluated,
// over data from before it existed too, and acts if that makes it go off. An
// alarm that exists keeps its state, and no update begins a warm-up anew
// (CloudWatch API reference, PutMetricAlarm and WarmUpConfiguration).
func (c *Client) PutAlarm(ctx context.Context, a *Alarm, tags map[string]string) error {
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName:          aws.String(a.Name),
		AlarmDescription:   aws.String(a.Description),
		ActionsEnabled:     aws.Bool(a.ActionsEnabled),
		AlarmActions:       a.Actions,
		Namespace:          aws.String(a.Trigger.Namespace),
		MetricName:         aws.String(a.Trigger.Metric),
		Statistic:          types.Statistic(a.Trigger.Statistic),
		ComparisonOperator: types.ComparisonOperator(a.Trigger.Comparison),
		Threshold:          aws.Float64(a.Trigger.Threshold),
		Period:             aws.Int32(int32(a.Trigger.Period / time.Second)),
		EvaluationPeriods:  aws.Int32(int32(a.Trigger.Periods)),
		DatapointsToAlarm:  aws.Int32(int32(a.Trigger.Breaching)),
		TreatMissingData:   aws.String(a.Trigger.MissingData),
		Tags:               tagsToAPI(tags),
	}
	in.Dimensions = dimensionsToAPI(a.Trigger.Dimensions)
	if a.WarmUp > 0 {
		in.WarmUpConfiguration = &types.WarmUpConfiguration{
			WarmUpPeriodDurationInMinutes:            aws.Int32(int32(a.WarmUp / time.Minute)),
			OnlyStartEvaluatingAfterWarmUpPeriodEnds: aws.Bool(true),
		}
	}
	_, err := c.api.PutMetricAlarm(ctx, in, unread)
	return c.fail(err)
}

// SetAlarmState puts an alarm into a state until its next evaluation
// (SetAlarmState).
func (c *Client) SetAlarmState(ctx context.Context, name, state, reason string) error {
	_, err := c.api.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{
		AlarmName: aws.String(name), StateValue: types.StateValue(state), StateReason: aws.String(reason),
	}, unread)
	return c.fail(err)
}

// DeleteAlarm deletes one alarm; that it does not exist is no error
// (DeleteAlarms). One call for each alarm, since servers differ in what they
// do with the others when one of several names is not known.
func (c *Client) DeleteAlarm(ctx context.Context, name string) error {
	_, err := c.api.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{name}}, unread)
	if err = c.fail(err); missing(err) {
		return nil
	}
	return err
}

// missing reports whether an error says that what was named does not exist. The
// API has two words for it.
func missing(err error) bool {
	f := fault.As(err)
	return f != nil && (f.Code == "ResourceNotFound" || f.Code == "ResourceNotFoundException")
}

func fromAPI(in *types.MetricAlarm) *Alarm {
	// A window that slides is what an alarm has that was put without one.
	_, wallClock := in.EvaluationWindow.(*types.EvaluationWindowMemberWallClockWindow)
	a := &Alarm{
		Name: aws.ToString(in.AlarmName), ARN: aws.ToString(in.AlarmArn), Description: aws.ToString(in.AlarmDescription),
		Trigger: Trigger{
			Namespace: aws.ToString(in.Namespace), Metric: aws.ToString(in.MetricName), Dimensions: map[string]string{},
			Statistic: string(in.Statistic), Comparison: string(in.ComparisonOperator), Threshold: aws.ToFloat64(in.Threshold),
			Period: time.Duration(aws.ToInt32(in.Period)) * time.Second, Periods: int(aws.ToInt32(in.EvaluationPeriods)),
			Breaching: int(aws.ToInt32(in.DatapointsToAlarm)), MissingData: aws.ToString(in.TreatMissingData),
		},
		Plain: len(in.Metrics) == 0 && in.EvaluationCriteria == nil && !wallClock && aws.ToString(in.ThresholdMetricId) == "" &&
			aws.ToString(in.ExtendedStatistic) == "" && in.Unit == "",
		// Enabled unless it is told otherwise, as when an alarm is put.
		ActionsEnabled: in.ActionsEnabled == nil || *in.ActionsEnabled,
		Actions:        slices.Clone(in.AlarmActions),
		OtherActions:   slices.Concat(in.OKActions, in.InsufficientDataActions),
		State:          string(in.StateValue), Reason: aws.ToString(in.StateReason),
	}
	for _, d := range in.Dimensions {
		a.Trigger.Dimensions[aws.ToString(d.Name)] = aws.ToString(d.Value)
	}
	// All of them, where the answer does not tell how many must breach.
	if a.Trigger.Breaching == 0 {
		a.Trigger.Breaching = a.Trigger.Periods
	}
	if w := in.WarmUpConfiguration; w != nil && aws.ToBool(w.OnlyStartEvaluatingAfterWarmUpPeriodEnds) {
		a.WarmUp = time.Duration(aws.ToInt32(w.WarmUpPeriodDurationInMinutes)) * time.Minute
	}
	return a
}
