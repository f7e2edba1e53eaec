package worker_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const region = "us-east-1"

var (
	image   = aws.SeededID("ami", region, aws.SerialImage290)
	subnetA = aws.SeededID("subnet", region, aws.SerialSubnetA)
	subnetB = aws.SeededID("subnet", region, aws.SerialSubnetB)
	groupID = aws.SeededID("sg", region, aws.SerialGroupCML)
)

// config is a worker "lab" whose body is the smallest one plus extra.
func config(w *acctest.World, provider, extra string) string {
	return w.Provider(provider) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  subnet_ids         = [%q]
  security_group_ids = [%q]
  %s
}
`, image, subnetA, groupID, extra)
}

const plainType = `instance_type = "m8i.2xlarge"`

func value(attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("cml_worker.lab", tfjsonpath.New(attribute), check)
}

func TestBasic(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config(w, w.Controller(false), plainType),
			ConfigStateChecks: []statecheck.StateCheck{
				value("instance_state", knownvalue.StringExact("running")),
				value("service_status", knownvalue.StringExact("available")),
				value("cml_ready", knownvalue.Bool(true)),
				value("connectable", knownvalue.Bool(true)),
				value("instance_type", knownvalue.StringExact("m8i.2xlarge")),
				value("public_ip", knownvalue.NotNull()),
				value("url", knownvalue.NotNull()),
			},
		},
		{
			Config:           config(w, w.Controller(false), plainType),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
	}})
}
