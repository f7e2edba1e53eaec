package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

// licensed is a worker whose provider has credentials of CML.
func licensed(w *acctest.World, a args) string {
	return w.Provider(w.Controller(true)) + worker(a)
}

// Without credentials a destroy asks nobody for a licence, and starts nothing.
func TestDestroyWithoutCredentials(t *testing.T) {
	for _, state := range []string{"running", "stopped"} {
		t.Run(state, func(t *testing.T) {
			w := acctest.NewWorld(t)
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
				{
					Config: config(w, nil),
					Check:  resource.TestCheckResourceAttr(lab, "license_status", "unknown"),
				},
				{PreConfig: func() {
					if state == "stopped" {
						w.AWS.Region(region).StopOutside(only(t, w).ID)
						for only(t, w).State != "stopped" {
							pause()
						}
					}
				}, RefreshState: true},
			}, CheckDestroy: func(*terraform.State) error {
				if n := w.Recorder.Count("ec2", "StartInstances"); n != 0 {
					return fmt.Errorf("%d starts", n)
				}
				for _, operation := range w.Recorder.Operations("cml") {
					if strings.Contains(operation, "licensing") || strings.Contains(operation, "authenticate") {
						return fmt.Errorf("%s was asked", operation)
					}
				}
				return nil
			}})
		})
	}
}

// A stopped worker that was known as unregistered is not started for nothing;
// one that is registered is, before it is terminated.
func TestDestroyStopped(t *testing.T) {
	for name, registered := range map[string]bool{"unregistered": false, "registered": true} {
		t.Run(name, func(t *testing.T) {
			w := acctest.NewWorld(t)
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
				{Config: licensed(w, nil)},
				{PreConfig: func() {
					if registered {
						w.CML.Machine(only(t, w).ID).RegisterNow("CML_Enterprise", time.Time{})
					}
				}, RefreshState: true, Check: resource.TestCheckResourceAttr(lab, "license_status", map[bool]string{true: "registered", false: "evaluation"}[registered])},
				{PreConfig: func() {
					w.AWS.Region(region).StopOutside(only(t, w).ID)
					for only(t, w).State != "stopped" {
						pause()
					}
				}, RefreshState: true},
			}, CheckDestroy: func(*terraform.State) error {
				want := 0
				if registered {
					want = 1
				}
				starts, releases := w.Recorder.Count("ec2", "StartInstances"), w.Recorder.Count("cml", "DELETE /licensing/deregistration")
				if starts != want || releases != want || len(w.CML.SSMS().Registrations()) != 0 {
					return fmt.Errorf("%d starts, %d de-registrations, %d counted", starts, releases, len(w.CML.SSMS().Registrations()))
				}
				return nil
			}})
		})
	}
}

// license_check judges a restart, and not a creation.
func TestLicenseCheck(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: licensed(w, args{"license_check": `"require"`})},
		{
			Config:      licensed(w, args{"license_check": `"require"`, "instance_type": `"m8i.4xlarge"`}),
			ExpectError: says("CML has no valid licence after the restart"),
		},
		{Config: licensed(w, args{"license_check": `"require"`, "instance_type": `"m8i.4xlarge"`}), ConfigPlanChecks: unchanged()},
		{Config: licensed(w, args{"license_check": `"warn"`, "instance_type": `"m8i.2xlarge"`})},
		{
			PreConfig: func() { w.CML.Machine(only(t, w).ID).RegisterNow("CML_Enterprise", time.Time{}) },
			Config:    licensed(w, args{"license_check": `"require"`, "instance_type": `"m8i.4xlarge"`}),
		},
	}})
}
