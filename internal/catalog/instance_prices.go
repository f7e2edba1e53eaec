package catalog

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// The orders of data.cml_instance_types.
const (
	orderSize  = "size"
	orderPrice = "price"
)

// prices are those of the types, as far as they are known and wanted. That none
// can be read is told where the order depends on them, and otherwise once in a
// run.
func (d *InstanceTypes) prices(ctx context.Context, m typesModel, fitting []*instance.TypeInfo, diags *diag.Diagnostics) map[string]pricing.Price {
	ordered := m.OrderBy.ValueString() == orderPrice
	if len(fitting) == 0 || !ordered && !d.set.ReadsPrices() {
		return nil
	}
	var found map[string]pricing.Price
	list, err := d.set.Prices(ctx, m.Region.ValueString())
	if err == nil {
		found, err = list.Machines(ctx, m.Region.ValueString(), namesOf(fitting)...)
	}
	switch {
	case err != nil && ordered:
		tfdiag.Warn(diags, d.set, tfdiag.PriceUnknown, "The instance types are in the order of their size, since their prices are not known: "+tfdiag.Reason(err), path.Root("order_by"))
	case err != nil && d.set.Once(tfdiag.PriceUnknown.Code):
		tfdiag.Warn(diags, d.set, tfdiag.PriceUnknown, fmt.Sprintf("hourly_price of the instance types is null: %s refresh_prices = false in the provider asks for no prices.", tfdiag.Reason(err)))
	case err == nil && len(found) == 0 && ordered:
		tfdiag.Warn(diags, d.set, tfdiag.PriceUnknown, "The instance types are in the order of their size, since the price list has none of them in "+m.Region.ValueString()+".", path.Root("order_by"))
	}
	return found
}

// byPrice puts the cheaper first, and what has no known price last.
func byPrice(a, b pricing.Price) int {
	switch {
	case a.Known() && b.Known():
		return a.Amount.Cmp(b.Amount)
	case a.Known():
		return -1
	case b.Known():
		return 1
	}
	return 0
}

// What nodes need, as a rule of thumb: memory of CML itself in GiB, and of a
// node of IOSv in MiB.
const (
	memoryOfCML  = 8
	memoryOfIOSv = 512
)

// nodesMemory is the memory in GiB that max_nodes asks for.
func nodesMemory(m typesModel) float64 {
	if m.MaxNodes.IsNull() {
		return 0
	}
	each := int64(memoryOfIOSv)
	if !m.NodeMemoryMiB.IsNull() {
		each = m.NodeMemoryMiB.ValueInt64()
	}
	return memoryOfCML + float64(m.MaxNodes.ValueInt64()*each)/1024
}
