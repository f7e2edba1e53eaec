package automation_test

import (
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedtypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestSchedule(t *testing.T) {
	l := newSchedLab(t)
	name := "cml-" + l.id
	arn := "arn:aws:scheduler:us-east-1:123456789012:schedule/default/" + name
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: l.config(officeHours),
				ConfigPlanChecks: schedPlanned(plancheck.ResourceActionCreate,
					plancheck.ExpectKnownValue(sched, tfjsonpath.New("region"), knownvalue.StringExact(schedRegion))),
				Check: resource.ComposeAggregateTestCheckFunc(
					l.exist("-start", "-stop"), l.changes("Create", "Create"),
					schedAttr("id", "default/"+name), schedAttr("name", name), schedAttr("group_name", "default"), schedAttr("region", schedRegion),
					schedAttr("account_id", "123456789012"), schedAttr("enabled", "true"), schedAttr("retry_window", "15m"),
					schedAttr("start_schedule_arn", arn+"-start"), schedAttr("stop_schedule_arn", arn+"-stop"), schedNull("stop_at_schedule_arn"),
					func(*terraform.State) error {
						s := l.get("-start")
						want := fmt.Sprintf("Starts CML worker %s: cml_worker_schedule default/%s of terraform-provider-cml", l.id, name)
						if *s.Target.Arn != "arn:aws:scheduler:::aws-sdk:ec2:startInstances" || *s.Target.Input != fmt.Sprintf(`{"InstanceIds":[%q]}`, l.id) ||
							*s.ScheduleExpression != "cron(0 8 ? * MON-FRI *)" || *s.ScheduleExpressionTimezone != "Europe/Berlin" || *s.Target.RoleArn != schedRole ||
							*s.Target.RetryPolicy.MaximumEventAgeInSeconds != 900 || *s.Description != want || s.FlexibleTimeWindow.Mode != schedtypes.FlexibleTimeWindowModeOff {
							return fmt.Errorf("%+v, %+v", s, s.Target)
						}
						if got := l.tag(name); got != "default" {
							return fmt.Errorf("the tag of the worker is %q", got)
						}
						return nil
					}),
			},
			{Config: l.config(officeHours), ConfigPlanChecks: unchanged()},
			{
				// One more schedule: the two others are not touched.
				PreConfig: func() { l.Recorder.Reset() },
				Config:    l.config(officeHours + "stop_at = \"" + nextYear + "\"\n"), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(l.changes("Create"), l.exist("-start", "-stop", "-stop-at"), schedAttr("stop_at_schedule_arn", arn+"-stop-at"),
					func(*terraform.State) error {
						if s := l.get("-stop-at"); *s.ScheduleExpression != "at(2099-12-31T18:00:00)" || *s.ScheduleExpressionTimezone != "UTC" ||
							*s.Target.Arn != "arn:aws:scheduler:::aws-sdk:ec2:stopInstances" || s.ActionAfterCompletion != schedtypes.ActionAfterCompletionNone {
							return fmt.Errorf("%+v", s)
						}
						return nil
					}),
			},
			{
				// The same moment, written otherwise.
				Config: l.config(officeHours + "stop_at = \"2099-12-31T19:00:00+01:00\"\n"), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(l.changes(), schedAttr("stop_at", "2099-12-31T19:00:00+01:00")),
			},
			{
				// What all have in common, and one time.
				Config: l.config(fmt.Sprintf(`
  timezone        = "America/New_York"
  start_cron      = "0 8 ? * MON-FRI *"
  stop_cron       = "0 20 ? * MON-FRI *"
  enabled         = false
  retry_window    = "60m"
  dead_letter_arn = %q
`, schedQueue)), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(l.changes("Update", "Delete", "Update"), l.exist("-start", "-stop"), schedNull("stop_at_schedule_arn"),
					func(*terraform.State) error {
						for _, suffix := range []string{"-start", "-stop"} {
							if s := l.get(suffix); s.State != schedtypes.ScheduleStateDisabled || *s.Target.DeadLetterConfig.Arn != schedQueue ||
								*s.Target.RetryPolicy.MaximumEventAgeInSeconds != 3600 || *s.ScheduleExpressionTimezone != "America/New_York" {
								return fmt.Errorf("%s: %+v", suffix, s)
							}
						}
						return nil
					}),
			},
			{
				Config: l.config("stop_cron = \"0 20 ? * MON-FRI *\"\n"), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(l.changes("Update", "Delete"), l.exist("-stop"), schedNull("start_schedule_arn"), schedAttr("timezone", "UTC"), schedNull("dead_letter_arn")),
			},
			{Config: l.config("stop_cron = \"0 20 ? * MON-FRI *\"\n"), ConfigPlanChecks: unchanged()},
		},
		CheckDestroy: func(s *terraform.State) error {
			if got := l.tag(name); got != "" {
				return fmt.Errorf("the tag of the worker is still %q", got)
			}
			return l.exist()(s)
		},
	})
}

