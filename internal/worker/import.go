package worker

import (
	"context"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// identity is the resource identity of a worker.
type identity struct {
	ID        types.String `tfsdk:"id"`
	Region    types.String `tfsdk:"region"`
	AccountID types.String `tfsdk:"account_id"`
}

// setIdentity writes the identity. A client that knows no identities gives no
// place to write it to.
func setIdentity(ctx context.Context, to *tfsdk.ResourceIdentity, m *model) diag.Diagnostics {
	if to == nil {
		return nil
	}
	return to.Set(ctx, identity{ID: m.ID, Region: m.Region, AccountID: m.AccountID})
}

var instanceID = regexp.MustCompile(`^i-[0-9a-f]+$`)

// ImportState implements resource.ResourceWithImportState: `i-…`, `i-…@region`,
// `region:i-…`, or an identity. Read fills the rest.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var want identity
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &want)...)
	} else {
		id, region := splitImportID(req.ID)
		want.ID, want.Region = types.StringValue(id), types.StringNull()
		if region != "" {
			want.Region = types.StringValue(region)
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	region := want.Region.ValueString()
	if !instanceID.MatchString(want.ID.ValueString()) || (region != "" && validators.RegionProblem(region) != "") {
		resp.Diagnostics.AddError("Invalid import id", "Import a worker by its instance id: \"i-0123456789abcdef0\" (in the provider's region), \"i-0123456789abcdef0@us-west-2\" or \"us-west-2:i-0123456789abcdef0\". Got: \""+req.ID+"\".")
		return
	}
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

// splitImportID takes `id@region` and `region:id` apart.
func splitImportID(s string) (id, region string) {
	if id, region, ok := strings.Cut(s, "@"); ok {
		return id, region
	}
	if region, id, ok := strings.Cut(s, ":"); ok {
		return id, region
	}
	return s, ""
}
