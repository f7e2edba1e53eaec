package license

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Read implements resource.Resource. A worker that does not run, or cannot be
// reached, keeps what is known of its licence; one that is not registered takes
// the resource out of the state.
func (r *Resource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const summary = "Unable to read the licence of CML worker"
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&state, f))...)
	if tfdiag.NotRead(&resp.Diagnostics, r.set, "the licence of worker "+state.WorkerID.ValueString()) {
		return
	}
	op := r.begin(ctx, summary, &state, f.AccountID, &resp.Diagnostics)
	if op == nil {
		return
	}
	in, err := op.find(ctx)
	if fault.Is(err, fault.NotFound) {
		op.vanished(&state)
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		op.fail(summary, err)
		return
	}
	f.AccountID, f.Spot = op.account, in.Lifecycle == "spot"
	state.Region = types.StringValue(op.ec2.Region())
	l, looked, err := op.look(ctx, in)
	first := f.Imported && state.Product.IsNull()
	switch {
	case err != nil:
		op.fail(summary, err)
		return
	case !looked:
		state.Stale = types.BoolValue(true)
	case l.Unregistered() && first:
		resp.Diagnostics.AddError("CML worker is not registered", fmt.Sprintf(
			"CML on worker %s has no registration to import. Create the cml_worker_license instead.", op.id))
		return
	case l.Unregistered():
		op.released(&state, l)
		resp.State.RemoveResource(ctx)
		return
	default:
		op.observe(ctx, in, l, &state, &f)
	}
	if state.Features.IsNull() {
		state.Features = types.SetNull(types.ObjectType{AttrTypes: featureTypes})
	}
	writeFacts(ctx, resp.Private, f, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&state, f))...)
}

// look asks CML once. looked is false where it cannot be asked now, which is no
// error: refused credentials and an untrusted certificate are.
func (op *operation) look(ctx context.Context, in *instance.Instance) (l controller.Licensing, looked bool, err error) {
	budget := op.set.ProbeBudget()
	if in.State != instance.StateRunning || !op.set.RefreshProbe() || !budget.Allow(in.SubnetID) {
		return l, false, nil
	}
	l, err = op.worker.Look(ctx, in)
	switch {
	case err == nil:
		return l, true, nil
	case ctx.Err() != nil:
		return l, false, err
	case licensing.NoCredentials(err):
		return l, false, nil
	case unanswered(err):
		if reason := controller.Reason(err); reason == controller.ReasonTimeout || reason == controller.ReasonNoRoute {
			budget.TimedOut(in.SubnetID)
		}
		return l, false, nil
	}
	return l, false, err
}

// unanswered reports whether CML has not answered, or not as it does when it is
// ready.
func unanswered(err error) bool {
	return fault.Is(err, fault.Unreachable, fault.NotReady, fault.Server, fault.Throttled, fault.Timeout)
}

// observe takes a look over into the state.
func (op *operation) observe(ctx context.Context, in *instance.Instance, l controller.Licensing, state *model, f *facts) {
	if before := state.UDI.ValueString(); before != "" && l.UDI.ProductUUID != "" && before != l.UDI.ProductUUID {
		tfdiag.Warn(op.diags, op.set, tfdiag.LicenseUDIChanged, fmt.Sprintf(
			"Worker %s was known to the licence servers as %q, and is %q now: they may count both. Look for %s in Cisco's Smart Software Manager.",
			op.id, before, l.UDI.ProductUUID, state.known().Holder()))
	}
	if other := op.set.SharedUDI(l, op.id); other != "" {
		tfdiag.Warn(op.diags, op.set, tfdiag.LicenseUDIShared, fmt.Sprintf(
			"Workers %s and %s are registered under one UDI %q: they come from an image of a registered machine, and the licence servers take them for one product.", other, op.id, l.UDI.ProductUUID))
	}
	inherited := state.Inherited.ValueBool()
	if state.Inherited.IsNull() {
		inherited = licensing.Inherited(l, in)
	}
	state.observed, state.Stale = flatten(l, inherited), types.BoolValue(false)
	if l.ProductLicense.Active != "" {
		state.Product = types.StringValue(l.ProductLicense.Active)
	}
	if node, ok := l.NodeFeature(); ok && !state.ExtraNodes.IsNull() {
		state.ExtraNodes = types.Int64Value(int64(node.InUse))
	}
	state.Transport = seenTransport(ctx, state.Transport, l, op.diags)
	f.RenewDue = state.renewBefore() > 0 && licensing.DueWithin(l, state.renewBefore(), time.Now())
	if f.Unfinished && l.Valid() {
		f.Unfinished = false
	}
	if licensing.OutOfCompliance(l) {
		op.warnCompliance(l)
	}
}

// released warns of a registration that was given up without this provider
// knowing how: Cisco's servers may not have heard of it.
func (op *operation) released(state *model, l controller.Licensing) {
	known := state.known()
	if !known.Counted() || state.Inherited.ValueBool() || op.set.LicenseFree(op.id) {
		return
	}
	tfdiag.Warn(op.diags, op.set, tfdiag.LicenseNotReleased, fmt.Sprintf(
		"CML on worker %s is not registered any more (%s): it was given back outside of Terraform, or by a run that was interrupted. If Cisco's Smart Software Manager still has the product instance, remove it there: %s.",
		op.id, l.Registration.Status, known.Holder()))
}

// vanished warns of a licence whose worker has gone without giving it back.
func (op *operation) vanished(state *model) {
	known := state.known()
	if !known.Counted() || state.Inherited.ValueBool() || op.set.LicenseFree(op.id) {
		return
	}
	tfdiag.Warn(op.diags, op.set, tfdiag.LicenseNotReleased, fmt.Sprintf(
		"Worker %s is gone, and nobody gave its licence back: %s. Remove the product instance in Cisco's Smart Software Manager; from now on Terraform does not know of it.",
		op.id, known.Holder()))
}
