// Package function holds the provider functions. All of them are pure: the
// same arguments give the same result, without requests, files or a clock.
package function

import "github.com/hashicorp/terraform-plugin-framework/function"

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
