package license

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// expirySoon is how long before the end of a licence a plan warns.
const expirySoon = 14 * 24 * time.Hour

// move is what a change of the configuration does to the licence. ModifyPlan
// and Update both work it out from plan, prior state and private state alone.
type move struct {
	// register: the server is registered again, with the token; version: since
	// there is a new one.
	register, version bool
	// adjust: the licence is looked at and brought to the configuration.
	adjust bool
	// renew: what ends soon is renewed.
	renew bool
	// wishes are the arguments whose change makes the worker necessary.
	wishes []string
}

func (m move) acts() bool { return m.register || m.adjust || m.renew }

// decide compares a planned change with the state before it.
func decide(plan, prior *model, f facts) move {
	var m move
	wish := func(name string, do bool) bool {
		if do {
			m.wishes = append(m.wishes, name)
		}
		return do
	}
	// After an import, what was never known comes for the first time, and is
	// recorded; and so is a first version of the token.
	version := !prior.TokenWOVersion.IsNull() && !plan.TokenWOVersion.IsNull() && !plan.TokenWOVersion.Equal(prior.TokenWOVersion)
	m.version = wish("token_wo_version", version)
	m.register = m.version
	m.register = wish("product", !plan.Product.Equal(prior.Product) && !(f.Imported && prior.Product.IsNull())) || m.register
	m.adjust = wish("extra_nodes", !plan.ExtraNodes.IsNull() && !plan.ExtraNodes.Equal(prior.ExtraNodes) && !(f.Imported && prior.ExtraNodes.IsNull()))
	m.adjust = wish("transport", !plan.Transport.Equal(prior.Transport) && !(f.Imported && prior.Transport.IsNull())) || m.adjust

	off := plan.PowerState.ValueString() == instance.StateStopped
	started := prior.PowerState.ValueString() == instance.StateStopped && !off && !plan.PowerState.IsNull()
	if started || !off && f.Unfinished {
		m.adjust = true
	}
	if looked := !prior.Stale.ValueBool(); looked && !off {
		m.register = m.register || prior.broken()
		m.renew = f.RenewDue && !prior.broken()
	}
	return m
}

// broken reports whether the registration that the state knows came to an end
// that only a new one mends.
func (m *model) broken() bool {
	return m.Status.ValueString() == controller.LicenseExpired || strings.HasSuffix(m.RegistrationStatus.ValueString(), "FAILED")
}

