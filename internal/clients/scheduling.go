package clients

import (
	"context"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
)

// Scheduling returns the EventBridge Scheduler of a region, "" being the
// provider's.
func (s *Set) Scheduling(ctx context.Context, region string) (*scheduling.Client, error) {
	cfg, err := s.factory.Config(ctx, region)
	if err != nil {
		return nil, err
	}
	if err := s.checkRegion(cfg.Region); err != nil {
		return nil, err
	}
	return scheduling.NewFromConfig(cfg, s.factory.Endpoint(awsconf.Scheduler), s.opts.Interval), nil
}
