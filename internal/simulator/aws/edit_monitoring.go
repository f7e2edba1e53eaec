package aws

import (
	"math"
	"slices"
	"sort"
	"time"
)

// SetMetric sets what the data points of a metric of EC2 or EBS show from now on: the value
// of each, for counters the amount of its whole period. The id is that of an instance or of
// a volume, the name one such as "CPUUtilization" or "VolumeReadBytes". NaN: none is sent.
func (r *Region) SetMetric(id, name string, value float64) {
	r.SetMetricFrom(id, name, r.sim.now(), value)
}

// SetMetricFrom is SetMetric from a time on, until that of a later change.
func (r *Region) SetMetricFrom(id, name string, from time.Time, value float64) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	key := measureKey{id, name}
	r.measures[key] = append(r.measures[key], measure{from, value})
	sort.SliceStable(r.measures[key], func(a, b int) bool { return r.measures[key][a].from.Before(r.measures[key][b].from) })
}

// StopMetric lets a metric of EC2 or EBS send nothing from now on.
func (r *Region) StopMetric(id, name string) { r.SetMetric(id, name, math.NaN()) }

// PublishMetric adds a data point to a custom metric, as PutMetricData does.
func (r *Region) PublishMetric(namespace, name string, dimensions map[string]string, when time.Time, value float64) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	m := metric{Namespace: pointer(namespace), MetricName: pointer(name)}
	for _, key := range sortedKeys(dimensions) {
		m.Dimensions = append(m.Dimensions, dimension{Name: pointer(key), Value: pointer(dimensions[key])})
	}
	r.publish(m, single(when.Truncate(time.Minute).UTC(), "None", value))
}

// Alarm is an alarm as it is at one moment.
type Alarm struct {
	Name, ARN, Description string
	Namespace, MetricName  string
	Dimensions             map[string]string
	// State is OK, ALARM or INSUFFICIENT_DATA; Since is when that began.
	State, Reason  string
	Since          time.Time
	ActionsEnabled bool
	AlarmActions   []string
	Tags           map[string]string
}

// Alarms returns the metric alarms by name.
func (r *Region) Alarms() map[string]Alarm {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	out := map[string]Alarm{}
	for name, a := range r.alarms {
		view := Alarm{
			Name: name, ARN: a.arn, Description: deref(a.spec.AlarmDescription), Namespace: deref(a.spec.Namespace), MetricName: deref(a.spec.MetricName),
			Dimensions: map[string]string{}, State: a.state, Reason: a.reason, Since: a.stateSince,
			ActionsEnabled: a.spec.ActionsEnabled == nil || *a.spec.ActionsEnabled, AlarmActions: slices.Clone(a.spec.AlarmActions), Tags: map[string]string{},
		}
		for _, d := range a.spec.Dimensions {
			view.Dimensions[deref(d.Name)] = deref(d.Value)
		}
		copyTags(view.Tags, a.tags)
		out[name] = view
	}
	return out
}

// Notifications are what alarms sent to SNS topics, oldest first.
func (r *Region) Notifications() []Notification {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	return slices.Clone(r.notifications)
}

// DropWarmUps makes CloudWatch one of before alarms had warm-ups: it ignores
// WarmUpConfiguration, as services do with members that they do not know, and tells of none.
func (s *Simulator) DropWarmUps() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noWarmUps = true
}

// AddAlarmRole makes the service-linked role of CloudWatch Events in an account, so that
// nobody needs iam:CreateServiceLinkedRole for the first alarm with an EC2 action.
func (s *Simulator) AddAlarmRole(accountID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[accountID].alarmRole = true
}
