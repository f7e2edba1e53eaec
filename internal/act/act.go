// Package act is what the provider's actions have in common: the head of their
// configuration, what they get from the provider, the limit of an invocation,
// and what is told while it goes on and when it fails.
package act

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Base is embedded by every action.
type Base struct {
	// Set is what the provider is configured with, nil before that.
	Set *clients.Set
}

// Configure implements action.ActionWithConfigure. It makes no request.
func (b *Base) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	b.Set = set
}

// Head are the arguments of every action on a worker; models embed it.
type Head struct {
	WorkerID types.String `tfsdk:"worker_id"`
	Region   types.String `tfsdk:"region"`
	Timeout  types.String `tfsdk:"timeout"`
}

// Limit is how long an invocation may take, otherwise where the configuration
// says nothing.
func (h Head) Limit(otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(h.Timeout.ValueString()); err == nil {
		return d
	}
	return otherwise
}

// Lock lets one operation at a time work on the worker; the function that it
// returns ends that.
func (b *Base) Lock(h Head) func() {
	if b.Set == nil {
		return func() {}
	}
	return b.Set.Lock(h.WorkerID.ValueString())
}

// Look returns the worker for what a plan wants to say of it, with the client
// of its region. It is nil where anything is not known yet, and where the
// worker cannot be read: that is for the invocation to report.
func (b *Base) Look(ctx context.Context, h Head) *instance.Instance {
	if b.Set == nil || len(b.Set.UnknownArguments()) > 0 || h.WorkerID.IsUnknown() || h.Region.IsUnknown() {
		return nil
	}
	ec2, err := b.Set.Instances(ctx, h.Region.ValueString())
	if err != nil {
		return nil
	}
	in, err := ec2.Find(ctx, h.WorkerID.ValueString(), "")
	if err != nil {
		return nil
	}
	return in
}

// Call is an invocation under way.
type Call struct {
	// EC2 is the client of the worker's region, ID the worker.
	EC2 *instance.Client
	ID  string
	// Summary is the first line of an error that has none of its own.
	Summary string

	explicitRegion bool
	resp           *action.InvokeResponse
}

// Begin starts an invocation. It returns nil where it cannot be done, with the
// reason in the diagnostics.
func (b *Base) Begin(ctx context.Context, h Head, summary string, resp *action.InvokeResponse) *Call {
	c := &Call{ID: h.WorkerID.ValueString(), Summary: summary, explicitRegion: h.Region.ValueString() != "", resp: resp}
	if b.Set == nil {
		resp.Diagnostics.AddError(summary, "The provider is not configured. Please report this as a defect of the provider: "+tfdiag.IssuesURL)
		return nil
	}
	if unknown := b.Set.UnknownArguments(); len(unknown) > 0 {
		resp.Diagnostics.AddError(tfdiag.UnknownConfiguration.Summary, fmt.Sprintf(
			"The provider's %s has no value yet, so that the action cannot reach worker %s. Apply what it depends on first (terraform apply -target), or give the value directly.",
			strings.Join(unknown, ", "), c.ID))
		return nil
	}
	ec2, err := b.Set.Instances(ctx, h.Region.ValueString())
	if err != nil {
		c.Fail(ctx, Failure{Err: err})
		return nil
	}
	c.EC2 = ec2
	return c
}

// Say tells the user what goes on.
func (c *Call) Say(format string, args ...any) {
	c.resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf(format, args...)})
}

// Tell is Say for what hands its words to a function.
func (c *Call) Tell(text string) { c.Say("%s", text) }

// Diagnostics are those of the invocation.
func (c *Call) Diagnostics() *diag.Diagnostics { return &c.resp.Diagnostics }

// arguments of every action that an error may be about.
var (
	atWorker  = path.Root("worker_id")
	atRegion  = path.Root("region")
	atTimeout = path.Root("timeout")
)
