package worker

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// resize makes the changes that need a stop: one stop and one start if the
// worker runs, none if it is stopped. It reports whether the worker was
// restarted. A start that finds no capacity for the new type puts the old one
// back and starts that once.
func (u *updater) resize(ctx context.Context) (restarted bool, err error) {
	id, account := u.machine.ID, u.machine.AccountID
	say := progress(ctx, u.plan.Name.ValueString())
	ran := slices.Contains([]string{instance.StateRunning, instance.StatePending}, u.machine.State)
	before := u.machine
	if u.machine.State != instance.StateStopped {
		if u.machine, err = u.stop(ctx, id, account, say); err != nil {
			return false, err
		}
	}
	if ran {
		// From here on the addresses are others, whatever follows.
		u.done.Revision = types.StringValue(newRevision())
	}
	changed := u.changeStopped(ctx, before.Type)
	if !ran {
		return false, changed
	}
	// A worker that ran must run again, also when the change was refused.
	machine, err := u.ec2.Start(ctx, id, account, instance.StartOptions{Progress: say})
	switch {
	case err == nil:
		u.machine = machine
		u.done.InstanceType = attribute.String(machine.Type)
		return true, changed
	case changed != nil:
		return false, fmt.Errorf("%w; starting it again failed too: %w", changed, err)
	case fault.Is(err, fault.Capacity):
		return u.goBack(ctx, before, err)
	}
	return false, err
}

// stop stops the worker and keeps what is known of it on failure.
func (u *updater) stop(ctx context.Context, id, account string, say func(string)) (*instance.Instance, error) {
	machine, err := u.ec2.Stop(ctx, id, account, instance.StopGraceful, say)
	if err != nil {
		return u.machine, err
	}
	return machine, nil
}

// changeStopped makes all changes that the stopped worker waits for, and
// records each once it is made.
func (u *updater) changeStopped(ctx context.Context, from string) error {
	if err := u.setType(ctx, from, u.plan.InstanceType.ValueString()); err != nil {
		return err
	}
	u.done.InstanceType, u.done.Nested = u.plan.InstanceType, u.plan.Nested
	if !u.diff.userDataDoes(restart) {
		return nil
	}
	if err := u.ec2.SetUserData(ctx, u.machine.ID, u.userData); err != nil {
		return err
	}
	u.done.UserData, u.done.UserDataBase64, u.done.UserDataWOVersion = u.plan.UserData, u.plan.UserDataBase64, u.plan.UserDataWOVersion
	return nil
}

// wantsNested is whether nested virtualisation should be on with a type.
func (u *updater) wantsNested(ctx context.Context, kind string) (bool, error) {
	switch u.plan.Nested.ValueString() {
	case nestedEnabled:
		return true, nil
	case nestedDisabled:
		return false, nil
	}
	facts, err := u.ec2.InstanceTypes(ctx, kind)
	if err != nil && !fault.Is(err, fault.Unimplemented) {
		return false, err
	}
	return facts[kind] != nil && facts[kind].NestedVirtualization && !facts[kind].BareMetal, nil
}

// setType changes the type of the stopped worker with its nested
// virtualisation: disabled before a type that lacks it, enabled after one that
// has it.
func (u *updater) setType(ctx context.Context, from, to string) error {
	nested, err := u.wantsNested(ctx, to)
	if err != nil {
		return err
	}
	if from == to && !u.diff.nestedChanges() {
		return nil
	}
	if u.machine.NestedVirtualization == nestedEnabled && !nested {
		if err := u.ec2.SetNestedVirtualization(ctx, u.machine.ID, nestedDisabled); err != nil {
			return err
		}
	}
	if from != to {
		if err := u.ec2.SetType(ctx, u.machine.ID, to); err != nil {
			return err
		}
	}
	if nested && u.machine.NestedVirtualization != nestedEnabled {
		return u.ec2.SetNestedVirtualization(ctx, u.machine.ID, nestedEnabled)
	}
	return nil
}

// Settings of nested virtualisation (EC2 API, CpuOptions).
const (
	nestedEnabled  = "enabled"
	nestedDisabled = "disabled"
)

// goBack restores the type that ran before and starts it once. The error names
// both attempts, also when the old type runs again.
func (u *updater) goBack(ctx context.Context, before *instance.Instance, noCapacity error) (bool, error) {
	to := u.plan.InstanceType.ValueString()
	if to == before.Type {
		return false, noCapacity
	}
	failed := fmt.Errorf("EC2 has no capacity to start the worker as %s: %w", to, noCapacity)
	now, err := u.ec2.Find(ctx, before.ID, before.AccountID)
	if err == nil {
		u.machine = now
		err = u.setType(ctx, to, before.Type)
	}
	if err != nil {
		return false, fmt.Errorf("%w; the worker is stopped as %s, since %s could not be restored: %w", failed, to, before.Type, err)
	}
	u.done.InstanceType = types.StringValue(before.Type)
	machine, err := u.ec2.Start(ctx, before.ID, before.AccountID, instance.StartOptions{Progress: progress(ctx, u.plan.Name.ValueString())})
	if err != nil {
		return false, fmt.Errorf("%w; it is %s again but stopped, since that does not start either: %w", failed, before.Type, err)
	}
	u.machine = machine
	return true, fmt.Errorf("%w; it runs as %s again", failed, before.Type)
}
