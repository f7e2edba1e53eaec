package power

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// waitTimeout exceeds the boot of a bare metal machine with its status checks,
// and the default readiness wait.
const waitTimeout = 45 * time.Minute

// Wait is the action cml_worker_wait.
type Wait struct{ acting }

var (
	_ action.ActionWithConfigure      = (*Wait)(nil)
	_ action.ActionWithValidateConfig = (*Wait)(nil)
)

// NewWait returns the action for the provider's list.
func NewWait() action.Action { return &Wait{} }

// waitModel is the configuration of cml_worker_wait.
type waitModel struct {
	head
	State     types.String `tfsdk:"state"`
	Readiness types.Object `tfsdk:"readiness"`
}

// Metadata implements action.Action.
func (*Wait) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_wait"
}

// Schema implements action.Action.
func (*Wait) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Waits until CML on a worker is ready, or until a worker that something else stops is stopped. It looks and changes nothing: neither the worker nor what a drain has left in CML. " + act.Needs,
		Attributes: act.Attributes(waitTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"state": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(stateRunning, stateStopped)},
				MarkdownDescription: "`running` (default): wait as far as `readiness` says. A worker that is stopping or stopped is an error at once, since waiting does not start it. `stopped`: wait until EC2 says so, with a worker that runs too, as after a schedule or an idle policy."},
			"readiness": readinessArgument("How far to wait for CML. With `state = \"stopped\"` it is an error."),
		}),
	}
}

// ValidateConfig implements action.ActionWithValidateConfig.
func (*Wait) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	fits(ctx, req.Config, waitTimeout, &resp.Diagnostics, readinessPart)
	var m waitModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if m.State.ValueString() == stateStopped && !m.Readiness.IsNull() && !m.Readiness.IsUnknown() {
		resp.Diagnostics.AddAttributeError(path.Root("readiness"), "Readiness of a stopped worker",
			"`state` is `stopped`, and CML on a worker that is stopped does not get ready. Leave `readiness` out, or wait for `running`.")
	}
}

// Invoke implements action.Action.
func (a *Wait) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m waitModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	opts := defaults()
	expandStart(ctx, start{Readiness: m.Readiness}, &opts, &resp.Diagnostics)
	a.carryOut(ctx, invocation{head: m.head, opts: opts, limit: waitTimeout, summary: "CML worker did not reach the state that was waited for", looks: true}, resp,
		func(ctx context.Context, op *operation, in *instance.Instance) error {
			if m.State.ValueString() == stateStopped {
				if _, err := op.ec2.WaitStopped(ctx, op.id, op.account, op.progress(ctx)); err != nil {
					return err
				}
				op.call.Say("worker %s is stopped", op.id)
			} else if seen, ok := op.ready(ctx, in, promises(in)...); ok {
				op.sayReady(seen)
			}
			return nil
		})
}
