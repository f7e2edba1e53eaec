package acceptance_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

const (
	worker = "cml_worker.lab"
	power  = "cml_worker_power.lab"
)

// name is one that nobody else uses at the same time, so that what a killed run
// leaves can be found by it.
func name() string { return fmt.Sprintf("cml-acc-%d-%d", os.Getpid(), time.Now().Unix()) }

// config is a worker with its power and something that depends on its address.
func (g target) config(name, kind, state, more string) string {
	return g.provider + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name          = %q
  instance_type = %q
%s%s}

resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  controller      = cml_worker.lab.controller
  worker_revision = cml_worker.lab.revision
  state           = %q
}

resource "terraform_data" "dependant" {
  input = { url = cml_worker_power.lab.url }
}
`, name, kind, g.machine, more, state)
}

func is(address, attribute, want string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), knownvalue.StringExact(want))
}

func plans(address string, action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}}
}

// dependantFollows checks that what depends on the address was right in the
// same apply.
func dependantFollows(s *terraform.State) error {
	url := s.RootModule().Resources[power].Primary.Attributes["url"]
	if got := s.RootModule().Resources["terraform_data.dependant"].Primary.Attributes["output.url"]; got != url {
		return fmt.Errorf("the dependant has %q, the worker %q", got, url)
	}
	return nil
}

// A worker from nothing to ready, stopped, started, resized, renamed, imported
// and destroyed.
func TestLifeOfAWorker(t *testing.T) {
	g, first := newTarget(t), name()
	second := first + "-b"
	unchanged := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	tags := "  tags = { Purpose = \"acceptance\" }\n"
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: g.config(first, g.types[0], "running", ""), Check: dependantFollows,
			ConfigStateChecks: []statecheck.StateCheck{is(worker, "instance_state", "running"), is(power, "instance_state", "running"), is(worker, "instance_type", g.types[0])},
		},
		{Config: g.config(first, g.types[0], "running", ""), ConfigPlanChecks: unchanged},
		{
			Config: g.config(second, g.types[0], "running", tags), ConfigPlanChecks: plans(worker, plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{is(worker, "name", second)},
		},
		{
			Config: g.config(second, g.types[0], "stopped", tags), ConfigPlanChecks: plans(power, plancheck.ResourceActionUpdate), Check: dependantFollows,
			ConfigStateChecks: []statecheck.StateCheck{is(power, "instance_state", "stopped")},
		},
		{Config: g.config(second, g.types[0], "stopped", tags), ConfigPlanChecks: unchanged},
		{
			Config: g.config(second, g.types[0], "running", tags), ConfigPlanChecks: plans(power, plancheck.ResourceActionUpdate), Check: dependantFollows,
			ConfigStateChecks: []statecheck.StateCheck{is(power, "instance_state", "running"), is(power, "service_status", "available")},
		},
		{
			Config: g.config(second, g.types[1], "running", tags), ConfigPlanChecks: plans(worker, plancheck.ResourceActionUpdate), Check: dependantFollows,
			ConfigStateChecks: []statecheck.StateCheck{is(worker, "instance_type", g.types[1])},
		},
		{Config: g.config(second, g.types[1], "running", tags), ConfigPlanChecks: unchanged},
		{
			ResourceName: worker, ImportState: true, ImportStateVerify: true,
			// What is only wished for, or what a server need not tell.
			ImportStateVerifyIgnore: []string{"metadata_options", "subnet_ids", "revision", "timeouts", "readiness", "license_status", "license_expires_at"},
		},
	}})
}

// A look-up from another configuration needs the name alone.
func TestLookUp(t *testing.T) {
	g, n := newTarget(t), name()
	look := fmt.Sprintf("\ndata \"cml_worker\" \"found\" {\n  name       = %q\n  depends_on = [cml_worker_power.lab]\n}\n", n)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: g.config(n, g.types[0], "running", "") + look,
		Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttrPair("data.cml_worker.found", "id", worker, "id"),
			resource.TestCheckResourceAttrPair("data.cml_worker.found", "url", power, "url")),
	}}})
}
