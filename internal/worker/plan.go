package worker

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// planner works out a plan from configuration, provider configuration, prior
// state and private state: never from a network answer, since core asks again
// in apply and would refuse a different one.
type planner struct {
	set     *clients.Set
	config  *model
	plan    *model
	state   *model   // nil: create
	pending *pending // nil: no wait is unfinished
	image   *imageFacts
	// defaults are what the provider gives a new worker; defaulted are the
	// arguments that it gave to this one.
	defaults  clients.Defaults
	defaulted []string
	diags     diag.Diagnostics
}

// ModifyPlan implements resource.ResourceWithModifyPlan.
func (r *Resource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.set == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, resp)
		return
	}
	p := planner{set: r.set, config: new(model), plan: new(model)}
	resp.Diagnostics.Append(req.Config.Get(ctx, p.config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, p.plan)...)
	if !req.State.Raw.IsNull() {
		p.state = new(model)
		resp.Diagnostics.Append(req.State.Get(ctx, p.state)...)
		p.pending = pendingWait(ctx, req.Private, &resp.Diagnostics)
		p.image = readFacts(ctx, req.Private, &resp.Diagnostics)
		p.defaulted = readDefaulted(ctx, req.Private, &resp.Diagnostics)
		refuseUnread(p.state, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}

	p.derive(ctx)
	p.check(ctx)
	var replaced path.Paths
	if p.state == nil {
		p.create(ctx)
	} else {
		replaced = p.update(ctx)
	}
	if len(replaced) == 0 {
		p.guard(ctx)
	}
	resp.Diagnostics.Append(p.diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.RequiresReplace = append(resp.RequiresReplace, replaced...)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, p.plan)...)
}

// planDestroy refuses to destroy a protected worker already in the plan.
func (r *Resource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !resp.Diagnostics.HasError() {
		refuseProtected(ctx, &state, &resp.Diagnostics)
		warnLabs(ctx, r.set, &state, &resp.Diagnostics)
	}
}

// choose returns what the configuration says, else what the state holds, else
// the default of creation.
func choose[T attr.Value](p *planner, config T, prior func(*model) T, fallback T) T {
	switch {
	case !config.IsNull():
		return config
	case p.state != nil:
		return prior(p.state)
	}
	return fallback
}

// derive fills the arguments that the provider completes: configuration beats
// state beats the default at creation, so that defaults of the provider block
// and of EC2 are resolved once.
func (p *planner) derive(ctx context.Context) {
	c, plan := p.config, p.plan
	plan.Region = choose(p, c.Region, func(s *model) types.String { return s.Region }, p.defaultRegion(ctx))
	p.loadDefaults(ctx)
	d := p.defaults
	p.planImage()
	plan.KeyName = choose(p, c.KeyName, func(s *model) types.String { return s.KeyName }, d.KeyName)
	plan.IAMInstanceProfile = kept(p, defaultedProfile, c.IAMInstanceProfile, p.prior().IAMInstanceProfile, d.IAMInstanceProfile, types.StringNull())
	plan.Monitoring = choose(p, c.Monitoring, func(s *model) types.Bool { return s.Monitoring }, orElse(d.Monitoring, types.BoolValue(false)))
	plan.SubnetIDs = choose(p, c.SubnetIDs, func(s *model) types.List { return s.SubnetIDs }, d.SubnetIDs)
	plan.SecurityGroupIDs = choose(p, c.SecurityGroupIDs, func(s *model) types.Set { return s.SecurityGroupIDs }, orElse(d.SecurityGroupIDs, types.SetUnknown(types.StringType)))
	plan.Nested = choose(p, c.Nested, func(s *model) types.String { return s.Nested }, types.StringValue(instance.LaunchNestedAuto))
	plan.Readiness = p.readiness(ctx)
	p.planTypes()
	p.keepMenus()
	plan.Network = p.network(ctx)
	plan.MetadataOptions = p.metadata(ctx)
	plan.RootVolume = p.rootVolume(ctx)
	plan.Controller = p.controller(ctx)
	plan.TagsAll = p.tagsAll()
}

func (p *planner) defaultRegion(ctx context.Context) types.String {
	if len(p.set.UnknownArguments()) > 0 {
		return types.StringUnknown()
	}
	region, err := p.set.DefaultRegion(ctx)
	if err != nil {
		if p.state == nil && p.config.Region.IsNull() && !fault.Is(err, fault.Invalid) {
			p.diags.Append(tfdiag.Error("Unable to find the AWS region", tfdiag.About{}, err))
		} else if p.state == nil && p.config.Region.IsNull() {
			p.diags.AddAttributeError(path.Root("region"), "No AWS region",
				"Set `region` on this worker, `region` in the provider block, or AWS_REGION in the environment.\n\n"+err.Error())
		}
		return types.StringUnknown()
	}
	return types.StringValue(region)
}