// The schedules do what they are for, at the times of their zone.
func TestScheduleRuns(t *testing.T) {
	l := newSchedLab(t)
	power := func() string {
		return l.config("stop_cron = \"0 19 * * ? *\"\nstart_cron = \"0 8 * * ? *\"") + fmt.Sprintf(`
resource "cml_worker_power" "lab" {
  worker_id          = %q
  state              = "running"
  on_external_change = "accept"
  start = { readiness = { until = "running" } }
}
`, l.id)
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: power(), Check: func(*terraform.State) error {
			l.advance(24 * time.Hour)
			for suffix, action := range map[string]string{"-stop": "stopInstances", "-start": "startInstances"} {
				runs := l.AWS.Region(schedRegion).ScheduleRuns("default", "cml-"+l.id+suffix)
				if len(runs) == 0 || runs[0].Action != action || runs[0].Error != "" {
					return fmt.Errorf("%s ran %+v", suffix, runs)
				}
			}
			return nil
		}},
		{
			// Stopped by the schedule, the worker is left alone by an apply.
			PreConfig: func() {
				// Half an hour after a stop, and long before the next start.
				now := l.Now().UTC()
				half := time.Date(now.Year(), now.Month(), now.Day(), 19, 30, 0, 0, time.UTC)
				if half.Before(now) {
					half = half.AddDate(0, 0, 1)
				}
				l.advance(half.Sub(now))
				l.Recorder.Reset()
			},
			Config: power(), ConfigPlanChecks: unchanged(),
			Check: func(*terraform.State) error {
				if n := l.Recorder.Count("ec2", "StartInstances"); n > 0 || l.state() != "stopped" {
					return fmt.Errorf("%d starts, and the worker is %s", n, l.state())
				}
				return nil
			},
		},
	}})
}

func TestScheduleReplacement(t *testing.T) {
	l := newSchedLab(t)
	if _, err := l.api.CreateScheduleGroup(t.Context(), &scheduler.CreateScheduleGroupInput{Name: sdk.String("labs")}); err != nil {
		t.Fatal(err)
	}
	stop := "stop_cron = \"0 19 * * ? *\"\n"
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: l.config(stop)},
			{
				Config: l.config(stop + "name = \"nights\"\n"), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionDestroyBeforeCreate),
				Check: resource.ComposeAggregateTestCheckFunc(l.exist("nights-stop"), schedAttr("id", "default/nights"), func(*terraform.State) error {
					if l.tag("nights") != "default" || l.tag("cml-"+l.id) != "" {
						return fmt.Errorf("tags: %v", l.AWS.Region(schedRegion).Tags(l.id))
					}
					return nil
				}),
			},
			// Leaving the name out keeps it.
			{Config: l.config(stop), ConfigPlanChecks: unchanged()},
			{
				Config: l.config(stop + "group_name = \"labs\"\n"), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionDestroyBeforeCreate),
				Check: schedAttr("group_name", "labs"),
			},
			{Config: l.config(stop + "group_name = \"labs\"\nregion = \"us-east-1\"\n"), ConfigPlanChecks: unchanged()},
		},
		CheckDestroy: l.exist(),
	})
}

