package license

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// operation is the work on the licence of one worker.
type operation struct {
	*Resource
	ec2     *instance.Client
	id      string
	account string
	worker  *licensing.Worker
	diags   *diag.Diagnostics
}

// begin returns the operation, or nil with the reason in diags.
func (r *Resource) begin(ctx context.Context, summary string, m *model, account string, diags *diag.Diagnostics) *operation {
	settings, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	if diags.HasError() {
		return nil
	}
	id := m.WorkerID.ValueString()
	ec2, err := r.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		diags.Append(tfdiag.Error(summary, tfdiag.About{ID: id, Region: m.Region.ValueString()}, err))
		return nil
	}
	progress := func(text string) { tflog.Info(ctx, text, map[string]any{"worker_id": id}) }
	return &operation{
		Resource: r, ec2: ec2, id: id, account: account, diags: diags,
		worker: r.set.License(ec2, id, account, settings, progress),
	}
}

func (op *operation) about() tfdiag.About { return tfdiag.About{ID: op.id, Region: op.ec2.Region()} }

func (op *operation) fail(summary string, err error) {
	about := op.about()
	var own *licensing.Error
	if errors.As(err, &own) && own.Argument != "" {
		about.Attribute = argumentPath(own.Argument)
	}
	op.diags.Append(tfdiag.Error(summary, about, err))
}

// argumentPath is where cml_worker_license has an argument.
func argumentPath(name string) path.Path {
	if name == licensing.ArgumentStart || name == licensing.ArgumentStop {
		return path.Root("on_destroy").AtName(name)
	}
	return path.Root(name)
}

func (op *operation) find(ctx context.Context) (*instance.Instance, error) {
	in, err := op.ec2.Find(ctx, op.id, op.account)
	if err == nil && in.AccountID != "" {
		op.account, op.worker.AccountID = in.AccountID, in.AccountID
	}
	return in, err
}

// running returns the worker if it runs, or is about to.
func (op *operation) running(ctx context.Context) (*instance.Instance, error) {
	in, err := op.find(ctx)
	if err != nil {
		return nil, err
	}
	switch in.State {
	case instance.StateRunning:
		return in, nil
	case instance.StatePending:
		return op.ec2.WaitRunning(ctx, op.id, op.account, time.Time{}, op.worker.Progress)
	}
	return nil, &licensing.Error{Kind: fault.WrongState,
		Text: fmt.Sprintf("the worker is %s, and CML changes its licence only while it runs", in.State),
		Next: "start the worker first. With `worker_id = cml_worker_power.lab.worker_id` and `power_state = cml_worker_power.lab.state`, Terraform does so in the right order."}
}

// request is what the configuration asks for.
func (op *operation) request(ctx context.Context, plan *model, token types.String) licensing.Request {
	out := licensing.Request{
		Product: plan.Product.ValueString(), Token: token.ValueString(),
		Transport:  expandTransport(ctx, plan.Transport, op.diags),
		Reregister: plan.Reregister.ValueBool(), AdoptInherited: plan.AdoptInherited.ValueBool(),
		Check: op.alone,
	}
	if !plan.TokenWOVersion.IsNull() {
		out.Version = strconv.FormatInt(plan.TokenWOVersion.ValueInt64(), 10)
	}
	if !plan.ExtraNodes.IsNull() && !plan.ExtraNodes.IsUnknown() {
		n := int(plan.ExtraNodes.ValueInt64())
		out.ExtraNodes = &n
	}
	return out
}

// alone refuses a second worker under the UDI of another one of this run.
func (op *operation) alone(l controller.Licensing) error {
	other := op.set.HoldUDI(l.UDI.ProductUUID, op.id)
	if other == "" {
		return nil
	}
	return licensing.Shared(op.id, other, l.UDI.ProductUUID)
}

// tell turns notes into warnings.
func (op *operation) tell(notes []licensing.Note) {
	tfdiag.LicenseNotes(op.diags, op.set, notes)
}

// registered handles what Register has returned: the warnings, and whether the
// end of a wait that was cancelled is left to the next apply. again: a
// registration was asked for where there was one, so that one which did not
// begin is not to be taken for it.
func (op *operation) registered(result licensing.Result, again bool, err error) (unfinished bool, failure error) {
	op.tell(result.Notes)
	if result.OutOfCompliance && err == nil {
		op.warnCompliance(result.Licensing)
	}
	if result.Inherited && err == nil {
		tfdiag.Warn(op.diags, op.set, tfdiag.InheritedLicense, fmt.Sprintf(
			"The registration of worker %s came with its image (%s). It is used as it is, and never released from here.", op.id, licensing.KnownFrom(result.Licensing).Holder()))
	}
	if err != nil && result.Touched && (result.Begun || !again) && fault.Is(err, fault.Canceled) {
		tfdiag.Warn(op.diags, op.set, tfdiag.LicenseUnfinished, fmt.Sprintf(
			"The registration of worker %s was begun, and waiting for its end was cancelled. The next apply goes on with it.", op.id))
		return true, nil
	}
	return false, err
}

func (op *operation) warnCompliance(l controller.Licensing) {
	var counts string
	for _, f := range l.Features {
		counts += fmt.Sprintf("\n  %s: %d in use, %s", f.Name, f.InUse, f.Status)
	}
	tfdiag.Warn(op.diags, op.set, tfdiag.LicenseOutOfCompliance, fmt.Sprintf(
		"The account of worker %s has fewer licences than are in use: %s.%s\n", op.id, licensing.KnownFrom(l).Holder(), counts))
}
