package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// unknownArguments returns the names of the arguments whose values are not
// known yet, as one writes them: "controller.password",
// "assume_role[0].role_arn". An argument with unknown elements counts as a
// whole. Those of plannedLater are left out.
func unknownArguments(config tftypes.Value) []string {
	var out []string
	// The walk only fails when its callback does.
	_ = tftypes.Walk(config, func(at *tftypes.AttributePath, v tftypes.Value) (bool, error) {
		if v.IsKnown() {
			return true, nil
		}
		name := argumentName(at)
		root, _, _ := strings.Cut(strings.ReplaceAll(name, "[", "."), ".")
		if !slices.Contains(out, name) && !slices.Contains(plannedLater, root) {
			out = append(out, name)
		}
		return false, nil
	})
	slices.Sort(out)
	return out
}

func argumentName(at *tftypes.AttributePath) string {
	var b strings.Builder
	for _, step := range at.Steps() {
		switch s := step.(type) {
		case tftypes.AttributeName:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(s))
		case tftypes.ElementKeyInt:
			fmt.Fprintf(&b, "[%d]", int64(s))
		case tftypes.ElementKeyString:
			fmt.Fprintf(&b, "[%q]", string(s))
		default: // an element of a set has no name of its own
			return b.String()
		}
	}
	return b.String()
}
