package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

const takeText = "Takes EBS snapshots of all volumes of a worker once, at one moment as one consistent set, and waits until they are complete: before an upgrade, or from a scheduled run. EC2 fixes the moment when the snapshots begin; a worker that was stopped for them starts again at once, and the data is copied while it runs.\n\n" +
	"The snapshots stay, and cost money, until somebody deletes them. An action returns no value: its messages name their ids, and their tags, `tags` and the provider's `default_tags` among them, find them. No Terraform state knows of them, so that no plan changes; `terraform import` with the last message's id brings the set into a `cml_worker_snapshot`. Snapshots that Terraform is to keep and delete are better taken by that resource."

// Take is the action cml_worker_snapshot.
type Take struct{ act.Base }

var (
	_ action.ActionWithConfigure  = (*Take)(nil)
	_ action.ActionWithModifyPlan = (*Take)(nil)
)

// NewTake returns the action for the provider's list.
func NewTake() action.Action { return &Take{} }

// takeModel is the configuration of the action.
type takeModel struct {
	act.Head
	Controller  types.Object `tfsdk:"controller"`
	Description types.String `tfsdk:"description"`
	Quiesce     types.String `tfsdk:"quiesce"`
	Tags        types.Map    `tfsdk:"tags"`
}

// Metadata implements action.Action.
func (*Take) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_snapshot"
}

// Schema implements action.Action.
func (*Take) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	of := arguments()
	resp.Schema = schema.Schema{
		MarkdownDescription: takeText + "\n\n" + act.Needs,
		Attributes: act.Attributes(defaultCreateTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"description": act.Attribute(of["description"], map[string]string{
				"": "Description of the snapshots. Default: one that names the worker."}),
			"quiesce": act.Attribute(of["quiesce"], map[string]string{"": quiesceText}),
			"tags": schema.MapAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Map{mapvalidator.SizeAtMost(mostTags), validators.Tags()},
				MarkdownDescription: "Tags of the snapshots. They win over the provider's `default_tags`."},
		}),
	}
}

// resource is what the resource would be asked for.
func (a *Take) resource(m *takeModel) *model {
	return &model{
		WorkerID: m.WorkerID, Region: m.Region, Controller: m.Controller, Description: m.Description, Quiesce: m.Quiesce,
		Tags: m.Tags, TagsAll: attribute.TagsAll(a.Set, m.Tags),
	}
}

// ModifyPlan implements action.ActionWithModifyPlan: it says what the snapshots
// will interrupt.
func (a *Take) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var m takeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if a.Set == nil || resp.Diagnostics.HasError() {
		return
	}
	attribute.CheckTags(a.Set, m.Tags, &resp.Diagnostics)
	if m.Quiesce.ValueString() != quiesceStop {
		return
	}
	if in := a.Look(ctx, m.Head); in != nil {
		warnInterrupted(a.Set, in, &resp.Diagnostics)
	}
}

// Invoke implements action.Action. Snapshots that have begun are never deleted
// here: whatever becomes of the rest, the user is told their ids.
func (a *Take) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m takeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	unlock := a.Lock(m.Head)
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, m.Limit(defaultCreateTimeout))
	defer cancel()
	call := a.Begin(ctx, m.Head, "Unable to take snapshots of CML worker", resp)
	if call == nil {
		return
	}
	t := newTaker(ctx, a.Set, call.EC2, a.resource(&m), call.Diagnostics())
	if resp.Diagnostics.HasError() {
		return
	}
	t.call = call
	out, err := t.take(ctx)
	ids := idsOf(out.snapshots)
	if err != nil {
		t.gaveUp(ctx, ids, err)
		return
	}

	// The data is copied while the worker does something else.
	unlock()
	if _, err := call.EC2.WaitSnapshots(ctx, ids, t.progress(ctx)); err != nil {
		call.Fail(ctx, act.Failure{Summary: "Snapshots of CML worker are not complete", Next: exist(ids),
			Err: fmt.Errorf("the snapshots %s have begun: %w", strings.Join(ids, ", "), err)})
		return
	}
	call.Say("snapshots of worker %s are complete, to be imported as %s", call.ID, joinIDs(ids))
}

// gaveUp reports why there are no snapshots, or why the worker does not run
// again after them: both may have happened.
func (t *taker) gaveUp(ctx context.Context, ids []string, err error) {
	for _, one := range apart(err) {
		f := act.Failure{Err: one}
		switch {
		case errors.As(one, new(*notRestarted)):
			f.Summary, f.Next = "CML worker was not started again after its snapshots", "start the worker, with `cml_worker_power` or the action `cml_worker_start`."
			if len(ids) > 0 {
				f.Next += " " + exist(ids)
			}
		case len(ids) > 0:
			f.Next = exist(ids)
		case fault.Is(one, fault.Ambiguous):
			f.Next = "look for snapshots with that tag before the action is invoked again, which takes new ones."
		case fault.Is(one, fault.Credentials) && t.quiesce == quiesceStopLabs:
			f.Attribute = path.Root("quiesce")
		case ctx.Err() != nil:
			f.Err = fmt.Errorf("no snapshot is known to have begun: %w", one)
		}
		t.call.Fail(ctx, f)
	}
}

// exist is what to do about snapshots that nothing waits for any more.
func exist(ids []string) string {
	return "The snapshots " + strings.Join(ids, ", ") + " exist, go on by themselves and were not deleted: keep them once EC2 shows them completed, or delete them before the action is invoked again, which takes new ones."
}

// described names snapshots and what they are of.
func described(made []*instance.Snapshot, place where) string {
	parts := make([]string, len(made))
	for i, s := range made {
		parts[i] = fmt.Sprintf("%s (%s)", s.ID, strings.TrimSpace(s.VolumeID+" "+place.devices[s.VolumeID]))
	}
	return strings.Join(parts, ", ")
}
