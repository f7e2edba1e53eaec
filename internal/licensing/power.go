package licensing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
)

// tagStarted is the managed tag, without prefix, of a worker that was started
// only to give its licence back: a run that takes over from one that was
// killed then knows to stop it again. Its value is the time of the start.
const tagStarted = "started-for-release"

// sameStart is how long after the tag EC2 may have started the machine for it
// to be the start that the tag tells of.
const sameStart = 15 * time.Minute

// boot starts a worker, or waits for one that is starting, until CML answers.
// A machine that passes EC2's status checks and answers nobody is out of reach:
// before they pass, its silence only says that it boots.
func (w *Worker) boot(ctx context.Context, start bool) (*instance.Instance, error) {
	var (
		in  *instance.Instance
		err error
	)
	if start {
		w.say("starting the worker to give its licence back")
		w.mark(ctx, true)
		in, err = w.Instances.Start(ctx, w.InstanceID, w.AccountID, instance.StartOptions{Progress: w.Progress})
	} else {
		in, err = w.Instances.WaitRunning(ctx, w.InstanceID, w.AccountID, time.Time{}, w.Progress)
	}
	if err != nil {
		return nil, err
	}
	result, err := readiness.Wait(ctx, readiness.Target{
		Instances: w.Instances, InstanceID: w.InstanceID, AccountID: w.AccountID, Instance: in,
		Settings: w.Settings(in), Transport: w.Transport,
	}, readiness.Options{Until: readiness.API, Interval: w.Interval, Silence: w.polls(reachPolls)}, w.Progress)
	if late := (*readiness.TimeoutError)(nil); errors.As(err, &late) && late.Limit == readiness.LimitSilence {
		return nil, &Error{Kind: fault.Unreachable, Err: err,
			Text: fmt.Sprintf("the worker runs, and nothing answers at %s within %s", or(late.Address), w.polls(reachPolls))}
	}
	if err != nil {
		return nil, err
	}
	if result.Instance != nil {
		in = result.Instance
	}
	return in, nil
}

// stopAgain stops a worker that was started for a release. At the end of the
// operation's own time it still asks for the stop, but does not wait for it.
func (w *Worker) stopAgain(ctx context.Context) error {
	var clean context.Context
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		clean, cancel = context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		ctx = clean
	}
	w.say("stopping the worker again")
	_, err := w.Instances.Stop(ctx, w.InstanceID, w.AccountID, instance.StopGraceful, w.Progress)
	if err != nil && ctx.Err() != nil && clean == nil {
		return w.stopAgain(ctx) // nobody knows whether the stop was asked for
	}
	if err != nil {
		return fmt.Errorf("the worker was started to give its licence back, and could not be stopped again: %w", err)
	}
	w.mark(ctx, false)
	return nil
}

// mark sets or removes the tag. It only helps a later run, so that a failure
// is none of this one's.
func (w *Worker) mark(ctx context.Context, on bool) {
	tags := w.Instances.ManagedTags()
	if !tags.Enabled {
		return
	}
	key := tags.Key(tagStarted)
	if on {
		_ = w.Instances.SyncTags(ctx, []string{w.InstanceID}, map[string]string{key: time.Now().UTC().Format(time.RFC3339)}, nil)
		return
	}
	_ = w.Instances.SyncTags(ctx, []string{w.InstanceID}, nil, []string{key})
}

// startedBefore reports whether a run before this one has started the worker
// for its release and did not come to stop it.
func (w *Worker) startedBefore(in *instance.Instance) bool {
	at, err := time.Parse(time.RFC3339, in.Tags[w.Instances.ManagedTags().Key(tagStarted)])
	return err == nil && !in.LaunchTime.Before(at.Add(-time.Minute)) && in.LaunchTime.Before(at.Add(sameStart))
}
