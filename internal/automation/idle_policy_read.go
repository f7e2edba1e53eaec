package automation

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Read implements resource.Resource. The policy leaves the state when both its
// alarms are gone, in the account that owns them. As long as one is there it
// stays, also when the worker is gone: alarms cost money.
func (r *IdlePolicy) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const summary = "Unable to read idle policy of CML worker"
	var state policyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, state.identity())...)
	if tfdiag.NotRead(&resp.Diagnostics, r.set, "the alarms of the worker "+state.WorkerID.ValueString()) {
		return
	}
	ec2, k, err := r.open(ctx, &state)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, state.about(), err))
		return
	}
	stop, warn, err := k.find(ctx)
	if err == nil && stop == nil {
		err = r.sameAccount(ctx, &state)
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, state.about(), err))
		return
	}
	if stop == nil && warn == nil {
		resp.State.RemoveResource(ctx)
		return
	}
	off := state.flatten(stop, warn, ec2.Region(), k.want.partition)
	resp.Diagnostics.Append(writeChanged(ctx, resp.Private, off)...)
	if stop != nil && stop.ARN != "" { // by which alone tags are asked for
		r.readTags(ctx, k.cw, stop.ARN, &state, &resp.Diagnostics)
	}
	in, err := ec2.Find(ctx, state.WorkerID.ValueString(), state.AccountID.ValueString())
	switch {
	case err == nil:
		if state.AccountID.IsNull() {
			state.AccountID = attribute.String(in.AccountID)
		}
	case fault.Is(err, fault.NotFound):
		tfdiag.Warn(&resp.Diagnostics, r.set, tfdiag.IdlePolicyLeft, fmt.Sprintf(
			"The worker %s does not exist any more. Its alarms in %s remain, and cost money, until this resource is destroyed or gets another worker_id.", state.WorkerID.ValueString(), ec2.Region()))
	case fault.Is(err, fault.PermissionDenied):
		// The alarms are read, and the worker is only looked at for a warning.
	default:
		resp.Diagnostics.Append(tfdiag.Error(summary, state.about(), err))
		return
	}
	if state.AccountID.IsNull() {
		caller, err := r.set.Identity(ctx)
		if err != nil {
			resp.Diagnostics.Append(tfdiag.Error(summary, state.about(), err))
			return
		}
		state.AccountID = attribute.String(caller.AccountID)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, state.identity())...)
}

// readTags takes over the tags of the alarm that stops the worker; both alarms
// carry the same.
func (r *IdlePolicy) readTags(ctx context.Context, cw *monitoring.Client, arn string, m *policyModel, diags *diag.Diagnostics) {
	tags, err := cw.Tags(ctx, arn)
	if err != nil {
		tfdiag.Warn(diags, r.set, tfdiag.NotReadable, fmt.Sprintf("The tags of the alarm %s could not be read, and stay as the state has them: %s", m.AlarmName.ValueString(), err))
		return
	}
	own := attribute.OwnTags(r.set, tags)
	m.TagsAll = attribute.StringMap(own)
	if tags := attribute.WithoutDefaults(own, r.set.DefaultTags(), attribute.Map(m.Tags)); len(tags) > 0 || !m.Tags.IsNull() {
		m.Tags = attribute.StringMap(tags)
	}
}

// sameAccount fails unless the credentials belong to the account that owns the
// alarms.
func (r *IdlePolicy) sameAccount(ctx context.Context, m *policyModel) error {
	return r.set.SameAccount(ctx, m.AccountID.ValueString(), "the alarms of the worker "+m.WorkerID.ValueString())
}
