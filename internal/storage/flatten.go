package storage

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// seen is what was asked of CML and of the image before the snapshots.
type seen struct {
	version string
	// registered is nil when CML was not asked or did not tell.
	registered *bool
}

// where says what volume is attached where. Both members may be empty.
type where struct {
	rootVolume string
	devices    map[string]string // by volume id
}

// placeOf reads it off an instance.
func placeOf(in *instance.Instance) where {
	w := where{rootVolume: in.RootVolumeID, devices: map[string]string{}}
	for _, v := range in.Volumes {
		w.devices[v.VolumeID] = v.Device
	}
	return w
}

// placeIn reads it off a state.
func placeIn(root types.String, entries []snapshot) where {
	w := where{devices: map[string]string{}}
	for _, e := range entries {
		w.devices[e.VolumeID.ValueString()] = e.DeviceName.ValueString()
		if !root.IsNull() && e.SnapshotID.Equal(root) {
			w.rootVolume = e.VolumeID.ValueString()
		}
	}
	return w
}

// flatten puts snapshots into a model: what EC2 tells of them, but for their
// tags and description.
func flatten(ctx context.Context, m *model, found []*instance.Snapshot, place where, diags *diag.Diagnostics) {
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b *instance.Snapshot) int {
		return cmp.Or(
			order(b.VolumeID == place.rootVolume, a.VolumeID == place.rootVolume),
			strings.Compare(place.devices[a.VolumeID], place.devices[b.VolumeID]),
			strings.Compare(a.ID, b.ID))
	})
	m.RootSnapshotID = types.StringNull()
	var entries []snapshot
	var started time.Time
	owner := ""
	for _, s := range found {
		entries = append(entries, snapshot{
			SnapshotID: types.StringValue(s.ID), VolumeID: attribute.String(s.VolumeID), DeviceName: attribute.String(place.devices[s.VolumeID]),
			SizeGiB: types.Int64Value(int64(s.SizeGiB)), Encrypted: types.BoolValue(s.Encrypted),
		})
		if s.VolumeID != "" && s.VolumeID == place.rootVolume {
			m.RootSnapshotID = types.StringValue(s.ID)
		}
		if started.IsZero() || !s.StartedAt.IsZero() && s.StartedAt.Before(started) {
			started = s.StartedAt
		}
		owner = cmp.Or(owner, s.OwnerID)
	}
	// What does not change while the snapshots live is taken over once.
	if m.StartedAt.IsNull() || m.StartedAt.IsUnknown() {
		m.StartedAt = attribute.Time(started)
	}
	if m.AccountID.IsNull() || m.AccountID.IsUnknown() {
		m.AccountID = attribute.String(owner)
	}
	list, d := types.ListValueFrom(ctx, snapshotType, entries)
	diags.Append(d...)
	m.Snapshots = list
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// idsOf are the ids of snapshots.
func idsOf(found []*instance.Snapshot) []string {
	out := make([]string, 0, len(found))
	for _, s := range found {
		out = append(out, s.ID)
	}
	return out
}