// Each difference that an argument shows is planned in place, and put back.
func TestScheduleDrift(t *testing.T) {
	l := newSchedLab(t)
	config := l.config(officeHours + "stop_at = \"" + nextYear + "\"\n")
	steps := []resource.TestStep{{Config: config}}
	for _, edit := range []func(){
		func() {
			l.edit("-stop", func(in *scheduler.UpdateScheduleInput) { in.ScheduleExpression = sdk.String("cron(0 23 * * ? *)") })
		},
		func() {
			l.edit("-start", func(in *scheduler.UpdateScheduleInput) { in.ScheduleExpression = sdk.String("rate(2 days)") })
		},
		func() {
			l.edit("-stop-at", func(in *scheduler.UpdateScheduleInput) { in.ScheduleExpression = sdk.String("at(2098-01-01T00:00:00)") })
		},
		func() {
			l.edit("-start", func(in *scheduler.UpdateScheduleInput) { in.ScheduleExpressionTimezone = sdk.String("UTC") })
		},
		func() {
			l.edit("-stop", func(in *scheduler.UpdateScheduleInput) { in.State = schedtypes.ScheduleStateDisabled })
		},
		func() {
			l.edit("-start", func(in *scheduler.UpdateScheduleInput) {
				in.Target.DeadLetterConfig = &schedtypes.DeadLetterConfig{Arn: sdk.String(schedQueue)}
			})
		},
		func() {
			l.edit("-stop-at", func(in *scheduler.UpdateScheduleInput) {
				in.Target.RetryPolicy.MaximumEventAgeInSeconds = sdk.Int32(60)
			})
		},
		func() { l.drop("-stop") },
		// What no argument shows.
		func() {
			l.edit("-stop", func(in *scheduler.UpdateScheduleInput) {
				in.Target.Input = sdk.String(`{"InstanceIds":["i-0123456789abcdef0"]}`)
			})
		},
		func() {
			l.edit("-start", func(in *scheduler.UpdateScheduleInput) {
				in.Target.Arn = sdk.String("arn:aws:scheduler:::aws-sdk:ec2:stopInstances")
			})
		},
		func() {
			l.edit("-stop-at", func(in *scheduler.UpdateScheduleInput) { in.Description = sdk.String("mine now") })
		},
		func() {
			l.edit("-stop-at", func(in *scheduler.UpdateScheduleInput) {
				in.ActionAfterCompletion = schedtypes.ActionAfterCompletionDelete
			})
		},
		func() { l.edit("-stop", func(in *scheduler.UpdateScheduleInput) { in.EndDate = sdk.Time(time.Now()) }) },
	} {
		steps = append(steps, resource.TestStep{
			PreConfig: func() { edit(); l.Recorder.Reset() },
			Config:    config, ConfigPlanChecks: schedPlanned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(l.exist("-start", "-stop", "-stop-at"), func(*terraform.State) error {
				if n := l.Recorder.Count("scheduler", "UpdateSchedule") + l.Recorder.Count("scheduler", "CreateSchedule"); n != 1 {
					return fmt.Errorf("%d changes, wanted one", n)
				}
				if s := l.get("-start"); *s.Target.Arn != "arn:aws:scheduler:::aws-sdk:ec2:startInstances" {
					return fmt.Errorf("%+v", s)
				}
				return nil
			}),
		})
	}
	steps = append(steps,
		resource.TestStep{Config: config, ConfigPlanChecks: unchanged()},
		resource.TestStep{
			PreConfig: func() { l.drop("-stop"); l.drop("-stop-at"); l.drop("-start"); l.Recorder.Reset() },
			Config:    config, ConfigPlanChecks: schedPlanned(plancheck.ResourceActionCreate), Check: l.changes("Create", "Create", "Create"),
		})
	acctest.Test(t, resource.TestCase{Steps: steps})
}

