package storage

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Limits of the operations where `timeouts` says nothing. A first snapshot of
// a large volume copies all of it.
const (
	defaultCreateTimeout = 60 * time.Minute
	defaultUpdateTimeout = 15 * time.Minute
	defaultDeleteTimeout = 15 * time.Minute
)

// Values of `quiesce`.
const (
	quiesceNone     = "none"
	quiesceStopLabs = "stop_labs"
	quiesceStop     = "stop"
)

// mostTags leaves room for the tags that this provider adds, out of the 50
// that EC2 allows.
const mostTags = 40

const resourceText = "EBS snapshots of all volumes of a worker, taken at one moment as one consistent set, and waited for until they are complete. Destroying the resource deletes them, unless `retain` is set.\n\n" +
	"EC2 fixes the moment when the snapshots begin: a worker that was stopped for them starts again at once, and the data is copied while it runs.\n\n" +
	"To restore, register an image from `root_snapshot_id` and launch a new worker from it; the section \"Restore\" shows how."

const quiesceText = "What comes to rest first. `none` (default): nothing; the snapshots are what a power cut at that moment would leave, and nodes that write may lose data. " +
	"`stop_labs`: the labs of all users are stopped through CML's API, which takes the credentials of an administrator; they stay stopped. " +
	"`stop`: the worker is shut down, and started again as soon as the snapshots have begun, also when they fail. A worker that is found stopped stays stopped. " +
	"Stopping and starting a worker without Elastic IP gives it another public address, which `cml_worker` and `cml_worker_power` show from the next refresh."

// Schema implements resource.Resource.
func (r *Resource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: resourceText,
		Attributes:          map[string]schema.Attribute{},
		Blocks:              map[string]schema.Block{"timeouts": timeoutsBlock(ctx)},
	}
	for _, part := range []map[string]schema.Attribute{arguments(), computedAttributes()} {
		for name, a := range part {
			resp.Schema.Attributes[name] = a
		}
	}
}

func arguments() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
			MarkdownDescription: "EC2 instance id of the worker, `cml_worker.lab.id`. Changing it takes new snapshots and replaces these."},
		"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
			MarkdownDescription: "AWS region of the worker. Default: the provider's region, as it is at creation. Only an explicit other value replaces the snapshots."},
		"controller": attribute.ControllerInput(false, "How to reach CML on the worker, `cml_worker.lab.controller`; `quiesce = \"stop_labs\"`, `cml_version` and `registered_at_snapshot` ask it. What is left out comes from the managed tags of the worker, then from the provider's `controller`. It holds no secret. Changing it runs nothing."),
		"description": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 255)},
			MarkdownDescription: "Description of the snapshots. Default: one that names the worker. EC2 cannot change it, so that another value takes new snapshots and replaces these."},
		"quiesce": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(quiesceNone, quiesceStopLabs, quiesceStop)},
			MarkdownDescription: quiesceText + " Changing it takes new snapshots and replaces these."},
		"retain": schema.BoolAttribute{Optional: true,
			MarkdownDescription: "Destroying or replacing this resource leaves the snapshots; a warning names them. It takes effect from the apply after the one that sets it. Default `false`."},
		"tags": schema.MapAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Map{mapvalidator.SizeAtMost(mostTags), validators.Tags()},
			MarkdownDescription: "Tags of the snapshots. They win over the provider's `default_tags`. Changed in place."},
	}
}

func computedAttributes() map[string]schema.Attribute {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	return map[string]schema.Attribute{
		"id":         text("The snapshot ids of the set as it was taken, sorted and with commas between them. It imports the set."),
		"account_id": text("AWS account that owns the snapshots."),
		"snapshots": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "The snapshots that exist, that of the root volume first.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"snapshot_id": text("Snapshot id."),
				"volume_id":   text("Volume that it is of."),
				"device_name": text("Where the volume was attached to the worker; null after an import if the worker is gone."),
				"size_gib":    schema.Int64Attribute{Computed: true, MarkdownDescription: "Size of the volume in GiB."},
				"encrypted":   schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the snapshot is encrypted."},
			}}},
		"root_snapshot_id":       text("Snapshot of the volume that the worker boots from: register an image from it to restore."),
		"started_at":             text("When the snapshots began, RFC 3339: the moment that their data is of."),
		"cml_version":            text("CML's version at that moment, as CML said or, if it did not answer, as the worker's image says; null if neither tells."),
		"ami_id":                 text("Image that the worker was launched from."),
		"registered_at_snapshot": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether CML held a licence registration when the snapshots were taken; null if it could not be asked (the worker did not run, or there are no credentials). A worker restored from such a snapshot inherits the registration and must be registered anew."},
		"tags_all":               schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "`tags` with the provider's `default_tags`, without the managed tags."},
	}
}

func timeoutsBlock(ctx context.Context) schema.Block {
	return attribute.Timeouts(ctx, timeouts.Opts{
		Create: true, Update: true, Delete: true,
		CreateDescription: "Limit of the creation, until the snapshots are complete. Default `60m`. Starting a worker again that was stopped for them may take longer.",
		UpdateDescription: "Limit of a change of tags. Default `15m`.",
		DeleteDescription: "Limit of deleting the snapshots. Default `15m`.",
	})
}
