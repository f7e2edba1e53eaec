package power

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// ValidateConfig implements resource.ResourceWithValidateConfig: a readiness
// wait must fit into the operation that it is part of.
func (r *Resource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	at := path.Root("start").AtName("readiness").AtName("timeout")
	var wanted types.String
	// An object on the way that is null or unknown leaves it null or unknown.
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &wanted)...)
	readiness, err := time.ParseDuration(wanted.ValueString())
	if err != nil {
		return
	}
	for _, operation := range []struct {
		name  string
		limit time.Duration
	}{{"create", defaultCreateTimeout}, {"update", defaultUpdateTimeout}} {
		var set types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("timeouts").AtName(operation.name), &set)...)
		if set.IsUnknown() {
			continue
		}
		limit, origin := operation.limit, "the default of "
		if d, err := time.ParseDuration(set.ValueString()); err == nil {
			limit, origin = d, ""
		}
		if readiness > limit {
			resp.Diagnostics.AddAttributeError(at, "Readiness timeout exceeds the operation's own",
				fmt.Sprintf("start.readiness.timeout is %q, but %stimeouts.%s ends the whole operation after %s. Raise that limit, or lower this one.",
					wanted.ValueString(), origin, operation.name, limit))
			return
		}
	}
}
