package automation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
)

const (
	someWorker = "i-0123456789abcdef0"
	someTopic  = "arn:aws-cn:sns:cn-north-1:111122223333:idle"
)

func somePolicy() policy {
	return policy{worker: someWorker, region: "cn-north-1", partition: "aws-cn", signal: signalCML, threshold: 30*time.Minute + time.Second, warning: 20 * time.Minute, topic: someTopic}
}

func TestAlarmsOfPolicy(t *testing.T) {
	t.Parallel()
	p := somePolicy()
	want := &monitoring.Alarm{
		Name: "cml-idle-" + someWorker, Description: stopDescription(someWorker), Plain: true, ActionsEnabled: true,
		Actions: []string{"arn:aws-cn:automate:cn-north-1:ec2:stop", someTopic}, WarmUp: 31 * time.Minute,
		Trigger: monitoring.Trigger{
			Namespace: "CML/Worker", Metric: "IdleSeconds", Dimensions: map[string]string{"InstanceId": someWorker}, Statistic: "Minimum",
			Comparison: "GreaterThanOrEqualToThreshold", Threshold: 1801, Period: 5 * time.Minute, Periods: 1, Breaching: 1, MissingData: "notBreaching",
		},
	}
	if d := cmp.Diff(want, p.stop()); d != "" {
		t.Errorf("-want +the alarm that stops\n%s", d)
	}
	if w := p.warn(); !slices.Equal(w.Actions, []string{someTopic}) || w.Trigger.Threshold != 1200 || w.WarmUp != 0 {
		t.Errorf("the alarm that warns: %+v", w)
	}
	p.signal, p.percent, p.threshold, p.warning, p.topic = signalCPU, 4.5, 24*time.Hour, 0, ""
	trigger := p.stop().Trigger
	if trigger.Namespace != "AWS/EC2" || trigger.Metric != "CPUUtilization" || trigger.Statistic != "Average" || trigger.Comparison != "LessThanThreshold" ||
		trigger.Threshold != 4.5 || trigger.Periods != 288 || trigger.Breaching != 288 {
		t.Errorf("by the processors: %+v", trigger)
	}
	if len(p.stop().Actions) != 1 || p.warn() != nil {
		t.Errorf("without topic: %+v, %+v", p.stop(), p.warn())
	}
}

