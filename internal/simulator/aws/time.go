package aws

import (
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

// now is the time of the simulated world. Only what a client checks against its own clock,
// such as the end of credentials, goes by real time.
func (s *Simulator) now() time.Time { return s.clock.Now() }

func (s *Simulator) since(t time.Time) time.Duration { return s.clock.Since(t) }

// Now is the time of the simulated world.
func (s *Simulator) Now() time.Time { return s.now() }

// Advance moves the world's clock forward; what is due in between happens, each at its time.
func (s *Simulator) Advance(d time.Duration) error { return s.clock.Advance(d) }

// at runs f, with the lock held, once the world's clock shows t, unless the simulator was
// closed by then. It must be called with the lock held. What it returns takes it back.
func (s *Simulator) at(t time.Time, f func()) (cancel func()) {
	var task *clock.Task
	task = s.clock.At(t, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, waiting := s.tasks[task]; waiting && !s.closed {
			delete(s.tasks, task)
			f()
		}
	})
	s.tasks[task] = struct{}{}
	return func() {
		task.Cancel()
		delete(s.tasks, task)
	}
}

// after is at, so long from now.
func (s *Simulator) after(d time.Duration, f func()) (cancel func()) { return s.at(s.now().Add(d), f) }

// background runs f, which takes the lock itself where it needs it; Close and Advance wait
// for it. It must be called with the lock held.
func (s *Simulator) background(f func()) {
	if s.closed {
		return
	}
	s.working.Add(1)
	end := s.clock.Begin()
	go func() {
		defer s.working.Done()
		defer end()
		f()
	}()
}
