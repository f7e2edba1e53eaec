package controller

import (
	"context"
	"sync"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// labsAtOnce bounds the questions for single labs under way.
const labsAtOnce = 4

// labStarted is the state of a lab that runs (cml-api.md 6.2).
const labStarted = "STARTED"

// LabsStarted counts how many of the labs are started. CML has no call for it,
// so each is asked; a lab that somebody removes meanwhile is not started. The
// first error ends the count.
func (c *Client) LabsStarted(ctx context.Context, ids []string) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu      sync.Mutex
		started int
		failed  error
		all     sync.WaitGroup
	)
	todo := make(chan string)
	for range min(labsAtOnce, len(ids)) {
		all.Go(func() {
			for id := range todo {
				var state string
				err := c.Get(ctx, "/labs/"+id+"/state", nil, &state)
				mu.Lock()
				switch {
				case fault.Is(err, fault.NotFound):
				case err != nil && failed == nil:
					failed = err
					cancel(err)
				case err == nil && state == labStarted:
					started++
				}
				mu.Unlock()
			}
		})
	}
	for _, id := range ids {
		select {
		case todo <- id:
		case <-ctx.Done():
		}
	}
	close(todo)
	all.Wait()
	if failed == nil && ctx.Err() != nil {
		failed = context.Cause(ctx)
	}
	if failed != nil {
		return 0, failed
	}
	return started, nil
}
