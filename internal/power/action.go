package power

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// acting is what the actions of this room share: they do what the resource
// does, by the same operation, and keep nothing of it.
type acting struct{ act.Base }

// head are the arguments that all of them have; their models embed it.
type head struct {
	act.Head
	Controller types.Object `tfsdk:"controller"`
}

// invocation is what an action needs to be carried out.
type invocation struct {
	head
	opts options
	// limit is the default of `timeout`, summary the first line of errors.
	limit   time.Duration
	summary string
	// looks: the action changes nothing, so that it waits for nobody else's work
	// on the worker.
	looks bool
}

// carryOut finds the worker and lets do work on it, which reports its errors
// itself or returns them.
func (a *acting) carryOut(ctx context.Context, i invocation, resp *action.InvokeResponse, do func(context.Context, *operation, *instance.Instance) error) {
	settings, d := attribute.ExpandController(ctx, i.Controller)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !i.looks {
		defer a.Lock(i.Head)()
	}
	ctx, cancel := context.WithTimeout(ctx, i.Limit(i.limit))
	defer cancel()
	call := a.Begin(ctx, i.Head, i.summary, resp)
	if call == nil {
		return
	}
	i.opts.controller = settings
	if i.opts.readiness.Interval == 0 {
		i.opts.readiness.Interval = a.Set.Interval()
	}
	op := &operation{Resource: &Resource{set: a.Set}, ec2: call.EC2, id: call.ID, opts: i.opts, diags: call.Diagnostics(), call: call}
	in, err := op.find(ctx)
	if err == nil {
		err = do(ctx, op, in)
	}
	if err != nil {
		op.fail(ctx, err)
	}
}

// warn says in a plan what an action on a running worker will interrupt.
func (a *acting) warn(ctx context.Context, h head, happens string, diags *diag.Diagnostics) {
	if diags.HasError() || h.Controller.IsUnknown() {
		return
	}
	settings, d := attribute.ExpandController(ctx, h.Controller)
	diags.Append(d...)
	if in := a.Look(ctx, h.Head); in != nil && in.State == stateRunning {
		r := &Resource{set: a.Set}
		r.warnInterrupted(ctx, settings, in, path.Root("worker_id"), happens, "", diags)
	}
}

// inService returns a worker that runs, after the wait for one that is just
// starting; any other is an error.
func (op *operation) inService(ctx context.Context, in *instance.Instance) (*instance.Instance, error) {
	switch in.State {
	case stateRunning:
		return in, nil
	case instance.StatePending:
		return op.ec2.WaitRunning(ctx, op.id, op.account, time.Time{}, op.progress(ctx))
	}
	return nil, &failure{at: path.Root("worker_id"), next: startNext,
		err: fault.New(fault.WrongState, "worker %s is %s, and this needs one that runs", op.id, in.State)}
}

// startNext is what to do about a worker that does not run.
const startNext = "start the worker with the action `cml_worker_start`, or with `cml_worker_power`."

// promises are the kinds of address that an instance keeps through a start.
func promises(in *instance.Instance) []string {
	if in.PublicIPIsEIP {
		return []string{controller.EIP}
	}
	return nil
}

// ready waits for CML for an action. Under on_timeout = "keep" a time-out is a
// warning; nothing resumes the wait, since an action keeps no state. It returns
// false with an error.
func (op *operation) ready(ctx context.Context, in *instance.Instance, expect ...string) (sight, bool) {
	until := op.opts.readiness.Until
	seen, err := op.climb(ctx, in, expect...)
	var limit *readiness.TimeoutError
	switch {
	case err == nil:
		return seen, true
	case fault.Is(err, fault.Timeout) && op.opts.readiness.Keep:
		seen.pending = &pending{Until: until.String()}
		tfdiag.Warn(op.diags, op.set, tfdiag.ReadinessPending, fmt.Sprintf(
			"The worker %s runs, but CML did not become %q in time, and `on_timeout` is `keep`. Invoke `cml_worker_wait` to wait on.\n\n%s", op.id, until, err),
			path.Root("readiness"))
		return seen, true
	}
	seen.failed = true
	f := act.Failure{Summary: "CML did not become ready", Err: err}
	switch {
	case errors.As(err, &limit) && limit.Limit == readiness.LimitReadiness:
		f.Attribute = path.Root("readiness").AtName("timeout")
	case ctx.Err() != nil:
	case fault.Is(err, fault.WrongState):
		f.Attribute = path.Root("worker_id")
		f.Next = startNext
	default:
		f.Attribute = path.Root("readiness")
	}
	op.call.Fail(ctx, f)
	return seen, false
}

// sayReady tells how an action ends well whose worker runs.
func (op *operation) sayReady(seen sight) {
	s := op.set.SettingsFor(seen.instance, op.opts.controller)
	if op.opts.readiness.Until < readiness.HTTPS {
		op.call.Say("worker %s runs", op.id)
		return
	}
	where := ""
	if url := s.URL(endpoint(seen.instance, s)); url != "" {
		where = " at " + url
	}
	op.call.Say("worker %s runs, CML is %s%s", op.id, seen.serviceStatus, where)
}

// members are the arguments of an object of the resource, by which those of an
// action are called and checked the same.
func members(of string) map[string]rschema.Attribute {
	object, _ := powerAttributes()[of].(rschema.SingleNestedAttribute)
	return object.Attributes
}

// readinessArgument is the object `readiness` of an action; text is its
// description.
func readinessArgument(text string) schema.Attribute {
	return act.Attribute(attribute.ReadinessInput(text+" A `timeout` above the action's own is an error.", "the worker runs"), map[string]string{
		"until":      "The rung to wait for: `none`, `running` (EC2 state), `status_ok` (EC2 status checks), `https` (any HTTP answer), `api` (CML tells its version), `ready` (CML can start nodes; default), `healthy` (CML's own health, needs credentials), `licensed` (needs credentials).",
		"on_timeout": "`fail` (default): a time-out is an error. `keep`: it is a warning, and what follows the action goes on. It covers the action's own `timeout` too.",
	})
}

// fits checks that the waits inside an action are not longer than its own
// limit.
func fits(ctx context.Context, config tfsdk.Config, otherwise time.Duration, diags *diag.Diagnostics, parts ...part) {
	for _, p := range parts {
		p.operations = []limit{{path.Root("timeout"), otherwise}}
		p.check(ctx, config, diags)
	}
}

// readinessPart is the wait for CML of an action.
var readinessPart = part{at: path.Root("readiness").AtName("timeout"), what: "Readiness timeout exceeds", name: "readiness.timeout"}
