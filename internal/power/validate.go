package power

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// part is a wait that must fit into the operations that it is part of.
type part struct {
	at path.Path
	// what names it in the summary, name in the text.
	what, name string
	operations []limit
}

// limit is an operation with the limit it has where the configuration sets none.
type limit struct {
	operation string
	otherwise time.Duration
}

// ValidateConfig implements resource.ResourceWithValidateConfig.
func (r *Resource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	changes := []limit{{"create", defaultCreateTimeout}, {"update", defaultUpdateTimeout}}
	stops := changes
	var last types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("on_destroy").AtName("state"), &last)...)
	if last.ValueString() == stateStopped {
		stops = append(stops[:len(stops):len(stops)], limit{"delete", defaultDeleteTimeout})
	}
	for _, p := range []part{
		{path.Root("start").AtName("readiness").AtName("timeout"), "Readiness timeout exceeds", "start.readiness.timeout", changes},
		{path.Root("stop").AtName("drain").AtName("wait_for_idle"), "Wait for idle nodes exceeds", "stop.drain.wait_for_idle", stops},
	} {
		p.check(ctx, req, resp)
	}
}

func (p part) check(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var wanted types.String
	// An object on the way that is null or unknown leaves it null or unknown.
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, p.at, &wanted)...)
	length, err := time.ParseDuration(wanted.ValueString())
	if err != nil {
		return
	}
	for _, o := range p.operations {
		var set types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("timeouts").AtName(o.operation), &set)...)
		if set.IsUnknown() {
			continue
		}
		end, origin := o.otherwise, "the default of "
		if d, err := time.ParseDuration(set.ValueString()); err == nil {
			end, origin = d, ""
		}
		if length > end {
			resp.Diagnostics.AddAttributeError(p.at, p.what+" the operation's own",
				fmt.Sprintf("%s is %q, but %stimeouts.%s ends the whole operation after %s. Raise that limit, or lower this one.",
					p.name, wanted.ValueString(), origin, o.operation, end))
			return
		}
	}
}
