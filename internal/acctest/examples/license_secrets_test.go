package examples_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// licensed is a worker with its power and its licence.
const licensed = versions + `
variable "cml_password" { ephemeral = true }
variable "smart_token" { ephemeral = true }
variable "ami_id" {}
variable "subnet_id" {}
variable "security_group_id" {}

provider "cml" {
  controller = { username = "admin", password = var.cml_password }
}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = var.ami_id
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [var.subnet_id]
  security_group_ids = [var.security_group_id]
  readiness          = { interval = "1s" }
}

resource "cml_worker_power" "lab" {
  worker_id  = cml_worker.lab.id
  controller = cml_worker.lab.controller
  state      = "running"
}

resource "cml_worker_license" "lab" {
  worker_id   = cml_worker_power.lab.worker_id
  power_state = cml_worker_power.lab.state
  controller  = cml_worker.lab.controller
  product     = "CML_Enterprise"
  token_wo    = var.smart_token
  on_destroy  = { release = "required" }
}
`

// The registration token and the password of CML are in nothing that an engine
// writes or prints: not in the state, the plan or its logs, and not in the text
// of a registration that fails, where CML itself quotes the token.
func TestLicenseSecretsStayOut(t *testing.T) {
	box := newSandbox(t, engine.WriteOnly)
	noEnvironment(box)
	const (
		password = "planted-9c1e-pa55word"
		good     = "cGxhbnRlZC1nb29kLXRva2Vu%0AMTIzNDU2%3D%3D"
		bad      = "cGxhbnRlZC1iYWQtdG9rZW4xMjM0NTY3OA%3D%3D"
	)
	planted := []string{password, "cGxhbnRlZC1nb29kLXRva2Vu", "cGxhbnRlZC1iYWQtdG9rZW4"}
	admin := box.Simulator.CML.Admin()
	admin.Password = password
	box.Simulator.CML.SetAdmin(admin)
	box.Simulator.CML.SSMS().AddToken(good, 1)
	existing(box, password)
	dir := t.TempDir()
	log := filepath.Join(dir, "trace.log")
	write(t, dir, "main.tf", licensed)
	run(t, box, dir, "init", "-no-color", "-input=false")
	var written strings.Builder
	box.Set("TF_LOG=TRACE", "TF_LOG_PATH="+log)

	box.Set("TF_VAR_smart_token=" + bad)
	cmd, after := box.Command(t.Context(), dir, "apply", "-no-color", "-input=false", "-auto-approve")
	out, err := cmd.CombinedOutput()
	after()
	if err == nil || !strings.Contains(string(out), "is not valid") {
		t.Fatalf("the bad token was taken: %v\n%s", err, out)
	}
	written.Write(out)
	written.WriteString(read(t, filepath.Join(dir, "terraform.tfstate")))

	box.Set("TF_VAR_smart_token=" + good)
	run(t, box, dir, "plan", "-no-color", "-input=false", "-out=plan")
	written.WriteString(output(t, box, dir, "show", "-json", "plan"))
	run(t, box, dir, "apply", "-no-color", "-input=false", "plan")
	written.WriteString(read(t, filepath.Join(dir, "terraform.tfstate")))
	if all := box.Simulator.CML.SSMS().Registrations(); len(all) != 1 {
		t.Fatalf("counted: %+v", all)
	}
	// A server that quotes what it refuses.
	box.Simulator.Faults.Add(wire.Rule{Service: "cml", Operation: "POST /authenticate", Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "no account with " + password}})
	cmd, after = box.Command(t.Context(), dir, "plan", "-no-color", "-input=false")
	out, err = cmd.CombinedOutput()
	after()
	if err == nil || !strings.Contains(string(out), "[redacted]") {
		t.Errorf("a refused account: %v\n%s", err, out)
	}
	written.Write(out)
	box.Simulator.Faults.Clear()
	written.WriteString(output(t, box, dir, "destroy", "-no-color", "-input=false", "-auto-approve"))
	if all := box.Simulator.CML.SSMS().Registrations(); len(all) != 0 {
		t.Errorf("still counted: %+v", all)
	}
	trace := read(t, log)
	if !strings.Contains(trace, "cml_worker_license") || !strings.Contains(written.String(), "IN_COMPLIANCE") {
		t.Fatal("the files that are looked at are not those of the run")
	}
	for name, text := range map[string]string{"plan, state and output": written.String(), "log": trace} {
		for _, secret := range planted {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("a secret is in the %s: %s", name, text[max(0, at-300):at])
			}
		}
	}
	if box.Simulator.Recorder.Count("cml", "POST /licensing/registration") < 2 {
		t.Error("nothing was registered")
	}
}
