package clients

import (
	"context"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
)

// Monitoring returns the CloudWatch of a region, "" being the provider's.
func (s *Set) Monitoring(ctx context.Context, region string) (*monitoring.Client, error) {
	cfg, err := s.factory.Config(ctx, region)
	if err != nil {
		return nil, err
	}
	if err := s.checkRegion(cfg.Region); err != nil {
		return nil, err
	}
	return monitoring.NewFromConfig(cfg, s.factory.Endpoint(awsconf.CloudWatch)), nil
}
