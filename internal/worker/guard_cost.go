package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// plannedMachine is what a planned worker costs besides its type. A size that
// the plan leaves to the image is taken from it, where it is known. A worker
// that says nothing about a public address counts with one, since most subnets
// give it.
func plannedMachine(ctx context.Context, plan *model, image *instance.Image, diags *diag.Diagnostics) pricing.Machine {
	m := pricing.Machine{Region: plan.Region.ValueString(), Addresses: 1}
	v := object[rootVolume](ctx, plan.RootVolume, diags)
	size := v.SizeGiB.ValueInt64()
	if size == 0 && image != nil {
		size = int64(image.RootSizeGiB)
	}
	if kind := v.Type.ValueString(); size > 0 && kind != "" {
		m.Volumes = []pricing.Volume{{Type: kind, SizeGiB: size, IOPS: v.IOPS.ValueInt64(), Throughput: v.Throughput.ValueInt64()}}
	}
	n := object[network](ctx, plan.Network, diags)
	if !n.EIP.IsNull() {
		m.Kept = 1
	} else if known(n.PublicIP) && !n.PublicIP.ValueBool() {
		m.Addresses = 0
	}
	return m
}

// limited reports whether a limit of costs is set and known.
func (c *typeCheck) limited() bool { return c.guardrails.MaxHourlyCost != "" }

// within leaves out the types with which the worker would cost more per hour
// than max_hourly_cost, and those without a price where that is refused.
func (c *typeCheck) within(ctx context.Context, entries []string) []string {
	limit := pricing.Amount(c.guardrails.MaxHourlyCost)
	if limit == nil || len(entries) == 0 {
		return entries
	}
	var above, open, prices []string
	var reason error
	for _, name := range entries {
		price, err := c.price(ctx, name)
		switch {
		case price.Known() && price.Amount.Cmp(limit) > 0:
			atLeast := ""
			if err != nil || len(c.machine.Volumes) == 0 {
				atLeast = "at least "
			}
			above, prices = append(above, name), append(prices, fmt.Sprintf("%s (%s%s)", name, atLeast, price))
		case err != nil:
			open, reason = append(open, name), err
		}
	}
	why := fmt.Sprintf("The provider's guardrails.max_hourly_cost is %s. An hour of this worker would cost more as %s, by the list prices of the instance type, the root volume and the public address.",
		c.guardrails.MaxHourlyCost, strings.Join(prices, ", "))
	if len(above) == len(entries) {
		why += c.cheaper(ctx, entries)
	}
	entries = c.without(entries, above, "Worker too expensive", why)
	if len(open) == 0 {
		return entries
	}
	missing := fmt.Sprintf("The price of %s is not known, so that guardrails.max_hourly_cost could not be held against it: %s", strings.Join(open, ", "), tfdiag.Reason(reason))
	if c.guardrails.OnUnknownPrice == clients.Error {
		return c.without(entries, open, "Price not known", missing+" With on_unknown_price = \"warn\" this is a warning.")
	}
	tfdiag.Warn(c.diags, c.set, tfdiag.PriceUnknown, missing, c.at)
	return entries
}

// cheaper names the other entries of the menu that are below the limit, for a
// worker that is about to get the first one.
func (c *typeCheck) cheaper(ctx context.Context, refused []string) string {
	limit := pricing.Amount(c.guardrails.MaxHourlyCost)
	var out []string
	for _, name := range c.menu {
		if slices.Contains(refused, name) {
			continue
		}
		if price, err := c.price(ctx, name); err == nil && price.Amount.Cmp(limit) <= 0 {
			out = append(out, fmt.Sprintf("%s (%s)", name, price))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return fmt.Sprintf(" Below the limit in its menu: %s; put that first.", strings.Join(out, ", "))
}

// price is what an hour of the worker costs with a type. With an error it is
// what is known of that: at least so much.
func (c *typeCheck) price(ctx context.Context, name string) (pricing.Price, error) {
	m := c.machine
	m.Type = name
	var failed error
	if c.spot {
		price, err := c.spotPrice(ctx, name)
		m.Spot, failed = &price, err
	}
	bill := c.set.Bill(ctx, m, pricing.Everything)
	if failed == nil && len(bill.Problems) > 0 {
		failed = bill.Problems[0]
	}
	if failed != nil {
		return bill.AtLeast(), failed
	}
	return bill.Running(), nil
}

// spotPrice is the present price of a type on the spot market, where the worker
// may run; a spot machine never costs more than its own highest price.
func (c *typeCheck) spotPrice(ctx context.Context, name string) (pricing.Price, error) {
	highest := pricing.Price{Amount: pricing.Amount(c.maxPrice), Currency: pricing.Currency(c.region)}
	price, err := c.set.SpotPrice(ctx, c.ec2, name, c.zones...)
	if highest.Known() && (err != nil || highest.Amount.Cmp(price.Amount) < 0) {
		price, err = highest, nil
	}
	return price, err
}

// spotZones are the zones of the subnets of a new spot worker, as the plan took
// them; nil where they do not matter or are not known.
func (c *typeCheck) spotZones(ctx context.Context, subnets types.List) []string {
	ids := attribute.Strings(subnets)
	if !c.spot || !c.limited() || len(ids) == 0 {
		return nil
	}
	found, ok := askSubnets(ctx, c.inquiry, ids)
	if !ok {
		return nil
	}
	var zones []string
	for _, id := range ids {
		if s := found[id]; s != nil && s.AvailabilityZone != "" {
			zones = append(zones, s.AvailabilityZone)
		}
	}
	if len(zones) < len(ids) {
		return nil
	}
	return zones
}

// guardVolume holds a change of the root volume or of the address, with the
// type that the worker has, against max_hourly_cost.
func (p *planner) guardVolume(ctx context.Context, c *typeCheck, d *diff) {
	if !known(p.plan.InstanceType) {
		return
	}
	c.at = path.Root("network")
	if d.volumeCostChanges() {
		c.at = path.Root("root_volume")
	}
	c.within(ctx, []string{p.plan.InstanceType.ValueString()})
}
