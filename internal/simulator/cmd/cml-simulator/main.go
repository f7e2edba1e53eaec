// Command cml-simulator runs a simulated AWS with CML workers on this machine, so
// that modules can be tested (terraform test) without an account. See --help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cml-simulator:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stdout, stderr)
	if err != nil {
		return err
	}
	if s.printEnv {
		return s.environment(stdout)
	}
	s.options.Log = func(line string) { fmt.Fprintln(stderr, "cml-simulator:", line) }
	// The simulator ends by Close below and not by the signal, so that a world
	// that is still being applied is not cut off in the middle.
	sim, err := simulator.Start(context.WithoutCancel(ctx), s.options)
	if err != nil {
		return err
	}
	err = s.serve(ctx, sim, stdout)
	return errors.Join(err, sim.Close())
}

// serve arranges the world, announces that it is ready, and waits for the end.
func (s *settings) serve(ctx context.Context, sim *simulator.Simulator, stdout io.Writer) error {
	if s.world != nil {
		if err := sim.Apply(ctx, *s.world); err != nil {
			return err
		}
	}
	sim.Recorder.Reset() // what the world file asked for is nobody's request
	sim.Faults.Add(s.faults...)
	if err := announce(stdout, sim); err != nil {
		return err
	}
	if s.readyFile != "" {
		if err := replaceFile(s.readyFile, simulator.Exports(sim.Environment())); err != nil {
			return err
		}
	}
	<-ctx.Done()
	if s.readyFile != "" {
		if err := os.Remove(s.readyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func announce(w io.Writer, sim *simulator.Simulator) error {
	_, err := fmt.Fprintf(w, `# AWS at %[1]s, CML of each worker on port %[2]d of its addresses.
# Control and record: %[1]s/_simulator/
# Environment for Terraform, OpenTofu and the AWS CLI:
%[3]s
# or in the configuration:
%[4]s
# Ready. Ctrl-C ends it, with everything in it.
`, sim.Endpoint(), sim.Port(), simulator.Exports(sim.Environment()),
		simulator.ProviderBlock(sim.Endpoint(), sim.Port(), sim.CML.Admin()))
	return err
}

// replaceFile writes a file so that a reader sees either nothing or all of it.
func replaceFile(path, content string) error {
	draft := path + ".tmp"
	if err := os.WriteFile(draft, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, path)
}
