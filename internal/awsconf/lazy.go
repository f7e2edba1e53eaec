package awsconf

import (
	"context"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Lazy holds a value that is made when it is first asked for, once for all who
// ask. An error that asking again would not change is kept too; one of the
// network, or of a context that ended, is not. Whoever waits for another's
// attempt leaves with its own context.
type Lazy[T any] struct {
	turn  chan struct{}
	done  bool
	value T
	err   error
	load  func(context.Context) (T, error)
}

// NewLazy returns a value that load makes.
func NewLazy[T any](load func(context.Context) (T, error)) *Lazy[T] {
	return &Lazy[T]{turn: make(chan struct{}, 1), load: load}
}

// Get returns the value.
func (l *Lazy[T]) Get(ctx context.Context) (T, error) {
	var zero T
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return zero, context.Cause(ctx)
	}
	defer func() { <-l.turn }()
	if l.done {
		return l.value, l.err
	}
	value, err := l.load(ctx)
	if err != nil && (ctx.Err() != nil || fault.Is(err, fault.Unreachable, fault.Server, fault.Throttled, fault.Timeout, fault.Canceled)) {
		return zero, err
	}
	l.done, l.value, l.err = true, value, err
	return value, err
}
