package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// priced is config with the price list in the provider block.
func priced(w *acctest.World, extra string, a args) string {
	return w.Provider(fmt.Sprintf("%s\nendpoints {\n pricing = %q\n}\n%s", w.Controller(false), w.Endpoint(), extra)) + worker(a)
}

const estimate = "hourly_cost_estimate"

func costs(amount float64) statecheck.StateCheck {
	return value(estimate, knownvalue.Float64Exact(amount))
}

// The estimate is unknown where the plan changes what the worker costs, and
// otherwise what the last refresh saw.
func TestHourlyCostEstimate(t *testing.T) {
	w := acctest.NewWorld(t)
	base := func(more args) args {
		all := args{"readiness": `{ until = "running" }`, "root_volume": "{ size_gib = 100 }"}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	unknownCost := func(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return planned(action, unknown(estimate))
	}
	stop := func() {
		r := w.AWS.Region(region)
		i := only(t, w)
		r.StopOutside(i.ID)
		eventually(t, "the machine to stop", func() bool { i, _ := r.Instance(i.ID); return i.State == "stopped" })
	}
	look := fmt.Sprintf("data \"cml_worker\" \"it\" {\n  name = %q\n  depends_on = [cml_worker.lab]\n}\n", "lab-01")
	resized := base(args{"instance_type": `"m8i.4xlarge"`})
	grown := base(args{"instance_type": `"m8i.4xlarge"`, "root_volume": "{ size_gib = 200, iops = 4000 }"})
	named := base(args{"instance_type": `"m8i.4xlarge"`, "root_volume": "{ size_gib = 200, iops = 4000 }", "monitoring": "true"})
	elastic := base(args{"instance_type": `"m8i.4xlarge"`, "root_volume": "{ size_gib = 200, iops = 4000 }", "monitoring": "true", "network": "{ eip = { allocate = true } }"})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		// 0.42336 + 100 × 0.08 / 730 + 0.005
		{Config: priced(w, "", base(nil)), ConfigPlanChecks: unknownCost(plancheck.ResourceActionCreate), ConfigStateChecks: []statecheck.StateCheck{costs(0.439319)}},
		{PreConfig: reset(t, w), Config: priced(w, "", base(nil)), ConfigPlanChecks: unchanged()},
		{Config: priced(w, "", resized), ConfigPlanChecks: unknownCost(plancheck.ResourceActionUpdate), ConfigStateChecks: []statecheck.StateCheck{costs(0.862679)}},
		// 0.84672 + (200 × 0.08 + 1000 × 0.005) / 730 + 0.005
		{Config: priced(w, "", grown), ConfigPlanChecks: unknownCost(plancheck.ResourceActionUpdate), ConfigStateChecks: []statecheck.StateCheck{costs(0.880487)}},
		{
			Config: priced(w, "", named), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownAs(estimate, knownvalue.Float64Exact(0.880487))),
			ConfigStateChecks: []statecheck.StateCheck{costs(0.880487)},
		},
		{Config: priced(w, "", elastic), ConfigPlanChecks: unknownCost(plancheck.ResourceActionUpdate), ConfigStateChecks: []statecheck.StateCheck{costs(0.880487)}},
		// Stopped, it costs its volume and its Elastic IP, and nothing is planned.
		{PreConfig: stop, Config: priced(w, "", elastic), ConfigPlanChecks: unchanged()},
		{RefreshState: true, Check: resource.TestCheckResourceAttr(lab, estimate, "0.033767")},
		{
			Config:            priced(w, "", elastic) + look,
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue("data.cml_worker.it", tfjsonpath.New(estimate), knownvalue.Float64Exact(0.033767))},
		},
		{ResourceName: lab, ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: []string{"readiness", "network", "revision", "nested_virtualization", "user_data_change", "cml_version"}},
		// Nobody has to read prices.
		{PreConfig: reset(t, w), Config: priced(w, "refresh_prices = false", elastic), ConfigPlanChecks: unchanged(), Check: func(*terraform.State) error {
			return count(w.Recorder.Filter(func(r wire.Record) bool { return r.Service == "pricing" }), 0)
		}},
		{RefreshState: true, Check: resource.TestCheckNoResourceAttr(lab, estimate)},
	}})
}

// The estimate of a spot machine is the present price of its zone.
func TestHourlyCostEstimateOfSpot(t *testing.T) {
	w := acctest.NewWorld(t)
	w.AWS.Region(region).SetSpotPrice("m8i.2xlarge", "us-east-1a", "0.2")
	w.AWS.Region(region).SetSpotPrice("m8i.2xlarge", "us-east-1b", "0.3")
	a := args{"market": `{ type = "spot" }`, "root_volume": "{ size_gib = 73, type = \"gp2\" }", "readiness": `{ until = "running" }`}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: priced(w, "", a), ConfigStateChecks: []statecheck.StateCheck{costs(0.215)}},
	}})
}

// Without the permission the estimate is null, nothing fails, and one warning
// says so for all workers of a run.
func TestHourlyCostEstimateWithoutPrices(t *testing.T) {
	for name, prepare := range map[string]func(*acctest.World){
		"denied": func(w *acctest.World) { w.AWS.Deny(aws.DefaultAccountID, "pricing:GetProducts") },
		"broken": func(w *acctest.World) {
			w.Faults.Add(wire.Rule{Service: "pricing", Fault: wire.Fault{Kind: wire.Error, Code: "InternalErrorException", Status: 400, Message: "no"}})
		},
		"garbage": func(w *acctest.World) {
			w.Faults.Add(wire.Rule{Service: "pricing", Fault: wire.Fault{Kind: wire.Garbage}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			prepare(w)
			three := args{"count": "3", "name": `"lab-${count.index}"`, "readiness": `{ until = "running" }`}
			// Each run has a provider, and so an ear, of its own.
			var mu sync.Mutex
			var runs []*ear
			factories := map[string]func() (tfprotov6.ProviderServer, error){"cml": func() (tfprotov6.ProviderServer, error) {
				mu.Lock()
				defer mu.Unlock()
				e := new(ear)
				runs = append(runs, e)
				return e.factories()["cml"]()
			}}
			acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{
				{Config: priced(w, "", three), Check: resource.TestCheckNoResourceAttr(lab+".0", estimate)},
				{RefreshState: true},
			}})
			var heard []string
			for _, e := range runs {
				said := slices.DeleteFunc(slices.Clone(e.elsewhere), func(text string) bool { return !strings.Contains(text, "[price_unknown]") })
				if len(said) > 1 {
					t.Errorf("%d warnings in one run: %q", len(said), said)
				}
				heard = append(heard, said...)
			}
			if len(heard) == 0 {
				t.Fatal("no run said that prices are not known")
			}
			if name == "denied" && !strings.Contains(heard[0], "pricing:GetProducts") {
				t.Errorf("%q", heard)
			}
		})
	}
}
