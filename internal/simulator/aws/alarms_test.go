package aws_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

const (
	stopAction = "arn:aws:automate:" + home + ":ec2:stop"
	topic      = "arn:aws:sns:" + home + ":" + aws.DefaultAccountID + ":idle"
)

// idleAlarm goes off when a machine was idle for half an hour.
func idleAlarm(instance string) *cloudwatch.PutMetricAlarmInput {
	return &cloudwatch.PutMetricAlarmInput{
		AlarmName: sdk.String("idle"), Namespace: sdk.String("CML/Worker"), MetricName: sdk.String("IdleSeconds"), Dimensions: dimensions("InstanceId", instance),
		Statistic: types.StatisticMinimum, Period: sdk.Int32(300), EvaluationPeriods: sdk.Int32(1), Threshold: sdk.Float64(1800),
		ComparisonOperator: types.ComparisonOperatorGreaterThanOrEqualToThreshold, TreatMissingData: sdk.String("notBreaching"),
		AlarmActions: []string{stopAction, topic},
	}
}

func (w *world) putAlarm(in *cloudwatch.PutMetricAlarmInput) {
	w.t.Helper()
	if _, err := w.cloudwatch().PutMetricAlarm(context.Background(), in); err != nil {
		w.t.Fatal(err)
	}
}

