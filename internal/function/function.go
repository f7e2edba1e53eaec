// Package function holds the provider functions. All of them are pure: the
// same arguments give the same result, without requests, files or a clock.
package function

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"
)

// All returns the constructors of the provider functions.
func All() []func() function.Function {
	return []func() function.Function{
		NewCloudInit,
		NewParseWorkerID,
		NewScheduleState,
		NewVersionAtLeast,
		NewVersionFromName,
		NewWorkerURL,
	}
}

// The positions of arguments in errors.
const (
	first int64 = iota
	second
	third
	fourth
	fifth
)

// argumentError is an error of one argument. Terraform ends it with a full stop
// of its own.
func argumentError(at int64, problem string) *function.FuncError {
	return function.NewArgumentFuncError(at, strings.TrimSuffix(problem, "."))
}
