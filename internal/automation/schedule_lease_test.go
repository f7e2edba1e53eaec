package automation_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
)

// endedLease makes the schedules of a resource whose lease ended an hour ago, as
// an earlier run did, and lets it end. It returns the moment.
func (l *schedLab) endedLease(t *testing.T, more map[string]any) (r *protocol.Resource, kept protocol.Kept, end string) {
	t.Helper()
	end = time.Now().Add(-time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	// Made with a moment to come, and moved to the past behind the provider's back.
	r = l.serve(nil)
	kept = r.Create(r.Config(l.arguments(merge(more, map[string]any{"stop_at": nextYear}))))
	l.moveLease(end)
	l.advance(48 * time.Hour)
	if runs := l.AWS.Region(schedRegion).ScheduleRuns("default", "cml-"+l.id+"-stop-at"); len(runs) != 1 || runs[0].Error != "" {
		t.Fatalf("the lease ran %+v", runs)
	}
	kept, diags := r.Read(kept)
	r.Good(diags)
	return r, kept, end
}

func merge(all ...map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range all {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// A lease that has ended leaves an empty plan, and is not made again.
func TestEndedLease(t *testing.T) {
	l := newSchedLab(t)
	r, kept, end := l.endedLease(t, nil)
	config := l.arguments(map[string]any{"stop_at": end})
	if got := protocol.Text(t, kept.State, "stop_at"); got != end {
		t.Fatalf("stop_at is %s, wanted %s", got, end)
	}
	if plan := r.Planned(kept, r.Config(config)); !plan.Equal(kept.State) {
		t.Errorf("%s is planned for %s", plan, kept.State)
	}

	t.Run("something else changes", func(t *testing.T) {
		l.Recorder.Reset()
		config := merge(config, map[string]any{"retry_window": "1h", "stop_cron": "0 20 * * ? *"})
		done, diags := r.Apply(t.Context(), kept, r.Config(config))
		r.Good(diags)
		if err := l.changes("Update")(nil); err != nil {
			t.Error(err)
		}
		done, diags = r.Read(done)
		r.Good(diags)
		if plan := r.Planned(done, r.Config(config)); !plan.Equal(done.State) {
			t.Errorf("afterwards %s is planned for %s", plan, done.State)
		}
	})
	t.Run("its schedule is deleted", func(t *testing.T) {
		l.drop("-stop-at")
		done, diags := r.Read(kept)
		r.Good(diags)
		if plan := r.Planned(done, r.Config(l.arguments(map[string]any{"stop_at": end, "stop_cron": "0 20 * * ? *", "retry_window": "1h"}))); !plan.Equal(done.State) {
			t.Errorf("%s is planned for %s", plan, done.State)
		}
		kept = done
	})
	t.Run("renewed", func(t *testing.T) {
		done, diags := r.Apply(t.Context(), kept, r.Config(l.arguments(map[string]any{"stop_at": nextYear})))
		r.Good(diags)
		if got := l.names(); !slices.Equal(got, []string{"cml-" + l.id + "-stop", "cml-" + l.id + "-stop-at"}) {
			t.Errorf("the schedules are %q", got)
		}
		if _, diags = r.Destroy(t.Context(), done); len(diags) > 0 {
			t.Error(protocol.Show(diags))
		}
	})
}

// The lease alone: when its schedule is gone too, the resource stays.
func TestEndedLeaseAlone(t *testing.T) {
	l := newSchedLab(t)
	r, kept, end := l.endedLease(t, map[string]any{"stop_cron": nil})
	config := r.Config(l.arguments(map[string]any{"stop_cron": nil, "stop_at": end}))
	imported, diags := l.importIdentity(r, "")
	r.Good(diags)
	l.drop("-stop-at")
	gone, diags := r.Read(kept)
	r.Good(diags)
	for name, from := range map[string]protocol.Kept{"as it is": kept, "imported": imported, "gone": gone} {
		if from.State.IsNull() {
			t.Errorf("%s: the state is empty", name)
			continue
		}
		if plan := r.Planned(from, config); !plan.Equal(from.State) {
			t.Errorf("%s: %s is planned for %s", name, plan, from.State)
		}
	}
	if left, diags := r.Destroy(t.Context(), gone); !left.State.IsNull() || len(diags) > 0 {
		t.Error(protocol.Show(diags))
	}
}

// A lease has to lie in the future when it is written.
func TestLeaseInThePast(t *testing.T) {
	l := newSchedLab(t)
	past := func(moment string) string { return l.config("stop_at = \"" + moment + "\"\n") }
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: past("2020-01-01T00:00:00Z"), PlanOnly: true, ExpectError: says("The lease is over already")},
		{Config: past(nextYear)},
		{Config: past("2020-01-01T00:00:00Z"), ExpectError: says("2020-01-01T00:00:00Z has passed")},
		{Config: past(nextYear), ConfigPlanChecks: unchanged()},
		{
			// Known only in apply.
			Config: l.Provider("") + fmt.Sprintf(`
resource "terraform_data" "end" { input = "2020-01-01T00:00:00Z" }
resource "cml_worker_schedule" "hours" {
  worker_id = %q
  role_arn  = %q
  stop_at   = terraform_data.end.output
}`, l.id, schedRole), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionUpdate), ExpectError: says("The lease is over already"),
		},
		{Config: past(nextYear), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionNoop), Check: func(*terraform.State) error {
			if s := l.get("-stop-at"); *s.ScheduleExpression != "at(2099-12-31T18:00:00)" {
				return fmt.Errorf("the lease is %s", *s.ScheduleExpression)
			}
			return nil
		}},
	}})
}
