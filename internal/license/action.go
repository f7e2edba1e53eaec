package license

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
)

// acting returns the operation of an action, or nil with the reason in its
// diagnostics.
func acting(ctx context.Context, set *clients.Set, call *act.Call, explicit types.Object) *operation {
	settings, d := attribute.ExpandController(ctx, explicit)
	call.Diagnostics().Append(d...)
	if d.HasError() {
		return nil
	}
	progress := func(text string) {
		tflog.Info(ctx, text, map[string]any{"worker_id": call.ID})
		call.Tell(text)
	}
	return &operation{
		Resource: &Resource{set: set}, ec2: call.EC2, id: call.ID, diags: call.Diagnostics(),
		worker: set.License(call.EC2, call.ID, "", settings, progress),
	}
}
