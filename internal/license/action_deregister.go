package license

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
)

const deregisterText = "Gives the licence of a worker back, whoever registered it: before its image is made, before it is handed on, or when `cml_worker_license` was removed from the state without being destroyed. It ends when CML shows that it is not registered any more. Cisco's licence servers may have to be told by hand all the same; a warning then names smart account, virtual account and UDI. A worker that is not registered is left alone, and so, with a warning, is a registration that came with the image, since it belongs to another machine.\n\n" +
	"It takes an administrator of CML, from the provider's `controller` or by reference in `controller.credentials`. Unlike `on_destroy` of `cml_worker_license`, whatever stands against it is an error.\n\n" +
	"A `cml_worker_license` of the same worker leaves the state at the next refresh that reaches CML, with a warning, and is planned anew: the next apply registers again with its token. Take the resource out of the configuration if the worker is to stay without licence; to give the licence back for good, destroy that resource instead."

// Deregister is the action cml_worker_license_deregister.
type Deregister struct{ act.Base }

var _ action.ActionWithConfigure = (*Deregister)(nil)

// NewDeregister returns the action for the provider's list.
func NewDeregister() action.Action { return &Deregister{} }

// deregisterModel is cml_worker_license_deregister.
type deregisterModel struct {
	act.Head
	Controller     types.Object `tfsdk:"controller"`
	StartIfStopped types.Bool   `tfsdk:"start_if_stopped"`
	StopLabs       types.Bool   `tfsdk:"stop_labs"`
}

// policy are the arguments with their defaults.
func (m *deregisterModel) policy() licensing.Policy {
	return licensing.Policy{StartIfStopped: m.StartIfStopped.IsNull() || m.StartIfStopped.ValueBool(), StopLabs: m.StopLabs.ValueBool()}
}

// Metadata implements action.Action.
func (*Deregister) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_license_deregister"
}

// Schema implements action.Action.
func (*Deregister) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: deregisterText + "\n\n" + act.Needs,
		Attributes: act.Attributes(defaultDeleteTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			licensing.ArgumentStart: schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether a stopped worker is started to give its licence back, and stopped again afterwards. Default `true`."},
			licensing.ArgumentStop: schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether the labs of all users are stopped first. CML does not de-register while nodes run. Default `false`: nodes that run are an error."},
		}),
	}
}

// Invoke implements action.Action.
func (a *Deregister) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m deregisterModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer a.Lock(m.Head)()
	ctx, cancel := context.WithTimeout(ctx, m.Limit(defaultDeleteTimeout))
	defer cancel()
	call := a.Begin(ctx, m.Head, "Unable to give the licence of CML worker back", resp)
	if call == nil {
		return
	}
	op := acting(ctx, a.Set, call, m.Controller)
	if op == nil {
		return
	}
	in, err := op.find(ctx)
	if err != nil {
		call.Fail(ctx, act.Failure{Err: err})
		return
	}
	out, err := op.worker.Deregister(ctx, in, licensing.Release{Policy: m.policy(), Done: a.Set.LicenseFree(op.id)})
	op.tell(out.Notes)
	if out.Free {
		a.Set.SetLicenseFree(op.id, true)
	}
	switch {
	case err != nil:
		call.Fail(ctx, kept(ctx, out, err))
	case out.Released:
		call.Say("the licence of worker %s was given back", op.id)
	case out.Free:
		call.Say("CML on worker %s is not registered, so that there is nothing to give back", op.id)
	}
}

// kept is the failure of a de-registration, with what is still counted.
func kept(ctx context.Context, out licensing.Outcome, err error) act.Failure {
	f := act.Failure{Err: err}
	var own *licensing.Error
	if errors.As(err, &own) && own.Argument != "" {
		f.Attribute = path.Root(own.Argument)
		f.Next = map[string]string{
			licensing.ArgumentStart: "start the worker, or leave `start_if_stopped` out.",
			licensing.ArgumentStop:  "stop these labs, or set `stop_labs = true`, which stops the labs of all users.",
		}[own.Argument]
	}
	switch {
	case out.Free:
	case len(out.Notes) > 0: // they tell more
	case ctx.Err() != nil:
		f.Err = fmt.Errorf("the release was cut short before CML was asked for it, so that the licence is counted as before (%s): %w", out.Holder, err)
	default:
		f.Err = fmt.Errorf("the licence was not given back (%s): %w", out.Holder, err)
	}
	return f
}
