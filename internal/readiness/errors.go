package readiness

import (
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// FinalError ends a wait at once, because waiting on would be in vain.
type FinalError struct {
	Kind fault.Kind
	// Rung is the one that held, InstanceID the worker.
	Rung       Rung
	InstanceID string
	Message    string
	// Next is the next step; "" leaves it to the kind.
	Next string
	Err  error
}

// Error implements error.
func (e *FinalError) Error() string {
	return "worker " + e.InstanceID + " will not get ready: " + e.Message
}

// Unwrap returns the cause.
func (e *FinalError) Unwrap() error { return e.Err }

// NextStep is Next.
func (e *FinalError) NextStep() string { return e.Next }

// FaultKind is Kind.
func (e *FinalError) FaultKind() fault.Kind { return e.Kind }

// Limit says which limit ended a wait.
type Limit int

// The limits of a wait.
const (
	// LimitReadiness is readiness.timeout.
	LimitReadiness Limit = iota
	// LimitOperation is the deadline of the operation (the timeouts block).
	LimitOperation
	// LimitSilence is Options.Silence.
	LimitSilence
)

// TimeoutError says that a wait ended by a limit, how far it came, and what to
// look at. Its text is complete: everything a reader needs is in it.
type TimeoutError struct {
	InstanceID string
	Limit      Limit
	// Timeout is readiness.timeout, Waited the whole length of the wait.
	Timeout, Waited time.Duration
	// ClockFrom is what started readiness.timeout.
	ClockFrom string
	Wanted    Rung
	// Failed is the lowest rung that does not hold, or Wanted itself when it
	// holds but not for long enough; Since is how long it was waited for.
	Failed Rung
	Since  time.Duration
	Passed []Step
	// Address is the one that was dialled, with its port; "" for none.
	Address string
	// LastWords is the last answer, or the lack of one, in words; Last its error.
	LastWords string
	Last      error
	Status    instance.Status
	// ConsoleTail are the last lines of the console, without secrets; "" when
	// not asked for.
	ConsoleTail string
	// Hint is the next step.
	Hint string
	Err  error
}

// Unwrap returns the context's error.
func (e *TimeoutError) Unwrap() error { return e.Err }

// FaultKind is Timeout.
func (e *TimeoutError) FaultKind() fault.Kind { return fault.Timeout }
