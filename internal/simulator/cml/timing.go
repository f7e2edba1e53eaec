package cml

import "time"

// Timing holds the delays of a machine. A zero Timing means DefaultTiming; in
// any other value a zero member means "at once".
type Timing struct {
	// Refused is how long after boot nothing listens.
	Refused time.Duration
	// BadGateway is how long the proxy then answers 502 with an HTML page.
	BadGateway time.Duration
	// NotReady is how long system_information then shows "ready": false.
	NotReady time.Duration
	// FlapAfter, when positive, is how long after its first "ready": true the
	// machine goes through the phases once more: the reboot at the end of a
	// provisioning script (cml-api.md 3.1). Only the first boot does that.
	FlapAfter time.Duration

	// Register is the time from an accepted registration to its result.
	Register time.Duration
	// Authorize is the time from registration COMPLETED to the result of the authorization.
	Authorize time.Duration
	// Renew is the time until a requested renewal shows.
	Renew time.Duration
	// Deregister is how long the de-registration call takes; it is synchronous (cml-api.md 5.7).
	Deregister time.Duration

	// NodeStep is the time of each step QUEUED → STARTED → BOOTED of a node, and of its stop.
	NodeStep time.Duration
	// Noise is the period of the entries that the telemetry gets without
	// anybody doing anything. Zero: only one at boot.
	Noise time.Duration
}

// DefaultTiming is meant for tests: each phase is long enough to be seen by a
// client that polls every few milliseconds.
func DefaultTiming() Timing {
	return Timing{
		Refused:    20 * time.Millisecond,
		BadGateway: 20 * time.Millisecond,
		NotReady:   20 * time.Millisecond,
		Register:   100 * time.Millisecond,
		Authorize:  30 * time.Millisecond,
		Renew:      30 * time.Millisecond,
		NodeStep:   20 * time.Millisecond,
	}
}

// Phase is what the outside sees of a machine's CML.
type Phase string

// The phases of a boot, in their order, and two that a boot does not pass.
const (
	// Off: the instance does not run; connections are refused.
	Off Phase = "off"
	// Refused: the instance runs, nothing listens yet.
	Refused Phase = "refused"
	// BadGateway: the proxy is up, the application is not: 502 and an HTML page for every path.
	BadGateway Phase = "bad_gateway"
	// NotReady: system_information answers with "ready": false.
	NotReady Phase = "not_ready"
	// Ready: system_information answers with "ready": true.
	Ready Phase = "ready"
	// BlackHole: connection attempts get no answer, as behind a security group
	// without a rule. Set only by HoldPhase.
	BlackHole Phase = "black_hole"
)

// ParsePhase turns a phase's name into a Phase.
func ParsePhase(name string) (Phase, bool) {
	switch p := Phase(name); p {
	case Off, Refused, BadGateway, NotReady, Ready, BlackHole:
		return p, true
	}
	return "", false
}

// serves reports whether a TLS server listens in this phase.
func (p Phase) serves() bool { return p == BadGateway || p == NotReady || p == Ready }

// next is the phase a boot enters after p and how long it stays in p.
func (t Timing) next(p Phase) (Phase, time.Duration) {
	switch p {
	case Refused:
		return BadGateway, t.Refused
	case BadGateway:
		return NotReady, t.BadGateway
	default:
		return Ready, t.NotReady
	}
}
