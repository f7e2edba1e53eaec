package power

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/idle"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Limits of the operations where `timeouts` says nothing. Create and Update
// exceed a stop, a start with its status checks, and the default readiness
// wait (schema_test.go adds them up).
const (
	defaultCreateTimeout = 75 * time.Minute
	defaultUpdateTimeout = 75 * time.Minute
	defaultDeleteTimeout = 30 * time.Minute
)

const resourceText = "The power state of a worker: starts and stops it in place, and publishes the addresses that a start gives it. It never replaces the worker, and a worker without it is left as it is found.\n\n" +
	"Take `url` and the addresses of what depends on a running worker from here, not from `cml_worker`: in a plan that starts or restarts the worker they are unknown, so that dependants get the new ones in the same apply.\n\n" +
	"Where something besides Terraform stops or starts the worker (an idle policy, a schedule, a person), set `on_external_change = \"accept\"`. " +
	"Two `cml_worker_power` resources for one worker are not detected and work against each other."

// Schema implements resource.Resource.
func (r *Resource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: resourceText,
		Attributes:          map[string]schema.Attribute{},
		Blocks:              map[string]schema.Block{"timeouts": timeoutsBlock(ctx)},
	}
	for _, part := range []map[string]schema.Attribute{
		workerAttributes(), powerAttributes(), computedAttributes(),
	} {
		for name, a := range part {
			resp.Schema.Attributes[name] = a
		}
	}
}

func workerAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
			MarkdownDescription: "EC2 instance id of the worker, `cml_worker.lab.id`. Changing it replaces this resource, not the worker."},
		"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
			MarkdownDescription: "AWS region of the worker. Default: the provider's region, as it is at creation. Only an explicit other value replaces this resource."},
		"controller": attribute.ControllerInput(false, "How to reach CML on the worker, `cml_worker.lab.controller`. What is left out comes from the managed tags of the worker, then from the provider's `controller`. It holds no secret. Changing `hostname`, `port` or `address_preference` makes `address` and `url` unknown in the plan; no change of it touches the worker."),
		"worker_revision": schema.StringAttribute{Optional: true,
			MarkdownDescription: "`cml_worker.lab.revision`. It changes when the worker resource itself restarts the machine or alters its addressing. A change makes the addresses, `url`, `instance_state` and `service_status` unknown in the plan and reads them again; it starts and stops nothing."},
	}
}

func powerAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"state": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(stateRunning, stateStopped)},
			MarkdownDescription: "`running` or `stopped`. Left out, the worker is only observed: its addresses are published, and nothing is started or stopped. A plan that changes it away from the worker's real state makes the addresses, `url`, `instance_state`, `status`, `service_status` and the times unknown; an Elastic IP that the state knows, a private address that comes first in `address_preference`, and a `url` made from `controller.hostname` stay known."},
		"on_external_change": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(onCorrect, onAccept)},
			MarkdownDescription: "What to do about a start or stop outside Terraform. `correct` (default): refresh shows the real state in `state`, and the next apply puts the configured one back. `accept`: the plan stays empty, `instance_state` tells the truth, and only a change of `state` or `triggers` acts. Use `accept` beside an idle policy or a schedule."},
		"triggers": schema.MapAttribute{Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Arbitrary values. Changing them stops and starts a worker whose `state` is `running`, once; with `stopped`, or without `state`, a change only enters the state."},
		"start": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How the worker is started. Changing it runs nothing.",
			Attributes: map[string]schema.Attribute{
				"readiness": attribute.ReadinessInput("How far a start, and the creation of this resource with `state = \"running\"`, waits for CML. Changing it runs nothing. A `timeout` above `timeouts.create` or `timeouts.update` is an error.",
					"the worker runs, and the next apply goes on waiting"),
				"capacity_retry": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "What to do when EC2 has no capacity for the instance type in the worker's availability zone. A stopped worker keeps no claim to capacity.",
					Attributes: map[string]schema.Attribute{
						"timeout": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(0, attribute.LongestWait)},
							MarkdownDescription: "How long to try again, once a minute. Default `0s`: fail at once. The worker stays stopped meanwhile."},
					}},
				"license_check": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(checkOff, checkWarn, checkRequire)},
					MarkdownDescription: "What a start means that ends without a valid licence: `off` (nothing), `warn` (default) or `require` (an error; the worker runs). Without credentials of CML, and with `stop.release_license`, nothing is checked."},
				"renew_license": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Whether a start renews an authorization or registration that has less than 45 days left, as after a long time stopped. Default `false`: CML does so by itself, sooner or later."},
			}},
		"stop": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How the worker is stopped: by `state`, by the restart of `triggers` and by `on_destroy`. Before StopInstances come, in this order, `recheck_idle`, `drain` and `release_license`. Changing it runs nothing.",
			Attributes: map[string]schema.Attribute{
				"recheck_idle": recheckIdleAttribute(), "drain": drainAttribute(),
				"mode": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("graceful", "force", "skip_os_shutdown")},
					MarkdownDescription: "`graceful` (default) lets the operating system shut down. `force` tries that first and then cuts the power. `skip_os_shutdown` cuts it at once; data not written yet is lost, and the plan warns."},
				"release_license": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Whether the licence is given back before each stop. What cannot be given back is a warning, and the worker is stopped all the same. A licence given back has to be registered again after the next start, by `cml_worker_license` with `power_state` and a token that is still valid then. Default `false`."},
			}},
		"on_destroy": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "What destroying this resource does to the worker. It takes effect from the apply after the one that sets it, also when this resource is replaced.",
			Attributes: map[string]schema.Attribute{
				"state": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(leave, stateRunning, stateStopped)},
					MarkdownDescription: "`leave` (default): nothing is called. `running` or `stopped`: the worker is started or stopped first, without waiting for CML. A worker that is gone already is fine."},
			}},
	}
}

func recheckIdleAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{Optional: true,
		MarkdownDescription: "Reads right before a stop once more whether anybody uses the worker, by the rules that `data.cml_worker_idle` has where its arguments are left out (but for `snooze`), for a stop that was planned since the worker was idle. A worker that has been used or started since the plan, or of which that cannot be read, is an error: nothing is done, and the next plan decides anew.",
		Attributes: map[string]schema.Attribute{
			"idle_threshold": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Minute, idle.MaxThreshold)},
				MarkdownDescription: "How long nobody may have used the worker; the same as in the data source. Default `30m`."},
		}}
}

func drainAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{Optional: true,
		MarkdownDescription: "What is done for the users of CML before a stop. It needs an administrator of CML in the provider's `controller`, or in `controller.credentials`. What it has put into CML is taken back when the worker is not stopped after all, and otherwise after the next start by any `cml_worker_power` or by the action `cml_worker_start`. Default: nothing.",
		Attributes: map[string]schema.Attribute{
			"maintenance_mode": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Whether CML's maintenance mode keeps everybody but administrators out, from before the stop until after the next start. One that a person has switched on is left to them. Default `false`."},
			"notice": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.UTF8LengthBetween(1, 128)},
				MarkdownDescription: "Text of 1 to 128 characters that CML shows to all users, and in maintenance mode to those who are kept out, until after the next start. Default: none; in maintenance mode a short one of the provider's own."},
			"wait_for_idle": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(0, attribute.LongestWait)},
				MarkdownDescription: "How long to wait until no node runs. Default `0s`: no waiting. One above `timeouts.create` or `timeouts.update` (with `on_destroy.state = \"stopped\"` also `timeouts.delete`) is an error."},
			"on_busy": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(busyIgnore, busyFail, busyStopLabs)},
				MarkdownDescription: "What nodes mean that run even so. `ignore` (default): the worker is stopped all the same, also when CML cannot be asked or the drain fails otherwise, with a warning. `fail`: an error, and nothing is stopped; so is a number of nodes that cannot be read. `stop_labs`: the labs of all users are stopped first; those that do not stop within 8 minutes are named in an error, and the worker is not stopped."},
		}}
}

func computedAttributes() map[string]schema.Attribute {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	return map[string]schema.Attribute{
		"id":                  text("EC2 instance id of the worker, the same as `worker_id`."),
		"instance_state":      text("EC2 state at the last look: `pending`, `running`, `stopping` or `stopped`. It tells the truth also where `on_external_change = \"accept\"` keeps `state`. Unknown in a plan that starts, stops or restarts the worker, or in which `worker_revision` changes."),
		"status":              text("`pending` (never started), `starting`, `running`, `stopping` or `stopped`. Unknown in the same plans as `instance_state`."),
		"service_status":      text("CML's state: `unavailable` (not running, or nothing answers), `starting`, `available` (the rung of `start.readiness.until` is reached), `degraded` (answers, but its own health says no), `unknown` (could not be asked). Unknown in the same plans as `instance_state`, and while a readiness wait is still to be finished."),
		"public_ip":           text("Public IPv4 address; null while stopped, unless it is an Elastic IP. Unknown in a plan that starts, stops or restarts the worker without Elastic IP, or in which `worker_revision` changes."),
		"public_dns":          text("Public DNS name that EC2 gives the address. Unknown when `public_ip` is."),
		"private_ip":          text("Private IPv4 address, which stays the same for the life of the worker."),
		"ipv6_address":        text("First IPv6 address, which outlives a stop. Unknown in a plan in which `worker_revision` changes."),
		"address":             text("Address that is dialled, by `controller.address_preference`; null while it does not exist. Unknown in a plan that may change it."),
		"url":                 text("URL of CML. With `controller.hostname` it is made from that name and is always known; otherwise it is made from `address` and unknown when that is."),
		"last_started_at":     text("When the worker was started last, RFC 3339. Unknown in a plan that starts, stops or restarts the worker, or in which `worker_revision` changes."),
		"last_stopped_at":     text("When the worker was stopped last as far as EC2 tells, RFC 3339. Unknown in the same plans as `last_started_at`."),
		"state_reason":        text("Why the instance is in its state, in EC2's words, as of the last refresh."),
		"interrupted_by_spot": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether EC2 stopped the worker to take a spot instance back, as of the last refresh."},
	}
}

func timeoutsBlock(ctx context.Context) schema.Block {
	return attribute.Timeouts(ctx, timeouts.Opts{
		Create: true, Update: true, Delete: true,
		CreateDescription: "Limit of the creation with its start or stop and readiness wait. Default `75m`.",
		UpdateDescription: "Limit of a change with its start or stop and readiness wait. Default `75m`.",
		DeleteDescription: "Limit of what `on_destroy` asks for. Default `30m`.",
	})
}
