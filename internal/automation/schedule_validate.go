package automation

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// ValidateConfig implements resource.ResourceWithValidateConfig: a schedule
// without a time is none.
func (*Schedule) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config scheduleModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() || !config.StartCron.IsNull() || config.stops() {
		return
	}
	resp.Diagnostics.AddError("Schedule without a time",
		"Set at least one of start_cron, stop_cron and stop_at: for instance stop_cron = \"0 19 ? * MON-FRI *\" for seven o'clock in the evening from Monday to Friday.")
}

// checkLease refuses a lease that is over. prior is that of the state: one that
// ran out since it was applied is fine.
func checkLease(lease, prior types.String, diags *diag.Diagnostics) {
	if lease.IsNull() || lease.IsUnknown() || !over(lease) || sameMoment(lease, prior) {
		return
	}
	diags.AddAttributeError(path.Root("stop_at"), "The lease is over already", fmt.Sprintf(
		"%s has passed, so that nothing would stop the worker then. Write a moment in the future, or remove stop_at.", lease.ValueString()))
}
