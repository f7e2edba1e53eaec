package license_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestMain(m *testing.M) { acctest.Main(m) }

const (
	home     = "us-east-1"
	lab      = "cml_worker_license.lab"
	token    = "ZmFrZS10b2tlbi1vZi1hLXRlc3Qt%0AMTIzNDU2Nzg5MA%3D%3D"
	newToken = "bmV3LXRva2VuLW9mLWEtdGVzdA%3D%3D"
)

// setup is one configuration of the tests: worker, power and licence.
type setup struct {
	state, license string
	onDestroy      string // of the worker
	instanceType   string
	power          string // more of the power resource
	noLicense      bool
}

func config(w *acctest.World, s setup) string {
	if s.state == "" {
		s.state = "running"
	}
	if s.instanceType == "" {
		s.instanceType = "m8i.2xlarge"
	}
	text := w.Provider(w.Controller(true)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  instance_type      = %q
  subnet_ids         = [%q]
  security_group_ids = [%q]
  %s
}

resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  worker_revision = cml_worker.lab.revision
  controller      = cml_worker.lab.controller
  state           = %q
  %s
}
`, aws.SeededID("ami", home, aws.SerialImage290), s.instanceType, aws.SeededID("subnet", home, aws.SerialSubnetA), aws.SeededID("sg", home, aws.SerialGroupCML), s.onDestroy, s.state, s.power)
	if s.noLicense {
		return text
	}
	if !strings.Contains(s.license, "token_wo ") {
		s.license += fmt.Sprintf("\n  token_wo = %q", token)
	}
	if !strings.Contains(s.license, "product ") {
		s.license += "\n  product = \"CML_Enterprise\""
	}
	return text + fmt.Sprintf(`
resource "cml_worker_license" "lab" {
  worker_id   = cml_worker_power.lab.worker_id
  power_state = cml_worker_power.lab.state
  controller  = cml_worker.lab.controller
  %s
}
`, s.license)
}

func world(t *testing.T) *acctest.World {
	t.Helper()
	acctest.Engine(t, engine.WriteOnly)
	return acctest.NewWorld(t)
}

// machine is the CML of the one live instance.
func machine(w *acctest.World) (aws.Instance, *cml.Machine) {
	for _, i := range w.AWS.Region(home).Instances() {
		if i.State != "terminated" && i.State != "shutting-down" {
			return i, w.CML.Machine(i.ID)
		}
	}
	return aws.Instance{}, nil
}

func exactly(attribute, want string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(lab, tfjsonpath.New(attribute), knownvalue.StringExact(want))
}

func planned(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(lab, action)}}
}

// order checks that operations were asked in an order, each the last time it was.
func order(w *acctest.World, operations ...string) error {
	last := map[string]int{}
	for _, r := range w.Recorder.All() {
		last[r.Operation] = r.Seq
	}
	for n, operation := range operations {
		if last[operation] == 0 {
			return fmt.Errorf("%s was never asked", operation)
		}
		if n > 0 && last[operation] < last[operations[n-1]] {
			return fmt.Errorf("%s came before %s", operation, operations[n-1])
		}
	}
	return nil
}

func says(text string) *regexp.Regexp {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│|]+`))
}

