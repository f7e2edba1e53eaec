package catalog

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// InstanceTypes is data.cml_instance_types: the types that can run CML.
type InstanceTypes struct{ base }

var _ datasource.DataSourceWithConfigure = (*InstanceTypes)(nil)

// NewInstanceTypes returns data.cml_instance_types.
func NewInstanceTypes() datasource.DataSource { return &InstanceTypes{} }

// typesModel is data.cml_instance_types.
type typesModel struct {
	MinVCPUs        types.Int64   `tfsdk:"min_vcpus"`
	MinMemoryGiB    types.Float64 `tfsdk:"min_memory_gib"`
	MaxNodes        types.Int64   `tfsdk:"max_nodes"`
	NodeMemoryMiB   types.Int64   `tfsdk:"node_memory_mib"`
	HeadroomPercent types.Int64   `tfsdk:"headroom_percent"`
	Virtualization  types.Set     `tfsdk:"virtualization"`
	OrderBy         types.String  `tfsdk:"order_by"`
	Region          types.String  `tfsdk:"region"`
	Names           types.List    `tfsdk:"names"`
	Types           types.List    `tfsdk:"types"`
	Currency        types.String  `tfsdk:"currency"`
}

// The ways in which a type offers the processor's virtualisation.
const (
	nested = "nested"
	metal  = "metal"
)

// typeAttributes are the members of one of `types`.
var typeAttributes = map[string]attr.Type{
	"name": types.StringType, "vcpus": types.Int64Type, "memory_gib": types.Float64Type,
	"virtualization": types.StringType, "hourly_price": types.Float64Type, "zones": types.ListType{ElemType: types.StringType},
}

// Metadata implements datasource.DataSource.
func (*InstanceTypes) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_instance_types"
}

// Schema implements datasource.DataSource.
func (*InstanceTypes) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The EC2 instance types of a region that can run CML, smallest or cheapest first: x86_64 types of bare metal or with nested virtualisation, as EC2 itself describes them. " +
			"`names` is made for `instance_types` of `cml_worker`, which tries them in order.",
		Attributes: map[string]schema.Attribute{
			"min_vcpus": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(1, 10000)},
				MarkdownDescription: "Least number of vCPUs."},
			"min_memory_gib": schema.Float64Attribute{Optional: true, Validators: []validator.Float64{float64validator.Between(0, 1e6)},
				MarkdownDescription: "Least memory in GiB."},
			"max_nodes": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(1, 10000)},
				MarkdownDescription: "How many nodes of labs are to run at once. Nodes share the vCPUs and not the memory, so this asks for memory: 8 GiB for CML itself, and `node_memory_mib` for each node."},
			"node_memory_mib": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(1, 1<<20), int64validator.AlsoRequires(path.MatchRoot("max_nodes"))},
				MarkdownDescription: "Memory of one node in MiB, on average: IOSv has 512, a Catalyst 8000V 4096, a Nexus 9000v 10240. Default: `512`."},
			"headroom_percent": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(0, 1000)},
				MarkdownDescription: "How much more than `min_vcpus`, `min_memory_gib` and `max_nodes` ask for a type must have, in percent: with `20`, 16 vCPUs ask for a type of at least 19.2. Default: `0`."},
			"virtualization": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(nested, metal))},
				MarkdownDescription: "How the type offers virtualisation: `nested` (a virtual machine that may run others) or `metal` (bare metal, which takes long to start). Default: both."},
			"order_by": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(orderSize, orderPrice)},
				MarkdownDescription: "Order of the result: `size` (the default) sorts by vCPUs, then by memory, and puts nested virtualisation before bare metal of the same size; `price` puts the cheapest first and types without a known price last, those of one price by size. Where the price list cannot be read, a warning says that the order is by size."},
			"region": regionAttribute(),
			"names": schema.ListAttribute{Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Names of the types that fit, in order; empty when none does."},
			"types": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "The types of `names`, in the same order, with what they offer.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name":           schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the type, such as `m8i.2xlarge`."},
					"vcpus":          schema.Int64Attribute{Computed: true, MarkdownDescription: "Number of vCPUs."},
					"memory_gib":     schema.Float64Attribute{Computed: true, MarkdownDescription: "Memory in GiB."},
					"virtualization": schema.StringAttribute{Computed: true, MarkdownDescription: "`nested` or `metal`."},
					"hourly_price":   schema.Float64Attribute{Computed: true, MarkdownDescription: "Price of an hour on demand for Linux, by AWS's public price list. Null where it cannot be read, and with the provider's `refresh_prices = false` unless `order_by` is `price`."},
					"zones": schema.ListAttribute{Computed: true, ElementType: types.StringType,
						MarkdownDescription: "Availability zones of the region that offer the type."},
				}}},
			"currency": schema.StringAttribute{Computed: true, MarkdownDescription: "Currency of the prices: `USD`, in China `CNY`. Null without any."},
		},
	}
}

