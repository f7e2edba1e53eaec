package worker

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// updater carries an update through its steps. done is the state as far as it
// is true: it advances with each step, so that a failure half-way is recorded
// as what it is.
type updater struct {
	r       *Resource
	ec2     *instance.Client
	machine *instance.Instance
	plan    *model
	done    *model
	diff    *diff
	rows    []change
	diags   diag.Diagnostics
	image   *imageFacts
	// userData is what the configuration says, whichever argument holds it.
	userData []byte
	out      outcome
	pins     bool
	waited   bool
}

// Update implements resource.Resource. A change that only records values makes
// no call.
func (r *Resource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var (
		plan, state model
		writeOnly   types.String
	)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("user_data_wo"), &writeOnly)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	limit, d := plan.Timeouts.Update(ctx, defaultUpdateTimeout)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	done := state
	u := &updater{r: r, plan: &plan, done: &done, userData: configuredUserData(&plan, writeOnly)}
	u.image = readFacts(ctx, req.Private, &u.diags)
	u.diff = newDiff(ctx, &plan, &state, u.image, &u.diags)
	u.rows = u.diff.applies()
	unfinished := pendingWait(ctx, req.Private, &u.diags)
	resume := unfinished != nil && plan.ServiceStatus.IsUnknown()
	u.pins = resume && unfinished.Pins
	if !resume && !has(u.rows, inPlace) && !has(u.rows, addressing) && !has(u.rows, restart) {
		nullUnknown(&plan)
		resp.Diagnostics.Append(u.diags...)
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
		resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &plan)...)
		return
	}

	unlock := r.set.Lock(state.ID.ValueString())
	defer unlock()
	if u.run(ctx, resume); u.waited {
		setPending(ctx, resp.Private, u.out.pending, &u.diags)
	}
	u.finish(ctx)
	resp.Diagnostics.Append(u.diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, u.done)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, u.done)...)
}

func (u *updater) about() tfdiag.About {
	about := tfdiag.About{ID: u.done.ID.ValueString(), Region: u.done.Region.ValueString(), LastState: u.done.InstanceState.ValueString()}
	if u.machine != nil {
		about.LastState = u.machine.State
	}
	return about
}

// step is one change of the machine: what it calls, and what it may then say
// in state.
type step struct {
	due    bool
	call   func(ctx context.Context) error
	record func(done *model)
}

// run makes the changes in an order that leaves the machine usable when one
// fails: what needs no stop first, the stop with all that needs it last.
func (u *updater) run(ctx context.Context, resume bool) {
	var err error
	id, account := u.done.ID.ValueString(), u.done.AccountID.ValueString()
	if u.ec2, err = u.r.set.Instances(ctx, u.done.Region.ValueString()); err == nil {
		u.machine, err = u.ec2.Find(ctx, id, account)
	}
	if err != nil {
		u.diags.Append(tfdiag.Error("Unable to update CML worker", u.about(), err))
		return
	}
	for _, s := range u.steps(id) {
		if !s.due {
			continue
		}
		if err := s.call(ctx); err != nil {
			u.diags.Append(tfdiag.Error("Unable to update CML worker", u.about(), err))
			return
		}
		s.record(u.done)
	}
	ready, d := attribute.ExpandReadiness(ctx, u.plan.Readiness)
	u.diags.Append(d...)
	restarted := false
	if has(u.rows, restart) {
		if restarted, err = u.resize(ctx); err != nil {
			if restarted {
				// It runs again, and nobody has waited for CML yet.
				u.out.pending, u.waited = &pending{Until: ready.Until.String(), Since: time.Now().UTC()}, true
			}
			u.diags.Append(tfdiag.Error("Unable to resize CML worker", u.about(), err))
			return
		}
	}
	if restarted || resume {
		u.out = u.r.runLadder(ctx, ladder{ec2: u.ec2, machine: u.machine, plan: u.plan, wait: ready, pins: u.pins})
		u.waited = true
		u.diags.Append(u.out.diags...)
		if restarted && u.out.pending == nil && !u.out.diags.HasError() {
			u.r.checkLicense(ctx, u.ec2, u.machine, u.plan, &u.diags)
		}
	}
}

