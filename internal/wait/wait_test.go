package wait_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

func TestPace(t *testing.T) {
	for _, tc := range []struct {
		pace wait.Pace
		want []time.Duration
	}{
		{wait.Pace{}, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}},
		{wait.Pace{Interval: time.Minute, First: 25 * time.Second}, []time.Duration{25 * time.Second, 50 * time.Second, time.Minute}},
		{wait.Pace{Interval: time.Second, First: time.Minute}, []time.Duration{time.Second, time.Second}},
	} {
		for n, want := range tc.want {
			if got := tc.pace.Next(n); got != want {
				t.Errorf("%+v: pause %d is %s, want %s", tc.pace, n, got, want)
			}
		}
	}
	if got := (wait.Pace{}).Next(1 << 30); got != wait.DefaultInterval {
		t.Errorf("a late pause is %s", got)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := wait.Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("slept %s, %v", time.Since(start), err)
		}
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(why) })
		start = time.Now()
		if err := wait.Sleep(ctx, time.Hour); !errors.Is(err, why) || time.Since(start) != time.Minute {
			t.Errorf("slept %s, %v", time.Since(start), err)
		}
	})
}

// script is a thing whose answers are written down; the last one repeats.
type script struct {
	answers []answer
	asked   int
}

type answer struct {
	state string
	err   error
}

func (s *script) find(context.Context) (string, string, error) {
	a := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	return "thing " + a.state, a.state, a.err
}

var errBusy = errors.New("busy")

func waitFor(s *script) wait.State[string] {
	return wait.State[string]{
		What: "the thing to stop", Pending: []string{"running", "stopping"}, Target: []string{"stopped"},
		Find: s.find, Tolerate: func(err error) bool { return errors.Is(err, errBusy) },
	}
}

func TestStateReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{state: "running"}, {state: "stopping"}, {err: errBusy}, {state: "stopping"}, {state: "stopped"}}}
		w := waitFor(s)
		var heard []string
		w.Progress = func(state string, since time.Duration) { heard = append(heard, state+" "+since.String()) }
		got, err := w.Do(t.Context())
		if err != nil || got != "thing stopped" || s.asked != 5 {
			t.Errorf("got %q after %d questions, %v", got, s.asked, err)
		}
		// Only changes are told; pauses of 0.5, 1, 2 and 4 s lie between.
		if want := []string{"running 0s", "stopping 500ms", "stopped 7.5s"}; !slices.Equal(heard, want) {
			t.Errorf("progress %q, want %q", heard, want)
		}
	})
}

func TestStateDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s := &script{answers: []answer{{state: "running"}, {state: "stopping"}, {err: errBusy}}}
		w := waitFor(s)
		w.Pace = wait.Pace{Interval: time.Minute}
		start := time.Now()
		_, err := w.Do(ctx)
		if over := time.Since(start) - time.Hour; over < 0 || over > time.Minute {
			t.Errorf("it ended %s after the deadline", over)
		}
		var timeout *wait.TimeoutError
		if !errors.As(err, &timeout) {
			t.Fatalf("got %v", err)
		}
		if timeout.LastState != "stopping" || !errors.Is(timeout.LastErr, errBusy) || timeout.Waited != time.Hour {
			t.Errorf("got %+v", timeout)
		}
		if fault.KindOf(err) != fault.Timeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("kind %q of %v", fault.KindOf(err), err)
		}
		want := `waiting for the thing to stop timed out after 1h0m0s; last state "stopping"; last error: busy`
		if err.Error() != want {
			t.Errorf("text %q, want %q", err, want)
		}
	})
}

// A question that does not come back ends with the context, too.
func TestStateDeadlineInFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		w := waitFor(&script{})
		w.Find = func(ctx context.Context) (string, string, error) {
			<-ctx.Done()
			return "", "", errors.New("some text of the transport")
		}
		start := time.Now()
		_, err := w.Do(ctx)
		if time.Since(start) != time.Hour || fault.KindOf(err) != fault.Timeout || strings.Contains(err.Error(), "transport") {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestStateCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute+time.Second, cancel)
		s := &script{answers: []answer{{state: "running"}}}
		start := time.Now()
		_, err := waitFor(s).Do(ctx)
		if time.Since(start) != time.Minute+time.Second {
			t.Errorf("it ended after %s", time.Since(start))
		}
		if fault.KindOf(err) != fault.Canceled || !strings.Contains(err.Error(), "was cancelled") {
			t.Errorf("kind %q of %v", fault.KindOf(err), err)
		}
	})
}

func TestStateContextOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &script{answers: []answer{{state: "stopped"}}}
	if _, err := waitFor(s).Do(ctx); fault.KindOf(err) != fault.Canceled || s.asked != 0 {
		t.Errorf("asked %d times, %v", s.asked, err)
	}
}

func TestStateFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		for _, tolerate := range []func(error) bool{nil, func(err error) bool { return errors.Is(err, errBusy) }} {
			s := &script{answers: []answer{{state: "running"}, {err: broken}}}
			w := waitFor(s)
			w.Tolerate = tolerate
			if _, err := w.Do(t.Context()); !errors.Is(err, broken) || s.asked != 2 {
				t.Errorf("asked %d times, %v", s.asked, err)
			}
		}
	})
}

func TestStateUnexpected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{state: "running"}, {state: "burning"}}}
		got, err := waitFor(s).Do(t.Context())
		var wrong *wait.StateError
		if !errors.As(err, &wrong) || wrong.State != "burning" || got != "thing burning" {
			t.Fatalf("got %q, %v", got, err)
		}
		if fault.KindOf(err) != fault.WrongState {
			t.Errorf("kind %q", fault.KindOf(err))
		}
		if want := `waiting for the thing to stop: unexpected state "burning", wanted stopped`; err.Error() != want {
			t.Errorf("text %q, want %q", err, want)
		}
	})
}

func TestStateHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{
			{state: "stopped"}, {state: "running"}, // an old answer came between
			{state: "stopped"}, {err: errBusy}, // nobody knows
			{state: "stopped"}, {state: "stopped"}, {state: "stopped"},
		}}
		w := waitFor(s)
		w.Hold = 3
		if _, err := w.Do(t.Context()); err != nil || s.asked != 7 {
			t.Errorf("asked %d times, %v", s.asked, err)
		}
	})
}

func TestPollError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, asked := errors.New("broken"), 0
		err := wait.Poll(t.Context(), wait.Pace{}, func(context.Context) (bool, error) {
			asked++
			if asked == 3 {
				return false, broken
			}
			return false, nil
		})
		if !errors.Is(err, broken) || asked != 3 {
			t.Errorf("asked %d times, %v", asked, err)
		}
	})
}
