package clients

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/quotas"
)

// AnswerLimit is how long one question of a plan check may take: a plan does
// not hang because AWS does not answer.
const AnswerLimit = 20 * time.Second

// answers are what AWS said to the questions of plan checks, for one run.
type answers struct {
	mu   sync.Mutex
	kept map[string]any // *awsconf.Lazy[answer[T]]
}

type answer[T any] struct {
	value T
	err   error
}

// Ask returns the answer to a question that many workers of a run have in
// common. It is asked once, for at most AnswerLimit; what failed is not asked
// again either. key names the question, with all that it depends on.
func Ask[T any](ctx context.Context, s *Set, key string, question func(context.Context) (T, error)) (T, error) {
	s.answers.mu.Lock()
	if s.answers.kept == nil {
		s.answers.kept = map[string]any{}
	}
	lazy, ok := s.answers.kept[key].(*awsconf.Lazy[answer[T]])
	if !ok {
		lazy = awsconf.NewLazy(func(ctx context.Context) (answer[T], error) {
			limited, cancel := context.WithTimeout(ctx, AnswerLimit)
			defer cancel()
			value, err := question(limited)
			// What this caller's own end cut short is no answer.
			return answer[T]{value, err}, context.Cause(ctx)
		})
		s.answers.kept[key] = lazy
	}
	s.answers.mu.Unlock()
	got, err := lazy.Get(ctx)
	if err != nil {
		return got.value, err
	}
	return got.value, got.err
}

// Quotas returns the Service Quotas of a region. It is nil where EC2 has an
// endpoint of its own and Service Quotas has none: the quotas of AWS say
// nothing about another server.
func (s *Set) Quotas(ctx context.Context, region string) (*quotas.Client, error) {
	endpoint := s.factory.Endpoint(awsconf.ServiceQuotas)
	elsewhere := s.factory.Endpoint(awsconf.EC2) != "" || os.Getenv("AWS_ENDPOINT_URL_EC2") != ""
	if elsewhere && endpoint == "" && os.Getenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS") == "" && os.Getenv("AWS_ENDPOINT_URL") == "" {
		return nil, nil
	}
	cfg, err := s.factory.Config(ctx, region)
	if err != nil {
		return nil, err
	}
	return quotas.NewFromConfig(cfg, endpoint), nil
}
