package instance

import (
	"context"
	"sync"
	"time"
)

const (
	// DefaultGather is how long a read waits for the next one to share its
	// request. Each newcomer prolongs the wait, up to gatherMost in all.
	DefaultGather = 40 * time.Millisecond
	// batchLimit is the most values of a filter that EC2 is asked for at once;
	// its own limit is 200 (EC2 API, FilterLimitExceeded).
	batchLimit = 100
	// gatherMost, in units of the gathering time, bounds what newcomers may add.
	gatherMost = 5
	// That many different things asked for within crowdSpan tell that a fleet is
	// being read: for crowdTime the batches gather crowdFactor times as long,
	// since Terraform hands out the next reads only as fast as it gets through
	// with the earlier ones.
	crowd       = 5
	crowdSpan   = 2 * time.Second
	crowdFactor = 6
	crowdMost   = 16
	crowdTime   = 30 * time.Second
	// While fewer readers than in an earlier batch of the crowd have come, the
	// others are only late: on a busy machine Terraform hands reads out in fits
	// and starts.
	lateFactor = 3 * crowdFactor
	// patience is how long a partial batch waits for the one under way, so that
	// a server that hangs does not hold up every later read.
	patience = 2 * time.Second
	// maxFlights bounds the requests under way at one time.
	maxFlights = 4
)

// coalescer turns many reads of single things into few requests for many.
// Partial batches go one at a time, so that while one is under way the next
// gathers; full ones go at once. A read joins a batch only while its request
// has not been sent, so no answer is older than its question. The context of
// one reader ends only that reader; a request ends when all of its readers
// have gone. An error reaches every reader of that batch and no other.
type coalescer[V any] struct {
	fetch   func(ctx context.Context, ids []string) (map[string]V, error)
	gather  time.Duration
	flights chan struct{}

	mu      sync.Mutex
	open    *batch[V] // gathers; nil when nobody waits
	flying  int
	crowded time.Time // until when a fleet is being read
	peak    int       // the most readers of one of its batches
	lately  map[string]bool
	spanned time.Time // since when lately counts
}

// batch is one request, before, during and after it.
type batch[V any] struct {
	ids     []string
	readers map[string]int // per id
	present int            // of all readers, those that still wait
	sent    bool

	born  time.Time // first reader
	since time.Time // what gatherMost counts from
	timer *time.Timer

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when found and err are set
	found  map[string]V
	err    error
}

func newCoalescer[V any](gather time.Duration, fetch func(context.Context, []string) (map[string]V, error)) *coalescer[V] {
	return &coalescer[V]{fetch: fetch, gather: orDefault(gather, DefaultGather), flights: make(chan struct{}, maxFlights)}
}

// get returns the thing of that id, and whether the answer held it.
func (c *coalescer[V]) get(ctx context.Context, id string) (V, bool, error) {
	var none V
	if ctx.Err() != nil {
		return none, false, context.Cause(ctx)
	}
	b := c.join(ctx, id)
	select {
	case <-b.done:
		if b.err != nil {
			return none, false, b.err
		}
		v, ok := b.found[id]
		return v, ok, nil
	case <-ctx.Done():
		c.leave(b, id)
		return none, false, context.Cause(ctx)
	}
}

func (c *coalescer[V]) join(ctx context.Context, id string) *batch[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.count(id, now)
	b := c.open
	if b == nil {
		b = &batch[V]{readers: map[string]int{}, born: now, since: now, done: make(chan struct{})}
		// The values of the first reader's context (its logger) serve the
		// request, its end does not.
		b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
		b.present = 1
		wait, _ := c.pause(b)
		b.timer = time.AfterFunc(wait, func() { c.due(b) })
		c.open = b
	} else {
		b.present++
		wait, most := c.pause(b)
		b.timer.Reset(max(0, min(wait, most-time.Since(b.since))))
	}
	b.readers[id]++
	if b.readers[id] == 1 {
		b.ids = append(b.ids, id)
	}
	if len(b.ids) == batchLimit {
		c.send(b)
	}
	return b
}

// count notices that a fleet is being read. c.mu is held.
func (c *coalescer[V]) count(id string, now time.Time) {
	if c.lately == nil || now.Sub(c.spanned) > crowdSpan {
		c.lately, c.spanned = map[string]bool{}, now
	}
	c.lately[id] = true
	if len(c.lately) >= crowd {
		if now.After(c.crowded) {
			c.peak = 0
		}
		c.crowded = now.Add(crowdTime)
	}
}

// pause returns how long a batch waits for the next newcomer, and for all of
// them. c.mu is held.
func (c *coalescer[V]) pause(b *batch[V]) (next, most time.Duration) {
	if !time.Now().Before(c.crowded) {
		return c.gather, gatherMost * c.gather
	}
	most = crowdMost * crowdFactor * c.gather
	if b.present < c.peak {
		return lateFactor * c.gather, most
	}
	return crowdFactor * c.gather, most
}

// due is called when a batch has gathered for long enough.
func (c *coalescer[V]) due(b *batch[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open != b {
		return
	}
	if left := patience - time.Since(b.born); c.flying > 0 && left > 0 {
		b.timer.Reset(left) // unless the one under way lands before
		return
	}
	c.send(b)
}

// send closes a batch to newcomers and starts its request. c.mu is held.
func (c *coalescer[V]) send(b *batch[V]) {
	b.timer.Stop()
	b.sent = true
	c.peak = max(c.peak, b.present)
	c.open = nil
	c.flying++
	ids := make([]string, 0, len(b.ids))
	for _, id := range b.ids {
		if b.readers[id] > 0 {
			ids = append(ids, id)
		}
	}
	go c.fly(b, ids)
}

func (c *coalescer[V]) fly(b *batch[V], ids []string) {
	c.flights <- struct{}{}
	b.found, b.err = c.fetch(b.ctx, ids)
	<-c.flights
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying--
	if c.open != nil {
		// Those who got this answer often have the next question at once.
		c.open.since = time.Now()
		wait, _ := c.pause(c.open)
		c.open.timer.Reset(wait)
	}
	b.cancel()
	close(b.done)
}

// leave takes a reader off that no longer waits.
func (c *coalescer[V]) leave(b *batch[V], id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.readers[id]--
	b.present--
	if b.present > 0 {
		return
	}
	b.cancel()
	if !b.sent {
		b.timer.Stop()
		if c.open == b {
			c.open = nil
		}
	}
}
