// Package wait holds the one poll loop of this provider. The deadline of the
// context is the time-out; a wait returns within one interval of it.
package wait

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// DefaultInterval is the settled pace of every wait.
const DefaultInterval = 5 * time.Second

// Pace says how long to pause between two tries: short at first, so that what
// is quick is seen quickly, then Interval.
type Pace struct {
	// Interval is the settled pause; 0 means DefaultInterval.
	Interval time.Duration
	// First is the pause after the first try; it doubles up to Interval.
	// 0 means a tenth of Interval.
	First time.Duration
}

// Next returns the pause after try number n, counted from 0.
func (p Pace) Next(n int) time.Duration {
	limit := p.Interval
	if limit <= 0 {
		limit = DefaultInterval
	}
	d := p.First
	if d <= 0 {
		d = limit / 10
	}
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// Sleep pauses for d or until the context ends, and returns the context's
// cause then.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Poll calls try until it is done or fails, pausing by pace. An ended context
// is returned as its cause; try sees the same context.
func Poll(ctx context.Context, pace Pace, try func(ctx context.Context) (done bool, err error)) error {
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		done, err := try(ctx)
		if done || err != nil {
			return err
		}
		if err := Sleep(ctx, pace.Next(n)); err != nil {
			return err
		}
	}
}

// State waits until a thing is in one of the target states.
type State[T any] struct {
	// What is waited for, in words: "instance i-0123 to stop".
	What string
	// Pending are the states on the way; Target those that end the wait. Every
	// other state fails it.
	Pending, Target []string
	// Find returns the thing and its state.
	Find func(ctx context.Context) (T, string, error)
	// Tolerate says which errors of Find keep the wait going. nil: none.
	Tolerate func(error) bool
	// Hold is how many times in a row the target must be seen; 0 means once.
	Hold int
	Pace Pace
	// Progress, if set, hears of each change of state.
	Progress func(state string, since time.Duration)
}

// Do waits. It returns *TimeoutError when the context ends, *StateError on a
// state that is neither pending nor target, and Find's own error otherwise.
func (w State[T]) Do(ctx context.Context) (T, error) {
	var (
		last    T
		state   string
		lastErr error
		seen    int
		start   = time.Now()
	)
	err := Poll(ctx, w.Pace, func(ctx context.Context) (bool, error) {
		thing, now, err := w.Find(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			if w.Tolerate != nil && w.Tolerate(err) {
				lastErr, seen = err, 0
				return false, nil
			}
			return false, err
		}
		last, lastErr = thing, nil
		if now != state {
			state = now
			if w.Progress != nil {
				w.Progress(now, time.Since(start))
			}
		}
		switch {
		case slices.Contains(w.Target, now):
			seen++
			return seen >= max(w.Hold, 1), nil
		case slices.Contains(w.Pending, now):
			seen = 0
			return false, nil
		}
		return false, &StateError{What: w.What, State: now, Wanted: w.Target}
	})
	if err != nil && ctx.Err() != nil && !errors.As(err, new(*StateError)) {
		err = &TimeoutError{What: w.What, LastState: state, LastErr: lastErr, Waited: time.Since(start), Err: err}
	}
	return last, err
}

// TimeoutError says that a wait ended with its context.
type TimeoutError struct {
	What      string
	LastState string        // "" when no state was ever read
	LastErr   error         // the last tolerated error, if it came after the last state
	Waited    time.Duration // how long
	Err       error         // the context's cause
}

// Error implements error.
func (e *TimeoutError) Error() string {
	var b strings.Builder
	verb := "timed out"
	if e.FaultKind() == fault.Canceled {
		verb = "was cancelled"
	}
	fmt.Fprintf(&b, "waiting for %s %s after %s", e.What, verb, e.Waited.Round(time.Second))
	if e.LastState != "" {
		fmt.Fprintf(&b, "; last state %q", e.LastState)
	}
	if e.LastErr != nil {
		fmt.Fprintf(&b, "; last error: %s", e.LastErr)
	}
	return b.String()
}

// Unwrap returns the context's cause.
func (e *TimeoutError) Unwrap() error { return e.Err }

// FaultKind is Timeout, or Canceled when the user ended the wait.
func (e *TimeoutError) FaultKind() fault.Kind {
	if errors.Is(e.Err, context.Canceled) {
		return fault.Canceled
	}
	return fault.Timeout
}

// StateError says that a thing went to a state from which the wanted one is
// not reached.
type StateError struct {
	What   string
	State  string
	Wanted []string
}

// Error implements error.
func (e *StateError) Error() string {
	return fmt.Sprintf("waiting for %s: unexpected state %q, wanted %s", e.What, e.State, strings.Join(e.Wanted, " or "))
}

// FaultKind is WrongState.
func (e *StateError) FaultKind() fault.Kind { return fault.WrongState }
