package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// What a plan asks CML for is asked once each, and only by a plan that stops,
// replaces or destroys: warnings cannot be read from a test of Terraform, so
// the questions are counted.
func TestPlansAskForWhatTheyInterrupt(t *testing.T) {
	w := acctest.NewWorld(t)
	asked := func(operation string) int {
		return len(w.Recorder.Filter(func(r wire.Record) bool { return r.Service == "cml" && strings.HasPrefix(r.Operation, operation) }))
	}
	with := func(a args) string { return w.Provider(w.Controller(true)) + worker(a) }
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: with(nil)},
		{
			PreConfig: func() {
				if _, err := w.CML.Machine(only(t, w).ID).AddLab(cml.Lab{Title: "Branch"}); err != nil {
					t.Fatal(err)
				}
				w.Recorder.Reset()
			},
			Config: with(nil), ConfigPlanChecks: unchanged(),
		},
		{
			PreConfig: func() {
				if n := asked("GET /system_stats") + asked("GET /labs"); n > 0 {
					t.Errorf("an empty plan asked %d times", n)
				}
			},
			Config: with(args{"instance_type": `"m8i.4xlarge"`}), PlanOnly: true, ExpectNonEmptyPlan: true,
		},
		{
			PreConfig: func() {
				if asked("GET /system_stats") == 0 {
					t.Error("a plan that stops the worker did not ask for running nodes")
				}
				w.Recorder.Reset()
			},
			Config: with(args{"ami_id": fmt.Sprintf("%q", newImage)}), PlanOnly: true, ExpectNonEmptyPlan: true,
		},
		{
			PreConfig: func() {
				if asked("GET /labs") == 0 {
					t.Error("a plan that replaces the worker did not ask for its labs")
				}
			},
			Config: with(nil),
		},
	}})
}
