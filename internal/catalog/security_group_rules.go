package catalog

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// SecurityGroupRules is data.cml_security_group_rules: the ports of CML. It
// makes no request.
type SecurityGroupRules struct{ base }

var _ datasource.DataSourceWithConfigure = (*SecurityGroupRules)(nil)

// NewSecurityGroupRules returns data.cml_security_group_rules.
func NewSecurityGroupRules() datasource.DataSource { return &SecurityGroupRules{} }

// rulesModel is data.cml_security_group_rules.
type rulesModel struct {
	Features types.Set   `tfsdk:"features"`
	Port     types.Int64 `tfsdk:"port"`
	Rules    types.List  `tfsdk:"rules"`
}

// rule lets in what goes to a range of ports.
type rule struct {
	feature     string
	from, to    int64
	protocol    string
	description string
}

// rulesOf are the rules of all features (cml-api.md 1.1). The descriptions keep
// to the characters that EC2 takes in one.
func rulesOf(port int64) []rule {
	return []rule{
		{"ui", port, port, "tcp", "CML user interface and API"},
		{"console", 22, 22, "tcp", "CML terminal server, SSH to node consoles"},
		{"ssh", 1122, 1122, "tcp", "SSH to the operating system"},
		{"cockpit", 9090, 9090, "tcp", "Cockpit, system administration"},
		{"patty", 2000, 7999, "tcp", "PATty port forwarding to nodes"},
		{"patty", 2000, 7999, "udp", "PATty port forwarding to nodes"},
	}
}

// features are those that a user can choose, in the order of the rules.
var features = []string{"ui", "console", "ssh", "cockpit", "patty"}

// ruleAttributes are the members of one of `rules`.
var ruleAttributes = map[string]attr.Type{
	"from_port": types.Int64Type, "to_port": types.Int64Type, "protocol": types.StringType, "description": types.StringType,
}

// Metadata implements datasource.DataSource.
func (*SecurityGroupRules) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_security_group_rules"
}

// Schema implements datasource.DataSource.
func (*SecurityGroupRules) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The ports on which a CML server listens, by feature, for the ingress rules of its security group. Who may come in is yours to say: the rules name no address. No request is made.",
		Attributes: map[string]schema.Attribute{
			"features": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(features...))},
				MarkdownDescription: "What is to be reachable: `ui` (user interface and API, which this provider needs too), `console` (SSH to the consoles of nodes, port 22), " +
					"`ssh` (SSH to the operating system, port 1122), `cockpit` (system administration, port 9090), `patty` (port forwarding to nodes, ports 2000 to 7999). Default: `[\"ui\"]`."},
			"port": schema.Int64Attribute{Optional: true, Computed: true, Validators: []validator.Int64{validators.Port()},
				MarkdownDescription: "Port of the user interface and API. Default: `controller.port` of the provider, else 443."},
			"rules": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "One rule for each range of ports, in the order of the features above.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"from_port":   schema.Int64Attribute{Computed: true, MarkdownDescription: "First port of the range."},
					"to_port":     schema.Int64Attribute{Computed: true, MarkdownDescription: "Last port of the range."},
					"protocol":    schema.StringAttribute{Computed: true, MarkdownDescription: "`tcp` or `udp`."},
					"description": schema.StringAttribute{Computed: true, MarkdownDescription: "What the port is for, as a description of a rule."},
				}}},
		},
	}
}

// Read implements datasource.DataSource.
func (d *SecurityGroupRules) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m rulesModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if m.Port.IsNull() {
		// No other argument of the provider matters here.
		refuseUnknown(slices.DeleteFunc(d.set.UnknownArguments(), func(name string) bool {
			return name != "controller" && name != "controller.port"
		}), &resp.Diagnostics)
		m.Port = types.Int64Value(int64(controller.Merge(d.set.Controller(), controller.Defaults()).Port))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	wanted := attribute.Strings(m.Features)
	if len(wanted) == 0 {
		wanted = []string{"ui"}
	}
	m.Rules = flattenRules(selectRules(rulesOf(m.Port.ValueInt64()), wanted))
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// selectRules returns the rules of the features. Two features on the same
// ports share a rule, since EC2 refuses the second of two equal ones.
func selectRules(all []rule, wanted []string) []rule {
	var out []rule
	for _, r := range all {
		if !slices.Contains(wanted, r.feature) {
			continue
		}
		same := slices.IndexFunc(out, func(o rule) bool { return o.from == r.from && o.to == r.to && o.protocol == r.protocol })
		if same >= 0 {
			out[same].description += "; " + r.description
			continue
		}
		out = append(out, r)
	}
	return out
}

func flattenRules(all []rule) types.List {
	out := make([]attr.Value, len(all))
	for i, r := range all {
		out[i] = types.ObjectValueMust(ruleAttributes, map[string]attr.Value{
			"from_port": types.Int64Value(r.from), "to_port": types.Int64Value(r.to),
			"protocol": types.StringValue(r.protocol), "description": types.StringValue(r.description),
		})
	}
	return types.ListValueMust(types.ObjectType{AttrTypes: ruleAttributes}, out)
}
