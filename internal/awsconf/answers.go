package awsconf

import (
	"context"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Answers keeps what AWS said to questions that many parts of a run have in
// common. The zero value is ready; it is safe for concurrent use.
type Answers struct {
	mu   sync.Mutex
	kept map[string]any // *Lazy[answer[T]]
}

type answer[T any] struct {
	value T
	err   error
}

// Ask returns the answer to a question. It is asked once, for at most limit;
// what failed is not asked again either. key names the question, with all that
// it depends on. That the limit ended is an error of kind Timeout, which question
// finds as the cause of its context.
func Ask[T any](ctx context.Context, a *Answers, key string, limit time.Duration, question func(context.Context) (T, error)) (T, error) {
	a.mu.Lock()
	if a.kept == nil {
		a.kept = map[string]any{}
	}
	lazy, ok := a.kept[key].(*Lazy[answer[T]])
	if !ok {
		lazy = NewLazy(func(ctx context.Context) (answer[T], error) {
			limited, cancel := context.WithTimeoutCause(ctx, limit, fault.New(fault.Timeout, "no answer within %s", limit))
			defer cancel()
			value, err := question(limited)
			if err != nil && limited.Err() != nil && fault.As(err) == nil {
				err = context.Cause(limited)
			}
			// What this caller's own end cut short is no answer.
			return answer[T]{value, err}, context.Cause(ctx)
		})
		a.kept[key] = lazy
	}
	a.mu.Unlock()
	got, err := lazy.Get(ctx)
	if err != nil {
		return got.value, err
	}
	return got.value, got.err
}
