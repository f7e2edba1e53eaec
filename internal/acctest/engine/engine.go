// Package engine finds the program that runs configurations, Terraform or
// OpenTofu, says what it can do, and gives it an environment in which the
// caller's own settings have no part.
//
// Tests, the demo, `make` and shell scripts (cmd/engine) all come here, so
// that they agree on which program that is.
package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Kind says which of the two engines a program is.
type Kind string

// The two engines.
const (
	Terraform Kind = "terraform"
	OpenTofu  Kind = "tofu"
)

// ParseKind reads the value of the ENGINE variable: empty (any engine),
// "terraform" or "tofu".
func ParseKind(s string) (Kind, error) {
	switch k := Kind(s); k {
	case "", Terraform, OpenTofu:
		return k, nil
	default:
		return "", fmt.Errorf("ENGINE is %q: use terraform or tofu, or leave it unset", s)
	}
}

// String is the name under which people know the engine.
func (k Kind) String() string {
	switch k {
	case Terraform:
		return "Terraform"
	case OpenTofu:
		return "OpenTofu"
	default:
		return "Terraform or OpenTofu"
	}
}

// Version is the release of an engine. A pre-release counts as its release:
// 1.14.0-beta1 has what 1.14 has.
type Version struct{ Major, Minor, Patch int }

// AtLeast reports whether v is major.minor or later.
func (v Version) AtLeast(major, minor int) bool {
	if v.Major != major {
		return v.Major > major
	}
	return v.Minor >= minor
}

// String is the version without a leading v.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Engine is a program that was found, and answered which version it is.
type Engine struct {
	// Path is absolute.
	Path    string
	Kind    Kind
	Version Version
	// Origin says in words where it was found: "TF_ACC_TERRAFORM_PATH", "PATH",
	// "downloaded", "built".
	Origin string
}

// String names the engine for a person: "Terraform 1.11.4 (/usr/bin/terraform)".
func (e Engine) String() string { return fmt.Sprintf("%s %s (%s)", e.Kind, e.Version, e.Path) }

// ProviderHost is the registry host that the engine assumes in a source
// address without one.
func (e Engine) ProviderHost() string {
	if e.Kind == OpenTofu {
		return HostOpenTofu
	}
	return HostTerraform
}

// The registry hosts of source addresses such as "cml-infra/cml".
const (
	HostTerraform = "registry.terraform.io"
	HostOpenTofu  = "registry.opentofu.org"
)

// MinimumMinor is the lowest 1.x release of either engine that runs the
// provider: functions came with Terraform 1.8, which the provider requires.
const MinimumMinor = 8

// ErrNone says that no engine was found and none was to be obtained, or none
// could be.
var ErrNone = errors.New("neither Terraform nor OpenTofu was found")

// answer matches the line of `version` that names program and release. Other
// lines may precede it: OpenTofu warns on standard output when the CLI
// configuration is missing.
var answer = regexp.MustCompile(`(?m)^(Terraform|OpenTofu) v(\d+)\.(\d+)\.(\d+)`)

// versionTimeout bounds `version`, which asks nobody anything.
const versionTimeout = 60 * time.Second

// Inspect runs the program at path to learn what it is.
func Inspect(ctx context.Context, path string) (Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()

	cmd := exec.CommandContext(ctx, path, "version")
	// A missing CLI configuration only earns a warning, and `answer` skips that.
	cmd.Env = append(Clean(os.Environ()), "CHECKPOINT_DISABLE=1")
	out, err := cmd.Output()
	if err != nil {
		return Engine{}, fmt.Errorf("%s version: %w", path, err)
	}
	m := answer.FindStringSubmatch(string(out))
	if m == nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return Engine{}, fmt.Errorf("%s is neither Terraform nor OpenTofu: version answers %q", path, first)
	}
	e := Engine{Path: path, Kind: Terraform}
	if m[1] == "OpenTofu" {
		e.Kind = OpenTofu
	}
	for i, part := range []*int{&e.Version.Major, &e.Version.Minor, &e.Version.Patch} {
		if *part, err = strconv.Atoi(m[i+2]); err != nil {
			return Engine{}, fmt.Errorf("%s answers version %s: %w", path, m[0], err)
		}
	}
	return e, nil
}
