package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// estimateLimit is how long a read-back may wait for prices: what follows it
// matters more.
const estimateLimit = 5 * time.Second

// costChanges reports whether the plan changes what the worker costs.
func (d *diff) costChanges() bool {
	return other(d.plan.InstanceType, d.state.InstanceType) || d.volumeCostChanges() ||
		!d.planNet.EIP.Equal(d.stateNet.EIP) || publicIPChanges(d.planNet.PublicIP, d.state)
}

// volumeCostChanges reports whether the root volume becomes a dearer or cheaper
// one.
func (d *diff) volumeCostChanges() bool {
	plan, state := d.planRoot, d.stateRoot
	return other(plan.SizeGiB, state.SizeGiB) || other(plan.Type, state.Type) || other(plan.IOPS, state.IOPS) || other(plan.Throughput, state.Throughput)
}

// estimate is what the worker costs per hour in its present state. Null: the
// price list could not be read, which is told once in a run, or its volume.
func (r *Resource) estimate(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, volume *instance.Volume, diags *diag.Diagnostics) types.Float64 {
	if !r.set.ReadsPrices() || volume == nil {
		return types.Float64Null()
	}
	running := machine.State == instance.StatePending || machine.State == instance.StateRunning
	bill := r.set.Cost(ctx, ec2, machine, []*instance.Volume{volume}, pricing.Parts{Compute: running, Storage: true, Address: true})
	price := bill.Stopped()
	if running {
		price = bill.Running()
	}
	amount, ok := price.Round(pricing.Digits)
	if ok {
		return attribute.Float64(amount)
	}
	if len(bill.Problems) > 0 && r.set.Once(tfdiag.PriceUnknown.Code) {
		tfdiag.Warn(diags, r.set, tfdiag.PriceUnknown, fmt.Sprintf("hourly_cost_estimate of worker %s is null, and maybe that of others: %s refresh_prices = false in the provider asks for no prices.", machine.ID, tfdiag.Reason(bill.Problems[0])))
	}
	return types.Float64Null()
}
