package validators

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// entries is a check of each entry of a map of strings.
type entries struct {
	rule  string
	check func(p path.Path, key, value string, known bool, diags *diag.Diagnostics)
}

var _ validator.Map = entries{}

// Description implements validator.Describer.
func (e entries) Description(context.Context) string { return e.rule }

// MarkdownDescription implements validator.Describer.
func (e entries) MarkdownDescription(context.Context) string { return e.rule }

// ValidateMap implements validator.Map.
func (e entries) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	elements := req.ConfigValue.Elements()
	keys := make([]string, 0, len(elements))
	for k := range elements {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		s, ok := elements[k].(types.String)
		known := ok && !s.IsUnknown() && !s.IsNull()
		value := ""
		if known {
			value = s.ValueString()
		}
		e.check(req.Path.AtMapKey(k), k, value, known, &resp.Diagnostics)
	}
}

// Tags checks tags as EC2 takes them (EC2 user guide, "Tag restrictions"):
// keys of 1 to 128 characters that do not begin with "aws:", values of at most
// 256.
func Tags() validator.Map {
	return entries{
		rule: "keys must have 1 to 128 characters and not begin with aws:, values at most 256 characters",
		check: func(p path.Path, key, value string, known bool, diags *diag.Diagnostics) {
			n := len([]rune(key))
			switch {
			case n == 0 || n > 128:
				diags.AddAttributeError(p, "Invalid tag", fmt.Sprintf("The tag key %q has %d characters. Write 1 to 128.", key, n))
			case strings.HasPrefix(strings.ToLower(key), "aws:"):
				diags.AddAttributeError(p, "Invalid tag", fmt.Sprintf("The tag key %q begins with \"aws:\", which AWS keeps for itself. Choose another key.", key))
			case known && len([]rune(value)) > 256:
				diags.AddAttributeError(p, "Invalid tag", fmt.Sprintf("The value of tag %q has %d characters. Write at most 256.", key, len([]rune(value))))
			}
		},
	}
}

var headerPattern = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// HTTPHeaders checks headers that are added to requests: names of HTTP tokens,
// values on one line. Authorization and Host belong to the client.
func HTTPHeaders() validator.Map {
	return entries{
		rule: "keys must be names of HTTP headers, values must be one line",
		check: func(p path.Path, key, value string, known bool, diags *diag.Diagnostics) {
			switch {
			case !headerPattern.MatchString(key):
				diags.AddAttributeError(p, "Invalid HTTP header", fmt.Sprintf("%q is not the name of an HTTP header. Write letters, digits and hyphens, as in \"X-Forwarded-User\".", key))
			case strings.EqualFold(key, "authorization"), strings.EqualFold(key, "host"), strings.EqualFold(key, "content-length"):
				diags.AddAttributeError(p, "Invalid HTTP header", fmt.Sprintf("The header %q is set by the provider itself. Leave it out.", key))
			case known && strings.ContainsAny(value, "\r\n\x00"):
				diags.AddAttributeError(p, "Invalid HTTP header", fmt.Sprintf("The value of header %q has more than one line. Write it on one.", key))
			}
		},
	}
}
