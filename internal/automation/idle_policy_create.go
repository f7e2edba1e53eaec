package automation

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Create implements resource.Resource. Once alarms may exist, every way out of
// here carries the policy.
func (r *IdlePolicy) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	const summary = "Unable to create idle policy of CML worker"
	var plan policyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	limit, d := plan.Timeouts.Create(ctx, defaultPolicyTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	unlock := r.set.Lock(plan.WorkerID.ValueString())
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	ec2, k, err := r.open(ctx, &plan)
	if err != nil {
		resp.Diagnostics.Append(explain(summary, plan.about(), err))
		return
	}
	plan.ID, plan.Region, plan.AlarmName = plan.WorkerID, types.StringValue(ec2.Region()), types.StringValue(stopAlarmName(plan.WorkerID.ValueString()))
	if plan.TagsAll.IsUnknown() {
		plan.TagsAll = attribute.TagsAll(r.set, plan.Tags)
	}
	in, err := ec2.Find(ctx, plan.WorkerID.ValueString(), "")
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, plan.about().Named(err), err))
		return
	}
	plan.AccountID = attribute.String(in.AccountID)
	plan.validate(&resp.Diagnostics) // what the plan did not know
	plan.checkTopic(&resp.Diagnostics)
	r.refuse(ctx, applying, &plan, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if k.tags, err = r.tagsOf(ctx, &plan); err != nil {
		resp.Diagnostics.Append(explain(summary, plan.about(), err))
		return
	}
	stop, warn, err := k.find(ctx)
	if err == nil {
		resp.Diagnostics.Append(refuseForeign(&plan, stop, warn)...)
		if resp.Diagnostics.HasError() {
			return
		}
		if stop != nil {
			// Begun by a run that was killed: from the start, so that its warm-up is
			// a whole one.
			err = k.remove(ctx, stop.Name)
		}
		if err == nil {
			err = k.sync(ctx, nil, warn)
		}
	}
	if err != nil {
		if k.left(ctx) {
			plan.AlarmARN, plan.WarningAlarmARN, plan.AlarmState = types.StringNull(), types.StringNull(), types.StringNull()
			resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
			resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, plan.identity())...)
		}
		resp.Diagnostics.Append(explain(summary, plan.about(), err))
		return
	}
	plan.readBack(ctx, k, &resp.Diagnostics)
	r.mark(ctx, ec2, in.ID, instance.MarkerIdlePolicy, plan.AlarmName.ValueString(), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, plan.identity())...)
}

// open returns what an operation speaks to, and what it is to achieve.
func (r *IdlePolicy) open(ctx context.Context, m *policyModel) (*instance.Client, *keeper, error) {
	ec2, err := r.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		return nil, nil, err
	}
	cw, err := r.set.Monitoring(ctx, ec2.Region())
	if err != nil {
		return nil, nil, err
	}
	caller, err := r.set.Identity(ctx)
	if err != nil {
		return nil, nil, err
	}
	return ec2, &keeper{cw: cw, pace: wait.Pace{Interval: r.set.Interval()}, want: m.expand(ec2.Region(), caller.Partition)}, nil
}

// tagsOf are the tags of the alarms of a plan.
func (r *IdlePolicy) tagsOf(ctx context.Context, m *policyModel) (map[string]string, error) {
	caller, err := r.set.Identity(ctx)
	if err != nil {
		return nil, err
	}
	return alarmTags(attribute.Map(m.TagsAll), r.set.ManagedTags(), m.WorkerID.ValueString(), caller.ARN), nil
}

// refuseForeign refuses to overwrite alarms that are not this policy's to make:
// those of somebody else, and those of a policy that was finished, since another
// Terraform may have it.
func refuseForeign(m *policyModel, stop, warn *monitoring.Alarm) diag.Diagnostics {
	var diags diag.Diagnostics
	worker := m.WorkerID.ValueString()
	for _, a := range []struct {
		has  *monitoring.Alarm
		ours []string
	}{{stop, []string{stopDescription(worker), unfinishedDescription(worker)}}, {warn, []string{warningDescription(worker)}}} {
		if a.has != nil && !slices.Contains(a.ours, a.has.Description) {
			diags.AddAttributeError(path.Root("worker_id"), "An alarm of this name exists", fmt.Sprintf(
				"CloudWatch in %s has an alarm %q already, which this provider has not made (its description is %q). It is not overwritten. Rename or delete it, then apply again.",
				m.Region.ValueString(), a.has.Name, a.has.Description))
		}
	}
	if len(diags) == 0 && stop != nil && stop.Description != unfinishedDescription(worker) {
		diags.AddAttributeError(path.Root("worker_id"), "The worker has an idle policy already", fmt.Sprintf(
			"The alarm %q exists in %s: of another configuration, or of a run that was killed before it could write its state. A worker has one idle policy. Take it over with\n\n  terraform import cml_worker_idle_policy.NAME %s\n\nor delete the alarm.",
			stop.Name, m.Region.ValueString(), validators.JoinWorkerID(worker, m.Region.ValueString())))
	}
	return diags
}

// readBack fills what was planned unknown.
func (m *policyModel) readBack(ctx context.Context, k *keeper, diags *diag.Diagnostics) {
	stop, warn, err := k.settled(ctx)
	if err != nil {
		diags.Append(explain("Unable to read the alarms of an idle policy back", m.about(), err))
	}
	known := func(s *types.String, a *monitoring.Alarm, value func() string) {
		if !s.IsUnknown() {
			return
		}
		*s = types.StringNull()
		if a != nil {
			*s = attribute.String(value())
		}
	}
	known(&m.AlarmARN, stop, func() string { return stop.ARN })
	known(&m.AlarmState, stop, func() string { return stop.State })
	known(&m.WarningAlarmARN, warn, func() string { return warn.ARN })
}

// explain says what an error means here: EC2 actions of alarms need a role that
// CloudWatch makes by itself only for who may (CloudWatch user guide, "Create
// alarms to stop, terminate, reboot, or recover an EC2 instance").
func explain(summary string, about tfdiag.About, err error) diag.Diagnostic {
	if f := fault.As(err); f != nil && f.MissingAction == "iam:CreateServiceLinkedRole" {
		about.Next = "alarms act on EC2 through the service-linked role AWSServiceRoleForCloudWatchEvents, which this account does not have yet. " +
			"Let somebody who may run once: aws iam create-service-linked-role --aws-service-name events.amazonaws.com"
	}
	return tfdiag.Error(summary, about, err)
}
