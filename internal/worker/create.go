package worker

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// afterwards is how long clean-up and read-back may take once the operation's
// own context has ended.
const afterwards = 15 * time.Second

// Create implements resource.Resource. From the moment that EC2 names an
// instance, every way out of here carries its id.
func (r *Resource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	limit, d := plan.Timeouts.Create(ctx, defaultCreateTimeout)
	resp.Diagnostics.Append(d...)
	ready, d := attribute.ExpandReadiness(ctx, plan.Readiness)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	region := plan.Region.ValueString()
	ec2, err := r.set.Instances(ctx, region)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to create CML worker", tfdiag.About{Region: region}, err))
		return
	}
	region = ec2.Region()
	tags, err := r.launchTags(ctx, &plan, &resp.Diagnostics)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to create CML worker", tfdiag.About{Region: region}, err))
		return
	}
	if r.warnOrphans(ctx, ec2, &plan, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}

	image, err := resolveImage(ctx, ec2, &plan, &resp.Diagnostics)
	if err == nil {
		err = checkVersion(&plan, image)
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to create CML worker", tfdiag.About{Region: region, Attribute: imageArgument(&plan)}, err))
		return
	}

	launch := expandLaunch(ctx, &plan, configuredUserData(&plan, config.UserDataWO), tags, &resp.Diagnostics)
	launch.ImageID = image.ID
	if launch.InstanceTypes = r.launchable(ctx, ec2, &plan, image, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	machine, err := ec2.Launch(ctx, launch, progress(ctx, plan.Name.ValueString()))
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to create CML worker", tfdiag.About{Region: region}, err))
		return
	}
	early := plan
	early.ID, early.AccountID, early.Region = types.StringValue(machine.ID), attribute.String(machine.AccountID), types.StringValue(region)
	early.ARN, early.InstanceType, early.InstanceState = attribute.String(machine.ARN), attribute.String(machine.Type), attribute.String(machine.State)
	nullUnknown(&early)
	resp.Diagnostics.Append(resp.State.Set(ctx, &early)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &early)...)

	facts := factsOf(image, machine.AccountID)
	saveFacts(ctx, resp.Private, facts, &resp.Diagnostics)
	saveDefaulted(ctx, resp.Private, r.set, &config, &plan, &resp.Diagnostics)

	unlock := r.set.Lock(machine.ID)
	defer unlock()
	if wantsEIP(&plan) {
		err := r.attachEIP(ctx, ec2, machine, &plan, tags, func(allocation string) {
			early.EIPAllocationID = types.StringValue(allocation)
			resp.Diagnostics.Append(resp.State.Set(ctx, &early)...)
		})
		if err != nil {
			resp.Diagnostics.Append(tfdiag.Error("Unable to give CML worker its Elastic IP", tfdiag.About{ID: machine.ID, Region: region}, err))
			return
		}
	}
	out := r.runLadder(ctx, ladder{ec2: ec2, machine: machine, plan: &plan, wait: ready, creating: true})
	setPending(ctx, resp.Private, out.pending, &resp.Diagnostics)
	resp.Diagnostics.Append(out.diags...)

	readCtx, done := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer done()
	final := r.readBack(readCtx, ec2, out, &plan, facts, &resp.Diagnostics)
	if final == nil {
		return
	}
	final.Revision = types.StringValue(newRevision())
	fillUnknown(&plan, final)
	nullUnknown(&plan)
	r.publish(readCtx, ec2, &plan, tags, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &plan)...)
}

// imageArgument is the argument that names the image.
func imageArgument(m *model) path.Path {
	if !m.AMIFilter.IsNull() {
		return path.Root("ami_filter")
	}
	return path.Root("ami_id")
}

// launchTags is what goes on the machine at launch: Name, tags_all and the
// markers, the creator among them.
func (r *Resource) launchTags(ctx context.Context, plan *model, diags *diag.Diagnostics) (map[string]string, error) {
	managed := r.set.ManagedTags()
	prior := map[string]string{}
	if managed.Enabled {
		identity, err := r.set.Identity(ctx)
		if err != nil {
			return nil, err
		}
		if identity.ARN != "" {
			prior[managed.Key(instance.MarkerCreatedBy)] = tagValue(identity.ARN)
		}
	}
	settings, d := attribute.ExpandController(ctx, plan.Controller)
	diags.Append(d...)
	launched := *plan
	launched.Managed = attribute.StringMap(markers(managed, prior, plan.Name.ValueString(), settings))
	return allTags(&launched), nil
}

// tagValue cuts a text to what a tag can hold.
func tagValue(s string) string {
	if len(s) > 256 {
		return s[:256]
	}
	return s
}

// warnOrphans looks for live machines that carry this worker's name: a run that
// was killed after RunInstances leaves one that no state knows. It is no error,
// since create_before_destroy has two on purpose.
func (r *Resource) warnOrphans(ctx context.Context, ec2 *instance.Client, plan *model, diags *diag.Diagnostics) {
	if !r.set.ManagedTags().Enabled {
		return
	}
	name := plan.Name.ValueString()
	orphans, err := ec2.Orphans(ctx, name)
	if err != nil {
		diags.Append(tfdiag.Error("Unable to look for earlier machines of this name", tfdiag.About{Region: ec2.Region()}, err))
		return
	}
	if len(orphans) == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Before launching %q, these live machines of this name were found. If no state holds one of them (a run that was killed leaves such a machine), it costs money until you import or terminate it:\n", name)
	for _, o := range orphans {
		fmt.Fprintf(&b, "\n  %s, %s, launched %s: terraform import <address> %s@%s", o.ID, o.State, o.LaunchTime.UTC().Format(time.RFC3339), o.ID, ec2.Region())
	}
	b.WriteString("\n")
	tfdiag.Warn(diags, r.set, tfdiag.LiveWorkerSameName, b.String())
}

// progress writes to Terraform's log, and to nothing else: the framework gives
// resources no other channel.
func progress(ctx context.Context, worker string) func(string) {
	return func(text string) {
		tflog.Info(ctx, text, map[string]any{"worker": worker})
	}
}

// publish writes what became known after the launch, such as the pin, into the
// managed tags. A machine without them works, so a failure is a warning.
func (r *Resource) publish(ctx context.Context, ec2 *instance.Client, m *model, launched map[string]string, diags *diag.Diagnostics) {
	if !r.set.ManagedTags().Enabled {
		return
	}
	settings, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	_, written := splitTags(r.set, launched, types.MapNull(types.StringType))
	want := markers(r.set.ManagedTags(), written, m.Name.ValueString(), settings)
	missing := maps.Clone(want)
	maps.DeleteFunc(missing, func(k, v string) bool { return written[k] == v })
	m.Managed = attribute.StringMap(want)
	if len(missing) == 0 {
		return
	}
	if err := ec2.SyncTags(ctx, taggedResources(m), missing, nil); err != nil {
		m.Managed = attribute.StringMap(written)
		tfdiag.Warn(diags, r.set, tfdiag.TagsIncomplete, fmt.Sprintf("Worker %s works, but other configurations will not find its certificate by its tags: %s", m.ID.ValueString(), err))
	}
}

// taggedResources are the things that carry the worker's tags: the instance,
// its root volume and its primary interface.
func taggedResources(m *model) []string {
	var ids []string
	for _, v := range []types.String{m.ID, m.RootVolumeID, m.NetworkInterfaceID} {
		if known(v) {
			ids = append(ids, v.ValueString())
		}
	}
	return ids
}
