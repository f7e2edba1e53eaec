package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Read implements resource.Resource. Snapshots of which some are gone stay with
// a warning; when all are, in the account that owns them, the resource leaves
// the state.
func (r *Resource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const summary = "Unable to read snapshots of CML worker"
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	entries := state.entries(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &state)...)
	if tfdiag.NotRead(&resp.Diagnostics, r.set, "the snapshots "+state.ID.ValueString()) {
		return
	}
	about := tfdiag.About{ID: state.WorkerID.ValueString(), Region: state.Region.ValueString()}
	ec2, err := r.set.Instances(ctx, state.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}
	fresh := entries == nil // after an import
	ids := splitIDs(state.ID.ValueString())
	if !fresh {
		ids = nil
		for _, e := range entries {
			ids = append(ids, e.SnapshotID.ValueString())
		}
	}
	found, err := ec2.Snapshots(ctx, ids...)
	if err == nil && len(found) == 0 {
		err = r.sameAccount(ctx, &state)
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
		return
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(found, func(s *instance.Snapshot) bool { return s.ID == id })
	})
	switch {
	case fresh && len(missing) > 0:
		about.Region = ec2.Region()
		resp.Diagnostics.Append(tfdiag.Error("Snapshots to import not found", about, fault.New(fault.BadReference,
			"these snapshots do not exist in %s, or belong to another account: %s", ec2.Region(), strings.Join(missing, ", "))))
		return
	case len(found) == 0:
		resp.State.RemoveResource(ctx)
		return
	}
	r.warnMissing(&state, found, missing, &resp.Diagnostics)

	out := state
	place := placeIn(state.RootSnapshotID, entries)
	if fresh {
		place = r.recall(ctx, ec2, &out, found)
	}
	flatten(ctx, &out, found, place, &resp.Diagnostics)
	out.Region = types.StringValue(ec2.Region())
	if found[0].Description != "" {
		out.Description = types.StringValue(found[0].Description)
	}
	own := differing(r.set, found, attribute.Map(state.TagsAll))
	out.TagsAll = attribute.StringMap(own)
	if tags := attribute.WithoutDefaults(own, r.set.DefaultTags(), attribute.Map(state.Tags)); len(tags) > 0 || !state.Tags.IsNull() {
		out.Tags = attribute.StringMap(tags)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &out)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &out)...)
}

// sameAccount fails unless the credentials belong to the account that owns the
// snapshots.
func (r *Resource) sameAccount(ctx context.Context, m *model) error {
	return r.set.SameAccount(ctx, m.AccountID.ValueString(), "the snapshots "+m.ID.ValueString())
}

func (r *Resource) warnMissing(m *model, found []*instance.Snapshot, missing []string, diags *diag.Diagnostics) {
	var said []string
	if len(missing) > 0 {
		said = append(said, "These snapshots do not exist any more: "+strings.Join(missing, ", ")+".")
	}
	for _, s := range found {
		if s.State == "error" {
			said = append(said, fmt.Sprintf("Snapshot %s of volume %s has failed: %s.", s.ID, s.VolumeID, s.StateMessage))
		}
	}
	if len(said) > 0 {
		tfdiag.Warn(diags, r.set, tfdiag.SnapshotsMissing, fmt.Sprintf(
			"The set %s is not complete. %s `terraform apply -replace` takes a new one.", m.ID.ValueString(), strings.Join(said, " ")))
	}
}

// recall fills what EC2 does not tell of snapshots from their managed tags and,
// where the volumes were attached, from the worker if it still exists.
func (r *Resource) recall(ctx context.Context, ec2 *instance.Client, m *model, found []*instance.Snapshot) where {
	tags := map[string]string{}
	for _, s := range found {
		for k, v := range r.set.ManagedTags().Values(s.Tags) {
			tags[k] = v
		}
	}
	m.WorkerID, m.AMIID, m.CMLVersion = attribute.String(tags[tagWorkerID]), attribute.String(tags[tagAMI]), attribute.String(tags[tagVersion])
	switch tags[tagRegistered] {
	case "true":
		m.RegisteredAtSnapshot = types.BoolValue(true)
	case "false":
		m.RegisteredAtSnapshot = types.BoolValue(false)
	}
	place := where{rootVolume: tags[tagRootVolume]}
	if place.rootVolume == "" && len(found) == 1 {
		place.rootVolume = found[0].VolumeID
	}
	if tags[tagWorkerID] != "" {
		if in, err := ec2.Find(ctx, tags[tagWorkerID], ""); err == nil {
			place.devices = placeOf(in).devices
		}
	}
	return place
}
