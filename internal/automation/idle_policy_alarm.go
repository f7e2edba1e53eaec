package automation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// policyPeriod is what one datapoint of the alarms covers: how often the
// publisher sends, and EC2 without detailed monitoring.
const policyPeriod = publisher.DefaultInterval

// The metrics that an idle policy watches.
const (
	ec2Namespace   = "AWS/EC2"
	cpuMetric      = "CPUUtilization"
	instanceIDName = "InstanceId"
)

// stopAlarmName and warningAlarmName name the alarms of a worker. That they
// follow from the worker alone is what makes one policy a worker.
func stopAlarmName(worker string) string { return "cml-idle-" + worker }

func warningAlarmName(worker string) string { return "cml-idle-warning-" + worker }

// The descriptions tell alarms of this provider from those of others: tags
// cannot be read with the alarm, and may be switched off.
func stopDescription(worker string) string {
	return fmt.Sprintf("Stops the CML worker %s when it is idle. Managed by %s.", worker, instance.ManagedByValue)
}

// unfinishedDescription is that of an alarm which a run has begun to make.
func unfinishedDescription(worker string) string {
	return stopDescription(worker) + " Not finished yet."
}

func warningDescription(worker string) string {
	return fmt.Sprintf("Warns before the CML worker %s is stopped for idleness. Managed by %s.", worker, instance.ManagedByValue)
}

// stopAction is the ARN of EC2's stop action (CloudWatch API reference,
// PutMetricAlarm).
func (p policy) stopAction() string {
	return fmt.Sprintf("arn:%s:automate:%s:ec2:stop", p.partition, p.region)
}

// trigger is what tells that the worker has been idle that long. EC2 actions
// take a plain metric whose single dimension is InstanceId.
func (p policy) trigger(idle time.Duration) monitoring.Trigger {
	t := monitoring.Trigger{
		Namespace: publisher.Namespace, Metric: publisher.IdleSeconds, Dimensions: map[string]string{instanceIDName: p.worker},
		Statistic: monitoring.StatisticMinimum, Comparison: monitoring.AtLeast, Threshold: idle.Seconds(),
		Period: policyPeriod, Periods: 1, Breaching: 1, MissingData: monitoring.MissingNotBreaching,
	}
	if p.signal == signalCPU {
		t.Namespace, t.Metric = ec2Namespace, cpuMetric
		t.Statistic, t.Comparison, t.Threshold = monitoring.StatisticAverage, monitoring.LessThan, p.percent
		t.Periods = int(idle / policyPeriod)
		t.Breaching = t.Periods
	}
	return t
}

// stop is the alarm that stops the worker.
func (p policy) stop() *monitoring.Alarm {
	a := &monitoring.Alarm{
		Name: stopAlarmName(p.worker), Description: stopDescription(p.worker), Trigger: p.trigger(p.threshold), Plain: true,
		ActionsEnabled: true, Actions: []string{p.stopAction()},
		// In whole minutes, as CloudWatch takes it.
		WarmUp: (p.threshold + time.Minute - 1).Truncate(time.Minute),
	}
	if p.topic != "" {
		a.Actions = append(a.Actions, p.topic)
	}
	return a
}

// warn is the alarm that warns of it, nil where there is none.
func (p policy) warn() *monitoring.Alarm {
	if p.warning == 0 {
		return nil
	}
	return &monitoring.Alarm{
		Name: warningAlarmName(p.worker), Description: warningDescription(p.worker), Trigger: p.trigger(p.warning), Plain: true,
		ActionsEnabled: true, Actions: []string{p.topic},
	}
}

// deviations says in words where an alarm is not as it should be; none when it
// is. A warm-up does not count: it is over some time.
func deviations(has, want *monitoring.Alarm) []string {
	var out []string
	note := func(differs bool, what string) {
		if differs {
			out = append(out, what)
		}
	}
	note(!has.Plain || !has.Trigger.Equal(want.Trigger), "it watches something else")
	note(!has.ActionsEnabled, "its actions are switched off")
	note(!sameMembers(has.Actions, want.Actions), "it has other actions")
	note(len(has.OtherActions) > 0, "it acts in other states, too")
	note(has.Description != want.Description, "it has another description")
	return out
}

func sameMembers(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// keepsWatching reports whether an alarm may be brought to another one of the
// same name by an update, which leaves its state alone: only where it goes off
// at the same time and stops the worker then. Any other change could make it go
// off over data that is there already.
func (p policy) keepsWatching(has *monitoring.Alarm) bool {
	want := p.stop()
	return has.Plain && has.Trigger.Equal(want.Trigger) && has.ActionsEnabled && slices.Contains(has.Actions, p.stopAction())
}

// topicOf is the SNS topic among the actions of an alarm.
func topicOf(actions []string) string {
	for _, a := range actions {
		if parts := strings.SplitN(a, ":", 4); len(parts) == 4 && parts[2] == "sns" {
			return a
		}
	}
	return ""
}

// watched reads off a trigger which signal it is, and how long the worker is
// idle when it goes off. Neither is known of a trigger that no policy has.
func watched(t monitoring.Trigger) (signal string, idle time.Duration, percent float64, known bool) {
	switch {
	case t.Namespace == publisher.Namespace && t.Metric == publisher.IdleSeconds:
		idle = time.Duration(t.Threshold * float64(time.Second))
		signal = signalCML
	case t.Namespace == ec2Namespace && t.Metric == cpuMetric:
		idle = t.Period * time.Duration(t.Periods)
		signal, percent = signalCPU, t.Threshold
	}
	return signal, idle, percent, signal != "" && idle > 0 && idle <= monitoring.LongestEvaluation
}
