package simulator

import (
	"fmt"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// Timing holds the delays of both halves.
type Timing struct {
	AWS aws.Timing
	CML cml.Timing
}

// Quick is for tests: every state can be observed, none holds anything up.
func Quick() Timing { return Timing{AWS: aws.DefaultTiming(), CML: cml.DefaultTiming()} }

// Demo is for people who watch: a start takes about ten seconds, so that each
// rung of the readiness ladder is seen.
func Demo() Timing {
	return Timing{
		AWS: aws.Timing{
			Pending:            2 * time.Second,
			Stopping:           3 * time.Second,
			ShuttingDown:       3 * time.Second,
			StatusInitializing: 4 * time.Second,
			TerminatedVisible:  time.Hour,
			VolumeModifying:    2 * time.Second,
			VolumeOptimizing:   2 * time.Second,
			Snapshot:           5 * time.Second,
			Setting:            time.Second,
		},
		CML: cml.Timing{
			Refused:    3 * time.Second,
			BadGateway: 2 * time.Second,
			NotReady:   3 * time.Second,
			Register:   3 * time.Second,
			Authorize:  2 * time.Second,
			Renew:      2 * time.Second,
			Deregister: 3 * time.Second,
			NodeStep:   time.Second,
			Noise:      10 * time.Second,
		},
	}
}

// ParseTiming returns the preset of that name.
func ParseTiming(preset string) (Timing, error) {
	switch preset {
	case "quick":
		return Quick(), nil
	case "demo":
		return Demo(), nil
	}
	return Timing{}, fmt.Errorf("there is no timing %q; there are quick and demo", preset)
}