// ModifyPlan implements resource.ResourceWithModifyPlan. It asks nobody.
func (r *Resource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
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
		planCreate(&config, &plan, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
		return
	}
	var prior model
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	f := readFacts(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if r.replaces(&config, &plan, &prior, resp) {
		// Terraform asks again, without prior state, for the new one.
		return
	}
	m := decide(&plan, &prior, f)
	planUpdate(&config, &plan, &prior, m, &resp.Diagnostics)
	r.warn(ctx, &config, &prior, m, f, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

func planCreate(config, plan *model, diags *diag.Diagnostics) {
	if !plan.WorkerID.IsUnknown() {
		plan.ID = plan.WorkerID
	}
	plan.Stale = types.BoolValue(false)
	if plan.PowerState.ValueString() == instance.StateStopped {
		diags.AddAttributeError(path.Root("power_state"), "A stopped worker cannot be licensed",
			"CML registers only while it runs, and `power_state` is `stopped`. Set `state = \"running\"` on the cml_worker_power that it comes from, or leave this licence out until then.")
	}
	if config.TokenWO.IsNull() {
		diags.AddAttributeError(path.Root("token_wo"), "No registration token",
			"Creating a licence needs `token_wo`, a registration token of the smart account. It is write-only: Terraform keeps it nowhere.")
	}
}

// replaces reports whether the plan is about another worker.
func (r *Resource) replaces(config, plan, prior *model, resp *resource.ModifyPlanResponse) bool {
	if !plan.WorkerID.Equal(prior.WorkerID) {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("worker_id"))
	}
	if !config.Region.IsNull() && !plan.Region.Equal(prior.Region) {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("region"))
	}
	if len(resp.RequiresReplace) == 0 {
		return false
	}
	tfdiag.Warn(&resp.Diagnostics, r.set, tfdiag.LicenseReregister, fmt.Sprintf(
		"The licence of worker %s is given back, and another worker is registered with the token of the configuration. A token has an expiry date and a number of uses: see that it is still valid.",
		prior.WorkerID.ValueString()), path.Root("worker_id"))
	return true
}

// planUpdate gives the computed attributes their prior values, or unknown
// where the plan acts.
func planUpdate(config, plan, prior *model, m move, diags *diag.Diagnostics) {
	plan.ID = prior.ID
	if config.Region.IsNull() {
		plan.Region = prior.Region
	}
	plan.observed, plan.Stale = prior.observed, prior.Stale
	stopped := plan.PowerState.ValueString() == instance.StateStopped
	if stopped && len(m.wishes) > 0 {
		diags.AddAttributeError(path.Root("power_state"), "The licence of a stopped worker cannot be changed", fmt.Sprintf(
			"CML changes its licence only while it runs, and `power_state` is `stopped`. Start the worker in the same apply, or leave `%s` of this licence as before until it runs.", strings.Join(m.wishes, "`, `")))
		return
	}
	if stopped {
		// What is known then is that of before the stop.
		if prior.PowerState.ValueString() != instance.StateStopped {
			plan.Stale = types.BoolValue(true)
		}
		return
	}
	if !m.acts() {
		return
	}
	plan.observed, plan.Stale = unknown(), types.BoolValue(false)
	if m.version && prior.Inherited.ValueBool() {
		diags.AddAttributeError(path.Root("token_wo_version"), "An inherited registration is used as it is",
			"The registration of this worker came with its image (`inherited`), and a new token does not change that. Leave `token_wo_version` as before; or de-register CML on this worker by hand, which also takes the licence from the machine that the image was made of: the next apply then registers it with the token.")
	}
	if m.register && config.TokenWO.IsNull() {
		diags.AddAttributeError(path.Root("token_wo"), "No registration token",
			"This plan registers the worker again, which needs `token_wo`, a registration token of the smart account that is still valid.")
	}
}

// warn says what will need attention.
func (r *Resource) warn(ctx context.Context, config, prior *model, m move, f facts, diags *diag.Diagnostics) {
	if config.Region.IsNull() && r.set != nil {
		r.warnRegion(ctx, prior, diags)
	}
	if f.Spot {
		tfdiag.Warn(diags, r.set, tfdiag.SpotLicense, fmt.Sprintf(
			"Worker %s is a spot machine: when AWS takes it back, nobody gives its licence back, which stays counted until it is removed in Cisco's Smart Software Manager, or until the machine starts again.", prior.WorkerID.ValueString()), path.Root("worker_id"))
	}
	end, err := time.Parse(time.RFC3339, prior.ExpiresAt.ValueString())
	left := time.Until(end)
	if err != nil || left >= expirySoon || m.renew || m.register {
		return
	}
	text := fmt.Sprintf("The licence of worker %s ends at %s.", prior.WorkerID.ValueString(), prior.ExpiresAt.ValueString())
	if left < 0 {
		text = fmt.Sprintf("The licence of worker %s has ended at %s, as far as is known.", prior.WorkerID.ValueString(), prior.ExpiresAt.ValueString())
	}
	tfdiag.Warn(diags, r.set, tfdiag.LicenseExpires, text+" CML renews it by itself while it runs and reaches the licence servers; `renew_before` renews it in an apply.")
}

func (r *Resource) warnRegion(ctx context.Context, prior *model, diags *diag.Diagnostics) {
	if len(r.set.UnknownArguments()) > 0 {
		return
	}
	region, err := r.set.DefaultRegion(ctx)
	if err != nil || prior.Region.IsNull() || prior.Region.ValueString() == region {
		return
	}
	tfdiag.Warn(diags, r.set, tfdiag.RegionDiffers, fmt.Sprintf(
		"The worker %s is in %s, and the provider's region is %s now. The licence stays with the worker; set `region` to say so.",
		prior.WorkerID.ValueString(), prior.Region.ValueString(), region), path.Root("region"))
}
