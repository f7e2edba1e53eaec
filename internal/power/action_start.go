package power

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// startTimeout exceeds the end of a stop that is under way, a start of a bare
// metal machine with its status checks, and the default readiness wait.
const startTimeout = 60 * time.Minute

// Start is the action cml_worker_start.
type Start struct{ acting }

var (
	_ action.ActionWithConfigure      = (*Start)(nil)
	_ action.ActionWithValidateConfig = (*Start)(nil)
)

// NewStart returns the action for the provider's list.
func NewStart() action.Action { return &Start{} }

// startModel is the configuration of cml_worker_start.
type startModel struct {
	head
	start
}

// Metadata implements action.Action.
func (*Start) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_start"
}

// Schema implements action.Action.
func (*Start) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	from := members("start")
	resp.Schema = schema.Schema{
		MarkdownDescription: "Starts a worker, once, and waits for CML. One that runs already is only waited for. As a start by `cml_worker_power` does, it takes back what a drain before the stop has left in CML, and the tag that tells about that stop.\n\n" +
			"Beside a `cml_worker_power` with `state = \"stopped\"`, its next plan stops the worker again, unless `on_external_change = \"accept\"`. The new addresses are known after the next refresh; where something in the same apply needs them, start the worker by `cml_worker_power` instead. " + act.Needs,
		Attributes: act.Attributes(startTimeout, map[string]schema.Attribute{
			"controller":     act.Controller(),
			"readiness":      readinessArgument("How far to wait for CML, also on a worker that runs already."),
			"capacity_retry": act.Attribute(from["capacity_retry"], nil),
			"license_check": act.Attribute(from["license_check"], map[string]string{
				"": "What a start means that ends without a valid licence: `off` (nothing), `warn` (default) or `require` (an error; the worker runs). Without credentials of CML, and on a worker that runs already, nothing is checked."}),
			"renew_license": act.Attribute(from["renew_license"], nil),
		}),
	}
}

// ValidateConfig implements action.ActionWithValidateConfig.
func (*Start) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	fits(ctx, req.Config, startTimeout, &resp.Diagnostics, readinessPart)
}

// Invoke implements action.Action.
func (a *Start) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m startModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	opts := defaults()
	expandStart(ctx, m.start, &opts, &resp.Diagnostics)
	a.carryOut(ctx, invocation{head: m.head, opts: opts, limit: startTimeout, summary: "Unable to start CML worker"}, resp, startOnce)
}

// startOnce starts a worker that does not run, and waits for CML on any.
func startOnce(ctx context.Context, op *operation, in *instance.Instance) error {
	promised := promises(in)
	if in.State == stateRunning {
		op.call.Say("worker %s runs already; nothing was started", op.id)
	}
	in, err := op.converge(ctx, in, stateRunning, false)
	if err != nil {
		return err
	}
	seen, ok := op.ready(ctx, in, promised...)
	// What a drain has left goes, too, where the wait has failed.
	op.open(ctx, seen, &facts{})
	op.afterStart(ctx, &seen)
	if ok && !seen.failed {
		op.sayReady(seen)
	}
	return nil
}