// A destroy of worker, power and licence in one run releases before it
// terminates, for running and stopped workers.
func TestOrder(t *testing.T) {
	for _, state := range []string{"running", "stopped"} {
		t.Run(state, func(t *testing.T) {
			w := world(t)
			w.CML.SSMS().AddToken(token, 1)
			steps := []resource.TestStep{{
				Config: config(w, setup{license: "extra_nodes = 50\n  on_destroy = { release = \"required\" }"}),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(lab, tfjsonpath.New("region"), knownvalue.StringExact(home)),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					exactly("status", "registered"), exactly("registration_status", "COMPLETED"), exactly("authorization_status", "IN_COMPLIANCE"),
					exactly("smart_account", "Example Smart Account"), exactly("virtual_account", "Lab VA"),
					statecheck.ExpectKnownValue(lab, tfjsonpath.New("node_limit"), knownvalue.Int64Exact(70)),
					statecheck.ExpectKnownValue(lab, tfjsonpath.New("stale"), knownvalue.Bool(false)),
					statecheck.ExpectKnownValue(lab, tfjsonpath.New("inherited"), knownvalue.Bool(false)),
					statecheck.ExpectKnownValue(lab, tfjsonpath.New("token_wo"), knownvalue.Null()),
					statecheck.ExpectKnownValue(lab, tfjsonpath.New("features"), knownvalue.SetSizeExact(2)),
				},
				Check: func(*terraform.State) error {
					all := w.CML.SSMS().Registrations()
					if len(all) != 1 || all[0].Times != 1 || all[0].Nodes != 50 {
						return fmt.Errorf("counted: %+v", all)
					}
					return nil
				},
			}, {
				Config:           config(w, setup{license: "extra_nodes = 50\n  on_destroy = { release = \"required\" }"}),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			}}
			if state == "stopped" {
				steps = append(steps, resource.TestStep{
					Config: config(w, setup{state: "stopped", license: "extra_nodes = 50\n  on_destroy = { release = \"required\" }"}),
					ConfigStateChecks: []statecheck.StateCheck{
						exactly("status", "registered"),
						statecheck.ExpectKnownValue(lab, tfjsonpath.New("stale"), knownvalue.Bool(true)),
					},
				}, resource.TestStep{
					Config:           config(w, setup{state: "stopped", license: "extra_nodes = 50\n  on_destroy = { release = \"required\" }"}),
					ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				})
			}
			acctest.Test(t, resource.TestCase{Steps: steps, CheckDestroy: func(*terraform.State) error {
				if n := len(w.CML.SSMS().Registrations()); n != 0 {
					return fmt.Errorf("%d licences are still counted", n)
				}
				if err := order(w, "DELETE /licensing/deregistration", "TerminateInstances"); err != nil {
					return err
				}
				if n := w.Recorder.Count("cml", "DELETE /licensing/deregistration"); n != 1 {
					return fmt.Errorf("%d de-registrations", n)
				}
				if want := map[string]int{"running": 0, "stopped": 1}[state]; w.Recorder.Count("ec2", "StartInstances") != want {
					return fmt.Errorf("%d starts, want %d", w.Recorder.Count("ec2", "StartInstances"), want)
				}
				return nil
			}})
		})
	}
}

// A worker gives back what it is registered with, also without the resource.
func TestWorkerReleases(t *testing.T) {
	w := world(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: config(w, setup{noLicense: true, onDestroy: `on_destroy = { deregister_license = "required" }`}),
		Check: func(*terraform.State) error {
			_, m := machine(w)
			m.RegisterNow("CML_Enterprise", time.Time{})
			return nil
		},
	}, {
		RefreshState: true,
		Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr("cml_worker.lab", "license_status", "registered"),
			resource.TestCheckResourceAttrSet("cml_worker.lab", "license_expires_at"),
		),
	}}, CheckDestroy: func(*terraform.State) error {
		if n := len(w.CML.SSMS().Registrations()); n != 0 {
			return fmt.Errorf("%d licences are still counted", n)
		}
		return order(w, "DELETE /licensing/deregistration", "TerminateInstances")
	}})
}

// With required, a licence that cannot be given back keeps the machine.
func TestRequiredKeepsTheMachine(t *testing.T) {
	w := world(t)
	refuse := wire.Rule{Service: "cml", Operation: "DELETE /licensing/deregistration", Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "not allowed"}}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{license: `on_destroy = { release = "required" }`})},
		{
			PreConfig:   func() { w.Faults.Add(refuse) },
			Config:      config(w, setup{license: `on_destroy = { release = "required" }`}),
			Destroy:     true,
			ExpectError: says("the worker was left alone"),
		},
		{
			PreConfig: func() {
				w.Faults.Clear()
				if i, _ := machine(w); i.State != "running" {
					t.Errorf("the worker is %q", i.State)
				}
				if w.Recorder.Count("ec2", "TerminateInstances") != 0 {
					t.Error("it was terminated all the same")
				}
			},
			Config:           config(w, setup{license: `on_destroy = { release = "required" }`}),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
	}})
}

