package cml

import (
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

// alarms are the things that will happen later. stop forgets them all.
type alarms struct {
	clock   *clock.Clock
	mu      sync.Mutex
	stopped bool
	pending map[*clock.Task]struct{}
	running sync.WaitGroup
}

func newAlarms(c *clock.Clock) *alarms {
	return &alarms{clock: c, pending: map[*clock.Task]struct{}{}}
}

// after calls ring once d has passed, unless stop comes first.
func (a *alarms) after(d time.Duration, ring func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	a.running.Add(1)
	var task *clock.Task
	task = a.clock.After(d, func() {
		defer a.running.Done()
		a.mu.Lock()
		delete(a.pending, task)
		stopped := a.stopped
		a.mu.Unlock()
		if !stopped {
			ring()
		}
	})
	a.pending[task] = struct{}{}
}

// stop lets nothing begin any more. What rings already goes on; wait waits for it.
func (a *alarms) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	for task := range a.pending {
		if task.Cancel() {
			a.running.Done()
		}
	}
	a.pending = nil
}

// wait returns when nothing rings any more. Call stop first.
func (a *alarms) wait() { a.running.Wait() }
