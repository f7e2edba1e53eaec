package automation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/idle"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// defaultPublishTimeout covers a telemetry of many events and many labs.
const defaultPublishTimeout = 5 * time.Minute

const publishText = "Sends what CML on a worker tells of itself to CloudWatch, once: `IdleSeconds`, `RunningNodes`, `LabsStarted`, `MemoryPercent` and `DiskPercent` in the namespace `CML/Worker` with the dimension `InstanceId`, the metrics that the publisher of the function `cloud_init` sends every few minutes. It is for a worker without that publisher: before a dashboard is looked at, or from a scheduled run.\n\n" +
	"What CML does not tell is left out, with a warning, and never sent as zero. `IdleSeconds` is the time since the last activity by CML's telemetry, or since the worker was started where that is shorter, and 0 while nodes run. A `cml_worker_idle_policy` with `signal = \"cml\"` acts on it as on the publisher's, and may stop the worker.\n\n" +
	"It takes credentials of CML, best of an administrator, who sees the labs of all users, and the permission `cloudwatch:PutMetricData` (feature `publish_metrics` of `cml_iam_policy`). No resource shows what it sent, so no plan changes; `cml_worker_dashboard` draws it."

// PublishMetrics is the action cml_worker_publish_metrics.
type PublishMetrics struct{ act.Base }

var _ action.ActionWithConfigure = (*PublishMetrics)(nil)

// NewPublishMetrics returns the action for the provider's list.
func NewPublishMetrics() action.Action { return &PublishMetrics{} }

// publishModel is cml_worker_publish_metrics.
type publishModel struct {
	act.Head
	Controller   types.Object `tfsdk:"controller"`
	ExcludeUsers types.Set    `tfsdk:"exclude_users"`
}

// Metadata implements action.Action.
func (*PublishMetrics) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_publish_metrics"
}

// Schema implements action.Action.
func (*PublishMetrics) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: publishText + "\n\n" + act.Needs,
		Attributes: act.Attributes(defaultPublishTimeout, map[string]schema.Attribute{
			"controller": act.Controller(),
			"exclude_users": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 64))},
				MarkdownDescription: "Accounts of CML, by name or id, whose logins and calls do not count as activity; what they do with labs still does. The account that this provider asks as, CML's built-in ones and the one called `" + idle.PublisherUser + "`, if there is one, never count. One whose id cannot be looked up counts."},
		}),
	}
}

// Invoke implements action.Action.
func (a *PublishMetrics) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m publishModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	own, d := attribute.ExpandController(ctx, m.Controller)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.Limit(defaultPublishTimeout))
	defer cancel()
	call := a.Begin(ctx, m.Head, "Unable to publish metrics of CML worker", resp)
	if call == nil {
		return
	}
	in, err := call.EC2.Find(ctx, call.ID, "")
	if err != nil {
		call.Fail(ctx, act.Failure{Err: err})
		return
	}
	call.Say("asking CML on worker %s for its numbers", call.ID)
	seen, err := a.measure(ctx, call, in, own, attribute.Strings(m.ExcludeUsers))
	if err != nil {
		call.Fail(ctx, unseen(in, err))
		return
	}
	data := dataOf(seen)
	if len(data) == 0 {
		call.Fail(ctx, act.Failure{Err: fmt.Errorf("CML told none of its numbers, so nothing was sent: %w", seen.Err)})
		return
	}
	cloudwatch, err := a.Set.Monitoring(ctx, call.EC2.Region())
	if err == nil {
		err = cloudwatch.Publish(ctx, publisher.Namespace, map[string]string{"InstanceId": call.ID}, data)
	}
	if err != nil {
		call.Fail(ctx, unsent(ctx, err))
		return
	}
	call.Say("sent to %s: %s", publisher.Namespace, list(data))
	a.warn(call, seen)
}

// measure asks CML.
func (a *PublishMetrics) measure(ctx context.Context, call *act.Call, in *instance.Instance, own controller.Settings, exclude []string) (idle.Measures, error) {
	settings := a.Set.SettingsFor(in, own)
	return idle.Measure(ctx, idle.Target{
		Machine: in, Settings: settings, Credentials: a.Set.CredentialsFor(call.EC2.Region(), settings), Transport: a.Set.Transport(),
		Tags: a.Set.ManagedTags().Values(in.Tags),
	}, exclude)
}

// dataOf are the values that were read, under the names and units that the
// publisher gives them.
func dataOf(m idle.Measures) []monitoring.Datum {
	var out []monitoring.Datum
	for _, one := range []struct {
		metric, unit string
		value        *float64
	}{
		{publisher.IdleSeconds, monitoring.UnitSeconds, m.IdleSeconds},
		{publisher.RunningNodes, monitoring.UnitCount, m.RunningNodes},
		{publisher.LabsStarted, monitoring.UnitCount, m.LabsStarted},
		{publisher.MemoryPercent, monitoring.UnitPercent, m.MemoryPercent},
		{publisher.DiskPercent, monitoring.UnitPercent, m.DiskPercent},
	} {
		if one.value != nil {
			out = append(out, monitoring.Datum{Metric: one.metric, Unit: one.unit, Value: *one.value})
		}
	}
	return out
}

func list(data []monitoring.Datum) string {
	parts := make([]string, len(data))
	for i, d := range data {
		parts[i] = d.Metric + " " + strconv.FormatFloat(d.Value, 'f', -1, 64)
		if d.Unit == monitoring.UnitPercent {
			parts[i] = d.Metric + " " + strconv.FormatFloat(d.Value, 'f', 1, 64)
		}
	}
	return strings.Join(parts, ", ")
}

// unseen is the failure of a look at CML.
func unseen(in *instance.Instance, err error) act.Failure {
	f := act.Failure{Err: fmt.Errorf("nothing was sent: %w", err)}
	if in.State != instance.StateRunning {
		f.Attribute, f.Next = path.Root("worker_id"), "start the worker, and invoke the action once CML is ready: the actions `cml_worker_start` and `cml_worker_wait` before this one do that."
	}
	return f
}

// unsent is the failure of the request to CloudWatch.
func unsent(ctx context.Context, err error) act.Failure {
	f := act.Failure{Err: err}
	if ctx.Err() != nil || fault.MayHaveTakenEffect(err) {
		f.Err = fmt.Errorf("nobody knows whether CloudWatch has taken the values: %w", err)
		f.Next = "invoke the action again: values that are sent twice do no harm."
	}
	return f
}

// warn tells what was left out.
func (a *PublishMetrics) warn(call *act.Call, seen idle.Measures) {
	if seen.Skew.Abs() > idle.MaxSkew {
		tfdiag.Warn(call.Diagnostics(), a.Set, tfdiag.ClockSkew, fmt.Sprintf(
			"The clock of CML on worker %s differs by %s from the one here. The last activity and IdleSeconds go by the clock of CML, the start of the worker by EC2's.", call.ID, seen.Skew.Abs().Round(time.Second)))
	}
	for _, text := range slices.Concat(seen.Missing, seen.Notes) {
		tfdiag.Warn(call.Diagnostics(), a.Set, tfdiag.NotReadable, fmt.Sprintf("Worker %s: %s.", call.ID, strings.TrimRight(text, ".")))
	}
}
