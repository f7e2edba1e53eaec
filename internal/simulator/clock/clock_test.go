package clock_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

// diary notes what happened when.
type diary struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (d *diary) note(c *clock.Clock, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, what+" at "+c.Now().Sub(d.began).String())
}

func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, lines) {
		t.Errorf("happened: %q, want %q", d.lines, lines)
	}
}

func TestRealTimeRunsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(-time.Hour)
		if got := c.Now(); !got.Equal(time.Now().Add(-time.Hour)) {
			t.Errorf("the clock begins at %v", got)
		}
		d := &diary{began: c.Now()}
		c.After(2*time.Second, func() { d.note(c, "second") })
		c.After(time.Second, func() { d.note(c, "first") })
		late := c.After(3*time.Second, func() { d.note(c, "cancelled") })
		time.Sleep(2500 * time.Millisecond)
		if !late.Cancel() || late.Cancel() {
			t.Error("only the first Cancel is in time")
		}
		time.Sleep(time.Minute)
		d.want(t, "first at 1s", "second at 2s")
	})
}

func TestAdvanceRunsWhatIsDueInItsOrderAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(0)
		d := &diary{began: c.Now()}
		var tick func()
		tick = func() {
			d.note(c, "tick")
			c.After(time.Minute, tick)
		}
		c.After(time.Minute, tick)
		c.After(90*time.Second, func() { d.note(c, "once") })
		c.After(90*time.Second, func() { d.note(c, "twice") })
		c.After(time.Hour, func() { d.note(c, "too late") })
		if err := c.Advance(3*time.Minute + time.Second); err != nil {
			t.Fatal(err)
		}
		d.want(t, "tick at 1m0s", "once at 1m30s", "twice at 1m30s", "tick at 2m0s", "tick at 3m0s")
		if got := c.Since(d.began); got != 181*time.Second {
			t.Errorf("%v have passed", got)
		}
		time.Sleep(time.Minute) // the timer is wound anew
		d.want(t, "tick at 1m0s", "once at 1m30s", "twice at 1m30s", "tick at 2m0s", "tick at 3m0s", "tick at 4m0s")
		if err := c.Advance(-time.Second); err == nil {
			t.Error("the clock goes back")
		}
		if got := c.Offset(); got != 181*time.Second {
			t.Errorf("the offset is %v", got)
		}
	})
}

func TestAdvanceWaitsForWorkUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(0)
		d := &diary{began: c.Now()}
		c.After(time.Minute, func() {
			end := c.Begin()
			go func() {
				time.Sleep(10 * time.Second) // of real time
				d.note(c, "booted")
				c.After(time.Minute, func() { d.note(c, "ready") })
				end()
			}()
		})
		c.After(2*time.Minute, func() { d.note(c, "later") })
		if err := c.Advance(3 * time.Minute); err != nil {
			t.Fatal(err)
		}
		d.want(t, "booted at 1m10s", "later at 2m0s", "ready at 2m10s")
	})
}
