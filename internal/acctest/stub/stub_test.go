package stub_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/stub"
)

// madeUp is the form of ids.
var madeUp = regexp.MustCompile(`^stub-[0-9a-f]{16}$`)

func TestMain(m *testing.M) { acctest.Main(m) }

// A resource keeps what it is given, and has an id of its own.
func TestStoresWhatItIsGiven(t *testing.T) {
	const address = "aws_instance.a"
	step := func(tags string, action plancheck.ResourceActionType) resource.TestStep {
		return resource.TestStep{
			Config: `
provider "aws" { region = "us-east-1" }
resource "aws_instance" "a" {
  ami                    = "ami-1"
  monitoring             = true
  vpc_security_group_ids = ["sg-2", "sg-1"]
  tags                   = ` + tags + `
}
resource "aws_ec2_instance_state" "a" {
  instance_id = aws_instance.a.id
  state       = "stopped"
}`,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}},
			Check: resource.ComposeAggregateTestCheckFunc(
				resource.TestCheckResourceAttr(address, "ami", "ami-1"), resource.TestCheckResourceAttr(address, "vpc_security_group_ids.#", "2"),
				resource.TestCheckResourceAttrPair(address, "id", "aws_ec2_instance_state.a", "instance_id"),
				resource.TestCheckNoResourceAttr(address, "public_ip"), resource.TestMatchResourceAttr(address, "id", madeUp)),
		}
	}
	acctest.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){"aws": stub.AWS().Factory()},
		Steps: []resource.TestStep{
			step(`{ Name = "a" }`, plancheck.ResourceActionCreate),
			step(`{ Name = "a" }`, plancheck.ResourceActionNoop),
			step(`{ Name = "b" }`, plancheck.ResourceActionUpdate),
		},
	})
}
