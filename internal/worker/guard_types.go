package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/quotas"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// typeCheck judges the instance types that a launch or a resize may take. Each
// entry of a menu is judged; those refused are left out, and nothing fails
// before none remains.
type typeCheck struct {
	*inquiry
	set        *clients.Set
	diags      *diag.Diagnostics
	guardrails clients.Guardrails
	at         path.Path
	// name and region are those of the worker; nested is its wish.
	name, region, nested string
	spot                 bool
	// self is the worker's own machine, "" for a new one, and runs says that it
	// counts against the quota now.
	self string
	runs bool
	// zones are those that it may run in; nil: any.
	zones []string
	// machine is what it costs besides its type, maxPrice the most that it pays
	// on the spot market, menu all types that it may have.
	machine  pricing.Machine
	maxPrice string
	menu     []string
}

func newTypeCheck(ctx context.Context, set *clients.Set, plan *model, diags *diag.Diagnostics) *typeCheck {
	buys := object[market](ctx, plan.Market, diags)
	return &typeCheck{
		set: set, diags: diags, guardrails: set.Guardrails(), at: path.Root("instance_types"),
		name: plan.Name.ValueString(), region: plan.Region.ValueString(), nested: plan.Nested.ValueString(),
		spot: buys.Type.ValueString() == "spot", maxPrice: buys.MaxPrice.ValueString(), menu: attribute.Strings(plan.InstanceTypes),
		machine: plannedMachine(ctx, plan, nil, diags),
	}
}

// launchable are the instance types of a new worker that the guard rails let
// be launched. The plan has warned of the others already.
func (r *Resource) launchable(ctx context.Context, ec2 *instance.Client, plan *model, image *instance.Image, diags *diag.Diagnostics) []string {
	var found diag.Diagnostics
	guardRegion(r.set.Guardrails(), plan.Region, &found)
	c := newTypeCheck(ctx, r.set, plan, &found)
	c.inquiry = &inquiry{set: r.set, ec2: ec2, diags: &found}
	c.machine, c.zones = plannedMachine(ctx, plan, image, &found), c.spotZones(ctx, plan.SubnetIDs)
	entries := attribute.Strings(plan.InstanceTypes)
	if len(entries) == 0 {
		entries = []string{plan.InstanceType.ValueString()}
	}
	entries = c.allowed(entries)
	// What only warns leaves nothing out.
	for _, s := range []*clients.Severity{&c.guardrails.CapabilityCheck, &c.guardrails.QuotaCheck} {
		if *s != clients.Error {
			*s = clients.Off
		}
	}
	entries = c.judge(ctx, entries)
	diags.Append(found.Errors()...)
	return entries
}

// judge asks AWS about the entries and returns those that remain.
func (c *typeCheck) judge(ctx context.Context, entries []string) []string {
	if c.guardrails.CapabilityCheck != clients.Off {
		entries = c.capable(ctx, entries)
		entries = c.offered(ctx, entries)
	}
	if c.guardrails.QuotaCheck != clients.Off {
		entries = c.affordable(ctx, entries)
	}
	return c.within(ctx, entries)
}

// without leaves the refused entries out. That is an error when none remains,
// else a warning.
func (c *typeCheck) without(entries, refused []string, summary, why string) []string {
	if len(refused) == 0 {
		return entries
	}
	rest := slices.DeleteFunc(slices.Clone(entries), func(name string) bool { return slices.Contains(refused, name) })
	if len(rest) == 0 {
		c.diags.AddAttributeError(c.at, summary, why)
		return nil
	}
	tfdiag.Warn(c.diags, c.set, tfdiag.TypesSkipped, fmt.Sprintf("%s Left for %s: %s.", why, c.name, strings.Join(rest, ", ")), c.at)
	return rest
}

// typeAllowed reports whether allowed_instance_types has a type.
func typeAllowed(g clients.Guardrails, name string) bool {
	return g.AllowedInstanceTypesUnknown || len(g.AllowedInstanceTypes) == 0 ||
		slices.ContainsFunc(g.AllowedInstanceTypes, func(pattern string) bool { return wildcard(pattern).MatchString(name) })
}

// allowed leaves out what allowed_instance_types does not have.
func (c *typeCheck) allowed(entries []string) []string {
	refused := filtered(entries, func(name string) bool { return !typeAllowed(c.guardrails, name) })
	return c.without(entries, refused, "Instance type not allowed", fmt.Sprintf(
		"The provider's guardrails.allowed_instance_types do not have %s. Allowed are: %s.",
		strings.Join(refused, ", "), strings.Join(slices.Sorted(slices.Values(c.guardrails.AllowedInstanceTypes)), ", ")))
}

func filtered(names []string, keep func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !keep(name) })
}

// facts are what EC2 tells about instance types.
func (c *typeCheck) facts(ctx context.Context, names []string) (map[string]*instance.TypeInfo, bool) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return ask(ctx, c.inquiry, tfdiag.CapabilityUnknown, "What "+strings.Join(names, ", ")+" can do", "types/"+strings.Join(names, ","), func(ctx context.Context) (map[string]*instance.TypeInfo, error) {
		return c.ec2.InstanceTypes(ctx, names...)
	})
}

