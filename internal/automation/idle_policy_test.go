package automation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const whole = `
  idle_threshold = "1800s"
  idle_warning   = "20m"
  sns_topic_arn  = "` + topic + `"
  tags           = { Purpose = "cost" }
`

func TestIdlePolicy(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	defaults := "default_tags {\n    tags = { Team = \"lab\" }\n  }"
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{
			Config: l.provider(defaults) + l.policy(whole),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(lab, plancheck.ResourceActionCreate),
				plancheck.ExpectKnownValue(lab, tfjsonpath.New("alarm_name"), knownvalue.StringExact(l.stopName())),
				plancheck.ExpectKnownValue(lab, tfjsonpath.New("region"), knownvalue.StringExact(home)),
				plancheck.ExpectUnknownValue(lab, tfjsonpath.New("alarm_arn")),
			}},
			Check: resource.ComposeAggregateTestCheckFunc(
				l.asked("PutMetricAlarm", "PutMetricAlarm", "PutMetricAlarm"), l.tag(l.stopName()),
				attr("id", l.id), attr("signal", "cml"), attr("region", home), attr("alarm_state", "INSUFFICIENT_DATA"), attr("tags_all.%", "2"),
				resource.TestCheckResourceAttrWith(lab, "alarm_arn", func(arn string) error { return l.sameARN(arn, l.stopName()) }),
				resource.TestCheckResourceAttrWith(lab, "warning_alarm_arn", func(arn string) error { return l.sameARN(arn, l.warningName()) }),
				func(*terraform.State) error {
					a := l.stopAlarm()
					if !sdk.ToBool(a.ActionsEnabled) || !slices.Equal(a.AlarmActions, []string{"arn:aws:automate:us-east-1:ec2:stop", topic}) || *a.Threshold != 1800 || len(a.Dimensions) != 1 {
						return fmt.Errorf("the alarm is %+v", a)
					}
					w := a.WarmUpConfiguration
					if w == nil || *w.WarmUpPeriodDurationInMinutes != 30 || !sdk.ToBool(w.OnlyStartEvaluatingAfterWarmUpPeriodEnds) {
						return fmt.Errorf("the warm-up is %+v", w)
					}
					return l.tagged(*a.AlarmArn, "Team", "lab", "Purpose", "cost", "cml:managed-by", "terraform-provider-cml", "cml:worker-id", l.id)
				}),
		},
		{Config: l.provider(defaults) + l.policy(whole), ConfigPlanChecks: unchanged()},
		{
			// Only how the duration is written.
			Config: l.provider(defaults) + l.policy(strings.Replace(whole, "1800s", "30m", 1)), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: l.asked(),
		},
		{
			// Without the warning, and with other tags.
			Config: l.provider("") + l.policy("sns_topic_arn = \""+topic+"\"\n  tags = { Owner = \"me\" }"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(l.asked("DeleteAlarms", "UntagResource", "TagResource"), resource.TestCheckNoResourceAttr(lab, "warning_alarm_arn"),
				func(*terraform.State) error {
					return l.tagged(*l.stopAlarm().AlarmArn, "Owner", "me", "Team", "", "Purpose", "")
				}),
		},
		{
			// Another topic: the alarm itself goes off as before.
			Config: l.config("sns_topic_arn = \"" + topic + "2\"\n  idle_warning = \"10m\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(l.asked("PutMetricAlarm", "PutMetricAlarm", "UntagResource", "UntagResource"),
				resource.TestCheckResourceAttrSet(lab, "warning_alarm_arn")),
		},
		{
			Config: l.config("signal = \"cpu\"\n  cpu_threshold_percent = 4\n  idle_threshold = \"1h\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(l.asked("DeleteAlarms", "DeleteAlarms", "PutMetricAlarm", "PutMetricAlarm"),
				func(*terraform.State) error {
					if a := l.stopAlarm(); *a.Namespace != "AWS/EC2" || *a.EvaluationPeriods != 12 || *a.Threshold != 4 || a.ComparisonOperator != "LessThanThreshold" || len(a.AlarmActions) != 1 {
						return fmt.Errorf("the alarm is %+v", a)
					}
					return nil
				}),
		},
		{Config: l.config("signal = \"cpu\"\n  cpu_threshold_percent = 4\n  idle_threshold = \"1h\""), ConfigPlanChecks: unchanged()},
	}})
}