// What CloudWatch may carry of an alarm is read back, and every difference that
// no argument shows is told.
func TestFlattenAlarms(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy policy
		change func(stop, warn *monitoring.Alarm)
		check  func(*policyModel) bool
		off    string
	}{
		"as made": {policy: somePolicy(), check: func(m *policyModel) bool {
			return m.IdleThreshold.ValueString() == "30m1s" && m.CPUThresholdPercent.IsNull()
		}},
		"warm-up": {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.WarmUp = 0 }},
		"order":   {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { slices.Reverse(s.Actions) }},
		"processors": {policy: policy{worker: someWorker, region: "cn-north-1", partition: "aws-cn", signal: signalCPU, percent: 4, threshold: 2 * time.Hour}, check: func(m *policyModel) bool {
			return m.Signal.ValueString() == "cpu" && m.IdleThreshold.ValueString() == "2h" && m.CPUThresholdPercent.ValueFloat64() == 4 && m.SNSTopicARN.IsNull() && m.IdleWarning.IsNull()
		}},
		"threshold": {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Trigger.Threshold = 7200 }, check: func(m *policyModel) bool { return m.IdleThreshold.ValueString() == "2h" }},
		"topic": {policy: somePolicy(), change: func(s, w *monitoring.Alarm) { s.Actions[1], w.Actions[0] = someTopic+"2", someTopic+"2" }, check: func(m *policyModel) bool {
			return m.SNSTopicARN.ValueString() == someTopic+"2"
		}},
		"actions off":   {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.ActionsEnabled = false }, off: "switched off"},
		"no stop":       {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Actions = s.Actions[1:] }, off: "other actions"},
		"acts when ok":  {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.OtherActions = []string{"x"} }, off: "other states"},
		"statistic":     {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Trigger.Statistic = "Maximum" }, off: "something else"},
		"other machine": {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Trigger.Dimensions = map[string]string{"InstanceId": "i-1"} }, off: "something else"},
		"expression":    {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Plain, s.Trigger = false, monitoring.Trigger{} }, off: "something else"},
		"absurd":        {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Trigger.Threshold = 1e300 }, off: "something else"},
		"two days":      {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Trigger.Threshold = 172800 }, off: "something else"},
		"description":   {policy: somePolicy(), change: func(s, _ *monitoring.Alarm) { s.Description = "mine" }, off: "another description"},
		"warning":       {policy: somePolicy(), change: func(_, w *monitoring.Alarm) { w.ActionsEnabled = false }, off: "warns before: its actions"},
		"one topic":     {policy: somePolicy(), change: func(_, w *monitoring.Alarm) { w.Actions = []string{"arn:aws-cn:sns:cn-north-1:1:other"} }, off: "warns before: it has other actions"},
	} {
		stop, warn := tc.policy.stop(), tc.policy.warn()
		if tc.change != nil {
			tc.change(stop, warn)
		}
		m := &policyModel{WorkerID: types.StringValue(someWorker)}
		if tc.off == "something else" {
			m.Signal, m.IdleThreshold = types.StringValue("cml"), types.StringValue("30m1s")
		}
		off := strings.Join(m.flatten(stop, warn, "cn-north-1", "aws-cn"), "; ")
		if (off == "") != (tc.off == "") || !strings.Contains(off, tc.off) {
			t.Errorf("%s: %q", name, off)
		}
		if tc.check != nil && !tc.check(m) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// A duration stays as it was written while it means the same.
func TestFlattenKeepsDurations(t *testing.T) {
	t.Parallel()
	p := somePolicy()
	m := &policyModel{WorkerID: types.StringValue(someWorker), IdleThreshold: types.StringValue("1801s"), IdleWarning: types.StringValue("1200s")}
	m.flatten(p.stop(), p.warn(), p.region, p.partition)
	if m.IdleThreshold.ValueString() != "1801s" || m.IdleWarning.ValueString() != "1200s" {
		t.Errorf("%s, %s", m.IdleThreshold, m.IdleWarning)
	}
}

// An update is for what does not change when the alarm goes off.
func TestKeepsWatching(t *testing.T) {
	t.Parallel()
	has := somePolicy().stop()
	other := somePolicy()
	other.topic, other.warning = "arn:aws-cn:sns:cn-north-1:1:other", 0
	if !other.keepsWatching(has) {
		t.Error("another topic makes the alarm anew")
	}
	for name, change := range map[string]func(p *policy, a *monitoring.Alarm){
		"longer":      func(p *policy, _ *monitoring.Alarm) { p.threshold *= 2 },
		"signal":      func(p *policy, _ *monitoring.Alarm) { p.signal, p.percent = signalCPU, 4 },
		"actions off": func(_ *policy, a *monitoring.Alarm) { a.ActionsEnabled = false },
		"no stop":     func(_ *policy, a *monitoring.Alarm) { a.Actions = []string{someTopic} },
		"expression":  func(_ *policy, a *monitoring.Alarm) { a.Plain = false },
	} {
		p, a := somePolicy(), somePolicy().stop()
		change(&p, a)
		if p.keepsWatching(a) {
			t.Errorf("%s: only an update", name)
		}
	}
}

func TestAlarmTags(t *testing.T) {
	t.Parallel()
	got := alarmTags(map[string]string{"Env": "test"}, instance.ManagedTags{Enabled: true}, someWorker, "arn:aws:sts::1:assumed-role/"+strings.Repeat("x", 300))
	if got["Env"] != "test" || got["cml:worker-id"] != someWorker || got["cml:managed-by"] != instance.ManagedByValue || len(got["cml:created_by"]) != 256 {
		t.Errorf("%v", got)
	}
	if got := alarmTags(map[string]string{"Env": "test"}, instance.ManagedTags{}, someWorker, "arn"); len(got) != 1 {
		t.Errorf("without managed tags: %v", got)
	}
}
