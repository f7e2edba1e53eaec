package clients

import (
	"context"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// explainRegion says, once per run and region, whether the region is to blame
// for a call that failed there. nil: it is not, or nobody knows.
func (s *Set) explainRegion(ctx context.Context, region string) error {
	s.mu.Lock()
	lazy, ok := s.verdicts[region]
	if !ok {
		lazy = awsconf.NewLazy(func(ctx context.Context) (error, error) { return s.judgeRegion(ctx, region), nil })
		s.verdicts[region] = lazy
	}
	s.mu.Unlock()
	// Get itself fails only with its context, and then the call's own error
	// stands.
	verdict, _ := lazy.Get(ctx)
	return verdict
}

// judgeRegion looks a region up in the account's list, asked of another region.
func (s *Set) judgeRegion(ctx context.Context, region string) error {
	for _, other := range s.referenceRegions(ctx, region) {
		// Not by Instances: whose credentials these are may be the very
		// question that failed in this region.
		cfg, err := s.factory.Config(ctx, other)
		if err != nil {
			continue
		}
		client := instance.NewFromConfig(cfg, instance.Options{Region: other, Endpoint: s.factory.Endpoint(awsconf.EC2)})
		regions, err := client.Regions(ctx)
		if err != nil || len(regions) == 0 {
			continue
		}
		for _, r := range regions {
			if r.Name != region {
				continue
			}
			if !r.Usable() {
				return awsconf.NewError("region", fault.Account, "enable the region for the account (AWS console, Account, AWS Regions), or choose another one.",
					"The account has not opted in to the region %q", region)
			}
			return nil
		}
		return awsconf.NewError("region", fault.BadReference, "correct the region of the resource, of the provider or of AWS_REGION.",
			"There is no AWS region %q for this account", region)
	}
	return nil
}

// referenceRegions are regions to ask about another one: the provider's own,
// and the one that every account of the partition has.
func (s *Set) referenceRegions(ctx context.Context, region string) []string {
	var out []string
	if own, err := s.factory.Region(ctx); err == nil && own != region {
		out = append(out, own)
	}
	oldest := "us-east-1"
	switch {
	case strings.HasPrefix(region, "cn-"):
		oldest = "cn-north-1"
	case strings.HasPrefix(region, "us-gov-"):
		oldest = "us-gov-west-1"
	}
	if oldest != region && (len(out) == 0 || out[0] != oldest) {
		out = append(out, oldest)
	}
	return out
}
