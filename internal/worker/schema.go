package worker

import (
	"context"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Default time-outs (decision: they exceed the sum of the inner budgets, which
// timeouts_test.go adds up).
const (
	defaultCreateTimeout = 45 * time.Minute
	defaultUpdateTimeout = 75 * time.Minute
	defaultDeleteTimeout = 60 * time.Minute
)

const resourceText = "A Cisco Modeling Labs server (a *worker*) on EC2: launched, waited for until CML itself is ready, changed in place where EC2 allows it, and terminated with all that belongs to it.\n\n" +
	"A worker has no desired power state: it launches running, and from then on only reports `instance_state`. A worker that somebody stopped is a normal worker, and its plan is empty. `cml_worker_power` starts and stops it."

// Schema implements resource.Resource.
func (r *Resource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: resourceText,
		Attributes:          map[string]schema.Attribute{},
		Blocks: map[string]schema.Block{
			"timeouts": attribute.Timeouts(ctx, timeouts.Opts{
				Create: true, Update: true, Delete: true,
				CreateDescription: "Limit of the launch with its readiness wait. Default `45m`.",
				UpdateDescription: "Limit of a change with its stop, start and readiness wait. Default `75m`.",
				DeleteDescription: "Limit of the termination, with the release of the licence. Default `60m`, `120m` with `on_destroy.final_snapshot`.",
			}),
		},
	}
	for _, part := range []map[string]schema.Attribute{
		machineAttributes(), bootAttributes(), serviceAttributes(), computedAttributes(),
	} {
		for name, a := range part {
			resp.Schema.Attributes[name] = a
		}
	}
}

// priceText is a decimal number above zero.
var priceText = regexp.MustCompile(`^(0*[1-9][0-9]*(\.[0-9]+)?|0*\.0*[1-9][0-9]*|0+\.0*[1-9][0-9]*)$`)

func machineAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{Required: true, Validators: []validator.String{validators.ResourceName()},
			MarkdownDescription: "Name of the worker, 1 to 255 characters: its `Name` tag, and what the data source finds it by. Changed in place."},
		"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
			MarkdownDescription: "AWS region. Default: the provider's region, as it is at creation. Only an explicit other value replaces the worker."},
		"ami_id": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.AMIID()},
			MarkdownDescription: "Image to launch, `ami-…`. Set this or `ami_filter`; neither: the image of the provider's `region_defaults` at creation. Changing it replaces the worker."},
		"ami_filter": schema.SingleNestedAttribute{Optional: true, Computed: true, Validators: []validator.Object{objectvalidator.ConflictsWith(pathRoot("ami_id"))},
			MarkdownDescription: "Finds the image at creation: of several matches the newest. It is then pinned; a newer image changes nothing. A changed filter that the pinned image still matches is no change, otherwise the worker is replaced.",
			Attributes: map[string]schema.Attribute{
				"name_pattern": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 128)},
					MarkdownDescription: "Name of the image, with `*` and `?` as wildcards."},
				"owners": schema.SetAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(validators.ImageOwner())},
					MarkdownDescription: "Account ids, `self`, `amazon` or `aws-marketplace`. Default `[\"self\"]`: a pattern without owner would let a stranger publish an image that matches."},
				"cml_version": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.CMLVersion()},
					MarkdownDescription: "Exact CML version of the image, from its tag `cml:version` or its name."},
				"architecture": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("x86_64", "arm64")},
					MarkdownDescription: "Default `x86_64`, the only one that CML runs on."},
				"on_newer": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("ignore", "warn")},
					MarkdownDescription: "`ignore` (default), or `warn`: refresh looks for a newer match, shows it in `newer_ami_id` and the plan warns."},
			}},
		"expected_cml_version": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.CMLVersion()},
			MarkdownDescription: "CML version that the image must have before it is launched, as far as the image tells it, and that CML must report when it is ready. Also with `ami_id`."},
		"instance_type": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{
			validators.InstanceType(), stringvalidator.ConflictsWith(pathRoot("instance_types"))},
			MarkdownDescription: "EC2 instance type. CML needs bare metal or nested virtualisation. Set this or `instance_types`; neither: the provider's `worker_defaults` at creation. Changing it stops and starts a running worker once; a stopped one stays stopped."},
		"instance_types": schema.ListAttribute{Optional: true, Computed: true, ElementType: types.StringType, Validators: []validator.List{
			listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(validators.InstanceType())},
			MarkdownDescription: "Instance types in order of preference: where EC2 has no capacity for one, the next is tried. After creation the list is only a menu: a change that still contains the present type is no change, otherwise the worker is resized to the first entry."},
		"subnet_ids": schema.ListAttribute{Optional: true, Computed: true, ElementType: types.StringType, Validators: []validator.List{
			listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(validators.SubnetID())},
			MarkdownDescription: "Subnets in order of preference, tried for each instance type in turn. A change that still contains the present subnet is no change, otherwise the worker is replaced. Left out, those of the provider's `region_defaults` at creation, else EC2 takes the default subnet of the default VPC."},
		"security_group_ids": schema.SetAttribute{Optional: true, Computed: true, ElementType: types.StringType, Validators: []validator.Set{
			setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(validators.SecurityGroupID())},
			MarkdownDescription: "Security groups of the primary network interface. Left out, those of the provider's `region_defaults` at creation, else EC2 takes the default group of the VPC. Changed in place."},
		"key_name": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 255)},
			MarkdownDescription: "EC2 key pair for the operating system's account. Changing it replaces the worker."},
		"iam_instance_profile": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 2048)},
			MarkdownDescription: "Name or ARN of the instance profile. Changed in place, on a running and on a stopped worker."},
		"network": schema.SingleNestedAttribute{Optional: true, Computed: true, MarkdownDescription: "What the worker's network interface should have. It is never read back from EC2: the addresses found are `public_ip` and `private_ip` of the worker.",
			Attributes: map[string]schema.Attribute{
				"public_ip": schema.BoolAttribute{Optional: true, Computed: true,
					MarkdownDescription: "Whether the worker has an automatic public IPv4 address. Left out, the subnet decides. Changed in place; the address becomes unknown in the plan."},
				"private_ip": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.IPv4()},
					MarkdownDescription: "Private IPv4 address, fixed at launch. Needs exactly one subnet. Changing it replaces the worker."},
				"eip": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Elastic IP of the primary interface: the public address then outlives a stop. Changed in place.",
					Attributes: map[string]schema.Attribute{
						"allocation_id": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.AllocationID(),
							stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("allocation_id"), path.MatchRelative().AtParent().AtName("allocate"))},
							MarkdownDescription: "An Elastic IP that exists, `eipalloc-…`. It is associated, and left alone when the worker goes."},
						"allocate": schema.BoolAttribute{Optional: true, Validators: []validator.Bool{boolvalidator.Equals(true)},
							MarkdownDescription: "`true`: allocate one for this worker. It is released with the worker, as its last step."},
					}},
				"ipv6_address_count": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.Between(0, 50)},
					MarkdownDescription: "How many IPv6 addresses the primary interface has. Left out, the subnet decides. Changed in place."},
			}},
		"nested_virtualization": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.OneOf("auto", "enabled", "disabled")},
			MarkdownDescription: "Nested virtualisation of the processor, which CML needs on everything but bare metal. `auto` (default at creation) switches it on for each type that has it. Changing it stops and starts a running worker."},
		"market": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How the machine is bought. Changing it replaces the worker; with spot, so does a change of the instance type.",
			Attributes: map[string]schema.Attribute{
				"type": schema.StringAttribute{Required: true, Validators: []validator.String{stringvalidator.OneOf("on_demand", "spot")},
					MarkdownDescription: "`on_demand` or `spot`."},
				"max_price": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.RegexMatches(priceText, "must be a price per hour such as \"2.50\"")},
					MarkdownDescription: "Highest price per hour for spot, in US dollars. Default: the on-demand price."},
				"interruption": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("terminate", "stop")},
					MarkdownDescription: "What AWS does when it takes a spot machine back: `terminate` (default; a one-time request, which cannot be stopped) or `stop` (a persistent request, cancelled when the worker is destroyed)."},
			}},
		"protection": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Protection against being terminated or stopped, by anyone. Changed in place. A plan that destroys or replaces a protected worker fails, unless `on_destroy.override_protection` was applied before.",
			Attributes: map[string]schema.Attribute{
				"termination": schema.BoolAttribute{Optional: true, MarkdownDescription: "Protect against termination. Default `false`."},
				"stop":        schema.BoolAttribute{Optional: true, MarkdownDescription: "Protect against stop. Default `false`. It also blocks termination, and every change that needs a stop."},
			}},
		"root_volume": schema.SingleNestedAttribute{Optional: true, Computed: true, MarkdownDescription: "The volume that the worker boots from.",
			Attributes: map[string]schema.Attribute{
				"size_gib": schema.Int64Attribute{Optional: true, Computed: true, Validators: []validator.Int64{int64validator.Between(1, 65536)},
					MarkdownDescription: "Size in GiB. Default: that of the image. It can only grow, in place; the file system grows at the next boot where cloud-init does not do it at once."},
				"type": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.OneOf("gp2", "gp3", "io1", "io2", "st1", "sc1", "standard")},
					MarkdownDescription: "EBS volume type. Default at creation: `gp3`. Changed in place."},
				"iops": schema.Int64Attribute{Optional: true, Computed: true, Validators: []validator.Int64{int64validator.Between(100, 256000)},
					MarkdownDescription: "Provisioned IOPS, for gp3, io1 and io2. Changed in place."},
				"throughput": schema.Int64Attribute{Optional: true, Computed: true, Validators: []validator.Int64{int64validator.Between(125, 2000)},
					MarkdownDescription: "Throughput in MiB/s, for gp3. Changed in place."},
				"encrypted": schema.BoolAttribute{Optional: true, Computed: true,
					MarkdownDescription: "Whether the volume is encrypted. Default at creation: `true`. Changing it replaces the worker."},
				"kms_key_id": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 2048)},
					MarkdownDescription: "KMS key (id, alias or ARN) for the encryption. Default: the account's default key for EBS. Changing it replaces the worker."},
				"delete_on_termination": schema.BoolAttribute{Optional: true, Computed: true,
					MarkdownDescription: "Whether the volume goes with the worker. Default at creation: `true`. Changed in place."},
			}},
		"metadata_options": schema.SingleNestedAttribute{Optional: true, Computed: true, MarkdownDescription: "Instance metadata service. Changed in place.",
			Attributes: map[string]schema.Attribute{
				"http_tokens": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.OneOf("required", "optional")},
					MarkdownDescription: "`required` (default at creation) allows IMDSv2 only."},
				"http_put_response_hop_limit": schema.Int64Attribute{Optional: true, Computed: true, Validators: []validator.Int64{int64validator.Between(1, 64)},
					MarkdownDescription: "Hop limit of the token answer. Default at creation: 1. Above 1, nodes inside labs may reach the metadata of the worker; the plan warns."},
			}},
		"monitoring": schema.BoolAttribute{Optional: true, Computed: true,
			MarkdownDescription: "Detailed (one-minute) CloudWatch monitoring, which AWS charges for. Default at creation: `false`. Changed in place."},
	}
}

