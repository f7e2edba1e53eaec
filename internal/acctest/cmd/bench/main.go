// Command bench prints how long the provider takes for what users wait for, as
// ratios to a stated base.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/bench"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

func main() {
	refreshed := flag.Int("refreshed", 200, "number of workers to refresh")
	unchanged := flag.Int("unchanged", 1000, "number of unchanged workers to plan")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *refreshed, *unchanged)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, refreshed, unchanged int) error {
	want, err := engine.ParseKind(os.Getenv("ENGINE"))
	if err != nil {
		return err
	}
	e, err := engine.Find(ctx, engine.Options{Want: want, Obtain: true, Progress: os.Stderr})
	if err != nil {
		return err
	}
	_, err = bench.Run(ctx, bench.Options{Engine: e, Out: os.Stdout, Refreshed: refreshed, Unchanged: unchanged})
	return err
}
