// Package attribute holds the schema pieces that several resources and data
// sources share, with their models and their translation to domain types.
package attribute

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	dschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Controller is the model of the object `controller`: how to reach CML on a
// worker. It holds no secret.
type Controller struct {
	Hostname          types.String `tfsdk:"hostname"`
	Port              types.Int64  `tfsdk:"port"`
	AddressPreference types.List   `tfsdk:"address_preference"`
	Via               types.String `tfsdk:"via"`
	TLS               types.Object `tfsdk:"tls"`
	Credentials       types.Object `tfsdk:"credentials"`
}

// TLS is the model of `controller.tls`.
type TLS struct {
	Trust       types.String `tfsdk:"trust"`
	CACert      types.String `tfsdk:"cacert"`
	Fingerprint types.String `tfsdk:"fingerprint"`
	ServerName  types.String `tfsdk:"server_name"`
}

// Credentials is the model of `controller.credentials`: references, never
// values.
type Credentials struct {
	SecretsManagerSecretID types.String `tfsdk:"secretsmanager_secret_id"`
	SSMParameterName       types.String `tfsdk:"ssm_parameter_name"`
}

// The attribute types of the objects above.
var (
	TLSTypes = map[string]attr.Type{
		"trust": types.StringType, "cacert": types.StringType,
		"fingerprint": types.StringType, "server_name": types.StringType,
	}
	CredentialsTypes = map[string]attr.Type{
		"secretsmanager_secret_id": types.StringType, "ssm_parameter_name": types.StringType,
	}
	ControllerTypes = map[string]attr.Type{
		"hostname": types.StringType, "port": types.Int64Type,
		"address_preference": types.ListType{ElemType: types.StringType}, "via": types.StringType,
		"tls":         types.ObjectType{AttrTypes: TLSTypes},
		"credentials": types.ObjectType{AttrTypes: CredentialsTypes},
	}
)

// The descriptions are shared by every place where the object stands.
const (
	controllerText  = "How to reach CML on the worker. It holds no secret: user name and password come from the provider's `controller`, or by reference from `credentials`."
	hostnameText    = "DNS name of the worker. It is used for the certificate check (SNI and verification) and for the published `url`; it is never dialled, since the record may be made from this worker's own address."
	portText        = "HTTPS port of CML. Default: that of the worker's managed tag, of the provider's `controller`, else 443."
	preferenceText  = "Which address to dial, in order: `eip`, `public_ip`, `private_ip`, `ipv6`. Only kinds in the list are used, and the first that the worker has is waited for. Default: "
	preferenceTag   = preferenceText + "that of the worker's managed tag, else `eip`, `public_ip`, `private_ip`."
	viaText         = "`direct` (default) or `proxy`, which goes through the provider's `controller.proxy`."
	tlsText         = "Whom to trust. Credentials travel only over a certificate that verifies, one that is pinned, or with `trust = \"insecure\"`."
	trustText       = "`pin_first` (default) records the certificate of a worker that this provider created when its readiness wait ends and enforces it from then on; `verify` wants a chain to a known authority; `insecure` checks nothing, and warns."
	caCertText      = "PEM certificates of the authorities that sign the worker's certificate, in addition to the system's."
	fingerprintText = "SHA-256 of the worker's certificate, hexadecimal. Set it to pin a certificate yourself, or to accept one that was changed on purpose."
	serverNameText  = "Name to expect in the certificate. Default: `hostname`."
	credsText       = "Where the credentials of CML are kept. The value is a JSON object with `username`, `password` or `token`; plain text is the password for the provider's user name. It is resolved with the AWS credentials at each use and never stored."
	secretText      = "Name or ARN of a Secrets Manager secret. The region of an ARN wins over the worker's."
	parameterText   = "Name or ARN of an SSM parameter, decrypted when it is a SecureString."
)

var addressKinds = []string{"eip", "public_ip", "private_ip", "ipv6"}

func preferenceValidators() []validator.List {
	return []validator.List{
		listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(),
		listvalidator.ValueStringsAre(stringvalidator.OneOf(addressKinds...)),
	}
}

