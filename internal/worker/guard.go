package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// inquiry asks AWS on behalf of a plan check. Its answers only make
// diagnostics; no planned value comes from them.
type inquiry struct {
	set   *clients.Set
	ec2   *instance.Client
	diags *diag.Diagnostics
	// silent: AWS does not answer these credentials at all, so that nothing
	// more is asked.
	silent bool
	// told are the questions whose failure was told already.
	told []string
}

// ask puts a question that workers of a run share. ok is false when there is no
// answer, of which a warning tells.
func ask[T any](ctx context.Context, q *inquiry, w tfdiag.Warning, what, key string, question func(context.Context) (T, error)) (answer T, ok bool) {
	if q.silent {
		return answer, false
	}
	answer, err := clients.Ask(ctx, q.set, q.ec2.Region()+"/"+key, question)
	if err != nil && !slices.Contains(q.told, key) {
		q.told = append(q.told, key)
		q.unanswered(w, what, err)
	}
	return answer, err == nil
}

func (q *inquiry) unanswered(w tfdiag.Warning, what string, err error) {
	if blamesRegion(err) {
		q.silent = true
		q.diags.Append(tfdiag.Error("AWS region cannot be used", tfdiag.About{Attribute: path.Root("region")}, err))
		return
	}
	q.silent = fault.Is(err, fault.Unreachable, fault.Timeout, fault.Canceled, fault.Credentials, fault.Account)
	tfdiag.Warn(q.diags, q.set, w, what+" could not be read, so the plan was not held against it: "+tfdiag.Reason(err))
}

// blamesRegion reports whether a call failed because there is no such region,
// or because the account has not opted in to it: nothing will be launched there.
func blamesRegion(err error) bool {
	var p interface{ ProviderArgument() string }
	return fault.Is(err, fault.BadReference, fault.Account) && errors.As(err, &p) && p.ProviderArgument() == "region"
}

// guard holds a new worker, or what changes on one, against the guard rails and
// against what AWS knows. A plan that changes nothing of the kind asks nothing.
func (p *planner) guard(ctx context.Context) {
	if p.state == nil {
		guardRegion(p.set.Guardrails(), p.plan.Region, &p.diags)
	}
	c := p.typeCheck(ctx)
	entries := c.allowed(p.entries())
	if p.diags.HasError() || len(p.set.UnknownArguments()) > 0 || !known(p.plan.Region) {
		return
	}
	g := c.guardrails
	asksTypes := len(entries) > 0 && (g.CapabilityCheck != clients.Off || g.QuotaCheck != clients.Off || c.limited())
	var asksCost *diff // of a worker that keeps its type
	if p.state != nil && len(entries) == 0 && c.limited() {
		if d := newDiff(ctx, p.plan, p.state, p.image, &p.diags); d.costChanges() {
			asksCost = d
		}
	}
	if p.state != nil && !asksTypes && asksCost == nil && !p.reachChanges(ctx) {
		return
	}
	q := &inquiry{set: p.set, diags: &p.diags}
	ec2, err := clients.Ask(ctx, p.set, "instances/"+p.plan.Region.ValueString(), func(ctx context.Context) (*instance.Client, error) {
		return p.set.Instances(ctx, p.plan.Region.ValueString())
	})
	if fault.Is(err, fault.Account) && !blamesRegion(err) {
		// Known already, and not to be found out when half of a plan is applied.
		p.diags.Append(tfdiag.Error("Wrong AWS account", tfdiag.About{Region: p.plan.Region.ValueString()}, err))
		return
	}
	if err != nil {
		q.unanswered(tfdiag.CheckSkipped, "What AWS says about worker "+p.plan.Name.ValueString(), err)
		return
	}
	q.ec2, c.inquiry = ec2, q
	if p.state == nil {
		c.zones = p.guardSubnets(ctx, q)
	}
	if p.state == nil || p.reachChanges(ctx) {
		p.guardGroups(ctx, q)
	}
	if entries = c.judge(ctx, entries); asksCost != nil {
		p.guardVolume(ctx, c, asksCost)
	}
	if p.state == nil && g.Preflight != clients.Off && len(entries) > 0 && !p.diags.HasError() {
		p.preflight(ctx, q, entries)
	}
}

// guardRegion refuses a new worker in a region that is not allowed.
func guardRegion(g clients.Guardrails, region types.String, diags *diag.Diagnostics) {
	if !known(region) || g.AllowedRegionsUnknown || len(g.AllowedRegions) == 0 || slices.Contains(g.AllowedRegions, region.ValueString()) {
		return
	}
	diags.AddAttributeError(path.Root("region"), "Region not allowed", fmt.Sprintf(
		"The provider's guardrails.allowed_regions do not have %s. Allowed are: %s.", region.ValueString(), strings.Join(slices.Sorted(slices.Values(g.AllowedRegions)), ", ")))
}

