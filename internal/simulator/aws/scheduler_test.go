package aws_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

const schedulerRole = "arn:aws:iam::" + aws.DefaultAccountID + ":role/cml-scheduler"

func (w *world) scheduler() *scheduler.Client {
	return scheduler.New(scheduler.Options{
		Region: home, BaseEndpoint: sdk.String(w.url), Credentials: static(), Retryer: sdk.NopRetryer{}, HTTPClient: w.http()})
}

// scheduleInput is a valid schedule that stops an instance.
func scheduleInput(id, expression string) *scheduler.CreateScheduleInput {
	return &scheduler.CreateScheduleInput{
		Name: sdk.String("stop"), ScheduleExpression: &expression,
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: sdk.String("arn:aws:scheduler:::aws-sdk:ec2:stopInstances"), RoleArn: sdk.String(schedulerRole),
			Input: sdk.String(fmt.Sprintf(`{"InstanceIds":[%q]}`, id))},
	}
}

func TestScheduleLife(t *testing.T) {
	w := newWorld(t, aws.Options{})
	ctx, client := context.Background(), w.scheduler()
	in := scheduleInput("i-0123456789abcdef0", "cron(0 19 ? * MON-FRI *)")
	in.ClientToken, in.ScheduleExpressionTimezone, in.State = sdk.String("token-1"), sdk.String("Europe/Berlin"), types.ScheduleStateDisabled
	in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: sdk.String("arn:aws:sqs:us-east-1:123456789012:failed")}
	in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: sdk.Int32(900)}
	made, err := client.CreateSchedule(ctx, in)
	if err != nil || *made.ScheduleArn != "arn:aws:scheduler:us-east-1:123456789012:schedule/default/stop" {
		t.Fatalf("%v, %+v", err, made)
	}
	if again, err := client.CreateSchedule(ctx, in); err != nil || *again.ScheduleArn != *made.ScheduleArn {
		t.Errorf("the same token: %v", err)
	}
	in.ClientToken = sdk.String("token-2")
	_, err = client.CreateSchedule(ctx, in)
	wantCode(t, err, "ConflictException")

	got, err := client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name})
	if err != nil || *got.GroupName != "default" || got.State != types.ScheduleStateDisabled || *got.ScheduleExpressionTimezone != "Europe/Berlin" ||
		got.ActionAfterCompletion != types.ActionAfterCompletionNone || *got.Target.RetryPolicy.MaximumRetryAttempts != 185 ||
		*got.Target.RetryPolicy.MaximumEventAgeInSeconds != 900 || got.CreationDate.IsZero() || *got.Arn != *made.ScheduleArn {
		t.Errorf("%v, %+v", err, got)
	}
	// An update sets what it leaves out back to the defaults.
	if _, err := client.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
		Name: in.Name, ScheduleExpression: in.ScheduleExpression, FlexibleTimeWindow: in.FlexibleTimeWindow,
		Target: &types.Target{Arn: in.Target.Arn, RoleArn: in.Target.RoleArn, Input: in.Target.Input},
	}); err != nil {
		t.Fatal(err)
	}
	got, err = client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: sdk.String("default")})
	if err != nil || got.State != types.ScheduleStateEnabled || *got.ScheduleExpressionTimezone != "UTC" ||
		got.Target.DeadLetterConfig != nil || *got.Target.RetryPolicy.MaximumEventAgeInSeconds != 86400 {
		t.Errorf("%v, %+v", err, got)
	}
	if _, err := client.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: in.Name}); err != nil {
		t.Fatal(err)
	}
	_, err = client.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{Name: in.Name})
	wantCode(t, err, "ResourceNotFoundException")
	_, err = client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name, GroupName: sdk.String("other")})
	wantCode(t, err, "ResourceNotFoundException")
	_, err = client.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
		Name: in.Name, ScheduleExpression: in.ScheduleExpression, FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestScheduleRefusals(t *testing.T) {
	w := newWorld(t, aws.Options{})
	ctx, client := context.Background(), w.scheduler()
	for name, c := range map[string]struct {
		change func(*scheduler.CreateScheduleInput)
		code   string
	}{
		"five fields": {func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = sdk.String("cron(0 19 * * *)") }, "ValidationException"},
		"two days":    {func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = sdk.String("cron(0 19 * * MON *)") }, "ValidationException"},
		"no days":     {func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = sdk.String("cron(0 19 ? * ? *)") }, "ValidationException"},
		"hour":        {func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = sdk.String("cron(0 24 * * ? *)") }, "ValidationException"},
		"at": {func(in *scheduler.CreateScheduleInput) {
			in.ScheduleExpression = sdk.String("at(2099-01-01T00:00:00Z)")
		}, "ValidationException"},
		"day":              {func(in *scheduler.CreateScheduleInput) { in.ScheduleExpression = sdk.String("at(2099-02-30T00:00:00)") }, "ValidationException"},
		"zone":             {func(in *scheduler.CreateScheduleInput) { in.ScheduleExpressionTimezone = sdk.String("Mars/Olympus") }, "ValidationException"},
		"name":             {func(in *scheduler.CreateScheduleInput) { in.Name = sdk.String("a b") }, "ValidationException"},
		"long name":        {func(in *scheduler.CreateScheduleInput) { in.Name = sdk.String(strings.Repeat("x", 65)) }, "ValidationException"},
		"role":             {func(in *scheduler.CreateScheduleInput) { in.Target.RoleArn = sdk.String("cml-scheduler") }, "ValidationException"},
		"a role of nobody": {func(in *scheduler.CreateScheduleInput) { in.Target.RoleArn = sdk.String(schedulerRole + "-2") }, "ValidationException"},
		"a role for others": {func(in *scheduler.CreateScheduleInput) {
			in.Target.RoleArn = sdk.String(strings.Replace(schedulerRole, "scheduler", "admin", 1))
		}, "ValidationException"},
		"target": {func(in *scheduler.CreateScheduleInput) { in.Target.Arn = sdk.String("arn:aws:ec2:::stopInstances") }, "ValidationException"},
		"input":  {func(in *scheduler.CreateScheduleInput) { in.Target.Input = sdk.String("{") }, "ValidationException"},
		"queue": {func(in *scheduler.CreateScheduleInput) {
			in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: sdk.String("arn:aws:sns:us-east-1:123456789012:x")}
		}, "ValidationException"},
		"age": {func(in *scheduler.CreateScheduleInput) {
			in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: sdk.Int32(59)}
		}, "ValidationException"},
		"window": {func(in *scheduler.CreateScheduleInput) {
			in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible
		}, "ValidationException"},
		"group": {func(in *scheduler.CreateScheduleInput) { in.GroupName = sdk.String("labs") }, "ResourceNotFoundException"},
	} {
		t.Run(name, func(t *testing.T) {
			in := scheduleInput("i-0123456789abcdef0", "cron(0 19 ? * MON-FRI *)")
			c.change(in)
			_, err := client.CreateSchedule(ctx, in)
			wantCode(t, err, c.code)
		})
	}
	in := scheduleInput("i-0123456789abcdef0", "rate(5 minutes)")
	w.Region(home).SetScheduleQuota(0)
	_, err := client.CreateSchedule(ctx, in)
	wantCode(t, err, "ServiceQuotaExceededException")
	w.Deny(aws.DefaultAccountID, "iam:PassRole")
	_, err = client.CreateSchedule(ctx, in)
	wantCode(t, err, "AccessDeniedException")
	if err == nil || !strings.Contains(err.Error(), "is not authorized to perform: iam:PassRole on resource: "+schedulerRole) {
		t.Error(err)
	}
}