// Changes in place, and the ways in which a licence comes and goes.
func TestChanges(t *testing.T) {
	w := world(t)
	w.CML.SSMS().AddToken(token, 4)
	w.CML.SSMS().AddToken(newToken, 1)
	times := func(want int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			all := w.CML.SSMS().Registrations()
			if len(all) != 1 || all[0].Times != want {
				return fmt.Errorf("want %d registrations of one product, counted: %+v", want, all)
			}
			return nil
		}
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{license: "token_wo_version = 1"}), Check: times(1)},
		{ // nodes and transport, without a new registration
			Config: config(w, setup{license: "token_wo_version = 1\n  extra_nodes = 10\n  transport = { ssms = \"https://ssm.example.net/SmartTransport\" }"}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(times(1), resource.TestCheckResourceAttr(lab, "node_limit", "30")),
		},
		{ // a drift of the nodes is seen and mended
			PreConfig: func() {
				_, m := machine(w)
				l := m.License()
				if l.Nodes != 10 {
					t.Errorf("%+v", l)
				}
			},
			Config: config(w, setup{license: "token_wo_version = 1\n  extra_nodes = 10\n  transport = { ssms = \"https://ssm.example.net/SmartTransport\" }\n  on_destroy = { stop_labs = true }"}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: times(1),
		},
		{ // a new token
			Config:           config(w, setup{license: "token_wo_version = 2\n  extra_nodes = 10\n  token_wo = \"" + newToken + "\""}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: times(2),
		},
		{ // expired: planned anew
			PreConfig:        func() { _, m := machine(w); m.SetRegistrationStatus("EXPIRED") },
			Config:           config(w, setup{license: "token_wo_version = 2\n  extra_nodes = 10"}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: times(3),
		},
		{ // another product: given back first
			Config:           config(w, setup{license: "token_wo_version = 2\n  product = \"CML_Personal\""}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(times(1), func(*terraform.State) error {
				return order(w, "DELETE /licensing/deregistration", "PUT /licensing/product_license")
			}),
		},
		{ // gone outside: created again
			PreConfig: func() {
				_, m := machine(w)
				m.SetRegistrationStatus("NOT_REGISTERED")
				w.CML.SSMS().Remove(m.License().UDI)
			},
			Config:           config(w, setup{license: "token_wo_version = 2\n  product = \"CML_Personal\""}),
			ConfigPlanChecks: planned(plancheck.ResourceActionCreate), Check: times(1),
		},
	}})
}

// Wired to the power state: released while stopped, registered after the start.
func TestPowerState(t *testing.T) {
	w := world(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{state: "stopped"}), ExpectError: says("A stopped worker cannot be licensed")},
		{Config: config(w, setup{})},
		{Config: config(w, setup{state: "stopped"})},
		{Config: config(w, setup{state: "stopped", license: "extra_nodes = 4"}), ExpectError: says("The licence of a stopped worker cannot be changed")},
		{
			PreConfig: func() {
				_, m := machine(w)
				m.SetRegistrationStatus("NOT_REGISTERED")
				w.CML.SSMS().Remove(m.License().UDI)
			},
			Config: config(w, setup{}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{exactly("status", "registered"), statecheck.ExpectKnownValue(lab, tfjsonpath.New("stale"), knownvalue.Bool(false))},
			Check: func(*terraform.State) error {
				if n := len(w.CML.SSMS().Registrations()); n != 1 {
					return fmt.Errorf("%d counted", n)
				}
				return order(w, "StartInstances", "POST /licensing/registration")
			},
		},
	}})
}

// A stop that releases, and the start after it that registers again, with one
// licence counted at most.
func TestPowerReleases(t *testing.T) {
	w := world(t)
	const power = "stop = { release_license = true }"
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{power: power})},
		{Config: config(w, setup{power: power, state: "stopped"}), Check: func(*terraform.State) error {
			if n := len(w.CML.SSMS().Registrations()); n != 0 {
				return fmt.Errorf("%d counted while it is stopped", n)
			}
			return order(w, "DELETE /licensing/deregistration", "StopInstances")
		}},
		{Config: config(w, setup{power: power, state: "stopped"}), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
		{Config: config(w, setup{power: power}), Check: func(*terraform.State) error {
			if n := len(w.CML.SSMS().Registrations()); n != 1 {
				return fmt.Errorf("%d counted after the start", n)
			}
			return order(w, "StartInstances", "POST /licensing/registration")
		}},
	}})
}