// keepMenus plans the prior list where the new one still contains what the
// worker has: a menu is no property of the machine, and core accepts the prior
// value of an argument as "no change".
func (p *planner) keepMenus() {
	if p.state == nil {
		return
	}
	for _, menu := range []struct {
		plan    *types.List
		prior   types.List
		present types.String
	}{
		{&p.plan.InstanceTypes, p.state.InstanceTypes, p.state.InstanceType},
		{&p.plan.SubnetIDs, p.state.SubnetIDs, p.state.SubnetID},
	} {
		if known(menu.plan) && !menu.prior.IsNull() && slices.ContainsFunc(menu.plan.Elements(), menu.present.Equal) {
			*menu.plan = menu.prior
		}
	}
}

// fromMenu resolves the menu of instance types: what is there stays while it
// is in the menu, otherwise the first entry follows that the guard rails allow.
func (p *planner) fromMenu(menu types.List) types.String {
	switch {
	case menu.IsUnknown():
		return types.StringUnknown()
	case menu.IsNull():
		return types.StringNull()
	case p.state != nil && slices.ContainsFunc(menu.Elements(), p.state.InstanceType.Equal):
		return p.state.InstanceType
	}
	entries := menu.Elements()
	if len(entries) > 1 {
		if p.set.Guardrails().AllowedInstanceTypesUnknown {
			return types.StringUnknown()
		}
		if allowed := p.allowedEntries(menu); len(allowed) > 0 {
			entries = allowed
		}
	}
	if p.state == nil && len(entries) > 1 {
		return types.StringUnknown()
	}
	first, _ := entries[0].(types.String)
	return first
}

func (p *planner) network(ctx context.Context) types.Object {
	c := p.config.Network
	if c.IsUnknown() {
		return c
	}
	if c.IsNull() && (p.state != nil || p.defaults.PublicIP.IsNull()) {
		return choose(p, c, func(s *model) types.Object { return s.Network }, types.ObjectNull(networkTypes))
	}
	want := object[network](ctx, c, &p.diags)
	if want.PublicIP.IsNull() {
		want.PublicIP = orElse(object[network](ctx, p.prior().Network, &p.diags).PublicIP, p.defaults.PublicIP)
	}
	if want.EIP.IsNull() {
		want.EIP = types.ObjectNull(eipTypes)
	}
	return newObject(ctx, networkTypes, want, &p.diags)
}

func (p *planner) metadata(ctx context.Context) types.Object {
	if p.config.MetadataOptions.IsUnknown() {
		return p.config.MetadataOptions
	}
	if p.config.MetadataOptions.IsNull() && p.state != nil && p.state.MetadataOptions.IsNull() {
		return p.state.MetadataOptions // never told, as an import may find it
	}
	m := object[metadataOptions](ctx, p.config.MetadataOptions, &p.diags)
	prior := object[metadataOptions](ctx, p.defaults.MetadataOptions, &p.diags)
	switch {
	case p.state != nil:
		prior = object[metadataOptions](ctx, p.state.MetadataOptions, &p.diags)
	case p.defaults.MetadataOptions.IsUnknown():
		prior = metadataOptions{HTTPTokens: types.StringUnknown(), HopLimit: types.Int64Unknown()}
	default:
		prior.HTTPTokens = orElse(prior.HTTPTokens, types.StringValue("required"))
		prior.HopLimit = orElse(prior.HopLimit, types.Int64Value(1))
	}
	m.HTTPTokens = orElse(m.HTTPTokens, prior.HTTPTokens)
	m.HopLimit = orElse(m.HopLimit, prior.HopLimit)
	return newObject(ctx, metadataTypes, m, &p.diags)
}

func orElse[T attr.Value](v, other T) T {
	if v.IsNull() {
		return other
	}
	return v
}