func TestScheduleGroupsAndPages(t *testing.T) {
	w := newWorld(t, aws.Options{})
	ctx, client := context.Background(), w.scheduler()
	if g, err := client.GetScheduleGroup(ctx, &scheduler.GetScheduleGroupInput{Name: sdk.String("default")}); err != nil || g.State != types.ScheduleGroupStateActive {
		t.Errorf("%v, %+v", err, g)
	}
	if _, err := client.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: sdk.String("labs")}); err != nil {
		t.Fatal(err)
	}
	_, err := client.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: sdk.String("labs")})
	wantCode(t, err, "ConflictException")
	for _, name := range []string{"a-1", "a-2", "a-3", "b-1"} {
		in := scheduleInput("i-0123456789abcdef0", "rate(1 hour)")
		in.Name, in.GroupName = sdk.String(name), sdk.String("labs")
		if _, err := client.CreateSchedule(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	pages := scheduler.NewListSchedulesPaginator(client, &scheduler.ListSchedulesInput{GroupName: sdk.String("labs"), NamePrefix: sdk.String("a-"), MaxResults: sdk.Int32(2)})
	count := 0
	for ; pages.HasMorePages(); count++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Schedules {
			names = append(names, *s.Name)
		}
	}
	if !slices.Equal(names, []string{"a-1", "a-2", "a-3"}) || count != 2 {
		t.Errorf("%q in %d pages", names, count)
	}
	if _, err := client.DeleteScheduleGroup(ctx, &scheduler.DeleteScheduleGroupInput{Name: sdk.String("labs")}); err != nil {
		t.Fatal(err)
	}
	_, err = client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: sdk.String("a-1"), GroupName: sdk.String("labs")})
	wantCode(t, err, "ResourceNotFoundException")
}

