package power

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// maintenanceTimeout exceeds the patience with a CML that does not answer.
const maintenanceTimeout = 5 * time.Minute

// Maintenance is the action cml_worker_maintenance.
type Maintenance struct{ acting }

var (
	_ action.ActionWithConfigure      = (*Maintenance)(nil)
	_ action.ActionWithValidateConfig = (*Maintenance)(nil)
)

// NewMaintenance returns the action for the provider's list.
func NewMaintenance() action.Action { return &Maintenance{} }

// maintenanceModel is the configuration of cml_worker_maintenance.
type maintenanceModel struct {
	head
	Enabled types.Bool   `tfsdk:"enabled"`
	Notice  types.String `tfsdk:"notice"`
}

// Metadata implements action.Action.
func (*Maintenance) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_maintenance"
}

// Schema implements action.Action.
func (*Maintenance) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	before, _ := drainAttribute().(rschema.SingleNestedAttribute)
	resp.Schema = schema.Schema{
		MarkdownDescription: "Switches the maintenance mode of CML on a running worker on or off. It keeps everybody but administrators out; labs run on. One that this action has switched on stays until the action switches it off, also when the worker is stopped and started meanwhile. It needs an administrator of CML in the provider's `controller`, or in `controller.credentials`.\n\n" +
			"A maintenance mode that a person has switched on is theirs: `enabled = true` leaves it as it is, and `enabled = false` leaves it on, with a warning. What a drain of `cml_worker_power` or `cml_worker_stop` has left goes with `enabled = false`. " + act.Needs,
		Attributes: act.Attributes(maintenanceTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"enabled":    schema.BoolAttribute{Required: true, MarkdownDescription: "`true` switches it on, `false` off. Either is a success where it is so already."},
			"notice": act.Attribute(before.Attributes["notice"], map[string]string{
				"": "Text of 1 to 128 characters that CML shows to all users, and to those who are kept out, as long as the maintenance mode is on. Default: \"" + controller.KeptNotice + "\". With `enabled = false` it is an error."}),
		}),
	}
}

// ValidateConfig implements action.ActionWithValidateConfig.
func (*Maintenance) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var m maintenanceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if !m.Notice.IsNull() && !m.Notice.IsUnknown() && !m.Enabled.IsUnknown() && !m.Enabled.IsNull() && !m.Enabled.ValueBool() {
		resp.Diagnostics.AddAttributeError(path.Root("notice"), "Notice of a maintenance mode that ends",
			"`enabled` is `false`, which takes the notice away. Leave `notice` out, or set `enabled = true`.")
	}
}

// Invoke implements action.Action.
func (a *Maintenance) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m maintenanceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a.carryOut(ctx, invocation{head: m.head, opts: defaults(), limit: maintenanceTimeout, summary: "Unable to change the maintenance mode of CML"}, resp,
		func(ctx context.Context, op *operation, in *instance.Instance) error {
			return op.maintain(ctx, in, m.Enabled.ValueBool(), m.Notice.ValueString())
		})
}

// maintain brings the maintenance mode to what is asked, and tells what it is
// then.
func (op *operation) maintain(ctx context.Context, in *instance.Instance, on bool, notice string) error {
	in, err := op.inService(ctx, in)
	if err != nil {
		return err
	}
	client, err := op.administrator(ctx, in)
	if err != nil {
		return err
	}
	defer client.Close()
	if on {
		_, err = client.Announce(ctx, op.pace(), op.polls(patiencePolls), controller.Announcement{Maintenance: true, Notice: notice, Stays: true})
	} else {
		err = client.WithdrawAll(ctx, op.pace(), op.polls(patiencePolls))
	}
	if err != nil {
		return err
	}
	if !on {
		op.unmarkDrain(ctx, in)
	}
	now, err := client.Maintenance(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("CML has accepted the change, and what it is now could not be read: %w", err)
	case now.On && !on:
		tfdiag.Warn(op.diags, op.set, tfdiag.MaintenanceStays, fmt.Sprintf(
			"The maintenance mode of CML on worker %s is still on: a person has switched it on, and only a person ends it.", op.id), path.Root("enabled"))
	case now.On:
		op.call.Say("the maintenance mode of CML on worker %s is on", op.id)
	default:
		op.call.Say("the maintenance mode of CML on worker %s is off", op.id)
	}
	return nil
}
