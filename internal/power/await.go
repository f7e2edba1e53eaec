package power

import (
	"context"
	"fmt"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// sight is what is known of a worker and its CML after a look or a wait.
type sight struct {
	instance      *instance.Instance
	serviceStatus string
	// pending is set when a wait did not finish.
	pending *pending
	// answers: CML's API has answered.
	answers bool
	// failed: an error says why.
	failed bool
}

func (op *operation) target(in *instance.Instance, expect ...string) readiness.Target {
	settings := op.set.SettingsFor(in, op.opts.controller)
	return readiness.Target{
		Instances: op.ec2, InstanceID: op.id, AccountID: op.account, Settings: settings, Expect: expect,
		ResolveCredentials: op.set.CredentialsFor(op.ec2.Region(), settings), Transport: op.set.Transport(),
	}
}

// climb waits for CML as far as the configuration asks, and returns what is
// known at the end, however it ended.
func (op *operation) climb(ctx context.Context, in *instance.Instance, expect ...string) (sight, error) {
	result, err := readiness.Wait(ctx, op.target(in, expect...), op.opts.readiness.Options, op.progress(ctx))
	out := sight{instance: result.Instance, serviceStatus: readiness.ServiceStatus(result, op.opts.readiness.Until), answers: result.Reached >= readiness.API}
	for _, w := range result.Warnings {
		tfdiag.Warn(op.diags, op.set, tfdiag.HealthUnknown, w)
	}
	if out.instance == nil || err != nil {
		// What the wait saw last may be older than its end.
		if now := op.readBack(ctx); now != nil {
			out.instance = now
		}
	}
	if out.instance == nil {
		out.instance = in
	}
	if settled(out.instance.State) != stateRunning {
		out.serviceStatus = readiness.ServiceUnavailable
	}
	return out, err
}

// await is climb for the resource. A wait that the user canceled, or that ran
// out of time under on_timeout = "keep", is a warning, and the next apply
// resumes it.
func (op *operation) await(ctx context.Context, in *instance.Instance, expect ...string) sight {
	began := time.Now()
	until := op.opts.readiness.Until
	out, err := op.climb(ctx, in, expect...)
	if err == nil {
		return out
	}
	out.pending = &pending{Until: until.String(), Since: began.UTC()}
	switch {
	case fault.Is(err, fault.Canceled):
		tfdiag.Warn(op.diags, op.set, tfdiag.ReadinessPending, fmt.Sprintf(
			"The worker %s runs, and waiting for CML to become %q was cancelled. The next apply resumes the wait.", op.id, until))
	case fault.Is(err, fault.Timeout) && op.opts.readiness.Keep:
		tfdiag.Warn(op.diags, op.set, tfdiag.ReadinessPending, fmt.Sprintf(
			"The worker %s runs, but CML did not become %q in time. `on_timeout` is `keep`: the next plan shows one in-place change that resumes the wait.\n\n%s", op.id, until, err))
	default:
		out.failed = true
		op.diags.Append(tfdiag.Error("CML did not become ready after a power change", op.about(), err))
	}
	return out
}

// readBack reads the worker also when the context is over; nil if it cannot.
func (op *operation) readBack(ctx context.Context) *instance.Instance {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	in, err := op.ec2.Find(ctx, op.id, op.account)
	if err != nil {
		return nil
	}
	return in
}

// glance asks CML once, within the bounds of a refresh. reached is the rung
// that holds, readiness.None when CML was not asked.
func (op *operation) glance(ctx context.Context, in *instance.Instance) (status string, reached readiness.Rung) {
	if in.State != stateRunning {
		return readiness.ServiceUnavailable, readiness.None
	}
	budget := op.set.ProbeBudget()
	if !op.set.RefreshProbe() || !budget.Allow(in.SubnetID) {
		return readiness.ServiceUnknown, readiness.None
	}
	target := op.target(in)
	target.Instance = in
	result, err := readiness.Probe(ctx, target, readiness.Limits{})
	if err != nil {
		tfdiag.Warn(op.diags, op.set, tfdiag.HealthUnknown, fmt.Sprintf(
			"CML on the worker %s could not be asked: %s.", op.id, err))
		return readiness.ServiceUnknown, readiness.None
	}
	if result.ConnectTimedOut() {
		budget.TimedOut(in.SubnetID)
	}
	if result.CredentialsErr != nil {
		tfdiag.Warn(op.diags, op.set, tfdiag.HealthUnknown, fmt.Sprintf(
			"CML on the worker %s was asked without an account: %s.", op.id, result.CredentialsErr))
	}
	return readiness.ServiceStatus(result, op.opts.readiness.Until), result.Reached
}
