package insight

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/dashboard"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// findAll reads several machines, side by side so that they share requests. It
// returns them in the order of the ids; each that is not found is an error.
func (b *base) findAll(ctx context.Context, ids []string, region types.String, diags *diag.Diagnostics) []sight {
	out, found := make([]sight, len(ids)), make([]diag.Diagnostics, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			at := path.Root("worker_ids").AtSetValue(types.StringValue(id))
			out[i], _ = b.findAt(ctx, at, types.StringValue(id), region, &found[i])
		})
	}
	wg.Wait()
	for _, d := range found {
		diags.Append(d...) // the same for all workers appears once
	}
	return out
}

// portray tells what the dashboard has to know of the workers. EC2 is asked for
// their types where it matters.
func (b *base) portray(ctx context.Context, all []sight, o dashboard.Options, diags *diag.Diagnostics) []dashboard.Worker {
	known := map[string]*instance.TypeInfo{}
	if len(all) > 0 && (slices.Contains(o.Groups, dashboard.EBS) || slices.Contains(o.Groups, dashboard.Credits)) {
		known = b.facts(ctx, all, diags)
	}
	out := make([]dashboard.Worker, len(all))
	for i, s := range all {
		w := dashboard.Worker{ID: s.machine.ID, Name: s.machine.Name(), Type: s.machine.Type}
		w.BareMetal, w.Burstable = abilities(known, w.Type)
		for _, v := range s.machine.Volumes {
			w.Volumes = append(w.Volumes, v.VolumeID)
		}
		out[i] = w
	}
	return out
}

// facts asks EC2 what the types of workers of one region can do; nil with a
// warning when it does not tell.
func (b *base) facts(ctx context.Context, all []sight, diags *diag.Diagnostics) map[string]*instance.TypeInfo {
	var names []string
	for _, s := range all {
		names = append(names, s.machine.Type)
	}
	slices.Sort(names)
	known, err := all[0].ec2.InstanceTypes(ctx, slices.Compact(names)...)
	if err != nil {
		tfdiag.Warn(diags, b.set, tfdiag.NotReadable,
			fmt.Sprintf("What the instance types of the workers can do is taken from their names, since EC2 did not tell: %s", words(err)))
		return nil
	}
	return known
}

// abilities tells from the facts, or else from its name, what a type is.
func abilities(known map[string]*instance.TypeInfo, name string) (bareMetal, burstable bool) {
	if info := known[name]; info != nil {
		return info.BareMetal, info.Burstable
	}
	return strings.Contains(name, ".metal"), burstableName.MatchString(name)
}

// burstableName fits the types of the T family: "t3.large", "t4g.small".
var burstableName = regexp.MustCompile(`^t\d`)

// price tells what the workers cost, in one currency, which it returns. It is
// by what stays as it is while they stop and start.
func (b *base) price(ctx context.Context, all []sight, workers []dashboard.Worker, diags *diag.Diagnostics) string {
	bills := make([]pricing.Bill, len(all))
	var wg sync.WaitGroup
	for i, s := range all {
		wg.Go(func() { bills[i] = b.lasting(ctx, s) })
	}
	wg.Wait()
	currency := ""
	for i, bill := range bills {
		running, ok := bill.Running().Round(pricing.Digits)
		stopped, also := bill.Stopped().Round(pricing.Digits)
		if !ok || !also || len(bill.Problems) > 0 {
			why := "the price list names no price"
			if len(bill.Problems) > 0 {
				why = tfdiag.Reason(bill.Problems[0])
			}
			tfdiag.Warn(diags, b.set, tfdiag.PriceUnknown, fmt.Sprintf("What worker %s costs is not known: %s", workers[i].ID, why))
			continue
		}
		workers[i].Cost = &dashboard.Cost{Running: running, Stopped: stopped}
		currency = bill.Running().Currency
	}
	return currency
}

// lasting is the bill of a machine without what comes and goes: a spot price,
// and the address that a stop gives back.
func (b *base) lasting(ctx context.Context, s sight) pricing.Bill {
	volumes, err := s.ec2.VolumesOf(ctx, s.machine)
	if err != nil {
		return pricing.Bill{Problems: []error{err}}
	}
	still := *s.machine
	if still.Lifecycle = ""; !still.PublicIPIsEIP {
		still.PublicIP = ""
	}
	return b.set.Cost(ctx, s.ec2, &still, volumes, pricing.Everything)
}
