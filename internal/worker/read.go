package worker

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Read implements resource.Resource.
func (r *Resource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if tfdiag.NotRead(&resp.Diagnostics, r.set, "the worker "+state.ID.ValueString()) {
		resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &state)...)
		return
	}
	about := tfdiag.About{ID: state.ID.ValueString(), Region: state.Region.ValueString(), LastState: state.InstanceState.ValueString()}
	ec2, err := r.set.Instances(ctx, state.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to read CML worker", about, err))
		return
	}
	machine, err := ec2.Find(ctx, state.ID.ValueString(), state.AccountID.ValueString())
	if fault.Is(err, fault.NotFound) {
		if imported := state.Name.IsNull(); imported {
			resp.Diagnostics.Append(tfdiag.Error("CML worker not found", about, err))
			return
		}
		resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, &state)...)
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to read CML worker", about, err))
		return
	}
	image := r.image(ctx, ec2, machine, req.Private, resp.Private, &resp.Diagnostics)
	out := r.refresh(ctx, ec2, machine, image, &state, privateState{req.Private, resp.Private}, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, out)...)
	resp.Diagnostics.Append(setIdentity(ctx, resp.Identity, out)...)
}

// privateState is the private state of a request and of its response.
type privateState struct {
	attribute.PrivateReader
	attribute.PrivateWriter
}

// refresh reads whatever else belongs to a machine that was found, and returns
// the model that follows from it and from the state so far. image is what is
// known of the machine's image, or nil.
func (r *Resource) refresh(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, image *imageFacts, state *model, private privateState, diags *diag.Diagnostics) *model {
	f := found{instance: machine, image: image}
	f.volume = r.volume(ctx, ec2, machine, diags)
	f.allocation = r.allocation(ctx, ec2, machine, state, diags)
	if !state.Protection.IsNull() {
		f.protection = r.protection(ctx, ec2, machine, diags)
	}

	wait := pendingWait(ctx, private, diags)
	ready, d := attribute.ExpandReadiness(ctx, state.Readiness)
	diags.Append(d...)
	f.service = r.probe(ctx, ec2, machine, state, ready.Until, diags)
	if wait != nil && f.service != nil && f.service.status == readiness.ServiceAvailable {
		// The wait ends here, and its end records the certificate.
		if wait.Pins {
			f.service.pin = f.service.seen
		}
		setPending(ctx, private, nil, diags)
	}
	out := flatten(ctx, r.set, f, state, diags)
	r.refreshLicense(ctx, ec2, machine, out, f.service, private, diags)
	r.lookForNewer(ctx, ec2, out, image, diags)
	out.HourlyCostEstimate = r.estimate(ctx, ec2, machine, f.volume, diags)
	if state.SubnetID.IsNull() && out.SubnetIDs.IsNull() && known(out.SubnetID) {
		// Imported or moved. The present subnet is a menu of one, which a longer
		// one that has it does not change.
		out.SubnetIDs = attribute.StringList([]string{out.SubnetID.ValueString()})
	}
	if out.Revision.IsNull() {
		out.Revision = types.StringValue(newRevision())
	}
	return out
}

// probe asks CML once, within bounds. nil: it was not asked, and what is known
// stays.
func (r *Resource) probe(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, state *model, until readiness.Rung, diags *diag.Diagnostics) *service {
	if machine.State != instance.StateRunning || !r.set.RefreshProbe() {
		return nil
	}
	if !r.set.ProbeBudget().Allow(machine.SubnetID) {
		return &service{status: readiness.ServiceUnknown}
	}
	target, _ := r.target(ctx, ladder{ec2: ec2, machine: machine, plan: state})
	result, err := readiness.Probe(ctx, target, readiness.Limits{})
	if result.ConnectTimedOut() {
		r.set.ProbeBudget().TimedOut(machine.SubnetID)
	}
	if err != nil {
		tfdiag.Warn(diags, r.set, tfdiag.HealthUnknown, fmt.Sprintf("The service status of worker %s is unknown: %s", machine.ID, err))
		return &service{status: readiness.ServiceUnknown}
	}
	if result.CredentialsErr != nil {
		tfdiag.Warn(diags, r.set, tfdiag.HealthUnknown, fmt.Sprintf("CML on worker %s was asked without an account: %s.", machine.ID, result.CredentialsErr))
	}
	return newService(result, readiness.ServiceStatus(result, until))
}

// image returns what is known about the pinned image, asking EC2 only when
// private state does not know it. nil: EC2 does not tell.
func (r *Resource) image(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, from attribute.PrivateReader, to attribute.PrivateWriter, diags *diag.Diagnostics) *imageFacts {
	if facts := readFacts(ctx, from, diags); facts != nil && facts.ID == machine.ImageID {
		return facts
	}
	found, err := ec2.Images(ctx, machine.ImageID)
	if err != nil || found[machine.ImageID] == nil {
		// Deregistered, or not allowed to look: the worker is no worse for it.
		return nil
	}
	facts := factsOf(found[machine.ImageID], machine.AccountID)
	saveFacts(ctx, to, facts, diags)
	return facts
}

// protection reads the protection of a worker that configures it.
func (r *Resource) protection(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, diags *diag.Diagnostics) *instance.Protection {
	p, err := ec2.Protection(ctx, machine.ID)
	if err != nil {
		tfdiag.Warn(diags, r.set, tfdiag.NotReadable, fmt.Sprintf("The protection of worker %s keeps its last known value: %s", machine.ID, err))
		return nil
	}
	return &p
}

// lookForNewer looks for a newer image where the configuration asks for it.
func (r *Resource) lookForNewer(ctx context.Context, ec2 *instance.Client, m *model, pinned *imageFacts, diags *diag.Diagnostics) {
	filter := object[amiFilter](ctx, m.AMIFilter, diags)
	if filter.OnNewer.ValueString() != "warn" || pinned == nil {
		m.NewerAMIID, m.NewerAMIVersion = types.StringNull(), types.StringNull()
		return
	}
	newer, err := newerImage(ctx, ec2, filter, pinned)
	if err != nil {
		tfdiag.Warn(diags, r.set, tfdiag.NotReadable, fmt.Sprintf("newer_ami_id of worker %s keeps its last known value: %s", m.ID.ValueString(), err))
		return
	}
	m.NewerAMIID, m.NewerAMIVersion = types.StringNull(), types.StringNull()
	if newer != nil {
		m.NewerAMIID = types.StringValue(newer.ID)
		m.NewerAMIVersion = attribute.String(controller.ImageVersion(newer.Name, newer.Tags))
	}
}
