package instance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server answers batches after a delay and remembers what it was asked.
type server struct {
	delay time.Duration
	err   error

	mu     sync.Mutex
	asked  [][]string
	active int
	most   int
	ended  int // requests whose context ended before the answer
}

func (s *server) fetch(ctx context.Context, ids []string) (map[string]string, error) {
	s.mu.Lock()
	s.asked = append(s.asked, slices.Clone(ids))
	s.active++
	s.most = max(s.most, s.active)
	serial, delay, err := len(s.asked), s.delay, s.err
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		s.mu.Lock()
		s.ended++
		s.mu.Unlock()
		return nil, ctx.Err()
	}
	out := map[string]string{}
	for _, id := range ids {
		if id != "absent" {
			out[id] = fmt.Sprintf("%s by %d", id, serial)
		}
	}
	return out, err
}

func (s *server) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func TestCoalescerShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: 100 * time.Millisecond}
		c := newCoalescer(0, s.fetch)
		var wg sync.WaitGroup
		for n := range 60 {
			wg.Go(func() {
				id := fmt.Sprintf("i-%d", n%50) // ten ask for the same as others
				if v, ok, err := c.get(t.Context(), id); v != id+" by 1" || !ok || err != nil {
					t.Errorf("%s: %q, %v, %v", id, v, ok, err)
				}
			})
		}
		wg.Go(func() {
			if v, ok, err := c.get(t.Context(), "absent"); v != "" || ok || err != nil {
				t.Errorf("absent: %q, %v, %v", v, ok, err)
			}
		})
		wg.Wait()
		if s.calls() != 1 || len(s.asked[0]) != 51 {
			t.Errorf("asked %v", s.asked)
		}
	})
}

func TestCoalescerLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Second}
		c := newCoalescer(0, s.fetch)
		var wg sync.WaitGroup
		for n := range 650 {
			wg.Go(func() {
				if _, ok, err := c.get(t.Context(), fmt.Sprint(n)); !ok || err != nil {
					t.Errorf("%d: %v, %v", n, ok, err)
				}
			})
		}
		wg.Wait()
		total := 0
		for _, ids := range s.asked {
			if len(ids) > batchLimit {
				t.Errorf("%d values in one request", len(ids))
			}
			total += len(ids)
		}
		if s.calls() != 7 || total != 650 || s.most != maxFlights {
			t.Errorf("%d requests for %d ids, up to %d at a time", s.calls(), total, s.most)
		}
	})
}

// While a request is under way the next readers gather into one; and none of
// them gets an answer whose question was put before its own.
func TestCoalescerGathersDuringFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: 700 * time.Millisecond}
		c := newCoalescer(0, s.fetch)
		var wg sync.WaitGroup
		read := func(id, want string) {
			wg.Go(func() {
				if v, _, err := c.get(t.Context(), id); v != want || err != nil {
					t.Errorf("%s: %q, %v, want %q", id, v, err, want)
				}
			})
		}
		read("a", "a by 1")
		for n := range 5 {
			time.Sleep(100 * time.Millisecond)
			read("a", "a by 2")
			read(fmt.Sprint(n), fmt.Sprintf("%d by 2", n))
		}
		wg.Wait()
		if s.calls() != 2 || s.most != 1 {
			t.Errorf("%d requests, up to %d at a time", s.calls(), s.most)
		}
	})
}

// A trickle does not put the request off for ever.
func TestCoalescerTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		c := newCoalescer(0, s.fetch)
		start := time.Now()
		var wg sync.WaitGroup
		for n := range 90 {
			wg.Go(func() {
				if n == 0 {
					defer func() {
						if waited := time.Since(start); waited > crowdMost*crowdFactor*DefaultGather {
							t.Errorf("the first reader waited %s", waited)
						}
					}()
				}
				if _, ok, err := c.get(t.Context(), fmt.Sprint(n)); !ok || err != nil {
					t.Error(ok, err)
				}
			})
			time.Sleep(10 * time.Millisecond)
		}
		wg.Wait()
		if s.calls() > 6 {
			t.Errorf("%d requests", s.calls())
		}
	})
}

