package power

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// warnUpdate says what a change of an existing resource is about to do.
func (r *Resource) warnUpdate(ctx context.Context, config, plan, prior *model, m move, f facts, diags *diag.Diagnostics) {
	opts, d := expand(ctx, plan)
	diags.Append(d...)
	if r.set == nil || diags.HasError() {
		return
	}
	if config.Region.IsNull() {
		r.warnRegion(ctx, prior, diags)
	}
	r.warnAutomation(plan, f.Automation, diags)
	if !m.stops {
		return
	}
	at := path.Root("state")
	if m.restart {
		at = path.Root("triggers")
	}
	r.warnMode(opts, modePath, diags)
	if in := r.look(ctx, prior.Region.ValueString(), prior.WorkerID.ValueString(), f.AccountID); in != nil {
		r.checkStop(ctx, opts, in, at, diags)
	}
}

// warnCreate looks at the worker, which nobody has read yet, only where a
// warning may come of it.
func (r *Resource) warnCreate(ctx context.Context, plan *model, diags *diag.Diagnostics) {
	if r.set == nil || plan.WorkerID.IsUnknown() || plan.State.IsNull() || plan.State.IsUnknown() {
		return
	}
	opts, d := expand(ctx, plan)
	diags.Append(d...)
	if diags.HasError() {
		return
	}
	// A region that is left out is unknown here and reads as the provider's.
	in := r.look(ctx, plan.Region.ValueString(), plan.WorkerID.ValueString(), "")
	if in == nil {
		return
	}
	r.warnAutomation(plan, automation(r.tagsOf(in)), diags)
	if plan.State.ValueString() == stateStopped && settled(in.State) == stateRunning {
		r.warnMode(opts, modePath, diags)
		r.checkStop(ctx, opts, in, path.Root("state"), diags)
	}
}

// planDestroy warns of what `on_destroy` in the state will interrupt.
func (r *Resource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var prior model
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if r.set == nil || resp.Diagnostics.HasError() {
		return
	}
	opts, diags := expand(ctx, &prior)
	f := readFacts(ctx, req.Private, &diags)
	resp.Diagnostics.Append(diags...)
	if diags.HasError() || opts.onDestroy != stateStopped || settled(prior.InstanceState.ValueString()) != stateRunning {
		return
	}
	r.warnMode(opts, modePath, &resp.Diagnostics)
	if in := r.look(ctx, prior.Region.ValueString(), prior.WorkerID.ValueString(), f.AccountID); in != nil {
		r.checkStop(ctx, opts, in, path.Root("on_destroy").AtName("state"), &resp.Diagnostics)
	}
}

// look reads a worker for the sake of warnings; whatever stands against that
// is for Read and apply to report.
func (r *Resource) look(ctx context.Context, region, id, accountID string) *instance.Instance {
	if len(r.set.UnknownArguments()) > 0 {
		return nil
	}
	ec2, err := r.set.Instances(ctx, region)
	if err != nil {
		return nil
	}
	in, err := ec2.Find(ctx, id, accountID)
	if err != nil {
		return nil
	}
	return in
}

func (r *Resource) warnRegion(ctx context.Context, prior *model, diags *diag.Diagnostics) {
	region, err := r.set.DefaultRegion(ctx)
	if err != nil || prior.Region.IsNull() || prior.Region.ValueString() == region {
		return
	}
	tfdiag.Warn(diags, r.set, tfdiag.RegionDiffers, fmt.Sprintf(
		"The worker %s is in %s, and the provider's region is %s now. The resource stays with the worker; set `region` to say so.",
		prior.WorkerID.ValueString(), prior.Region.ValueString(), region), path.Root("region"))
}

func (r *Resource) warnAutomation(plan *model, automation []string, diags *diag.Diagnostics) {
	if len(automation) == 0 || plan.State.IsNull() || plan.OnExternalChange.IsUnknown() || plan.OnExternalChange.ValueString() == onAccept {
		return
	}
	names := make([]string, len(automation))
	for i, name := range automation {
		names[i] = r.set.ManagedTags().Key(name)
	}
	noun := "tag"
	if len(names) > 1 {
		noun = "tags"
	}
	tfdiag.Warn(diags, r.set, tfdiag.ExternalChange, fmt.Sprintf(
		"The worker %s has the %s %s: something else stops or starts it, and each apply would undo that. Set `on_external_change = \"accept\"`.",
		plan.WorkerID.ValueString(), noun, strings.Join(names, " and ")), path.Root("on_external_change"))
}

// modePath is where the resource has the mode of a stop.
var modePath = path.Root("stop").AtName("mode")

func (r *Resource) warnMode(opts options, at path.Path, diags *diag.Diagnostics) {
	if opts.mode != instance.StopSkipOSShutdown {
		return
	}
	tfdiag.Warn(diags, r.set, tfdiag.SkipOSShutdown,
		"`"+at.String()+"` is `skip_os_shutdown`: the operating system is not asked to shut down, and data that it has not written yet is lost.",
		at)
}

// warnNodes says what a stop interrupts.
func (r *Resource) warnNodes(ctx context.Context, opts options, in *instance.Instance, at path.Path, happens, onBusy string, diags *diag.Diagnostics) {
	more := ""
	switch opts.drain.onBusy {
	case busyFail:
		more = " By `" + onBusy + "` that is an error while they run."
	case busyStopLabs:
		more = " By `" + onBusy + "` the labs of all users are stopped first."
	}
	r.warnInterrupted(ctx, opts.controller, in, at, happens, more, diags)
}

// warnInterrupted says how many nodes run on a worker while something is about
// to happen to it.
func (r *Resource) warnInterrupted(ctx context.Context, explicit controller.Settings, in *instance.Instance, at path.Path, happens, more string, diags *diag.Diagnostics) {
	n, err := r.runningNodes(ctx, explicit, in)
	if err != nil || n == 0 {
		return
	}
	tfdiag.Warn(diags, r.set, tfdiag.RunningNodesStop, fmt.Sprintf("%s on the worker %s, and %s.%s", running(n), in.ID, happens, more), at)
}
