// Package readiness waits until a worker is usable and says, when it is not,
// how far it came and why. It asks EC2 and CML and decides by one ladder of
// rungs, of which each implies those below it.
package readiness

import (
	"slices"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Rung is a step of the ladder.
type Rung int

// The rungs, in their order.
const (
	// None: EC2 has accepted the launch.
	None Rung = iota
	// Running: the instance is in state running.
	Running
	// StatusOK: EC2's system and instance checks are ok, and the one of
	// attached EBS volumes is ok or does not apply.
	StatusOK
	// HTTPS: an HTTP answer, whatever its status, came over TLS.
	HTTPS
	// API: CML tells its version.
	API
	// Ready: CML says "ready": true, so at least one compute host is able to
	// start nodes. The highest rung that needs no credentials.
	Ready
	// Healthy: the system, its controller and every compute host that may start
	// nodes are valid.
	Healthy
	// Licensed: registration and authorization are complete, or CML says is_licensed.
	Licensed
)

var rungNames = []string{"none", "running", "status_ok", "https", "api", "ready", "healthy", "licensed"}

// String returns the name used in configurations.
func (r Rung) String() string {
	if r < None || int(r) >= len(rungNames) {
		return "unknown"
	}
	return rungNames[r]
}

// NeedsCredentials reports whether CML shows this rung to accounts only.
func (r Rung) NeedsCredentials() bool { return r >= Healthy }

// Names returns the names of all rungs in their order.
func Names() []string { return slices.Clone(rungNames) }

// ParseRung is the inverse of String; fault.Invalid for any other text.
func ParseRung(name string) (Rung, error) {
	if i := slices.Index(rungNames, name); i >= 0 {
		return Rung(i), nil
	}
	return None, fault.New(fault.Invalid, "%q is none of the rungs %s", name, strings.Join(rungNames, ", "))
}
