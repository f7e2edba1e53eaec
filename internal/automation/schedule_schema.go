package automation

import (
	"context"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// scheduleTimeout is the limit of each operation where `timeouts` says nothing:
// three schedules, each of which may wait for its role to become known.
const scheduleTimeout = 10 * time.Minute

// longestScheduleName leaves room for the longest suffix, out of the 64
// characters that the service allows.
const longestScheduleName = 64 - len("-stop-at")

const scheduleText = "Starts and stops a worker at times of a timetable, and stops it at the end of a lease, while no Terraform runs: up to three schedules of EventBridge Scheduler that call EC2. A worker may have several of these resources; each needs a `name` of its own then.\n\n" +
	"At least one of `start_cron`, `stop_cron` and `stop_at` is needed. Schedules run within a minute of their time.\n\n" +
	"A `cml_worker_power` beside it needs `on_external_change = \"accept\"`, or each apply undoes what the schedule did."

// Schema implements resource.Resource.
func (*Schedule) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: scheduleText,
		Attributes:          map[string]schema.Attribute{},
		Blocks: map[string]schema.Block{"timeouts": attribute.Timeouts(ctx, timeouts.Opts{
			Create: true, Update: true, Delete: true,
			CreateDescription: "Limit of the creation, including the wait for a new role to become known. Default `10m`.",
			UpdateDescription: "Limit of a change. Default `10m`.",
			DeleteDescription: "Limit of deleting the schedules. Default `10m`.",
		})},
	}
	for _, part := range []map[string]schema.Attribute{scheduleArguments(), scheduleComputed()} {
		for name, a := range part {
			resp.Schema.Attributes[name] = a
		}
	}
}

func scheduleArguments() map[string]schema.Attribute {
	const names = "letters, digits, hyphen, underscore and full stop"
	return map[string]schema.Attribute{
		"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
			MarkdownDescription: "EC2 instance id of the worker, `cml_worker.lab.id`. Changing it replaces the schedules. Schedules that stop are refused for a worker with stop protection, unless the same plan lifts it."},
		"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
			MarkdownDescription: "AWS region of the worker and of its schedules. Default: the provider's region, as it is at creation. Only an explicit other value replaces the schedules."},
		"name": schema.StringAttribute{Optional: true, Computed: true,
			Validators: []validator.String{stringvalidator.LengthBetween(1, longestScheduleName), stringvalidator.RegexMatches(regexp.MustCompile(`^[0-9a-zA-Z_.-]+$`), "must consist of "+names)},
			MarkdownDescription: "Name that the names of the schedules begin with: `-start`, `-stop` and `-stop-at` follow. 1 to 56 " + names + ". Default: `cml-` and the `worker_id`. " +
				"Schedules of these names that exist already are refused: import them, or choose another name. Changing it replaces the schedules; leaving it out later keeps it."},
		"group_name": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("default"),
			Validators:          []validator.String{stringvalidator.LengthBetween(1, 64), stringvalidator.RegexMatches(regexp.MustCompile(`^[0-9a-zA-Z_.-]+$`), "must consist of "+names)},
			MarkdownDescription: "Schedule group, which must exist. Default `default`, which every account has. Changing it replaces the schedules."},
		"role_arn": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1), validators.RoleARN()},
			MarkdownDescription: "ARN of the IAM role that EventBridge Scheduler assumes to call EC2. It trusts `scheduler.amazonaws.com` and allows `ec2:StartInstances` and `ec2:StopInstances` on the worker; Terraform's own identity needs `iam:PassRole` on it. A role that was made just before is waited for, up to two minutes. Changed in place."},
		"timezone": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("UTC"), Validators: []validator.String{validators.Timezone()},
			MarkdownDescription: "IANA name of the time zone that `start_cron` and `stop_cron` are read in, such as `Europe/Berlin`. Daylight saving time is taken care of: a time that does not exist on a day is skipped, one that comes twice runs once. Default `UTC`. Changed in place."},
		"start_cron": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Cron()},
			MarkdownDescription: "When the worker starts: the six fields of a cron expression of EventBridge, minutes, hours, day of month, month, day of week and year, with `?` in one of the two fields of days. `0 8 ? * MON-FRI *` is eight o'clock from Monday to Friday. Default: it is not started. Changed in place."},
		"stop_cron": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Cron()},
			MarkdownDescription: "When the worker stops, written as `start_cron`. Labs that run are shut down with it. Default: it is not stopped. Changed in place."},
		"stop_at": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Moment()},
			MarkdownDescription: "Moment at which the worker stops once, the end of a lease, RFC 3339: `2026-12-31T18:00:00Z`. It must be in the future when the schedule is created and when it changes. " +
				"Once it has passed it is left alone: the schedule that has run stays until the lease is changed or removed, and plans are empty. Default: no lease. Changed in place."},
		"enabled": schema.BoolAttribute{Optional: true, Computed: true, Default: booldefault.StaticBool(true),
			MarkdownDescription: "Whether the schedules run. `false` keeps them, disabled. Default `true`. Changed in place."},
		"retry_window": schema.StringAttribute{Optional: true, Computed: true, Default: stringdefault.StaticString("15m"),
			Validators:          []validator.String{validators.Duration(scheduling.ShortestRetry, scheduling.LongestRetry)},
			MarkdownDescription: "How long a start or stop that EC2 refused is tried again, with growing pauses: from `1m` to `24h`. A long window may stop a worker that somebody started again meanwhile. Default `15m`. Changed in place."},
		"dead_letter_arn": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.ARN("sqs")},
			MarkdownDescription: "ARN of an SQS queue that gets what failed for good; the role needs `sqs:SendMessage` on it. Default: it is dropped. Changed in place."},
	}
}

func scheduleComputed() map[string]schema.Attribute {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	return map[string]schema.Attribute{
		"id":                   text("`group_name` and `name` with a slash between them. It imports the schedules."),
		"account_id":           text("AWS account that owns the schedules."),
		"start_schedule_arn":   text("ARN of the schedule that starts the worker; null without `start_cron`."),
		"stop_schedule_arn":    text("ARN of the schedule that stops it; null without `stop_cron`."),
		"stop_at_schedule_arn": text("ARN of the schedule that ends the lease; null without `stop_at`, and when the lease is over and its schedule was deleted."),
	}
}
