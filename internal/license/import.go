package license

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

var instanceID = regexp.MustCompile(`^i-[0-9a-f]+$`)

// ImportState implements resource.ResourceWithImportState: by `i-…`,
// `i-…@region` or `region:i-…`, or by identity. Read does the rest.
func (r *Resource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id, region, account string
	if req.ID != "" {
		id, region = parseImportID(req.ID)
	} else {
		var from identity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &from)...)
		id, region, account = from.ID.ValueString(), from.Region.ValueString(), from.AccountID.ValueString()
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if !instanceID.MatchString(id) || region != "" && validators.RegionProblem(region) != "" {
		resp.Diagnostics.AddError("Invalid import id of CML worker licence", fmt.Sprintf(
			"%q names no instance. Write the instance id of the worker, with its region if that is not the provider's: \"i-0123456789abcdef0@us-east-1\".", req.ID))
		return
	}
	for name, value := range map[string]types.String{
		"id": attribute.String(id), "worker_id": attribute.String(id), "region": attribute.String(region),
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	writeFacts(ctx, resp.Private, facts{Imported: true, AccountID: account}, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity{
		ID: attribute.String(id), Region: attribute.String(region), AccountID: attribute.String(account),
	})...)
}

// parseImportID splits an import id into instance and region, "" for the
// provider's.
func parseImportID(s string) (id, region string) {
	s = strings.TrimSpace(s)
	if id, region, ok := strings.Cut(s, "@"); ok {
		return id, region
	}
	if region, id, ok := strings.Cut(s, ":"); ok {
		return id, region
	}
	return s, ""
}
