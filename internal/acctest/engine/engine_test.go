package engine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

// program writes an executable into dir that answers `version` with the given
// text, and returns its path.
func program(t *testing.T, dir, name, answer string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	script := fmt.Sprintf("#!/bin/sh\ncat <<'EOT'\n%s\nEOT\n", answer)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	terraform111 = "Terraform v1.11.4\non linux_amd64"
	terraform15  = "Terraform v1.5.7\non linux_amd64"
	tofu112      = "\nWarning: Unable to open CLI configuration file\n\nOpenTofu v1.12.6\non linux_amd64"
)

func TestInspect(t *testing.T) {
	for name, c := range map[string]struct {
		answer  string
		want    engine.Engine
		wantErr string
	}{
		"terraform":                   {answer: terraform111, want: engine.Engine{Kind: engine.Terraform, Version: engine.Version{Major: 1, Minor: 11, Patch: 4}}},
		"a pre-release":               {answer: "Terraform v1.14.0-beta2\n", want: engine.Engine{Kind: engine.Terraform, Version: engine.Version{Major: 1, Minor: 14}}},
		"tofu, a warning comes first": {answer: tofu112, want: engine.Engine{Kind: engine.OpenTofu, Version: engine.Version{Major: 1, Minor: 12, Patch: 6}}},
		"something else":              {answer: "GNU Make 4.3", wantErr: `"GNU Make 4.3"`},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Path = program(t, t.TempDir(), "program", c.answer)
			got, err := engine.Inspect(t.Context(), c.want.Path)
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want one with %s", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	type place struct{ order, path, kept map[string]string }
	for name, c := range map[string]struct {
		at      place
		want    engine.Kind
		found   string
		kind    engine.Kind
		wantErr string
	}{
		"terraform before tofu": {
			at:    place{path: map[string]string{"terraform": terraform111, "tofu": tofu112}},
			found: "path/terraform", kind: engine.Terraform,
		},
		"tofu alone": {
			at:    place{path: map[string]string{"tofu": tofu112}},
			found: "path/tofu", kind: engine.OpenTofu,
		},
		"tofu wanted": {
			at:   place{path: map[string]string{"terraform": terraform111, "tofu": tofu112}},
			want: engine.OpenTofu, found: "path/tofu", kind: engine.OpenTofu,
		},
		"too old is passed over": {
			at:    place{path: map[string]string{"terraform": terraform15, "tofu": tofu112}},
			found: "path/tofu", kind: engine.OpenTofu,
		},
		"tofu under the name of terraform is passed over": {
			at:    place{path: map[string]string{"terraform": tofu112}, kept: map[string]string{"terraform": terraform111}},
			found: "tools/engine/terraform", kind: engine.Terraform,
		},
		"PATH before what was obtained": {
			at:    place{path: map[string]string{"tofu": tofu112}, kept: map[string]string{"terraform": terraform111}},
			found: "path/tofu", kind: engine.OpenTofu,
		},
		"an order wins": {
			at:    place{order: map[string]string{"mine": tofu112}, path: map[string]string{"terraform": terraform111}},
			found: "order/mine", kind: engine.OpenTofu,
		},
		"an order that contradicts ENGINE": {
			at:   place{order: map[string]string{"mine": terraform111}, path: map[string]string{"tofu": tofu112}},
			want: engine.OpenTofu, wantErr: "ENGINE asks for OpenTofu",
		},
		"an order that is no engine": {
			at:      place{order: map[string]string{"mine": "hello"}, path: map[string]string{"terraform": terraform111}},
			wantErr: "TF_ACC_TERRAFORM_PATH",
		},
		"nothing": {wantErr: "neither Terraform nor OpenTofu was found"},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			for dir, programs := range map[string]map[string]string{
				"order": c.at.order, "path": c.at.path, filepath.Join("tools", "engine"): c.at.kept,
			} {
				for name, answer := range programs {
					program(t, filepath.Join(top, dir), name, answer)
				}
			}
			// The scripts need cat, which is on none of the folders above.
			t.Setenv("PATH", filepath.Join(top, "path")+string(os.PathListSeparator)+only(t, top, "cat"))
			t.Setenv("TF_ACC_TERRAFORM_PATH", "")
			for name := range c.at.order {
				t.Setenv("TF_ACC_TERRAFORM_PATH", filepath.Join(top, "order", name))
			}

			got, err := engine.Find(t.Context(), engine.Options{Want: c.want, Dir: filepath.Join(top, "tools")})
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Fatalf("error %v, want one with %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(top, filepath.FromSlash(c.found)); got.Path != want || got.Kind != c.kind {
				t.Errorf("found %s (%s), want %s", got, got.Kind, want)
			}
		})
	}
}

