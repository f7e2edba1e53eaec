package automation_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	home   = "us-east-1"
	lab    = "cml_worker_idle_policy.lab"
	topic  = "arn:aws:sns:us-east-1:111122223333:cml-idle"
	period = 5 * time.Minute
)

// idleLab is a simulated account with one running machine that somebody else
// launched.
type idleLab struct {
	*acctest.World
	t  *testing.T
	cw *cloudwatch.Client
	id string
	// idle is how long nobody has used the machine, as its publisher sees it.
	idle time.Duration
}

// newIdleLab begins a day in the past, so that no metric lies in the future of
// this machine's clock.
func newIdleLab(t *testing.T, change ...func(*simulator.Options)) *idleLab {
	t.Helper()
	l := &idleLab{t: t, World: acctest.NewWorld(t, append([]func(*simulator.Options){func(o *simulator.Options) { o.ClockOffset = -24 * time.Hour }}, change...)...)}
	l.cw = cloudwatch.New(cloudwatch.Options{
		Region: home, BaseEndpoint: sdk.String(l.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "x", ""),
	})
	l.id = launched(t, l.World)
	l.Recorder.Reset()
	return l
}

func (l *idleLab) state() string {
	in, _ := l.AWS.Region(home).Instance(l.id)
	return in.State
}

func (l *idleLab) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// publish sends what the publisher on the worker sends, for the present minute.
func (l *idleLab) publish() {
	l.t.Helper()
	_, err := l.cw.PutMetricData(context.Background(), &cloudwatch.PutMetricDataInput{
		Namespace: sdk.String("CML/Worker"), MetricData: []cwtypes.MetricDatum{{
			MetricName: sdk.String("IdleSeconds"), Value: sdk.Float64(l.idle.Seconds()), Timestamp: sdk.Time(l.Now()), Unit: cwtypes.StandardUnitSeconds,
			Dimensions: []cwtypes.Dimension{{Name: sdk.String("InstanceId"), Value: sdk.String(l.id)}},
		}},
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// pass lets time go by in which nobody uses the worker, and its publisher sends
// every period while it runs.
func (l *idleLab) pass(d time.Duration) {
	l.t.Helper()
	for ; d > 0; d -= period {
		step := min(d, period)
		if err := l.Advance(step); err != nil {
			l.t.Fatal(err)
		}
		l.idle += step
		if l.state() == "running" {
			l.publish()
		}
	}
}

// alarms are those that exist, by name.
func (l *idleLab) alarms() map[string]cwtypes.MetricAlarm {
	l.t.Helper()
	out, err := l.cw.DescribeAlarms(context.Background(), &cloudwatch.DescribeAlarmsInput{})
	if err != nil {
		l.t.Fatal(err)
	}
	found := map[string]cwtypes.MetricAlarm{}
	for _, a := range out.MetricAlarms {
		found[*a.AlarmName] = a
	}
	return found
}

func (l *idleLab) stopName() string    { return "cml-idle-" + l.id }
func (l *idleLab) warningName() string { return "cml-idle-warning-" + l.id }

// stopAlarm is the alarm that stops the machine.
func (l *idleLab) stopAlarm() cwtypes.MetricAlarm {
	l.t.Helper()
	a, ok := l.alarms()[l.stopName()]
	if !ok {
		l.t.Fatalf("there is no alarm %s", l.stopName())
	}
	return a
}

func (l *idleLab) delete(name string) {
	l.t.Helper()
	if _, err := l.cw.DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{name}}); err != nil {
		l.t.Fatal(err)
	}
}

// edit puts the alarm that stops the machine as somebody else would.
func (l *idleLab) edit(change func(*cloudwatch.PutMetricAlarmInput)) {
	l.t.Helper()
	a := l.stopAlarm()
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: a.AlarmName, AlarmDescription: a.AlarmDescription, ActionsEnabled: a.ActionsEnabled, AlarmActions: a.AlarmActions,
		Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions, Statistic: a.Statistic, ComparisonOperator: a.ComparisonOperator,
		Threshold: a.Threshold, Period: a.Period, EvaluationPeriods: a.EvaluationPeriods, DatapointsToAlarm: a.DatapointsToAlarm, TreatMissingData: a.TreatMissingData,
	}
	change(in)
	if _, err := l.cw.PutMetricAlarm(context.Background(), in); err != nil {
		l.t.Fatal(err)
	}
}

// off switches the actions of that alarm off.
func (l *idleLab) off() {
	l.edit(func(in *cloudwatch.PutMetricAlarmInput) { in.ActionsEnabled = sdk.Bool(false) })
}

// calls are the operations of CloudWatch that change something, in their order,
// since the last reset.
func (l *idleLab) calls() []string {
	l.t.Helper()
	out := []string{}
	for _, r := range l.Recorder.All() {
		if strings.HasSuffix(r.Operation, "Alarm") || strings.HasSuffix(r.Operation, "DeleteAlarms") || strings.HasSuffix(r.Operation, "AlarmState") || strings.Contains(r.Operation, "agResource") && r.Operation != "ListTagsForResource" {
			out = append(out, r.Operation)
		}
	}
	return out
}

// asked checks the changing operations since the last such check.
func (l *idleLab) asked(want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got := l.calls()
		l.Recorder.Reset()
		if !slices.Equal(got, want) {
			return fmt.Errorf("CloudWatch was asked %q, wanted %q", got, want)
		}
		return nil
	}
}

// fail lets calls of an operation of CloudWatch fail.
func (l *idleLab) fail(operation, code, message string, skip, times int) {
	l.Faults.Add(wire.Rule{Operation: operation, Skip: skip, Times: times, Fault: wire.Fault{Kind: wire.Error, Code: code, Message: message, Status: 400}})
}

// provider is the provider's block, which tries each request once.
func (l *idleLab) provider(more string) string {
	return l.Provider("max_retries = 1\n" + more)
}

func (l *idleLab) policy(arguments string) string {
	return fmt.Sprintf("\nresource \"cml_worker_idle_policy\" \"lab\" {\n  worker_id = %q\n%s\n}\n", l.id, arguments)
}

func (l *idleLab) config(arguments string) string { return l.provider("") + l.policy(arguments) }

// tag is the managed tag of the machine.
func (l *idleLab) tag(want string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := l.AWS.Region(home).Tags(l.id)["cml:idle-policy"]; got != want {
			return fmt.Errorf("the machine's tag is %q, want %q", got, want)
		}
		return nil
	}
}

// none checks that no alarm and no tag is left.
func (l *idleLab) none(*terraform.State) error {
	if left := l.alarms(); len(left) > 0 {
		return fmt.Errorf("alarms are left: %v", slices.Sorted(maps.Keys(left)))
	}
	return l.tag("")(nil)
}

func planned(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(lab, action)}}
}

func attr(name, want string) resource.TestCheckFunc {
	return resource.TestCheckResourceAttr(lab, name, want)
}
