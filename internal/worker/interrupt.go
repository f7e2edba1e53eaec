package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// askLimit bounds a question to CML that only a warning of the plan needs.
const askLimit = 3 * time.Second

// askCML puts a question to the CML of a worker in state, with credentials. It
// reports whether there was an answer: a plan never fails for the lack of one,
// and no planned value may depend on it.
func askCML(ctx context.Context, set *clients.Set, state *model, question func(context.Context, *controller.Client) (int, error)) (int, bool) {
	address := state.Address.ValueString()
	if address == "" || state.InstanceState.ValueString() != instance.StateRunning || len(set.UnknownArguments()) > 0 ||
		!set.RefreshProbe() || !set.ProbeBudget().Allow(state.SubnetID.ValueString()) {
		return 0, false
	}
	settings, diags := attribute.ExpandController(ctx, state.Controller)
	settings = controller.Merge(settings, set.Controller(), controller.Defaults())
	resolve := set.CredentialsFor(state.Region.ValueString(), settings)
	if diags.HasError() || resolve == nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	credentials, err := resolve(ctx)
	if err != nil {
		return 0, false
	}
	client := controller.New(address, settings, credentials, set.Transport())
	defer client.Close()
	n, err := question(ctx, client)
	return n, err == nil
}

// warnStop says what a stop of the running worker interrupts, with the number
// of nodes where CML tells it.
func warnStop(ctx context.Context, set *clients.Set, state *model, diags *diag.Diagnostics) {
	text := "labs that run on it are interrupted"
	if n, ok := askCML(ctx, set, state, func(ctx context.Context, c *controller.Client) (int, error) { return c.NodesRunning(ctx) }); ok {
		text = fmt.Sprintf("%s on it now and will be interrupted", counted(n, "node runs", "nodes run"))
		if n == 0 {
			text = "no node runs on it now"
		}
	}
	tfdiag.Warn(diags, set, tfdiag.RunningNodesStop, fmt.Sprintf("Worker %s (%s) runs and will be stopped and started once; %s.", state.ID.ValueString(), state.Name.ValueString(), text))
}

// warnLabs says how many labs go with the volume of a worker that is replaced
// or destroyed, where CML tells it.
func warnLabs(ctx context.Context, set *clients.Set, state *model, diags *diag.Diagnostics) {
	n, ok := askCML(ctx, set, state, func(ctx context.Context, c *controller.Client) (int, error) { return c.LabsTotal(ctx) })
	if !ok || n == 0 {
		return
	}
	tfdiag.Warn(diags, set, tfdiag.LabsLost, fmt.Sprintf("Worker %s (%s) holds %s; labs go with its volume. on_destroy.final_snapshot keeps them, if it was applied before.",
		state.ID.ValueString(), state.Name.ValueString(), counted(n, "lab", "labs")))
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
