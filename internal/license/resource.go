// Package license is cml_worker_license: the registration of a worker with
// Cisco's licence servers, which is given back when the resource goes.
package license

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
)

// Resource is cml_worker_license.
type Resource struct {
	set *clients.Set
}

var (
	_ resource.ResourceWithConfigure   = (*Resource)(nil)
	_ resource.ResourceWithIdentity    = (*Resource)(nil)
	_ resource.ResourceWithImportState = (*Resource)(nil)
	_ resource.ResourceWithModifyPlan  = (*Resource)(nil)
)

// NewResource returns the resource for the provider's list.
func NewResource() resource.Resource { return &Resource{} }

// Metadata implements resource.Resource.
func (r *Resource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_license"
}

// Configure implements resource.ResourceWithConfigure. It makes no request.
func (r *Resource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	r.set = set
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *Resource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id":         identityschema.StringAttribute{RequiredForImport: true, Description: "EC2 instance id of the worker."},
		"region":     identityschema.StringAttribute{OptionalForImport: true, Description: "AWS region; default: the provider's."},
		"account_id": identityschema.StringAttribute{OptionalForImport: true, Description: "AWS account that owns the instance."},
	}}
}
