package storage

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// ModifyPlan implements resource.ResourceWithModifyPlan. What it plans as known
// comes from configuration, provider configuration, prior state and private
// state; what it asks the network only becomes warnings.
func (r *Resource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.set == nil || req.Plan.Raw.IsNull() {
		return
	}
	var config, plan model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	attribute.CheckTags(r.set, config.Tags, &resp.Diagnostics)
	plan.TagsAll = attribute.TagsAll(r.set, plan.Tags)
	if req.State.Raw.IsNull() {
		plan.Region = attribute.NewRegion(ctx, r.set, config.Region)
		r.warnStop(ctx, &plan, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
		return
	}
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	first := imported(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if config.Region.IsNull() {
		plan.Region = state.Region
		r.warnRegion(ctx, &state, &resp.Diagnostics)
	}
	resp.RequiresReplace = append(resp.RequiresReplace, replaces(&config, &plan, &state, first)...)
	if len(resp.RequiresReplace) > 0 {
		// Terraform asks again, without prior state, for the new set.
		return
	}
	plan.keep(&state)
	if config.Description.IsNull() {
		plan.Description = state.Description
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// keep gives the computed attributes their prior values: all of them are fixed
// when the snapshots begin, but for tags_all.
func (m *model) keep(prior *model) {
	m.ID, m.AccountID = prior.ID, prior.AccountID
	m.Snapshots, m.RootSnapshotID, m.StartedAt = prior.Snapshots, prior.RootSnapshotID, prior.StartedAt
	m.CMLVersion, m.AMIID, m.RegisteredAtSnapshot = prior.CMLVersion, prior.AMIID, prior.RegisteredAtSnapshot
}

// replaces names the arguments that ask for another set of snapshots. What an
// import could not know is recorded.
func replaces(config, plan, state *model, imported bool) path.Paths {
	var out path.Paths
	if !state.WorkerID.IsNull() && !plan.WorkerID.Equal(state.WorkerID) {
		out = append(out, path.Root("worker_id"))
	}
	if !config.Region.IsNull() && !plan.Region.Equal(state.Region) {
		out = append(out, path.Root("region"))
	}
	if !config.Description.IsNull() && !plan.Description.Equal(state.Description) {
		out = append(out, path.Root("description"))
	}
	unknown := imported && state.Quiesce.IsNull()
	if !unknown && (plan.Quiesce.IsUnknown() || quiesceOf(plan) != quiesceOf(state)) {
		out = append(out, path.Root("quiesce"))
	}
	return out
}

// warnStop says that a running worker is going to be stopped. Whatever stands
// against looking is for apply to report.
func (r *Resource) warnStop(ctx context.Context, plan *model, diags *diag.Diagnostics) {
	if quiesceOf(plan) != quiesceStop || plan.WorkerID.IsUnknown() || len(r.set.UnknownArguments()) > 0 {
		return
	}
	ec2, err := r.set.Instances(ctx, plan.Region.ValueString())
	if err != nil {
		return
	}
	if in, err := ec2.Find(ctx, plan.WorkerID.ValueString(), ""); err == nil {
		warnInterrupted(r.set, in, diags)
	}
}

// warnInterrupted says what a stop for its snapshots does to a worker that runs.
func warnInterrupted(set *clients.Set, in *instance.Instance, diags *diag.Diagnostics) {
	if in.State != instance.StateRunning && in.State != instance.StatePending {
		return
	}
	tfdiag.Warn(diags, set, tfdiag.RunningNodesStop, fmt.Sprintf(
		"Worker %s runs. It will be stopped for its snapshots and started again as soon as they have begun; labs that run on it are interrupted.", in.ID), path.Root("quiesce"))
	if in.PublicIP != "" && !in.PublicIPIsEIP {
		tfdiag.Warn(diags, set, tfdiag.AddressChange, fmt.Sprintf(
			"Worker %s has no Elastic IP: its public address %s will be another one after the snapshots.", in.ID, in.PublicIP), path.Root("quiesce"))
	}
}

func (r *Resource) warnRegion(ctx context.Context, state *model, diags *diag.Diagnostics) {
	region, err := r.set.DefaultRegion(ctx)
	if err != nil || len(r.set.UnknownArguments()) > 0 || state.Region.Equal(types.StringValue(region)) {
		return
	}
	tfdiag.Warn(diags, r.set, tfdiag.RegionDiffers, fmt.Sprintf(
		"The snapshots %s are in %s, and the provider's region is %s now. They stay; set `region` to say so.",
		state.ID.ValueString(), state.Region.ValueString(), region), path.Root("region"))
}