// alarm is an alarm as DescribeAlarms tells it.
func (w *world) alarm(name string) types.MetricAlarm {
	w.t.Helper()
	out, err := w.cloudwatch().DescribeAlarms(context.Background(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	if err != nil || len(out.MetricAlarms) != 1 {
		w.t.Fatalf("%v, %+v", err, out)
	}
	return out.MetricAlarms[0]
}

func (w *world) wantAlarm(name string, want types.StateValue) {
	w.t.Helper()
	if a := w.alarm(name); a.StateValue != want {
		w.t.Errorf("the alarm is %s (%s), want %s", a.StateValue, *a.StateReason, want)
	}
}

// history is the history of an alarm, newest first.
func (w *world) history(name string) []string {
	w.t.Helper()
	var out []string
	pages := cloudwatch.NewDescribeAlarmHistoryPaginator(w.cloudwatch(), &cloudwatch.DescribeAlarmHistoryInput{AlarmName: &name, MaxRecords: sdk.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, item := range page.AlarmHistoryItems {
			out = append(out, *item.HistorySummary)
		}
	}
	return out
}

func TestAnAlarmStopsAnIdleMachine(t *testing.T) {
	w := past(t)
	id := w.launch()
	idle := func(seconds float64) {
		w.Region(home).PublishMetric("CML/Worker", "IdleSeconds", map[string]string{"InstanceId": id}, w.advanceTo(5*time.Minute), seconds)
	}
	idle(1799)
	w.putAlarm(idleAlarm(id))
	w.wantAlarm("idle", types.StateValueInsufficientData)
	w.advance(time.Minute)
	w.wantAlarm("idle", types.StateValueOk)
	same(t, "state", []string{w.instanceState(id)}, []string{"running"})
	idle(1800)
	w.advance(7 * time.Minute)
	w.wantAlarm("idle", types.StateValueAlarm)
	i := w.describe(id)
	if i.State.Name != "stopped" || *i.StateReason.Code != "Client.UserInitiatedShutdown" || !strings.HasPrefix(*i.StateTransitionReason, "User initiated (") {
		t.Errorf("the machine is %s: %s, %s", i.State.Name, *i.StateReason.Code, *i.StateTransitionReason)
	}
	same(t, "history", w.history("idle"), []string{
		"Successfully executed action " + topic, "Successfully executed action " + stopAction, "Alarm updated from OK to ALARM",
		"Alarm updated from INSUFFICIENT_DATA to OK", `Alarm "idle" created`,
	})
	if sent := w.Region(home).Notifications(); len(sent) != 1 || sent[0].TopicARN != topic || sent[0].State != "ALARM" || sent[0].AlarmName != "idle" {
		t.Errorf("sent %+v", sent)
	}

	// It acts at the transition only: who starts the machine again keeps it.
	w.Region(home).StartOutside(id)
	w.advance(2 * time.Minute)
	same(t, "state", []string{w.instanceState(id)}, []string{"running"})
	w.wantAlarm("idle", types.StateValueAlarm)
	w.advance(20 * time.Minute) // the old data point leaves the evaluation range
	w.wantAlarm("idle", types.StateValueOk)
	same(t, "state", []string{w.instanceState(id)}, []string{"running"})
}

func TestActionsThatAreOffOrFail(t *testing.T) {
	w := past(t)
	id := w.launch()
	w.advance(time.Minute)
	in := idleAlarm(id)
	in.ActionsEnabled = sdk.Bool(false)
	w.putAlarm(in)
	set := func(state types.StateValue) {
		t.Helper()
		if _, err := w.cloudwatch().SetAlarmState(context.Background(), &cloudwatch.SetAlarmStateInput{AlarmName: sdk.String("idle"), StateValue: state, StateReason: sdk.String("trying")}); err != nil {
			t.Fatal(err)
		}
	}
	// An evaluation, one at each full minute, returns the alarm to what it is.
	minute := func() { t.Helper(); w.advanceTo(time.Minute) }
	minute()
	set(types.StateValueAlarm)
	w.wantAlarm("idle", types.StateValueAlarm)
	w.advance(time.Second)
	same(t, "state", []string{w.instanceState(id)}, []string{"running"})
	minute()
	w.wantAlarm("idle", types.StateValueOk)

	names := []string{"idle", "none of this name"}
	if _, err := w.cloudwatch().EnableAlarmActions(context.Background(), &cloudwatch.EnableAlarmActionsInput{AlarmNames: names}); err != nil {
		t.Fatal(err)
	}
	w.Region(home).SetProtection(id, false, true)
	minute()
	set(types.StateValueAlarm)
	w.advance(time.Second)
	same(t, "state", []string{w.instanceState(id)}, []string{"running"})
	if got := w.history("idle")[1]; got != "Failed to execute action "+stopAction {
		t.Errorf("the history begins with %q", got)
	}
	w.Region(home).SetProtection(id, false, false)
	w.Deny(aws.DefaultAccountID, "ec2:StopInstances") // what users may not is nothing to the role
	minute()
	set(types.StateValueAlarm)
	w.advance(time.Second)
	same(t, "state", []string{w.instanceState(id)}, []string{"stopped"})
	sent := len(w.Region(home).Notifications())
	set(types.StateValueAlarm) // the state that it is in
	if again := len(w.Region(home).Notifications()); again != sent || sent == 0 {
		t.Errorf("%d notifications became %d without a change of state", sent, again)
	}
	if _, err := w.cloudwatch().DisableAlarmActions(context.Background(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: names}); err != nil {
		t.Fatal(err)
	}
	if w.alarm("idle").ActionsEnabled == nil || *w.alarm("idle").ActionsEnabled {
		t.Error("the actions are still enabled")
	}
}

// The tables of "Configuring how CloudWatch alarms treat missing data": the newest data point
// is the last, "-" is missing, X breaches.
func TestMissingDataPoints(t *testing.T) {
	kept := "kept"
	for _, c := range []struct {
		points                                   string
		needed                                   int32
		missing, ignore, breaching, notBreaching string
	}{
		{"0 - X - X", 3, "OK", "OK", "OK", "OK"},
		{"- - - - 0", 3, "OK", "OK", "OK", "OK"},
		{"- - - - -", 3, "INSUFFICIENT_DATA", kept, "ALARM", "OK"},
		{"0 X X - X", 3, "ALARM", "ALARM", "ALARM", "ALARM"},
		{"- - X - -", 3, "ALARM", kept, "ALARM", "OK"},
		{"0 - X - X", 2, "ALARM", "ALARM", "ALARM", "ALARM"},
		{"0 0 X 0 X", 2, "ALARM", "ALARM", "ALARM", "ALARM"},
		{"- - - - 0", 2, "OK", "OK", "ALARM", "OK"},
		{"- - - X -", 2, "ALARM", kept, "ALARM", "OK"},
		{"- - - - X", 3, kept, kept, "ALARM", "OK"}, // too young to tell
	} {
		for treat, want := range map[string]string{"missing": c.missing, "ignore": c.ignore, "breaching": c.breaching, "notBreaching": c.notBreaching} {
			// "kept" is the state from before, whichever that is
			for _, before := range []types.StateValue{types.StateValueOk, types.StateValueAlarm} {
				t.Run(fmt.Sprintf("%s, %d of 3, %s, before %s", c.points, c.needed, treat, before), func(t *testing.T) {
					w := newWorld(t, aws.Options{})
					begin := w.advanceTo(time.Minute)
					in := idleAlarm("i-1")
					in.AlarmActions, in.Period, in.EvaluationPeriods = nil, sdk.Int32(60), sdk.Int32(3)
					in.DatapointsToAlarm, in.TreatMissingData = &c.needed, &treat
					for n, point := range strings.Fields(c.points) {
						if point != "-" {
							w.Region(home).PublishMetric("CML/Worker", "IdleSeconds", map[string]string{"InstanceId": "i-1"},
								begin.Add(time.Duration(n-4)*time.Minute), map[string]float64{"0": 0, "X": 1800}[point])
						}
					}
					w.putAlarm(in)
					if _, err := w.cloudwatch().SetAlarmState(context.Background(), &cloudwatch.SetAlarmStateInput{AlarmName: in.AlarmName, StateValue: before, StateReason: sdk.String("")}); err != nil {
						t.Fatal(err)
					}
					w.advance(time.Minute)
					expected := types.StateValue(want)
					if want == kept {
						expected = before
					}
					if got := w.alarm("idle").StateValue; got != expected {
						t.Errorf("got %s, want %s", got, expected)
					}
				})
			}
		}
	}
}

func TestComparisons(t *testing.T) {
	for operator, want := range map[types.ComparisonOperator]string{
		types.ComparisonOperatorGreaterThanOrEqualToThreshold: "OK ALARM ALARM", types.ComparisonOperatorGreaterThanThreshold: "OK OK ALARM",
		types.ComparisonOperatorLessThanThreshold: "ALARM OK OK", types.ComparisonOperatorLessThanOrEqualToThreshold: "ALARM ALARM OK",
	} {
		w := newWorld(t, aws.Options{})
		w.advanceTo(time.Minute)
		var got []string
		in := idleAlarm("i-1")
		in.AlarmActions, in.Period, in.ComparisonOperator = nil, sdk.Int32(60), operator
		w.putAlarm(in)
		for _, value := range []float64{1799, 1800, 1801} {
			w.Region(home).PublishMetric("CML/Worker", "IdleSeconds", map[string]string{"InstanceId": "i-1"}, w.Now(), value)
			w.advanceTo(time.Minute)
			got = append(got, string(w.alarm("idle").StateValue))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", operator, got, want)
		}
	}
}

// An alarm on a metric of EC2 itself, with the points of basic monitoring.
func TestAnAlarmOnCPU(t *testing.T) {
	w := past(t)
	w.advanceTo(5 * time.Minute) // so that it runs through all of the period before the alarm
	id := w.launch()
	w.advanceTo(5 * time.Minute)
	in := idleAlarm(id)
	in.Namespace, in.MetricName, in.Statistic = sdk.String("AWS/EC2"), sdk.String("CPUUtilization"), types.StatisticAverage
	in.ComparisonOperator, in.Threshold, in.EvaluationPeriods = types.ComparisonOperatorLessThanThreshold, sdk.Float64(10), sdk.Int32(6)
	w.Region(home).SetMetric(id, "CPUUtilization", 3)
	w.putAlarm(in)
	w.advance(24 * time.Minute) // five data points: one from before, and the last is not there yet
	w.wantAlarm("idle", types.StateValueOk)
	same(t, "state", []string{w.instanceState(id)}, []string{"running"})
	w.advance(2 * time.Minute)
	w.wantAlarm("idle", types.StateValueAlarm)
	same(t, "state", []string{w.instanceState(id)}, []string{"stopped"})
}

func TestWarmUp(t *testing.T) {
	for only, want := range map[bool]types.StateValue{true: types.StateValueInsufficientData, false: types.StateValueAlarm} {
		w := past(t)
		w.advanceTo(time.Minute)
		in := idleAlarm("i-1")
		in.AlarmActions = []string{topic}
		in.WarmUpConfiguration = &types.WarmUpConfiguration{WarmUpPeriodDurationInMinutes: sdk.Int32(30), OnlyStartEvaluatingAfterWarmUpPeriodEnds: &only}
		w.putAlarm(in)
		w.advance(10 * time.Minute)
		w.wantAlarm("idle", types.StateValueInsufficientData) // no data, and the warm-up goes on
		w.Region(home).PublishMetric("CML/Worker", "IdleSeconds", map[string]string{"InstanceId": "i-1"}, w.Now(), 4000)
		w.advance(3 * time.Minute)
		w.wantAlarm("idle", want)
		w.advance(17 * time.Minute)
		w.Region(home).PublishMetric("CML/Worker", "IdleSeconds", map[string]string{"InstanceId": "i-1"}, w.Now(), 4000)
		w.advance(2 * time.Minute)
		w.wantAlarm("idle", types.StateValueAlarm)
		if got := w.alarm("idle").WarmUpConfiguration; got == nil || *got.WarmUpPeriodDurationInMinutes != 30 {
			t.Errorf("it is told as %+v", got)
		}
	}
}

func TestAnUpdateKeepsStateAndTags(t *testing.T) {
	w := past(t)
	in := idleAlarm("i-1")
	in.AlarmActions, in.Tags = []string{topic}, []types.Tag{{Key: sdk.String("team"), Value: sdk.String("net")}}
	w.putAlarm(in)
	w.advance(time.Minute)
	before := w.alarm("idle")
	in.Threshold, in.Tags, in.AlarmDescription = sdk.Float64(900), []types.Tag{{Key: sdk.String("team"), Value: sdk.String("other")}}, sdk.String("changed")
	w.putAlarm(in)
	after := w.alarm("idle")
	if after.StateValue != types.StateValueOk || *after.Threshold != 900 || *after.AlarmDescription != "changed" || !after.StateUpdatedTimestamp.Equal(*before.StateUpdatedTimestamp) ||
		!after.AlarmConfigurationUpdatedTimestamp.After(*before.AlarmConfigurationUpdatedTimestamp) {
		t.Errorf("got %+v", after)
	}
	tags := func() map[string]string {
		t.Helper()
		out, err := w.cloudwatch().ListTagsForResource(context.Background(), &cloudwatch.ListTagsForResourceInput{ResourceARN: after.AlarmArn})
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, tag := range out.Tags {
			all[*tag.Key] = *tag.Value
		}
		return all
	}
	if got := tags(); !maps.Equal(got, map[string]string{"team": "net"}) {
		t.Errorf("tags are %v", got)
	}
	if _, err := w.cloudwatch().TagResource(context.Background(), &cloudwatch.TagResourceInput{ResourceARN: after.AlarmArn,
		Tags: []types.Tag{{Key: sdk.String("team"), Value: sdk.String("lab")}, {Key: sdk.String("x"), Value: sdk.String("")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.cloudwatch().UntagResource(context.Background(), &cloudwatch.UntagResourceInput{ResourceARN: after.AlarmArn, TagKeys: []string{"x", "y"}}); err != nil {
		t.Fatal(err)
	}
	if got := tags(); !maps.Equal(got, map[string]string{"team": "lab"}) {
		t.Errorf("tags are %v", got)
	}
	_, err := w.cloudwatch().ListTagsForResource(context.Background(), &cloudwatch.ListTagsForResourceInput{ResourceARN: sdk.String(*after.AlarmArn + "x")})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestDescribeAndDeleteAlarms(t *testing.T) {
	w := newWorld(t, aws.Options{PageSize: 2})
	w.advanceTo(time.Minute) // no evaluation before the end
	for n := range 5 {
		in := idleAlarm("i-1")
		in.AlarmName, in.AlarmActions = sdk.String(fmt.Sprintf("cml-%d", n)), []string{topic}
		w.putAlarm(in)
	}
	other := idleAlarm("i-1")
	other.AlarmName = sdk.String("other")
	w.putAlarm(other)
	names := func(in *cloudwatch.DescribeAlarmsInput) []string {
		t.Helper()
		var out []string
		pages := cloudwatch.NewDescribeAlarmsPaginator(w.cloudwatch(), in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page.MetricAlarms {
				out = append(out, *a.AlarmName)
			}
		}
		return out
	}
	all := []string{"cml-0", "cml-1", "cml-2", "cml-3", "cml-4", "other"}
	same(t, "all", names(&cloudwatch.DescribeAlarmsInput{}), all)
	same(t, "prefix", names(&cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: sdk.String("cml-")}), all[:5])
	same(t, "names", names(&cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"other", "none"}}), all[5:])
	same(t, "action", names(&cloudwatch.DescribeAlarmsInput{ActionPrefix: sdk.String("arn:aws:automate")}), all[5:])
	same(t, "composite", names(&cloudwatch.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}}), nil)
	same(t, "state", names(&cloudwatch.DescribeAlarmsInput{StateValue: types.StateValueOk}), nil)
	for _, in := range []*cloudwatch.DescribeAlarmsInput{
		{AlarmNames: all, AlarmNamePrefix: sdk.String("c")}, {MaxRecords: sdk.Int32(101)}, {AlarmNames: slices.Repeat([]string{"a"}, 101)},
	} {
		_, err := w.cloudwatch().DescribeAlarms(context.Background(), in)
		wantCode(t, err, "ValidationError")
	}
	_, err := w.cloudwatch().DescribeAlarms(context.Background(), &cloudwatch.DescribeAlarmsInput{NextToken: sdk.String("bm9uc2Vuc2U=")})
	wantCode(t, err, "InvalidNextToken")

	_, err = w.cloudwatch().DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"cml-0", "none", "cml-1"}})
	wantCode(t, err, "ResourceNotFound")
	same(t, "nothing is deleted", names(&cloudwatch.DescribeAlarmsInput{}), all)
	if _, err := w.cloudwatch().DeleteAlarms(context.Background(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"cml-0", "cml-1", "cml-0"}}); err != nil {
		t.Fatal(err)
	}
	same(t, "two are deleted", names(&cloudwatch.DescribeAlarmsInput{}), all[2:])
	same(t, "the history stays", w.history("cml-0"), []string{`Alarm "cml-0" deleted`, `Alarm "cml-0" created`})
	_, err = w.cloudwatch().SetAlarmState(context.Background(), &cloudwatch.SetAlarmStateInput{AlarmName: sdk.String("cml-0"), StateValue: types.StateValueOk, StateReason: sdk.String("")})
	wantCode(t, err, "ResourceNotFound")
	_, _, body := w.speak("", "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=cml-2")
	for _, want := range []string{
		"<DescribeAlarmsResult><CompositeAlarms></CompositeAlarms><MetricAlarms><member><AlarmName>cml-2</AlarmName>", "<Threshold>1800</Threshold>",
		"<AlarmActions><member>" + topic + "</member></AlarmActions>", "<Dimensions><member><Name>InstanceId</Name><Value>i-1</Value></member></Dimensions>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
}

