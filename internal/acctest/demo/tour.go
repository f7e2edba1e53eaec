package demo

import (
	"context"
	"errors"
	"fmt"
)

// tour is one worker from nothing to nothing.
var tour = act{
	title: "A CML worker",
	dirs:  []string{"demo"},
	steps: []step{
		{"Create a worker, and wait until CML is ready", create},
		{"Plan again: nothing to do", planIsEmpty},
		{"Stop it: state = \"stopped\"", stop},
		{"Start it: a new address, and what depends on it sees it in the same apply", start},
		{"Destroy everything", destroy},
	},
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
