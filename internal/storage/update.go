package storage

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Update implements resource.Resource. Only tags mean anything to EC2; every
// other change that is no replacement is recorded.
func (r *Resource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := plan.Timeouts.Update(ctx, defaultUpdateTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if plan.TagsAll.IsUnknown() {
		plan.TagsAll = attribute.TagsAll(r.set, plan.Tags)
	}
	if !plan.TagsAll.Equal(state.TagsAll) {
		if err := r.retag(ctx, &plan); err != nil {
			resp.Diagnostics.Append(tfdiag.Error("Unable to change the tags of snapshots",
				tfdiag.About{ID: plan.WorkerID.ValueString(), Region: plan.Region.ValueString()}, err))
			return
		}
	}
	resp.Diagnostics.Append(setImported(ctx, resp.Private, false)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &plan)...)
}

// retag brings each snapshot that exists to the tags of the plan. Which tags to
// take away is read anew, since somebody may have changed one of the set.
func (r *Resource) retag(ctx context.Context, plan *model) error {
	ec2, err := r.set.Instances(ctx, plan.Region.ValueString())
	if err != nil {
		return err
	}
	found, err := ec2.Snapshots(ctx, splitIDs(plan.ID.ValueString())...)
	if err != nil {
		return err
	}
	wished, gone := attribute.Map(plan.TagsAll), map[string]bool{}
	for _, s := range found {
		for k := range attribute.OwnTags(r.set, s.Tags) {
			if _, stays := wished[k]; !stays {
				gone[k] = true
			}
		}
	}
	remove := make([]string, 0, len(gone))
	for k := range maps.Keys(gone) {
		remove = append(remove, k)
	}
	return ec2.SyncTags(ctx, idsOf(found), wished, remove)
}
