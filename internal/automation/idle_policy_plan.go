package automation

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// ModifyPlan implements resource.ResourceWithModifyPlan. What it plans as known
// comes from configuration, provider configuration, prior state and private
// state; what it asks the network only becomes errors.
func (r *IdlePolicy) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.set == nil || req.Plan.Raw.IsNull() {
		return
	}
	var config, plan policyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	attribute.CheckTags(r.set, config.Tags, &resp.Diagnostics)
	plan.TagsAll = attribute.TagsAll(r.set, plan.Tags)
	if req.State.Raw.IsNull() {
		plan.Region = attribute.NewRegion(ctx, r.set, config.Region)
		plan.planCreate()
		plan.checkTopic(&resp.Diagnostics)
		r.refuse(ctx, planning, &plan, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
		return
	}
	var prior policyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	off := readChanged(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var moves bool
	plan.Region, moves = r.planRegion(ctx, "The alarms of the worker "+prior.WorkerID.ValueString(), config.Region, plan.Region, prior.Region, &resp.Diagnostics)
	if moves {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("region"))
	}
	if !plan.WorkerID.Equal(prior.WorkerID) {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("worker_id"))
	}
	if len(resp.RequiresReplace) > 0 {
		// Terraform asks again, without prior state, for the new policy.
		return
	}
	plan.planUpdate(&prior, len(off) > 0)
	plan.checkTopic(&resp.Diagnostics)
	if len(off) > 0 {
		tfdiag.Warn(&resp.Diagnostics, r.set, tfdiag.IdlePolicyChanged, fmt.Sprintf(
			"The alarms of the worker %s are not as this policy makes them: %s. This plan puts them back.", prior.WorkerID.ValueString(), strings.Join(off, "; ")))
	}
	r.warnProtected(ctx, plan.Region, plan.WorkerID, "EC2 refuses the stop of its idle policy, and the alarm, which has gone off then, does not try again before the worker was in use", &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
}

// planCreate plans new alarms: their names follow from the worker.
func (m *policyModel) planCreate() {
	m.ID, m.AlarmName = types.StringUnknown(), types.StringUnknown()
	if !m.WorkerID.IsUnknown() {
		m.ID, m.AlarmName = m.WorkerID, types.StringValue(stopAlarmName(m.WorkerID.ValueString()))
	}
	m.AccountID, m.AlarmARN, m.AlarmState = types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	m.WarningAlarmARN = types.StringUnknown()
	if m.IdleWarning.IsNull() {
		m.WarningAlarmARN = types.StringNull()
	}
}

// planUpdate keeps the computed attributes. repair marks that the alarms are
// not what the arguments in state say, which nothing else would show.
func (m *policyModel) planUpdate(prior *policyModel, repair bool) {
	m.ID, m.AccountID, m.AlarmName, m.AlarmState = prior.ID, prior.AccountID, prior.AlarmName, prior.AlarmState
	m.AlarmARN, m.WarningAlarmARN = prior.AlarmARN, prior.WarningAlarmARN
	if repair {
		m.AlarmARN = types.StringUnknown()
	}
	switch {
	case m.IdleWarning.IsNull():
		m.WarningAlarmARN = types.StringNull()
	case prior.IdleWarning.IsNull(), m.IdleWarning.IsUnknown():
		m.WarningAlarmARN = types.StringUnknown()
	}
}

// checkTopic refuses a topic of another region, which CloudWatch cannot reach,
// where both regions are known.
func (m *policyModel) checkTopic(diags *diag.Diagnostics) {
	parts := strings.Split(m.SNSTopicARN.ValueString(), ":")
	region := m.Region.ValueString()
	if len(parts) < 6 || region == "" || parts[3] == region {
		return
	}
	diags.AddAttributeError(path.Root("sns_topic_arn"), "Topic is in another region", fmt.Sprintf(
		"The topic is in %s, and an alarm in %s tells topics of its own region only. Name a topic in %s.", parts[3], region, region))
}

// refuse adds an error for a worker that no alarm could stop.
func (r *IdlePolicy) refuse(ctx context.Context, when phase, m *policyModel, diags *diag.Diagnostics) {
	r.refuseProtected(ctx, when, m.Region, m.WorkerID, "an idle policy could not stop it", diags)
	if diags.HasError() || m.WorkerID.IsUnknown() || len(r.set.UnknownArguments()) > 0 {
		return
	}
	ec2, err := r.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		return // for apply to report
	}
	in, err := ec2.Find(ctx, m.WorkerID.ValueString(), "")
	if err != nil || in.Lifecycle != "spot" {
		return
	}
	if request, err := ec2.SpotRequest(ctx, in.SpotRequestID); err == nil && request != nil && !request.Persistent {
		diags.AddAttributeError(path.Root("worker_id"), "A one-time spot machine cannot be stopped", fmt.Sprintf(
			"Worker %s runs on a one-time spot request, so that EC2 can only end it, and an idle policy could do nothing. Launch the worker with `market = { type = \"spot\", interruption = \"stop\" }`, or leave the policy out.",
			in.ID))
	}
}

// about is what the diagnostics of a policy have in common.
func (m *policyModel) about() tfdiag.About {
	return tfdiag.About{ID: m.WorkerID.ValueString(), Region: m.Region.ValueString()}
}

// markerWorkerID is the managed tag by which an alarm names its worker.
const markerWorkerID = "worker-id"

// longestTag is how long the value of a tag may be.
const longestTag = 256

// alarmTags are those of new alarms: the configuration's, and the managed ones.
func alarmTags(tags map[string]string, m instance.ManagedTags, worker, caller string) map[string]string {
	out := m.Markers("", caller)
	if out == nil {
		out = map[string]string{}
	}
	if m.Enabled {
		out[m.Key(markerWorkerID)] = worker
	}
	for k, v := range out {
		out[k] = v[:min(len(v), longestTag)]
	}
	for k, v := range tags {
		out[k] = v
	}
	return out
}
