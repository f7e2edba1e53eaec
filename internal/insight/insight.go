// Package insight holds the data sources that look at workers and change
// nothing: EC2's status checks, the health of its CML, whether anybody uses it,
// what CloudWatch measures, and the dashboard that shows it.
package insight

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// base is what the data sources have in common.
type base struct {
	set *clients.Set
}

// Configure implements datasource.DataSourceWithConfigure.
func (b *base) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	b.set = set
}

// sight is the worker that a data source looks at.
type sight struct {
	ec2     *instance.Client
	machine *instance.Instance
}

// about is what diagnostics say of it.
func (s sight) about() tfdiag.About {
	return tfdiag.About{ID: s.machine.ID, Region: s.ec2.Region(), LastState: s.machine.State}
}

// known reports whether the provider is configured completely; if not, that is
// an error.
func (b *base) known(diags *diag.Diagnostics) bool {
	return !tfdiag.NotKnown(diags, b.set.UnknownArguments(), "the worker cannot be looked at in this plan")
}

// find reads the machine. A worker that is gone, and a provider that is not
// known yet, are errors: a data source has nothing to return then.
func (b *base) find(ctx context.Context, id, region types.String, diags *diag.Diagnostics) (sight, bool) {
	return b.findAt(ctx, path.Root("worker_id"), id, region, diags)
}

// findAt is find for an id that the argument at holds.
func (b *base) findAt(ctx context.Context, at path.Path, id, region types.String, diags *diag.Diagnostics) (sight, bool) {
	if !b.known(diags) {
		return sight{}, false
	}
	ec2, err := b.set.Instances(ctx, region.ValueString())
	if err != nil {
		diags.Append(tfdiag.Error("Unable to look at CML worker", tfdiag.About{ID: id.ValueString(), Region: region.ValueString()}, err))
		return sight{}, false
	}
	machine, err := ec2.Find(ctx, id.ValueString(), "")
	if err != nil {
		about := tfdiag.About{ID: id.ValueString(), Region: ec2.Region()}
		if fault.Is(err, fault.NotFound) {
			about.Attribute, about.Next = at, "check the id and the region; a terminated worker is not found."
			diags.Append(tfdiag.Error("CML worker not found", about, err))
			return sight{}, false
		}
		diags.Append(tfdiag.Error("Unable to look at CML worker", about, err))
		return sight{}, false
	}
	return sight{ec2: ec2, machine: machine}, true
}

// settings say how CML on the machine is reached.
func (b *base) settings(ctx context.Context, explicit types.Object, machine *instance.Instance, diags *diag.Diagnostics) controller.Settings {
	own, d := attribute.ExpandController(ctx, explicit)
	diags.Append(d...)
	return b.set.SettingsFor(machine, own)
}

// address is where CML listens, "" while the machine has no such address.
func address(machine *instance.Instance, s controller.Settings) string {
	return s.Pick(readiness.Addresses(machine))
}

func workerIDAttribute() schema.StringAttribute {
	return schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
		MarkdownDescription: "EC2 instance id of the worker."}
}

func regionAttribute() schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
		MarkdownDescription: "AWS region of the worker. Default: the provider's."}
}

func textAttribute(s string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: s}
}

func flagAttribute(s string) schema.BoolAttribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: s}
}

func numberAttribute(s string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: s}
}

// spanOf is a duration, or another one where the argument has none.
func spanOf(s types.String, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(s.ValueString()); err == nil {
		return d
	}
	return otherwise
}
