// Package validators holds the value checks that several schemas share. Each
// says in its diagnostic what was found and what to write instead, and leaves
// null and unknown values alone. Where EC2-compatible servers are known to use
// other forms than EC2 (shorter identifiers, for instance), the looser form
// passes: these checks catch mistakes, the service decides.
package validators

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// text is a check of a string. problem returns what is wrong with a value and
// what to write instead, or "".
type text struct {
	// noun names the value in the summary: "Invalid AMI id".
	noun string
	// rule describes what passes, for documentation.
	rule string
	// secret keeps the value itself out of the diagnostic.
	secret  bool
	problem func(value string) string
}

var _ validator.String = text{}

// Description implements validator.Describer.
func (t text) Description(context.Context) string { return t.rule }

// MarkdownDescription implements validator.Describer.
func (t text) MarkdownDescription(context.Context) string { return t.rule }

// ValidateString implements validator.String.
func (t text) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	t.check(req.Path, req.ConfigValue.ValueString(), &resp.Diagnostics)
}

func (t text) check(p path.Path, value string, diags *diag.Diagnostics) {
	problem := t.problem(value)
	if problem == "" {
		return
	}
	shown := "The value"
	if !t.secret {
		shown = fmt.Sprintf("%q", value)
	}
	if len(p.Steps()) > 1 {
		// Terraform points at the resource as a whole then, not at the argument.
		shown = p.String() + ": " + shown
	}
	diags.AddAttributeError(p, "Invalid "+t.noun, shown+" "+problem)
}
