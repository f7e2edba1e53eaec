package worker

import (
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
)

// TestDefaultsHoldTheirParts adds up what one operation may take inside. The
// times of EC2 are those of bare metal, which is the slowest.
func TestDefaultsHoldTheirParts(t *testing.T) {
	const (
		stop      = 20 * time.Minute // a shutdown that hangs is ended by EC2
		start     = 10 * time.Minute
		checks    = 10 * time.Minute
		terminate = 20 * time.Minute
		volume    = 10 * time.Minute // until a modification is "optimizing"
	)
	// What EC2 may take to know an instance, a profile or a lost answer.
	launch := instance.DefaultPropagation + 2*instance.DefaultTokenLookup + instance.DefaultCreateGrace
	for name, c := range map[string]struct{ limit, parts time.Duration }{
		"create": {defaultCreateTimeout, launch + start + checks + readiness.DefaultLoginPause + readiness.DefaultTimeout + afterwards},
		"update": {defaultUpdateTimeout, volume + stop + instance.DefaultSettle + instance.DefaultPropagation + start + checks + readiness.DefaultTimeout + afterwards},
		"delete": {defaultDeleteTimeout, stop + terminate + instance.CleanUp},
	} {
		if c.limit <= c.parts {
			t.Errorf("%s: %s does not hold %s", name, c.limit, c.parts)
		}
	}
	if snapshotTime < time.Hour {
		t.Errorf("a final snapshot adds %s, wanted is an hour", snapshotTime)
	}
}
