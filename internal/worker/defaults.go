package worker

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
)

// defaultedKey is the private state of the arguments that the provider's
// defaults filled at creation, of those that would otherwise be taken away when
// the configuration does not hold them. What was given so is kept, whatever
// becomes of the defaults.
const defaultedKey = "defaulted"

// The arguments that defaultedKey may hold.
const (
	defaultedProfile    = "iam_instance_profile"
	defaultedVersion    = "expected_cml_version"
	defaultedTimeout    = "readiness.timeout"
	defaultedInterval   = "readiness.interval"
	defaultedPreference = "controller.address_preference"
)

// readDefaulted returns the arguments that defaults filled.
func readDefaulted(ctx context.Context, private attribute.PrivateReader, diags *diag.Diagnostics) []string {
	names, _ := attribute.ReadPrivate[[]string](ctx, private, defaultedKey, diags)
	return names
}

// saveDefaulted records which arguments of a worker that is being created come
// from defaults: those that the plan has and the configuration has not.
func saveDefaulted(ctx context.Context, private attribute.PrivateWriter, set *clients.Set, config, plan *model, diags *diag.Diagnostics) {
	var names []string
	filled := func(name string, config, plan attr.Value) {
		if config.IsNull() && known(plan) {
			names = append(names, name)
		}
	}
	given, has := object[attribute.Readiness](ctx, config.Readiness, diags), object[attribute.Readiness](ctx, plan.Readiness, diags)
	filled(defaultedProfile, config.IAMInstanceProfile, plan.IAMInstanceProfile)
	filled(defaultedVersion, config.ExpectedCMLVersion, plan.ExpectedCMLVersion)
	filled(defaultedTimeout, given.Timeout, has.Timeout)
	filled(defaultedInterval, given.Interval, has.Interval)
	if !set.WorkerDefaults().AddressPreference.IsNull() {
		filled(defaultedPreference, object[attribute.Controller](ctx, config.Controller, diags).AddressPreference, set.WorkerDefaults().AddressPreference)
	}
	if len(names) == 0 {
		return
	}
	attribute.WritePrivate(ctx, private, defaultedKey, names, diags)
}

// loadDefaults gathers what a new worker takes where it says nothing:
// worker_defaults over region_defaults. A worker that exists takes nothing.
func (p *planner) loadDefaults(ctx context.Context) {
	var worker, region clients.Defaults
	if p.state == nil {
		worker = p.set.WorkerDefaults()
		region = p.regionDefaults(ctx)
	}
	p.defaults = clients.Defaults{
		AMIID: region.AMIID, AMIFilter: typed(region.AMIFilter, p.plan.AMIFilter.AttributeTypes(ctx)), ExpectedCMLVersion: region.ExpectedCMLVersion,
		InstanceType: worker.InstanceType, InstanceTypes: orElse(worker.InstanceTypes, types.ListNull(types.StringType)),
		VPCID: region.VPCID, SubnetIDs: orElse(region.SubnetIDs, types.ListNull(types.StringType)),
		SecurityGroupIDs: orElse(region.SecurityGroupIDs, types.SetNull(types.StringType)),
		KeyName:          orElse(worker.KeyName, region.KeyName), IAMInstanceProfile: orElse(worker.IAMInstanceProfile, region.IAMInstanceProfile),
		PublicIP:   orElse(worker.PublicIP, region.PublicIP),
		RootVolume: typed(worker.RootVolume, rootVolumeTypes), MetadataOptions: typed(worker.MetadataOptions, metadataTypes), Monitoring: worker.Monitoring,
		ReadinessTimeout: worker.ReadinessTimeout, ReadinessInterval: worker.ReadinessInterval,
		Port: worker.Port, Via: worker.Via, AddressPreference: orElse(worker.AddressPreference, types.ListNull(types.StringType)),
	}
}

// typed gives a null object its attribute types.
func typed(o types.Object, attributes map[string]attr.Type) types.Object {
	if o.IsNull() {
		return types.ObjectNull(attributes)
	}
	return o
}

