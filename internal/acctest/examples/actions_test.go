package examples_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// The provider takes the configuration of every action in an example. That
// needs no engine, of which few can read an action.
func TestActionsInExamples(t *testing.T) {
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	server := protocol.Unconfigured(t)
	seen := 0
	for folder, c := range below(t, filepath.Join(root, "examples")) {
		for name, text := range c.files {
			for _, block := range actionBlocks(t, name, text) {
				seen++
				if diags := server.Action(block.name).Validate(block.config); len(diags) > 0 {
					t.Errorf("%s/%s: %s: %s", folder, name, block.name, protocol.Show(diags))
				}
			}
		}
	}
	if files, err := filepath.Glob(filepath.Join(root, "examples", "actions", "*", "action.tf")); err != nil || len(files) == 0 || seen < len(files) {
		t.Errorf("%d actions in %d examples of them, %v", seen, len(files), err)
	}
}

// actionBlock is an action with what its block config says.
type actionBlock struct {
	name   string
	config map[string]any
}

func actionBlocks(t *testing.T, name, text string) []actionBlock {
	t.Helper()
	file, diags := hclsyntax.ParseConfig([]byte(text), name, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	// Whatever refers to something else is not known.
	scope := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.DynamicVal, "local": cty.DynamicVal, "each": cty.DynamicVal, "cml_worker": cty.DynamicVal, "cml_worker_power": cty.DynamicVal}}
	var out []actionBlock
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if b.Type != "action" {
			continue
		}
		action := actionBlock{name: b.Labels[0], config: map[string]any{}}
		for _, config := range b.Body.Blocks {
			for argument, a := range config.Body.Attributes {
				v, diags := a.Expr.Value(scope)
				if diags.HasErrors() {
					t.Fatalf("%s: %s", name, diags)
				}
				action.config[argument] = plain(v)
			}
		}
		out = append(out, action)
	}
	return out
}

// plain is a value in plain Go.
func plain(v cty.Value) any {
	switch {
	case !v.IsKnown():
		return protocol.Unknown{}
	case v.IsNull():
		return nil
	case v.Type() == cty.String:
		return v.AsString()
	case v.Type() == cty.Bool:
		return v.True()
	case v.Type() == cty.Number:
		return v.AsBigFloat()
	case v.Type().IsTupleType():
		out := []any{}
		for _, e := range v.AsValueSlice() {
			out = append(out, plain(e))
		}
		return out
	}
	out := map[string]any{}
	for name, e := range v.AsValueMap() {
		out[name] = plain(e)
	}
	return out
}

// acted is a worker with an action that is invoked by hand, and one that a
// change of something else triggers.
const acted = versions + `
variable "ami_id" {}
variable "subnet_id" {}
variable "security_group_id" {}
variable "cml_password" {}
variable "kernel" {}
variable "on_external_change" { default = "correct" }

provider "cml" {}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = var.ami_id
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [var.subnet_id]
  security_group_ids = [var.security_group_id]
  readiness          = { interval = "1s" }
}

resource "cml_worker_power" "lab" {
  worker_id          = cml_worker.lab.id
  controller         = cml_worker.lab.controller
  state              = "running"
  on_external_change = var.on_external_change
}

action "cml_worker_stop" "s" {
  config {
    worker_id  = cml_worker.lab.id
    controller = cml_worker.lab.controller
    drain      = { maintenance_mode = true }
  }
}

action "cml_worker_start" "s" {
  config {
    worker_id     = cml_worker.lab.id
    controller    = cml_worker.lab.controller
    readiness     = { interval = "1s" }
    license_check = "off"
  }
}

action "cml_worker_reboot" "r" {
  config {
    worker_id  = cml_worker.lab.id
    controller = cml_worker.lab.controller
    readiness  = { interval = "1s" }
  }
}

resource "terraform_data" "kernel" {
  input = var.kernel
  lifecycle {
    action_trigger {
      events  = [before_update]
      actions = [action.cml_worker_reboot.r]
    }
  }
}
`

// A real engine invokes an action, by hand and by a trigger, and shows what it
// tells.
func TestActionInEngine(t *testing.T) {
	box := newSandbox(t, engine.Actions)
	existing(box, box.Simulator.CML.Admin().Password)
	dir := t.TempDir()
	write(t, dir, "main.tf", acted)
	box.Set("TF_VAR_kernel=1")
	run(t, box, dir, "init", "-no-color", "-input=false")
	run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
	for _, in := range box.Simulator.AWS.Region(sandbox.Region).Instances() {
		// Long enough to be seen at the provider's own pace.
		box.Simulator.CML.Machine(in.ID).SetTiming(cml.Timing{Refused: 3 * time.Second})
	}
	reboots := func() int { return box.Simulator.Recorder.Count("ec2", "RebootInstances") }
	if n := reboots(); n != 0 {
		t.Errorf("%d reboots, though nothing asked for one", n)
	}
	invoke(t, box, dir, "cml_worker_reboot.r", "rebooting i-", "CML went down for the reboot", "ready after", "CML is available at https://")
	if n := reboots(); n != 1 {
		t.Errorf("%d reboots", n)
	}
	box.Set("TF_VAR_kernel=2")
	out := output(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
	if n := reboots(); n != 2 || !strings.Contains(out, "CML went down for the reboot") {
		t.Errorf("%d reboots after the trigger:\n%s", n, out)
	}
	run(t, box, dir, "plan", "-no-color", "-input=false", "-detailed-exitcode")

	// What an action does is a change outside Terraform to the resource.
	invoke(t, box, dir, "cml_worker_stop.s", "stopping i-", "is stopped after", "goes with the next start")
	if plan := output(t, box, dir, "plan", "-no-color", "-input=false"); !strings.Contains(plan, `"stopped" -> "running"`) {
		t.Errorf("the plan does not put the state back:\n%s", plan)
	}
	box.Set("TF_VAR_on_external_change=accept")
	run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
	run(t, box, dir, "plan", "-no-color", "-input=false", "-detailed-exitcode")
	invoke(t, box, dir, "cml_worker_start.s", "starting i-", "ready after", "CML is available at https://")
	run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
	run(t, box, dir, "plan", "-no-color", "-input=false", "-detailed-exitcode")
	run(t, box, dir, "destroy", "-no-color", "-input=false", "-auto-approve")
}

// Who interrupts an action is told in which state the worker is.
func TestInterruptedActionInEngine(t *testing.T) {
	box := newSandbox(t, engine.Actions)
	existing(box, box.Simulator.CML.Admin().Password)
	dir := t.TempDir()
	write(t, dir, "main.tf", acted)
	box.Set("TF_VAR_kernel=1")
	run(t, box, dir, "init", "-no-color", "-input=false")
	run(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve")
	for _, in := range box.Simulator.AWS.Region(sandbox.Region).Instances() {
		if err := box.Simulator.CML.Machine(in.ID).HoldPhase(cml.NotReady); err != nil {
			t.Fatal(err)
		}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	cmd, after := box.Command(ctx, dir, "apply", "-no-color", "-input=false", "-auto-approve", "-invoke=action.cml_worker_start.s")
	defer after()
	asked := func() int { return box.Simulator.Recorder.Count("cml", "GET /system_information") }
	before := asked()
	go func() {
		for end := time.Now().Add(time.Minute); asked() < before+3 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		interrupt()
	}()
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is running now") || !strings.Contains(string(out), "invoke the action again") {
		t.Errorf("%v:\n%s", err, out)
	}
}
