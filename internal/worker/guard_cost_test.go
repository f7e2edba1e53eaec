package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// TestCostOfAPlan plans a new worker under a limit of costs.
func TestCostOfAPlan(t *testing.T) {
	menu := func(types ...string) args {
		return args{"instance_type": "", "instance_types": `["` + strings.Join(types, `", "`) + `"]`}
	}
	rails := func(s string) string { return "guardrails = { " + s + " }" }
	spot := func(more string) args { return args{"market": `{ type = "spot"` + more + ` }`} }
	dear := func(r *aws.Region) {
		r.SetSpotPrice("m8i.2xlarge", "us-east-1a", "0.3")
		r.SetSpotPrice("m8i.2xlarge", "us-east-1b", "0.9")
	}
	const noPrices, noSpot = "pricing:GetProducts", "ec2:DescribeSpotPriceHistory"
	for name, c := range map[string]planCase{
		"below":         {rails: rails("max_hourly_cost = 0.42836")},
		"above":         {rails: rails("max_hourly_cost = 0.42835"), failure: "max_hourly_cost is 0.42835. An hour of this worker would cost more as m8i.2xlarge (at least 0.42836 USD)"},
		"no address":    {rails: rails("max_hourly_cost = 0.4234"), args: args{"network": "{ public_ip = false }"}, warnings: []string{"[private_address_only]"}},
		"with a volume": {rails: rails("max_hourly_cost = 0.5"), args: args{"root_volume": "{ size_gib = 1000 }"}, failure: "m8i.2xlarge (0.537949 USD)"},
		"part of a menu": {rails: rails("max_hourly_cost = 1"), args: menu("r8i.4xlarge", "m8i.2xlarge"),
			warnings: []string{"cost more as r8i.4xlarge (at least 1.11632 USD), by the list prices of the instance type, the root volume and the public address. Left for lab-01: m8i.2xlarge. [types_skipped]"}},
		"none of a menu": {rails: rails("max_hourly_cost = 0.1"), args: menu("r8i.4xlarge", "m8i.2xlarge"), failure: "r8i.4xlarge (at least 1.11632 USD), m8i.2xlarge (at least 0.42836 USD)"},
		"in dollars of Frankfurt": {rails: rails("max_hourly_cost = 0.44"), failure: "m8i.2xlarge (at least 0.445294 USD)", args: args{
			"region": `"eu-central-1"`, "subnet_ids": fmt.Sprintf("[%q]", aws.SeededID("subnet", "eu-central-1", aws.SerialSubnetA)), "security_group_ids": "", "ami_id": `"ami-0123456789abcdef0"`}},

		"spot":                      {rails: rails("max_hourly_cost = 0.2"), args: spot("")},
		"spot above":                {rails: rails("max_hourly_cost = 0.2"), args: spot(""), prepare: dear, failure: "m8i.2xlarge (at least 0.305 USD)"},
		"spot with a highest price": {rails: rails("max_hourly_cost = 0.2"), args: spot(`, max_price = "0.15"`), prepare: dear},
		"spot in several zones": {rails: rails("max_hourly_cost = 0.5"), prepare: dear, failure: "m8i.2xlarge (at least 0.905 USD)", args: args{
			"market": `{ type = "spot" }`, "subnet_ids": fmt.Sprintf("[%q, %q]", subnetA, subnetB)}},
		"spot, not readable":       {rails: rails("max_hourly_cost = 0.5"), args: spot(""), deny: []string{noSpot}, warnings: []string{"policy allows the ec2:DescribeSpotPriceHistory action. [price_unknown]"}},
		"spot, not readable, high": {rails: rails(`max_hourly_cost = 0.5, on_unknown_price = "error"`), args: spot(`, max_price = "0.3"`), deny: []string{noSpot}},

		"denied":           {rails: rails("max_hourly_cost = 5"), deny: []string{noPrices}, warnings: []string{"policy allows the pricing:GetProducts action. [price_unknown]"}},
		"denied, error":    {rails: rails(`max_hourly_cost = 5, on_unknown_price = "error"`), deny: []string{noPrices}, failure: "The price of m8i.2xlarge is not known"},
		"elsewhere":        {rails: rails("max_hourly_cost = 5"), warnings: []string{"`endpoints` replaces EC2 and leaves `pricing` as it is"}},
		"elsewhere, error": {rails: rails(`max_hourly_cost = 5, on_unknown_price = "error"`), failure: "says nothing about another server"},
		"type without price": {rails: rails("max_hourly_cost = 5"), args: args{"instance_type": `"m99.large"`},
			warnings: []string{"[capability_unknown]", "no on-demand price of m99.large for Linux in us-east-1. [price_unknown]"}},
		"part without price, error": {rails: rails(`max_hourly_cost = 5, on_unknown_price = "error"`), args: menu("m99.large", "m8i.2xlarge"),
			warnings: []string{"[capability_unknown]", "Left for lab-01: m8i.2xlarge"}},
		"volume without price": {rails: rails("max_hourly_cost = 0.4"), args: args{"root_volume": `{ size_gib = 10, type = "gp3", throughput = 250 }`}, failure: "m8i.2xlarge"},
		"no limit":             {deny: []string{noPrices}},
		"negative":             {rails: rails("max_hourly_cost = -1"), failure: "max_hourly_cost"},
		"on_unknown_price off": {rails: rails(`max_hourly_cost = 1, on_unknown_price = "off"`), failure: "on_unknown_price"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := priced
			if strings.HasPrefix(name, "elsewhere") {
				provider = func(w *acctest.World, extra string, a args) string { return w.Provider(extra) + worker(a) }
			}
			w, _ := c.run(t, provider)
			if n := w.Recorder.Count("pricing", ""); strings.HasPrefix(name, "no limit") && n > 0 {
				t.Errorf("%d prices asked for without a limit", n)
			}
		})
	}
}