// steps are the changes that need no stop.
func (u *updater) steps(id string) []step {
	p, d := u.plan, u.diff
	return []step{
		{
			due:  !p.Name.Equal(u.done.Name) || !p.TagsAll.Equal(u.done.TagsAll) || !p.Managed.Equal(u.done.Managed) && !p.Managed.IsUnknown(),
			call: u.syncTags,
			record: func(done *model) {
				done.Name, done.Tags, done.TagsAll, done.Controller = p.Name, p.Tags, p.TagsAll, p.Controller
				if !p.Managed.IsUnknown() {
					done.Managed = p.Managed
				}
			},
		},
		{
			due: other(p.SecurityGroupIDs, u.done.SecurityGroupIDs),
			call: func(ctx context.Context) error {
				return u.ec2.SetSecurityGroups(ctx, id, attribute.Strings(p.SecurityGroupIDs))
			},
			record: func(done *model) { done.SecurityGroupIDs = p.SecurityGroupIDs },
		},
		{
			due:    other(p.Monitoring, u.done.Monitoring),
			call:   func(ctx context.Context) error { return u.ec2.SetMonitoring(ctx, id, p.Monitoring.ValueBool()) },
			record: func(done *model) { done.Monitoring = p.Monitoring },
		},
		{
			due:    d.planMeta != d.stateMeta,
			call:   func(ctx context.Context) error { return u.ec2.SetMetadataOptions(ctx, id, expandMetadata(d.planMeta)) },
			record: func(done *model) { done.MetadataOptions = p.MetadataOptions },
		},
		{
			due: !p.IAMInstanceProfile.Equal(u.done.IAMInstanceProfile),
			call: func(ctx context.Context) error {
				return u.ec2.SetInstanceProfile(ctx, id, p.IAMInstanceProfile.ValueString())
			},
			record: func(done *model) { done.IAMInstanceProfile = p.IAMInstanceProfile },
		},
		{
			due:    u.volumeChange() != (instance.VolumeChange{}),
			call:   u.modifyVolume,
			record: func(done *model) { done.RootVolume = p.RootVolume },
		},
		{
			due: other(d.planRoot.DeleteOnTermination, d.stateRoot.DeleteOnTermination),
			call: func(ctx context.Context) error {
				return u.ec2.SetDeleteOnTermination(ctx, id, u.machine.RootDeviceName, d.planRoot.DeleteOnTermination.ValueBool())
			},
			record: func(done *model) { done.RootVolume = p.RootVolume },
		},
		{
			due: protectionOf(p) != protectionOf(u.done),
			call: func(ctx context.Context) error {
				want, has := protectionOf(p), protectionOf(u.done)
				return u.ec2.SetProtection(ctx, id, changed(want.Termination, has.Termination), changed(want.Stop, has.Stop))
			},
			record: func(done *model) { done.Protection = p.Protection },
		},
		{
			due:  !d.planNet.EIP.Equal(d.stateNet.EIP),
			call: u.changeEIP,
			record: func(done *model) {
				done.Network = p.Network
				if !wantsEIP(p) {
					done.EIPAllocationID = types.StringNull()
				}
			},
		},
		{
			due: other(d.planNet.IPv6Count, d.stateNet.IPv6Count),
			call: func(ctx context.Context) error {
				return u.ec2.SetIPv6Count(ctx, u.machine.NetworkInterfaceID, u.machine.IPv6Addresses, int(d.planNet.IPv6Count.ValueInt64()))
			},
			record: func(done *model) { done.Network = p.Network },
		},
		{
			due: publicIPChanges(d.planNet.PublicIP, d.state),
			call: func(ctx context.Context) error {
				return u.ec2.SetAssociatePublicIP(ctx, u.machine.NetworkInterfaceID, d.planNet.PublicIP.ValueBool())
			},
			record: func(done *model) { done.Network = p.Network },
		},
	}
}

// changed is the wish where it differs from what is, else nil.
func changed(want, has bool) *bool {
	if want == has {
		return nil
	}
	return &want
}

// syncTags writes what differs between the tags of the plan and those of the
// state, and removes what the plan no longer has.
func (u *updater) syncTags(ctx context.Context) error {
	want := *u.plan
	if want.Managed.IsUnknown() {
		want.Managed = u.done.Managed
	}
	set, has := allTags(&want), allTags(u.done)
	var remove []string
	for k, v := range has {
		switch now, keep := set[k]; {
		case !keep:
			remove = append(remove, k)
		case now == v:
			delete(set, k)
		}
	}
	return u.ec2.SyncTags(ctx, taggedResources(u.done), set, remove)
}

func (u *updater) volumeChange() instance.VolumeChange {
	var c instance.VolumeChange
	plan, state := u.diff.planRoot, u.diff.stateRoot
	if other(plan.SizeGiB, state.SizeGiB) {
		c.SizeGiB = int32Pointer(plan.SizeGiB)
	}
	if other(plan.Type, state.Type) {
		c.Type = stringPointer(plan.Type)
	}
	if other(plan.IOPS, state.IOPS) {
		c.IOPS = int32Pointer(plan.IOPS)
	}
	if other(plan.Throughput, state.Throughput) {
		c.Throughput = int32Pointer(plan.Throughput)
	}
	return c
}

func (u *updater) modifyVolume(ctx context.Context) error {
	return u.ec2.ModifyVolume(ctx, u.machine.RootVolumeID, u.volumeChange(), progress(ctx, u.plan.Name.ValueString()))
}

// finish reads back what the plan left unknown. After an error the state is
// what was really reached.
func (u *updater) finish(ctx context.Context) {
	failed := u.diags.HasError()
	if u.machine == nil {
		return
	}
	readCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	u.out.id, u.out.account, u.out.created = u.machine.ID, u.machine.AccountID, time.Time{}
	prior := u.plan
	if failed {
		prior = u.done
	}
	revision := u.done.Revision
	read := u.r.readBack(readCtx, u.ec2, u.out, prior, u.image, &u.diags)
	if read == nil {
		if !failed {
			nullUnknown(u.plan)
			u.done = u.plan
		}
		return
	}
	read.Revision = revision
	if u.plan.Revision.IsUnknown() && revision.Equal(u.diff.state.Revision) && !failed {
		read.Revision = types.StringValue(newRevision())
	}
	if failed {
		nullUnknown(read)
		u.done = read
		return
	}
	fillUnknown(u.plan, read)
	nullUnknown(u.plan)
	u.publishPin(readCtx)
	u.done = u.plan
}

// publishPin writes the tags of a certificate that this update recorded.
func (u *updater) publishPin(ctx context.Context) {
	if u.out.service == nil || u.out.service.pin == "" {
		return
	}
	u.r.publish(ctx, u.ec2, u.plan, allTags(u.diff.state), &u.diags)
}
