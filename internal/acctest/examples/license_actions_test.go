package examples_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
)

// invoked are actions on the worker of licensed.
const invoked = licensed + `
action "cml_worker_license_renew" "lab" {
  config {
    worker_id  = cml_worker.lab.id
    controller = cml_worker.lab.controller
  }
}

action "cml_worker_license_deregister" "lab" {
  config {
    worker_id  = cml_worker.lab.id
    controller = cml_worker.lab.controller
  }
}

action "cml_worker_snapshot" "lab" {
  config {
    worker_id  = cml_worker.lab.id
    controller = cml_worker.lab.controller
  }
}

action "cml_worker_publish_metrics" "lab" {
  config {
    worker_id  = cml_worker.lab.id
    controller = cml_worker.lab.controller
  }
}
`

// What a real engine shows of the actions on a worker, and what the next plan
// has to do after each: nothing, but for a licence that was given back.
func TestLicenseActionsInEngine(t *testing.T) {
	box := newSandbox(t, engine.Actions, engine.WriteOnly)
	noEnvironment(box)
	admin := box.Simulator.CML.Admin()
	admin.Username = "admin"
	box.Simulator.CML.SetAdmin(admin)
	existing(box, admin.Password)
	box.Set("TF_VAR_smart_token=cGxhbnRlZC1nb29kLXRva2Vu%0AMTIzNDU2%3D%3D")
	dir := t.TempDir()
	write(t, dir, "main.tf", invoked)
	run(t, box, dir, "init", "-no-color", "-input=false")
	run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
	machine := box.Simulator.CML.Machine(box.Simulator.AWS.Region(sandbox.Region).Instances()[0].ID)
	soon := time.Now().Add(30 * 24 * time.Hour)
	machine.SetLicenseExpiry(soon, soon)

	secretly := func(action string, want ...string) {
		t.Helper()
		if out := invoke(t, box, dir, action+".lab", want...); strings.Contains(out, admin.Password) {
			t.Errorf("%s shows the password", action)
		}
	}
	unchanged := func() {
		t.Helper()
		run(t, box, dir, "plan", "-no-color", "-input=false", "-detailed-exitcode")
	}
	secretly("cml_worker_license_renew", "renewing the licence's authorization", "the registration of the licence was renewed", "is good until")
	unchanged()
	secretly("cml_worker_snapshot", "have begun: snap-", "are complete, to be imported as snap-")
	unchanged()
	secretly("cml_worker_publish_metrics", "sent to CML/Worker: IdleSeconds ", "RunningNodes 0")
	unchanged()
	secretly("cml_worker_license_deregister", "giving the licence back", "was given back")
	if n := len(box.Simulator.CML.SSMS().Registrations()); n != 0 {
		t.Errorf("%d products are counted", n)
	}
	if text := output(t, box, dir, "plan", "-no-color", "-input=false"); !strings.Contains(text, "cml_worker_license.lab will be created") || !strings.Contains(text, "[license_not_released]") {
		t.Errorf("the plan after it:\n%s", text)
	}
	run(t, box, dir, "destroy", "-no-color", "-input=false", "-auto-approve")
}
