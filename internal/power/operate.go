package power

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// afterwards is how long clean-up and read-back may take once the context of
// an operation has ended.
const afterwards = 15 * time.Second

// operation is the work on one worker, from a configuration.
type operation struct {
	*Resource
	ec2  *instance.Client
	id   string
	opts options
	// account is the owner of the instance as the state knows it, "" before it
	// was ever read.
	account string
	// started: this operation has started the worker.
	started bool
	// lastStarted is when the worker was started as the plan saw it, "" when
	// nobody knows.
	lastStarted string
	// announced: a drain of this operation has left something in CML, or may have.
	announced bool
	// mark is the tag of that as it was written; unmarked: it could not be;
	// handled is one that stands for nothing any more and could not be removed.
	mark, handled string
	unmarked      bool
	diags         *diag.Diagnostics
	// call is the invocation of an action, nil in the resource.
	call *act.Call
}

// begin returns the operation on a worker, or nil with the reason in diags.
func (r *Resource) begin(ctx context.Context, summary string, m *model, account string, diags *diag.Diagnostics) *operation {
	opts, d := expand(ctx, m)
	diags.Append(d...)
	if diags.HasError() {
		return nil
	}
	if opts.readiness.Interval == 0 {
		opts.readiness.Interval = r.set.Interval()
	}
	op := &operation{Resource: r, id: m.WorkerID.ValueString(), opts: opts, account: account, diags: diags}
	ec2, err := r.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		diags.Append(tfdiag.Error(summary, tfdiag.About{ID: op.id, Region: m.Region.ValueString()}, err))
		return nil
	}
	op.ec2 = ec2
	return op
}

func (op *operation) find(ctx context.Context) (*instance.Instance, error) {
	in, err := op.ec2.Find(ctx, op.id, op.account)
	if err == nil && in.AccountID != "" {
		op.account = in.AccountID
	}
	return in, err
}

func (op *operation) about() tfdiag.About {
	return tfdiag.About{ID: op.id, Region: op.ec2.Region()}
}

func (op *operation) progress(ctx context.Context) func(string) {
	return func(text string) {
		tflog.Info(ctx, text, map[string]any{"worker_id": op.id})
		if op.call != nil {
			op.call.Tell(text)
		}
	}
}

// failure is an error of a power change, with what it is called and what to do
// about it. It keeps the kind of its cause.
type failure struct {
	summary, next string
	// at is the argument of an action that is to blame.
	at  path.Path
	err error
}

// Error implements error.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

// argument is how an argument of the resource is written: an action has the
// members of `start` and `stop` as arguments of its own.
func (op *operation) argument(name string) string {
	if op.call != nil {
		_, name, _ = strings.Cut(name, ".")
	}
	return name
}

// word is the one of two that fits the resource or an action.
func (op *operation) word(resource, action string) string {
	if op.call != nil {
		return action
	}
	return resource
}

// fail reports an error of converge.
func (op *operation) fail(ctx context.Context, err error) {
	about, summary := op.about(), "Unable to change the power state of CML worker"
	var f *failure
	known := errors.As(err, &f)
	if op.call != nil {
		out := act.Failure{Err: err}
		if known {
			out = act.Failure{Summary: f.summary, Next: f.next, Attribute: f.at, Err: f.err}
		}
		op.call.Fail(ctx, out)
		return
	}
	if known {
		summary, about.Next, err = f.summary, f.next, f.err
	}
	op.diags.Append(tfdiag.Error(summary, about, err))
}

// converge brings a worker that was found to the desired state, and a running
// one there anew if restart is set.
func (op *operation) converge(ctx context.Context, in *instance.Instance, desired string, restart bool) (*instance.Instance, error) {
	if desired == stateStopped {
		if in.State == stateStopped {
			return in, nil
		}
		return op.stop(ctx, in)
	}
	if restart && settled(in.State) == stateRunning {
		var err error
		if in, err = op.stop(ctx, in); err != nil {
			return nil, err
		}
	}
	if in.State == stateRunning {
		return in, nil
	}
	return op.start(ctx)
}