// only returns a folder that holds nothing but a link to one program of this
// machine.
func only(t *testing.T, top, name string) string {
	t.Helper()
	dir := filepath.Join(top, "bin")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"/bin", "/usr/bin"} {
		if _, err := os.Stat(filepath.Join(from, name)); err == nil {
			if err := os.Symlink(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	t.Skipf("no %s on this machine", name)
	return ""
}

func TestFindNothingIsErrNone(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("TF_ACC_TERRAFORM_PATH", "")
	_, err := engine.Find(t.Context(), engine.Options{Dir: t.TempDir()})
	if !errors.Is(err, engine.ErrNone) {
		t.Errorf("error %v, want ErrNone", err)
	}
}

func TestSupports(t *testing.T) {
	all := []engine.Capability{
		engine.Functions, engine.MoveState, engine.EphemeralResources, engine.WriteOnly,
		engine.Identity, engine.ListResources, engine.Actions,
	}
	for _, c := range []struct {
		kind  engine.Kind
		minor int
		has   int // how many of all, in their order
	}{
		{engine.Terraform, 7, 0},
		{engine.Terraform, 8, 2},
		{engine.Terraform, 10, 3},
		{engine.Terraform, 11, 4},
		{engine.Terraform, 12, 5},
		{engine.Terraform, 13, 5},
		{engine.Terraform, 14, 7},
		{engine.OpenTofu, 7, 1},
		{engine.OpenTofu, 10, 2},
		{engine.OpenTofu, 11, 4},
		{engine.OpenTofu, 12, 5},
		{engine.OpenTofu, 14, 5},
	} {
		e := engine.Engine{Kind: c.kind, Version: engine.Version{Major: 1, Minor: c.minor}}
		for i, capability := range all {
			if got, want := e.Supports(capability), i < c.has; got != want {
				t.Errorf("%s 1.%d, %s: %t, want %t", c.kind, c.minor, capability, got, want)
			}
		}
	}
}

func TestClean(t *testing.T) {
	in := []string{
		"PATH=/bin", "HOME=/root", "AWS_PROFILE=work", "AWS_ACCESS_KEY_ID=x", "TF_LOG=TRACE", "TF_VAR_region=eu",
		"TOFU_CPU_PROFILE=x", "CML_PASSWORD=secret", "CML_ACC_ENDPOINT_EC2=http://127.0.0.1:1", "TF_ACC=", "CMLX=1",
	}
	got := strings.Join(engine.Clean(in, "TF_ACC", "CML_ACC_ENDPOINT_*"), " ")
	want := "PATH=/bin HOME=/root CML_ACC_ENDPOINT_EC2=http://127.0.0.1:1 TF_ACC= CMLX=1"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPin(t *testing.T) {
	e := engine.Engine{Path: "/opt/tofu", Kind: engine.OpenTofu}
	for name, c := range map[string]struct {
		account string
		profile string
	}{
		"against the simulator":  {account: "", profile: ""},
		"against a real account": {account: "1", profile: "work"},
	} {
		t.Run(name, func(t *testing.T) {
			// Setenv makes the test put back what Pin changes.
			for _, key := range []string{
				"TF_IN_AUTOMATION", "TF_INPUT", "CHECKPOINT_DISABLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
				"AWS_EC2_METADATA_DISABLED", "TF_ACC_TERRAFORM_PATH", "TF_ACC_PROVIDER_HOST", "TF_ACC_PROVIDER_NAMESPACE",
			} {
				t.Setenv(key, "")
			}
			t.Setenv("TF_ACC", c.account)
			t.Setenv("TF_CLI_CONFIG_FILE", "/missing")
			t.Setenv("AWS_PROFILE", "work")
			t.Setenv("CML_PASSWORD", "secret")
			t.Setenv("CML_ACC_ENDPOINT_EC2", "http://127.0.0.1:1")

			if err := e.Pin(t.TempDir()); err != nil {
				t.Fatal(err)
			}
			for key, want := range map[string]string{
				"TF_ACC_TERRAFORM_PATH":     "/opt/tofu",
				"TF_ACC_PROVIDER_HOST":      "registry.opentofu.org",
				"TF_ACC_PROVIDER_NAMESPACE": "cml-infra",
				"CML_ACC_ENDPOINT_EC2":      "http://127.0.0.1:1",
				"CML_PASSWORD":              "",
				"AWS_PROFILE":               c.profile,
				"TF_ACC":                    c.account,
			} {
				if got := os.Getenv(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			if _, err := os.Stat(os.Getenv("TF_CLI_CONFIG_FILE")); err != nil {
				t.Errorf("TF_CLI_CONFIG_FILE: %v", err)
			}
		})
	}
}