// A start is held to its licence where that is required.
func TestPowerRequires(t *testing.T) {
	w := world(t)
	const power = `start = { license_check = "require" }`
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{power: power, noLicense: true})},
		{Config: config(w, setup{power: power, noLicense: true, state: "stopped"})},
		{Config: config(w, setup{power: power, noLicense: true}), ExpectError: says("CML has no valid licence after the start")},
		{
			PreConfig: func() {
				i, m := machine(w)
				if i.State != "running" {
					t.Errorf("the worker is %s", i.State)
				}
				soon := time.Now().Add(20 * 24 * time.Hour)
				m.RegisterNow("CML_Enterprise", time.Time{})
				m.SetLicenseExpiry(soon, soon)
			},
			Config: config(w, setup{power: power, noLicense: true, state: "stopped"}),
		},
		{
			Config: config(w, setup{power: `start = { license_check = "require", renew_license = true }`, noLicense: true}),
			Check: func(*terraform.State) error {
				_, m := machine(w)
				if end := m.License().Expires; time.Until(end) < 60*24*time.Hour {
					return fmt.Errorf("not renewed: it ends at %s", end)
				}
				return nil
			},
		},
	}})
}

// An account that CML refuses is an error of refresh, also where the licence is
// known; a CML that does not answer is none.
func TestReadRefused(t *testing.T) {
	w := world(t)
	login := wire.Rule{Service: "cml", Operation: "GET /licensing", Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "not an administrator"}}
	down := wire.Rule{Service: "cml", Operation: "GET /licensing", Fault: wire.Fault{Kind: wire.Error, Status: 502}}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{})},
		{PreConfig: func() { w.Faults.Add(login) }, RefreshState: true, ExpectError: says("Unable to read the licence of CML worker")},
		{PreConfig: func() { w.Faults.Clear(); w.Faults.Add(down) }, RefreshState: true, Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(lab, "stale", "true"), resource.TestCheckResourceAttr(lab, "status", "registered"))},
		{PreConfig: w.Faults.Clear, RefreshState: true, Check: resource.TestCheckResourceAttr(lab, "stale", "false")},
	}})
}

// What came with the image is used only on request, and never released.
func TestInherited(t *testing.T) {
	w := world(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{noLicense: true}), Check: func(*terraform.State) error {
			_, m := machine(w)
			m.RegisterNow("CML_Enterprise", time.Now().Add(-30*24*time.Hour))
			return nil
		}},
		{Config: config(w, setup{}), ExpectError: says("before this instance was launched")},
		{
			Config:            config(w, setup{license: "adopt_inherited = true"}),
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(lab, tfjsonpath.New("inherited"), knownvalue.Bool(true))},
		},
	}, CheckDestroy: func(*terraform.State) error {
		if n := w.Recorder.Count("cml", "DELETE /licensing/deregistration"); n != 0 {
			return fmt.Errorf("%d de-registrations", n)
		}
		return nil
	}})
}

// What ends soon is renewed by the apply after the refresh that sees it.
func TestRenewBefore(t *testing.T) {
	w := world(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{license: "renew_before = \"336h\""})},
		{
			PreConfig: func() {
				_, m := machine(w)
				soon := time.Now().Add(5 * 24 * time.Hour)
				m.SetLicenseExpiry(soon, soon)
			},
			Config: config(w, setup{license: "renew_before = \"336h\""}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: func(*terraform.State) error {
				_, m := machine(w)
				if end := m.License().Expires; time.Until(end) < 60*24*time.Hour {
					return fmt.Errorf("it ends at %s", end)
				}
				return nil
			},
		},
		{Config: config(w, setup{license: "renew_before = \"336h\""}), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
	}})
}