func (p *planner) rootVolume(ctx context.Context) types.Object {
	if p.config.RootVolume.IsUnknown() {
		return p.config.RootVolume
	}
	v := object[rootVolume](ctx, p.config.RootVolume, &p.diags)
	prior := p.volumeDefaults(ctx)
	if p.state != nil {
		prior = object[rootVolume](ctx, p.state.RootVolume, &p.diags)
	}
	if other(v.Type, prior.Type) {
		// Another volume type brings its own figures.
		prior.IOPS, prior.Throughput = types.Int64Unknown(), types.Int64Unknown()
	}
	v.SizeGiB = orElse(v.SizeGiB, prior.SizeGiB)
	v.Type = orElse(v.Type, prior.Type)
	v.IOPS = orElse(v.IOPS, prior.IOPS)
	v.Throughput = orElse(v.Throughput, prior.Throughput)
	v.Encrypted = orElse(v.Encrypted, prior.Encrypted)
	v.KMSKeyID = orElse(v.KMSKeyID, prior.KMSKeyID)
	v.DeleteOnTermination = orElse(v.DeleteOnTermination, prior.DeleteOnTermination)
	return newObject(ctx, rootVolumeTypes, v, &p.diags)
}

// controller completes the object: what the configuration leaves out comes
// from the state, at creation from the provider. host name, authorities and
// references are never inherited from an earlier configuration.
func (p *planner) controller(ctx context.Context) types.Object {
	if p.config.Controller.IsUnknown() {
		return p.config.Controller
	}
	c := object[attribute.Controller](ctx, p.config.Controller, &p.diags)
	tls := object[attribute.TLS](ctx, c.TLS, &p.diags)
	layer := controller.Merge(p.set.Controller(), controller.Defaults())
	prior := attribute.Controller{
		Port: orElse(p.defaults.Port, types.Int64Value(int64(layer.Port))), Via: orElse(p.defaults.Via, types.StringValue(layer.Via)),
		AddressPreference: orElse(p.defaults.AddressPreference, attribute.StringList(p.preference(ctx))),
	}
	priorTLS := attribute.TLS{Trust: types.StringValue(layer.TLS.Trust), Fingerprint: types.StringNull()}
	if p.state != nil {
		was := object[attribute.Controller](ctx, p.state.Controller, &p.diags)
		wasTLS := object[attribute.TLS](ctx, was.TLS, &p.diags)
		prior.Port, prior.Via = orElse(was.Port, prior.Port), orElse(was.Via, prior.Via)
		wish, had := object[network](ctx, p.plan.Network, &p.diags), object[network](ctx, p.state.Network, &p.diags)
		readdressed := publicIPChanges(wish.PublicIP, p.state) || wish.EIP.IsNull() != had.EIP.IsNull()
		if !readdressed || slices.Contains(p.defaulted, defaultedPreference) {
			prior.AddressPreference = orElse(was.AddressPreference, prior.AddressPreference)
		}
		priorTLS.Trust, priorTLS.Fingerprint = orElse(wasTLS.Trust, priorTLS.Trust), wasTLS.Fingerprint
	}
	c.Port = orElse(c.Port, prior.Port)
	c.Via = orElse(c.Via, prior.Via)
	c.AddressPreference = orElse(c.AddressPreference, prior.AddressPreference)
	tls.Trust = orElse(tls.Trust, priorTLS.Trust)
	if tls.Fingerprint.IsNull() && tls.Trust.ValueString() == controller.TrustPinFirst {
		tls.Fingerprint = priorTLS.Fingerprint
		if tls.Fingerprint.IsNull() && p.willPin(ctx) {
			tls.Fingerprint = types.StringUnknown()
		}
	}
	c.TLS = newObject(ctx, attribute.TLSTypes, tls, &p.diags)
	if c.Credentials.IsNull() {
		c.Credentials = types.ObjectNull(attribute.CredentialsTypes)
	}
	return newObject(ctx, attribute.ControllerTypes, c, &p.diags)
}

// preference is the order of addresses that the wish for a public address
// implies: what is configured is waited for, not what happens to be there.
func (p *planner) preference(ctx context.Context) []string {
	net := object[network](ctx, p.plan.Network, &p.diags)
	wish := net.PublicIP
	switch {
	case known(net.EIP):
		return []string{controller.EIP}
	case wish.IsNull(), wish.IsUnknown():
		return controller.Defaults().AddressPreference
	case wish.ValueBool():
		return []string{controller.EIP, controller.PublicIP}
	}
	return []string{controller.EIP, controller.PrivateIP}
}

// willPin reports whether this plan runs a wait that sees a certificate.
func (p *planner) willPin(ctx context.Context) bool {
	if p.state != nil && (p.pending == nil || !p.pending.Pins || p.state.InstanceState.ValueString() != instance.StateRunning) {
		return false
	}
	w, _ := attribute.ExpandReadiness(ctx, p.plan.Readiness)
	return w.Until >= readiness.HTTPS
}