func bootAttributes() map[string]schema.Attribute {
	only := stringvalidator.ConflictsWith
	return map[string]schema.Attribute{
		"user_data": schema.StringAttribute{Optional: true, Sensitive: true, Validators: []validator.String{only(pathRoot("user_data_base64"), pathRoot("user_data_wo"))},
			MarkdownDescription: "User data as text, kept in state (marked sensitive); use `user_data_wo` for anything secret. Gzipped by the provider above 16 KiB. What a later change does says `user_data_change`."},
		"user_data_base64": schema.StringAttribute{Optional: true, Sensitive: true, Validators: []validator.String{
			only(pathRoot("user_data"), pathRoot("user_data_wo")), validators.Base64()},
			MarkdownDescription: "User data as base64, for binary content. Kept in state (marked sensitive)."},
		"user_data_wo": schema.StringAttribute{Optional: true, WriteOnly: true, Sensitive: true, Validators: []validator.String{
			only(pathRoot("user_data"), pathRoot("user_data_base64")), stringvalidator.AlsoRequires(pathRoot("user_data_wo_version"))},
			MarkdownDescription: "User data as text that never reaches plan or state. Needs `user_data_wo_version` and Terraform 1.11 or newer."},
		"user_data_wo_version": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(1)},
			MarkdownDescription: "Version of `user_data_wo`: raise it when the text changed."},
		"user_data_change": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("ignore", "restart", "replace")},
			MarkdownDescription: "What a change of the user data does: `ignore` (default) records it; `restart` stops the worker, stores it and starts the worker (cloud-init does not run it again by itself); `replace` replaces the worker."},
		"allow_stop_for_update": schema.BoolAttribute{Optional: true,
			MarkdownDescription: "Whether a running worker may be stopped and started for a change that needs it. Default `true`; with `false` the plan fails instead."},
	}
}

func serviceAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"controller": attribute.ControllerInput(true, "How to reach CML on this worker. It is exported complete and holds no secret: use `controller = cml_worker.lab.controller` on whatever talks to it. Changing `hostname`, `port` or `address_preference` changes `url` and `address`."),
		"readiness":  readinessAttribute("How far creation, and each change that restarts the worker, waits for CML. Changing it runs nothing."),
		"on_destroy": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "What a destroy or replacement does besides terminating the machine. It takes effect from the apply after the one that sets it, since a destroy sees the state alone.",
			Attributes: map[string]schema.Attribute{
				"mode": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("graceful", "force", "skip_os_shutdown")},
					MarkdownDescription: "`graceful` (default) shuts the operating system down; `force` goes on when that hangs; `skip_os_shutdown` does not try."},
				"final_snapshot": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Take EBS snapshots of all volumes first and wait until they are complete; a time-out is an error and nothing is terminated. The snapshots stay; a warning names them. Default `false`."},
				"override_protection": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Lift termination and stop protection in the destroy. Default `false`."},
				"deregister_license": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(licensing.Modes()...)},
					MarkdownDescription: "How a registration that CML has then is given back before the machine goes, also one that `cml_worker_license` did not make: `skip`, `best_effort` (default; what cannot be given back is a warning that names smart account, virtual account and UDI) or `required` (it is an error, and nothing is terminated). It needs the credentials of an administrator of CML."},
				"start_if_stopped": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Whether a stopped worker is started to give its licence back. Default `true`; one whose `license_status` is `unregistered` or `evaluation` is not started for `best_effort`."},
				"stop_labs": schema.BoolAttribute{Optional: true,
					MarkdownDescription: "Whether the labs of all users are stopped for that. CML does not de-register while nodes run. Default `false`."},
			}},
		"license_check": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(checkOff, checkWarn, checkRequire)},
			MarkdownDescription: "What a worker without valid licence is: `off` (nothing), `warn` (default; a warning of refresh, and of an update that restarts the worker) or `require` (such an update fails; refresh still only warns). It never acts in a creation, nor without credentials of CML."},
		"tags": schema.MapAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Map{
			mapvalidator.SizeAtMost(45), validators.Tags()},
			MarkdownDescription: "Tags of the instance, its root volume and its primary network interface. They win over the provider's `default_tags`. The tag `Name` comes from `name`. Changed in place."},
	}
}