func trustValidators() []validator.String {
	return []validator.String{stringvalidator.OneOf("pin_first", "verify", "insecure")}
}

// credentialValidators are for one member of `credentials`, so that they run
// only where the object is given: exactly one of its members.
func credentialValidators() []validator.String {
	return []validator.String{stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("ssm_parameter_name"))}
}

// The defaults of the worker itself, which writes the tags that others read.
const (
	ownPortText       = "HTTPS port of CML. Default: the port of the provider's `controller`, else 443."
	ownPreferenceText = preferenceText + "by `network`: with `eip` that alone, otherwise `eip`, then `public_ip` (unless `network.public_ip` is `false`), then `private_ip` (unless it is `true`)."
)

// ControllerInput is the object on a resource that reads it. With computed set
// the resource also fills what is left out, as the worker does.
func ControllerInput(computed bool, text string) rschema.SingleNestedAttribute {
	if text == "" {
		text = controllerText
	}
	port, preference := portText, preferenceTag
	if computed {
		port, preference = ownPortText, ownPreferenceText
	}
	return rschema.SingleNestedAttribute{
		MarkdownDescription: text, Optional: true, Computed: computed,
		Attributes: map[string]rschema.Attribute{
			"hostname": rschema.StringAttribute{MarkdownDescription: hostnameText, Optional: true, Validators: []validator.String{validators.Hostname()}},
			"port":     rschema.Int64Attribute{MarkdownDescription: port, Optional: true, Computed: computed, Validators: []validator.Int64{int64validator.Between(1, 65535)}},
			"address_preference": rschema.ListAttribute{MarkdownDescription: preference, ElementType: types.StringType, Optional: true, Computed: computed,
				Validators: preferenceValidators()},
			"via": rschema.StringAttribute{MarkdownDescription: viaText, Optional: true, Computed: computed, Validators: []validator.String{stringvalidator.OneOf("direct", "proxy")}},
			"tls": rschema.SingleNestedAttribute{MarkdownDescription: tlsText, Optional: true, Computed: computed, Attributes: map[string]rschema.Attribute{
				"trust":       rschema.StringAttribute{MarkdownDescription: trustText, Optional: true, Computed: computed, Validators: trustValidators()},
				"cacert":      rschema.StringAttribute{MarkdownDescription: caCertText, Optional: true, Validators: []validator.String{validators.PEMCertificates()}},
				"fingerprint": rschema.StringAttribute{MarkdownDescription: fingerprintText, Optional: true, Computed: computed, Validators: []validator.String{validators.Fingerprint()}},
				"server_name": rschema.StringAttribute{MarkdownDescription: serverNameText, Optional: true, Validators: []validator.String{validators.Hostname()}},
			}},
			"credentials": rschema.SingleNestedAttribute{MarkdownDescription: credsText, Optional: true, Attributes: map[string]rschema.Attribute{
				"secretsmanager_secret_id": rschema.StringAttribute{MarkdownDescription: secretText, Optional: true, Validators: credentialValidators()},
				"ssm_parameter_name":       rschema.StringAttribute{MarkdownDescription: parameterText, Optional: true},
			}},
		},
	}
}

