package power

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// stopTimeout exceeds a start that is under way, the stop of all labs, and a
// stop of a bare metal machine.
const stopTimeout = 60 * time.Minute

// Stop is the action cml_worker_stop.
type Stop struct{ acting }

var (
	_ action.ActionWithConfigure      = (*Stop)(nil)
	_ action.ActionWithValidateConfig = (*Stop)(nil)
	_ action.ActionWithModifyPlan     = (*Stop)(nil)
)

// NewStop returns the action for the provider's list.
func NewStop() action.Action { return &Stop{} }

// stopModel is the configuration of cml_worker_stop.
type stopModel struct {
	head
	stop
}

// Metadata implements action.Action.
func (*Stop) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_stop"
}

// Schema implements action.Action.
func (*Stop) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	from := members("stop")
	resp.Schema = schema.Schema{
		MarkdownDescription: "Stops a worker, once, and waits until EC2 says `stopped`. Before StopInstances come, in this order, `recheck_idle`, `drain` and `release_license`. A worker that is stopped already is a success; one that is starting is waited for first. A one-time spot instance, and one whose stop protection is on, are errors before anything is done.\n\n" +
			"Beside a `cml_worker_power` with `state = \"running\"`, its next plan starts the worker again, unless `on_external_change = \"accept\"`. " + act.Needs,
		Attributes: act.Attributes(stopTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"mode":       act.Attribute(from["mode"], nil),
			"recheck_idle": act.Attribute(from["recheck_idle"], map[string]string{
				"": "Reads right before the stop whether anybody uses the worker, by the rules that `data.cml_worker_idle` has where its arguments are left out (but for `snooze`). A worker that is in use, or of which that cannot be read, is an error, and nothing is done."}),
			"drain": act.Attribute(from["drain"], map[string]string{
				"":              "What is done for the users of CML before the stop. It needs an administrator of CML in the provider's `controller`, or in `controller.credentials`. What it has put into CML is taken back when the worker is not stopped after all, and otherwise after the next start by `cml_worker_start` or any `cml_worker_power`. Default: nothing.",
				"wait_for_idle": "How long to wait until no node runs. Default `0s`: no waiting. One above `timeout` is an error."}),
			"release_license": act.Attribute(from["release_license"], map[string]string{
				"": "Whether the licence is given back before the stop. What cannot be given back is a warning, and the worker is stopped all the same. A licence given back has to be registered again after the next start, by `cml_worker_license` with `power_state` and a token that is still valid then. Default `false`."}),
		}),
	}
}

// ValidateConfig implements action.ActionWithValidateConfig.
func (*Stop) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	fits(ctx, req.Config, stopTimeout, &resp.Diagnostics,
		part{at: path.Root("drain").AtName("wait_for_idle"), what: "Wait for idle nodes exceeds", name: "drain.wait_for_idle"})
}

// ModifyPlan implements action.ActionWithModifyPlan: it refuses what EC2 would
// refuse, and says what the stop will interrupt.
func (a *Stop) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var m stopModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	opts := defaults()
	expandStop(ctx, m.stop, &opts, &resp.Diagnostics)
	settings, d := attribute.ExpandController(ctx, m.Controller)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() || a.Set == nil {
		return
	}
	r := &Resource{set: a.Set}
	r.warnMode(opts, path.Root("mode"), &resp.Diagnostics)
	in := a.Look(ctx, m.Head)
	if in == nil || settled(in.State) != stateRunning {
		return
	}
	ec2, err := a.Set.Instances(ctx, in.Region)
	switch {
	case err != nil:
	case a.Set.WillProtectStop(ctx, ec2, in.ID):
		resp.Diagnostics.AddAttributeError(path.Root("worker_id"), "CML worker is protected against a stop", fmt.Sprintf(
			"This action stops the worker %s, and EC2 refuses that while its stop protection is on. %s", in.ID, unprotect))
	case r.oneTime(ctx, ec2, in):
		resp.Diagnostics.AddAttributeError(path.Root("worker_id"), "CML worker cannot be stopped", fmt.Sprintf("This action stops the worker %s: %s", in.ID, oneTimeSpotText))
	case !m.Controller.IsUnknown() && !m.Drain.IsUnknown():
		opts.controller = settings
		r.warnNodes(ctx, opts, in, path.Root("worker_id"), "this action stops it", "drain.on_busy", &resp.Diagnostics)
	}
}

// Invoke implements action.Action.
func (a *Stop) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m stopModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	opts := defaults()
	expandStop(ctx, m.stop, &opts, &resp.Diagnostics)
	a.carryOut(ctx, invocation{head: m.head, opts: opts, limit: stopTimeout, summary: "Unable to stop CML worker"}, resp, stopOnce)
}

// stopOnce stops a worker that is not stopped.
func stopOnce(ctx context.Context, op *operation, in *instance.Instance) error {
	if in.State == stateStopped {
		op.call.Say("worker %s is stopped already; nothing was stopped", op.id)
		return nil
	}
	if err := op.stoppable(ctx, in); err != nil {
		return err
	}
	if _, err := op.converge(ctx, in, stateStopped, false); err != nil {
		return err
	}
	left := ""
	if op.announced {
		left = "; the maintenance mode, or the notice, of the drain goes with the next start by `cml_worker_start` or `cml_worker_power`"
	}
	op.call.Say("worker %s is stopped%s", op.id, left)
	return nil
}

// stoppable fails, before users are told of anything, where EC2 will refuse the
// stop. What cannot be read is for EC2 to say.
func (op *operation) stoppable(ctx context.Context, in *instance.Instance) error {
	if settled(in.State) != stateRunning {
		return nil
	}
	at := path.Root("worker_id")
	if on, err := op.ec2.StopProtection(ctx, in.ID); err == nil && on {
		return &failure{at: at, err: fault.New(fault.Protected, "the stop protection of worker %s is on, and nothing was done to it", in.ID),
			next: unprotect}
	}
	if op.oneTime(ctx, op.ec2, in) {
		return &failure{at: at, err: fault.New(fault.WrongState, "worker %s cannot be stopped, and nothing was done to it", in.ID), next: oneTimeSpotText}
	}
	return nil
}