// The errors of a creation leave nothing behind that nobody knows of.
func TestCreateFails(t *testing.T) {
	w := world(t)
	w.CML.SSMS().RejectToken(token)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{license: "token_wo = null # none"}), ExpectError: says("No registration token")},
		{Config: config(w, setup{license: "token_wo = \"has blanks\""}), ExpectError: says("Invalid registration token")},
		{Config: config(w, setup{}), ExpectError: says("is not valid")},
		{
			PreConfig:        func() { w.CML.SSMS().AddToken(newToken, 1) },
			Config:           config(w, setup{license: "token_wo = \"" + newToken + "\""}),
			ConfigPlanChecks: planned(plancheck.ResourceActionCreate),
		},
	}})
}

func TestImportAndLookUp(t *testing.T) {
	w := world(t)
	whole := config(w, setup{}) + `
data "cml_worker_license" "lab" {
  worker_id  = cml_worker_license.lab.worker_id
  controller = cml_worker.lab.controller
}
`
	const look = "data.cml_worker_license.lab"
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: whole, ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue(look, tfjsonpath.New("status"), knownvalue.StringExact("registered")),
			statecheck.ExpectKnownValue(look, tfjsonpath.New("valid"), knownvalue.Bool(true)),
			statecheck.ExpectKnownValue(look, tfjsonpath.New("days_left"), knownvalue.Int64Exact(89)),
			statecheck.ExpectKnownValue(look, tfjsonpath.New("product"), knownvalue.StringExact("CML_Enterprise")),
			statecheck.ExpectKnownValue(look, tfjsonpath.New("inherited"), knownvalue.Bool(false)),
			statecheck.ExpectKnownValue(look, tfjsonpath.New("transport").AtMapKey("proxy"), knownvalue.Null()),
		}},
		{
			ResourceName: lab, ImportState: true, ImportStateVerify: true,
			ImportStateIdFunc: func(s *terraform.State) (string, error) {
				return s.RootModule().Resources[lab].Primary.ID + "@" + home, nil
			},
			ImportStateVerifyIgnore: []string{"power_state", "controller", "token_wo"},
		},
		{
			PreConfig: func() {
				i, _ := machine(w)
				w.AWS.Region(home).StopOutside(i.ID)
				for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
					if now, _ := w.AWS.Region(home).Instance(i.ID); now.State == "stopped" {
						return
					}
				}
			},
			RefreshState: true, ExpectNonEmptyPlan: true,
			Check: resource.ComposeTestCheckFunc(resource.TestCheckResourceAttr(lab, "stale", "true"), resource.TestCheckResourceAttr(lab, "status", "registered")),
		},
		{Config: whole},
	}})
}

// What only the configuration knows, the token above all, comes with one update
// that registers nothing.
func TestImportBlockByIdentity(t *testing.T) {
	acctest.Engine(t, engine.Identity)
	w := world(t)
	forgotten := config(w, setup{noLicense: true}) + `
removed {
  from = cml_worker_license.lab
  lifecycle {
    destroy = false
  }
}
`
	imported := config(w, setup{}) + `
import {
  to       = cml_worker_license.lab
  identity = { id = cml_worker.lab.id, region = cml_worker.lab.region }
}
`
	registered := func(*terraform.State) error {
		if n := w.Recorder.Count("cml", "POST /licensing/registration"); n != 1 {
			return fmt.Errorf("%d registrations", n)
		}
		return nil
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{}), Check: registered},
		{Config: forgotten, Check: registered},
		{Config: imported, ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: registered},
		{Config: imported, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}},
	}})
}

// A worker that vanished leaves the state, and the licence with it.
func TestVanished(t *testing.T) {
	w := world(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, setup{})},
		{
			PreConfig: func() {
				i, _ := machine(w)
				w.AWS.Region(home).TerminateOutside(i.ID)
			},
			Config: config(w, setup{}), ConfigPlanChecks: planned(plancheck.ResourceActionCreate),
		},
	}, CheckDestroy: func(*terraform.State) error {
		// The one that vanished is counted: nobody could release it.
		if n := len(w.CML.SSMS().Registrations()); n != 1 {
			return fmt.Errorf("%d counted", n)
		}
		return nil
	}})
}
