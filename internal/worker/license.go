package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Values of license_check; left out means checkWarn.
const (
	checkOff     = "off"
	checkWarn    = "warn"
	checkRequire = "require"
)

// lookAtLicense asks CML for its licence once; nil where it does not tell,
// which keeps what is known.
func (r *Resource) lookAtLicense(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, m *model, diags *diag.Diagnostics) *controller.Licensing {
	settings, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	l, err := r.set.License(ec2, machine.ID, machine.AccountID, settings, nil).Look(ctx, machine)
	if err != nil {
		return nil
	}
	return &l
}

// holderKey is the private state of who is counted at Cisco's licence servers,
// for the warning of a destroy that finds nobody to ask.
const holderKey = "license_holder"

// holder is its value.
type holder struct {
	UDI            string `json:"udi,omitempty"`
	SmartAccount   string `json:"smart_account,omitempty"`
	VirtualAccount string `json:"virtual_account,omitempty"`
}

// knownLicense is what state and private state know of the licence.
func knownLicense(ctx context.Context, m *model, private attribute.PrivateReader, diags *diag.Diagnostics) licensing.Known {
	h, _ := attribute.ReadPrivate[holder](ctx, private, holderKey, diags)
	return licensing.Known{Status: m.LicenseStatus.ValueString(), UDI: h.UDI, SmartAccount: h.SmartAccount, VirtualAccount: h.VirtualAccount}
}

// saveHolder keeps who is counted.
func saveHolder(ctx context.Context, private attribute.PrivateWriter, l *controller.Licensing, diags *diag.Diagnostics) {
	k := licensing.KnownFrom(*l)
	attribute.WritePrivate(ctx, private, holderKey, holder{k.UDI, k.SmartAccount, k.VirtualAccount}, diags)
}

// refreshLicense takes a look at the licence of a worker whose CML has just
// answered into its state.
func (r *Resource) refreshLicense(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, m *model, seen *service, private attribute.PrivateWriter, diags *diag.Diagnostics) {
	if seen == nil || seen.ready == nil || !*seen.ready {
		return
	}
	l := r.lookAtLicense(ctx, ec2, machine, m, diags)
	if l == nil {
		return
	}
	m.LicenseStatus = types.StringValue(controller.LicenseStatus(*l))
	m.LicenseExpiresAt = attribute.Time(licensing.ExpiresAt(*l))
	saveHolder(ctx, private, l, diags)
	if other := r.set.SharedUDI(*l, machine.ID); other != "" {
		tfdiag.Warn(diags, r.set, tfdiag.LicenseUDIShared, fmt.Sprintf(
			"Workers %s and %s are registered under one UDI %q: they come from an image of a registered machine, and the licence servers take them for one product.", other, machine.ID, l.UDI.ProductUUID))
	}
	if licensing.Inherited(*l, machine) {
		tfdiag.Warn(diags, r.set, tfdiag.InheritedLicense, fmt.Sprintf(
			"The registration of worker %s came with its image (%s): it belongs to the machine that the image was made of, and a destroy does not release it.", machine.ID, licensing.KnownFrom(*l).Holder()))
	}
	if !l.Valid() && m.LicenseCheck.ValueString() != checkOff {
		tfdiag.Warn(diags, r.set, tfdiag.LicenseCheck, unlicensed(machine, l))
	}
}

// checkLicense judges a worker that an update has restarted.
func (r *Resource) checkLicense(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, m *model, diags *diag.Diagnostics) {
	how := m.LicenseCheck.ValueString()
	if how == checkOff {
		return
	}
	l := r.lookAtLicense(ctx, ec2, machine, m, diags)
	if l == nil || l.Valid() {
		return
	}
	if how != checkRequire {
		tfdiag.Warn(diags, r.set, tfdiag.LicenseCheck, unlicensed(machine, l))
		return
	}
	diags.Append(tfdiag.Error("CML has no valid licence after the restart", tfdiag.About{ID: machine.ID, Region: ec2.Region(),
		Next: "register the worker (`cml_worker_license`), or set `license_check = \"warn\"`."},
		fault.New(fault.WrongState, "%s", unlicensed(machine, l))))
}

