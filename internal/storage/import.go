package storage

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

var snapshotID = regexp.MustCompile(`^snap-[0-9a-z]+$`)

// ImportState implements resource.ResourceWithImportState: snapshot ids with
// commas between them and, where it is not the provider's, "@" and the region;
// or an identity. Read fills the rest.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var want identity
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &want)...)
	} else {
		ids, region, _ := strings.Cut(req.ID, "@")
		want = identity{ID: types.StringValue(ids), Region: attribute.String(region), AccountID: types.StringNull()}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	ids, region := splitIDs(want.ID.ValueString()), want.Region.ValueString()
	valid := len(ids) > 0
	for _, id := range ids {
		valid = valid && snapshotID.MatchString(id)
	}
	if !valid || region != "" && validators.RegionProblem(region) != "" {
		resp.Diagnostics.AddError("Invalid import id", fmt.Sprintf(
			"Import the snapshots of a worker by their ids: \"snap-0123456789abcdef0,snap-0fedcba9876543210\" (in the provider's region) or \"snap-0123456789abcdef0@us-west-2\". Got: %q.", req.ID))
		return
	}
	if region == "" {
		var err error
		if region, err = r.set.DefaultRegion(ctx); err != nil {
			resp.Diagnostics.AddError("No AWS region", "Add the region to the import id, as in \""+strings.Join(ids, ",")+"@us-west-2\".\n\n"+err.Error())
			return
		}
	}
	want.ID, want.Region = types.StringValue(joinIDs(ids)), types.StringValue(region)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), want.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("region"), want.Region)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("account_id"), want.AccountID)...)
	resp.Diagnostics.Append(setImported(ctx, resp.Private, true)...)
	if resp.Identity != nil {
		resp.Diagnostics.Append(resp.Identity.Set(ctx, want)...)
	}
}
