package worker

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// listing is one list under way. Its regions are read side by side, each one
// page ahead of what is given at most: whoever has seen enough stops all of it.
type listing struct {
	req     list.ListRequest
	query   fleetQuery
	regions []*fleetRegion
	worker  *Resource

	// patience is how long may pass until a worker comes from a region.
	patience time.Duration
	// left is how many results may still be given.
	left int64
	// untold are warnings that go with the next result.
	untold diag.Diagnostics
}

// listPage is a page of a region, with the images that were known then.
type listPage struct {
	machines []*instance.Instance
	images   map[string]*instance.Image
}

// results gives the workers by region, in the order of the regions' names.
func (l *listing) results(ctx context.Context) iter.Seq[list.ListResult] {
	return func(push func(list.ListResult) bool) {
		var readers sync.WaitGroup
		defer readers.Wait()
		ctx, stop := context.WithCancel(ctx)
		defer stop()

		pages := make([]chan listPage, len(l.regions))
		for n, r := range l.regions {
			pages[n] = make(chan listPage)
			readers.Go(func() {
				defer close(pages[n])
				r.err = l.read(ctx, r, pages[n])
			})
		}
		failed := 0
		for n, r := range l.regions {
			for page := range pages[n] {
				if !l.give(ctx, r, page, push) {
					return
				}
			}
			if r.err != nil {
				failed++
				r.warn(l.worker.set, &l.untold)
			}
		}
		switch {
		case ctx.Err() != nil:
			l.untold = diag.Diagnostics{lookUpFailed("", context.Cause(ctx))}
		case failed == len(l.regions):
			l.untold = diag.Diagnostics{lookUpFailed(l.regions[0].name, l.regions[0].err)}
		}
		if len(l.untold) > 0 {
			push(list.ListResult{Diagnostics: l.untold})
		}
	}
}

// read sends the pages of a region. A region from which no worker comes for too
// long fails; how long somebody takes to look at a page does not count.
func (l *listing) read(ctx context.Context, r *fleetRegion, to chan<- listPage) error {
	limited, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silent := fault.New(fault.Timeout, "EC2 in %s did not answer within %s", r.name, l.patience)
	clock := time.AfterFunc(l.patience, func() { stop(silent) })
	defer clock.Stop()
	whole := true
	err := r.pages(limited, l.worker.set, l.query, func(page []*instance.Instance) bool {
		clock.Stop()
		defer clock.Reset(l.patience)
		select {
		case to <- listPage{machines: page, images: r.images}:
			return true
		case <-limited.Done():
			whole = false
			return false
		}
	})
	if (err != nil || !whole) && errors.Is(context.Cause(limited), silent) {
		return silent
	}
	return err
}

// give pushes the workers of a page, and reads a few of them at a time where
// the whole resource is wanted. It reports whether more may follow.
func (l *listing) give(ctx context.Context, r *fleetRegion, page listPage, push func(list.ListResult) bool) bool {
	for part := range slices.Chunk(page.machines, lookAtOnce) {
		part = part[:min(int64(len(part)), l.left)]
		out := make([]list.ListResult, len(part))
		var reads sync.WaitGroup
		for n, machine := range part {
			reads.Go(func() { out[n] = l.result(ctx, r, machine, page.images[machine.ImageID]) })
		}
		reads.Wait()
		if ctx.Err() != nil {
			return true // whose end is told where the stream ends
		}
		for _, result := range out {
			l.left--
			result.Diagnostics = append(l.untold, result.Diagnostics...)
			l.untold = nil
			if !push(result) || l.left == 0 {
				return false
			}
		}
	}
	return true
}

// result is one worker: what an import and its Read give, where the whole
// resource is wanted.
func (l *listing) result(ctx context.Context, r *fleetRegion, machine *instance.Instance, image *instance.Image) list.ListResult {
	out := l.req.NewListResult(ctx)
	if out.DisplayName = machine.Name(); out.DisplayName == "" {
		out.DisplayName = machine.ID
	}
	id := identity{ID: types.StringValue(machine.ID), Region: types.StringValue(machine.Region), AccountID: attribute.String(machine.AccountID)}
	out.Diagnostics.Append(out.Identity.Set(ctx, id)...)
	if !l.req.IncludeResource {
		return out
	}
	var imported model
	out.Diagnostics.Append(out.Resource.SetAttribute(ctx, path.Root("id"), id.ID)...)
	out.Diagnostics.Append(out.Resource.Get(ctx, &imported)...)
	if out.Diagnostics.HasError() {
		return out
	}
	var facts *imageFacts
	if image != nil {
		facts = factsOf(image, machine.AccountID)
	}
	m := l.worker.refresh(ctx, r.ec2, machine, facts, &imported, privateState{forgotten{}, forgotten{}}, &out.Diagnostics)
	out.Diagnostics.Append(out.Resource.Set(ctx, m)...)
	return out
}

// forgotten is the private state of a resource that nobody keeps.
type forgotten struct{}

// GetKey implements attribute.PrivateReader.
func (forgotten) GetKey(context.Context, string) ([]byte, diag.Diagnostics) { return nil, nil }

// SetKey implements attribute.PrivateWriter.
func (forgotten) SetKey(context.Context, string, []byte) diag.Diagnostics { return nil }
