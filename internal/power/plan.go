package power

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

// ModifyPlan implements resource.ResourceWithModifyPlan. What it plans as known
// comes from configuration, provider configuration, prior state and private
// state; what it asks the network only becomes warnings, since Terraform calls
// it again during apply and wants the same plan.
func (r *Resource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, resp)
		return
	}
	var config, plan model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if req.State.Raw.IsNull() {
		plan.Region = attribute.NewRegion(ctx, r.set, config.Region)
		r.planCreate(ctx, &plan, resp)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
		return
	}
	var prior model
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	_, waiting := readPending(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if replaces(&config, &plan, &prior, resp) {
		// Terraform asks again, without prior state, for the new one.
		return
	}
	m := decide(&plan, &prior, f)
	waiting = waiting && m.desired == stateRunning && prior.InstanceState.ValueString() == stateRunning
	// What a drain has left is taken back in place, as a wait is finished.
	reopens := f.Drained && prior.InstanceState.ValueString() == stateRunning && !m.stops
	r.planUpdate(&config, &plan, &prior, m, f, waiting || reopens)
	r.warnUpdate(ctx, &config, &plan, &prior, m, f, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// planCreate leaves all that the worker's power state decides unknown, which
// the framework has marked so, but for what the configuration fixes.
func (r *Resource) planCreate(ctx context.Context, plan *model, resp *resource.ModifyPlanResponse) {
	if !plan.WorkerID.IsUnknown() {
		plan.ID = plan.WorkerID
	}
	if url, ok := namedURL(plan.Controller, r.providerController()); ok {
		plan.URL = types.StringValue(url)
	}
	r.warnCreate(ctx, plan, &resp.Diagnostics)
}

// replaces reports whether the plan is about another worker.
func replaces(config, plan, prior *model, resp *resource.ModifyPlanResponse) bool {
	if !plan.WorkerID.Equal(prior.WorkerID) {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("worker_id"))
	}
	if !config.Region.IsNull() && !plan.Region.Equal(prior.Region) {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("region"))
	}
	return len(resp.RequiresReplace) > 0
}

// planUpdate gives each computed attribute its prior value, or unknown where
// the change reaches it. The framework has marked all of them unknown if
// anything differs, and none if nothing does.
func (r *Resource) planUpdate(config, plan, prior *model, m move, f facts, unfinished bool) {
	if config.Region.IsNull() {
		plan.Region = prior.Region
	}
	plan.keep(prior, func(c class) bool {
		switch c {
		case powerBound:
			return m.act || m.reread
		case publicBound:
			return m.act && !f.EIP || m.reread
		case endpointBound:
			return m.act || m.reread || m.endpoint
		case addressing:
			return m.reread
		}
		return false
	})
	if unfinished {
		plan.ServiceStatus = types.StringUnknown()
	}

	// What is fixed stays known. The worker may have got or lost an Elastic IP
	// with a new revision, so there only the configuration's own word counts.
	private := privateFirst(plan.Controller) && prior.Address.Equal(prior.PrivateIP)
	port, portUnknown := member(plan.Controller, "port")
	if !m.preference && (!m.reread && (!m.act || f.FixedAddress) || private) {
		plan.Address = prior.Address
	}
	switch url, ok := namedURL(plan.Controller, r.providerController()); {
	case !m.endpoint && !m.reread && (!m.act || f.FixedURL),
		!m.endpoint && private && port != nil && !portUnknown:
		plan.URL = prior.URL
	case ok:
		plan.URL = types.StringValue(url)
	}
}

// providerController is the layer of the provider, with the default port; the
// port is 0 where the provider's own is not known yet.
func (r *Resource) providerController() controller.Settings {
	if r.set == nil || len(r.set.UnknownArguments()) > 0 {
		return controller.Settings{}
	}
	return controller.Merge(r.set.Controller(), controller.Defaults())
}
