package pricing

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

// line is one product of the price list in the format aws_v1: JSON in a string
// ("Reading the price list files for an AWS service", Billing User Guide).
type line struct {
	Product struct {
		Family     string            `json:"productFamily"`
		Attributes map[string]string `json:"attributes"`
	} `json:"product"`
	Terms struct {
		OnDemand map[string]offer `json:"OnDemand"`
	} `json:"terms"`
	Published string `json:"publicationDate"`
}

// offer is what a product is sold at from a day on.
type offer struct {
	Effective  string               `json:"effectiveDate"`
	Dimensions map[string]dimension `json:"priceDimensions"`
}

// dimension is the price of a range of quantities.
type dimension struct {
	Unit  string            `json:"unit"`
	Begin string            `json:"beginRange"`
	End   string            `json:"endRange"`
	Price map[string]string `json:"pricePerUnit"`
}

// read returns a line, nil when it is not one.
func read(text string) *line {
	out := new(line)
	if json.Unmarshal([]byte(text), out) != nil {
		return nil
	}
	return out
}

func (l *line) attribute(name string) string { return l.Product.Attributes[name] }

// fits says that the line does not contradict the filters, and is sold in the
// region itself: local zones and outposts have prices of their own.
func (l *line) fits(filters map[string]string) bool {
	for field, want := range filters {
		if has := l.attribute(field); has != "" && !strings.EqualFold(has, want) {
			return false
		}
	}
	kind, market := l.attribute("locationType"), l.attribute("marketoption")
	return (kind == "" || kind == "AWS Region") && (market == "" || market == "OnDemand")
}

// usage reports whether the line's usage type is this one, which most regions
// begin with a prefix: "EUC1-EBS:VolumeUsage.gp3".
func (l *line) usage(want string) bool {
	has := l.attribute("usagetype")
	return has == want || strings.HasSuffix(has, "-"+want)
}

// rate is the price of a product, in steps of the quantity.
type rate struct {
	steps     []step
	unit      string
	currency  string
	published time.Time
}

// step is the price of a unit between two quantities; end nil has no end.
type step struct{ begin, end, price *big.Rat }

// rate returns what the product costs on demand, nil when the line does not say
// it. Of several offers the newest that has begun counts, and the dearest of
// those of one day; of several currencies the preferred one, else the first by
// its name.
func (l *line) rate(preferred string, now time.Time) *rate {
	var current []*rate
	var since time.Time
	for _, o := range l.Terms.OnDemand {
		from := timeOf(o.Effective)
		if from.After(now) || from.Before(since) {
			continue
		}
		r := o.rate(preferred)
		if r == nil {
			continue
		}
		if from.After(since) {
			current, since = nil, from
		}
		current = append(current, r)
	}
	out := dearest(current)
	if out == nil {
		return nil
	}
	if out.published = timeOf(l.Published); out.published.IsZero() {
		out.published = since
	}
	return out
}

// rate is what the offer asks for, nil when it does not say it.
func (o offer) rate(preferred string) *rate {
	if len(o.Dimensions) == 0 {
		return nil
	}
	out := new(rate)
	for _, d := range o.Dimensions {
		currency := d.currency(preferred)
		s := step{begin: number(d.Begin), end: number(d.End), price: number(d.Price[currency])}
		if s.begin == nil {
			s.begin = new(big.Rat)
		}
		if s.price == nil || s.price.Sign() < 0 || out.currency != "" && out.currency != currency {
			return nil
		}
		out.steps, out.unit, out.currency = append(out.steps, s), d.Unit, currency
	}
	slices.SortFunc(out.steps, func(a, b step) int { return a.begin.Cmp(b.begin) })
	return out
}

func (d dimension) currency(preferred string) string {
	if _, ok := d.Price[preferred]; ok {
		return preferred
	}
	first := ""
	for currency := range d.Price {
		if first == "" || currency < first {
			first = currency
		}
	}
	return first
}

// number reads a decimal, nil for "Inf" and for what is none.
func number(s string) *big.Rat {
	if strings.ContainsAny(s, "/_xXpP") {
		return nil
	}
	out, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return out
}

func timeOf(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// first is the price of the first unit.
func (r *rate) first() *big.Rat { return r.steps[0].price }

// of is the price of a quantity. Some quantity may be included in the price of
// something else; a list whose step begins with it counts it itself.
func (r *rate) of(quantity, included int64) *big.Rat {
	q := new(big.Rat).SetInt64(quantity)
	free := new(big.Rat).SetInt64(included)
	if !slices.ContainsFunc(r.steps, func(s step) bool { return s.begin.Cmp(free) == 0 }) {
		q.Sub(q, free)
	}
	sum := new(big.Rat)
	for _, s := range r.steps {
		top := q
		if s.end != nil && s.end.Cmp(q) < 0 {
			top = s.end
		}
		if top.Cmp(s.begin) > 0 {
			n := new(big.Rat).Sub(top, s.begin)
			sum.Add(sum, n.Mul(n, s.price))
		}
	}
	return sum
}

// perHour says that the unit is an hour.
func (r *rate) perHour() bool {
	unit := strings.ToLower(r.unit)
	return unit == "" || strings.HasPrefix(unit, "hr") || strings.HasPrefix(unit, "hour")
}

// dearest is the highest of several prices of one thing, so that a limit is
// not passed under by mistake; nil for none.
func dearest(all []*rate) *rate {
	var out *rate
	for _, r := range all {
		if r != nil && (out == nil || r.first().Cmp(out.first()) > 0) {
			out = r
		}
	}
	return out
}

// Amount reads a decimal amount of money, nil for what is none.
func Amount(s string) *big.Rat { return number(s) }
