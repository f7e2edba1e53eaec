package attribute

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Identity is the resource identity of whatever is about a worker.
type Identity struct {
	ID        types.String `tfsdk:"id"`
	Region    types.String `tfsdk:"region"`
	AccountID types.String `tfsdk:"account_id"`
}

// IdentitySchema is its schema. id describes the id, owned what it is that
// belongs to the account.
func IdentitySchema(id, owned string) identityschema.Schema {
	return identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id":         identityschema.StringAttribute{RequiredForImport: true, Description: id},
		"region":     identityschema.StringAttribute{OptionalForImport: true, Description: "AWS region; default: the provider's."},
		"account_id": identityschema.StringAttribute{OptionalForImport: true, Description: "AWS account that owns " + owned + "."},
	}}
}

// SetIdentity writes an identity. A client that knows no identities gives no
// place to write it to.
func SetIdentity(ctx context.Context, to *tfsdk.ResourceIdentity, identity Identity) diag.Diagnostics {
	if to == nil {
		return nil
	}
	return to.Set(ctx, identity)
}

// ImportedWorker returns which worker an import by id (as
// validators.ParseWorkerID reads it) or by identity is about; what is not given
// is null. summary is that of the error.
func ImportedWorker(ctx context.Context, req resource.ImportStateRequest, summary string) (Identity, diag.Diagnostics) {
	var (
		from  Identity
		diags diag.Diagnostics
		text  = req.ID
	)
	if text == "" {
		diags.Append(req.Identity.Get(ctx, &from)...)
		text = validators.JoinWorkerID(from.ID.ValueString(), from.Region.ValueString())
	}
	if diags.HasError() {
		return from, diags
	}
	id, region, problem := validators.ParseWorkerID(text)
	if problem != "" {
		diags.AddError(summary, problem)
	}
	return Identity{ID: String(id), Region: String(region), AccountID: String(from.AccountID.ValueString())}, diags
}
