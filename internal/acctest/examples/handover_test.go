package examples_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// copyExample copies an example's files.
func copyExample(t *testing.T, name string) string {
	t.Helper()
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "examples", name, "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no example %s: %v", name, err)
	}
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, filepath.Base(file), string(text))
	}
	return dir
}

// One apply makes the worker and, with its token, what cml2 is asked for.
func TestHandover(t *testing.T) {
	box := newSandbox(t, engine.EphemeralResources)
	noEnvironment(box)
	existing(box, box.Simulator.CML.Admin().Password)
	dir := copyExample(t, "cml2-handover")
	run(t, box, dir, "init", "-no-color", "-input=false")
	run(t, box, dir, "apply", "-no-color", "-auto-approve")

	asked := box.Simulator.Recorder.Filter(func(r wire.Record) bool { return r.Service == "cml" && r.Header.Get("User-Agent") == "cml2" })
	if len(asked) != 1 || asked[0].Operation != "GET /authok" || asked[0].StatusCode != 200 || !strings.HasPrefix(asked[0].Header.Get("Authorization"), "Bearer ey") {
		t.Fatalf("cml2 asked %d times: %+v", len(asked), asked)
	}
	machine := box.Simulator.AWS.Region(sandbox.Region).Instances()[0].ID
	if n := box.Simulator.CML.Machine(machine).Sessions(); n != 0 {
		t.Errorf("%d sessions go on after the run", n)
	}
	state := read(t, filepath.Join(dir, "terraform.tfstate"))
	for _, secret := range []string{strings.TrimPrefix(asked[0].Header.Get("Authorization"), "Bearer "), box.Simulator.CML.Admin().Password} {
		if strings.Contains(state, secret) {
			t.Error("a secret is in the state")
		}
	}

	// The next plan has nothing to do, and the end is in order: labs first.
	run(t, box, dir, "plan", "-no-color", "-detailed-exitcode")
	run(t, box, dir, "destroy", "-no-color", "-auto-approve")
}