func TestBadAlarms(t *testing.T) {
	w := newWorld(t, aws.Options{})
	query := ask("CML/Worker", "IdleSeconds", "Minimum", 300, "InstanceId", "i-1")
	for name, change := range map[string]func(*cloudwatch.PutMetricAlarmInput){
		"period":         func(in *cloudwatch.PutMetricAlarmInput) { in.Period = sdk.Int32(90) },
		"a day":          func(in *cloudwatch.PutMetricAlarmInput) { in.EvaluationPeriods = sdk.Int32(289) },
		"datapoints":     func(in *cloudwatch.PutMetricAlarmInput) { in.DatapointsToAlarm = sdk.Int32(2) },
		"treatment":      func(in *cloudwatch.PutMetricAlarmInput) { in.TreatMissingData = sdk.String("fine") },
		"no threshold":   func(in *cloudwatch.PutMetricAlarmInput) { in.Threshold = nil },
		"two statistics": func(in *cloudwatch.PutMetricAlarmInput) { in.ExtendedStatistic = sdk.String("p90") },
		"no statistic":   func(in *cloudwatch.PutMetricAlarmInput) { in.Statistic = "" },
		"operator":       func(in *cloudwatch.PutMetricAlarmInput) { in.ComparisonOperator = "Near" },
		"long name":      func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmName = sdk.String(strings.Repeat("a", 256)) },
		"six actions":    func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmActions = slices.Repeat([]string{topic}, 6) },
		"no ARN":         func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmActions = []string{"stop"} },
		"another region": func(in *cloudwatch.PutMetricAlarmInput) {
			in.AlarmActions = []string{"arn:aws:automate:us-west-2:ec2:stop"}
		},
		"metric and metrics":      func(in *cloudwatch.PutMetricAlarmInput) { in.Metrics = []types.MetricDataQuery{query} },
		"two dimensions and stop": func(in *cloudwatch.PutMetricAlarmInput) { in.Dimensions = dimensions("InstanceId", "i-1", "Path", "/") },
		"no instance and stop":    func(in *cloudwatch.PutMetricAlarmInput) { in.Dimensions = dimensions("VolumeId", "vol-1") },
		"warm-up": func(in *cloudwatch.PutMetricAlarmInput) {
			in.WarmUpConfiguration = &types.WarmUpConfiguration{WarmUpPeriodDurationInMinutes: sdk.Int32(2881)}
		},
		"query and stop": func(in *cloudwatch.PutMetricAlarmInput) {
			in.MetricName, in.Namespace, in.Dimensions, in.Period, in.Statistic = nil, nil, nil, nil, ""
			in.Metrics = []types.MetricDataQuery{query}
		},
		"two that return": func(in *cloudwatch.PutMetricAlarmInput) {
			in.MetricName, in.Namespace, in.Dimensions, in.Period, in.Statistic, in.AlarmActions = nil, nil, nil, nil, "", nil
			in.Metrics = []types.MetricDataQuery{query, query}
		},
	} {
		in := idleAlarm("i-1")
		change(in)
		_, err := w.cloudwatch().PutMetricAlarm(context.Background(), in)
		if code(err) != "ValidationError" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := w.Region(home).Alarms(); len(all) > 0 {
		t.Errorf("there are %v", all)
	}
	// A query on one metric can notify.
	in := idleAlarm("i-1")
	in.MetricName, in.Namespace, in.Dimensions, in.Period, in.Statistic, in.AlarmActions = nil, nil, nil, nil, "", []string{topic}
	in.Metrics = []types.MetricDataQuery{query}
	w.putAlarm(in)
	w.Region(home).PublishMetric("CML/Worker", "IdleSeconds", map[string]string{"InstanceId": "i-1"}, w.Now(), 4000)
	w.advance(2 * time.Minute)
	w.wantAlarm("idle", types.StateValueAlarm)
}

