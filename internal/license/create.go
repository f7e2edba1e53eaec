package license

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Create implements resource.Resource. From the moment that a registration may
// have happened, every way out of here leaves it in the state: what nobody
// knows of, nobody gives back.
func (r *Resource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	const summary = "Unable to license CML worker"
	var plan, config model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	limit, d := plan.Timeouts.Create(ctx, defaultCreateTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	defer r.set.Lock(plan.WorkerID.ValueString())()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	op := r.begin(ctx, summary, &plan, "", &resp.Diagnostics)
	if op == nil {
		return
	}
	in, err := op.running(ctx)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, op.about().Named(err), err))
		return
	}
	request := op.request(ctx, &plan, config.TokenWO)
	request.Again = request.Reregister
	if resp.Diagnostics.HasError() {
		return
	}
	result, err := op.worker.Register(ctx, in, request)
	unfinished, err := op.registered(result, request.Again && !result.Fresh, err)
	if err != nil {
		if held(result) {
			err = tainted(err)
		}
		op.fail(summary, err)
		if !held(result) {
			return
		}
	}
	r.set.SetLicenseFree(op.id, false)

	plan.ID, plan.TokenWO = plan.WorkerID, types.StringNull()
	if plan.Region.IsUnknown() {
		plan.Region = types.StringValue(op.ec2.Region())
	}
	plan.observed = flatten(result.Licensing, result.Inherited)
	f := facts{AccountID: op.account, Unfinished: unfinished, Spot: in.Lifecycle == "spot"}
	writeFacts(ctx, resp.Private, f, &resp.Diagnostics)
	// On a context that has not ended: this is what must not get lost.
	ctx = context.WithoutCancel(ctx)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identityOf(&plan, f))...)
}

// tainted adds what Terraform makes of a creation that failed with something to
// give back.
func tainted(err error) error {
	const text = "Terraform marks this licence as tainted: the next apply gives back what is registered and registers anew with the token. `terraform untaint` keeps what is registered instead."
	out := &licensing.Error{Kind: fault.KindOf(err), Text: err.Error(), Next: text, Err: err}
	var own *licensing.Error
	if errors.As(err, &own) && own.Next != "" {
		out.Next, out.Argument = own.Next+" "+text, own.Argument
	}
	return out
}

// held reports whether there is, or may be, something to give back after a
// registration that failed.
func held(result licensing.Result) bool {
	refused := strings.HasSuffix(result.Licensing.Registration.Status, "FAILED")
	return result.Touched && !(refused && result.Fresh)
}

// identityOf is the resource identity of a state.
func identityOf(m *model, f facts) identity {
	out := identity{ID: m.ID, Region: m.Region, AccountID: types.StringNull()}
	if f.AccountID != "" {
		out.AccountID = types.StringValue(f.AccountID)
	}
	return out
}
