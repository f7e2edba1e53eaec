// Package mirror lays out providers as a filesystem mirror, from which
// `terraform init` and `tofu init` install without asking any registry
// (https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror).
// Demo, example tests and `make install` use it; dev_overrides would do
// without a mirror, but `init` fails under them.
package mirror

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

// Hosts are the registry hosts that a source address without a host may mean,
// depending on the engine.
var Hosts = []string{engine.HostTerraform, engine.HostOpenTofu}

// Mirror is a folder in the unpacked layout
// HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/terraform-provider-TYPE_vVERSION.
type Mirror struct {
	Dir string
}

// Add puts a provider's program into the mirror, under each of Hosts. It
// replaces what is there, also while an engine runs it.
func (m Mirror) Add(program, namespace, typeName, version string) error {
	for _, host := range Hosts {
		dir := filepath.Join(m.Dir, host, namespace, typeName, version, runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("laying out the provider mirror: %w", err)
		}
		target := filepath.Join(dir, "terraform-provider-"+typeName+"_v"+version)
		if runtime.GOOS == "windows" {
			target += ".exe"
		}
		if err := replace(program, target); err != nil {
			return fmt.Errorf("laying out the provider mirror: %w", err)
		}
	}
	return nil
}

// replace copies from to target by way of a new file, since a program that
// runs cannot be written to.
func replace(from, target string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.CreateTemp(filepath.Dir(target), ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(out.Name()) }()
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if err := os.Chmod(out.Name(), 0o755); err != nil {
		return err
	}
	return os.Rename(out.Name(), target)
}

// Keep removes the versions of a provider that begin with prefix, all but the
// given one.
func (m Mirror) Keep(namespace, typeName, version, prefix string) error {
	for _, host := range Hosts {
		dir := filepath.Join(m.Dir, host, namespace, typeName)
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("looking for earlier builds: %w", err)
		}
		for _, entry := range entries {
			if entry.Name() == version || !strings.HasPrefix(entry.Name(), prefix) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return fmt.Errorf("removing an earlier build: %w", err)
			}
		}
	}
	return nil
}

// WriteConfig writes a CLI configuration (for TF_CLI_CONFIG_FILE) that installs
// the given provider addresses ("cml-infra/cml") from the mirror and, with
// direct, all others from their registries; without it there are no others.
func (m Mirror) WriteConfig(file string, direct bool, addresses ...string) error {
	dir, err := filepath.Abs(m.Dir)
	if err != nil {
		return fmt.Errorf("writing the CLI configuration: %w", err)
	}
	var ours []string
	for _, a := range addresses {
		for _, host := range Hosts {
			ours = append(ours, fmt.Sprintf("%q", path.Join(host, a)))
		}
	}
	list := strings.Join(ours, ", ")
	var b strings.Builder
	fmt.Fprintf(&b, "disable_checkpoint = true\n\nprovider_installation {\n  filesystem_mirror {\n    path    = %q\n    include = [%s]\n  }\n",
		filepath.ToSlash(dir), list)
	if direct {
		fmt.Fprintf(&b, "  direct {\n    exclude = [%s]\n  }\n", list)
	}
	b.WriteString("}\n")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("writing the CLI configuration: %w", err)
	}
	return nil
}

// Build compiles a program of this repository: packagePath is "." for the
// provider itself or "./internal/…"; ldflags may be empty.
func Build(ctx context.Context, packagePath, out, ldflags string) error {
	root, err := engine.Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, engine.GoCommand(), "build", "-buildvcs=false", "-ldflags", ldflags, "-o", out, packagePath)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", packagePath, err, text)
	}
	return nil
}
