package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
)

const (
	// reachTimeout is how long the release server has to answer at all. Where
	// it cannot be reached the build below has to start soon.
	reachTimeout = 10 * time.Second
	// downloadTimeout bounds index, archive and signature together.
	downloadTimeout = 5 * time.Minute
	// downloadSeries is the newest series that the workflow tests.
	downloadSeries = "~> 1.14.0"

	// tofuModule is the nested module that pins OpenTofu, tofuPackage what is
	// built there.
	tofuModule  = "internal/tools/tofu"
	tofuPackage = "github.com/opentofu/opentofu/cmd/tofu"
	// tofuRelease makes it answer 1.x.y as a release does, not 1.x.y-dev.
	tofuRelease = "-X github.com/opentofu/opentofu/version.dev=no"
)

// releaseIndex answers quickly where releases can be reached.
const releaseIndex = "https://releases.hashicorp.com/terraform/"

// obtain downloads Terraform or builds OpenTofu, whichever works first.
func (f finder) obtain(ctx context.Context) (Engine, error) {
	var failed []error
	for _, kind := range f.kinds() {
		get, origin := f.download, "downloaded"
		if kind == OpenTofu {
			get, origin = f.build, "built"
		}
		path, err := get(ctx)
		if ctx.Err() != nil {
			return Engine{}, fmt.Errorf("getting %s: %w", kind, context.Cause(ctx))
		}
		if err == nil {
			e, err := Inspect(ctx, path)
			if err != nil {
				return Engine{}, err
			}
			e.Origin = origin
			return e, nil
		}
		f.say("%v", err)
		failed = append(failed, err)
	}
	return Engine{}, errors.Join(append([]error{ErrNone}, failed...)...)
}

// download gets the newest Terraform of downloadSeries from HashiCorp's
// releases, signature verified, and returns its path.
func (f finder) download(ctx context.Context) (string, error) {
	if err := reachable(ctx, releaseIndex); err != nil {
		return "", fmt.Errorf("no download of Terraform: %w", err)
	}
	constraints, err := version.NewConstraint(downloadSeries)
	if err != nil {
		return "", fmt.Errorf("constraint of the Terraform to download: %w", err)
	}
	dir := filepath.Dir(f.kept(Terraform))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making room for Terraform: %w", err)
	}
	f.say("downloading Terraform %s into %s", downloadSeries, dir)
	path, err := (&releases.LatestVersion{
		Product:     product.Terraform,
		Constraints: constraints,
		InstallDir:  dir,
		Timeout:     downloadTimeout,
	}).Install(ctx)
	if err != nil {
		return "", fmt.Errorf("downloading Terraform: %w", err)
	}
	return path, nil
}

// reachable asks for the head of url and returns an error unless the server
// answers within reachTimeout that it is there.
func reachable(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

// build compiles the OpenTofu that the nested module pins, through the Go
// module proxy, and returns its path.
func (f finder) build(ctx context.Context) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := f.kept(OpenTofu)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("making room for OpenTofu: %w", err)
	}
	f.say("building OpenTofu into %s: about ten minutes on two cores, once", path)

	// Under its final name only when it is complete: an interrupted build
	// leaves nothing that looks like an engine.
	part := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer func() { _ = os.Remove(part) }()

	cmd := exec.CommandContext(ctx, GoCommand(), "build", "-buildvcs=false", "-ldflags", tofuRelease, "-o", part, tofuPackage)
	cmd.Dir = filepath.Join(root, filepath.FromSlash(tofuModule))
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if f.Progress != nil {
		cmd.Stderr = f.Progress
	}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building OpenTofu: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return "", fmt.Errorf("building OpenTofu: %w", err)
	}
	return path, nil
}

// GoCommand is the Go tool that `make` was told to use, else the one on the
// PATH.
func GoCommand() string {
	if g := os.Getenv("GO"); g != "" {
		return g
	}
	return "go"
}
