package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Delete implements resource.Resource. Snapshots that are gone already are
// fine, by the same rule as in Read.
func (r *Resource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	const summary = "Unable to delete snapshots of CML worker"
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := state.Timeouts.Delete(ctx, defaultDeleteTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ids := splitIDs(state.ID.ValueString())
	if state.Retain.ValueBool() {
		tfdiag.Warn(&resp.Diagnostics, r.set, tfdiag.SnapshotsRetained, fmt.Sprintf(
			"`retain` is set: these snapshots remain in %s, and cost money, until you delete them: %s", state.Region.ValueString(), strings.Join(ids, ", ")))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	about := tfdiag.About{ID: state.WorkerID.ValueString(), Region: state.Region.ValueString()}
	ec2, err := r.set.Instances(ctx, state.Region.ValueString())
	if err == nil {
		// In another account everything would look deleted.
		err = r.sameAccount(ctx, &state)
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}
	for _, id := range ids {
		err := ec2.DeleteSnapshot(ctx, id)
		if err == nil {
			continue
		}
		about := about
		if f := fault.As(err); f != nil && f.Code == "InvalidSnapshot.InUse" {
			about.Next = "deregister the image that was registered from this snapshot first, or keep the snapshots: set `retain = true` and apply before the destroy."
		}
		resp.Diagnostics.Append(tfdiag.Error(summary, about, fmt.Errorf("snapshot %s: %w", id, err)))
	}
}
