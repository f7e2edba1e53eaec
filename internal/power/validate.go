package power

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// part is a wait that must fit into the operations that it is part of.
type part struct {
	at path.Path
	// what names it in the summary, name in the text.
	what, name string
	operations []limit
}

// limit is where the configuration sets the limit of an operation, and the one
// it has where the configuration sets none.
type limit struct {
	at        path.Path
	otherwise time.Duration
}

// timeoutOf is the limit of an operation of the resource.
func timeoutOf(operation string, otherwise time.Duration) limit {
	return limit{path.Root("timeouts").AtName(operation), otherwise}
}

// ValidateConfig implements resource.ResourceWithValidateConfig.
func (r *Resource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	changes := []limit{timeoutOf("create", defaultCreateTimeout), timeoutOf("update", defaultUpdateTimeout)}
	stops := changes
	var last types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("on_destroy").AtName("state"), &last)...)
	if last.ValueString() == stateStopped {
		stops = append(stops[:len(stops):len(stops)], timeoutOf("delete", defaultDeleteTimeout))
	}
	for _, p := range []part{
		{path.Root("start").AtName("readiness").AtName("timeout"), "Readiness timeout exceeds", "start.readiness.timeout", changes},
		{path.Root("stop").AtName("drain").AtName("wait_for_idle"), "Wait for idle nodes exceeds", "stop.drain.wait_for_idle", stops},
	} {
		p.check(ctx, req.Config, &resp.Diagnostics)
	}
}

func (p part) check(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) {
	var wanted types.String
	// An object on the way that is null or unknown leaves it null or unknown.
	diags.Append(config.GetAttribute(ctx, p.at, &wanted)...)
	length, err := time.ParseDuration(wanted.ValueString())
	if err != nil {
		return
	}
	for _, o := range p.operations {
		var set types.String
		diags.Append(config.GetAttribute(ctx, o.at, &set)...)
		if set.IsUnknown() {
			continue
		}
		end, origin := o.otherwise, "the default of "
		if d, err := time.ParseDuration(set.ValueString()); err == nil {
			end, origin = d, ""
		}
		if length > end {
			diags.AddAttributeError(p.at, p.what+" the operation's own",
				fmt.Sprintf("%s is %q, but %s%s ends the whole operation after %s. Raise that limit, or lower this one.",
					p.name, wanted.ValueString(), origin, o.at, end))
			return
		}
	}
}
