package worker

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// identity is the resource identity of a worker.
type identity = attribute.Identity

// setIdentity writes the identity.
func setIdentity(ctx context.Context, to *tfsdk.ResourceIdentity, m *model) diag.Diagnostics {
	return attribute.SetIdentity(ctx, to, identity{ID: m.ID, Region: m.Region, AccountID: m.AccountID})
}

// ImportState implements resource.ResourceWithImportState: `i-…`, `i-…@region`,
// `region:i-…`, or an identity. Read fills the rest.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	want, diags := attribute.ImportedWorker(ctx, req, "Invalid import id")
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	region := want.Region.ValueString()
	if region == "" {
		var err error
		if region, err = r.set.DefaultRegion(ctx); err != nil {
			resp.Diagnostics.AddError("No AWS region", "Add the region to the import id, as in \""+want.ID.ValueString()+"@us-west-2\".\n\n"+err.Error())
			return
		}
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), want.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("region"), region)...)
	if known(want.AccountID) {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("account_id"), want.AccountID)...)
	}
	if resp.Identity != nil {
		want.Region = types.StringValue(region)
		resp.Diagnostics.Append(resp.Identity.Set(ctx, want)...)
	}
}
