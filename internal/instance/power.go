package instance

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// StopMode says how much the operating system is asked before it is stopped.
type StopMode string

// The stop modes.
const (
	// StopGraceful shuts the operating system down.
	StopGraceful StopMode = "graceful"
	// StopForce tries that, and goes on without it when it does not end.
	StopForce StopMode = "force"
	// StopSkipOSShutdown does not even try: data in memory is lost.
	StopSkipOSShutdown StopMode = "skip_os_shutdown"
)

func (m StopMode) flags() (force, skip *bool) {
	switch m {
	case StopForce:
		return aws.Bool(true), nil
	case StopSkipOSShutdown:
		return nil, aws.Bool(true)
	}
	return nil, nil
}

// WaitRunning waits until a new instance runs. One that goes elsewhere gives
// *EarlyEndError with EC2's reason; until the create grace is over it may be
// unknown to reads.
func (c *Client) WaitRunning(ctx context.Context, id, accountID string, createdAt time.Time, progress func(string)) (*Instance, error) {
	return c.running(ctx, id, accountID, createdAt, nil, progress)
}

// running waits for state running. before is the stopped instance that was
// started, nil at launch: reads may go on showing it for a while.
func (c *Client) running(ctx context.Context, id, accountID string, createdAt time.Time, before *Instance, progress func(string)) (*Instance, error) {
	grace := c.graceEnd(id, createdAt)
	old := time.Now().Add(c.opts.CreateGrace)
	seen := false
	out, err := wait.State[*Instance]{
		What:    "instance " + id + " to run",
		Pending: []string{"", StatePending},
		Target:  []string{StateRunning},
		Find: func(ctx context.Context) (*Instance, string, error) {
			found, err := c.lookup(ctx, id, accountID)
			switch {
			case err != nil:
				return nil, "", err
			case found == nil && !seen && time.Now().Before(grace):
				return nil, "", nil
			case found == nil:
				return nil, "", c.gone(ctx, id, accountID, nil)
			case !seen && before != nil && sameStop(before, found) && time.Now().Before(old):
				return found, StatePending, nil // of before the start
			}
			seen = true
			return found, found.State, nil
		},
		Tolerate: transient, Pace: c.pace(), Progress: states(progress, "instance "+id),
	}.Do(ctx)
	if errors.As(err, new(*wait.StateError)) {
		return nil, earlyEnd(out)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// sameStop says that a read still tells of the stop that was there before.
func sameStop(a, b *Instance) bool {
	return (b.State == StateStopped || b.State == StateStopping) && a.StateReasonCode == b.StateReasonCode && a.StateReason == b.StateReason &&
		a.StateTransitionReason == b.StateTransitionReason
}

// settled waits until an instance is neither starting nor stopping nor ending.
func (c *Client) settled(ctx context.Context, id, accountID string, progress func(string)) (*Instance, error) {
	out, err := wait.State[*Instance]{
		What:    "instance " + id + " to settle",
		Pending: []string{StatePending, StateStopping},
		Target:  []string{StateRunning, StateStopped},
		Find: func(ctx context.Context) (*Instance, string, error) {
			found, err := c.Find(ctx, id, accountID)
			if err != nil {
				return nil, "", err
			}
			return found, found.State, nil
		},
		Tolerate: transient, Pace: c.pace(), Progress: states(progress, "instance "+id),
	}.Do(ctx)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// stable calls do, and once more when the instance was between two states.
func (c *Client) stable(ctx context.Context, id string, do func(context.Context) error) error {
	err := do(ctx)
	if !fault.Is(err, fault.WrongState) {
		return err
	}
	if _, waitErr := c.settled(ctx, id, "", nil); waitErr != nil {
		return errors.Join(err, waitErr)
	}
	return do(ctx)
}

// StartOptions say how Start deals with what gets in its way.
type StartOptions struct {
	// CapacityRetry is how long the start is tried again while EC2 has no
	// capacity, once in Options.CapacityInterval; 0 means one try.
	CapacityRetry time.Duration
	Progress      func(string)
}

// Start brings an instance to run, from whatever state it is found in, and
// returns it running.
func (c *Client) Start(ctx context.Context, id, accountID string, o StartOptions) (*Instance, error) {
	until := time.Now().Add(o.CapacityRetry)
	for {
		out, err := c.start(ctx, id, accountID, o.Progress)
		if !fault.Is(err, fault.Capacity) || !time.Now().Add(c.opts.CapacityInterval).Before(until) {
			return out, err
		}
		report(o.Progress, "no capacity yet: "+err.Error())
		if sleep := wait.Sleep(ctx, c.opts.CapacityInterval); sleep != nil {
			return nil, errors.Join(err, sleep)
		}
	}
}

func (c *Client) start(ctx context.Context, id, accountID string, progress func(string)) (*Instance, error) {
	found, err := c.Find(ctx, id, accountID)
	if err != nil {
		return nil, err
	}
	if found.State == StateStopping {
		// EC2 refuses to start what is still stopping.
		if found, err = c.settled(ctx, id, accountID, progress); err != nil {
			return nil, err
		}
	}
	switch found.State {
	case StateRunning:
		return found, nil
	case StatePending:
		return c.running(ctx, id, accountID, time.Time{}, nil, progress)
	}
	report(progress, "starting "+id)
	if err := c.startCall(ctx, id); err != nil {
		return nil, err
	}
	return c.running(ctx, id, accountID, time.Time{}, found, progress)
}

// startCall calls StartInstances. Right after a change of the type EC2 may
// still plan with the old one; that passes.
func (c *Client) startCall(ctx context.Context, id string) error {
	deadline := time.Now().Add(c.opts.Propagation)
	return wait.Poll(ctx, c.pace(), func(ctx context.Context) (bool, error) {
		err := c.stable(ctx, id, func(ctx context.Context) error {
			_, err := c.api.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
			return c.fail(err)
		})
		if e := fault.As(err); e != nil && e.Code == "InvalidParameterValue" && strings.Contains(e.Message, "LaunchPlan") && time.Now().Before(deadline) {
			return false, nil
		}
		return err == nil, err
	})
}

// Stop brings an instance to stop, from whatever state it is found in, and
// returns it stopped. One that is starting is waited for first.
func (c *Client) Stop(ctx context.Context, id, accountID string, mode StopMode, progress func(string)) (*Instance, error) {
	found, err := c.Find(ctx, id, accountID)
	if err == nil && found.State == StatePending {
		found, err = c.running(ctx, id, accountID, time.Time{}, nil, progress)
	}
	switch {
	case err != nil:
		return nil, err
	case found.State == StateStopped:
		return found, nil
	case found.State == StateRunning:
		report(progress, "stopping "+id)
		force, skip := mode.flags()
		err := c.stable(ctx, id, func(ctx context.Context) error {
			_, err := c.api.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}, Force: force, SkipOsShutdown: skip})
			return c.fail(err)
		})
		if err != nil {
			return nil, err
		}
	}
	return c.WaitStopped(ctx, id, accountID, progress)
}

