package automation

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// ValidateConfig implements resource.ResourceWithValidateConfig. What is
// unknown is judged when it is known.
func (*IdlePolicy) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m policyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.validate(&resp.Diagnostics)
}

// validate judges the arguments together.
func (m *policyModel) validate(diags *diag.Diagnostics) {
	if m.IdleThreshold.IsNull() {
		m.IdleThreshold = types.StringValue(validators.ShortDuration(defaultIdleThreshold))
	}
	cpu := m.Signal.ValueString() == signalCPU
	switch {
	case cpu && m.CPUThresholdPercent.IsNull():
		diags.AddAttributeError(path.Root("cpu_threshold_percent"), "No processor load to compare with",
			"With `signal = \"cpu\"` the policy needs `cpu_threshold_percent`: the load, in percent, below which the worker is idle. Set it, or use `signal = \"cml\"`.")
	case !cpu && !m.Signal.IsUnknown() && !m.CPUThresholdPercent.IsNull():
		diags.AddAttributeError(path.Root("cpu_threshold_percent"), "Processor load is not looked at",
			"`cpu_threshold_percent` belongs to `signal = \"cpu\"`. Set that signal, or leave the argument out.")
	}
	for _, d := range []struct {
		name  string
		value types.String
	}{{"idle_threshold", m.IdleThreshold}, {"idle_warning", m.IdleWarning}} {
		if cpu && duration(d.value)%policyPeriod != 0 {
			diags.AddAttributeError(path.Root(d.name), "Duration is no multiple of the period", fmt.Sprintf(
				"With `signal = \"cpu\"` CloudWatch counts periods of %s, and %s is not a whole number of them. Write for instance %q.",
				validators.ShortDuration(policyPeriod), d.value.ValueString(), validators.ShortDuration(duration(d.value).Truncate(policyPeriod)+policyPeriod)))
		}
	}
	if m.IdleWarning.IsNull() || m.IdleWarning.IsUnknown() {
		return
	}
	if m.SNSTopicARN.IsNull() {
		diags.AddAttributeError(path.Root("idle_warning"), "Nobody to warn",
			"`idle_warning` tells an SNS topic that a stop is coming. Set `sns_topic_arn`, or leave `idle_warning` out.")
	}
	if !m.IdleThreshold.IsUnknown() && duration(m.IdleWarning) >= duration(m.IdleThreshold) {
		diags.AddAttributeError(path.Root("idle_warning"), "Warning would come too late", fmt.Sprintf(
			"`idle_warning` is %s, and the worker is stopped after %s: write a shorter `idle_warning`, or a longer `idle_threshold`.",
			m.IdleWarning.ValueString(), m.IdleThreshold.ValueString()))
	}
}
