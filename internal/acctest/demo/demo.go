// Package demo is what `make demo` and `make demo-fleet` run: configurations
// below examples/ are applied by a real Terraform or OpenTofu on a simulated
// AWS, step by step, and each step is checked, so that the story it tells is a
// true one.
package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

// Options of Run.
type Options struct {
	// Act is the story; the zero value is Tour.
	Act Act
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
	act := acts[o.Act]
	s := &story{out: o.Out, several: act.several}
	s.say("%s on a simulated AWS, with %s", act.title, o.Engine)
	s.say("")

	stage, err := setUp(ctx, o, act, s)
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
	for i, step := range act.steps {
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
	stage.summary(act.steps, took)
	if o.Keep {
		return stage.keep(ctx)
	}
	return nil
}

// Act is a story that can be told.
type Act string

// The stories.
const (
	Tour  Act = ""
	Fleet Act = "fleet"
)

// ParseAct returns the story of that name.
func ParseAct(name string) (Act, error) {
	if _, known := acts[Act(name)]; !known {
		return Tour, fmt.Errorf("there is no act %q", name)
	}
	return Act(name), nil
}

// act is a story: its configurations, which are folders below examples, and
// what happens with them.
type act struct {
	title string
	dirs  []string
	steps []step
	// several: the act is about more than one worker.
	several bool
	// offset is where the simulated clock begins, from that of this machine.
	offset time.Duration
	// prepare arranges the world; nil where the default one serves.
	prepare func(context.Context, *stage) error
}

var acts = map[Act]act{Tour: tour, Fleet: fleet}

// step is one part of the story.
type step struct {
	title string
	run   func(context.Context, *stage) error
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
