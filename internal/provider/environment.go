package provider

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// The environment variables of `controller`, named after those of provider
// "cml2" (CML2_USERNAME …). Those of AWS are the SDK's business.
const (
	envUsername       = "CML_USERNAME"
	envPassword       = "CML_PASSWORD"
	envToken          = "CML_TOKEN"
	envPort           = "CML_PORT"
	envTrust          = "CML_TRUST"
	envSkipVerify     = "CML_SKIP_VERIFY"
	envCACert         = "CML_CACERT"
	envFingerprint    = "CML_FINGERPRINT"
	envServerName     = "CML_SERVER_NAME"
	envProxy          = "CML_PROXY"
	envRequestTimeout = "CML_REQUEST_TIMEOUT"
)

// The environment variables of provider "aws" that its SDK does not know.
const (
	envDefaultTag        = "TF_AWS_DEFAULT_TAGS_"
	envIgnoreTagKeys     = "TF_AWS_IGNORE_TAGS_KEYS"
	envIgnoreTagPrefixes = "TF_AWS_IGNORE_TAGS_KEY_PREFIXES"
	envWebIdentityToken  = "TF_AWS_WEB_IDENTITY_TOKEN"
	envWebIdentityFile   = "AWS_WEB_IDENTITY_TOKEN_FILE"
)

// environment reads variables by the rules of the arguments they stand for.
type environment struct {
	ctx   context.Context
	diags *diag.Diagnostics
}

// text returns the argument's value, else the variable's. A variable that the
// argument's own checks refuse is an error that names the variable.
func (e environment) text(argument types.String, variable string, checks ...validator.String) string {
	if !argument.IsNull() {
		return argument.ValueString()
	}
	value := os.Getenv(variable)
	if value == "" {
		return ""
	}
	for _, check := range checks {
		var resp validator.StringResponse
		check.ValidateString(e.ctx, validator.StringRequest{Path: path.Root(variable), ConfigValue: types.StringValue(value)}, &resp)
		for _, d := range resp.Diagnostics.Errors() {
			e.refuse(variable, d.Detail())
		}
	}
	return value
}

func (e environment) refuse(variable, why string) {
	e.diags.AddError("Invalid environment variable "+variable, why)
}

// port returns the argument's value, else that of CML_PORT.
func (e environment) port(argument types.Int64) int {
	if !argument.IsNull() {
		return int(argument.ValueInt64())
	}
	value := os.Getenv(envPort)
	if value == "" {
		return 0
	}
	port, err := strconv.Atoi(value)
	if err != nil || port < 1 || port > 65535 {
		e.refuse(envPort, fmt.Sprintf("%q is not a port. Write a number between 1 and 65535.", value))
		return 0
	}
	return port
}

// trust returns the argument's value, else that of CML_TRUST, else what
// CML_SKIP_VERIFY says.
func (e environment) trust(argument types.String) string {
	trust := e.text(argument, envTrust, stringvalidator.OneOf(trustRules...))
	value := os.Getenv(envSkipVerify)
	if trust != "" || !argument.IsNull() || value == "" {
		return trust
	}
	skip, err := strconv.ParseBool(value)
	switch {
	case err != nil:
		e.refuse(envSkipVerify, fmt.Sprintf("%q is neither true nor false.", value))
	case skip:
		return controller.TrustInsecure
	}
	return ""
}

func (e environment) requestTimeout(argument types.String) time.Duration {
	d, err := time.ParseDuration(e.text(argument, envRequestTimeout, requestTimeoutRange()))
	if err != nil {
		return 0 // not set, or refused above
	}
	return d
}

// credentials returns the account of CML. What the configuration says, in
// either form, keeps the other form of the environment out.
func (e environment) credentials(c controllerModel) controller.Credentials {
	switch {
	case !c.Token.IsNull():
		return controller.Credentials{Token: c.Token.ValueString()}
	case c.Username.IsNull() && c.Password.IsNull() && os.Getenv(envToken) != "":
		return controller.Credentials{Token: os.Getenv(envToken)}
	}
	return controller.Credentials{
		Username: e.text(c.Username, envUsername),
		Password: e.text(c.Password, envPassword),
	}
}

func (e environment) tls(c tlsModel) controller.TLS {
	return controller.TLS{
		Trust:       e.trust(c.Trust),
		CACert:      e.text(c.CACert, envCACert, validators.PEMCertificates()),
		Fingerprint: e.text(c.Fingerprint, envFingerprint, validators.Fingerprint()),
		ServerName:  e.text(c.ServerName, envServerName, validators.Hostname()),
	}
}

// defaultTagsFromEnvironment returns the tags of TF_AWS_DEFAULT_TAGS_<key>.
func defaultTagsFromEnvironment() map[string]string {
	out := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if key, ok := strings.CutPrefix(name, envDefaultTag); ok && key != "" {
			out[key] = value
		}
	}
	return out
}

// listFromEnvironment returns the elements of a variable, separated by commas.
func listFromEnvironment(variable string) []string {
	var out []string
	for part := range strings.SplitSeq(os.Getenv(variable), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
