package clients

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
)

// elsewhere reports whether EC2 has an endpoint of its own and another service
// has none: what AWS says there means nothing for another server. variable is
// the service's in the environment.
func (s *Set) elsewhere(service awsconf.Service, variable string) bool {
	ec2 := s.factory.Endpoint(awsconf.EC2) != "" || os.Getenv("AWS_ENDPOINT_URL_EC2") != ""
	return ec2 && s.factory.Endpoint(service) == "" && os.Getenv(variable) == "" && os.Getenv("AWS_ENDPOINT_URL") == ""
}

// ReadsPrices reports whether prices are read that nothing needs: those that a
// refresh shows.
func (s *Set) ReadsPrices() bool {
	return s.opts.RefreshPrices && !s.elsewhere(awsconf.Pricing, "AWS_ENDPOINT_URL_PRICING")
}

// Prices returns the price list for a region. Where there is none the error is
// of kind Unimplemented and says why.
func (s *Set) Prices(ctx context.Context, region string) (*pricing.Client, error) {
	if s.elsewhere(awsconf.Pricing, "AWS_ENDPOINT_URL_PRICING") {
		return nil, fault.New(fault.Unimplemented, "`endpoints` replaces EC2 and leaves `pricing` as it is, and AWS's price list says nothing about another server")
	}
	endpoint := s.factory.Endpoint(awsconf.Pricing)
	list := pricing.ListRegion(region)
	if list == "" {
		if endpoint == "" {
			return nil, fault.New(fault.Unimplemented, "AWS serves no price list in the partition of %s", region)
		}
		list = region
	}
	s.mu.Lock()
	lazy, ok := s.prices[list]
	if !ok {
		lazy = awsconf.NewLazy(func(ctx context.Context) (*pricing.Client, error) {
			cfg, err := s.factory.Config(ctx, list)
			if err != nil {
				return nil, err
			}
			return pricing.NewFromConfig(cfg, endpoint), nil
		})
		s.prices[list] = lazy
	}
	s.mu.Unlock()
	return lazy.Get(ctx)
}

// Bill adds up what a machine costs, from answers that a run shares. What is
// not known is told by its Problems.
func (s *Set) Bill(ctx context.Context, m pricing.Machine, parts pricing.Parts) pricing.Bill {
	list, err := s.Prices(ctx, m.Region)
	if err != nil {
		return pricing.Bill{Problems: []error{err}}
	}
	return list.Bill(ctx, m, parts)
}

// Cost adds up what an instance costs with these of its volumes.
func (s *Set) Cost(ctx context.Context, ec2 *instance.Client, i *instance.Instance, volumes []*instance.Volume, parts pricing.Parts) pricing.Bill {
	m := pricing.Machine{Region: ec2.Region(), Type: i.Type}
	for _, v := range volumes {
		m.Volumes = append(m.Volumes, pricing.Volume{Type: v.Type, SizeGiB: int64(v.SizeGiB), IOPS: int64(v.IOPS), Throughput: int64(v.Throughput)})
	}
	if i.PublicIP != "" {
		m.Addresses = 1
	}
	if i.PublicIPIsEIP {
		m.Kept = 1
	}
	if i.Lifecycle != "spot" || !parts.Compute {
		return s.Bill(ctx, m, parts)
	}
	var zones []string
	if i.AvailabilityZone != "" {
		zones = []string{i.AvailabilityZone}
	}
	spot, err := s.SpotPrice(ctx, ec2, i.Type, zones...)
	m.Spot = &spot
	bill := s.Bill(ctx, m, parts)
	if err != nil {
		bill.Problems = append([]error{err}, bill.Problems...)
	}
	return bill
}

// SpotPrice returns the present price of a type on the spot market: the highest
// of these zones, of all that have one where none is named.
func (s *Set) SpotPrice(ctx context.Context, ec2 *instance.Client, name string, zones ...string) (pricing.Price, error) {
	found, err := Ask(ctx, s, "spot/"+ec2.Region()+"/"+name, func(ctx context.Context) ([]instance.SpotPrice, error) {
		return ec2.SpotPrices(ctx, name)
	})
	if err != nil {
		return pricing.Price{}, err
	}
	var out pricing.Price
	for _, p := range found {
		amount := pricing.Amount(p.Price)
		if amount == nil || len(zones) > 0 && !slices.Contains(zones, p.Zone) || out.Known() && amount.Cmp(out.Amount) <= 0 {
			continue
		}
		out = pricing.Price{Amount: amount, Currency: pricing.Currency(ec2.Region()), Published: p.Since.UTC()}
	}
	if !out.Known() {
		where := ec2.Region()
		if len(zones) > 0 {
			where = strings.Join(zones, ", ")
		}
		return out, fault.New(fault.BadReference, "there is no spot price of %s in %s", name, where)
	}
	return out, nil
}

// Once reports true the first time that it is asked about a key in this run.
func (s *Set) Once(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[key] {
		return false
	}
	s.told[key] = true
	return true
}
