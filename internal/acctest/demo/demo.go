// Package demo is what `make demo` runs: the configuration in examples/demo is
// applied by a real Terraform or OpenTofu on a simulated AWS, step by step,
// and each step is checked, so that the story it tells is a true one.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

// Options of Run.
type Options struct {
	// Engine runs the configuration.
	Engine engine.Engine
	// Out gets the story.
	Out io.Writer
	// Simulator holds the pace of the simulated world.
	Simulator simulator.Options
	// Keep leaves the simulated AWS up after the last step, until ctx ends, and
	// tells how to go on by hand.
	Keep bool
}

// stepLimit bounds each step; the simulated delays are seconds.
const stepLimit = 5 * time.Minute

// Run tells the story and returns an error when a step did not end as told. It
// leaves nothing behind, also when ctx ends early.
func Run(ctx context.Context, o Options) (err error) {
	s := &story{out: o.Out}
	s.say("A CML worker on a simulated AWS, with %s", o.Engine)
	s.say("")

	stage, err := setUp(ctx, o, s)
	if stage != nil {
		defer func() {
			if closeErr := stage.terraform.Close(); err == nil {
				err = closeErr
			}
		}()
	}
	if err != nil {
		return fmt.Errorf("setting the stage: %w", err)
	}

	var took []time.Duration
	for i, step := range steps {
		s.say("")
		s.say("%d. %s", i+1, step.title)
		start := time.Now()
		bounded, cancel := context.WithTimeoutCause(ctx, stepLimit, fmt.Errorf("it did not end within %s", stepLimit))
		err := step.run(bounded, stage)
		cancel()
		if err != nil {
			return fmt.Errorf("step %d, %q: %w", i+1, step.title, err)
		}
		took = append(took, time.Since(start))
	}
	stage.summary(took)
	if o.Keep {
		return stage.keep(ctx)
	}
	return nil
}

// step is one part of the story.
type step struct {
	title string
	run   func(context.Context, *stage) error
}

var steps = []step{
	{"Create a worker, and wait until CML is ready", create},
	{"Plan again: nothing to do", planIsEmpty},
	{"Stop it: state = \"stopped\"", stop},
	{"Start it: a new address, and what depends on it sees it in the same apply", start},
	{"Destroy everything", destroy},
}

func create(ctx context.Context, s *stage) error {
	out, err := s.apply(ctx, "running")
	if err != nil {
		return err
	}
	s.url = out["url"]
	return errors.Join(
		expect("instance_state", out["instance_state"], "running"),
		expect("what the dependant saw (bookmark)", out["bookmark"], out["url"]),
		present("url", out["url"]),
	)
}

func planIsEmpty(ctx context.Context, s *stage) error {
	code, err := s.terraform.run(ctx, "plan", "-json", "-input=false", "-detailed-exitcode")
	if err != nil {
		return err
	}
	if code == changesPlanned {
		return errors.New("the plan right after the apply is not empty")
	}
	s.story.say("   No changes.")
	return nil
}

func stop(ctx context.Context, s *stage) error {
	out, err := s.apply(ctx, "stopped")
	if err != nil {
		return err
	}
	s.story.say("   The instance is stopped; it has no public address, so url is null.")
	return errors.Join(
		expect("instance_state", out["instance_state"], "stopped"),
		expect("url", out["url"], ""),
		expect("number of running instances", s.running(), 0),
	)
}

func start(ctx context.Context, s *stage) error {
	out, err := s.apply(ctx, "running")
	if err != nil {
		return err
	}
	s.story.say("   The address was %s; the dependant (bookmark) has the new one.", s.url)
	if out["url"] == s.url {
		err = fmt.Errorf("the address did not change: %s", s.url)
	}
	return errors.Join(err,
		present("url", out["url"]),
		expect("instance_state", out["instance_state"], "running"),
		expect("what the dependant saw (bookmark)", out["bookmark"], out["url"]),
	)
}

func destroy(ctx context.Context, s *stage) error {
	if _, err := s.terraform.run(ctx, "destroy", "-json", "-input=false", "-auto-approve"); err != nil {
		return err
	}
	if left := s.left(); len(left) > 0 {
		return fmt.Errorf("still there after destroy: %v", left)
	}
	s.story.say("   Nothing is left: no instance, no volume.")
	return nil
}

func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, not %v", what, got, want)
	}
	return nil
}

func present(what, got string) error {
	if got == "" {
		return fmt.Errorf("%s is null", what)
	}
	return nil
}
