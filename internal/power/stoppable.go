package power

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// oneTimeSpotNext is what to do about a machine that EC2 never stops (EC2 user
// guide, "Stop a Spot Instance").
const (
	oneTimeSpotText = "a one-time spot instance can only run or be terminated. " +
		"To stop and start a spot worker, launch it from a persistent request with the interruption behaviour `stop`."
	oneTimeSpotNext = "a one-time spot instance can only run or be terminated. Leave `state` out or set it to `running`; " +
		"to stop and start a spot worker, launch it from a persistent request with the interruption behaviour `stop`."
)

// unprotect is what to do about stop protection.
const unprotect = "Set `protection = { stop = false }` of the `cml_worker`, to which `worker_id` refers or which is applied first, or leave the worker running."

// checkStop refuses in the plan a stop that EC2 would refuse, and otherwise says
// what it will interrupt. What cannot be read is for apply to find out.
func (r *Resource) checkStop(ctx context.Context, opts options, in *instance.Instance, at path.Path, diags *diag.Diagnostics) {
	if settled(in.State) != stateRunning {
		return
	}
	ec2, err := r.set.Instances(ctx, in.Region)
	if err != nil {
		return
	}
	if r.set.WillProtectStop(ctx, ec2, in.ID) {
		diags.AddAttributeError(at, "CML worker is protected against a stop", fmt.Sprintf(
			"This plan stops the worker %s, and EC2 refuses that while its stop protection is on. %s", in.ID, unprotect))
		return
	}
	if r.oneTime(ctx, ec2, in) {
		diags.AddAttributeError(at, "CML worker cannot be stopped", fmt.Sprintf("This plan stops the worker %s: %s", in.ID, oneTimeSpotNext))
		return
	}
	r.warnNodes(ctx, opts, in, at, "this plan stops it", "stop.drain.on_busy", diags)
}

// oneTime reports whether an instance is of a spot request that is not
// persistent.
func (r *Resource) oneTime(ctx context.Context, ec2 *instance.Client, in *instance.Instance) bool {
	if in.Lifecycle != "spot" || in.SpotRequestID == "" {
		return false
	}
	request, err := ec2.SpotRequest(ctx, in.SpotRequestID)
	return err == nil && request != nil && !request.Persistent
}
