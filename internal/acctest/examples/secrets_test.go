package examples_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// jwt begins as every token of CML does: {"typ":"JWT", …
var jwt = regexp.MustCompile(`eyJ0eXAi[\w-]+\.[\w-]+\.[\w-]+`)

// What a reference names, and the tokens got with it, are in no file that an
// engine writes: not in the state, not in the plan, not in its logs.
func TestSecretsStayOut(t *testing.T) {
	box := newSandbox(t)
	noEnvironment(box)
	const planted = "planted-7f3a-pa55word"
	admin := box.Simulator.CML.Admin()
	admin.Password = planted
	box.Simulator.CML.SetAdmin(admin)
	box.Simulator.AWS.Region(sandbox.Region).SetSecret("cml/lab", aws.Secret{Text: `{"username": "` + admin.Username + `", "password": "` + planted + `"}`})
	box.Simulator.AWS.Region(sandbox.Region).SetParameter("/cml/lab", planted, true)
	existing(box, "unused")
	dir := t.TempDir()
	log := filepath.Join(dir, "trace.log")
	box.Set("TF_LOG=TRACE", "TF_LOG_PATH="+log)
	config := versions + `
provider "cml" {
  controller = { username = "` + admin.Username + `" }
}

variable "ami_id" {}
variable "subnet_id" {}
variable "security_group_id" {}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = var.ami_id
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [var.subnet_id]
  security_group_ids = [var.security_group_id]
  controller         = { credentials = { secretsmanager_secret_id = "cml/lab" } }
  readiness          = { until = "healthy", interval = "1s" }
}

resource "cml_worker_power" "lab" {
  worker_id = cml_worker.lab.id
  state     = "running"
  controller = {
    tls         = cml_worker.lab.controller.tls
    credentials = { ssm_parameter_name = "/cml/lab" }
  }
  start = { readiness = { until = "healthy", interval = "1s" } }
}

data "cml_worker" "lab" {
  id = cml_worker_power.lab.worker_id
}
`
	if box.Engine.Supports(engine.EphemeralResources) {
		config += `
ephemeral "cml_worker_token" "lab" {
  worker_id      = cml_worker_power.lab.worker_id
  instance_state = cml_worker_power.lab.instance_state
  logout         = true
}
`
	}
	write(t, dir, "main.tf", config)
	run(t, box, dir, "init", "-no-color", "-input=false")
	var written strings.Builder
	for _, step := range []string{"first", "second"} {
		run(t, box, dir, "plan", "-no-color", "-out="+step)
		written.WriteString(output(t, box, dir, "show", "-json", step))
		run(t, box, dir, "apply", "-no-color", step)
		written.WriteString(read(t, filepath.Join(dir, "terraform.tfstate")))
	}
	logins := box.Simulator.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "POST /authenticate" })
	if len(logins) == 0 || box.Simulator.Recorder.Count("ssm", "GetParameter") == 0 || box.Simulator.Recorder.Count("secretsmanager", "GetSecretValue") == 0 {
		t.Fatalf("%d logins: nothing to find", len(logins))
	}
	trace := read(t, log)
	if !strings.Contains(trace, "cml_worker_power") || !strings.Contains(written.String(), "cml/lab") {
		t.Fatal("the files that are looked at are not those of the run")
	}
	for name, text := range map[string]string{"plan and state": written.String(), "log": trace} {
		if at := strings.Index(text, planted); at >= 0 {
			t.Errorf("the password is in the %s: %s", name, text[max(0, at-200):at])
		}
		if at := jwt.FindStringIndex(text); at != nil {
			t.Errorf("a token is in the %s: %s", name, text[max(0, at[0]-200):at[0]])
		}
	}
	run(t, box, dir, "destroy", "-no-color", "-auto-approve")
}
