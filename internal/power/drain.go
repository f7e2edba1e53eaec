package power

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Values of stop.drain.on_busy; left out means busyIgnore.
const (
	busyIgnore   = "ignore"
	busyFail     = "fail"
	busyStopLabs = "stop_labs"
)

// Limits inside a drain, in settled intervals of 5 s, so that they keep their
// proportion at another pace. The limit of the whole is the context's.
const (
	patiencePolls = 6   // 30 s of failures, one after the other
	bootPolls     = 120 // 10 min of them after a start
	labsPolls     = 96  // 8 min until all labs are stopped
)

// leastForLabs is what labs get at any pace.
const leastForLabs = 5 * time.Second

// drainPlan is what comes before a stop.
type drainPlan struct {
	controller.Announcement
	// waitForIdle is how long nodes may take to end by themselves.
	waitForIdle time.Duration
	// onBusy is busyIgnore, busyFail or busyStopLabs.
	onBusy string
}

// asksNobody reports whether a drain leaves nothing to do.
func (d drainPlan) asksNobody() bool {
	return d.IsZero() && d.waitForIdle == 0 && (d.onBusy == busyIgnore || d.onBusy == "")
}

// drain empties a running worker before its stop, as the configuration asks.
// With an error nothing may be stopped, and what users were told is taken back.
func (op *operation) drain(ctx context.Context, in *instance.Instance) error {
	d := op.opts.drain
	if d.asksNobody() || in.State != stateRunning {
		return nil
	}
	err := op.empty(ctx, in, d)
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && d.onBusy == busyIgnore:
		tfdiag.Warn(op.diags, op.set, tfdiag.DrainIncomplete, fmt.Sprintf(
			"The worker %s is stopped without all of `%s`, since `on_busy` is `ignore`: %s.", op.id, op.argument("stop.drain"), err))
		return nil
	}
	f := &failure{summary: "Unable to drain CML worker", at: path.Root("drain"), err: fmt.Errorf("the worker was not stopped: %w", err)}
	if errors.As(err, new(*busyError)) {
		f.at = f.at.AtName("on_busy")
	}
	return op.reopen(ctx, in, f)
}

// busyError says that nodes run which should not. late: a limit ended the wait
// for them.
type busyError struct {
	text, next string
	late       bool
}

// Error implements error.
func (e *busyError) Error() string { return e.text }

// NextStep is what to do about them.
func (e *busyError) NextStep() string { return e.next }

// FaultKind is WrongState.
func (e *busyError) FaultKind() fault.Kind { return fault.WrongState }

// empty carries a drain out.
func (op *operation) empty(ctx context.Context, in *instance.Instance, d drainPlan) error {
	client, err := op.administrator(ctx, in)
	if err != nil {
		return err
	}
	defer client.Close()
	if !d.IsZero() {
		// First the mark: whatever happens to this run, somebody will look.
		_, marked := op.tagsOf(in)[tagDrain]
		op.markDrain(ctx, deadline(ctx), nil)
		left, err := client.Announce(ctx, op.pace(), op.polls(patiencePolls), d.Announcement)
		if op.announced = left || marked; !op.announced {
			op.unmarkDrain(ctx, in)
		}
		if err != nil {
			return fmt.Errorf("users of CML could not be told: %w", err)
		}
	}
	if d.waitForIdle == 0 && d.onBusy == busyIgnore {
		return nil
	}
	nodes, err := client.AwaitNoNodes(ctx, op.pace(), op.polls(patiencePolls), d.waitForIdle, op.progress(ctx))
	if err != nil {
		return fmt.Errorf("nobody knows how many nodes run: %w", err)
	}
	switch {
	case nodes == 0, d.onBusy == busyIgnore:
		return nil
	case d.onBusy == busyStopLabs:
		_, err := op.stopLabs(ctx, client, max(op.polls(labsPolls), leastForLabs))
		return err
	}
	return &busyError{
		text: fmt.Sprintf("%s, and `%s.on_busy` is `fail`: %s", running(nodes), op.argument("stop.drain"), op.labs(ctx, client)),
		next: "wait until the labs are over or stop them, or allow `wait_for_idle` more time; `on_busy = \"stop_labs\"` stops the labs of all users.",
	}
}

// stopLabs stops the labs of all users, and returns how many it stopped.
func (op *operation) stopLabs(ctx context.Context, client *controller.Client, limit time.Duration) (int, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	asked, err := client.StopLabs(limited, op.pace(), op.progress(ctx))
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return len(asked), fmt.Errorf("labs that were asked to stop go on stopping, and the wait for them ended early: %w", context.Cause(ctx))
	case fault.Is(err, fault.Timeout):
		naming, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
		defer cancel()
		return len(asked), &busyError{text: fmt.Sprintf("labs do not stop within %s: %s", limit.Round(time.Second), op.labs(naming, client)), next: op.labsNext(), late: true}
	case err != nil:
		return len(asked), fmt.Errorf("the labs could not be stopped: %w", err)
	}
	nodes, err := client.AwaitNoNodes(ctx, op.pace(), op.polls(patiencePolls), op.polls(patiencePolls), nil)
	if err == nil && nodes > 0 {
		err = &busyError{text: fmt.Sprintf("%s though all labs were stopped: %s", running(nodes), op.labs(ctx, client)), next: op.labsNext()}
	}
	return len(asked), err
}

// labsNext is what to do about labs that do not stop.
func (op *operation) labsNext() string {
	return fmt.Sprintf("stop these labs in CML and %s; labs that were stopped already stay so. %s keeps users from starting them again.",
		op.word("apply again", "invoke the action again"), op.word("`maintenance_mode = true`", "Maintenance mode"))
}

// labs names the labs with active nodes.
func (op *operation) labs(ctx context.Context, client *controller.Client) string {
	active, err := client.ActiveLabs(ctx)
	if names := controller.NameLabs(active); err == nil && names != "" {
		return names
	}
	return "its labs could not be listed"
}

func running(nodes int) string {
	if nodes == 1 {
		return "1 node runs"
	}
	return fmt.Sprintf("%d nodes run", nodes)
}

// administrator is the client for what only an administrator may do.
func (op *operation) administrator(ctx context.Context, in *instance.Instance) (*controller.Client, error) {
	s := op.set.SettingsFor(in, op.opts.controller)
	resolve := op.set.CredentialsFor(op.ec2.Region(), s)
	if resolve == nil {
		return nil, &fault.Error{Kind: fault.Credentials, Service: "cml",
			Message: "there are no credentials for CML: set user name and password, or a token, of an administrator in the provider's `controller`, or name where they are kept in `controller.credentials`"}
	}
	credentials, err := resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("the credentials for CML cannot be read: %w", err)
	}
	return controller.New(endpoint(in, s), s, credentials, op.set.Transport()), nil
}

func (op *operation) pace() wait.Pace { return wait.Pace{Interval: op.set.Interval()} }

// polls is the duration of so many settled intervals.
func (op *operation) polls(n int) time.Duration {
	interval := op.set.Interval()
	if interval <= 0 {
		interval = wait.DefaultInterval
	}
	return time.Duration(n) * interval
}

// deadline is when an operation is over at the latest.
func deadline(ctx context.Context) time.Time {
	if end, ok := ctx.Deadline(); ok {
		return end.Add(afterwards)
	}
	return time.Now()
}
