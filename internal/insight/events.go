package insight

import (
	"cmp"
	"slices"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// pending returns the events that are still to come, the earliest first and
// those of which AWS does not say when last.
func pending(all []instance.Event) []instance.Event {
	out := slices.DeleteFunc(slices.Clone(all), instance.Event.Over)
	slices.SortStableFunc(out, func(a, b instance.Event) int {
		if known := !a.NotBefore.IsZero(); known == b.NotBefore.IsZero() {
			if known {
				return -1
			}
			return 1
		}
		return cmp.Or(a.NotBefore.Compare(b.NotBefore), cmp.Compare(a.ID, b.ID))
	})
	return out
}