// tagsAll is default_tags with tags over them, member by member, so that one
// unknown value leaves the others known.
func (p *planner) tagsAll() types.Map {
	if p.plan.Tags.IsUnknown() || slices.Contains(p.set.UnknownArguments(), "default_tags") {
		return types.MapUnknown(types.StringType)
	}
	all := map[string]attr.Value{}
	for k, v := range p.set.DefaultTags() {
		all[k] = types.StringValue(v)
	}
	maps.Copy(all, p.plan.Tags.Elements())
	maps.DeleteFunc(all, func(k string, _ attr.Value) bool { return k == "Name" || p.set.Ignored(k) })
	return types.MapValueMust(types.StringType, all)
}

// create plans a new worker: only what the configuration already settles is
// known.
func (p *planner) create(ctx context.Context) {
	plan := p.plan
	allUnknown(plan)
	plan.Managed = types.MapUnknown(types.StringType)
	if !p.set.ManagedTags().Enabled {
		plan.Managed = types.MapValueMust(types.StringType, nil)
	}
	if subnets := plan.SubnetIDs; !subnets.IsNull() && !subnets.IsUnknown() && len(subnets.Elements()) == 1 {
		plan.SubnetID, _ = subnets.Elements()[0].(types.String)
	}
	net := object[network](ctx, plan.Network, &p.diags)
	if !net.PrivateIP.IsNull() {
		plan.PrivateIP = net.PrivateIP
	}
	plan.IPv6Address, plan.EIPAllocationID = types.StringUnknown(), types.StringUnknown()
	if id := object[eip](ctx, net.EIP, &p.diags).AllocationID; !id.IsNull() {
		plan.EIPAllocationID = id
	} else if net.EIP.IsNull() && !plan.Network.IsUnknown() {
		plan.EIPAllocationID = types.StringNull()
	}
	if kind := object[market](ctx, plan.Market, &p.diags).Type; !plan.Market.IsUnknown() && !kind.IsUnknown() && kind.ValueString() != "spot" {
		plan.SpotRequestID = types.StringNull()
	}
	plan.NewerAMIID, plan.NewerAMIVersion = types.StringNull(), types.StringNull()
	plan.URL = p.url(ctx, types.StringUnknown())
	warnSpotLicense(ctx, p.set, plan, nil, &p.diags)
}

// update plans a change and returns the attributes that force a replacement.
func (p *planner) update(ctx context.Context) path.Paths {
	plan, state := p.plan, p.state
	d := newDiff(ctx, plan, state, p.image, &p.diags)
	rows := d.applies()
	if has(rows, replace) {
		refuseProtected(ctx, state, &p.diags)
		warnLabs(ctx, p.set, state, &p.diags)
		warnLicense(p.set, state, true, &p.diags)
		var out path.Paths
		for _, row := range rows {
			if row.effect == replace {
				out = append(out, replacePaths(row)...)
			}
		}
		allUnknown(plan)
		plan.Managed = types.MapUnknown(types.StringType)
		plan.IPv6Address, plan.EIPAllocationID = types.StringUnknown(), types.StringUnknown()
		if p.config.AMIID.IsNull() {
			plan.AMIID = types.StringUnknown()
		}
		return out
	}
	p.tellStopProtection()
	p.warnImage()
	warnLicense(p.set, state, false, &p.diags)
	warnSpotLicense(ctx, p.set, plan, state, &p.diags)

	running := slices.Contains([]string{"running", "pending"}, state.InstanceState.ValueString())
	restarts := has(rows, restart) && running
	p.refuseStop(ctx, restarts)
	if restarts && !plan.AllowStopForUpdate.IsNull() && !plan.AllowStopForUpdate.ValueBool() {
		p.diags.AddAttributeError(path.Root("instance_type"), "The worker would have to be stopped",
			"This change needs the worker stopped and started, and allow_stop_for_update is false. Stop the worker first (a stopped worker is changed without a restart), "+
				"set allow_stop_for_update = true, or take the change back.")
	}
	if restarts {
		warnStop(ctx, p.set, state, &p.diags)
		if state.EIPAllocationID.IsNull() && !state.PublicIP.IsNull() {
			tfdiag.Warn(&p.diags, p.set, tfdiag.AddressChange, "Worker "+state.ID.ValueString()+" has no Elastic IP: its public address "+state.PublicIP.ValueString()+" will be another one after the restart.")
		}
	}
	readdress := has(rows, addressing)
	waiting := p.pending != nil && state.InstanceState.ValueString() == "running"
	keepComputed(plan, state, restarts, readdress, waiting || restarts, d.costChanges())
	p.planAddresses(d)
	p.keepFixedAddresses(ctx, restarts, readdress)
	plan.Managed = p.managedTags(ctx, rows)
	return nil
}

