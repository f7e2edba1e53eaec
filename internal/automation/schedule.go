package automation

import (
	"context"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Schedule is cml_worker_schedule: up to three schedules of EventBridge
// Scheduler that start and stop a worker.
type Schedule struct{ base }

var (
	_ resource.Resource                   = (*Schedule)(nil)
	_ resource.ResourceWithConfigure      = (*Schedule)(nil)
	_ resource.ResourceWithIdentity       = (*Schedule)(nil)
	_ resource.ResourceWithImportState    = (*Schedule)(nil)
	_ resource.ResourceWithModifyPlan     = (*Schedule)(nil)
	_ resource.ResourceWithValidateConfig = (*Schedule)(nil)
)

// NewSchedule returns cml_worker_schedule.
func NewSchedule() resource.Resource { return &Schedule{} }

// Metadata implements resource.Resource.
func (*Schedule) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_schedule"
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (*Schedule) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = attribute.IdentitySchema("Schedule group and name, with a slash between them.", "the schedules")
}

// scheduleID is how a schedule is named in an import, without its region.
var scheduleID = regexp.MustCompile(`^([0-9a-zA-Z_.-]+)/([0-9a-zA-Z_.-]+)$`)

// scheduleImportID is an import id: with a region, if it has one.
var scheduleImportID = regexp.MustCompile(`^([^@]*)(?:@(.+))?$`)

// ImportState implements resource.ResourceWithImportState: `group/name` or
// `group/name@region`, or an identity. Read fills the rest.
func (r *Schedule) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var want attribute.Identity
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &want)...)
	} else if m := scheduleImportID.FindStringSubmatch(req.ID); m != nil {
		want = attribute.Identity{ID: types.StringValue(m[1]), Region: attribute.String(m[2]), AccountID: types.StringNull()}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	parts := scheduleID.FindStringSubmatch(want.ID.ValueString())
	if parts == nil || want.Region.ValueString() != "" && validators.RegionProblem(want.Region.ValueString()) != "" {
		resp.Diagnostics.AddError("Invalid import id of CML worker schedule", fmt.Sprintf(
			"%q names no schedule. Write the schedule group and the name, with the region if that is not the provider's: "+
				"\"default/cml-i-0123456789abcdef0\" or \"default/cml-i-0123456789abcdef0@us-west-2\". The name is that of the resource, without \"-start\", \"-stop\" or \"-stop-at\".", req.ID))
		return
	}
	want.Region = r.importRegion(ctx, want.Region, want.ID.ValueString(), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	for name, value := range map[string]types.String{
		"id": want.ID, "region": want.Region, "account_id": want.AccountID,
		"group_name": types.StringValue(parts[1]), "name": types.StringValue(parts[2]),
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, want)...)
}
