package attribute

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	eschema "github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// ControllerEphemeral is the object on an ephemeral resource: what is left out
// comes from the managed tags of the worker and from the provider.
func ControllerEphemeral() eschema.SingleNestedAttribute {
	text := func(description string, v ...validator.String) eschema.StringAttribute {
		return eschema.StringAttribute{MarkdownDescription: description, Optional: true, Validators: v}
	}
	return eschema.SingleNestedAttribute{
		MarkdownDescription: controllerText + " What is left out comes from the managed tags of the worker, then from the provider.", Optional: true,
		Attributes: map[string]eschema.Attribute{
			"hostname":           text(hostnameText, validators.Hostname()),
			"port":               eschema.Int64Attribute{MarkdownDescription: portText, Optional: true, Validators: []validator.Int64{int64validator.Between(1, 65535)}},
			"address_preference": eschema.ListAttribute{MarkdownDescription: preferenceTag, ElementType: types.StringType, Optional: true, Validators: preferenceValidators()},
			"via":                text(viaText, stringvalidator.OneOf("direct", "proxy")),
			"tls": eschema.SingleNestedAttribute{MarkdownDescription: tlsText, Optional: true, Attributes: map[string]eschema.Attribute{
				"trust":       text(trustText, trustValidators()...),
				"cacert":      text(caCertText, validators.PEMCertificates()),
				"fingerprint": text(fingerprintText, validators.Fingerprint()),
				"server_name": text(serverNameText, validators.Hostname()),
			}},
			"credentials": eschema.SingleNestedAttribute{MarkdownDescription: credsText, Optional: true, Attributes: map[string]eschema.Attribute{
				"secretsmanager_secret_id": text(secretText, credentialValidators()...),
				"ssm_parameter_name":       text(parameterText),
			}},
		},
	}
}
