// Command demo runs one of the demo's stories on a simulated AWS and tells what
// happens: a worker that is applied, stopped, started and destroyed, or a fleet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/demo"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

// interrupted is the exit code after Ctrl-C, as shells have it.
const interrupted = 130

func main() {
	keep := flag.Bool("keep", false, "leave the simulator up after the last step, until Ctrl-C")
	act := demo.Tour
	flag.Func("act", "the story: nothing for one worker, fleet for several", func(name string) (err error) {
		act, err = demo.ParseAct(name)
		return err
	})
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends at once.
	context.AfterFunc(ctx, stop)

	err := run(ctx, act, *keep)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "\nInterrupted. The simulator has ended and its machines with it; nothing is left running.")
		os.Exit(interrupted)
	default:
		fmt.Fprintln(os.Stderr, "\nThe demo failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, act demo.Act, keep bool) error {
	want, err := engine.ParseKind(os.Getenv("ENGINE"))
	if err != nil {
		return err
	}
	e, err := engine.Find(ctx, engine.Options{Want: want, Obtain: true, Progress: os.Stderr})
	if err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{
		Act: act, Engine: e, Out: os.Stdout, Keep: keep,
		Simulator: simulator.Options{Timing: simulator.Demo()},
	})
}
