package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Options of Find. The zero value is right for tests: any engine that is
// already there.
type Options struct {
	// Want insists on one engine; empty takes the first that is found.
	Want Kind
	// Obtain allows to download Terraform, or else to build OpenTofu, when none
	// is there. Both are kept below Dir.
	Obtain bool
	// Dir is where obtained engines are kept; empty: .tools of this repository.
	Dir string
	// Progress gets a line for whatever takes long or is passed over; nil: none.
	Progress io.Writer
}

// Find returns the engine to use. It looks, in this order, at
//
//  1. TF_ACC_TERRAFORM_PATH, which is an order: a program there that does not
//     work, or is not the wanted one, is an error;
//  2. terraform, then tofu, on the PATH;
//  3. what an earlier call obtained;
//  4. with Obtain: a Terraform download, where releases can be reached;
//  5. with Obtain: OpenTofu, built from the Go module proxy.
//
// A program older than MinimumMinor is passed over. Nothing found is ErrNone.
func Find(ctx context.Context, o Options) (Engine, error) {
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return ordered(ctx, path, o.Want)
	}
	f := finder{Options: o}
	for _, kind := range f.kinds() {
		path, err := exec.LookPath(string(kind))
		if err != nil {
			continue
		}
		if e, ok := f.usable(ctx, path, kind, "PATH"); ok {
			return e, nil
		}
	}
	if f.Dir == "" {
		root, err := Root()
		if err != nil {
			return Engine{}, err
		}
		f.Dir = filepath.Join(root, ".tools")
	}
	for _, kind := range f.kinds() {
		path := f.kept(kind)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if e, ok := f.usable(ctx, path, kind, "obtained earlier"); ok {
			return e, nil
		}
	}
	if !f.Obtain {
		return Engine{}, fmt.Errorf("%w: looked for %s on the PATH and in %s; set TF_ACC_TERRAFORM_PATH, or let `make test` get one",
			ErrNone, f.names(), f.Dir)
	}
	return f.obtain(ctx)
}

// ordered is the engine that TF_ACC_TERRAFORM_PATH names.
func ordered(ctx context.Context, path string, want Kind) (Engine, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return Engine{}, fmt.Errorf("TF_ACC_TERRAFORM_PATH: %w", err)
	}
	if found, err = filepath.Abs(found); err != nil {
		return Engine{}, fmt.Errorf("TF_ACC_TERRAFORM_PATH: %w", err)
	}
	e, err := Inspect(ctx, found)
	if err != nil {
		return Engine{}, fmt.Errorf("TF_ACC_TERRAFORM_PATH: %w", err)
	}
	if want != "" && e.Kind != want {
		return Engine{}, fmt.Errorf("TF_ACC_TERRAFORM_PATH is %s, but ENGINE asks for %s", e, want)
	}
	e.Origin = "TF_ACC_TERRAFORM_PATH"
	return e, nil
}

// finder carries the options through one search.
type finder struct{ Options }

func (f finder) kinds() []Kind {
	if f.Want != "" {
		return []Kind{f.Want}
	}
	return []Kind{Terraform, OpenTofu}
}

func (f finder) names() string {
	names := make([]string, 0, 2)
	for _, k := range f.kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, " and ")
}

// kept is where an obtained engine of that kind is.
func (f finder) kept(k Kind) string { return filepath.Join(f.Dir, "engine", string(k)) }

// usable inspects a program and says whether it will do; why not goes to
// Progress.
func (f finder) usable(ctx context.Context, path string, kind Kind, origin string) (Engine, bool) {
	path, err := filepath.Abs(path)
	if err != nil {
		f.say("passing over %s: %v", path, err)
		return Engine{}, false
	}
	e, err := Inspect(ctx, path)
	switch {
	case err != nil:
		f.say("passing over %s: %v", path, err)
		return Engine{}, false
	case e.Kind != kind:
		f.say("passing over %s: it is %s", path, e.Kind)
		return Engine{}, false
	case !e.Version.AtLeast(1, MinimumMinor):
		f.say("passing over %s: the provider needs 1.%d or later", e, MinimumMinor)
		return Engine{}, false
	}
	e.Origin = origin
	return e, true
}

func (f finder) say(format string, args ...any) {
	if f.Progress != nil {
		// Progress is a courtesy: a closed terminal must not end the search.
		_, _ = fmt.Fprintf(f.Progress, format+"\n", args...)
	}
}

// modulePath is the first line of this repository's go.mod, by which Root
// knows it.
const modulePath = "module github.com/cml-infra/terraform-provider-cml"

// Root returns the top folder of this repository, found from the working
// directory upwards (`go test` runs in the folder of the package).
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the top of the repository: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		switch {
		case err == nil && firstLine(text) == modulePath:
			return dir, nil
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return "", fmt.Errorf("looking for the top of the repository: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside a clone of terraform-provider-cml")
		}
		dir = parent
	}
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}