// entries are the instance types to judge: the menu of a new worker, the type
// that an existing one gets. What is unknown is judged in apply.
func (p *planner) entries() []string {
	if p.state == nil && !p.plan.InstanceTypes.IsNull() {
		menu := attribute.Strings(p.plan.InstanceTypes)
		if len(menu) < len(p.plan.InstanceTypes.Elements()) {
			return nil
		}
		return menu
	}
	if known(p.plan.InstanceType) && (p.state == nil || other(p.plan.InstanceType, p.state.InstanceType)) {
		return []string{p.plan.InstanceType.ValueString()}
	}
	return nil
}

// typeCheck is the check of this worker's instance types.
func (p *planner) typeCheck(ctx context.Context) *typeCheck {
	c := newTypeCheck(ctx, p.set, p.plan, &p.diags)
	if p.config.InstanceTypes.IsNull() {
		c.at = path.Root("instance_type")
	}
	if p.state != nil {
		c.self = p.state.ID.ValueString()
		c.runs = p.state.InstanceState.ValueString() == "running"
		c.spot = isSpot(p.state)
		if zone := p.state.AvailabilityZone.ValueString(); zone != "" {
			c.zones = []string{zone}
		}
	}
	return c
}

// allowedEntries are the entries of a menu that allowed_instance_types has.
func (p *planner) allowedEntries(menu types.List) []attr.Value {
	return slices.DeleteFunc(slices.Clone(menu.Elements()), func(v attr.Value) bool {
		name, ok := v.(types.String)
		return ok && known(name) && !typeAllowed(p.set.Guardrails(), name.ValueString())
	})
}

// reachChanges reports whether this change decides anew who reaches CML.
func (p *planner) reachChanges(ctx context.Context) bool {
	if p.state == nil {
		return true
	}
	return other(p.plan.SecurityGroupIDs, p.state.SecurityGroupIDs) || p.port(ctx, p.plan) != p.port(ctx, p.state)
}

// port is the port of CML, 0 while it is unknown.
func (p *planner) port(ctx context.Context, m *model) int {
	return int(object[attribute.Controller](ctx, m.Controller, &p.diags).Port.ValueInt64())
}

// guardSubnets checks the subnets of a new worker, and returns their zones; nil
// while they are not all known.
func (p *planner) guardSubnets(ctx context.Context, q *inquiry) (zones []string) {
	ids := knownStrings(p.plan.SubnetIDs)
	if len(ids) == 0 {
		return nil
	}
	found, ok := askSubnets(ctx, q, ids)
	if !ok {
		return nil
	}
	var elsewhere, sixOnly []string
	private := true
	for _, id := range ids {
		s := found[id]
		if s == nil {
			// RunInstances says best what is wrong with it.
			private = false
			continue
		}
		zones = append(zones, s.AvailabilityZone)
		private = private && !s.PublicIPByDefault
		if s.IPv6Only {
			sixOnly = append(sixOnly, id)
		}
		if vpc := p.defaults.VPCID; known(vpc) && s.VPCID != "" && s.VPCID != vpc.ValueString() {
			elsewhere = append(elsewhere, id+" ("+s.VPCID+")")
		}
	}
	p.refuseElsewhere(path.Root("subnet_ids"), elsewhere)
	wish := object[network](ctx, p.plan.Network, &p.diags)
	at := path.Root("network").AtName("public_ip")
	if wish.PublicIP.ValueBool() && len(sixOnly) > 0 {
		p.diags.AddAttributeError(at, "No public IPv4 address in this subnet", fmt.Sprintf(
			"%s: IPv6 only, so that no interface there has an IPv4 address. Set network = { public_ip = false }, or choose other subnets.", strings.Join(sixOnly, ", ")))
	}
	if wish.PublicIP.IsNull() && wish.EIP.IsNull() && !p.plan.Network.IsUnknown() && private {
		tfdiag.Warn(&p.diags, p.set, tfdiag.PrivateAddressOnly, fmt.Sprintf("%s will have a private address only, since its subnets (%s) give no public one by themselves: CML is reached, and its readiness seen, only from networks with a route to it.",
			p.plan.Name.ValueString(), strings.Join(ids, ", ")), at)
	}
	if len(zones) < len(ids) {
		return nil
	}
	return zones
}

// askSubnets are the subnets of a worker.
func askSubnets(ctx context.Context, q *inquiry, ids []string) (map[string]*instance.Subnet, bool) {
	return ask(ctx, q, tfdiag.CheckSkipped, "The subnets", "subnets/"+strings.Join(ids, ","), func(ctx context.Context) (map[string]*instance.Subnet, error) {
		return q.ec2.Subnets(ctx, ids...)
	})
}

// refuseElsewhere refuses what is in another VPC than the region's.
func (p *planner) refuseElsewhere(at path.Path, elsewhere []string) {
	if len(elsewhere) == 0 {
		return
	}
	region := p.plan.Region.ValueString()
	p.diags.AddAttributeError(at, "Not in the VPC of the region", fmt.Sprintf(
		"%s: not in %s, which %s.vpc_id of the provider wants for all workers of the region. Choose others, or correct vpc_id, or remove it.",
		strings.Join(elsewhere, ", "), p.defaults.VPCID.ValueString(), entryOf(region)))
}

