package power

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// ImportState implements resource.ResourceWithImportState: by `i-…`,
// `i-…@region` or `region:i-…`, or by identity. Read does the rest.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	from, diags := attribute.ImportedWorker(ctx, req, "Invalid import id of CML worker power")
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	for name, value := range map[string]types.String{
		"id": from.ID, "worker_id": from.ID, "region": from.Region,
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	f := facts{Imported: true, AccountID: from.AccountID.ValueString()}
	writeFacts(ctx, resp.Private, f, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, from)...)
}
