package pricing

import (
	"context"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Price is an amount of money per hour, exact. A nil Amount is not known.
type Price struct {
	Amount   *big.Rat
	Currency string
	// Published is when the list, or the price on the spot market, was
	// published; zero when nobody tells.
	Published time.Time
}

// Known says that the amount is known.
func (p Price) Known() bool { return p.Amount != nil }

func hourly(r *rate) Price {
	return Price{Amount: r.first(), Currency: r.currency, Published: r.published}
}

// machineFilters find the price of Linux on shared hardware, without software
// and outside capacity reservations ("Finding services and products using the
// AWS Price List Query API", Billing User Guide).
func machineFilters(region, name string) map[string]string {
	filters := map[string]string{
		"regionCode": region, "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used",
	}
	if name != "" {
		filters["instanceType"] = name
	}
	return filters
}

// few is up to how many instance types are asked for one by one.
const few = 8

// Machines returns the on-demand prices of instance types in a region. A type
// that the list does not have there is left out.
func (c *Client) Machines(ctx context.Context, region string, names ...string) (map[string]Price, error) {
	if len(names) > few {
		return awsconf.Ask(ctx, &c.answers, "machines/"+region, listLimit, func(ctx context.Context) (map[string]Price, error) {
			return c.machines(ctx, region, "")
		})
	}
	out := map[string]Price{}
	var mu sync.Mutex
	var all sync.WaitGroup
	var failed error
	for _, name := range names {
		all.Go(func() {
			found, err := awsconf.Ask(ctx, &c.answers, "machine/"+region+"/"+name, answerLimit, func(ctx context.Context) (map[string]Price, error) {
				return c.machines(ctx, region, name)
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			} else if p, ok := found[name]; ok {
				out[name] = p
			}
		})
	}
	all.Wait()
	if failed != nil {
		return nil, failed
	}
	return out, nil
}

func (c *Client) machines(ctx context.Context, region, name string) (map[string]Price, error) {
	lines, err := c.products(ctx, "AmazonEC2", machineFilters(region, name))
	if err != nil {
		return nil, err
	}
	boxes, others := map[string][]*rate{}, map[string][]*rate{}
	for _, l := range lines {
		r := l.rate(c.currency, time.Now())
		kind := l.attribute("instanceType")
		// Nothing costs nothing: such lines are for what is paid elsewhere.
		if kind == "" || r == nil || !r.perHour() || r.first().Sign() == 0 {
			continue
		}
		rates := others
		if l.usage("BoxUsage:" + kind) {
			rates = boxes
		}
		rates[kind] = append(rates[kind], r)
	}
	out := map[string]Price{}
	for _, rates := range []map[string][]*rate{others, boxes} {
		for kind, all := range rates {
			out[kind] = hourly(dearest(all))
		}
	}
	return out, nil
}

// volumePrices are the prices of one kind of volume, per month. nil: the list
// does not have it.
type volumePrices struct {
	gib        *rate
	iops       [3]*rate // the steps of io2; others have the first only
	throughput *rate    // per MiB/s, or per GiB/s as its unit says
}

func (c *Client) volumes(ctx context.Context, region, kind string) (volumePrices, error) {
	return awsconf.Ask(ctx, &c.answers, "volume/"+region+"/"+kind, answerLimit, func(ctx context.Context) (volumePrices, error) {
		var out volumePrices
		lines, err := c.products(ctx, "AmazonEC2", map[string]string{"regionCode": region, "volumeApiName": kind})
		if err != nil {
			return out, err
		}
		for _, l := range lines {
			r := l.rate(c.currency, time.Now())
			if to := out.place(l); to != nil && r != nil {
				*to = dearest([]*rate{*to, r})
			}
		}
		return out, nil
	})
}

// place is where the price of a line belongs, by its usage type ("EBS pricing",
// usage types of the price list): VolumeUsage, VolumeP-IOPS with the steps of
// io2 as .tier2 and .tier3, VolumeP-Throughput. nil: nowhere, as for the
// requests that a magnetic volume is paid by.
func (v *volumePrices) place(l *line) **rate {
	usage, family := l.attribute("usagetype"), l.Product.Family
	is := func(text, otherwise string) bool {
		return strings.Contains(usage, text) || usage == "" && family == otherwise
	}
	switch {
	case is("VolumeP-Throughput", "Provisioned Throughput"):
		return &v.throughput
	case is("VolumeP-IOPS", "System Operation"):
		switch {
		case strings.HasSuffix(usage, ".tier2"):
			return &v.iops[1]
		case strings.HasSuffix(usage, ".tier3"):
			return &v.iops[2]
		}
		return &v.iops[0]
	case is("VolumeUsage", "Storage"):
		return &v.gib
	}
	return nil
}

// addressPrices are those of a public IPv4 address that a running machine has,
// and of one that is kept for a stopped one.
type addressPrices struct{ inUse, idle Price }

// publicIPv4 is the price of an address in every region of the partition "aws",
// in USD per hour, for lists that leave it out ("Amazon VPC pricing").
var publicIPv4 = big.NewRat(5, 1000)

func (c *Client) addresses(ctx context.Context, region string) (addressPrices, error) {
	return awsconf.Ask(ctx, &c.answers, "addresses/"+region, answerLimit, func(ctx context.Context) (addressPrices, error) {
		var out addressPrices
		lines, err := c.products(ctx, "AmazonVPC", map[string]string{"regionCode": region, "group": "VPCPublicIPv4Address"})
		if err != nil && !fault.Is(err, fault.NotFound, fault.BadReference, fault.Invalid, fault.Unknown) {
			return out, err
		}
		for _, l := range lines {
			r := l.rate(c.currency, time.Now())
			switch {
			case r == nil || !r.perHour():
			case l.usage("PublicIPv4:InUseAddress"):
				out.inUse = hourly(r)
			case l.usage("PublicIPv4:IdleAddress"):
				out.idle = hourly(r)
			}
		}
		if !out.inUse.Known() && c.currency == "USD" {
			out.inUse = Price{Amount: publicIPv4, Currency: "USD"}
		}
		if !out.idle.Known() {
			out.idle = out.inUse
		}
		return out, nil
	})
}
