package license

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Limits of the operations where `timeouts` says nothing. Delete covers the
// boot of a stopped worker and its stop afterwards.
const (
	defaultCreateTimeout = 10 * time.Minute
	defaultUpdateTimeout = 10 * time.Minute
	defaultDeleteTimeout = 45 * time.Minute
)

// longestRenewal bounds `renew_before`: an authorization lasts 90 days
// (cml-api.md 5.1), and a time near that would be due always.
const longestRenewal = 60 * 24 * time.Hour

const resourceText = "The Smart Licensing registration of a worker. Destroying this resource gives the licence back; a plan that destroys or replaces the worker does so before the machine goes, since this resource depends on it.\n\n" +
	"Read and Delete need an administrator of CML: set its credentials in the provider's `controller`, or by reference in `controller.credentials`. The token is write-only and never reaches plan or state (Terraform 1.11 or newer).\n\n" +
	"A server that is registered for the same product already is taken over as it is, without using the token, so an apply that was interrupted is finished by the next one. A new version of the token is used once, too: by the managed tag `cml:license-token` on the worker, a run takes over what one that was killed has registered with it. Where the provider's `managed_tags` are off it uses the token again, which a token of one use does not survive. While the worker is stopped, refresh keeps the last known values and sets `stale`."

// Schema implements resource.Resource.
func (r *Resource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: resourceText,
		Attributes:          map[string]schema.Attribute{},
		Blocks: map[string]schema.Block{"timeouts": attribute.Timeouts(ctx, timeouts.Opts{
			Create: true, Update: true, Delete: true,
			CreateDescription: "Limit of the registration. Default `10m`.",
			UpdateDescription: "Limit of a change, with a new registration where it needs one. Default `10m`.",
			DeleteDescription: "Limit of the release, with the start and stop of a stopped worker. Default `45m`.",
		})},
	}
	for _, part := range []map[string]schema.Attribute{workerAttributes(), licenseAttributes(), computedAttributes()} {
		for name, a := range part {
			resp.Schema.Attributes[name] = a
		}
	}
}

func workerAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
			MarkdownDescription: "EC2 instance id of the worker: `cml_worker_power.lab.worker_id`, so that the worker runs before it is registered and is released before it stops, or `cml_worker.lab.id`. Changing it replaces this resource."},
		"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
			MarkdownDescription: "AWS region of the worker. Default: the provider's region, as it is at creation. Only an explicit other value replaces this resource."},
		"power_state": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("running", "stopped")},
			MarkdownDescription: "`cml_worker_power.lab.state`. With it, creating the licence of a worker that the same plan stops is a plan error, and a plan that starts the worker looks at the licence after the start and registers again where it is gone. Without it, a licence on a stopped worker is an error at apply."},
		"controller": attribute.ControllerInput(false, "How to reach CML on the worker, `cml_worker.lab.controller`. What is left out comes from the managed tags of the worker, then from the provider's `controller`. Changing it calls nothing."),
	}
}

func licenseAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"product": schema.StringAttribute{Required: true, Validators: []validator.String{productValidator()},
			MarkdownDescription: "Product licence: `CML_Enterprise`, `CML_Education`, `CML_Personal` or `CML_Personal40`. Changing it gives the registration back and registers anew, with a token that must still be valid."},
		"token_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true, Validators: []validator.String{tokenValidator{}},
			MarkdownDescription: "Registration token of the smart account. Needed to create this resource, when `token_wo_version` changes, and whenever the server must be registered again. It never reaches plan, state or messages."},
		"token_wo_version": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(1)},
			MarkdownDescription: "Version of `token_wo`. Raising it registers again in place with the new token."},
		"extra_nodes": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(0)},
			MarkdownDescription: "Nodes beyond those of the base licence. CML says how many it takes. Left out, the number is not touched. Changed in place."},
		"transport": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "The way from CML to the licence servers. Left out, it is not touched. Changed in place.",
			Attributes: map[string]schema.Attribute{
				"ssms": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.HTTPURL(), stringvalidator.LengthAtMost(256)},
					MarkdownDescription: "URL of an on-premises Smart Software Manager, with its path: `https://ssm.example.net/SmartTransport`. Default: Cisco's own."},
				"proxy": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "HTTP proxy between CML and the licence servers. Default: none.",
					Attributes: map[string]schema.Attribute{
						"server": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 256)}, MarkdownDescription: "Name or address of the proxy."},
						"port":   schema.Int64Attribute{Required: true, Validators: []validator.Int64{int64validator.Between(1, 65535)}, MarkdownDescription: "Port of the proxy."},
					}},
			}},
		"reregister": schema.BoolAttribute{Optional: true,
			MarkdownDescription: "Whether creation may take a server that is registered for another product or account, and registers it anew. Default `false`: a registration for the same product is taken over as it is, one for another product is an error."},
		"adopt_inherited": schema.BoolAttribute{Optional: true,
			MarkdownDescription: "Whether a registration may be used that is older than the machine, and so came with an image that was made of a registered worker. It belongs to that other machine and is never released from here. Default `false`: an error."},
		"renew_before": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Hour, longestRenewal)},
			MarkdownDescription: "Renew in the next apply when less than this is left, as in `\"336h\"`. Left out, it is left to CML, which renews by itself while it runs."},
		"on_destroy": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How the licence is given back when this resource is destroyed. It takes effect from the apply after the one that sets it, also when this resource is replaced.",
			Attributes: map[string]schema.Attribute{
				"release": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(licensing.Modes()...)},
					MarkdownDescription: "`skip`: the licence stays registered. `best_effort` (default): what cannot be given back is a warning that names smart account, virtual account and UDI. `required`: it is an error, and Terraform then leaves the worker alone as well."},
				"start_if_stopped": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Whether a stopped worker is started to give its licence back, and stopped again afterwards. It is out of reach when nothing answers within 30 seconds after it passes EC2's status checks. Default `true`."},
				"stop_labs": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Whether the labs of all users are stopped first. CML does not de-register while nodes run. Default `false`: nodes that run are a failure of the release."},
			}},
	}
}

func computedAttributes() map[string]schema.Attribute {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	number := func(s string) schema.Int64Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: s}
	}
	return map[string]schema.Attribute{
		"id":                   text("EC2 instance id of the worker, the same as `worker_id`."),
		"status":               text("`registered`, `unregistered`, `evaluation`, `expired`, `invalid` (the registration failed, or the account lacks licences) or `unknown`."),
		"registration_status":  text("Status of the registration in CML's words, such as `COMPLETED`."),
		"authorization_status": text("Status of the authorization in CML's words, such as `IN_COMPLIANCE`."),
		"smart_account":        text("Smart account that the worker is registered to."),
		"virtual_account":      text("Virtual account in `smart_account`."),
		"expires_at":           text("When registration or authorization end, whichever is earlier, RFC 3339."),
		"renews_at":            text("When CML renews next by itself, if it runs then, RFC 3339."),
		"udi":                  text("Under which id the licence servers count the worker (`product_uuid`). A second worker under the id of one that is registered is refused, of another run as well, as far as that one's managed tag `cml:license-udi` tells."),
		"inherited":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the registration came with the image (see `adopt_inherited`)."},
		"node_limit":           number("How many nodes the licence lets run; null for products whose number is not known."),
		"stale":                schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the values above are those of an earlier look, since the worker is stopped, CML could not be reached, or no credentials of CML are configured."},
		"features": schema.SetNestedAttribute{Computed: true, MarkdownDescription: "What the licence consists of.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"id": text("Id of the feature."), "name": text("Name of the feature."), "in_use": number("How much of it is in use."),
				"min": number("Least count."), "max": number("Greatest count."), "status": text("Status of the feature, such as `IN_COMPLIANCE`."),
			}}},
	}
}