func unlicensed(machine *instance.Instance, l *controller.Licensing) string {
	return fmt.Sprintf("CML on worker %s has no valid licence: its status is %s (registration %s, authorization %s).",
		machine.ID, controller.LicenseStatus(*l), l.Registration.Status, l.Authorization.Status)
}

// keepLicense gives the observed attributes of a new worker a value: what its
// readiness wait saw, until a refresh asks.
func keepLicense(m *model) {
	if m.LicenseStatus.IsUnknown() || m.LicenseStatus.IsNull() {
		m.LicenseStatus = types.StringValue(controller.LicenseUnknown)
	}
	if m.LicenseExpiresAt.IsUnknown() {
		m.LicenseExpiresAt = types.StringNull()
	}
}

// licensePolicy is how a destroy gives the licence back, defaults applied.
func (o onDestroy) licensePolicy() licensing.Policy {
	out := licensing.Policy{Mode: licensing.BestEffort, StartIfStopped: true, StopLabs: o.StopLabs.ValueBool()}
	if mode := o.DeregisterLicense.ValueString(); mode != "" {
		out.Mode = mode
	}
	if known(o.StartIfStopped) {
		out.StartIfStopped = o.StartIfStopped.ValueBool()
	}
	return out
}

// release gives the licence back before anything of the machine is touched.
// One that a cml_worker_license has given back in this run is looked at once
// more only while the machine runs. machine is nil when it is gone.
func (x *destroyer) release(ctx context.Context, machine *instance.Instance) error {
	settings, diags := attribute.ExpandController(ctx, x.state.Controller)
	x.diags.Append(diags...)
	id := x.state.ID.ValueString()
	out, err := x.set.License(x.ec2, id, x.state.AccountID.ValueString(), settings, x.say).Release(ctx, machine, licensing.Release{
		Policy: x.want.licensePolicy(), Known: x.licence, Done: x.set.LicenseFree(id),
	})
	tfdiag.LicenseNotes(x.diags, x.set, out.Notes)
	if out.Free {
		x.set.SetLicenseFree(id, true)
	}
	return err
}

// warnSpotLicense says at plan that a licensed spot machine may go without
// giving its licence back.
func warnSpotLicense(ctx context.Context, set suppressor, plan, state *model, diags *diag.Diagnostics) {
	spot := object[market](ctx, plan.Market, diags).Type.ValueString() == "spot"
	wait, _ := attribute.ExpandReadiness(ctx, plan.Readiness) // validated elsewhere
	licensed := wait.Until == readiness.Licensed
	if state != nil {
		spot = spot || isSpot(state)
		licensed = licensed || state.LicenseStatus.ValueString() == controller.LicenseRegistered
	}
	if spot && licensed {
		tfdiag.Warn(diags, set, tfdiag.SpotLicense, fmt.Sprintf(
			"Worker %s is a spot machine and licensed: when AWS takes it back, nobody gives its licence back, which stays counted until it is removed in Cisco's Smart Software Manager, or until the machine starts again.", plan.Name.ValueString()), path.Root("market"))
	}
}

// warnLicense says at plan what the licence of a worker that exists will need.
func warnLicense(set suppressor, state *model, replaced bool, diags *diag.Diagnostics) {
	if replaced && state.LicenseStatus.ValueString() == controller.LicenseRegistered {
		tfdiag.Warn(diags, set, tfdiag.LicenseReregister, fmt.Sprintf(
			"Worker %s is licensed and will be replaced: the new one must be registered with a token that is valid then. A token has an expiry date and a number of uses.", state.ID.ValueString()))
		return
	}
	end, err := time.Parse(time.RFC3339, state.LicenseExpiresAt.ValueString())
	if replaced || err != nil || time.Until(end) >= licenseSoon {
		return
	}
	tfdiag.Warn(diags, set, tfdiag.LicenseExpires, fmt.Sprintf("The licence of worker %s ends at %s. CML renews it by itself while it runs and reaches the licence servers.",
		state.ID.ValueString(), state.LicenseExpiresAt.ValueString()))
}

// licenseSoon is how long before its end a plan warns of it.
const licenseSoon = 14 * 24 * time.Hour

// suppressor is what tfdiag.Warn asks.
type suppressor interface{ Suppressed(code string) bool }