// WaitStopped waits until an instance is stopped, whoever stops it.
func (c *Client) WaitStopped(ctx context.Context, id, accountID string, progress func(string)) (*Instance, error) {
	out, err := wait.State[*Instance]{
		What:    "instance " + id + " to stop",
		Pending: []string{StateRunning, StatePending, StateStopping}, // old answers among them
		Target:  []string{StateStopped},
		Find: func(ctx context.Context) (*Instance, string, error) {
			found, err := c.Find(ctx, id, accountID)
			if err != nil {
				return nil, "", err
			}
			return found, found.State, nil
		},
		// Mostly something follows that needs it stopped, and the next answer
		// may be older than this one.
		Hold:     2,
		Tolerate: transient, Pace: c.pace(), Progress: states(progress, "instance "+id),
	}.Do(ctx)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Reboot restarts the operating system; addresses stay. It returns when EC2
// has accepted.
func (c *Client) Reboot(ctx context.Context, id string) error {
	return c.stable(ctx, id, func(ctx context.Context) error {
		_, err := c.api.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: []string{id}})
		return c.fail(err)
	})
}

// Terminate ends an instance and waits until it is terminated or nowhere. One
// that is gone already is a success, by the rule of Find.
func (c *Client) Terminate(ctx context.Context, id, accountID string, mode StopMode, progress func(string)) error {
	grace := c.graceEnd(id, time.Time{})
	report(progress, "terminating "+id)
	force, skip := mode.flags()
	known := false
	err := wait.Poll(ctx, c.pace(), func(ctx context.Context) (bool, error) {
		err := c.stable(ctx, id, func(ctx context.Context) error {
			_, err := c.api.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}, Force: force, SkipOsShutdown: skip})
			return c.fail(err)
		})
		if !fault.Is(err, fault.NotFound) {
			known = err == nil
			return known, err
		}
		return !time.Now().Before(grace), nil // may be too new to be known
	})
	if err != nil {
		return err
	}
	if !known {
		return c.ended(ctx, id, accountID)
	}
	_, err = wait.State[*Instance]{
		What:    "instance " + id + " to terminate",
		Pending: append([]string{StateShuttingDown}, liveStates...), // old answers among them
		Target:  []string{StateTerminated},
		Find: func(ctx context.Context) (*Instance, string, error) {
			found, err := c.lookup(ctx, id, accountID)
			switch {
			case err != nil:
				return nil, "", err
			case found == nil:
				return nil, StateTerminated, c.sameAccount(ctx, id, accountID)
			}
			return found, found.State, nil
		},
		Tolerate: transient, Pace: c.pace(), Progress: states(progress, "instance "+id),
	}.Do(ctx)
	return err
}

// ended is nil for an instance that EC2 does not know, if that is believable.
func (c *Client) ended(ctx context.Context, id, accountID string) error {
	_, err := c.Find(ctx, id, accountID)
	switch {
	case err == nil:
		return c.errorf(fault.NotFound, "TerminateInstances", "EC2 does not know instance %s there, and shows it all the same", id)
	case errors.As(err, new(*GoneError)):
		return nil
	}
	return err
}
