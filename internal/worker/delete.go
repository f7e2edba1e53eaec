package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

const (
	// snapshotTime is what a final snapshot adds to the default of
	// timeouts.delete.
	snapshotTime = 60 * time.Minute
	// sameDestroy is how old a final snapshot may be to count as that of the
	// same destroy, tried again.
	sameDestroy = 6 * time.Hour
)

// destroyer carries a destroy through its steps, each of which can be repeated.
type destroyer struct {
	set   *clients.Set
	ec2   *instance.Client
	state *model
	want  onDestroy
	// licence is what was known of it last.
	licence licensing.Known
	about   tfdiag.About
	say     func(string)
	diags   *diag.Diagnostics
}

// Delete implements resource.Resource: protection, licence, final snapshot, spot request,
// terminate and wait, then the address that the worker allocated. Already gone
// is success, by the same rule as Read.
func (r *Resource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	want := object[onDestroy](ctx, state.OnDestroy, &resp.Diagnostics)
	licence := knownLicense(ctx, &state, req.Private, &resp.Diagnostics)
	limit := defaultDeleteTimeout
	if want.FinalSnapshot.ValueBool() {
		limit += snapshotTime
	}
	limit, d := state.Timeouts.Delete(ctx, limit)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	about := tfdiag.About{ID: state.ID.ValueString(), Region: state.Region.ValueString(), LastState: state.InstanceState.ValueString()}
	ec2, err := r.set.Instances(ctx, state.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to destroy CML worker", about, err))
		return
	}
	unlock := r.set.Lock(state.ID.ValueString())
	defer unlock()
	x := &destroyer{set: r.set, ec2: ec2, state: &state, want: want, licence: licence, about: about, say: progress(ctx, state.Name.ValueString()), diags: &resp.Diagnostics}
	if err := x.run(ctx); err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to destroy CML worker", about, err))
	}
}

func (x *destroyer) run(ctx context.Context) error {
	id, account := x.state.ID.ValueString(), x.state.AccountID.ValueString()
	machine, err := x.ec2.Find(ctx, id, account)
	switch {
	case fault.Is(err, fault.NotFound):
		machine = nil
	case err != nil:
		return err
	}
	if machine != nil {
		if err := x.unprotect(ctx, id); err != nil {
			return err
		}
	}
	if err := x.release(ctx, machine); err != nil {
		return err
	}
	if machine != nil {
		if err := x.snapshot(ctx, machine); err != nil {
			return err
		}
		x.warnSurvivors(machine)
	}
	if request := x.state.SpotRequestID.ValueString(); request != "" {
		// Before the machine goes, or a persistent request brings it back.
		if err := x.ec2.CancelSpotRequest(ctx, request); err != nil {
			return err
		}
	}
	mode := instance.StopGraceful
	if m := x.want.Mode.ValueString(); m != "" {
		mode = instance.StopMode(m)
	}
	if err := x.ec2.Terminate(ctx, id, account, mode, x.say); err != nil {
		return err
	}
	if ownsEIP(x.state) {
		return x.ec2.ReleaseAddress(ctx, x.state.EIPAllocationID.ValueString())
	}
	return nil
}

// unprotect checks the protection once more, as the only check for a tainted
// worker, and lifts it where the state allows that.
func (x *destroyer) unprotect(ctx context.Context, id string) error {
	p, err := x.ec2.Protection(ctx, id)
	if fault.Is(err, fault.PermissionDenied, fault.Unimplemented) {
		return nil // EC2 itself refuses to terminate what is protected
	}
	if err != nil || !p.Termination && !p.Stop {
		return err
	}
	if !x.want.OverrideProtection.ValueBool() {
		return fault.New(fault.Protected, "worker %s has %s protection; nothing was done", id, protectionWords(p))
	}
	off := false
	return x.ec2.SetProtection(ctx, id, &off, &off)
}

// snapshot takes the final snapshot. One that an earlier try of this destroy
// has taken is found by its tag.
func (x *destroyer) snapshot(ctx context.Context, machine *instance.Instance) error {
	if !x.want.FinalSnapshot.ValueBool() {
		return nil
	}
	tags := allTags(x.state)
	tags["Name"] = x.state.Name.ValueString() + " (final)"
	description := "Final snapshot of CML worker " + machine.ID
	key := fmt.Sprintf("final-%s-%d", machine.ID, machine.LaunchTime.Unix())
	made, err := x.ec2.CreateSnapshots(ctx, machine.ID, description, key, tags)
	if err == nil && slices.ContainsFunc(made, func(s *instance.Snapshot) bool { return time.Since(s.StartedAt) > sameDestroy }) {
		made, err = x.ec2.CreateSnapshots(ctx, machine.ID, description, fmt.Sprintf("%s-%d", key, time.Now().Unix()), tags)
	}
	if err != nil {
		return err
	}
	var ids []string
	for _, s := range made {
		ids = append(ids, s.ID)
	}
	if _, err := x.ec2.WaitSnapshots(ctx, ids, x.say); err != nil {
		return fmt.Errorf("the final snapshots %s are not complete, so nothing was terminated: %w", strings.Join(ids, ", "), err)
	}
	tfdiag.Warn(x.diags, x.set, tfdiag.FinalSnapshot, fmt.Sprintf("Worker %s is destroyed; these snapshots of its volumes remain, and cost money, until you delete them: %s", machine.ID, strings.Join(ids, ", ")))
	return nil
}

// warnSurvivors names the volumes that outlive the machine.
func (x *destroyer) warnSurvivors(machine *instance.Instance) {
	var left []string
	for _, v := range machine.Volumes {
		if !v.DeleteOnTermination {
			left = append(left, v.VolumeID+" ("+v.Device+")")
		}
	}
	if len(left) > 0 {
		tfdiag.Warn(x.diags, x.set, tfdiag.SurvivingVolumes, fmt.Sprintf("These volumes are not deleted with worker %s: %s", machine.ID, strings.Join(left, ", ")))
	}
}