// refuseStop refuses a change that needs a stop where none is possible.
func (p *planner) refuseStop(ctx context.Context, restarts bool) {
	if !restarts {
		return
	}
	if protectionOf(p.plan).Stop {
		p.diags.AddAttributeError(path.Root("protection").AtName("stop"), "The worker is protected against the stop",
			"This change needs the worker stopped, and protection.stop forbids it: set stop = false, or take the change back.")
	}
	if isSpot(p.state) && object[market](ctx, p.state.Market, &p.diags).Interruption.ValueString() != "stop" {
		p.diags.AddAttributeError(path.Root("market"), "A one-time spot machine cannot be stopped",
			"This change needs the worker stopped, which EC2 allows for spot machines of a persistent request only (market.interruption = \"stop\"): take the change back, or replace the worker (terraform apply -replace).")
	}
}

// planAddresses plans what belongs to the network interface itself.
func (p *planner) planAddresses(d *diff) {
	plan, state := p.plan, p.state
	plan.IPv6Address = state.IPv6Address
	if other(d.planNet.IPv6Count, d.stateNet.IPv6Count) {
		plan.IPv6Address = types.StringUnknown()
	}
	plan.EIPAllocationID = state.EIPAllocationID
	if d.planNet.EIP.Equal(d.stateNet.EIP) {
		return
	}
	plan.EIPAllocationID = types.StringUnknown()
	if id, ok := d.planNet.EIP.Attributes()["allocation_id"].(types.String); ok && !id.IsNull() {
		plan.EIPAllocationID = id
	}
}

// keepFixedAddresses puts back what a restart or a change of addressing cannot
// touch.
func (p *planner) keepFixedAddresses(ctx context.Context, restarts, readdress bool) {
	if !restarts && !readdress {
		return
	}
	plan, state := p.plan, p.state
	if known(plan.EIPAllocationID) && plan.EIPAllocationID.Equal(state.EIPAllocationID) {
		plan.PublicIP, plan.PublicDNS = state.PublicIP, state.PublicDNS
	}
	settings, d := attribute.ExpandController(ctx, plan.Controller)
	p.diags.Append(d...)
	a := controller.Addresses{PrivateIP: state.PrivateIP.ValueString(), IPv6: plan.IPv6Address.ValueString()}
	if !plan.PublicIP.IsUnknown() {
		a.EIP, a.PublicIP = state.PublicIP.ValueString(), state.PublicIP.ValueString()
	}
	if !object[attribute.Controller](ctx, plan.Controller, &p.diags).AddressPreference.IsUnknown() && settings.AddressIsFixed(a) {
		plan.Address = types.StringValue(settings.Pick(a))
	}
	plan.URL = p.url(ctx, plan.Address)
}

// url is what the plan can say of the URL.
func (p *planner) url(ctx context.Context, address types.String) types.String {
	c := object[attribute.Controller](ctx, p.plan.Controller, &p.diags)
	if p.plan.Controller.IsUnknown() || c.Hostname.IsUnknown() || c.Port.IsUnknown() {
		return types.StringUnknown()
	}
	settings, d := attribute.ExpandController(ctx, p.plan.Controller)
	p.diags.Append(d...)
	if c.Hostname.IsNull() && address.IsUnknown() {
		return types.StringUnknown()
	}
	return attribute.String(settings.URL(address.ValueString()))
}

// managedTags is the prior map with what this plan changes in it, so that the
// tag of the creator stays.
func (p *planner) managedTags(ctx context.Context, rows []change) types.Map {
	if len(p.state.Managed.Elements()) == 0 || !slices.ContainsFunc(rows, func(row change) bool { return row.effect != record }) && p.pending == nil {
		return p.state.Managed
	}
	if p.plan.Name.IsUnknown() || hasUnknown(p.plan.Controller) {
		return types.MapUnknown(types.StringType)
	}
	settings, d := attribute.ExpandController(ctx, p.plan.Controller)
	p.diags.Append(d...)
	return attribute.StringMap(markers(p.set.ManagedTags(), attribute.Map(p.state.Managed), p.plan.Name.ValueString(), settings))
}

func hasUnknown(o types.Object) bool {
	if o.IsUnknown() {
		return true
	}
	for _, v := range o.Attributes() {
		nested, ok := v.(types.Object)
		if v.IsUnknown() || (ok && hasUnknown(nested)) {
			return true
		}
	}
	return false
}