// stop empties the worker, stops it and waits. Whoever reads its tags sees that
// the stop was declared; a stop that is under way already keeps its reason.
func (op *operation) stop(ctx context.Context, in *instance.Instance) (*instance.Instance, error) {
	in, err := op.prepare(ctx, in)
	if err != nil {
		return nil, err
	}
	ours := in.State != instance.StateStopping
	reason := map[string]string{tagStopReason: stopReasonManual}
	if op.opts.recheckIdle > 0 {
		reason[tagStopReason] = stopReasonIdle
	}
	switch {
	case ours && op.announced:
		op.markDrain(ctx, time.Now(), reason)
	case ours:
		op.tag(ctx, reason)
	}
	stopped, err := op.ec2.Stop(ctx, op.id, op.account, op.opts.mode, op.progress(ctx))
	if err == nil {
		return stopped, nil
	}
	f := &failure{summary: "Unable to stop CML worker", err: err}
	switch {
	case oneTimeSpot(in, err):
		f.next, f.at = op.word(oneTimeSpotNext, oneTimeSpotText), path.Root("worker_id")
	case fault.Is(err, fault.Protected):
		f.at = path.Root("worker_id")
	}
	if ours && op.stillRuns(ctx) {
		return nil, op.reopen(ctx, in, f)
	}
	return nil, f
}

// prepare is all that comes before StopInstances, in this order: idleness is
// read again, the worker is drained, its licence given back. With an error
// nothing may be stopped.
func (op *operation) prepare(ctx context.Context, in *instance.Instance) (*instance.Instance, error) {
	f := &failure{summary: "Unable to stop CML worker"}
	if in.State == instance.StatePending && (op.opts.recheckIdle > 0 || !op.opts.drain.asksNobody() || op.opts.releaseLicense) {
		// Only a machine that runs has somebody to ask.
		running, err := op.ec2.WaitRunning(ctx, op.id, op.account, time.Time{}, op.progress(ctx))
		if err != nil {
			f.err = err
			return nil, f
		}
		in = running
	}
	if err := op.recheckIdle(ctx, in); err != nil {
		return nil, err
	}
	if err := op.drain(ctx, in); err != nil {
		return nil, err
	}
	if err := op.releaseLicense(ctx, in); err != nil {
		f.err = err
		return nil, op.reopen(ctx, in, f)
	}
	return in, nil
}

// oneTimeSpot reports whether EC2 refused to stop a spot instance for the kind
// of its request (EC2 user guide, "Stop a Spot Instance").
func oneTimeSpot(in *instance.Instance, err error) bool {
	f := fault.As(err)
	return in.Lifecycle == "spot" && f != nil && (f.Code == "UnsupportedOperation" || f.Code == "IncorrectSpotRequestState")
}

// start starts the worker and waits until EC2 says running.
func (op *operation) start(ctx context.Context) (*instance.Instance, error) {
	started, err := op.ec2.Start(ctx, op.id, op.account, instance.StartOptions{
		CapacityRetry: op.opts.capacityRetry, Progress: op.progress(ctx),
	})
	if err == nil {
		op.started = true
		op.tag(ctx, nil, tagStopReason)
		return started, nil
	}
	f := &failure{summary: "Unable to start CML worker", err: err}
	if fault.Is(err, fault.Capacity) {
		f.next = "AWS has no capacity for this instance type in the worker's availability zone now, and the worker stays stopped. " +
			"(1) Change the instance type of the worker; a stopped one is changed without a restart. " +
			"(2) Wait and " + op.word("apply", "invoke the action") + " again, or let the provider try once a minute with `" + op.argument("start.capacity_retry") + " = { timeout = \"1h\" }`. " +
			"(3) Keep room for the type with an on-demand capacity reservation in that zone."
	}
	return nil, f
}

// tag sets or removes managed tags of the instance, and reports whether it
// could. They only inform, so that a failure is a warning.
func (op *operation) tag(ctx context.Context, set map[string]string, remove ...string) bool {
	managed := op.set.ManagedTags()
	if !managed.Enabled {
		return false
	}
	values := make(map[string]string, len(set))
	var keys, gone []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		values[managed.Key(name)] = set[name]
		keys = append(keys, managed.Key(name))
	}
	for _, name := range remove {
		gone = append(gone, managed.Key(name))
	}
	err := op.ec2.SyncTags(ctx, []string{op.id}, values, gone)
	if err != nil {
		tfdiag.Warn(op.diags, op.set, tfdiag.TagsIncomplete, fmt.Sprintf(
			"The tag %s of the worker %s, which tells about its last stop, could not be written: %s.", strings.Join(append(keys, gone...), " and "), op.id, err))
	}
	return err == nil
}

// stillRuns reports whether a worker runs on after a stop that failed, and
// takes the reason of that stop back.
func (op *operation) stillRuns(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	in, err := op.ec2.Find(ctx, op.id, op.account)
	if err != nil || settled(in.State) != stateRunning {
		return false
	}
	op.tag(ctx, nil, tagStopReason)
	return true
}
