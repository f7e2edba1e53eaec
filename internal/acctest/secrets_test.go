package acctest_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// What must not be seen anywhere. None of it is part of another text.
const (
	plantedUserData  = "planted-user-data-5c3f"
	plantedPassword  = "planted-password-91d2"
	plantedWrong     = "planted-wrong-pw-77aa"
	plantedAccessKey = "planted-secret-key-e04b"
	plantedHeader    = "planted-header-2b6e"
)

const leaky = `
terraform {
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

variable "password" {
  type      = string
  ephemeral = true
}

variable "user_data" {
  type      = string
  ephemeral = true
}

provider "cml" {
  controller = {
    username        = "admin"
    password        = var.password
    request_headers = { X-Gate = "` + plantedHeader + `" }
  }
}

resource "cml_worker" "lab" {
  name                 = "lab-01"
  ami_id               = "AMI"
  instance_type        = "m8i.2xlarge"
  user_data_wo         = var.user_data
  user_data_wo_version = 1
  readiness            = { until = "healthy" }
}

resource "cml_worker_power" "lab" {
  worker_id  = cml_worker.lab.id
  controller = cml_worker.lab.controller
  state      = "running"
}
`

// TestSecretsStaySecret runs a real engine with everything logged and looks for
// what was planted: in what it prints and logs, in plans and in the state, when
// all goes well and when it does not.
func TestSecretsStaySecret(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the provider")
	}
	e := acctest.Engine(t, engine.WriteOnly)
	box, err := sandbox.New(t.Context(), e, simulator.Options{CML: cml.Options{Admin: cml.Credentials{Username: "admin", Password: plantedPassword}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := box.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	box.Set("TF_LOG=TRACE", "AWS_SECRET_ACCESS_KEY="+plantedAccessKey, "AWS_SESSION_TOKEN=", "TF_VAR_password="+plantedPassword, "TF_VAR_user_data="+plantedUserData)

	dir := t.TempDir()
	config := strings.ReplaceAll(leaky, `"AMI"`, `"`+aws.SeededID("ami", sandbox.Region, aws.SerialImage290)+`"`)
	// The header is in the configuration, and so in plans; see below.
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	run := func(name string, fails bool, args ...string) {
		t.Helper()
		cmd, after := box.Command(t.Context(), dir, args...)
		defer after()
		out, err := cmd.CombinedOutput()
		seen[name] = string(out)
		if (err != nil) != fails {
			t.Fatalf("%s: %v\n%s", name, err, tail(out))
		}
	}
	run("init", false, "init", "-no-color")
	run("plan", false, "plan", "-no-color", "-out=plan")
	run("plan as JSON", false, "show", "-json", "plan")
	run("apply", false, "apply", "-no-color", "-auto-approve")
	run("state as JSON", false, "show", "-json")
	box.Set("TF_VAR_password=" + plantedWrong)
	run("refresh with a wrong password", false, "plan", "-no-color", "-refresh-only")
	box.Set("TF_VAR_password=" + plantedPassword)
	box.Simulator.Faults.Add(wire.Rule{Service: "ec2", Operation: "TerminateInstances", Times: 1, Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403}})
	run("destroy that fails", true, "destroy", "-no-color", "-auto-approve")
	state, err := os.ReadFile(filepath.Join(dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	seen["state"] = string(state)

	planted := map[string]string{
		"the user data":  plantedUserData,
		"the password":   plantedPassword,
		"a wrong one":    plantedWrong,
		"the secret key": plantedAccessKey,
	}
	used := map[string]bool{}
	for _, r := range box.Simulator.Recorder.All() {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && r.Service == "cml" {
			planted["a token"] = token
		}
		used["password"] = used["password"] || strings.Contains(string(r.Body), plantedPassword)
		used["wrong"] = used["wrong"] || strings.Contains(string(r.Body), plantedWrong)
		used["header"] = used["header"] || r.Header.Get("X-Gate") == plantedHeader
		used["user data"] = used["user data"] || r.Params.Get("UserData") == base64.StdEncoding.EncodeToString([]byte(plantedUserData))
	}
	if len(used) < 4 || !used["password"] || !used["wrong"] || !used["header"] || !used["user data"] || planted["a token"] == "" {
		t.Fatalf("not everything that was planted was used: %v", used)
	}
	if !strings.Contains(seen["apply"], "[TRACE]") || !strings.Contains(seen["apply"], "worker=lab-01") {
		t.Error("the log does not show what the provider does")
	}
	for where, text := range seen {
		for what, secret := range planted {
			for form, v := range map[string]string{"": secret, " as base64": base64.StdEncoding.EncodeToString([]byte(secret))} {
				if i := strings.Index(text, v); i >= 0 {
					t.Errorf("%s shows %s%s: …%s…", where, what, form, text[max(0, i-200):min(len(text), i+60)])
				}
			}
		}
		// A plan as JSON holds the configuration, as the engine reads it.
		if where != "plan as JSON" && strings.Contains(text, plantedHeader) {
			i := strings.Index(text, plantedHeader)
			t.Errorf("%s shows the header: …%s…", where, text[max(0, i-200):min(len(text), i+60)])
		}
	}
}

func tail(out []byte) []byte { return out[max(0, len(out)-4000):] }
