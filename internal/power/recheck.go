package power

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/idle"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// recheckIdle reads the idleness of a running worker once more, right before
// its stop, by the rules that data.cml_worker_idle has where nobody says
// otherwise, but without snooze: whether the worker was started since the plan
// is known better. Whatever could not be read is in use.
func (op *operation) recheckIdle(ctx context.Context, in *instance.Instance) error {
	if op.opts.recheckIdle == 0 || in.State != stateRunning {
		return nil
	}
	rules := idle.Defaults()
	rules.Threshold, rules.Snooze = op.opts.recheckIdle, 0
	why := ""
	if started := attribute.Time(in.LaunchTime); op.lastStarted != "" && !started.IsNull() && started.ValueString() != op.lastStarted {
		why = fmt.Sprintf("it was started at %s", started.ValueString())
	} else {
		s := op.set.SettingsFor(in, op.opts.controller)
		seen, err := idle.Look(ctx, idle.Target{
			Machine: in, Settings: s, Credentials: op.set.CredentialsFor(op.ec2.Region(), s), Transport: op.set.Transport(), Tags: op.tagsOf(in),
		}, rules)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if why = inUse(rules, seen, err); why == "" {
			return nil
		}
	}
	if op.call != nil {
		return &failure{
			summary: "CML worker is not idle",
			next:    "invoke the action again when nobody uses the worker. Nothing was done to it.",
			at:      path.Root("recheck_idle"),
			err:     fault.New(fault.WrongState, "by `recheck_idle` the worker is not stopped: %s", why),
		}
	}
	return &failure{
		summary: "CML worker became active since the plan",
		next:    "plan again. Nothing was done to the worker.",
		err:     fault.New(fault.WrongState, "the worker became active since the plan; plan again. By `stop.recheck_idle` it is not stopped: %s", why),
	}
}

// inUse says why a worker is not idle, or not known to be; "" when it is.
func inUse(rules idle.Options, seen idle.Observation, err error) string {
	if err == nil {
		err = seen.Err
	}
	d := idle.Decide(rules, seen)
	switch {
	case d.Reason == idle.Idle:
		return ""
	case seen.Disabled:
		return "its tag switches idle detection off"
	case err != nil:
		return fmt.Sprintf("nobody can tell whether it is idle (%s)", err)
	case seen.Nodes != nil && *seen.Nodes > 0:
		return running(*seen.Nodes)
	case !seen.Last.IsZero():
		return fmt.Sprintf("its last activity (%s) was at %s, less than %s ago", seen.Category, seen.Last.UTC().Format(time.RFC3339), rules.Threshold)
	case d.Reason == idle.Unknown:
		return "nobody can tell whether it is idle"
	}
	return fmt.Sprintf("it has been running for less than %s", rules.Threshold)
}
