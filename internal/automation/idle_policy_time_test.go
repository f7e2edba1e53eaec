package automation_test

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

// runs checks that the worker was left alone so far.
func (l *idleLab) runs(when string) {
	l.t.Helper()
	if got := l.state(); got != "running" {
		l.t.Fatalf("%s the worker is %s", when, got)
	}
}

// stops waits until the worker was stopped.
func (l *idleLab) stops() {
	l.t.Helper()
	l.eventually("the worker to be stopped", func() bool { return l.state() == "stopped" })
}

// A worker that has been idle for hours when its policy is made is stopped one
// idle_threshold later, and not before.
func TestIdlePolicyOnIdleWorker(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	l.pass(3 * time.Hour)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config("idle_threshold = \"30m\"\n  sns_topic_arn = \"" + topic + "\"")},
		{
			// A change in the middle of it leaves the warm-up as it is.
			PreConfig: func() { l.pass(10 * time.Minute) },
			Config:    l.config("idle_threshold = \"30m\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
		},
		{
			PreConfig: func() {
				l.pass(15 * time.Minute)
				l.runs("before its threshold is over")
			},
			Config: l.config("idle_threshold = \"30m\""), ConfigPlanChecks: unchanged(), Check: attr("alarm_state", "INSUFFICIENT_DATA"),
		},
		{
			PreConfig: func() { l.pass(15 * time.Minute); l.stops() },
			Config:    l.config("idle_threshold = \"30m\""), ConfigPlanChecks: unchanged(), Check: attr("alarm_state", "ALARM"),
		},
		{
			// Once nothing is published any more the alarm is at rest, and what is
			// started again is left alone until it has been idle for long.
			PreConfig: func() {
				l.pass(2 * time.Hour)
				l.AWS.Region(home).StartOutside(l.id)
				l.eventually("the worker to run", func() bool { return l.state() == "running" })
				l.idle = 0
				l.pass(25 * time.Minute)
				l.runs("a while after its start")
			},
			Config: l.config("idle_threshold = \"30m\""), ConfigPlanChecks: unchanged(), Check: attr("alarm_state", "OK"),
		},
	}})
}

// By the processors alone it is the same.
func TestIdlePolicyByProcessors(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	l.pass(3 * time.Hour)
	config := l.config("signal = \"cpu\"\n  cpu_threshold_percent = 100\n  idle_threshold = \"1h\"")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config},
		{PreConfig: func() { l.pass(55 * time.Minute); l.runs("before its threshold is over") }, Config: config, ConfigPlanChecks: unchanged()},
		{PreConfig: func() { l.pass(20 * time.Minute); l.stops() }, Config: config, ConfigPlanChecks: unchanged()},
	}})
}

// A threshold that is lowered below what the worker has been idle for stops
// nothing at once either.
func TestIdlePolicyLowered(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config("idle_threshold = \"6h\"")},
		{
			PreConfig: func() { l.pass(3 * time.Hour); l.runs("below its threshold") },
			Config:    l.config("idle_threshold = \"30m\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
		},
		{PreConfig: func() { l.pass(25 * time.Minute); l.runs("after the change") }, Config: l.config("idle_threshold = \"30m\""), ConfigPlanChecks: unchanged()},
		{PreConfig: func() { l.pass(15 * time.Minute); l.stops() }, Config: l.config("idle_threshold = \"30m\""), ConfigPlanChecks: unchanged()},
	}})
}

// Where CloudWatch knows no warm-up nothing is stopped at once either: the idle
// worker is left alone until it was in use.
func TestIdlePolicyWithoutWarmUp(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	l.pass(3 * time.Hour)
	l.AWS.DropWarmUps()
	config := l.config("idle_threshold = \"30m\"")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config, Check: l.asked("PutMetricAlarm", "SetAlarmState", "PutMetricAlarm")},
		{
			PreConfig: func() { l.pass(time.Hour); l.runs("idle as before") },
			Config:    config, ConfigPlanChecks: unchanged(), Check: attr("alarm_state", "ALARM"),
		},
		{
			PreConfig: func() {
				l.idle = 0
				l.pass(25 * time.Minute)
				l.runs("in use")
			},
			Config: config, ConfigPlanChecks: unchanged(), Check: attr("alarm_state", "OK"),
		},
		{PreConfig: func() { l.pass(15 * time.Minute); l.stops() }, Config: config, ConfigPlanChecks: unchanged()},
	}})
}

// A worker in use is not stopped by its policy, and the alarm says so.
func TestIdlePolicyOnBusyWorker(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	config := l.config("idle_threshold = \"30m\"")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config},
		{
			PreConfig: func() {
				for range 8 {
					l.pass(25 * time.Minute)
					l.idle = 0
				}
				l.pass(period)
				l.runs("in use now and then")
			},
			Config: config, ConfigPlanChecks: unchanged(), Check: attr("alarm_state", "OK"),
		},
	}})
}
