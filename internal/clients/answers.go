package clients

import (
	"context"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/quotas"
)

// AnswerLimit is how long one question of a plan check may take: a plan does
// not hang because AWS does not answer.
const AnswerLimit = 20 * time.Second

// Ask returns the answer to a question that many workers of a run have in
// common. It is asked once, for at most AnswerLimit; what failed is not asked
// again either. key names the question, with all that it depends on.
func Ask[T any](ctx context.Context, s *Set, key string, question func(context.Context) (T, error)) (T, error) {
	return awsconf.Ask(ctx, &s.answers, key, AnswerLimit, question)
}

// Quotas returns the Service Quotas of a region. It is nil where EC2 has an
// endpoint of its own and Service Quotas has none: the quotas of AWS say
// nothing about another server.
func (s *Set) Quotas(ctx context.Context, region string) (*quotas.Client, error) {
	if s.elsewhere(awsconf.ServiceQuotas, "AWS_ENDPOINT_URL_SERVICE_QUOTAS") {
		return nil, nil
	}
	cfg, err := s.factory.Config(ctx, region)
	if err != nil {
		return nil, err
	}
	return quotas.NewFromConfig(cfg, s.factory.Endpoint(awsconf.ServiceQuotas)), nil
}
