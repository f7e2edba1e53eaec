package examples_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// newSandbox is a sandbox with the provider and the stand-ins for foreign ones.
// It skips the test where there is no engine, or one without a capability.
func newSandbox(t *testing.T, needs ...engine.Capability) *sandbox.Sandbox {
	t.Helper()
	e, err := engine.Find(t.Context(), engine.Options{})
	if errors.Is(err, engine.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range needs {
		if !e.Supports(c) {
			t.Skipf("%s has no %s", e, c)
		}
	}
	box, err := sandbox.New(t.Context(), e, simulator.Options{})
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
	for _, of := range [][2]string{{"ciscodevnet", "cml2"}, {"hashicorp", "aws"}} {
		if err := box.StandIn(t.Context(), "./internal/acctest/cmd/"+of[1], of[0], of[1]); err != nil {
			t.Fatal(err)
		}
	}
	return box
}

// existing sets the variables of an example to what the simulated account has.
func existing(box *sandbox.Sandbox, password string) {
	box.Set(
		"TF_VAR_ami_id="+aws.SeededID("ami", sandbox.Region, aws.SerialImage290),
		"TF_VAR_subnet_id="+aws.SeededID("subnet", sandbox.Region, aws.SerialSubnetA),
		"TF_VAR_security_group_id="+aws.SeededID("sg", sandbox.Region, aws.SerialGroupCML),
		"TF_VAR_cml_password="+password,
	)
}

// noEnvironment leaves the account of CML to the configuration.
func noEnvironment(box *sandbox.Sandbox) { box.Set("CML_USERNAME=", "CML_PASSWORD=") }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// output is what the engine prints.
func output(t *testing.T, box *sandbox.Sandbox, dir string, args ...string) string {
	t.Helper()
	cmd, after := box.Command(context.WithoutCancel(t.Context()), dir, args...)
	defer after()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", box.Engine.Kind, args[0], err, out, &stderr)
	}
	return string(out)
}

// invoke invokes an action of a configuration, and checks and returns what the
// engine shows of it.
func invoke(t *testing.T, box *sandbox.Sandbox, dir, action string, says ...string) string {
	t.Helper()
	out := output(t, box, dir, "apply", "-no-color", "-input=false", "-auto-approve", "-invoke=action."+action)
	for _, want := range says {
		if !strings.Contains(out, want) {
			t.Errorf("the engine does not show %q of %s:\n%s", want, action, out)
		}
	}
	return out
}
