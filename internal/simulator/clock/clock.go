// Package clock is the time of the simulated world. It runs as real time does, begins
// where the maker says, and can be advanced: what is due in the time that is skipped then
// happens one by one, in its order, each at its own moment.
//
// Whoever has something to do later registers it with At or After, and not with a timer of
// its own, so that it also happens in time that is skipped:
//
//	task := c.At(when, func() { lock(); defer unlock(); act(); next = c.At(when.Add(period), …) })
//
// What a task sets off and does not finish by itself (a machine that boots in a goroutine)
// is announced with Begin: Advance does not go on before it has ended, so that the next
// task finds a settled world. Advance also runs what tasks registered meanwhile, if it is
// due within the skipped time.
package clock

import (
	"container/heap"
	"errors"
	"sync"
	"time"
)

// Clock is a clock. It is safe for concurrent use.
type Clock struct {
	// turn is held by whoever runs tasks. It is taken before mu, and never with a lock of
	// the world held.
	turn sync.Mutex

	mu      sync.Mutex
	offset  time.Duration
	waiting tasks
	made    int // tasks so far; orders those of one moment
	timer   *time.Timer
	busy    int
	settled sync.Cond
}

// New returns a clock that is ahead of real time by the offset; a negative one is behind.
func New(offset time.Duration) *Clock {
	c := &Clock{offset: offset}
	c.settled.L = &c.mu
	return c
}

// Now is the time of the simulated world.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return time.Now().Add(c.offset) }

// Since is the simulated time that has passed since t.
func (c *Clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// Offset is how far the clock is ahead of real time.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Task is something that will happen.
type Task struct {
	clock *Clock
	due   time.Time
	serial,
	index int // index is the place among the waiting, -1 for none
	run func()
}

// At runs f once the clock shows t; at once, but not before At returns, if it does already.
// f is called without any lock of the clock's; it may register tasks, and must not Advance.
func (c *Clock) At(t time.Time, f func()) *Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	task := &Task{clock: c, due: t, serial: c.made, run: f}
	heap.Push(&c.waiting, task)
	c.wind()
	return task
}

// After runs f once d has passed.
func (c *Clock) After(d time.Duration, f func()) *Task { return c.At(c.Now().Add(d), f) }

// Cancel takes a task back and reports whether that came in time: after true it will not
// run, after false it has begun or was cancelled before.
func (t *Task) Cancel() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.waiting, t.index)
	t.clock.wind()
	return true
}

// Begin announces work that Advance must wait for; the function it returns ends it.
func (c *Clock) Begin() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy--
		if c.busy == 0 {
			c.settled.Broadcast()
		}
	})
}

// Advance moves the clock forward by d and returns when all that was due in between has
// happened. Real time that passes meanwhile comes on top.
func (c *Clock) Advance(d time.Duration) error {
	if d < 0 {
		return errors.New("the clock of the simulated world does not go back")
	}
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.offset + d
	for {
		for c.busy > 0 {
			c.settled.Wait()
		}
		if len(c.waiting) == 0 {
			break
		}
		next := c.waiting[0]
		offset := max(time.Until(next.due), c.offset)
		if offset > end {
			break
		}
		c.offset = offset
		heap.Pop(&c.waiting)
		c.mu.Unlock()
		next.run()
		c.mu.Lock()
	}
	c.offset = end
	c.wind()
	return nil
}

// ring runs what has come due by real time, at once and side by side, as timers do.
func (c *Clock) ring() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 && !c.waiting[0].due.After(c.now()) {
		task := heap.Pop(&c.waiting).(*Task)
		c.busy++
		go func() {
			task.run()
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.busy--; c.busy == 0 {
				c.settled.Broadcast()
			}
		}()
	}
	c.wind()
}

// wind sets the timer for the first task. It is called with mu held.
func (c *Clock) wind() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	if len(c.waiting) > 0 {
		c.timer = time.AfterFunc(c.waiting[0].due.Sub(c.now()), c.ring)
	}
}

// tasks is a heap, the next one first.
type tasks []*Task

func (t tasks) Len() int { return len(t) }

func (t tasks) Less(a, b int) bool {
	if !t[a].due.Equal(t[b].due) {
		return t[a].due.Before(t[b].due)
	}
	return t[a].serial < t[b].serial
}

func (t tasks) Swap(a, b int) {
	t[a], t[b] = t[b], t[a]
	t[a].index, t[b].index = a, b
}

func (t *tasks) Push(x any) {
	task := x.(*Task)
	task.index = len(*t)
	*t = append(*t, task)
}

func (t *tasks) Pop() any {
	last := len(*t) - 1
	task := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	task.index = -1
	return task
}