func (l *idleLab) sameARN(arn, name string) error {
	if a, ok := l.alarms()[name]; !ok || *a.AlarmArn != arn {
		return fmt.Errorf("%s is not that of %s", arn, name)
	}
	return nil
}

// tagged checks tags of an alarm, in pairs; "" for one that must not be there.
func (l *idleLab) tagged(arn string, pairs ...string) error {
	out, err := l.cw.ListTagsForResource(l.t.Context(), &cloudwatch.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		return err
	}
	got := map[string]string{}
	for _, tag := range out.Tags {
		got[*tag.Key] = *tag.Value
	}
	for i := 0; i < len(pairs); i += 2 {
		if got[pairs[i]] != pairs[i+1] {
			return fmt.Errorf("tag %q is %q, want %q", pairs[i], got[pairs[i]], pairs[i+1])
		}
	}
	return nil
}

func TestIdlePolicyImport(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	config := l.config(strings.Replace(whole, "1800s", "30m", 1))
	verify := func(id string) resource.TestStep {
		return resource.TestStep{ResourceName: lab, ImportState: true, ImportStateId: id, ImportStateVerify: true}
	}
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: config},
		verify(l.id),
		verify(l.id + "@us-east-1"),
		{ResourceName: lab, ImportState: true, ImportStateId: "lab", ExpectError: says("does not name an instance")},
		{ResourceName: lab, ImportState: true, ImportStateId: l.id + "@us-west-2", ExpectError: says("Cannot import non-existent remote object")},
		{Config: config, ConfigPlanChecks: unchanged()},
	}})
}

func TestIdlePolicyIdentity(t *testing.T) {
	t.Parallel()
	acctest.Engine(t, engine.Identity)
	l := newIdleLab(t)
	config := l.config("")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config, ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentity(lab, map[string]knownvalue.Check{
			"id": knownvalue.StringExact(l.id), "region": knownvalue.StringExact(home), "account_id": knownvalue.StringExact(aws.DefaultAccountID)})}},
		{ResourceName: lab, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
	}})
}

// What somebody does to the alarms is planned back, in place where one is left.
func TestIdlePolicyDrift(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	config := l.config(strings.Replace(whole, "1800s", "30m", 1))
	step := func(action plancheck.ResourceActionType, outside func(), calls ...string) resource.TestStep {
		return resource.TestStep{
			PreConfig: func() { outside(); l.Recorder.Reset() }, Config: config, ConfigPlanChecks: planned(action),
			Check: resource.ComposeAggregateTestCheckFunc(l.asked(calls...), resource.TestCheckResourceAttrSet(lab, "alarm_arn"), resource.TestCheckResourceAttrSet(lab, "warning_alarm_arn"),
				attr("idle_threshold", "30m"), attr("idle_warning", "20m"), attr("sns_topic_arn", topic), attr("tags_all.Purpose", "cost")),
		}
	}
	anew := []string{"DeleteAlarms", "PutMetricAlarm", "PutMetricAlarm"}
	update, create := plancheck.ResourceActionUpdate, plancheck.ResourceActionCreate
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: config},
		step(update, func() { l.edit(func(in *cloudwatch.PutMetricAlarmInput) { in.Threshold = sdk.Float64(60) }) }, anew...),
		step(update, func() { l.edit(func(in *cloudwatch.PutMetricAlarmInput) { in.ActionsEnabled = sdk.Bool(false) }) }, anew...),
		step(update, func() { l.edit(func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmActions = []string{topic} }) }, anew...),
		step(update, func() { l.edit(func(in *cloudwatch.PutMetricAlarmInput) { in.Statistic = cwtypes.StatisticMaximum }) }, anew...),
		step(update, func() {
			l.edit(func(in *cloudwatch.PutMetricAlarmInput) {
				in.AlarmActions = in.AlarmActions[:1]
				in.OKActions = []string{topic}
			})
		}, "PutMetricAlarm"),
		step(update, func() { l.delete(l.warningName()) }, "PutMetricAlarm"),
		step(update, func() { l.delete(l.stopName()) }, "PutMetricAlarm", "PutMetricAlarm"),
		step(create, func() { l.delete(l.stopName()); l.delete(l.warningName()) }, "PutMetricAlarm", "PutMetricAlarm", "PutMetricAlarm"),
		step(update, func() {
			arn := l.stopAlarm().AlarmArn
			if _, err := l.cw.UntagResource(t.Context(), &cloudwatch.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"Purpose"}}); err != nil {
				t.Fatal(err)
			}
		}, "TagResource", "TagResource"),
		{Config: config, ConfigPlanChecks: unchanged()},
	}})
}