func computedAttributes() map[string]schema.Attribute {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	return map[string]schema.Attribute{
		"id":                           text("EC2 instance id."),
		"arn":                          text("ARN of the instance."),
		"account_id":                   text("AWS account that owns the instance."),
		"revision":                     text("Opaque; changes whenever this resource restarts the worker or alters its addressing. Give it to `cml_worker_power.worker_revision`, so that what depends on the power resource's addresses is right in the same apply."),
		"instance_state":               text("EC2 state: `pending`, `running`, `stopping` or `stopped`."),
		"state_reason":                 text("Why the instance is in its state, in EC2's words."),
		"status":                       text("`pending` (never started), `starting`, `running`, `stopping` or `stopped`."),
		"service_status":               text("CML's state: `unavailable` (not running, or nothing answers), `starting`, `available` (the rung of `readiness.until` is reached), `degraded` (answers, but its own health says no), `unknown` (could not be asked)."),
		"connectable":                  schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the worker runs, CML is available and its address is known."},
		"subnet_id":                    text("Subnet that the worker was launched in."),
		"vpc_id":                       text("VPC of `subnet_id`."),
		"availability_zone":            text("Availability zone of the worker."),
		"network_interface_id":         text("Primary network interface."),
		"eip_allocation_id":            text("Allocation id of the Elastic IP on the primary interface, if there is one."),
		"public_ip":                    text("Public IPv4 address; null while stopped, unless it is an Elastic IP."),
		"public_dns":                   text("Public DNS name that EC2 gives the address."),
		"private_ip":                   text("Private IPv4 address."),
		"private_dns":                  text("Private DNS name."),
		"ipv6_address":                 text("First IPv6 address."),
		"address":                      text("Address that is dialled, by `controller.address_preference`; null while it does not exist."),
		"url":                          text("URL of CML: with `controller.hostname` known at plan, otherwise made from `address`."),
		"root_volume_id":               text("EBS volume that the worker boots from."),
		"spot_request_id":              text("Spot request behind the instance."),
		"nested_virtualization_active": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether nested virtualisation is switched on."},
		"ami_name":                     text("Name of the image."),
		"ami_cml_version":              text("CML version of the image, from its tag `cml:version` or its name."),
		"newer_ami_id":                 text("Newer image that matches `ami_filter`, with `on_newer = \"warn\"`."),
		"newer_ami_version":            text("CML version of `newer_ami_id`."),
		"launch_time":                  text("When the instance was started last, RFC 3339."),
		"cml_version":                  text("Version that CML reports, such as `2.9.1+build.7`; null until it has been read."),
		"hourly_cost_estimate": schema.Float64Attribute{Computed: true, MarkdownDescription: "What the worker costs per hour in its present state, by AWS's price list and in its currency (USD; CNY in China), to a millionth: the instance type on demand or at the present spot price, the root volume with IOPS and throughput above what its type includes, and a public IPv4 address. " +
			"A stopped worker costs its volume and its Elastic IP. Without discounts, taxes, traffic, snapshots, licences and further volumes. As of the last refresh; unknown in the plan of what changes it. Null where the price list cannot be read, with one warning in a run; the provider's `refresh_prices = false` reads none."},
		"license_status":     text("`registered`, `unregistered`, `evaluation`, `expired`, `invalid` (the registration failed, or the account lacks licences) or `unknown`, as of the last refresh that could ask CML."),
		"license_expires_at": text("When the licence ends, RFC 3339, as of the same refresh."),
		"cml_ready":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether CML said at the last look that it can start nodes."},
		"tags_all":           schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "`tags` with the provider's `default_tags`, without `Name` and the managed tags."},
		"managed_tags":       schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "The tags that this provider keeps for itself, by the prefix of the provider's `managed_tags`."},
	}
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *Resource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = attribute.IdentitySchema("EC2 instance id.", "the instance")
}
