package power

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// rebootTimeout exceeds a reboot of a bare metal machine with its status
// checks, and the default readiness wait.
const rebootTimeout = 45 * time.Minute

// silencePolls is how long EC2 may take to begin with a reboot, in settled
// intervals of 5 s: it only queues the request, and cuts the power of a machine
// that does not shut down within a few minutes (EC2 API, RebootInstances; EC2
// user guide, "Reboot your Amazon EC2 instance").
const silencePolls = 72 // 6 min

// silences is how many questions in a row CML leaves without an answer that went
// down: one may be lost.
const silences = 2

// Reboot is the action cml_worker_reboot.
type Reboot struct{ acting }

var (
	_ action.ActionWithConfigure      = (*Reboot)(nil)
	_ action.ActionWithValidateConfig = (*Reboot)(nil)
	_ action.ActionWithModifyPlan     = (*Reboot)(nil)
)

// NewReboot returns the action for the provider's list.
func NewReboot() action.Action { return &Reboot{} }

// rebootModel is the configuration of cml_worker_reboot.
type rebootModel struct {
	head
	Readiness types.Object `tfsdk:"readiness"`
}

// Metadata implements action.Action.
func (*Reboot) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_reboot"
}

// Schema implements action.Action.
func (*Reboot) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Restarts the operating system of a running worker, once, and waits for CML. Addresses stay, and so does EC2's state `running`, so that neither `cml_worker` nor `cml_worker_power` sees a change; the nodes of its labs are interrupted. " +
			"A worker that does not run is an error. To stop and start it instead, as a move to another host needs, change `triggers` of `cml_worker_power`. " + act.Needs,
		Attributes: act.Attributes(rebootTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"readiness":  readinessArgument("How far to wait for CML after the reboot. With a rung above `status_ok`, a CML that answers before the reboot has to be seen without an answer first; `running` and `status_ok` hold during a reboot and wait for nothing."),
		}),
	}
}

// ValidateConfig implements action.ActionWithValidateConfig.
func (*Reboot) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	fits(ctx, req.Config, rebootTimeout, &resp.Diagnostics, readinessPart)
}

// ModifyPlan implements action.ActionWithModifyPlan: it says what the reboot
// will interrupt.
func (a *Reboot) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var m rebootModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a.warn(ctx, m.head, "this action reboots it", &resp.Diagnostics)
}

// Invoke implements action.Action.
func (a *Reboot) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m rebootModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	opts := defaults()
	expandStart(ctx, start{Readiness: m.Readiness}, &opts, &resp.Diagnostics)
	a.carryOut(ctx, invocation{head: m.head, opts: opts, limit: rebootTimeout, summary: "Unable to reboot CML worker"}, resp,
		func(ctx context.Context, op *operation, in *instance.Instance) error {
			if err := op.reboot(ctx, in); err != nil {
				return err
			}
			if seen, ok := op.ready(ctx, in, promises(in)...); ok {
				op.sayReady(seen)
			}
			return nil
		})
}

// reboot restarts a running worker, and returns when CML, if it answered, has
// been seen to go.
func (op *operation) reboot(ctx context.Context, in *instance.Instance) error {
	in, err := op.inService(ctx, in)
	if err != nil {
		return err
	}
	answered := false
	if op.opts.readiness.Until > readiness.StatusOK {
		for try := 0; try <= silences && !answered; try++ {
			answered = op.answering(ctx, in)
		}
	}
	op.progress(ctx)(fmt.Sprintf("rebooting %s", op.id))
	if err := op.ec2.Reboot(ctx, op.id); err != nil {
		return err
	}
	if !answered {
		return nil
	}
	limit := op.polls(silencePolls)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	silent := 0
	err = wait.Poll(limited, op.pace(), func(ctx context.Context) (bool, error) {
		if silent++; op.answering(ctx, in) {
			silent = 0
		}
		return silent >= silences && ctx.Err() == nil, nil
	})
	switch {
	case err == nil:
		op.progress(ctx)("CML went down for the reboot")
		return nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return &failure{next: "look at the worker's console and log. A worker that does not reboot by itself is restarted by a stop and a start, as `triggers` of `cml_worker_power` makes them.",
			err: fault.New(fault.Timeout, "EC2 has accepted the reboot, but CML on worker %s went on answering for %s, so that nobody has seen it restart", op.id, limit)}
	}
	return fmt.Errorf("EC2 has accepted the reboot, and the wait for its begin ended early: %w", err)
}

// answering asks CML once, without an account.
func (op *operation) answering(ctx context.Context, in *instance.Instance) bool {
	target := op.target(in)
	target.Instance, target.ResolveCredentials = in, nil
	result, err := readiness.Probe(ctx, target, readiness.Limits{})
	return err == nil && result.Reached >= readiness.API
}
