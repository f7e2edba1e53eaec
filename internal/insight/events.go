package insight

import (
	"cmp"
	"slices"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// pending returns the events that are still to come, the earliest first.
func pending(all []instance.Event) []instance.Event {
	out := slices.DeleteFunc(slices.Clone(all), instance.Event.Over)
	slices.SortStableFunc(out, func(a, b instance.Event) int {
		return cmp.Or(a.NotBefore.Compare(b.NotBefore), cmp.Compare(a.ID, b.ID))
	})
	return out
}
