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
