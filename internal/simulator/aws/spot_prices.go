package aws

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// spotPrice is one change of the price on the spot market.
type spotPrice struct {
	typeName, zone, product string
	price                   string
	since                   time.Time
}

// spotKey is a type in a zone.
type spotKey struct{ typeName, zone string }

// SetSpotPrice changes the price of a type for Linux in a zone, in USD per hour.
func (r *Region) SetSpotPrice(typeName, zone, price string) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	if r.spotPrices == nil {
		r.spotPrices = map[spotKey][]spotPrice{}
	}
	key := spotKey{typeName, zone}
	r.spotPrices[key] = append(r.spotPrices[key], spotPrice{typeName, zone, "Linux/UNIX", price, time.Now()})
}

// spotHistory has, for each type and zone that offers it, an older and a present price,
// and what a test has set. The prices are made up: 40 % of on-demand, and more by zone.
func (r *Region) spotHistory() []spotPrice {
	began := time.Now().Truncate(time.Hour)
	var out []spotPrice
	for _, t := range r.types.all() {
		for n, zone := range r.geo.zoneNames() {
			if !r.offers(t, zone) {
				continue
			}
			for _, p := range []struct {
				product string
				times   float64
				age     time.Duration
			}{{"Linux/UNIX", 0.4, 5 * time.Hour}, {"Linux/UNIX", 0.5, 90 * time.Hour}, {"Windows", 0.9, 4 * time.Hour}} {
				price := fmt.Sprintf("%.6f", t.HourlyPrice*p.times*(1+0.1*float64(n)))
				out = append(out, spotPrice{t.Name, zone, p.product, price, began.Add(-p.age)})
			}
			out = append(out, r.spotPrices[spotKey{t.Name, zone}]...)
		}
	}
	slices.SortStableFunc(out, func(a, b spotPrice) int {
		return cmp.Or(b.since.Compare(a.since), cmp.Compare(a.typeName, b.typeName), cmp.Compare(a.zone, b.zone))
	})
	return out
}

var spotPriceFilters = filterTable[spotPrice]{
	"availability-zone":   func(p spotPrice) []string { return []string{p.zone} },
	"instance-type":       func(p spotPrice) []string { return []string{p.typeName} },
	"product-description": func(p spotPrice) []string { return []string{p.product, p.product + " (Amazon VPC)"} },
	"spot-price":          func(p spotPrice) []string { return []string{p.price} },
}

// describeSpotPriceHistory returns the changes between two times, the newest first, and
// with a start time the price that was valid then (EC2 API reference,
// "DescribeSpotPriceHistory"). The token of the last page is empty, not absent.
func (c *call) describeSpotPriceHistory() ([]node, *APIError) {
	start, refused := c.spotTime("StartTime")
	if refused != nil {
		return nil, refused
	}
	end, refused := c.spotTime("EndTime")
	if refused != nil {
		return nil, refused
	}
	names, products := c.list("InstanceType"), c.list("ProductDescription")
	var found []spotPrice
	valid := map[spotPrice]bool{} // has the price that was valid at the start
	for _, p := range c.region.spotHistory() {
		if len(names) > 0 && !slices.Contains(names, p.typeName) || !end.IsZero() && p.since.After(end) {
			continue
		}
		if zone := c.get("AvailabilityZone"); zone != "" && zone != p.zone {
			continue
		}
		if len(products) > 0 && !slices.ContainsFunc(products, func(s string) bool { return strings.TrimSuffix(s, " (Amazon VPC)") == p.product }) {
			continue
		}
		key := spotPrice{typeName: p.typeName, zone: p.zone, product: p.product}
		if !start.IsZero() && !p.since.After(start) {
			if valid[key] {
				continue
			}
			valid[key] = true
		}
		found = append(found, p)
	}
	if found, refused = filter(c.params, spotPriceFilters, nil, found); refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(found), 1, 1000, "")
	if refused != nil {
		return nil, refused
	}
	if to == len(found) {
		next = node{name: "nextToken", keep: true}
	}
	return []node{list("spotPriceHistorySet", collect(found[from:to], func(p spotPrice) []node {
		return []node{
			text("instanceType", p.typeName), text("productDescription", p.product), text("spotPrice", p.price),
			moment("timestamp", p.since), text("availabilityZone", p.zone),
		}
	})), next}, nil
}

func (c *call) spotTime(name string) (time.Time, *APIError) {
	value := c.get(name)
	if value == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, invalidValue(name, value)
	}
	return t, nil
}
