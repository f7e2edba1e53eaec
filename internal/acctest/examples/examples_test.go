package examples_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
)

// configuration is one root module that users may copy.
type configuration struct {
	// files by name, with their text.
	files map[string]string
	// planned is false where a plan asks for a worker that has to exist.
	planned bool
}

// placed is what examples take as the defaults of a region.
const placed = `{"ami_id": "ami-0123456789abcdef0", "subnet_ids": ["subnet-0123456789abcdef0"], "security_group_ids": ["sg-0123456789abcdef0"]}`

func TestExamples(t *testing.T) {
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	box := newSandbox(t)
	// Values of the variables that examples leave to their reader.
	box.Set(
		"TF_VAR_ami_id=ami-0123456789abcdef0",
		"TF_VAR_subnet_id=subnet-0123456789abcdef0",
		"TF_VAR_security_group_id=sg-0123456789abcdef0",
		`TF_VAR_region_defaults={"us-east-1": `+placed+`, "us-west-2": `+placed+`}`,
		`TF_VAR_known_worker_ids=["i-0123456789abcdef0"]`,
		"TF_VAR_cml_password=not-a-secret",
		"TF_VAR_admin_password=not-a-secret",
		"TF_VAR_smart_token=not-a-token",
		"TF_VAR_publisher_secret_arn=arn:aws:secretsmanager:us-east-1:123456789012:secret:cml/publisher-AbCdEf",
	)

	all := below(t, filepath.Join(root, "examples"))
	all["README.md"] = readme(t, filepath.Join(root, "README.md"))
	for name, c := range all {
		t.Run(name, func(t *testing.T) { check(t, box, c) })
	}
}

// What only some engines can read, and how it begins.
var beyond = map[engine.Capability]*regexp.Regexp{
	engine.EphemeralResources: regexp.MustCompile(`(?m)^(ephemeral "|\s*ephemeral\s*=\s*true)`),
	// Their configurations are checked without an engine, too (actions_test.go).
	engine.Actions: regexp.MustCompile(`(?m)^(action "|\s*action_trigger )`),
}

func check(t *testing.T, box *sandbox.Sandbox, c configuration) {
	dir := t.TempDir()
	for _, text := range c.files {
		for needed, begins := range beyond {
			if begins.MatchString(text) && !box.Engine.Supports(needed) {
				t.Skipf("%s has no %s", box.Engine, needed)
			}
		}
	}
	for name, text := range c.files {
		// Import by identity needs a newer engine than the rest.
		if name == "import-by-identity.tf" && !box.Engine.Supports(engine.Identity) {
			continue
		}
		write(t, dir, name, text)
	}
	run(t, box, dir, "init", "-no-color", "-input=false")
	run(t, box, dir, "validate", "-no-color")
	if !c.planned {
		return
	}
	// An import asks for a worker that has to exist.
	for name := range c.files {
		if strings.HasPrefix(name, "import") {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(t, box, dir, "plan", "-no-color", "-input=false")
}

func run(t *testing.T, box *sandbox.Sandbox, dir string, args ...string) {
	t.Helper()
	cmd, after := box.Command(t.Context(), dir, args...)
	defer after()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", box.Engine.Kind, args[0], err, out)
	}
}

// versions is what the registry's pages leave out of every example.
const versions = `terraform {
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}
`

// below finds each folder with configurations.
func below(t *testing.T, root string) map[string]configuration {
	t.Helper()
	all := map[string]configuration{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".tf" {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		c, known := all[folder]
		if !known {
			c = configuration{files: map[string]string{}, planned: folder != "auto-pause" && folder != "checks" && !strings.HasPrefix(folder, "data-sources") && !strings.HasPrefix(folder, "ephemeral-resources")}
			all[folder] = c
		}
		c.files[filepath.Base(path)] = string(text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("no example below %s", root)
	}
	for _, c := range all {
		complete := func(text string) bool { return strings.Contains(text, "required_providers") }
		if !slices.ContainsFunc(slices.Collect(maps.Values(c.files)), complete) {
			c.files["versions.tf"] = versions
		}
	}
	return all
}

var fence = regexp.MustCompile("(?ms)^```terraform\n(.*?\n)```$")

// readme takes the configurations out of the README: together they are one
// root module.
func readme(t *testing.T, path string) configuration {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blocks := fence.FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no configuration")
	}
	c := configuration{planned: true, files: map[string]string{
		"variables.tf": "variable \"cml_password\" {\n  type      = string\n  sensitive = true\n}\n",
	}}
	for i, block := range blocks {
		c.files[string(rune('a'+i))+".tf"] = block[1]
	}
	return c
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
