package cml

import (
	"sync"
	"time"
)

// alarms are the things that will happen later. stop forgets them all.
type alarms struct {
	mu      sync.Mutex
	stopped bool
	pending map[*time.Timer]struct{}
	running sync.WaitGroup
}

func newAlarms() *alarms { return &alarms{pending: map[*time.Timer]struct{}{}} }

// after calls ring once d has passed, unless stop comes first.
func (a *alarms) after(d time.Duration, ring func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	a.running.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		defer a.running.Done()
		a.mu.Lock()
		delete(a.pending, timer)
		stopped := a.stopped
		a.mu.Unlock()
		if !stopped {
			ring()
		}
	})
	a.pending[timer] = struct{}{}
}

// stop lets nothing begin any more. What rings already goes on; wait waits for it.
func (a *alarms) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
	for timer := range a.pending {
		if timer.Stop() {
			a.running.Done()
		}
	}
	a.pending = nil
}

// wait returns when nothing rings any more. Call stop first.
func (a *alarms) wait() { a.running.Wait() }
