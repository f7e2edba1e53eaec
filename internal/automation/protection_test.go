package automation_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// One plan lifts the stop protection of a worker, stops it, and makes what stops
// it later.
func TestOnePlanLiftsProtection(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	worker := func(stop bool) string {
		return l.Provider(l.Controller(false)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
  readiness          = { until = "running" }
  protection         = { stop = %t }
}
`, aws.SeededID("ami", home, aws.SerialImage290), aws.SeededID("subnet", home, aws.SerialSubnetA), aws.SeededID("sg", home, aws.SerialGroupCML), stop)
	}
	stops := fmt.Sprintf(`
resource "cml_worker_power" "lab" {
  worker_id          = cml_worker.lab.id
  state              = "stopped"
  on_external_change = "accept"
}

resource "cml_worker_idle_policy" "lab" {
  worker_id = cml_worker.lab.id
}

resource "cml_worker_schedule" "hours" {
  worker_id = cml_worker.lab.id
  role_arn  = %q
  stop_cron = "0 19 * * ? *"
}
`, schedRole)
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: worker(true)},
		{Config: worker(true) + stops, PlanOnly: true, ExpectError: says("has stop protection")},
		{
			Config: worker(false) + stops, ConfigPlanChecks: planned(plancheck.ResourceActionCreate),
			Check: func(s *terraform.State) error {
				id := s.RootModule().Resources["cml_worker.lab"].Primary.ID
				in, _ := l.AWS.Region(home).Instance(id)
				if _, there := l.alarms()["cml-idle-"+id]; !there || in.State != "stopped" {
					return fmt.Errorf("the machine is %s, its alarm is there: %t", in.State, there)
				}
				return nil
			},
		},
		{Config: worker(false) + stops, ConfigPlanChecks: unchanged()},
	}})
}

// Protection that came after the policy is told by each plan.
func TestIdlePolicyOfWorkerProtectedLater(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	const name = "cml_worker_idle_policy"
	r := l.serve(nil).Resource(name)
	config := r.Config(map[string]any{"worker_id": l.id})
	kept := r.Create(config)
	if diags := r.Plan(kept, config).Diagnostics; len(diags) > 0 {
		t.Errorf("a worker that can be stopped:\n%s", protocol.Show(diags))
	}
	l.AWS.Region(home).SetProtection(l.id, false, true)
	plan := r.Plan(kept, config)
	if len(plan.Diagnostics) != 1 || !protocol.Has(plan.Diagnostics, protocol.Warning, "[stop_protected]") || protocol.Path(plan.Diagnostics[0]) != "worker_id" {
		t.Errorf("a worker that cannot:\n%s", protocol.Show(plan.Diagnostics))
	}
	if got := r.Planned(kept, config); !got.Equal(kept.State) {
		t.Errorf("%s is planned for %s", got, kept.State)
	}
	if diags := l.serve(map[string]any{"suppress_warnings": []any{"stop_protected"}}).Resource(name).Plan(kept, config).Diagnostics; len(diags) > 0 {
		t.Errorf("silenced:\n%s", protocol.Show(diags))
	}
	if _, diags := r.Destroy(t.Context(), kept); len(diags) > 0 {
		t.Errorf("a destroy:\n%s", protocol.Show(diags))
	}
}
