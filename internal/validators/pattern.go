package validators

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var typePattern = regexp.MustCompile(`^[a-z0-9.*?-]+$`)

// InstanceTypePattern checks a pattern of instance types with * and ? as
// wildcards. One that no type can match, such as a family without its dot, is
// refused.
func InstanceTypePattern() validator.String {
	return text{
		noun: "instance type pattern",
		rule: "must be an instance type, with * and ? as wildcards, such as m8i.*",
		problem: func(v string) string {
			switch {
			case !typePattern.MatchString(v):
				return `is not a pattern of instance types. Write lower-case letters, digits, hyphens, one dot, and * or ? as wildcards, as in "m8i.*".`
			case strings.Count(v, ".") > 1:
				return `has more than one dot, so that it matches no instance type. Write family, dot and size, as in "m8i.*".`
			case !strings.ContainsAny(v, ".*"):
				return fmt.Sprintf("has no dot, so that it matches no instance type. Write %q for the whole family.", v+".*")
			}
			return ""
		},
	}
}
