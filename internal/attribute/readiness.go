package attribute

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Readiness is the model of the object `readiness`: how far to wait.
type Readiness struct {
	Until            types.String `tfsdk:"until"`
	Timeout          types.String `tfsdk:"timeout"`
	Interval         types.String `tfsdk:"interval"`
	StableFor        types.String `tfsdk:"stable_for"`
	MinVersion       types.String `tfsdk:"min_version"`
	MinReadyComputes types.Int64  `tfsdk:"min_ready_computes"`
	OnTimeout        types.String `tfsdk:"on_timeout"`
	Diagnostics      types.Object `tfsdk:"diagnostics"`
}

// ReadinessDiagnostics is the model of `readiness.diagnostics`.
type ReadinessDiagnostics struct {
	ConsoleOutput types.Bool `tfsdk:"console_output"`
}

// Wait is a readiness object with its defaults applied. An Interval of 0 is
// the pace of the provider.
type Wait struct {
	readiness.Options
	// Keep: a time-out is a warning, and the next apply resumes the wait.
	Keep bool
}

// ReadinessInput is the object on a resource. Its defaults are applied in code
// (ExpandReadiness), since defaults of members do not reach a null object.
// failed says what a time-out leaves behind that is an error.
func ReadinessInput(text, failed string) rschema.SingleNestedAttribute {
	return rschema.SingleNestedAttribute{
		MarkdownDescription: text, Optional: true,
		Attributes: map[string]rschema.Attribute{
			"until": rschema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(readiness.Names()...)},
				MarkdownDescription: "The rung to wait for: `none`, `running` (EC2 state), `status_ok` (EC2 status checks), `https` (any HTTP answer), `api` (CML tells its version), `ready` (CML can start nodes; default), `healthy` (CML's own health, needs credentials), `licensed` (needs credentials; in create only for images that register themselves)."},
			"timeout": rschema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Second, 24*time.Hour)},
				MarkdownDescription: "How long CML may take from the moment that the EC2 status checks pass or the first HTTP answer comes. Default `10m`."},
			"interval": rschema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Second, 10*time.Minute)},
				MarkdownDescription: "Pause between two tries; the first ones are closer together. Default `5s`."},
			"stable_for": rschema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(0, time.Hour)},
				MarkdownDescription: "How long the rung must hold without a miss, for images that reboot once after provisioning. Default `0s`."},
			"min_version": rschema.StringAttribute{Optional: true, Validators: []validator.String{validators.CMLVersion()},
				MarkdownDescription: "Lowest CML version to accept, such as `2.8.0`. A lower one ends the wait at once."},
			"min_ready_computes": rschema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(1)},
				MarkdownDescription: "How many compute hosts must be in admission state `READY`, from the rung `healthy` on. Default 1."},
			"on_timeout": rschema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("fail", "keep")},
				MarkdownDescription: "`fail` (default): a time-out is an error; " + failed + ". `keep`: a time-out is a warning, and the next plan shows one in-place change that resumes the wait. It covers the limit of `timeouts` too."},
			"diagnostics": rschema.SingleNestedAttribute{Optional: true, MarkdownDescription: "What a time-out message may contain.", Attributes: map[string]rschema.Attribute{
				"console_output": rschema.BoolAttribute{Optional: true,
					MarkdownDescription: "Add the last 30 lines of the EC2 console output. Default `false`, since cloud-init may print secrets there."},
			}},
		},
	}
}

// ExpandReadiness returns the object with its defaults applied.
func ExpandReadiness(ctx context.Context, object types.Object) (Wait, diag.Diagnostics) {
	out := Wait{Options: readiness.Options{
		Until: readiness.Ready, Timeout: readiness.DefaultTimeout, MinReadyComputes: 1,
	}}
	var diags diag.Diagnostics
	if object.IsNull() || object.IsUnknown() {
		return out, diags
	}
	var m Readiness
	diags.Append(object.As(ctx, &m, asOptions)...)
	if diags.HasError() {
		return out, diags
	}
	if s := m.Until.ValueString(); s != "" {
		rung, err := readiness.ParseRung(s)
		if err != nil {
			diags.AddError("Invalid readiness rung", err.Error())
		}
		out.Until = rung
	}
	for _, d := range []struct {
		from types.String
		to   *time.Duration
	}{{m.Timeout, &out.Timeout}, {m.Interval, &out.Interval}, {m.StableFor, &out.StableFor}} {
		if parsed, err := time.ParseDuration(d.from.ValueString()); err == nil {
			*d.to = parsed
		}
	}
	out.MinVersion = m.MinVersion.ValueString()
	if n := m.MinReadyComputes.ValueInt64(); n > 0 {
		out.MinReadyComputes = int(n)
	}
	out.Keep = m.OnTimeout.ValueString() == "keep"
	if !m.Diagnostics.IsNull() && !m.Diagnostics.IsUnknown() {
		var d ReadinessDiagnostics
		diags.Append(m.Diagnostics.As(ctx, &d, asOptions)...)
		out.ConsoleOutput = d.ConsoleOutput.ValueBool()
	}
	return out, diags
}
