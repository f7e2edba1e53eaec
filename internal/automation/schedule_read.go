package automation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Read implements resource.Resource. A schedule that is gone is planned again in
// place; when all are, in the account that owns them, the resource leaves the
// state. It stays when the worker is gone: its schedules go on.
func (r *Schedule) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	const summary = "Unable to read schedule of CML worker"
	var state scheduleModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, state.identity())...)
	if tfdiag.NotRead(&resp.Diagnostics, r.set, "the schedules "+state.ID.ValueString()) {
		return
	}
	t, err := r.open(ctx, &state)
	var found map[string]*scheduling.Schedule
	if err == nil {
		found, err = r.find(ctx, t, &state)
	}
	fresh := state.WorkerID.IsNull() // after an import
	if err == nil && fresh {
		err = importable(&state, found, t.scheduler.Region())
	}
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error(summary, state.about(), err))
		return
	}
	state.flatten(found)
	if fresh {
		for _, s := range found {
			state.WorkerID, state.AccountID = types.StringValue(s.InstanceIDs[0]), attribute.String(accountOf(s.ARN))
		}
	}
	if state.StartCron.IsNull() && !state.stops() {
		resp.State.RemoveResource(ctx)
		return
	}
	state.Region = types.StringValue(t.ec2.Region())
	r.warnRead(ctx, t, &state, found, resp)
	resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	resp.Diagnostics.Append(attribute.SetIdentity(ctx, resp.Identity, state.identity())...)
}

// find reads the schedules that the state knows of, all parts after an import.
// That one is absent means something only in the account that owns it.
func (r *Schedule) find(ctx context.Context, t *timetable, state *scheduleModel) (map[string]*scheduling.Schedule, error) {
	found := map[string]*scheduling.Schedule{}
	absent := false
	for _, p := range scheduleParts {
		_, arn := state.slot(p)
		if !state.WorkerID.IsNull() && arn.IsNull() && !state.wanted(p) {
			continue
		}
		s, err := t.get(ctx, state, p)
		if err != nil {
			return nil, err
		}
		if s != nil && !state.WorkerID.IsNull() && arn.IsNull() && s.Description != state.describe(p) {
			// Its creation was not confirmed, and this is not it.
			s = nil
		}
		if s == nil {
			absent = true
			continue
		}
		found[p.argument] = s
	}
	if absent {
		return found, r.set.SameAccount(ctx, state.AccountID.ValueString(), "the schedules "+state.ID.ValueString())
	}
	return found, nil
}

// importable reports what stands against the import of schedules: they have to
// exist, and to start or stop one and the same instance.
func importable(m *scheduleModel, found map[string]*scheduling.Schedule, region string) error {
	if len(found) == 0 {
		return fault.New(fault.BadReference, "there is no schedule %s-start, %s-stop or %s-stop-at in %s", m.ID.ValueString(), m.ID.ValueString(), m.ID.ValueString(), region)
	}
	worker := ""
	for _, p := range scheduleParts {
		s := found[p.argument]
		if s == nil {
			continue
		}
		if s.Action != p.action || len(s.InstanceIDs) != 1 || worker != "" && s.InstanceIDs[0] != worker {
			return fault.New(fault.Invalid, "the schedule %s/%s does not do %s with one instance, the same in all, so it is not one of a worker", s.Group, s.Name, p.action)
		}
		worker = s.InstanceIDs[0]
	}
	return nil
}

// warnRead tells what no argument shows: parts that something changed, which the
// plan puts back, and a worker that is gone.
func (r *Schedule) warnRead(ctx context.Context, t *timetable, state *scheduleModel, found map[string]*scheduling.Schedule, resp *resource.ReadResponse) {
	changed := state.changedOutside(found, t.partition)
	names := slices.Sorted(maps.Keys(changed))
	for _, name := range names {
		tfdiag.Warn(&resp.Diagnostics, r.set, tfdiag.ScheduleChanged, fmt.Sprintf(
			"The schedule %s/%s was changed outside of Terraform: %s. The plan puts that back.", found[name].Group, found[name].Name, strings.Join(changed[name], ", ")))
	}
	resp.Diagnostics.Append(writeChanged(ctx, resp.Private, names)...)
	// The schedules were read; the worker is only looked at for this warning.
	if _, err := t.ec2.Find(ctx, state.WorkerID.ValueString(), state.AccountID.ValueString()); fault.Is(err, fault.NotFound) {
		tfdiag.Warn(&resp.Diagnostics, r.set, tfdiag.ScheduleLeft, fmt.Sprintf(
			"The worker %s does not exist any more. The schedules %s in %s remain, and fail at each of their times, until this resource is destroyed or gets another worker_id.",
			state.WorkerID.ValueString(), state.ID.ValueString(), t.ec2.Region()))
	}
}