// guardGroups checks where the security groups are, and whether one of them
// lets anybody reach CML.
func (p *planner) guardGroups(ctx context.Context, q *inquiry) {
	ids := knownStrings(p.plan.SecurityGroupIDs)
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	list := strings.Join(ids, ",")
	groups := func(ctx context.Context) (map[string]*instance.SecurityGroup, error) {
		return q.ec2.SecurityGroups(ctx, ids...)
	}
	if vpc := p.defaults.VPCID; known(vpc) {
		found, _ := ask(ctx, q, tfdiag.CheckSkipped, "The VPC of the security groups", "groups/"+list, groups)
		var elsewhere []string
		for _, id := range ids {
			if g := found[id]; g != nil && g.VPCID != "" && g.VPCID != vpc.ValueString() {
				elsewhere = append(elsewhere, id+" ("+g.VPCID+")")
			}
		}
		p.refuseElsewhere(path.Root("security_group_ids"), elsewhere)
	}
	port := p.port(ctx, p.plan)
	if port == 0 {
		return
	}
	open, ok := ask(ctx, q, tfdiag.CheckSkipped, "The rules of the security groups", fmt.Sprintf("open/%d/%s", port, list), func(ctx context.Context) ([]string, error) {
		return q.ec2.ReachableGroups(ctx, ids, port)
	})
	if !ok || len(open) > 0 {
		return
	}
	if found, err := clients.Ask(ctx, p.set, q.ec2.Region()+"/groups/"+list, groups); err == nil && len(found) == 0 {
		tfdiag.Warn(&p.diags, p.set, tfdiag.PortClosed, fmt.Sprintf("None of the security groups of %s (%s) was found in %s. Check security_group_ids: each id belongs to one region.",
			p.plan.Name.ValueString(), strings.Join(ids, ", "), q.ec2.Region()), path.Root("security_group_ids"))
		return
	}
	tfdiag.Warn(&p.diags, p.set, tfdiag.PortClosed, fmt.Sprintf("No rule of the security groups of %s (%s) lets TCP port %d in, so nobody reaches CML, and its readiness wait will not end. data.cml_security_group_rules lists what CML needs.",
		p.plan.Name.ValueString(), strings.Join(ids, ", "), port), path.Root("security_group_ids"))
}

// knownStrings returns the strings of a list or set; none while one of them is
// unknown.
func knownStrings(v interface {
	value
	Elements() []attr.Value
}) []string {
	out := attribute.Strings(v)
	if len(out) < len(v.Elements()) {
		return nil
	}
	return out
}

// preflight asks EC2 whether it would launch the first candidate. A reference
// that is unknown leaves nothing to ask.
func (p *planner) preflight(ctx context.Context, q *inquiry, entries []string) {
	c := p.config
	for _, v := range []value{c.AMIID, c.AMIFilter, c.SubnetIDs, c.SecurityGroupIDs, c.KeyName, c.IAMInstanceProfile, c.Network, c.RootVolume, c.Market, p.plan.AMIFilter, p.plan.SubnetIDs} {
		if v.IsUnknown() {
			return
		}
	}
	for _, v := range []interface{ Elements() []attr.Value }{c.SubnetIDs, c.SecurityGroupIDs} {
		if slices.ContainsFunc(v.Elements(), attr.Value.IsUnknown) {
			return
		}
	}
	limited, cancel := context.WithTimeout(ctx, clients.AnswerLimit)
	defer cancel()
	err := p.dryRun(limited, q.ec2, entries)
	switch {
	case err == nil || ctx.Err() != nil:
	case fault.Is(err, fault.Unreachable, fault.Timeout, fault.Throttled, fault.Server):
		q.unanswered(tfdiag.CheckSkipped, "What RunInstances would do", err)
	case p.set.Guardrails().Preflight == clients.Error:
		p.diags.Append(tfdiag.Error("EC2 would not launch this worker", tfdiag.About{Region: q.ec2.Region()}, err))
	default:
		d := tfdiag.Error("EC2 would not launch this worker", tfdiag.About{Region: q.ec2.Region()}, err)
		tfdiag.Warn(&p.diags, p.set, tfdiag.Preflight, fmt.Sprintf("EC2 would not launch %s. %s", p.plan.Name.ValueString(), d.Detail()))
	}
}

func (p *planner) dryRun(ctx context.Context, ec2 *instance.Client, entries []string) error {
	r := &Resource{set: p.set}
	image, err := resolveImage(ctx, ec2, p.plan, &p.diags)
	if err != nil {
		return err
	}
	tags, err := r.launchTags(ctx, p.plan, &p.diags)
	if err != nil {
		return err
	}
	launch := expandLaunch(ctx, p.plan, configuredUserData(p.plan, p.config.UserDataWO), tags, &p.diags)
	launch.ImageID, launch.InstanceTypes = image.ID, entries
	return ec2.Preflight(ctx, launch)
}