// regionDefaults is the entry of the worker's region. While it is open which
// one that is, all of it is unknown.
func (p *planner) regionDefaults(ctx context.Context) clients.Defaults {
	entry, _, used := p.set.RegionDefaults(p.plan.Region.ValueString())
	if !p.set.RegionDefaultsUnknown() && (!used || !p.plan.Region.IsUnknown()) {
		return entry
	}
	return clients.Defaults{
		AMIID: types.StringUnknown(), AMIFilter: types.ObjectUnknown(p.plan.AMIFilter.AttributeTypes(ctx)), ExpectedCMLVersion: types.StringUnknown(),
		VPCID: types.StringUnknown(), SubnetIDs: types.ListUnknown(types.StringType), SecurityGroupIDs: types.SetUnknown(types.StringType),
		KeyName: types.StringUnknown(), IAMInstanceProfile: types.StringUnknown(), PublicIP: types.BoolUnknown(),
	}
}

// kept is an argument that is absent unless somebody gives it: the
// configuration, the defaults at creation, or the defaults as they were then.
func kept[T attr.Value](p *planner, name string, config, prior, fallback, none T) T {
	switch {
	case !config.IsNull():
		return config
	case p.state == nil:
		return fallback
	case slices.Contains(p.defaulted, name):
		return prior
	}
	return none
}

// prior is the state, or an empty model at creation.
func (p *planner) prior() *model {
	if p.state == nil {
		return new(model)
	}
	return p.state
}

// planImage chooses the image: the one named, the pinned one, or that of the
// region. A filter is resolved by create alone. A version that the region's
// defaults expect is that of their own image.
func (p *planner) planImage() {
	c, plan, d := p.config, p.plan, p.defaults
	own := !c.AMIID.IsNull() || !c.AMIFilter.IsNull()
	version := d.ExpectedCMLVersion
	switch {
	case own:
		plan.AMIID, plan.AMIFilter, version = c.AMIID, c.AMIFilter, types.StringNull()
		if c.AMIID.IsNull() {
			plan.AMIID = orElse(p.prior().AMIID, types.StringUnknown())
		}
	case p.state != nil:
		plan.AMIID, plan.AMIFilter = p.state.AMIID, p.state.AMIFilter
	default:
		plan.AMIID, plan.AMIFilter = d.AMIID, d.AMIFilter
		if d.AMIID.IsNull() && !d.AMIFilter.IsNull() {
			plan.AMIID = types.StringUnknown()
		}
	}
	plan.ExpectedCMLVersion = kept(p, defaultedVersion, c.ExpectedCMLVersion, p.prior().ExpectedCMLVersion, version, types.StringNull())
}

// planTypes chooses the instance type and its menu.
func (p *planner) planTypes() {
	one, menu := p.config.InstanceType, p.config.InstanceTypes
	if one.IsNull() && menu.IsNull() {
		if p.state != nil {
			p.plan.InstanceType, p.plan.InstanceTypes = p.state.InstanceType, p.state.InstanceTypes
			return
		}
		one, menu = p.defaults.InstanceType, p.defaults.InstanceTypes
	}
	p.plan.InstanceType, p.plan.InstanceTypes = one, menu
	if one.IsNull() {
		p.plan.InstanceType = p.fromMenu(menu)
	}
}

// readiness is the configured object with the defaults of its durations.
func (p *planner) readiness(ctx context.Context) types.Object {
	c := p.config.Readiness
	if c.IsUnknown() {
		return c
	}
	given, was := object[attribute.Readiness](ctx, c, &p.diags), object[attribute.Readiness](ctx, p.prior().Readiness, &p.diags)
	none := types.StringNull()
	timeout := kept(p, defaultedTimeout, given.Timeout, was.Timeout, p.defaults.ReadinessTimeout, none)
	interval := kept(p, defaultedInterval, given.Interval, was.Interval, p.defaults.ReadinessInterval, none)
	if c.IsNull() && timeout.IsNull() && interval.IsNull() {
		return c
	}
	members := c.Attributes()
	if c.IsNull() {
		members = map[string]attr.Value{}
		for name, t := range c.AttributeTypes(ctx) {
			members[name], _ = t.ValueFromTerraform(ctx, tftypes.NewValue(t.TerraformType(ctx), nil)) // null is a value of each type
		}
	}
	members["timeout"], members["interval"] = timeout, interval
	return types.ObjectValueMust(c.AttributeTypes(ctx), members)
}

