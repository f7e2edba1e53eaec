package storage

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Create implements resource.Resource. From the moment that EC2 names the
// snapshots, every way out of here carries their ids: a wait that fails or is
// canceled deletes nothing, and leaves a tainted set in the state.
func (r *Resource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	const summary = "Unable to take snapshots of CML worker"
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	limit, d := plan.Timeouts.Create(ctx, defaultCreateTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	unlock := r.set.Lock(plan.WorkerID.ValueString())
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	about := tfdiag.About{ID: plan.WorkerID.ValueString(), Region: plan.Region.ValueString()}
	ec2, err := r.set.Instances(ctx, plan.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}
	about.Region = ec2.Region()
	t := newTaker(ctx, r.set, ec2, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	out, err := t.take(ctx)
	if len(out.snapshots) > 0 {
		plan.ID, plan.Region = types.StringValue(joinIDs(idsOf(out.snapshots))), types.StringValue(ec2.Region())
		plan.CMLVersion, plan.AMIID = attribute.String(out.seen.version), attribute.String(out.instance.ImageID)
		plan.RegisteredAtSnapshot = types.BoolPointerValue(out.seen.registered)
		if plan.TagsAll.IsUnknown() {
			plan.TagsAll = attribute.TagsAll(r.set, plan.Tags)
		}
		plan.AccountID = attribute.String(out.instance.AccountID)
		plan.Description = types.StringValue(t.description)
		flatten(ctx, &plan, out.snapshots, placeOf(out.instance), &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
		resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &plan)...)
	}
	if err != nil {
		if out.instance == nil {
			about = about.Named(err)
		}
		resp.Diagnostics.Append(explain(summary, about, err)...)
		return
	}

	// The data is copied while the worker does something else.
	unlock()
	done, err := ec2.WaitSnapshots(ctx, idsOf(out.snapshots), t.progress(ctx))
	if err != nil {
		about.Next = "the snapshots " + strings.Join(idsOf(out.snapshots), ", ") + " exist, and were not deleted. Once EC2 shows them completed, keep them with `terraform untaint`; " +
			"otherwise the next apply deletes them and takes new ones. A longer `timeouts.create` gives a large first snapshot the time it takes."
		resp.Diagnostics.Append(tfdiag.Error("Snapshots of CML worker are not complete", about, err))
		return
	}
	flatten(ctx, &plan, done, placeOf(out.instance), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
}

// explain tells a snapshot that failed and a worker that does not run again
// apart.
func explain(summary string, about tfdiag.About, err error) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, one := range apart(err) {
		if !errors.As(one, new(*notRestarted)) {
			diags.Append(tfdiag.Error(summary, about, one))
			continue
		}
		about := about
		about.Next = "start the worker: by hand, or by the next apply of a `cml_worker_power` with `state = \"running\"`. " +
			"Snapshots that were begun go on, and are in the state; keep them with `terraform untaint`."
		diags.Append(tfdiag.Error("CML worker was not started again after its snapshots", about, one))
	}
	return diags
}

// apart are the two errors that taking snapshots may end with.
func apart(err error) []error {
	if both, ok := err.(interface{ Unwrap() []error }); ok && errors.As(err, new(*notRestarted)) {
		return both.Unwrap()
	}
	return []error{err}
}