func TestScheduleImport(t *testing.T) {
	l := newSchedLab(t)
	config := l.config(officeHours + "stop_at = \"" + nextYear + "\"\nretry_window = \"20m\"\nenabled = false\n")
	id := "default/cml-" + l.id
	block := func(id string) resource.TestStep {
		return resource.TestStep{ResourceName: sched, ImportState: true, ImportStateId: id, ImportStateKind: resource.ImportBlockWithID}
	}
	refused := func(id, text string) resource.TestStep {
		return resource.TestStep{ResourceName: sched, ImportState: true, ImportStateId: id, ExpectError: says(text)}
	}
	l.foreign("foreign-start", "cron(0 8 * * ? *)")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config},
		{ResourceName: sched, ImportState: true, ImportStateVerify: true, ImportStateId: id},
		block(id), block(id + "@us-east-1"),
		refused("cml-"+l.id, "names no schedule"), refused(id+"@us-east-1a", "names no schedule"), refused("a/b/c", "names no schedule"),
		refused("default/nothing", "there is no schedule default/nothing-start"), refused(id+"@us-west-2", "there is no schedule"),
		refused("default/foreign", "does not do startInstances"),
	}})
}

func TestScheduleImportBlockByIdentity(t *testing.T) {
	acctest.Engine(t, engine.Identity)
	l := newSchedLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config(officeHours)},
		{ResourceName: sched, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
	}})
}

func TestScheduleImportByIdentity(t *testing.T) {
	l := newSchedLab(t, func(o *simulator.Options) {
		o.AWS.Accounts = append(o.AWS.Accounts, aws.Account{ID: "999999999999", Keys: []aws.Key{{AccessKeyID: "AKIASTRANGEREXAMPLE"}}})
	})
	r := l.serve(nil)
	made := r.Create(r.Config(l.arguments(nil)))
	for name, account := range map[string]string{"without account": "", "with account": aws.DefaultAccountID} {
		t.Run(name, func(t *testing.T) {
			again, diags := l.importIdentity(r, account)
			r.Good(diags)
			if plan := r.Planned(again, r.Config(l.arguments(nil))); !plan.Equal(again.State) || protocol.Text(t, again.State, "worker_id") != l.id {
				t.Errorf("%s is imported, planned is %s", again.State, plan)
			}
			if protocol.Text(t, again.State, "stop_schedule_arn") != protocol.Text(t, made.State, "stop_schedule_arn") {
				t.Errorf("%s", again.State)
			}
		})
	}
	stranger := l.serve(map[string]any{"access_key": "AKIASTRANGEREXAMPLE"})
	if _, diags := l.importIdentity(stranger, aws.DefaultAccountID); !protocol.Has(diags, protocol.Failure, "not visible with these credentials") {
		t.Error(protocol.Show(diags))
	}
}

// importIdentity imports by identity and reads, as Terraform 1.12 does.
func (l *schedLab) importIdentity(r *protocol.Resource, account string) (protocol.Kept, []*tfprotov6.Diagnostic) {
	l.t.Helper()
	schemas, err := r.GetResourceIdentitySchemas(l.t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		l.t.Fatal(err)
	}
	typ := schemas.IdentitySchemas["cml_worker_schedule"].ValueType()
	value := func(s string) tftypes.Value {
		if s == "" {
			return tftypes.NewValue(tftypes.String, nil)
		}
		return tftypes.NewValue(tftypes.String, s)
	}
	data, err := tfprotov6.NewDynamicValue(typ, tftypes.NewValue(typ, map[string]tftypes.Value{
		"id": value("default/cml-" + l.id), "region": value(""), "account_id": value(account),
	}))
	if err != nil {
		l.t.Fatal(err)
	}
	resp, err := r.ImportResourceState(l.t.Context(), &tfprotov6.ImportResourceStateRequest{
		TypeName: "cml_worker_schedule", Identity: &tfprotov6.ResourceIdentityData{IdentityData: &data},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	r.Good(resp.Diagnostics)
	one := resp.ImportedResources[0]
	return r.Read(protocol.Kept{State: r.Value(one.State), Private: one.Private, Identity: one.Identity})
}