// readinessAttribute is the shared object with the members computed that have
// defaults in the provider.
func readinessAttribute(text string) schema.SingleNestedAttribute {
	a := attribute.ReadinessInput(text, "a worker just created is then tainted")
	a.Computed = true
	for _, name := range []string{"timeout", "interval"} {
		if member, ok := a.Attributes[name].(schema.StringAttribute); ok {
			member.Computed = true
			a.Attributes[name] = member
		}
	}
	return a
}

// volumeDefaults is the root volume of a new worker where it says nothing; what
// is unknown is left to the image and to EC2.
func (p *planner) volumeDefaults(ctx context.Context) rootVolume {
	v := object[rootVolume](ctx, p.defaults.RootVolume, &p.diags)
	otherwise := rootVolume{Type: types.StringValue("gp3"), Encrypted: types.BoolValue(true), DeleteOnTermination: types.BoolValue(true)}
	if p.defaults.RootVolume.IsUnknown() {
		otherwise = rootVolume{Type: types.StringUnknown(), Encrypted: types.BoolUnknown(), DeleteOnTermination: types.BoolUnknown()}
	}
	v.Type, v.Encrypted = orElse(v.Type, otherwise.Type), orElse(v.Encrypted, otherwise.Encrypted)
	v.DeleteOnTermination = orElse(v.DeleteOnTermination, otherwise.DeleteOnTermination)
	v.SizeGiB, v.IOPS = orElse(v.SizeGiB, types.Int64Unknown()), orElse(v.IOPS, types.Int64Unknown())
	v.Throughput, v.KMSKeyID = orElse(v.Throughput, types.Int64Unknown()), orElse(v.KMSKeyID, types.StringUnknown())
	return v
}

// checkDefaults refuses a new worker that neither says what it needs nor finds
// it in the provider's defaults.
func (p *planner) checkDefaults(ctx context.Context) {
	plan := p.plan
	region := plan.Region.ValueString()
	_, entry, used := p.set.RegionDefaults(region)
	if plan.AMIID.IsNull() {
		p.diags.AddAttributeError(path.Root("ami_id"), "No image", "Set ami_id on this worker to the CML image to launch, or ami_filter to find it by its name; "+
			"or name the image for all workers of the region: "+entryOf(region)+" { ami_id or ami_filter } in the provider block."+withoutEntry(region, entry, used))
	}
	if plan.InstanceType.IsNull() {
		p.diags.AddAttributeError(path.Root("instance_type"), "No instance type", "Set instance_type on this worker, or instance_types for several in order of preference; "+
			"or set worker_defaults { instance_type or instance_types } in the provider block.")
	}
	if plan.SubnetIDs.IsNull() && (used && !entry || known(p.defaults.VPCID)) {
		why := withoutEntry(region, entry, used)
		if entry {
			why = " Without either, EC2 takes the default subnet, which need not be in the entry's vpc_id " + p.defaults.VPCID.ValueString() + "."
		}
		p.diags.AddAttributeError(path.Root("subnet_ids"), "No subnet", "Set subnet_ids on this worker, or for all workers of the region: "+entryOf(region)+" { subnet_ids } in the provider block."+why)
	}
	validateReadiness(ctx, plan, &p.diags)
}

func entryOf(region string) string {
	if region == "" {
		return "region_defaults"
	}
	return "region_defaults[\"" + region + "\"]"
}

func withoutEntry(region string, entry, used bool) string {
	if !used || entry {
		return ""
	}
	return " The provider's region_defaults have no entry for " + region + "."
}
