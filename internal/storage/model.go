package storage

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// model is cml_worker_snapshot in configuration, plan and state.
type model struct {
	ID        types.String `tfsdk:"id"`
	AccountID types.String `tfsdk:"account_id"`

	WorkerID    types.String   `tfsdk:"worker_id"`
	Region      types.String   `tfsdk:"region"`
	Controller  types.Object   `tfsdk:"controller"`
	Description types.String   `tfsdk:"description"`
	Quiesce     types.String   `tfsdk:"quiesce"`
	Retain      types.Bool     `tfsdk:"retain"`
	Tags        types.Map      `tfsdk:"tags"`
	TagsAll     types.Map      `tfsdk:"tags_all"`
	Timeouts    timeouts.Value `tfsdk:"timeouts"`

	Snapshots            types.List   `tfsdk:"snapshots"`
	RootSnapshotID       types.String `tfsdk:"root_snapshot_id"`
	StartedAt            types.String `tfsdk:"started_at"`
	CMLVersion           types.String `tfsdk:"cml_version"`
	AMIID                types.String `tfsdk:"ami_id"`
	RegisteredAtSnapshot types.Bool   `tfsdk:"registered_at_snapshot"`
}

// snapshot is one entry of `snapshots`.
type snapshot struct {
	SnapshotID types.String `tfsdk:"snapshot_id"`
	VolumeID   types.String `tfsdk:"volume_id"`
	DeviceName types.String `tfsdk:"device_name"`
	SizeGiB    types.Int64  `tfsdk:"size_gib"`
	Encrypted  types.Bool   `tfsdk:"encrypted"`
}

var snapshotType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"snapshot_id": types.StringType, "volume_id": types.StringType, "device_name": types.StringType,
	"size_gib": types.Int64Type, "encrypted": types.BoolType,
}}

// identity is the resource identity.
type identity = attribute.Identity

// setIdentity writes the identity.
func setIdentity(ctx context.Context, to *tfsdk.ResourceIdentity, m *model) diag.Diagnostics {
	return attribute.SetIdentity(ctx, to, identity{ID: m.ID, Region: m.Region, AccountID: m.AccountID})
}

// joinIDs and splitIDs are the two directions of `id`.
func joinIDs(ids []string) string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), ",")
}

func splitIDs(id string) []string {
	var out []string
	for part := range strings.SplitSeq(id, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// entries are the snapshots of the state.
func (m *model) entries(ctx context.Context, diags *diag.Diagnostics) []snapshot {
	if m.Snapshots.IsNull() || m.Snapshots.IsUnknown() {
		return nil
	}
	var out []snapshot
	diags.Append(m.Snapshots.ElementsAs(ctx, &out, false)...)
	return out
}

// importedKey is the private state of a set that nothing was applied to since
// its import, so that arguments which EC2 does not tell are recorded.
const importedKey = "imported"

func imported(ctx context.Context, from attribute.PrivateReader, diags *diag.Diagnostics) bool {
	yes, _ := attribute.ReadPrivate[bool](ctx, from, importedKey, diags)
	return yes
}

func setImported(ctx context.Context, to attribute.PrivateWriter, yes bool) diag.Diagnostics {
	var diags diag.Diagnostics
	attribute.WritePrivate(ctx, to, importedKey, yes, &diags)
	return diags
}
