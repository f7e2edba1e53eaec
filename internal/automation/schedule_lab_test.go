package automation_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedtypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	schedRegion = "us-east-1"
	sched       = "cml_worker_schedule.hours"
	schedRole   = "arn:aws:iam::" + aws.DefaultAccountID + ":role/cml-scheduler"
	schedQueue  = "arn:aws:sqs:us-east-1:" + aws.DefaultAccountID + ":failed"
	officeHours = `
  timezone   = "Europe/Berlin"
  start_cron = "0 8 ? * MON-FRI *"
  stop_cron  = "0 19 ? * MON-FRI *"
`
	nextYear = "2099-12-31T18:00:00Z"
)

// schedLab is a simulated account with one running machine that somebody else
// launched. It begins two days in the past, so that a lease can have ended before
// the clock of this machine.
type schedLab struct {
	*acctest.World
	t   *testing.T
	api *scheduler.Client
	id  string
}

func newSchedLab(t *testing.T, change ...func(*simulator.Options)) *schedLab {
	t.Helper()
	l := &schedLab{t: t, World: acctest.NewWorld(t, append([]func(*simulator.Options){func(o *simulator.Options) { o.ClockOffset = -48 * time.Hour }}, change...)...)}
	l.api = scheduler.New(scheduler.Options{
		Region: schedRegion, BaseEndpoint: sdk.String(l.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "x", ""),
	})
	l.id = launched(t, l.World)
	l.Recorder.Reset()
	return l
}

func (l *schedLab) state() string {
	in, _ := l.AWS.Region(schedRegion).Instance(l.id)
	return in.State
}

func (l *schedLab) advance(d time.Duration) {
	l.t.Helper()
	if err := l.Advance(d); err != nil {
		l.t.Fatal(err)
	}
}

// names are the names of the schedules that exist, sorted.
func (l *schedLab) names() []string {
	l.t.Helper()
	out := []string{}
	pages := scheduler.NewListSchedulesPaginator(l.api, &scheduler.ListSchedulesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			l.t.Fatal(err)
		}
		for _, s := range page.Schedules {
			out = append(out, *s.Name)
		}
	}
	slices.Sort(out)
	return out
}

func (l *schedLab) get(suffix string) *scheduler.GetScheduleOutput {
	l.t.Helper()
	out, err := l.api.GetSchedule(context.Background(), &scheduler.GetScheduleInput{Name: sdk.String("cml-" + l.id + suffix)})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// edit changes a schedule as somebody else does.
func (l *schedLab) edit(suffix string, change func(*scheduler.UpdateScheduleInput)) {
	l.t.Helper()
	now := l.get(suffix)
	in := &scheduler.UpdateScheduleInput{
		Name: now.Name, GroupName: now.GroupName, Description: now.Description, ScheduleExpression: now.ScheduleExpression, State: now.State,
		ScheduleExpressionTimezone: now.ScheduleExpressionTimezone, FlexibleTimeWindow: now.FlexibleTimeWindow, Target: now.Target,
		ActionAfterCompletion: now.ActionAfterCompletion,
	}
	change(in)
	if _, err := l.api.UpdateSchedule(context.Background(), in); err != nil {
		l.t.Fatal(err)
	}
}

func (l *schedLab) drop(suffix string) {
	l.t.Helper()
	if _, err := l.api.DeleteSchedule(context.Background(), &scheduler.DeleteScheduleInput{Name: sdk.String("cml-" + l.id + suffix)}); err != nil {
		l.t.Fatal(err)
	}
}

// foreign makes a schedule that is not of the resource.
func (l *schedLab) foreign(name, expression string) {
	l.t.Helper()
	if _, err := l.api.CreateSchedule(context.Background(), &scheduler.CreateScheduleInput{
		Name: &name, Description: sdk.String("somebody else's"), ScheduleExpression: &expression,
		FlexibleTimeWindow: &schedtypes.FlexibleTimeWindow{Mode: schedtypes.FlexibleTimeWindowModeOff},
		Target: &schedtypes.Target{Arn: sdk.String("arn:aws:scheduler:::aws-sdk:ec2:stopInstances"), RoleArn: sdk.String(schedRole),
			Input: sdk.String(fmt.Sprintf(`{"InstanceIds":[%q]}`, l.id))},
	}); err != nil {
		l.t.Fatal(err)
	}
}

// tag is the managed tag of the resource of a name.
func (l *schedLab) tag(name string) string {
	return l.AWS.Region(schedRegion).Tags(l.id)["cml:schedule:"+name]
}

func (l *schedLab) fail(operation string, skip, times int, f wire.Fault) {
	l.Faults.Add(wire.Rule{Service: "scheduler", Operation: operation, Skip: skip, Times: times, Fault: f})
}

// config is the schedule of the machine.
func (l *schedLab) config(arguments string) string {
	return l.Provider("") + fmt.Sprintf("\nresource \"cml_worker_schedule\" \"hours\" {\n  worker_id = %q\n  role_arn = %q\n%s\n}\n", l.id, schedRole, arguments)
}

// changes checks which schedules were changed, and how, since the last such
// check.
func (l *schedLab) changes(want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		var got []string
		for _, r := range l.Recorder.All() {
			if r.Service == "scheduler" && !strings.HasPrefix(r.Operation, "Get") && !strings.HasPrefix(r.Operation, "List") {
				got = append(got, strings.TrimSuffix(r.Operation, "Schedule"))
			}
		}
		l.Recorder.Reset()
		if !slices.Equal(got, want) {
			return fmt.Errorf("the scheduler was asked %q, wanted %q", got, want)
		}
		return nil
	}
}

func (l *schedLab) exist(want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for i, suffix := range want {
			if strings.HasPrefix(suffix, "-") {
				want[i] = "cml-" + l.id + suffix
			}
		}
		if got := l.names(); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			return fmt.Errorf("the schedules are %q, wanted %q", got, want)
		}
		return nil
	}
}

func schedAttr(name, want string) resource.TestCheckFunc {
	return resource.TestCheckResourceAttr(sched, name, want)
}

func schedNull(name string) resource.TestCheckFunc {
	return resource.TestCheckNoResourceAttr(sched, name)
}

func schedPlanned(action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: append(more, plancheck.ExpectResourceAction(sched, action))}
}

// serve speaks to the provider without an engine.
func (l *schedLab) serve(more map[string]any) *protocol.Resource {
	l.t.Helper()
	all := map[string]any{"endpoints": []any{map[string]any{"ec2": l.Endpoint(), "sts": l.Endpoint(), "scheduler": l.Endpoint()}}}
	for k, v := range more {
		all[k] = v
	}
	return protocol.Serve(l.t, l.World, all).Resource("cml_worker_schedule")
}

// arguments are those of a schedule that stops the worker at night.
func (l *schedLab) arguments(more map[string]any) map[string]any {
	out := map[string]any{"worker_id": l.id, "role_arn": schedRole, "stop_cron": "0 19 * * ? *"}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// moveLease moves the end of the lease, as somebody else does.
func (l *schedLab) moveLease(to string) {
	l.t.Helper()
	end, err := time.Parse(time.RFC3339, to)
	if err != nil {
		l.t.Fatal(err)
	}
	l.edit("-stop-at", func(in *scheduler.UpdateScheduleInput) {
		in.ScheduleExpression = sdk.String("at(" + end.UTC().Format("2006-01-02T15:04:05") + ")")
	})
}