// Alarms that are not this policy's to make are left alone.
func TestIdlePolicyOfSomebodyElse(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	foreign := &cloudwatch.PutMetricAlarmInput{
		AlarmName: sdk.String(l.stopName()), AlarmDescription: sdk.String("pager"), Namespace: sdk.String("AWS/EC2"), MetricName: sdk.String("StatusCheckFailed"),
		Statistic: cwtypes.StatisticMaximum, ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, Threshold: sdk.Float64(0), Period: sdk.Int32(60), EvaluationPeriods: sdk.Int32(1),
	}
	put := func(change func()) func() {
		return func() {
			change()
			if _, err := l.cw.PutMetricAlarm(t.Context(), foreign); err != nil {
				t.Fatal(err)
			}
			l.Recorder.Reset()
		}
	}
	untouched := func(text string, change func()) resource.TestStep {
		return resource.TestStep{PreConfig: put(change), Config: l.config(whole), ExpectError: says(text)}
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		untouched(`its description is "pager"`, func() {}),
		untouched("exists", func() {
			if err := l.asked()(nil); err != nil {
				t.Error(err)
			}
			l.delete(l.stopName())
			foreign.AlarmName = sdk.String(l.warningName())
		}),
		untouched("terraform import cml_worker_idle_policy.NAME "+l.id+"@us-east-1", func() {
			if err := l.asked()(nil); err != nil {
				t.Error(err)
			}
			l.delete(l.warningName())
			foreign.AlarmName, foreign.AlarmDescription = sdk.String(l.stopName()), sdk.String("Stops the CML worker "+l.id+" when it is idle. Managed by terraform-provider-cml.")
		}),
		untouched("The worker has an idle policy already", func() {
			if err := l.asked()(nil); err != nil {
				t.Error(err)
			}
			foreign.ActionsEnabled = sdk.Bool(false)
		}),
		{
			// One that a killed run has begun is made anew.
			PreConfig: put(func() {
				if err := l.asked()(nil); err != nil {
					t.Error(err)
				}
				*foreign.AlarmDescription += " Not finished yet."
			}),
			Config: l.config(""), Check: l.asked("DeleteAlarms", "PutMetricAlarm", "PutMetricAlarm"),
		},
	}})
}

func TestIdlePolicyOfWorkerThatCannotStop(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	l.AWS.Region(home).SetProtection(l.id, false, true)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config(""), PlanOnly: true, ExpectError: says("has stop protection (disableApiStop)")},
		{PreConfig: func() { l.AWS.Region(home).SetProtection(l.id, false, false) }, Config: l.config("")},
		{
			// Only what changes something is refused.
			PreConfig: func() { l.AWS.Region(home).SetProtection(l.id, false, true) }, Config: l.config(""), ConfigPlanChecks: unchanged(),
		},
		// The plan of a change may lift the protection, and a destroy makes one first.
		{Config: l.config("idle_threshold = \"1h\""), PlanOnly: true, ExpectNonEmptyPlan: true},
		{Config: l.config("idle_threshold = \"1h\""), ExpectError: says("has stop protection (disableApiStop)")},
	}})
	if err := l.none(nil); err != nil {
		t.Error(err)
	}
}
