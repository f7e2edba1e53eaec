package tfdiag

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// NotRead reports, with a warning, whether a refresh has to leave the state as
// it is, since arguments of the provider have no value yet. what is what is not
// read, "the worker i-…".
func NotRead(diags *diag.Diagnostics, set interface {
	Suppressed(code string) bool
	UnknownArguments() []string
}, what string) bool {
	unknown := set.UnknownArguments()
	if len(unknown) == 0 {
		return false
	}
	Warn(diags, set, UnknownConfiguration, fmt.Sprintf(
		"Nothing was read of %s, since the value of %s in the provider configuration is known only after apply. The state stays as it was.",
		what, strings.Join(unknown, ", ")))
	return true
}

// NotKnown reports, with an error, whether a look-up cannot be done since these
// arguments of the provider have no value yet: a data source may not return
// unknown values. so is what follows, "the worker cannot be looked up".
func NotKnown(diags *diag.Diagnostics, unknown []string, so string) bool {
	if len(unknown) == 0 {
		return false
	}
	diags.AddError(UnknownConfiguration.Summary, fmt.Sprintf(
		"The provider's %s will be known only after apply, so %s. Apply what it depends on first (terraform apply -target), or give the value directly.",
		strings.Join(unknown, ", "), so))
	return true
}