// ControllerDataSource is the object on a data source: what is left out comes
// from the managed tags of the worker and from the provider, and the data
// source exports the whole.
func ControllerDataSource() dschema.SingleNestedAttribute {
	return dschema.SingleNestedAttribute{
		MarkdownDescription: controllerText + " What is left out comes from the managed tags of the worker, then from the provider.", Optional: true, Computed: true,
		Attributes: map[string]dschema.Attribute{
			"hostname": dschema.StringAttribute{MarkdownDescription: hostnameText, Optional: true, Computed: true, Validators: []validator.String{validators.Hostname()}},
			"port":     dschema.Int64Attribute{MarkdownDescription: portText, Optional: true, Computed: true, Validators: []validator.Int64{int64validator.Between(1, 65535)}},
			"address_preference": dschema.ListAttribute{MarkdownDescription: preferenceTag, ElementType: types.StringType, Optional: true, Computed: true,
				Validators: preferenceValidators()},
			"via": dschema.StringAttribute{MarkdownDescription: viaText, Optional: true, Computed: true, Validators: []validator.String{stringvalidator.OneOf("direct", "proxy")}},
			"tls": dschema.SingleNestedAttribute{MarkdownDescription: tlsText, Optional: true, Computed: true, Attributes: map[string]dschema.Attribute{
				"trust":       dschema.StringAttribute{MarkdownDescription: trustText, Optional: true, Computed: true, Validators: trustValidators()},
				"cacert":      dschema.StringAttribute{MarkdownDescription: caCertText, Optional: true, Computed: true, Validators: []validator.String{validators.PEMCertificates()}},
				"fingerprint": dschema.StringAttribute{MarkdownDescription: fingerprintText, Optional: true, Computed: true, Validators: []validator.String{validators.Fingerprint()}},
				"server_name": dschema.StringAttribute{MarkdownDescription: serverNameText, Optional: true, Computed: true, Validators: []validator.String{validators.Hostname()}},
			}},
			"credentials": dschema.SingleNestedAttribute{MarkdownDescription: credsText, Optional: true, Computed: true, Attributes: map[string]dschema.Attribute{
				"secretsmanager_secret_id": dschema.StringAttribute{MarkdownDescription: secretText, Optional: true, Computed: true, Validators: credentialValidators()},
				"ssm_parameter_name":       dschema.StringAttribute{MarkdownDescription: parameterText, Optional: true, Computed: true},
			}},
		},
	}
}

// asOptions treats unknown and null members as absent.
var asOptions = basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true}

// ExpandController returns the object in plain Go. Null and unknown members
// are absent.
func ExpandController(ctx context.Context, object types.Object) (controller.Settings, diag.Diagnostics) {
	var (
		out   controller.Settings
		diags diag.Diagnostics
		m     Controller
	)
	if object.IsNull() || object.IsUnknown() {
		return out, diags
	}
	diags.Append(object.As(ctx, &m, asOptions)...)
	if diags.HasError() {
		return out, diags
	}
	out.Hostname = m.Hostname.ValueString()
	out.Port = int(m.Port.ValueInt64())
	out.AddressPreference = Strings(m.AddressPreference)
	out.Via = m.Via.ValueString()
	if !m.TLS.IsNull() && !m.TLS.IsUnknown() {
		var t TLS
		diags.Append(m.TLS.As(ctx, &t, asOptions)...)
		out.TLS = controller.TLS{
			Trust: t.Trust.ValueString(), CACert: t.CACert.ValueString(),
			Fingerprint: t.Fingerprint.ValueString(), ServerName: t.ServerName.ValueString(),
		}
	}
	if !m.Credentials.IsNull() && !m.Credentials.IsUnknown() {
		var c Credentials
		diags.Append(m.Credentials.As(ctx, &c, asOptions)...)
		out.CredentialsRef = controller.Ref{
			SecretsManagerSecretID: c.SecretsManagerSecretID.ValueString(), SSMParameterName: c.SSMParameterName.ValueString(),
		}
	}
	return out, diags
}

// FlattenController is the inverse of ExpandController: absent members are
// null.
func FlattenController(s controller.Settings) types.Object {
	tls := types.ObjectValueMust(TLSTypes, map[string]attr.Value{
		"trust": String(s.TLS.Trust), "cacert": String(s.TLS.CACert),
		"fingerprint": String(s.TLS.Fingerprint), "server_name": String(s.TLS.ServerName),
	})
	creds := types.ObjectNull(CredentialsTypes)
	if s.CredentialsRef != (controller.Ref{}) {
		creds = types.ObjectValueMust(CredentialsTypes, map[string]attr.Value{
			"secretsmanager_secret_id": String(s.CredentialsRef.SecretsManagerSecretID),
			"ssm_parameter_name":       String(s.CredentialsRef.SSMParameterName),
		})
	}
	port := types.Int64Null()
	if s.Port != 0 {
		port = types.Int64Value(int64(s.Port))
	}
	return types.ObjectValueMust(ControllerTypes, map[string]attr.Value{
		"hostname": String(s.Hostname), "port": port, "address_preference": StringList(s.AddressPreference),
		"via": String(s.Via), "tls": tls, "credentials": creds,
	})
}
