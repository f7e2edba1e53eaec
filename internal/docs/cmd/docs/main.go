// Command docs generates the pages below docs/, the pictures in them and the
// generated sections of README.md, or with -check fails when they are not what it would generate.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/cml-infra/terraform-provider-cml/internal/docs"
	"github.com/cml-infra/terraform-provider-cml/internal/docs/picture"
	"github.com/cml-infra/terraform-provider-cml/internal/provider"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/worker"
)

func main() {
	check := flag.Bool("check", false, "compare only, and fail on a difference")
	root := flag.String("root", ".", "top folder of the repository")
	program := flag.String("tfplugindocs", filepath.Join(".tools", "bin", "tfplugindocs"), "path of tfplugindocs")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *root, *program, *check)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, program string, check bool) error {
	server, err := providerserver.NewProtocol6WithError(provider.New("dev")())()
	if err != nil {
		return fmt.Errorf("starting the provider: %w", err)
	}
	dashboard, err := picture.Dashboard()
	if err != nil {
		return fmt.Errorf("drawing the dashboard: %w", err)
	}
	site := docs.Site{
		Root: root, Name: provider.TypeName, Server: server, TFPluginDocs: program,
		Sections: map[string]string{"change-table": worker.ChangeTable(), "warnings": tfdiag.WarningTable()},
		Files:    map[string][]byte{"examples/data-sources/cml_worker_dashboard/cml_worker_dashboard.svg": dashboard},
	}
	if check {
		return site.Check(ctx)
	}
	return site.Generate(ctx)
}