// What is too dear is not launched, whatever comes first in the menu; what the
// plan cannot know is judged in apply, before anything is launched.
func TestTooExpensiveWorkers(t *testing.T) {
	menu := args{"instance_type": "", "instance_types": `["m5zn.metal", "m8i.2xlarge"]`, "readiness": `{ until = "running" }`}
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:            priced(w, "guardrails = { max_hourly_cost = 1 }", menu),
		ConfigPlanChecks:  planned(plancheck.ResourceActionCreate, unknown("instance_type")),
		ConfigStateChecks: []statecheck.StateCheck{exactly("instance_type", "m8i.2xlarge")},
		Check:             func(*terraform.State) error { return count(launches(w), 1) },
	}}})
	for name, c := range map[string]struct{ before, limit, want string }{
		// The image has 64 GiB, which the plan does not know.
		"volume of the image": {"", "0.43", "m8i.2xlarge (0.435374 USD)"},
		"limit known later":   {`resource "terraform_data" "limit" { input = 0.1 }`, "terraform_data.limit.output", "m8i.2xlarge"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:      c.before + priced(w, "guardrails = { max_hourly_cost = "+c.limit+" }", nil),
				ExpectError: says("An hour of this worker would cost more as " + c.want),
			}}})
			if n := w.Recorder.Count("ec2", "RunInstances"); n > 0 {
				t.Errorf("%d launches", n)
			}
		})
	}
}

// Before the launch as at plan, the prices of the worker's own zones count.
func TestSpotIsJudgedInItsZones(t *testing.T) {
	w := acctest.NewWorld(t)
	w.AWS.Region(region).SetSpotPrice("m8i.2xlarge", "us-east-1a", "0.2")
	w.AWS.Region(region).SetSpotPrice("m8i.2xlarge", "us-east-1b", "0.9")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: priced(w, "guardrails = { max_hourly_cost = 0.25 }", args{"market": `{ type = "spot" }`, "readiness": `{ until = "running" }`}),
		Check:  func(*terraform.State) error { return count(launches(w), 1) },
	}}})
}

// A worker that exists is judged where its costs change, and otherwise left
// alone.
func TestCostOfAChange(t *testing.T) {
	w := acctest.NewWorld(t)
	base := func(more args) args {
		all := args{"readiness": `{ until = "running" }`, "root_volume": "{ size_gib = 100 }"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	const limit = "guardrails = { max_hourly_cost = 0.5 }"
	refused := func(a args, want string) resource.TestStep {
		return resource.TestStep{Config: priced(w, limit, base(a)), ExpectError: says(want)}
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: priced(w, limit, base(nil))},
		refused(args{"instance_type": `"m8i.4xlarge"`}, "would cost more as m8i.4xlarge (0.862679 USD)"),
		refused(args{"root_volume": "{ size_gib = 1000 }"}, "would cost more as m8i.2xlarge (0.537949 USD)"),
		refused(args{"instance_type": "", "instance_types": `["m8i.4xlarge", "c8i.2xlarge"]`}, "Below the limit in its menu: c8i.2xlarge (0.390809 USD); put that first."),
		refused(args{"market": `{ type = "spot", max_price = "0.6" }`, "instance_type": `"m8i.4xlarge"`, "subnet_ids": fmt.Sprintf("[%q]", subnetB), "root_volume": "{ size_gib = 1500 }"}, "Worker too expensive"),
		{Config: priced(w, limit, base(args{"root_volume": "{ size_gib = 200 }"})), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate)},
		{Config: priced(w, "guardrails = { max_hourly_cost = 0.1 }", base(args{"root_volume": "{ size_gib = 200 }"})), ConfigPlanChecks: unchanged()},
		{
			PreConfig: reset(t, w), Config: priced(w, "refresh_prices = false\nguardrails = { max_hourly_cost = 0.1 }", base(args{"root_volume": "{ size_gib = 200 }", "monitoring": "true"})),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: func(*terraform.State) error {
				if n := w.Recorder.Count("pricing", ""); n > 0 {
					return fmt.Errorf("%d prices asked for", n)
				}
				return nil
			},
		},
	}})
}