func TestTheRoleOfAlarms(t *testing.T) {
	w := newWorld(t, aws.Options{})
	w.Deny(aws.DefaultAccountID, "iam:CreateServiceLinkedRole")
	put := func(change func(*cloudwatch.PutMetricAlarmInput)) error {
		in := idleAlarm("i-1")
		change(in)
		_, err := w.cloudwatch().PutMetricAlarm(context.Background(), in)
		return err
	}
	err := put(func(*cloudwatch.PutMetricAlarmInput) {})
	wantCode(t, err, "AccessDenied")
	if err == nil || !strings.Contains(err.Error(), "role/aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents") {
		t.Errorf("the text is %v", err)
	}
	if err := put(func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmActions = []string{topic} }); err != nil {
		t.Error(err) // a notification needs no role
	}
	w.Deny(aws.DefaultAccountID)
	if err := put(func(*cloudwatch.PutMetricAlarmInput) {}); err != nil {
		t.Error(err)
	}
	w.Deny(aws.DefaultAccountID, "iam:CreateServiceLinkedRole")
	if err := put(func(*cloudwatch.PutMetricAlarmInput) {}); err != nil {
		t.Error(err) // by now it exists
	}
	w = newWorld(t, aws.Options{})
	w.Deny(aws.DefaultAccountID, "iam:CreateServiceLinkedRole", "cloudwatch:TagResource")
	w.AddAlarmRole(aws.DefaultAccountID)
	if err := put(func(*cloudwatch.PutMetricAlarmInput) {}); err != nil {
		t.Error(err)
	}
	wantCode(t, put(func(in *cloudwatch.PutMetricAlarmInput) {
		in.AlarmName, in.Tags = sdk.String("tagged"), []types.Tag{{Key: sdk.String("a"), Value: sdk.String("b")}}
	}), "AccessDenied")
}

func TestTheOtherEC2Actions(t *testing.T) {
	g := &guest{}
	w := newWorld(t, aws.Options{Clock: clock.New(-2 * time.Hour), Guest: g})
	for action, want := range map[string]string{"reboot": "running", "recover": "running", "terminate": "terminated"} {
		id := w.launch()
		w.advance(time.Minute)
		in := idleAlarm(id)
		in.AlarmName, in.AlarmActions = &action, []string{"arn:aws:automate:" + home + ":ec2:" + action}
		w.putAlarm(in)
		boots := len(g.seen())
		if _, err := w.cloudwatch().SetAlarmState(context.Background(), &cloudwatch.SetAlarmStateInput{AlarmName: &action, StateValue: types.StateValueAlarm, StateReason: sdk.String("")}); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Second)
		same(t, action, []string{w.instanceState(id)}, []string{want})
		if len(g.seen()) == boots {
			t.Errorf("%s did nothing to the machine", action)
		}
	}
	if _, err := w.ec2(home).DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{}); err != nil {
		t.Error(err)
	}
}