// Read implements datasource.DataSource.
func (d *InstanceTypes) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m typesModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	refuseUnknown(d.set.UnknownArguments(), &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	const failed = "Unable to look up instance types"
	about := tfdiag.About{Region: m.Region.ValueString()}
	ec2, err := d.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(failed, about, err))
		return
	}
	about.Region = ec2.Region()
	m.Region = types.StringValue(ec2.Region())
	described, err := ec2.InstanceTypes(ctx)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(failed, about, err))
		return
	}
	fitting := fit(described, m)
	zones := map[string][]string{}
	if len(fitting) > 0 {
		if zones, err = ec2.Offerings(ctx, namesOf(fitting)...); err != nil {
			resp.Diagnostics.Append(tfdiag.Error(failed, about, err))
			return
		}
	}
	// What no zone offers cannot be launched.
	fitting = slices.DeleteFunc(fitting, func(t *instance.TypeInfo) bool { return len(zones[t.Name]) == 0 })
	prices := d.prices(ctx, m, fitting, &resp.Diagnostics)
	if m.OrderBy.ValueString() == orderPrice {
		slices.SortStableFunc(fitting, func(a, b *instance.TypeInfo) int { return byPrice(prices[a.Name], prices[b.Name]) })
	}

	objects := make([]attr.Value, len(fitting))
	for i, t := range fitting {
		objects[i] = types.ObjectValueMust(typeAttributes, map[string]attr.Value{
			"name": types.StringValue(t.Name), "vcpus": positive(t.VCPUs), "memory_gib": attribute.KnownFloat64(gib(t), t.MemoryMiB > 0),
			"virtualization": types.StringValue(virtualization(t)), "hourly_price": attribute.KnownFloat64(prices[t.Name].Round(pricing.Digits)), "zones": list(zones[t.Name]),
		})
	}
	m.Currency = types.StringNull()
	for _, p := range prices {
		m.Currency = types.StringValue(p.Currency)
	}
	m.Names, m.Types = list(namesOf(fitting)), types.ListValueMust(types.ObjectType{AttrTypes: typeAttributes}, objects)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// fit returns the types that can run CML and are large enough, in order.
func fit(described map[string]*instance.TypeInfo, m typesModel) []*instance.TypeInfo {
	percent := 100 + float64(m.HeadroomPercent.ValueInt64())
	// Multiplied on both sides, whole numbers stay whole: 1.1 times 30 is 33.000000000000004.
	atLeast := func(have, want float64) bool { return have*100 >= want*percent }
	wanted := attribute.Strings(m.Virtualization)
	memory := max(m.MinMemoryGiB.ValueFloat64(), nodesMemory(m))
	var out []*instance.TypeInfo
	for _, t := range described {
		if t.RunsCML() && sold(t) &&
			(len(wanted) == 0 || slices.Contains(wanted, virtualization(t))) &&
			atLeast(float64(t.VCPUs), float64(m.MinVCPUs.ValueInt64())) && atLeast(gib(t), memory) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, bySize)
	return out
}

// sold says that the type can be bought by the hour, on demand or on the spot
// market; some come only in blocks that are reserved ahead.
func sold(t *instance.TypeInfo) bool {
	return len(t.Usage) == 0 || slices.Contains(t.Usage, "on-demand") || slices.Contains(t.Usage, "spot")
}

func bySize(a, b *instance.TypeInfo) int {
	rank := map[string]int{nested: 0, metal: 1}
	unsized := map[bool]int{true: 1}
	return cmp.Or(
		cmp.Compare(unsized[a.VCPUs == 0 || a.MemoryMiB == 0], unsized[b.VCPUs == 0 || b.MemoryMiB == 0]),
		cmp.Compare(a.VCPUs, b.VCPUs), cmp.Compare(a.MemoryMiB, b.MemoryMiB),
		cmp.Compare(rank[virtualization(a)], rank[virtualization(b)]), cmp.Compare(a.Name, b.Name),
	)
}

func virtualization(t *instance.TypeInfo) string {
	if t.BareMetal {
		return metal
	}
	return nested
}

// positive is a number that is null where EC2 does not say it.
func positive(n int32) types.Int64 {
	if n <= 0 {
		return types.Int64Null()
	}
	return types.Int64Value(int64(n))
}

// gib is the memory in GiB, to three digits.
func gib(t *instance.TypeInfo) float64 { return math.Round(float64(t.MemoryMiB)/1024*1000) / 1000 }

func namesOf(all []*instance.TypeInfo) []string {
	out := make([]string, len(all))
	for i, t := range all {
		out[i] = t.Name
	}
	return out
}
