package mirror_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/mirror"
)

// TestInit lets the engine install from the mirror, without a registry: the
// program is never started by init, so that any file will do.
func TestInit(t *testing.T) {
	e, err := engine.Find(t.Context(), engine.Options{})
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := mirror.Mirror{Dir: filepath.Join(dir, "mirror")}
	// Twice: the second takes the place of the first.
	for range 2 {
		if err := m.Add(program, "cml-infra", "cml", "1.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config.tfrc")
	if err := m.WriteConfig(config, false, "cml-infra/cml"); err != nil {
		t.Fatal(err)
	}

	for name, c := range map[string]struct {
		source  string
		wantErr string
	}{
		"the provider":  {source: "cml-infra/cml"},
		"another's one": {source: "example/other", wantErr: "example/other"},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			hcl := "terraform {\n  required_providers {\n    p = { source = \"" + c.source + "\" }\n  }\n}\n"
			if err := os.WriteFile(filepath.Join(work, "main.tf"), []byte(hcl), 0o600); err != nil {
				t.Fatal(err)
			}
			env, err := engine.Isolation(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), e.Path, "init", "-no-color")
			cmd.Dir = work
			cmd.Env = append(append(engine.Clean(os.Environ()), env...), "TF_CLI_CONFIG_FILE="+config)
			out, err := cmd.CombinedOutput()
			switch {
			case c.wantErr == "" && err != nil:
				t.Errorf("init: %v\n%s", err, out)
			case c.wantErr == "" && !strings.Contains(string(out), "v1.2.3"):
				t.Errorf("init did not install 1.2.3:\n%s", out)
			case c.wantErr != "" && (err == nil || !strings.Contains(string(out), c.wantErr)):
				t.Errorf("init: %v, want a failure that names %s\n%s", err, c.wantErr, out)
			}
		})
	}
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m := mirror.Mirror{Dir: filepath.Join(dir, "mirror")}
	for _, version := range []string{"0.4.0", "99.0.1", "99.0.2", "99.1.0"} {
		if err := m.Add(program, "cml-infra", "cml", version); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Keep("cml-infra", "cml", "99.0.2", "99.0."); err != nil {
		t.Fatal(err)
	}
	for _, host := range mirror.Hosts {
		entries, err := os.ReadDir(filepath.Join(m.Dir, host, "cml-infra", "cml"))
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, entry := range entries {
			left = append(left, entry.Name())
		}
		if got, want := strings.Join(left, " "), "0.4.0 99.0.2 99.1.0"; got != want {
			t.Errorf("%s: left %s, want %s", host, got, want)
		}
	}
}

func TestWriteConfigDirect(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.tfrc")
	if err := (mirror.Mirror{Dir: "/m"}).WriteConfig(file, true, "cml-infra/cml"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const want = `disable_checkpoint = true

provider_installation {
  filesystem_mirror {
    path    = "/m"
    include = ["registry.terraform.io/cml-infra/cml", "registry.opentofu.org/cml-infra/cml"]
  }
  direct {
    exclude = ["registry.terraform.io/cml-infra/cml", "registry.opentofu.org/cml-infra/cml"]
  }
}
`
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
