package automation

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// IdlePolicy is cml_worker_idle_policy: the CloudWatch alarms that stop an idle
// worker, and tell somebody before.
type IdlePolicy struct{ base }

var (
	_ resource.Resource                   = (*IdlePolicy)(nil)
	_ resource.ResourceWithConfigure      = (*IdlePolicy)(nil)
	_ resource.ResourceWithIdentity       = (*IdlePolicy)(nil)
	_ resource.ResourceWithImportState    = (*IdlePolicy)(nil)
	_ resource.ResourceWithModifyPlan     = (*IdlePolicy)(nil)
	_ resource.ResourceWithValidateConfig = (*IdlePolicy)(nil)
)

// NewIdlePolicy returns cml_worker_idle_policy.
func NewIdlePolicy() resource.Resource { return &IdlePolicy{} }

// Metadata implements resource.Resource.
func (*IdlePolicy) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_idle_policy"
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (*IdlePolicy) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = attribute.IdentitySchema("EC2 instance id of the worker.", "the alarms")
}

// ImportState implements resource.ResourceWithImportState: by the worker, of
// which there is one idle policy. Read fills the rest.
func (r *IdlePolicy) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	from, diags := attribute.ImportedWorker(ctx, req, "Invalid import id of CML worker idle policy")
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	from.Region = r.importRegion(ctx, from.Region, from.ID.ValueString(), &resp.Diagnostics)
	for name, value := range map[string]types.String{
		"id": from.ID, "worker_id": from.ID, "region": from.Region, "account_id": from.AccountID,
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, from)...)
}
