package automation

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Values of `signal`.
const (
	signalCML = "cml"
	signalCPU = "cpu"
)

const (
	// defaultIdleThreshold is `idle_threshold` where it is left out.
	defaultIdleThreshold = 30 * time.Minute
	// defaultPolicyTimeout is the limit of each operation where `timeouts` says
	// nothing.
	defaultPolicyTimeout = 5 * time.Minute
	// mostAlarmTags leaves room for the tags that this provider adds.
	mostAlarmTags = monitoring.MaxTags - 10
)

const idlePolicyText = "Stops a worker that nobody uses, while no Terraform runs: a CloudWatch alarm with EC2's stop action and, with `idle_warning`, a second one that tells an SNS topic before. A worker has one idle policy.\n\n" +
	"**Nothing is stopped at once.** A new alarm neither looks nor acts until its warm-up is over, so that the first stop comes at least one `idle_threshold` after the policy was created, also on a worker that has been idle for long. " +
	"A change of `signal`, `idle_threshold` or `cpu_threshold_percent`, and an alarm that was changed or switched off outside of Terraform and is put back, begin this time anew: CloudWatch starts no second warm-up, so the alarm is deleted and made again.\n\n" +
	"An alarm acts once, when it goes off. If the stop fails then, because stop protection was switched on for instance, it is not tried again before the worker was in use, or stopped, in between. " +
	"A worker with stop protection that the same plan does not lift, or with one-time spot capacity, is refused, and each plan warns of protection that came later.\n\n" +
	"A `cml_worker_power` beside it needs `on_external_change = \"accept\"`; otherwise each apply starts again what the policy stopped. The worker carries the managed tag `cml:idle-policy`, by which power warns of that."

// Schema implements resource.Resource.
func (*IdlePolicy) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: idlePolicyText,
		Attributes:          map[string]schema.Attribute{},
		Blocks: map[string]schema.Block{"timeouts": attribute.Timeouts(ctx, timeouts.Opts{
			Create: true, Update: true, Delete: true,
			CreateDescription: "Limit of the creation. Default `5m`.",
			UpdateDescription: "Limit of a change. Default `5m`.",
			DeleteDescription: "Limit of deleting the alarms. Default `5m`.",
		})},
	}
	for _, part := range []map[string]schema.Attribute{policyArguments(), policyComputed()} {
		for name, a := range part {
			resp.Schema.Attributes[name] = a
		}
	}
}

func policyArguments() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
			MarkdownDescription: "EC2 instance id of the worker, `cml_worker.lab.id`. Changing it replaces the policy."},
		"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
			MarkdownDescription: "AWS region of the worker. Default: the provider's region, as it is at creation. Only an explicit other value replaces the policy."},
		"signal": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString(signalCML), Validators: []validator.String{stringvalidator.OneOf(signalCML, signalCPU)},
			MarkdownDescription: "What tells that nobody uses the worker. `cml` (default): the metric `IdleSeconds` of the namespace `CML/Worker`, seconds since the last activity in CML, 0 while nodes run. The publisher on the worker sends it (function `cloud_init`); without it nothing is ever stopped. " +
				"`cpu`: `CPUUtilization` of EC2, which needs nothing on the worker and knows nothing of labs. Changed in place; the time until the first stop begins anew."},
		"idle_threshold": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("30m"), Validators: []validator.String{validators.Duration(policyPeriod, monitoring.LongestEvaluation)},
			MarkdownDescription: "How long nobody may have used the worker until it is stopped, `5m` to `24h`; with `signal = \"cpu\"` in whole steps of `5m`. Default `30m`. A worker that was started is left alone that long, too. Changed in place; the time until the first stop begins anew."},
		"idle_warning": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Minute, monitoring.LongestEvaluation)},
			MarkdownDescription: "After how long without use `sns_topic_arn` is told that a stop is coming; less than `idle_threshold`, and with `signal = \"cpu\"` in whole steps of `5m`. It makes a second alarm. Default: no warning. A worker that is idle already when the policy is made is warned of at once. Changed in place."},
		"cpu_threshold_percent": schema.Float64Attribute{Optional: true, Validators: []validator.Float64{float64validator.Between(0.1, 100)},
			MarkdownDescription: "With `signal = \"cpu\"`, and only then, required: the worker is idle while the average of its processors stays below this, in percent, in every five minutes of `idle_threshold`. An idle CML of its own takes a few percent. Changed in place; the time until the first stop begins anew."},
		"sns_topic_arn": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.ARN("sns")},
			MarkdownDescription: "SNS topic, in the region of the worker, that is told at `idle_warning` and at the stop. Its policy must let CloudWatch publish if the topic is encrypted or in another account. Default: nobody is told. Changed in place."},
		"tags": schema.MapAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Map{mapvalidator.SizeAtMost(mostAlarmTags), validators.Tags()},
			MarkdownDescription: "Tags of the alarms. They win over the provider's `default_tags`. Changed in place."},
	}
}

func policyComputed() map[string]schema.Attribute {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	return map[string]schema.Attribute{
		"id":                text("The instance id of the worker."),
		"account_id":        text("AWS account that owns the alarms."),
		"alarm_name":        text("Name of the alarm that stops the worker."),
		"alarm_arn":         text("ARN of the alarm that stops the worker. \"Known after apply\" in an update: it was changed outside, and is put back."),
		"warning_alarm_arn": text("ARN of the alarm that warns before; null without `idle_warning`."),
		"alarm_state":       text("State of the alarm that stops the worker, as of the last refresh: `OK` (in use, or not running), `ALARM` (idle; the worker was told to stop) or `INSUFFICIENT_DATA` (the warm-up is not over yet)."),
		"tags_all":          schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "`tags` with the provider's `default_tags`, without the managed tags."},
	}
}