// The error of a REST-JSON service has its code in a header.
func TestScheduleErrorOnTheWire(t *testing.T) {
	w := newWorld(t, aws.Options{})
	req, err := http.NewRequest(http.MethodGet, w.url+"/schedules/none?groupName=default", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/scheduler/aws4_request, SignedHeaders=host, Signature=x")
	resp, err := w.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 404 || resp.Header.Get("X-Amzn-ErrorType") != "ResourceNotFoundException" || string(body) != `{"Message":"Schedule none does not exist."}` {
		t.Errorf("%s %v %s", resp.Status, resp.Header, body)
	}
}

// A world that begins on a Thursday at a minute past seven in Berlin: whole hours later
// what a schedule did on the hour is done.
func scheduleWorld(t *testing.T) (w *world, id string) {
	t.Helper()
	began := time.Date(2026, 3, 26, 6, 1, 0, 0, time.UTC)
	w = newWorld(t, aws.Options{Clock: clock.New(time.Until(began))})
	id = w.running()
	return w, id
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	if err := w.Advance(d); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) instanceState(id string) string {
	in, _ := w.Region(home).Instance(id)
	return in.State
}

func TestSchedulesStopAndStart(t *testing.T) {
	w, id := scheduleWorld(t)
	ctx, client := context.Background(), w.scheduler()
	stop := scheduleInput(id, "cron(0 19 ? * MON-FRI *)")
	start := scheduleInput(id, "cron(30 7 ? * MON-FRI *)")
	start.Name, start.Target.Arn = sdk.String("start"), sdk.String("arn:aws:scheduler:::aws-sdk:ec2:startInstances")
	for _, in := range []*scheduler.CreateScheduleInput{stop, start} {
		in.ScheduleExpressionTimezone = sdk.String("Europe/Berlin")
		if _, err := client.CreateSchedule(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		d    time.Duration
		want string
	}{
		{11 * time.Hour, "running"},                // Thursday 18:01
		{time.Hour, "stopped"},                     // 19:01
		{24 * time.Hour, "stopped"},                // Friday 19:01
		{2 * 24 * time.Hour, "stopped"},            // Sunday, in summer time: 20:01
		{11*time.Hour + 20*time.Minute, "stopped"}, // Monday 7:21
		{10 * time.Minute, "running"},              // 7:31
		{11*time.Hour + 25*time.Minute, "running"}, // 18:56
		{5 * time.Minute, "stopped"},               // 19:01
	} {
		w.advance(step.d)
		if got := w.instanceState(id); got != step.want {
			t.Errorf("after %s more the instance is %s, want %s", step.d, got, step.want)
		}
	}
	var times []string
	for _, run := range w.Region(home).ScheduleRuns("default", "start") {
		if run.Error != "" || run.Action != "startInstances" {
			t.Errorf("%+v", run)
		}
		times = append(times, run.Due.UTC().Format("Mon 15:04"))
	}
	if want := []string{"Thu 06:30", "Fri 06:30", "Mon 05:30"}; !slices.Equal(times, want) {
		t.Errorf("it ran %q, want %q", times, want)
	}
}

func TestOneTimeSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		action types.ActionAfterCompletion
		stays  bool
	}{"kept": {"", true}, "deleted": {types.ActionAfterCompletionDelete, false}} {
		t.Run(name, func(t *testing.T) {
			w, id := scheduleWorld(t)
			ctx, client := context.Background(), w.scheduler()
			in := scheduleInput(id, "at(2026-03-26T10:00:00)")
			in.ActionAfterCompletion = c.action
			if _, err := client.CreateSchedule(ctx, in); err != nil {
				t.Fatal(err)
			}
			w.advance(5 * time.Hour)
			if got := w.instanceState(id); got != "stopped" {
				t.Errorf("the instance is %s", got)
			}
			_, err := client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: in.Name})
			if c.stays && err != nil {
				t.Error(err)
			} else if !c.stays {
				wantCode(t, err, "ResourceNotFoundException")
			}
			w.Region(home).StartOutside(id)
			w.advance(48 * time.Hour)
			if got := w.instanceState(id); got != "running" {
				t.Errorf("it ran again: the instance is %s", got)
			}
		})
	}
}

