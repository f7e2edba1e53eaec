package license

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// What CML takes (cml-api.md 5.3, 5.6).
var (
	productPattern = regexp.MustCompile(`^\w{1,20}$`)
	tokenPattern   = regexp.MustCompile(`^[a-zA-Z\d+/%=-]{1,256}$`)
)

func productValidator() validator.String {
	return stringvalidator.RegexMatches(productPattern, "must be 1 to 20 letters, digits or _, as in \"CML_Enterprise\"")
}

// tokenValidator checks the form of a token, and never shows it.
type tokenValidator struct{}

// Description implements validator.Describer.
func (tokenValidator) Description(context.Context) string {
	return "must be a registration token: 1 to 256 letters, digits and + / % = -"
}

// MarkdownDescription implements validator.Describer.
func (v tokenValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (v tokenValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	token := req.ConfigValue.ValueString()
	if tokenPattern.MatchString(token) {
		return
	}
	why := fmt.Sprintf("It has %d characters, and one of them is not allowed.", len(token))
	switch {
	case token == "":
		why = "It is empty."
	case strings.TrimSpace(token) != token:
		why = "It begins or ends with white space, as the content of a file does: use trimspace()."
	case len(token) > 256:
		why = fmt.Sprintf("It has %d characters.", len(token))
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Invalid registration token", "The value "+v.Description(ctx)+". "+why+" The value itself is not shown, since it is a secret.")
}