// capable looks for types that cannot run CML.
func (c *typeCheck) capable(ctx context.Context, entries []string) []string {
	if len(entries) == 0 {
		return entries
	}
	facts, ok := c.facts(ctx, entries)
	if !ok {
		return entries
	}
	absent := filtered(entries, func(name string) bool { return facts[name] == nil })
	lacking := filtered(entries, func(name string) bool {
		t := facts[name]
		return t != nil && (!t.RunsCML() || c.nested == nestedDisabled && !t.BareMetal)
	})
	metal := filtered(entries, func(name string) bool { return facts[name] != nil && facts[name].BareMetal })
	if len(metal) > 0 {
		tfdiag.Warn(c.diags, c.set, tfdiag.BareMetal, fmt.Sprintf("%s: bare metal, which takes 10 to 20 minutes longer to launch, stop and start than a virtual machine.", strings.Join(metal, ", ")), c.at)
	}
	unknown := fmt.Sprintf("EC2 does not know the instance type %s in %s. Check how it is written; data.cml_instance_types lists those that run CML.", strings.Join(absent, ", "), c.region)
	without := fmt.Sprintf("%s: no virtualisation for CML, which needs an x86_64 type with bare metal, or one with nested virtualisation that is switched on (M8i, C8i, R8i and their flex forms). data.cml_instance_types lists them.", strings.Join(lacking, ", "))
	if c.guardrails.CapabilityCheck == clients.Error {
		entries = c.without(entries, absent, "Instance type not known", unknown)
		return c.without(entries, lacking, "Instance type without virtualisation", without)
	}
	if len(absent) > 0 {
		tfdiag.Warn(c.diags, c.set, tfdiag.CapabilityUnknown, unknown, c.at)
	}
	if len(lacking) > 0 {
		tfdiag.Warn(c.diags, c.set, tfdiag.NoVirtualization, without, c.at)
	}
	return entries
}

// offered leaves out types that no zone of the subnets offers although the
// region has them.
func (c *typeCheck) offered(ctx context.Context, entries []string) []string {
	if len(entries) == 0 {
		return entries
	}
	names := slices.Sorted(slices.Values(entries))
	zones, ok := ask(ctx, c.inquiry, tfdiag.CapabilityUnknown, "Where "+strings.Join(names, ", ")+" is offered", "offerings/"+strings.Join(names, ","), func(ctx context.Context) (map[string][]string, error) {
		return c.ec2.Offerings(ctx, names...)
	})
	if !ok || len(c.zones) == 0 {
		return entries
	}
	var why []string
	refused := filtered(entries, func(name string) bool {
		if len(zones[name]) == 0 || slices.ContainsFunc(c.zones, func(z string) bool { return slices.Contains(zones[name], z) }) {
			return false
		}
		why = append(why, fmt.Sprintf("%s is offered in %s", name, strings.Join(zones[name], ", ")))
		return true
	})
	here := slices.Compact(slices.Sorted(slices.Values(c.zones)))
	return c.without(entries, refused, "Instance type not offered here", fmt.Sprintf("%s, not in %s, where the worker would be. Choose another type, or subnets in other zones.",
		strings.Join(why, "; "), strings.Join(here, ", ")))
}

// affordable looks for types that the vCPU quotas do not cover, beside what
// runs now.
func (c *typeCheck) affordable(ctx context.Context, entries []string) []string {
	if len(entries) == 0 || c.self != "" && !c.runs {
		return entries
	}
	service, err := c.set.Quotas(ctx, c.region)
	if err != nil || service == nil {
		return entries
	}
	facts, ok := c.facts(ctx, entries)
	if !ok {
		return entries
	}
	var why []string
	refused := filtered(entries, func(name string) bool {
		code, quota := quotas.VCPUs(name, c.spot)
		if code == "" || facts[name] == nil {
			return false
		}
		limit, ok := ask(ctx, c.inquiry, tfdiag.CheckSkipped, fmt.Sprintf("The quota %q (%s)", quota, code), "quota/"+code, func(ctx context.Context) (float64, error) {
			return service.EC2(ctx, code)
		})
		if !ok {
			return false
		}
		used, ok := c.used(ctx, code)
		if !ok || float64(used+facts[name].VCPUs) <= limit {
			return false
		}
		why = append(why, fmt.Sprintf("%s needs %d vCPUs; the quota %q (%s) in %s is %.0f, of which %d are in use.", name, facts[name].VCPUs, quota, code, c.region, limit, used))
		return true
	})
	text := strings.Join(why, " ") + " Ask for more in Service Quotas, or stop something."
	if c.guardrails.QuotaCheck == clients.Error {
		return c.without(entries, refused, "Quota too small", text)
	}
	if len(refused) > 0 {
		tfdiag.Warn(c.diags, c.set, tfdiag.QuotaShort, text, c.at)
	}
	return entries
}

// used are the vCPUs that run against a quota now, without this worker's own:
// those of its machine, and of one of its name, which this plan may replace.
func (c *typeCheck) used(ctx context.Context, code string) (int32, bool) {
	running, ok := ask(ctx, c.inquiry, tfdiag.CheckSkipped, "What counts against the quota", "running", func(ctx context.Context) ([]*instance.Instance, error) {
		return c.ec2.Search(ctx, instance.Query{States: []string{instance.StatePending, instance.StateRunning}})
	})
	if !ok {
		return 0, false
	}
	marker := c.set.ManagedTags().Key(instance.MarkerWorkerName)
	var names []string
	for _, i := range running {
		spot := i.Lifecycle == "spot"
		own := i.ID == c.self || c.self == "" && i.Tags[marker] == c.name
		if counted, _ := quotas.VCPUs(i.Type, spot); counted == code && spot == c.spot && !own {
			names = append(names, i.Type)
		}
	}
	if len(names) == 0 {
		return 0, true
	}
	facts, ok := c.facts(ctx, names)
	var sum int32
	for _, name := range names {
		if t := facts[name]; t != nil {
			sum += t.VCPUs
		}
	}
	return sum, ok
}
