// Package session is the ephemeral resource cml_worker_token: a session of CML
// for other providers, which neither plan nor state ever holds.
package session

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// DefaultLimit is how long CML may take to answer before its token is null.
const DefaultLimit = 15 * time.Second

// Token is ephemeral cml_worker_token.
type Token struct {
	// Limit replaces DefaultLimit; 0 means the default.
	Limit time.Duration

	set *clients.Set
}

var (
	_ ephemeral.EphemeralResource              = (*Token)(nil)
	_ ephemeral.EphemeralResourceWithConfigure = (*Token)(nil)
	_ ephemeral.EphemeralResourceWithRenew     = (*Token)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*Token)(nil)
)

// NewToken returns the ephemeral resource for the provider's list.
func NewToken() ephemeral.EphemeralResource { return &Token{} }

// model is ephemeral cml_worker_token.
type model struct {
	WorkerID      types.String `tfsdk:"worker_id"`
	Region        types.String `tfsdk:"region"`
	InstanceState types.String `tfsdk:"instance_state"`
	Controller    types.Object `tfsdk:"controller"`
	Logout        types.Bool   `tfsdk:"logout"`
	Token         types.String `tfsdk:"token"`
	Reachable     types.Bool   `tfsdk:"reachable"`
	URL           types.String `tfsdk:"url"`
}

// Metadata implements ephemeral.EphemeralResource.
func (*Token) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_token"
}

// Configure implements ephemeral.EphemeralResourceWithConfigure. It makes no
// request.
func (t *Token) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	t.set = set
}

// Schema implements ephemeral.EphemeralResource.
func (*Token) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A token of CML on a worker, for the provider `cml2` or for HTTP calls. It belongs to a session of its own and is written neither to the plan nor to the state. Needs Terraform 1.10 or OpenTofu 1.11.\n\n" +
			"Where the worker does not run, or CML gives no answer within 15 seconds, `token` is null, `reachable` is false, and a warning says why: a plan for a stopped worker still works. That CML refuses user name and password is an error.\n\n" +
			"Terraform opens it each time that it is needed, once in a plan and once more in the apply. It cannot be renewed: CML ends the session at the controller's session timeout, 24 hours by default. Where the provider has a token of its own (`controller.token`, or one in `controller.credentials`), that one is passed on.",
		Attributes: map[string]schema.Attribute{
			"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
				MarkdownDescription: "EC2 instance id of the worker."},
			"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
				MarkdownDescription: "AWS region of the worker. Default: the provider's."},
			"instance_state": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("pending", "running", "stopping", "stopped")},
				MarkdownDescription: "`cml_worker_power.….instance_state`: it is unknown in a plan that starts or stops the worker, so that Terraform asks for the token only after that. What it says is not looked at."},
			"controller": attribute.ControllerEphemeral(),
			"logout": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "End the session when Terraform needs the token no more, at the end of the plan or apply. Default: `false`, the session ends by itself. A token that the provider was given is never ended."},
			"token":     schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The token (JWT); null where CML is not reachable."},
			"reachable": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether CML gave a token."},
			"url":       schema.StringAttribute{Computed: true, MarkdownDescription: "URL of CML; null while the worker has no address."},
		},
	}
}
