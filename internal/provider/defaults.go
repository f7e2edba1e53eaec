package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// plannedLater are the arguments that may be unknown without harm to a refresh
// or a look-up: what depends on them is planned as unknown, or checked again in
// apply.
var plannedLater = []string{"worker_defaults", "region_defaults", "guardrails"}

// guardrailsModel is `guardrails`.
type guardrailsModel struct {
	AllowedRegions       types.Set    `tfsdk:"allowed_regions"`
	AllowedInstanceTypes types.Set    `tfsdk:"allowed_instance_types"`
	CapabilityCheck      types.String `tfsdk:"capability_check"`
	QuotaCheck           types.String `tfsdk:"quota_check"`
	Preflight            types.String `tfsdk:"preflight"`

	MaxHourlyCost  types.Float64 `tfsdk:"max_hourly_cost"`
	OnUnknownPrice types.String  `tfsdk:"on_unknown_price"`
}

// member reads a member of an object by its name. A null object has null
// members, an unknown one unknown ones.
type member struct{ of types.Object }

func (m member) get(name string) attr.Value { return m.of.Attributes()[name] }

func (m member) text(name string) types.String {
	if m.of.IsUnknown() {
		return types.StringUnknown()
	}
	v, _ := m.get(name).(types.String)
	return v
}

func (m member) flag(name string) types.Bool {
	if m.of.IsUnknown() {
		return types.BoolUnknown()
	}
	v, _ := m.get(name).(types.Bool)
	return v
}

func (m member) number(name string) types.Int64 {
	if m.of.IsUnknown() {
		return types.Int64Unknown()
	}
	v, _ := m.get(name).(types.Int64)
	return v
}

func (m member) list(name string) types.List {
	if m.of.IsUnknown() {
		return types.ListUnknown(types.StringType)
	}
	if v, ok := m.get(name).(types.List); ok {
		return v
	}
	return types.ListNull(types.StringType)
}

func (m member) set(name string) types.Set {
	if m.of.IsUnknown() {
		return types.SetUnknown(types.StringType)
	}
	if v, ok := m.get(name).(types.Set); ok {
		return v
	}
	return types.SetNull(types.StringType)
}

// object returns the nested object. of an object that is null or unknown
// itself, with the attribute types that the object would have.
func (m member) object(name string) types.Object {
	if v, ok := m.get(name).(types.Object); ok {
		return v
	}
	nested, _ := m.of.AttributeTypes(context.Background())[name].(types.ObjectType)
	if m.of.IsUnknown() {
		return types.ObjectUnknown(nested.AttrTypes)
	}
	return types.ObjectNull(nested.AttrTypes)
}

// expandDefaults turns `worker_defaults`, or an entry of `region_defaults`,
// into what workers take. Arguments that the object does not have are null.
func expandDefaults(o types.Object) clients.Defaults {
	m := member{o}
	network, readiness, controller := member{m.object("network")}, member{m.object("readiness")}, member{m.object("controller")}
	d := clients.Defaults{
		KeyName: m.text("key_name"), IAMInstanceProfile: m.text("iam_instance_profile"), PublicIP: network.flag("public_ip"),
	}
	if _, regional := o.AttributeTypes(context.Background())["ami_id"]; regional {
		d.AMIID, d.AMIFilter, d.ExpectedCMLVersion = m.text("ami_id"), m.object("ami_filter"), m.text("expected_cml_version")
		d.VPCID, d.SubnetIDs, d.SecurityGroupIDs = m.text("vpc_id"), m.list("subnet_ids"), m.set("security_group_ids")
		return d
	}
	d.InstanceType, d.InstanceTypes = m.text("instance_type"), m.list("instance_types")
	d.RootVolume, d.MetadataOptions, d.Monitoring = m.object("root_volume"), m.object("metadata_options"), m.flag("monitoring")
	d.ReadinessTimeout, d.ReadinessInterval = readiness.text("timeout"), readiness.text("interval")
	d.Port, d.Via, d.AddressPreference = controller.number("port"), controller.text("via"), controller.list("address_preference")
	return d
}

func expandRegionDefaults(m types.Map) clients.RegionDefaults {
	out := clients.RegionDefaults{Unknown: m.IsUnknown(), Regions: map[string]clients.Defaults{}}
	for region, entry := range m.Elements() {
		if o, ok := entry.(types.Object); ok {
			out.Regions[region] = expandDefaults(o)
		}
	}
	return out
}