// A target that refuses is tried again until the window is over; what is left goes to the queue.
func TestScheduleRetries(t *testing.T) {
	w, id := scheduleWorld(t)
	ctx, client := context.Background(), w.scheduler()
	const queue = "arn:aws:sqs:us-east-1:123456789012:failed"
	w.Region(home).SetProtection(id, false, true)
	in := scheduleInput(id, "cron(0 8 * * ? *)")
	in.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: sdk.String(queue)}
	in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: sdk.Int32(600)}
	if _, err := client.CreateSchedule(ctx, in); err != nil {
		t.Fatal(err)
	}
	w.advance(3 * time.Hour)
	runs := w.Region(home).ScheduleRuns("default", "stop")
	if len(runs) != 4 || !strings.HasPrefix(runs[3].Error, "OperationNotPermitted") || runs[3].At.Sub(runs[3].Due) < 7*time.Minute {
		t.Errorf("tries: %+v", runs)
	}
	if got := w.Region(home).DeadLetters(); !slices.Equal(got, []string{queue}) {
		t.Errorf("dead letters: %q", got)
	}
	w.Region(home).SetProtection(id, false, false)
	w.advance(24 * time.Hour)
	if got := w.instanceState(id); got != "stopped" {
		t.Errorf("the next day the instance is %s", got)
	}
}

func TestDisabledSchedule(t *testing.T) {
	w, id := scheduleWorld(t)
	in := scheduleInput(id, "cron(0 8 * * ? *)")
	in.State = types.ScheduleStateDisabled
	if _, err := w.scheduler().CreateSchedule(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	w.advance(48 * time.Hour)
	if got := w.instanceState(id); got != "running" {
		t.Errorf("the instance is %s", got)
	}
}

// A role that was made just now is not known everywhere.
func TestRoleOfAScheduleTakesTime(t *testing.T) {
	w := newWorld(t, aws.Options{})
	w.AddRole(aws.DefaultAccountID, aws.Role{Name: "fresh", Services: []string{"scheduler.amazonaws.com"}}, 1)
	in := scheduleInput("i-0123456789abcdef0", "rate(1 day)")
	in.Target.RoleArn = sdk.String("arn:aws:iam::123456789012:role/fresh")
	_, err := w.scheduler().CreateSchedule(context.Background(), in)
	wantCode(t, err, "ValidationException")
	if _, err = w.scheduler().CreateSchedule(context.Background(), in); err != nil {
		t.Error(err)
	}
}
