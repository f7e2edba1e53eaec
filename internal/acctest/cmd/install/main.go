// Command install builds the provider from this clone and puts it where
// `terraform init` and `tofu init` look for local copies, and says how to use
// it and how to be rid of it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/mirror"
)

// series are the versions of local builds: above every release, so that init
// takes them, and each build has one of its own, since a lock file refuses two
// builds of one version, also with -upgrade.
const series = "99.0."

func main() {
	version := flag.String("version", "", "version under which the build is installed (default "+series+"<now>)")
	ldflags := flag.String("ldflags", "", "linker flags of the build")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *version, *ldflags)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "install:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, ldflags string) error {
	if version == "" {
		version = series + strconv.FormatInt(time.Now().Unix(), 10)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("finding your home folder: %w", err)
	}
	// Both engines search this folder without any configuration:
	// https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
	plugins := filepath.Join(home, ".terraform.d", "plugins")

	build, err := os.MkdirTemp("", "cml-install-")
	if err != nil {
		return fmt.Errorf("making room for the build: %w", err)
	}
	defer func() { _ = os.RemoveAll(build) }()
	program := filepath.Join(build, "terraform-provider-cml")
	if err := mirror.Build(ctx, ".", program, ldflags); err != nil {
		return err
	}
	m := mirror.Mirror{Dir: plugins}
	if err := m.Add(program, engine.Namespace, engine.TypeName, version); err != nil {
		return err
	}
	if err := m.Keep(engine.Namespace, engine.TypeName, version, series); err != nil {
		return err
	}

	fmt.Printf("Installed this clone as version %s of cml-infra/cml, for Terraform and OpenTofu.\n\n", version)
	fmt.Print(`In your configuration:

  terraform {
    required_providers {
      cml = { source = "cml-infra/cml" }
    }
  }

Then run "terraform init -upgrade", also after each further "make install", which
installs a new version and removes the build before. As long as the copy is
there, init takes cml-infra/cml from it alone and asks no registry. A CLI
configuration (~/.terraformrc) with a provider_installation block of its own
hides it.

To remove it:

`)
	for _, host := range mirror.Hosts {
		fmt.Printf("  rm -r %s\n", filepath.Join(plugins, host, engine.Namespace, engine.TypeName))
	}
	return nil
}
