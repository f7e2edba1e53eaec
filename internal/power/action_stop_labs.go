package power

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// stopLabsTimeout is what many labs may take.
const stopLabsTimeout = 20 * time.Minute

// StopLabs is the action cml_worker_stop_labs.
type StopLabs struct{ acting }

var (
	_ action.ActionWithConfigure      = (*StopLabs)(nil)
	_ action.ActionWithValidateConfig = (*StopLabs)(nil)
	_ action.ActionWithModifyPlan     = (*StopLabs)(nil)
)

// NewStopLabs returns the action for the provider's list.
func NewStopLabs() action.Action { return &StopLabs{} }

// stopLabsModel is the configuration of cml_worker_stop_labs.
type stopLabsModel struct {
	head
	WaitForIdle types.String `tfsdk:"wait_for_idle"`
}

// Metadata implements action.Action.
func (*StopLabs) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_stop_labs"
}

// Schema implements action.Action.
func (*StopLabs) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	before, _ := drainAttribute().(rschema.SingleNestedAttribute)
	resp.Schema = schema.Schema{
		MarkdownDescription: "Stops the labs of all users on a worker, as CML itself stops them, and waits until no node runs. Nodes keep what is on their disks; the worker runs on. It needs an administrator of CML in the provider's `controller`, or in `controller.credentials`: other accounts see only labs of their own. A worker that does not run has no lab that does, which is a success. " +
			"Nothing keeps users from starting labs again; `cml_worker_maintenance` does. " + act.Needs,
		Attributes: act.Attributes(stopLabsTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"wait_for_idle": act.Attribute(before.Attributes["wait_for_idle"], map[string]string{
				"": "How long to wait first until no node runs, by itself. Default `0s`: no waiting. One above `timeout` is an error."}),
		}),
	}
}

// ValidateConfig implements action.ActionWithValidateConfig.
func (*StopLabs) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	fits(ctx, req.Config, stopLabsTimeout, &resp.Diagnostics, part{at: path.Root("wait_for_idle"), what: "Wait for idle nodes exceeds", name: "wait_for_idle"})
}

// ModifyPlan implements action.ActionWithModifyPlan: it says what the action
// will interrupt.
func (a *StopLabs) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var m stopLabsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a.warn(ctx, m.head, "this action stops the labs of all users", &resp.Diagnostics)
}

// Invoke implements action.Action.
func (a *StopLabs) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m stopLabsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a.carryOut(ctx, invocation{head: m.head, opts: defaults(), limit: stopLabsTimeout, summary: "Unable to stop the labs of CML worker"}, resp,
		func(ctx context.Context, op *operation, in *instance.Instance) error {
			if settled(in.State) == stateStopped {
				op.call.Say("worker %s is %s, so that none of its labs runs; nothing was stopped", op.id, in.State)
				return nil
			}
			stopped, err := op.stopAllLabs(ctx, in, duration(m.WaitForIdle, 0))
			switch {
			case err != nil:
				return err
			case stopped == 0:
				op.call.Say("no lab runs on worker %s; nothing was stopped", op.id)
			default:
				op.call.Say("%s on worker %s stopped", labs(stopped), op.id)
			}
			return nil
		})
}

func labs(n int) string {
	if n == 1 {
		return "1 lab"
	}
	return fmt.Sprintf("%d labs", n)
}

// stopAllLabs stops the labs of a worker whose CML is up, after the time that
// nodes have to end by themselves.
func (op *operation) stopAllLabs(ctx context.Context, in *instance.Instance, idle time.Duration) (int, error) {
	in, err := op.inService(ctx, in)
	if err != nil {
		return 0, err
	}
	client, err := op.administrator(ctx, in)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if _, err := client.AwaitNoNodes(ctx, op.pace(), op.polls(patiencePolls), idle, op.progress(ctx)); err != nil {
		return 0, fmt.Errorf("nobody knows how many nodes run: %w", err)
	}
	// To name the labs that stay, the limit is over a little before the context.
	limit := op.polls(labsPolls)
	if end, ok := ctx.Deadline(); ok {
		limit = time.Until(end) * 19 / 20
	}
	n, err := op.stopLabs(ctx, client, limit)
	if busy := (*busyError)(nil); errors.As(err, &busy) && busy.late {
		err = &failure{at: path.Root("timeout"), err: err}
	}
	return n, err
}
