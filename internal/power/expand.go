package power

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// options is the configuration in plain Go, defaults applied.
type options struct {
	// controller is what the configuration itself says about the way to CML.
	controller controller.Settings
	readiness  attribute.Wait
	// capacityRetry is how long a start without capacity is tried again.
	capacityRetry time.Duration
	mode          instance.StopMode
	// licenseCheck is checkOff, checkWarn or checkRequire.
	licenseCheck                 string
	renewLicense, releaseLicense bool
	// onDestroy is leave, stateRunning or stateStopped.
	onDestroy string
}

func expand(ctx context.Context, m *model) (options, diag.Diagnostics) {
	var diags diag.Diagnostics
	out := options{mode: instance.StopGraceful, onDestroy: leave, licenseCheck: checkWarn}

	settings, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	out.controller = settings

	from := object[start](ctx, m.Start, &diags)
	out.readiness, d = attribute.ExpandReadiness(ctx, from.Readiness)
	diags.Append(d...)
	retry := object[capacityRetry](ctx, from.CapacityRetry, &diags)
	if after, err := time.ParseDuration(retry.Timeout.ValueString()); err == nil {
		out.capacityRetry = after
	}
	if how := from.LicenseCheck.ValueString(); how != "" {
		out.licenseCheck = how
	}
	end := object[stop](ctx, m.Stop, &diags)
	if mode := end.Mode.ValueString(); mode != "" {
		out.mode = instance.StopMode(mode)
	}
	out.renewLicense, out.releaseLicense = from.RenewLicense.ValueBool(), end.ReleaseLicense.ValueBool()
	if state := object[onDestroy](ctx, m.OnDestroy, &diags).State.ValueString(); state != "" {
		out.onDestroy = state
	}
	return out, diags
}

// object reads a nested object; null and unknown ones are empty.
func object[T any](ctx context.Context, o types.Object, diags *diag.Diagnostics) T {
	var out T
	if o.IsNull() || o.IsUnknown() {
		return out
	}
	diags.Append(o.As(ctx, &out, asTarget)...)
	return out
}