// A refresh as Terraform does it: 50 at a time, the next begins where one ends.
func TestCoalescerRefresh(t *testing.T) {
	for _, latency := range []time.Duration{0, 5 * time.Millisecond, 300 * time.Millisecond} {
		for _, spread := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				s := &server{delay: latency}
				c := newCoalescer(0, s.fetch)
				work := make(chan int)
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						for n := range work {
							if _, ok, err := c.get(t.Context(), fmt.Sprint(n)); !ok || err != nil {
								t.Error(ok, err)
							}
						}
					})
				}
				for n := range 200 {
					work <- n
					time.Sleep(spread)
				}
				close(work)
				wg.Wait()
				if s.calls() > 10 {
					t.Errorf("latency %s, spread %s: %d requests", latency, spread, s.calls())
				}
			})
		}
	}
}

// The same on a machine that has other things to do: Terraform hands reads out
// in fits and starts, and each reader is busy for a while after its answer.
func TestCoalescerRefreshUnderLoad(t *testing.T) {
	const refreshes = 20
	total := 0
	for seed := range uint64(refreshes) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			busy := make([]time.Duration, 200)
			for n := range busy {
				busy[n] = time.Duration(random.IntN(1000)) * time.Millisecond
			}
			s := &server{}
			c := newCoalescer(0, s.fetch)
			work := make(chan int)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					for n := range work {
						if _, ok, err := c.get(t.Context(), fmt.Sprint(n)); !ok || err != nil {
							t.Error(ok, err)
						}
						time.Sleep(busy[n])
					}
				})
			}
			for n := range 200 {
				work <- n
				pause := random.IntN(60)
				if random.IntN(8) == 0 {
					pause = 250 + random.IntN(450)
				}
				time.Sleep(time.Duration(pause) * time.Millisecond)
			}
			close(work)
			wg.Wait()
			total += s.calls()
		})
	}
	if total > 10*refreshes {
		t.Errorf("%d requests in %d refreshes", total, refreshes)
	}
}

func TestCoalescerError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		s := &server{err: broken}
		c := newCoalescer(0, s.fetch)
		var wg sync.WaitGroup
		for n := range 5 {
			wg.Go(func() {
				if _, _, err := c.get(t.Context(), fmt.Sprint(n)); !errors.Is(err, broken) {
					t.Errorf("%d: %v", n, err)
				}
			})
		}
		wg.Wait()
		s.err = nil
		if _, ok, err := c.get(t.Context(), "0"); !ok || err != nil || s.calls() != 2 {
			t.Errorf("the next batch: %v, %v after %d requests", ok, err, s.calls())
		}
	})
}

func TestCoalescerReaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Second}
		c := newCoalescer(0, s.fetch)
		why := errors.New("why")
		first, leave := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { // opened the batch, and leaves it under way
			start := time.Now()
			if _, _, err := c.get(first, "a"); !errors.Is(err, why) || time.Since(start) != 500*time.Millisecond {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
		})
		synctest.Wait() // it is the first
		early, leaveEarly := context.WithCancel(t.Context())
		wg.Go(func() { // leaves before the request is sent
			if _, _, err := c.get(early, "b"); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if v, ok, err := c.get(t.Context(), "c"); v != "c by 1" || !ok || err != nil {
				t.Errorf("%q, %v, %v", v, ok, err)
			}
		})
		synctest.Wait()
		leaveEarly()
		time.Sleep(500 * time.Millisecond)
		leave(why)
		wg.Wait()
		if len(s.asked) != 1 || slices.Contains(s.asked[0], "b") || s.ended != 0 {
			t.Errorf("asked %v, %d requests ended early", s.asked, s.ended)
		}
	})
}

func TestCoalescerAllReadersLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Hour}
		c := newCoalescer(0, s.fetch)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() {
				if _, _, err := c.get(ctx, fmt.Sprint(n)); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if s.ended != 1 {
			t.Errorf("%d requests ended with their readers", s.ended)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := c.get(gone, "x"); err == nil {
			t.Error("a reader without time got an answer")
		}
		quick, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := c.get(quick, "x"); err == nil {
			t.Error("a reader with too little time got an answer")
		}
		time.Sleep(time.Minute)
		if s.calls() != 1 {
			t.Errorf("a batch without readers was sent: %v", s.asked)
		}
	})
}

// A server that hangs holds up those who asked it, not everybody after them.
func TestCoalescerHangingFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{delay: time.Hour}
		c := newCoalescer(0, s.fetch)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = c.get(ctx, "a") })
		time.Sleep(time.Second)
		s.mu.Lock()
		s.delay = 0
		s.mu.Unlock()
		start := time.Now()
		if _, ok, err := c.get(t.Context(), "b"); !ok || err != nil || time.Since(start) > patience+DefaultGather {
			t.Errorf("after %s: %v, %v", time.Since(start), ok, err)
		}
		cancel()
		wg.Wait()
	})
}
