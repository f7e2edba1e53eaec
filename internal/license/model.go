package license

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
)

// model is cml_worker_license in configuration, plan and state. TokenWO is null
// in both of the latter: Terraform hands it over in the configuration alone.
type model struct {
	ID         types.String `tfsdk:"id"`
	WorkerID   types.String `tfsdk:"worker_id"`
	Region     types.String `tfsdk:"region"`
	PowerState types.String `tfsdk:"power_state"`
	Controller types.Object `tfsdk:"controller"`

	Product        types.String   `tfsdk:"product"`
	TokenWO        types.String   `tfsdk:"token_wo"`
	TokenWOVersion types.Int64    `tfsdk:"token_wo_version"`
	ExtraNodes     types.Int64    `tfsdk:"extra_nodes"`
	Transport      types.Object   `tfsdk:"transport"`
	Reregister     types.Bool     `tfsdk:"reregister"`
	AdoptInherited types.Bool     `tfsdk:"adopt_inherited"`
	RenewBefore    types.String   `tfsdk:"renew_before"`
	OnDestroy      types.Object   `tfsdk:"on_destroy"`
	Timeouts       timeouts.Value `tfsdk:"timeouts"`

	observed
	Stale types.Bool `tfsdk:"stale"`
}

// observed is what CML says about its licence.
type observed struct {
	Status              types.String `tfsdk:"status"`
	RegistrationStatus  types.String `tfsdk:"registration_status"`
	AuthorizationStatus types.String `tfsdk:"authorization_status"`
	SmartAccount        types.String `tfsdk:"smart_account"`
	VirtualAccount      types.String `tfsdk:"virtual_account"`
	ExpiresAt           types.String `tfsdk:"expires_at"`
	RenewsAt            types.String `tfsdk:"renews_at"`
	UDI                 types.String `tfsdk:"udi"`
	Inherited           types.Bool   `tfsdk:"inherited"`
	Features            types.Set    `tfsdk:"features"`
	NodeLimit           types.Int64  `tfsdk:"node_limit"`
}

// transport is the object `transport`.
type transport struct {
	SSMS  types.String `tfsdk:"ssms"`
	Proxy types.Object `tfsdk:"proxy"`
}

// proxy is the object `transport.proxy`.
type proxy struct {
	Server types.String `tfsdk:"server"`
	Port   types.Int64  `tfsdk:"port"`
}

// onDestroy is the object `on_destroy`.
type onDestroy struct {
	Release        types.String `tfsdk:"release"`
	StartIfStopped types.Bool   `tfsdk:"start_if_stopped"`
	StopLabs       types.Bool   `tfsdk:"stop_labs"`
}

// identity is the resource identity.
type identity = attribute.Identity

var (
	proxyTypes     = map[string]attr.Type{"server": types.StringType, "port": types.Int64Type}
	transportTypes = map[string]attr.Type{"ssms": types.StringType, "proxy": types.ObjectType{AttrTypes: proxyTypes}}
	featureTypes   = map[string]attr.Type{
		"id": types.StringType, "name": types.StringType, "in_use": types.Int64Type,
		"min": types.Int64Type, "max": types.Int64Type, "status": types.StringType,
	}
)

// asTarget reads null and unknown members as empty ones.
var asTarget = basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true}

// object reads a nested object; null and unknown ones are empty.
func object[T any](ctx context.Context, o types.Object, diags *diag.Diagnostics) T {
	var out T
	if o.IsNull() || o.IsUnknown() {
		return out
	}
	diags.Append(o.As(ctx, &out, asTarget)...)
	return out
}

// unknown is what a plan shows of a licence that it changes.
func unknown() observed {
	return observed{
		Status: types.StringUnknown(), RegistrationStatus: types.StringUnknown(), AuthorizationStatus: types.StringUnknown(),
		SmartAccount: types.StringUnknown(), VirtualAccount: types.StringUnknown(), ExpiresAt: types.StringUnknown(),
		RenewsAt: types.StringUnknown(), UDI: types.StringUnknown(), Inherited: types.BoolUnknown(),
		Features: types.SetUnknown(types.ObjectType{AttrTypes: featureTypes}), NodeLimit: types.Int64Unknown(),
	}
}

