package examples_test

import (
	"errors"
	"os/exec"
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

	invoke := func(action string, want ...string) {
		t.Helper()
		out := output(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve", "-invoke=action."+action+".lab")
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: the engine does not show %q:\n%s", action, w, out)
			}
		}
		if strings.Contains(out, admin.Password) {
			t.Errorf("%s shows the password", action)
		}
	}
	// plan wants changes or none, and returns its text.
	plan := func(changes bool) string {
		t.Helper()
		cmd, after := box.Command(t.Context(), dir, "plan", "-no-color", "-input=false", "-detailed-exitcode")
		defer after()
		out, err := cmd.CombinedOutput()
		var ended *exec.ExitError
		if differs := errors.As(err, &ended) && ended.ExitCode() == 2; differs != changes || err != nil && !differs {
			t.Fatalf("%v, want changes: %t\n%s", err, changes, out)
		}
		return string(out)
	}
	invoke("cml_worker_license_renew", "renewing the licence's authorization", "the registration of the licence was renewed", "is good until")
	plan(false)
	invoke("cml_worker_snapshot", "have begun: snap-", "are complete, to be imported as snap-")
	plan(false)
	invoke("cml_worker_publish_metrics", "sent to CML/Worker: IdleSeconds ", "RunningNodes 0")
	plan(false)
	invoke("cml_worker_license_deregister", "giving the licence back", "was given back")
	if n := len(box.Simulator.CML.SSMS().Registrations()); n != 0 {
		t.Errorf("%d products are counted", n)
	}
	if text := plan(true); !strings.Contains(text, "cml_worker_license.lab will be created") || !strings.Contains(text, "[license_not_released]") {
		t.Errorf("the plan after it:\n%s", text)
	}
	run(t, box, dir, "destroy", "-no-color", "-input=false", "-auto-approve")
}
