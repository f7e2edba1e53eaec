package license

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
)

// Update implements resource.Resource. Until it has succeeded the state stays
// as it was, the version of the token included, so that the next plan shows
// what is left to do.
func (r *Resource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	const summary = "Unable to change the licence of CML worker"
	var plan, prior, config model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	limit, d := plan.Timeouts.Update(ctx, defaultUpdateTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.TokenWO = types.StringNull()
	// Otherwise nothing but settings of this provider changed: nobody is asked.
	if plan.Status.IsUnknown() {
		m := decide(&plan, &prior, f)
		if !r.apply(ctx, summary, limit, m, &plan, &prior, config.TokenWO, &f, resp) {
			return
		}
	}
	f.Imported = false
	writeFacts(ctx, resp.Private, f, &resp.Diagnostics)
	ctx = context.WithoutCancel(ctx)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&plan, f))...)
}

// apply does what the plan showed, and completes it.
func (r *Resource) apply(ctx context.Context, summary string, limit time.Duration, m move, plan, prior *model, token types.String, f *facts, resp *resource.UpdateResponse) bool {
	defer r.set.Lock(plan.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	op := r.begin(ctx, summary, plan, f.AccountID, &resp.Diagnostics)
	if op == nil {
		return false
	}
	in, err := op.running(ctx)
	if err != nil {
		op.fail(summary, err)
		return false
	}
	request := op.request(ctx, plan, token)
	if request.Transport == nil && !prior.Transport.IsNull() {
		request.Transport = &controller.LicenseTransport{}
	}
	request.Again, request.Ours = m.register, prior.ours()
	if resp.Diagnostics.HasError() {
		return false
	}
	result, err := op.worker.Register(ctx, in, request)
	unfinished, err := op.registered(result, m.register, err)
	if err != nil {
		op.fail(summary, err)
		if m.register && result.Half() {
			op.half(ctx, plan, prior, result, f, resp)
		}
		return false
	}
	r.set.SetLicenseFree(op.id, false)
	if m.renew && !unfinished {
		if result.Licensing, err = op.worker.Renew(ctx, in, plan.renewBefore()); err != nil {
			op.fail(summary, err)
			return false
		}
	}
	plan.observed = flatten(result.Licensing, result.Inherited)
	f.AccountID, f.Unfinished, f.RenewDue = op.account, unfinished, false
	return true
}

// half keeps what a change that failed has reached: the token was used, and a
// second use of it may be one too many. What is left to do shows in the next plan.
func (op *operation) half(ctx context.Context, plan, prior *model, result licensing.Result, f *facts, resp *resource.UpdateResponse) {
	op.set.SetLicenseFree(op.id, false)
	out := *prior
	out.TokenWO, out.TokenWOVersion = types.StringNull(), plan.TokenWOVersion
	if active := result.Licensing.ProductLicense.Active; active != "" {
		out.Product = types.StringValue(active)
	}
	out.observed, out.Stale = flatten(result.Licensing, result.Inherited), types.BoolValue(false)
	f.AccountID, f.Unfinished = op.account, true
	writeFacts(ctx, resp.Private, *f, op.diags)
	op.diags.Append(resp.State.Set(context.WithoutCancel(ctx), &out)...)
}