// flatten is the only place that turns a licensing document into a model.
func flatten(l controller.Licensing, inherited bool) observed {
	limit := types.Int64Null()
	if n, ok := licensing.NodeLimit(l); ok {
		limit = types.Int64Value(int64(n))
	}
	return observed{
		Status:              types.StringValue(controller.LicenseStatus(l)),
		RegistrationStatus:  attribute.String(l.Registration.Status),
		AuthorizationStatus: attribute.String(l.Authorization.Status),
		SmartAccount:        attribute.String(l.Registration.SmartAccount),
		VirtualAccount:      attribute.String(l.Registration.VirtualAccount),
		ExpiresAt:           attribute.Time(licensing.ExpiresAt(l)),
		RenewsAt:            attribute.Time(licensing.RenewsAt(l)),
		UDI:                 attribute.String(l.UDI.ProductUUID),
		Inherited:           types.BoolValue(inherited),
		Features:            features(l),
		NodeLimit:           limit,
	}
}

// whole is a number, or null for one that CML does not tell.
func whole(n *controller.Whole) types.Int64 {
	if n == nil {
		return types.Int64Null()
	}
	return types.Int64Value(int64(*n))
}

func features(l controller.Licensing) types.Set {
	out := make([]attr.Value, 0, len(l.Features))
	seen := map[string]bool{}
	for _, f := range l.Features {
		if seen[f.ID] {
			continue
		}
		seen[f.ID] = true
		out = append(out, types.ObjectValueMust(featureTypes, map[string]attr.Value{
			"id": attribute.String(f.ID), "name": attribute.String(f.Name), "in_use": types.Int64Value(int64(f.InUse)),
			"min": whole(f.Min), "max": whole(f.Max), "status": attribute.String(f.Status),
		}))
	}
	return types.SetValueMust(types.ObjectType{AttrTypes: featureTypes}, out)
}

// expandTransport returns the way to the licence servers, nil where the
// configuration leaves it to CML.
func expandTransport(ctx context.Context, o types.Object, diags *diag.Diagnostics) *controller.LicenseTransport {
	if o.IsNull() || o.IsUnknown() {
		return nil
	}
	t := object[transport](ctx, o, diags)
	p := object[proxy](ctx, t.Proxy, diags)
	return &controller.LicenseTransport{SSMS: t.SSMS.ValueString(), ProxyServer: p.Server.ValueString(), ProxyPort: int(p.Port.ValueInt64())}
}

// seenTransport is `transport` as CML has it, in the form that the
// configuration gave it: what that leaves out stays out while CML has its
// default there.
func seenTransport(ctx context.Context, configured types.Object, l controller.Licensing, diags *diag.Diagnostics) types.Object {
	want := expandTransport(ctx, configured, diags)
	if want == nil {
		return configured
	}
	got := l.Transport
	ssms, link := types.StringNull(), types.ObjectNull(proxyTypes)
	if want.SSMS != "" || !licensing.DefaultSSMS(l) {
		ssms = attribute.String(got.SSMS)
	}
	if got.Proxy.Server != "" {
		port := types.Int64Null()
		if got.Proxy.Port != 0 {
			port = types.Int64Value(int64(got.Proxy.Port))
		}
		link = types.ObjectValueMust(proxyTypes, map[string]attr.Value{"server": attribute.String(got.Proxy.Server), "port": port})
	}
	return types.ObjectValueMust(transportTypes, map[string]attr.Value{"ssms": ssms, "proxy": link})
}

// policy is `on_destroy`, defaults applied.
func policy(ctx context.Context, o types.Object, diags *diag.Diagnostics) licensing.Policy {
	from := object[onDestroy](ctx, o, diags)
	out := licensing.Policy{Mode: licensing.BestEffort, StartIfStopped: true, StopLabs: from.StopLabs.ValueBool()}
	if mode := from.Release.ValueString(); mode != "" {
		out.Mode = mode
	}
	if !from.StartIfStopped.IsNull() {
		out.StartIfStopped = from.StartIfStopped.ValueBool()
	}
	return out
}

// known is what the state knows of the licence.
func (m *model) known() licensing.Known {
	return licensing.Known{
		Status: m.Status.ValueString(), UDI: m.UDI.ValueString(),
		SmartAccount: m.SmartAccount.ValueString(), VirtualAccount: m.VirtualAccount.ValueString(),
	}
}

// ours reports whether the registration is known to be no inherited one. What
// was imported while nobody could look is not known.
func (m *model) ours() bool { return !m.Inherited.IsNull() && !m.Inherited.ValueBool() }

// renewBefore is the duration of `renew_before`, 0 for none.
func (m *model) renewBefore() time.Duration {
	d, _ := time.ParseDuration(m.RenewBefore.ValueString())
	return d
}