// expandGuardrails returns the guard rails. What is unknown refuses nothing
// yet.
func expandGuardrails(ctx context.Context, o types.Object, diags *diag.Diagnostics) clients.Guardrails {
	g := object[guardrailsModel](ctx, o, diags)
	return clients.Guardrails{
		AllowedRegions: elements(g.AllowedRegions), AllowedRegionsUnknown: o.IsUnknown() || anyUnknown(g.AllowedRegions),
		AllowedInstanceTypes: elements(g.AllowedInstanceTypes), AllowedInstanceTypesUnknown: o.IsUnknown() || anyUnknown(g.AllowedInstanceTypes),
		CapabilityCheck: clients.Severity(g.CapabilityCheck.ValueString()),
		QuotaCheck:      clients.Severity(g.QuotaCheck.ValueString()),
		Preflight:       clients.Severity(g.Preflight.ValueString()),
		MaxHourlyCost:   money(g.MaxHourlyCost), OnUnknownPrice: clients.Severity(g.OnUnknownPrice.ValueString()),
	}
}

// money is an amount as it was written, "" while there is none.
func money(v types.Float64) string {
	if v.IsNull() || v.IsUnknown() {
		return ""
	}
	return strconv.FormatFloat(v.ValueFloat64(), 'f', -1, 64)
}

// anyUnknown reports whether a set, or an element of it, is unknown.
func anyUnknown(s types.Set) bool {
	return s.IsUnknown() || slices.ContainsFunc(s.Elements(), attr.Value.IsUnknown)
}

// validateDefaults checks what the schema cannot: region names, and members
// that need each other.
func validateDefaults(ctx context.Context, m model, diags *diag.Diagnostics) {
	regions := !m.SkipRegionValidation.IsUnknown() && !m.SkipRegionValidation.ValueBool()
	for _, region := range slices.Sorted(maps.Keys(m.RegionDefaults.Elements())) {
		at := path.Root("region_defaults").AtMapKey(region)
		if regions {
			regionName(at, region, diags)
		}
		entry, ok := m.RegionDefaults.Elements()[region].(types.Object)
		if !ok || !given(entry) {
			continue
		}
		filter := member{entry}.object("ami_filter")
		if given(filter) && (member{filter}).text("name_pattern").IsNull() {
			diags.AddAttributeError(at.AtName("ami_filter").AtName("name_pattern"), "Name pattern missing",
				"`ami_filter` finds an image by its name: set `name_pattern`, or name the image with `ami_id`.")
		}
		if given(member{entry}.text("expected_cml_version")) && (member{entry}).text("ami_id").IsNull() && filter.IsNull() {
			diags.AddAttributeError(at.AtName("expected_cml_version"), "Version without image",
				"`expected_cml_version` is that of the image named beside it: set `ami_id` or `ami_filter`, or remove it here and set it on the workers.")
		}
	}
	guardrails := object[guardrailsModel](ctx, m.Guardrails, diags)
	if regions {
		for _, region := range elements(guardrails.AllowedRegions) {
			regionName(path.Root("guardrails").AtName("allowed_regions").AtSetValue(types.StringValue(region)), region, diags)
		}
	}
	validateVolumeDefaults(member{member{m.WorkerDefaults}.object("root_volume")}, diags)
}

func regionName(at path.Path, region string, diags *diag.Diagnostics) {
	if problem := validators.RegionProblem(region); problem != "" {
		diags.AddAttributeError(at, "Invalid AWS region",
			fmt.Sprintf("%q %s For a server that only resembles AWS, `skip_region_validation = true` lets other names pass.", region, problem))
	}
}

func validateVolumeDefaults(v member, diags *diag.Diagnostics) {
	at := path.Root("worker_defaults").AtName("root_volume")
	kind := v.text("type").ValueString()
	if given(v.text("type")) && given(v.number("iops")) && !slices.Contains([]string{"gp3", "io1", "io2"}, kind) {
		diags.AddAttributeError(at.AtName("iops"), "Conflicting arguments", fmt.Sprintf("A %s volume has no provisioned IOPS. Use the type gp3, io1 or io2, or leave `iops` out.", kind))
	}
	if given(v.text("type")) && given(v.number("throughput")) && kind != "gp3" {
		diags.AddAttributeError(at.AtName("throughput"), "Conflicting arguments", fmt.Sprintf("A %s volume has no provisioned throughput. Use the type gp3, or leave `throughput` out.", kind))
	}
	if strings.HasPrefix(kind, "io") && v.number("iops").IsNull() {
		diags.AddAttributeError(at.AtName("iops"), "IOPS missing", fmt.Sprintf("A %s volume needs `iops`.", kind))
	}
	if given(v.text("kms_key_id")) && given(v.flag("encrypted")) && !v.flag("encrypted").ValueBool() {
		diags.AddAttributeError(at.AtName("kms_key_id"), "Conflicting arguments", "`kms_key_id` needs `encrypted = true`. Set it so, or leave the key out.")
	}
}
