// Command engine prints the path of the Terraform or OpenTofu that tests and
// demo of this repository use, and gets one where there is none. ENGINE, as
// for make, insists on one of the two.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

func main() {
	obtain := flag.Bool("obtain", true, "download or build an engine if there is none")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *obtain)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, obtain bool) error {
	want, err := engine.ParseKind(os.Getenv("ENGINE"))
	if err != nil {
		return err
	}
	e, err := engine.Find(ctx, engine.Options{Want: want, Obtain: obtain, Progress: os.Stderr})
	if err != nil {
		return err
	}
	fmt.Println(e.Path)
	return nil
}
