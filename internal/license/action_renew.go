package license

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// defaultRenewTimeout covers a worker that boots, and two renewals.
const defaultRenewTimeout = 15 * time.Minute

const renewText = "Renews the licence of a worker now: its authorization, which CML renews every month by itself and which ends after some ninety days without contact, and its registration, which lasts a year. It ends when CML shows the later date of each, or says why it does not. Whatever ended long ago while the worker was stopped is so mended in one go after a start.\n\n" +
	"It takes an administrator of CML, from the provider's `controller` or by reference in `controller.credentials`, and a worker that runs; nothing is started for it. A worker that is not registered is an error: `cml_worker_license` registers.\n\n" +
	"The next refresh of `cml_worker_license` shows the new `expires_at`, and its plan has nothing to do."

// Renew is the action cml_worker_license_renew.
type Renew struct{ act.Base }

var _ action.ActionWithConfigure = (*Renew)(nil)

// NewRenew returns the action for the provider's list.
func NewRenew() action.Action { return &Renew{} }

// renewModel is cml_worker_license_renew.
type renewModel struct {
	act.Head
	Controller  types.Object `tfsdk:"controller"`
	RenewBefore types.String `tfsdk:"renew_before"`
}

// within is the time within which something has to end to be renewed.
func (m *renewModel) within() time.Duration {
	if d, err := time.ParseDuration(m.RenewBefore.ValueString()); err == nil {
		return d
	}
	return licensing.Always
}

// Metadata implements action.Action.
func (*Renew) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_license_renew"
}

// Schema implements action.Action.
func (*Renew) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: renewText + "\n\n" + act.Needs,
		Attributes: act.Attributes(defaultRenewTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"renew_before": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Hour, longestRenewal)},
				MarkdownDescription: "Renew only what ends within this time, as in `\"336h\"`. Default: both, however long they are good for."},
		}),
	}
}

// Invoke implements action.Action.
func (a *Renew) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m renewModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer a.Lock(m.Head)()
	ctx, cancel := context.WithTimeout(ctx, m.Limit(defaultRenewTimeout))
	defer cancel()
	call := a.Begin(ctx, m.Head, "Unable to renew the licence of CML worker", resp)
	if call == nil {
		return
	}
	op := acting(ctx, a.Set, call, m.Controller)
	if op == nil {
		return
	}
	in, err := op.running(ctx)
	if err != nil {
		call.Fail(ctx, notRunning(err))
		return
	}
	l, err := op.worker.Renew(ctx, in, m.within())
	if err != nil {
		f := act.Failure{Err: err}
		if ctx.Err() != nil {
			f.Next = "CML goes on with a renewal that it was asked for; `data.cml_worker_license` shows until when the licence is good. Invoke the action again to be sure: a renewal too many does no harm."
		}
		call.Fail(ctx, f)
		return
	}
	a.ended(ctx, call, op, in, l, &m)
}

// ended says how the licence stands after a renewal.
func (a *Renew) ended(ctx context.Context, call *act.Call, op *operation, in *instance.Instance, l controller.Licensing, m *renewModel) {
	end := licensing.ExpiresAt(l)
	switch {
	case !l.Registered():
		call.Fail(ctx, act.Failure{Attribute: path.Root("worker_id"), Next: "register the worker with `cml_worker_license`.",
			Err: fault.New(fault.WrongState, "CML on worker %s is not registered (%s), so that there is nothing to renew", op.id, l.Registration.Status)})
		return
	case end.IsZero():
		call.Fail(ctx, act.Failure{Attribute: path.Root("renew_before"), Next: "leave `renew_before` out to renew it whenever it ends.",
			Err: fault.New(fault.NotReady, "CML does not tell when the licence ends, so that nobody knows whether that is within %s", m.RenewBefore.ValueString())})
		return
	}
	if licensing.OutOfCompliance(l) {
		op.warnCompliance(l)
	}
	if licensing.Inherited(l, in) {
		tfdiag.Warn(op.diags, op.set, tfdiag.InheritedLicense, fmt.Sprintf(
			"The registration of worker %s came with its image (%s): it belongs to the machine that the image was made of.", op.id, licensing.KnownFrom(l).Holder()))
	}
	call.Say("the licence of worker %s is good until %s", op.id, end.Format(time.RFC3339))
}

// notRunning is the failure of finding a worker that runs.
func notRunning(err error) act.Failure {
	f := act.Failure{Err: err}
	if fault.Is(err, fault.WrongState) {
		f.Attribute, f.Next = path.Root("worker_id"), "start the worker first, with `cml_worker_power` or the action `cml_worker_start`."
	}
	return f
}
