// Package automation is what acts on a worker while no Terraform runs:
// cml_worker_idle_policy and cml_worker_schedule.
package automation

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// base is what the resources of this package have in common.
type base struct {
	set *clients.Set
}

// Configure implements resource.ResourceWithConfigure. It makes no request.
func (b *base) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	b.set = set
}

// importRegion returns the region of an import: the one that was named, else
// the provider's. example is an import id without a region.
func (b *base) importRegion(ctx context.Context, named types.String, example string, diags *diag.Diagnostics) types.String {
	if named.ValueString() != "" {
		return named
	}
	region, err := b.set.DefaultRegion(ctx)
	if err != nil {
		diags.AddError("No AWS region", "Add the region to the import id, as in \""+example+"@us-west-2\".\n\n"+err.Error())
	}
	return types.StringValue(region)
}

// planRegion returns the region that an update plans, and whether it replaces
// the resource: only an explicit other value does. Where the configuration
// names none the resource stays where it is, with a warning if the provider's
// region is another one by now. what names it: "The schedules of the worker i-…".
func (b *base) planRegion(ctx context.Context, what string, config, plan, prior types.String, diags *diag.Diagnostics) (types.String, bool) {
	if !config.IsNull() {
		return plan, !plan.Equal(prior)
	}
	if region, err := b.set.DefaultRegion(ctx); err == nil && len(b.set.UnknownArguments()) == 0 && prior.ValueString() != region {
		tfdiag.Warn(diags, b.set, tfdiag.RegionDiffers, fmt.Sprintf(
			"%s are in %s, and the provider's region is %s now. They stay; set `region` to say so.", what, prior.ValueString(), region), path.Root("region"))
	}
	return prior, false
}

// phase is when something is judged.
type phase bool

const (
	// planning: as the worker will be once this plan is applied.
	planning phase = true
	// applying: as the worker is.
	applying phase = false
)

// stopProtected reports whether EC2 will refuse, or refuses, to stop a worker. It
// may be called in a plan, for it only makes diagnostics; what stands against
// looking is for apply to report.
func (b *base) stopProtected(ctx context.Context, when phase, region, workerID types.String) bool {
	// A region that is left out is unknown here and reads as the provider's.
	if workerID.IsUnknown() || workerID.IsNull() || len(b.set.UnknownArguments()) > 0 {
		return false
	}
	ec2, err := b.set.Instances(ctx, region.ValueString())
	if err != nil {
		return false
	}
	if when == planning {
		return b.set.WillProtectStop(ctx, ec2, workerID.ValueString())
	}
	on, err := ec2.StopProtection(ctx, workerID.ValueString())
	return err == nil && on
}

// liftProtection is what to do about it. A plan that lifts the protection is
// seen where the resource refers to the worker, and is planned after it.
const liftProtection = "Set `protection = { stop = false }` on the `cml_worker`, to which `worker_id` refers or which is applied first, or remove this resource."

// refuseProtected adds an error when the worker has stop protection: nothing
// could stop it then. consequence says what would happen: "the alarm could not
// stop it".
func (b *base) refuseProtected(ctx context.Context, when phase, region, workerID types.String, consequence string, diags *diag.Diagnostics) {
	if b.stopProtected(ctx, when, region, workerID) {
		diags.AddAttributeError(path.Root("worker_id"), "The worker has stop protection", fmt.Sprintf(
			"Worker %s has stop protection (disableApiStop): %s. %s", workerID.ValueString(), consequence, liftProtection))
	}
}

// warnProtected warns in the plan of what exists already that nothing stops the
// worker any more. It is no error: the plan may be the one of a destroy, and a
// worker by a literal id may be planned later than this.
func (b *base) warnProtected(ctx context.Context, region, workerID types.String, consequence string, diags *diag.Diagnostics) {
	if b.stopProtected(ctx, planning, region, workerID) {
		tfdiag.Warn(diags, b.set, tfdiag.StopProtected, fmt.Sprintf(
			"Worker %s has stop protection (disableApiStop), or gets it by this plan: %s. Nor can this resource be changed meanwhile. %s",
			workerID.ValueString(), consequence, liftProtection), path.Root("worker_id"))
	}
}

// mark puts a managed tag on the worker, by which cml_worker_power knows that
// something else starts or stops it. That it fails is a warning: what the tag
// tells about exists all the same.
func (b *base) mark(ctx context.Context, ec2 *instance.Client, workerID, name, value string, diags *diag.Diagnostics) {
	tags := ec2.ManagedTags()
	if !tags.Enabled {
		return
	}
	if err := ec2.SyncTags(ctx, []string{workerID}, map[string]string{tags.Key(name): value}, nil); err != nil {
		b.warnTag(workerID, tags.Key(name), "written", err, diags)
	}
}

// unmark takes a managed tag off the worker, if it still exists.
func (b *base) unmark(ctx context.Context, ec2 *instance.Client, workerID, name string, diags *diag.Diagnostics) {
	tags := ec2.ManagedTags()
	if !tags.Enabled {
		return
	}
	if err := ec2.SyncTags(ctx, []string{workerID}, nil, []string{tags.Key(name)}); err != nil && !fault.Is(err, fault.NotFound) {
		b.warnTag(workerID, tags.Key(name), "removed", err, diags)
	}
}

func (b *base) warnTag(workerID, key, what string, err error, diags *diag.Diagnostics) {
	tfdiag.Warn(diags, b.set, tfdiag.TagsIncomplete, fmt.Sprintf("The tag %q of the worker %s could not be %s: %s", key, workerID, what, err))
}

// changedKey is the private state that says what something changed outside in a
// way that no argument shows, so that a plan puts it back.
const changedKey = "changed_parts"

func readChanged(ctx context.Context, from attribute.PrivateReader, diags *diag.Diagnostics) []string {
	parts, _ := attribute.ReadPrivate[[]string](ctx, from, changedKey, diags)
	return parts
}

func writeChanged(ctx context.Context, to attribute.PrivateWriter, parts []string) diag.Diagnostics {
	var diags diag.Diagnostics
	attribute.WritePrivate(ctx, to, changedKey, parts, &diags)
	return diags
}
