package pricing

import (
	"context"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// HoursPerMonth is what AWS counts a month as where it sells by the month and
// bills by the hour.
const HoursPerMonth = 730

// Parts says what a bill is to hold.
type Parts struct{ Compute, Storage, Address bool }

// Everything is all parts.
var Everything = Parts{true, true, true}

// Machine is what is priced.
type Machine struct {
	Region, Type string
	// Spot is the price on the spot market; nil buys on demand.
	Spot    *Price
	Volumes []Volume
	// Addresses are the public IPv4 addresses while it runs, Kept those of them
	// that it has while stopped: Elastic IPs.
	Addresses, Kept int
}

// Volume is one EBS volume: its type, GiB, IOPS and MiB/s. IOPS and Throughput
// may be 0 where its type includes all that it has.
type Volume struct {
	Type                      string
	SizeGiB, IOPS, Throughput int64
}

// Bill is what a machine costs per hour, by parts. A part that was not asked
// for is zero, one that could not be read is not known.
type Bill struct {
	Compute, Storage, Address, Kept Price
	// Problems say why parts are not known.
	Problems []error
}

// Running is the sum while the machine runs.
func (b Bill) Running() Price { return sum(b.Compute, b.Storage, b.Address) }

// Stopped is the sum while it is stopped.
func (b Bill) Stopped() Price { return sum(b.Storage, b.Kept) }

// AtLeast is the sum of what is known while the machine runs. It is not known
// only where that is in two currencies.
func (b Bill) AtLeast() Price {
	known := slices.DeleteFunc([]Price{b.Compute, b.Storage, b.Address}, func(p Price) bool { return !p.Known() })
	return sum(known...)
}

// nothing is a price of zero, which has no currency.
func nothing() Price { return Price{Amount: new(big.Rat)} }

// sum adds prices. It is not known when one of them is not, or when they are in
// two currencies.
func sum(all ...Price) Price {
	out := nothing()
	for _, p := range all {
		if !p.Known() || p.Currency != "" && out.Currency != "" && p.Currency != out.Currency {
			return Price{}
		}
		out.Amount.Add(out.Amount, p.Amount)
		if p.Currency != "" {
			out.Currency = p.Currency
		}
		if p.Published.After(out.Published) {
			out.Published = p.Published
		}
	}
	return out
}

// Bill adds up what a machine costs. What cannot be read is in its Problems.
func (c *Client) Bill(ctx context.Context, m Machine, parts Parts) Bill {
	b := Bill{Compute: nothing(), Storage: nothing(), Address: nothing(), Kept: nothing()}
	problem := func(err error) {
		if err != nil {
			b.Problems = append(b.Problems, err)
		}
	}
	var err error
	if parts.Compute {
		b.Compute, err = c.machine(ctx, m)
		problem(err)
	}
	if parts.Storage {
		b.Storage, err = c.storage(ctx, m)
		problem(err)
	}
	if parts.Address && m.Addresses+m.Kept > 0 {
		b.Address, b.Kept, err = c.publicAddresses(ctx, m)
		problem(err)
	}
	if !b.AtLeast().Known() {
		problem(c.errorf(fault.Server, "the price list names prices in several currencies"))
	}
	return b
}

func (c *Client) machine(ctx context.Context, m Machine) (Price, error) {
	if m.Spot != nil {
		return *m.Spot, nil
	}
	found, err := c.Machines(ctx, m.Region, m.Type)
	if err != nil {
		return Price{}, err
	}
	p, ok := found[m.Type]
	if !ok {
		return Price{}, c.errorf(fault.BadReference, "the price list has no on-demand price of %s for Linux in %s", m.Type, m.Region)
	}
	return p, nil
}

// What the price of a gp3 volume includes (EBS User Guide, "General Purpose SSD
// volumes"), and where the steps of io2's IOPS end ("Amazon EBS pricing").
const (
	gp3IOPS       = 3000
	gp3Throughput = 125
	io2FirstStep  = 32000
	io2SecondStep = 64000
)

func (c *Client) storage(ctx context.Context, m Machine) (Price, error) {
	total := nothing()
	for _, v := range m.Volumes {
		prices, err := c.volumes(ctx, m.Region, v.Type)
		if err != nil {
			return Price{}, err
		}
		monthly := sum(v.charges(prices)...)
		if !monthly.Known() {
			return Price{}, c.errorf(fault.BadReference, "the price list has no complete price of a %s volume in %s", v.Type, m.Region)
		}
		monthly.Amount.Quo(monthly.Amount, big.NewRat(HoursPerMonth, 1))
		if total = sum(total, monthly); !total.Known() {
			return Price{}, c.errorf(fault.Server, "the price list names prices of volumes in several currencies")
		}
	}
	return total, nil
}

// charges are the parts of a volume's price, per month.
func (v Volume) charges(p volumePrices) []Price {
	charge := func(r *rate, quantity, included int64) Price {
		switch {
		case quantity <= included:
			return nothing()
		case r == nil:
			return Price{}
		}
		return Price{Amount: r.of(quantity, included), Currency: r.currency, Published: r.published}
	}
	out := []Price{charge(p.gib, v.SizeGiB, 0)}
	switch v.Type {
	case "gp3":
		throughput := charge(p.throughput, v.Throughput, gp3Throughput)
		if p.throughput != nil && throughput.Known() && strings.HasPrefix(strings.ToLower(p.throughput.unit), "gi") {
			throughput.Amount.Quo(throughput.Amount, big.NewRat(1024, 1)) // sold by the GiB/s
		}
		out = append(out, charge(p.iops[0], v.IOPS, gp3IOPS), throughput)
	case "io1":
		out = append(out, charge(p.iops[0], v.IOPS, 0))
	case "io2":
		out = append(out, charge(p.iops[0], min(v.IOPS, io2FirstStep), 0),
			charge(p.iops[1], min(v.IOPS, io2SecondStep)-io2FirstStep, 0), charge(p.iops[2], v.IOPS-io2SecondStep, 0))
	}
	return out
}

func (c *Client) publicAddresses(ctx context.Context, m Machine) (inUse, kept Price, err error) {
	prices, err := c.addresses(ctx, m.Region)
	if err != nil {
		return Price{}, Price{}, err
	}
	if !prices.inUse.Known() {
		return Price{}, Price{}, c.errorf(fault.BadReference, "the price list has no price of a public IPv4 address in %s", m.Region)
	}
	return prices.inUse.times(m.Addresses), prices.idle.times(m.Kept), nil
}

// times is the price of n of it.
func (p Price) times(n int) Price {
	if n == 0 {
		return nothing()
	}
	p.Amount = new(big.Rat).Mul(p.Amount, big.NewRat(int64(n), 1))
	return p
}

// Times is the price of so many hours.
func (p Price) Times(hours int) Price {
	if !p.Known() {
		return p
	}
	p.Amount = new(big.Rat).Mul(p.Amount, big.NewRat(int64(hours), 1))
	return p
}

// Round is the amount with so many digits after the point, halves away from
// zero: a number that prints as it is meant. ok is false when it is not known.
func (p Price) Round(digits int) (amount float64, ok bool) {
	if !p.Known() {
		return 0, false
	}
	amount, err := strconv.ParseFloat(p.Amount.FloatString(digits), 64)
	return amount, err == nil
}

// String is the price as a text: "0.42336 USD".
func (p Price) String() string {
	amount, ok := p.Round(Digits)
	if !ok {
		return "unknown"
	}
	text := strconv.FormatFloat(amount, 'f', -1, 64)
	if p.Currency != "" {
		text += " " + p.Currency
	}
	return text
}

// Digits are those after the point of an hourly price: a millionth.
const Digits = 6
