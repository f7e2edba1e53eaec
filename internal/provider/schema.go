package provider

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

func providerSchema() schema.Schema {
	attributes := awsAttributes()
	attributes["controller"] = controllerAttribute()
	attributes["worker_defaults"] = workerDefaultsAttribute()
	attributes["region_defaults"] = regionDefaultsAttribute()
	attributes["guardrails"] = guardrailsAttribute()
	attributes["managed_tags"] = managedTagsAttribute()
	attributes["refresh_probe"] = schema.BoolAttribute{Optional: true,
		MarkdownDescription: "Whether a refresh asks CML on running workers how it is, with one short request each. Default `true`; with `false` a refresh only asks AWS."}
	attributes["refresh_prices"] = schema.BoolAttribute{Optional: true,
		MarkdownDescription: "Whether AWS's price list is read for what only shows prices: `hourly_cost_estimate` of workers, and `hourly_price` of `cml_instance_types`. Default `true`: it needs `pricing:GetProducts`, and where that is missing the values are null, with one warning in a run. " +
			"With `false` they are null, and nothing is asked. What needs prices asks all the same: `guardrails.max_hourly_cost`, `cml_worker_cost` and `order_by = \"price\"`. Where `endpoints` replaces EC2 and leaves `pricing` as it is, no price is read."}
	attributes["suppress_warnings"] = schema.SetAttribute{ElementType: types.StringType, Optional: true,
		Validators: []validator.Set{setvalidator.ValueStringsAre(stringvalidator.OneOf(tfdiag.Codes()...))},
		MarkdownDescription: "Codes of warnings that are not shown. Each warning of this provider ends with its code in brackets. Codes: `" +
			strings.Join(tfdiag.Codes(), "`, `") + "`."}
	return schema.Schema{
		MarkdownDescription: "Runs Cisco Modeling Labs (CML) servers, called workers, on AWS EC2, until CML itself is ready. " +
			"The AWS arguments have the names and the meaning that they have in `provider \"aws\"`. Nothing is asked and no credentials are looked up before a resource or data source needs them.",
		Attributes: attributes,
		Blocks:     awsBlocks(),
	}
}

func text(description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: checks}
}

func secret(description string, checks ...validator.String) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: description, Optional: true, Sensitive: true, Validators: checks}
}

func flag(description string) schema.BoolAttribute {
	return schema.BoolAttribute{MarkdownDescription: description, Optional: true}
}

func controllerAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "How to reach and to log in to CML on the workers. What a worker's own `controller` says beats this. " +
			"An ephemeral value may be used for each secret.",
		Attributes: map[string]schema.Attribute{
			"username": text("User name of a CML account. Environment: `CML_USERNAME`."),
			"password": secret("Password of the account of `username`. Environment: `CML_PASSWORD`."),
			"token": secret("A CML API token, instead of `username` and `password`. Tokens expire after some hours. Environment: `CML_TOKEN`; " +
				"where the environment has both, the token is used."),
			"port": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{validators.Port()},
				MarkdownDescription: "Port of CML's user interface and API. Default 443. Environment: `CML_PORT`."},
			"tls": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "Which certificate of CML may be trusted with credentials.",
				Attributes: map[string]schema.Attribute{
					"trust": text("`pin_first` (default) trusts a chain that verifies, or the certificate that a worker showed when this provider created it; "+
						"`verify` trusts only a chain that verifies; `insecure` trusts everything, with a warning. "+
						"Environment: `CML_TRUST`; `CML_SKIP_VERIFY=true` is `insecure`.", stringvalidator.OneOf(trustRules...)),
					"cacert": text("CA certificates in PEM form that CML's certificate may verify against, besides those of the system. "+
						"Environment: `CML_CACERT`.", validators.PEMCertificates()),
					"fingerprint": text("SHA-256 of the one certificate to trust, in hexadecimal with or without colons. Environment: `CML_FINGERPRINT`.",
						validators.Fingerprint()),
					"server_name": text("Name that the certificate must carry, where it is not the host name. Environment: `CML_SERVER_NAME`.",
						validators.Hostname()),
				},
			},
			"proxy": text("URL of the HTTP proxy to CML, for workers whose `controller.via` is `proxy`. The proxies of the environment are for AWS only. "+
				"Environment: `CML_PROXY`.", validators.HTTPURL()),
			"request_headers": schema.MapAttribute{ElementType: types.StringType, Optional: true, Sensitive: true,
				Validators:          []validator.Map{validators.HTTPHeaders()},
				MarkdownDescription: "Headers to add to each request to CML, as a gateway before it may ask for."},
			"request_timeout": text("Limit of one request to CML. Default `15s`. Environment: `CML_REQUEST_TIMEOUT`.", requestTimeoutRange()),
		},
	}
}

func managedTagsAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "The tags by which this provider finds its workers again: who made them, their name, how to reach CML on them, and what a later run must know of one that was killed. " +
			"They never show as a difference.",
		Attributes: map[string]schema.Attribute{
			"enabled": flag("Whether they are written. Default `true`. Without them, look-ups by tag and from other repositories find nothing, and a run knows nothing of one that was killed."),
			"prefix": text(fmt.Sprintf("What their keys begin with. Default `%s`.", instance.DefaultTagPrefix),
				stringvalidator.LengthBetween(1, 64),
				stringvalidator.RegexMatches(tagPrefix, `must have only letters, digits, spaces and . _ : / = + - @, such as "cml:"`)),
		},
	}
}

// endpointAttributes are one URL for each service in use.
func endpointAttributes() map[string]schema.Attribute {
	out := map[string]schema.Attribute{}
	for _, s := range awsconf.Services() {
		out[string(s)] = text(fmt.Sprintf("URL of %s.", serviceNames[s]), urlOrEmpty())
	}
	return out
}
