package worker

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// eipOf is the wish for an Elastic IP in a model.
func eipOf(m *model) eip {
	ctx, diags := context.Background(), new(diag.Diagnostics)
	return object[eip](ctx, object[network](ctx, m.Network, diags).EIP, diags)
}

// wantsEIP reports whether the model wishes for an Elastic IP.
func wantsEIP(m *model) bool {
	e := eipOf(m)
	return known(e.AllocationID) || e.Allocate.ValueBool()
}

// ownsEIP reports whether the Elastic IP of a model was allocated by this
// resource, which then releases it.
func ownsEIP(m *model) bool { return eipOf(m).Allocate.ValueBool() && known(m.EIPAllocationID) }

// attachEIP gives the machine its Elastic IP, allocating one if that is the
// wish. record hears of an allocation before anything else is tried. EC2
// associates addresses with running and stopped machines only.
func (r *Resource) attachEIP(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, want *model, tags map[string]string, record func(allocation string)) error {
	if machine.State == instance.StatePending {
		if _, err := ec2.WaitRunning(ctx, machine.ID, machine.AccountID, machine.LaunchTime, progress(ctx, want.Name.ValueString())); err != nil {
			return err
		}
	}
	id := eipOf(want).AllocationID.ValueString()
	if id == "" {
		made, err := ec2.AllocateAddress(ctx, tags)
		if err != nil {
			return err
		}
		id = made.AllocationID
		record(id)
	}
	return ec2.AssociateAddress(ctx, id, machine.ID)
}

// changeEIP moves a worker from the Elastic IP of one model to that of another.
// The one that was allocated for it is released once it is free.
func (u *updater) changeEIP(ctx context.Context) error {
	owned := ownsEIP(u.done)
	before := u.done.EIPAllocationID.ValueString()
	if wantsEIP(u.plan) {
		err := u.r.attachEIP(ctx, u.ec2, u.machine, u.plan, allTags(u.plan), func(allocation string) {
			u.done.EIPAllocationID = types.StringValue(allocation)
			u.done.Network = u.plan.Network
		})
		if err != nil {
			return err
		}
	} else if before != "" && !owned {
		return u.ec2.DisassociateAddress(ctx, before)
	}
	if owned {
		return u.ec2.ReleaseAddress(ctx, before)
	}
	return nil
}

// allocation is the allocation id of the Elastic IP that a machine has, "" for
// none. It is asked for only when the address is another one than the model
// knows.
func (r *Resource) allocation(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, prior *model, diags *diag.Diagnostics) string {
	if !machine.PublicIPIsEIP {
		return ""
	}
	if machine.EIPAllocationID != "" {
		return machine.EIPAllocationID
	}
	if known(prior.EIPAllocationID) && prior.PublicIP.ValueString() == machine.PublicIP {
		return prior.EIPAllocationID.ValueString()
	}
	address, err := ec2.AddressOf(ctx, machine.ID)
	if err != nil {
		tfdiag.Warn(diags, r.set, tfdiag.NotReadable, fmt.Sprintf("The allocation id of %s, the Elastic IP of worker %s, keeps its last known value: %s", machine.PublicIP, machine.ID, err))
		if known(prior.EIPAllocationID) {
			return prior.EIPAllocationID.ValueString()
		}
		return ""
	}
	if address == nil {
		return ""
	}
	return address.AllocationID
}
