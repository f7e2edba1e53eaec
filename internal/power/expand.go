package power

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/idle"
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
	// recheckIdle is the idle threshold of stop.recheck_idle, 0 without it.
	recheckIdle time.Duration
	drain       drainPlan
	// licenseCheck is checkOff, checkWarn or checkRequire.
	licenseCheck                 string
	renewLicense, releaseLicense bool
	// onDestroy is leave, stateRunning or stateStopped.
	onDestroy string
}

// defaults are the options of a configuration that says nothing.
func defaults() options {
	return options{mode: instance.StopGraceful, onDestroy: leave, licenseCheck: checkWarn, drain: drainPlan{onBusy: busyIgnore}}
}

func expand(ctx context.Context, m *model) (options, diag.Diagnostics) {
	var diags diag.Diagnostics
	out := defaults()

	settings, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	out.controller = settings

	expandStart(ctx, object[start](ctx, m.Start, &diags), &out, &diags)
	expandStop(ctx, object[stop](ctx, m.Stop, &diags), &out, &diags)
	if state := object[onDestroy](ctx, m.OnDestroy, &diags).State.ValueString(); state != "" {
		out.onDestroy = state
	}
	return out, diags
}

// expandStart reads how a worker is started.
func expandStart(ctx context.Context, from start, out *options, diags *diag.Diagnostics) {
	ready, d := attribute.ExpandReadiness(ctx, from.Readiness)
	diags.Append(d...)
	out.readiness = ready
	retry := object[capacityRetry](ctx, from.CapacityRetry, diags)
	out.capacityRetry = duration(retry.Timeout, 0)
	if how := from.LicenseCheck.ValueString(); how != "" {
		out.licenseCheck = how
	}
	out.renewLicense = from.RenewLicense.ValueBool()
}

// expandStop reads how a worker is stopped.
func expandStop(ctx context.Context, from stop, out *options, diags *diag.Diagnostics) {
	if mode := from.Mode.ValueString(); mode != "" {
		out.mode = instance.StopMode(mode)
	}
	if !from.RecheckIdle.IsNull() {
		out.recheckIdle = duration(object[recheckIdle](ctx, from.RecheckIdle, diags).IdleThreshold, idle.DefaultThreshold)
	}
	before := object[drain](ctx, from.Drain, diags)
	out.drain.Maintenance, out.drain.Notice = before.MaintenanceMode.ValueBool(), before.Notice.ValueString()
	out.drain.waitForIdle = duration(before.WaitForIdle, 0)
	if how := before.OnBusy.ValueString(); how != "" {
		out.drain.onBusy = how
	}
	out.releaseLicense = from.ReleaseLicense.ValueBool()
}

// duration is what a string says, or otherwise where it says nothing.
func duration(s types.String, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(s.ValueString()); err == nil {
		return d
	}
	return otherwise
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
