package insight

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Health is data.cml_worker_health: what CML says of itself.
type Health struct{ base }

var _ datasource.DataSourceWithConfigure = (*Health)(nil)

// NewHealth returns data.cml_worker_health.
func NewHealth() datasource.DataSource { return &Health{} }

// healthModel is data.cml_worker_health.
type healthModel struct {
	WorkerID        types.String `tfsdk:"worker_id"`
	Region          types.String `tfsdk:"region"`
	Controller      types.Object `tfsdk:"controller"`
	Wait            types.Object `tfsdk:"wait"`
	InstanceState   types.String `tfsdk:"instance_state"`
	Reachable       types.Bool   `tfsdk:"reachable"`
	Reason          types.String `tfsdk:"reason"`
	Message         types.String `tfsdk:"message"`
	Version         types.String `tfsdk:"version"`
	Ready           types.Bool   `tfsdk:"ready"`
	Valid           types.Bool   `tfsdk:"valid"`
	IsLicensed      types.Bool   `tfsdk:"is_licensed"`
	IsEnterprise    types.Bool   `tfsdk:"is_enterprise"`
	ControllerValid types.Bool   `tfsdk:"controller_valid"`
	Computes        types.List   `tfsdk:"computes"`
	LabsTotal       types.Int64  `tfsdk:"labs_total"`
	LabsStarted     types.Int64  `tfsdk:"labs_started"`
	NodesRunning    types.Int64  `tfsdk:"nodes_running"`
	NodesTotal      types.Int64  `tfsdk:"nodes_total"`
	CPU             types.Object `tfsdk:"cpu"`
	Memory          types.Object `tfsdk:"memory"`
	Disk            types.Object `tfsdk:"disk"`
	TLSFingerprint  types.String `tfsdk:"tls_fingerprint"`
}

// healthWait is the object `wait`.
type healthWait struct {
	Until     types.String `tfsdk:"until"`
	Timeout   types.String `tfsdk:"timeout"`
	OnTimeout types.String `tfsdk:"on_timeout"`
}

// keep is the value of on_timeout that makes a time-out a warning.
const keep = "keep"

// The types of the nested objects.
var (
	cpuTypes   = map[string]attr.Type{"count": types.Int64Type, "percent": types.Float64Type, "load": types.ListType{ElemType: types.Float64Type}}
	usageTypes = map[string]attr.Type{"used": types.Int64Type, "free": types.Int64Type, "total": types.Int64Type}
)

// Metadata implements datasource.DataSource.
func (*Health) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_health"
}

// Schema implements datasource.DataSource.
func (*Health) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The health and load of CML on a worker. That CML cannot be reached, or refuses the account, is a value and not an error: `reachable` and `reason` tell, and what could not be read is null, never zero. Only a certificate that is not the pinned one is an error.\n\n" +
			"Everything but `version`, `ready` and `tls_fingerprint` needs credentials for CML; `valid`, `is_licensed` and the labs of others need an administrator's.",
		Attributes: map[string]schema.Attribute{
			"worker_id":  workerIDAttribute(),
			"region":     regionAttribute(),
			"controller": attribute.ControllerDataSource(),
			"wait": schema.SingleNestedAttribute{Optional: true,
				MarkdownDescription: "Wait for CML before it is looked at. A worker that does not run, and anything else that waiting cannot better, is then an error. Default: look once.",
				Attributes: map[string]schema.Attribute{
					"until": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf(rungs()...)},
						MarkdownDescription: "The rung to wait for, as in `readiness` of `cml_worker`: `running`, `status_ok`, `https`, `api`, `ready` (default), `healthy` or `licensed`."},
					"timeout": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Second, 24*time.Hour)},
						MarkdownDescription: "How long to wait in all. Default `10m`."},
					"on_timeout": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.OneOf("fail", keep)},
						MarkdownDescription: "`fail` (default): a time-out is an error. `keep`: it is a warning, and the values tell how far CML came."},
				}},
			"instance_state": textAttribute("EC2 state: `pending`, `running`, `stopping` or `stopped`."),
			"reachable":      flagAttribute("Whether CML answered with its version."),
			"reason": textAttribute("Why CML did not answer: `not_running`, `no_address`, `timeout`, `refused`, `no_route`, `reset`, `dns`, `tls`, `proxy`, `http` or `not_cml` (something else answers). " +
				"When it did: why values are missing: `not_ready`, `no_credentials`, `credentials` (refused), `untrusted` (the certificate allows no credentials to be sent), `forbidden`, or one of the former. Null when CML answered all questions; what it says nothing about in an answer is null all the same."),
			"message":          textAttribute("`reason` in words; null with it."),
			"version":          textAttribute("Version that CML reports."),
			"ready":            flagAttribute("Whether CML says that it can start nodes."),
			"valid":            flagAttribute("CML's verdict of itself."),
			"is_licensed":      flagAttribute("Whether CML is licensed."),
			"is_enterprise":    flagAttribute("Whether the product is an enterprise one."),
			"controller_valid": flagAttribute("CML's verdict of its controller's services."),
			"computes": schema.ListNestedAttribute{Computed: true, MarkdownDescription: "The compute hosts, by name; one on a worker that is no cluster.",
				NestedObject: schema.NestedAttributeObject{Attributes: computeAttributes()}},
			"labs_total":      numberAttribute("Labs that the account sees; all, for an administrator."),
			"labs_started":    numberAttribute("How many labs are started."),
			"nodes_running":   numberAttribute("Nodes that run, of all users."),
			"nodes_total":     numberAttribute("Nodes that exist on the compute hosts, of all users."),
			"cpu":             cpuAttribute(),
			"memory":          usageAttribute("Memory"),
			"disk":            usageAttribute("Disk"),
			"tls_fingerprint": textAttribute("SHA-256 of the certificate that CML shows, for `controller.tls.fingerprint`; compare it with what the worker itself knows before you trust it."),
		},
	}
}

// rungs are those that a wait can be for.
func rungs() []string {
	var out []string
	for _, name := range readiness.Names() {
		if name != readiness.None.String() {
			out = append(out, name)
		}
	}
	return out
}

// Read implements datasource.DataSource.
func (d *Health) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m healthModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s, ok := d.find(ctx, m.WorkerID, m.Region, &resp.Diagnostics)
	if !ok {
		return
	}
	settings := d.settings(ctx, m.Controller, s.machine, &resp.Diagnostics)
	if !m.Wait.IsNull() {
		d.wait(ctx, m.Wait, s, settings, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		if s, ok = d.find(ctx, m.WorkerID, m.Region, &resp.Diagnostics); !ok {
			return
		}
	}
	c, err := d.ask(ctx, s, settings, (*checkup).askHealth)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to read the health of CML worker", s.about(), err))
		return
	}
	if c.refused {
		tfdiag.Warn(&resp.Diagnostics, d.set, tfdiag.HealthUnknown, fmt.Sprintf("What CML on worker %s tells accounts only is null: %s", s.machine.ID, c.message))
	}
	m.fill(s, settings, c)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// wait climbs the ladder before the look.
func (d *Health) wait(ctx context.Context, object types.Object, s sight, settings controller.Settings, diags *diag.Diagnostics) {
	var w healthWait
	diags.Append(object.As(ctx, &w, basetypes.ObjectAsOptions{})...)
	if diags.HasError() {
		return
	}
	options := readiness.Options{Until: readiness.Ready, Timeout: readiness.DefaultTimeout, Interval: d.set.Interval(), MinReadyComputes: 1}
	if name := w.Until.ValueString(); name != "" {
		rung, err := readiness.ParseRung(name)
		if err != nil {
			diags.AddError("Invalid readiness rung", err.Error())
			return
		}
		options.Until = rung
	}
	if t, err := time.ParseDuration(w.Timeout.ValueString()); err == nil {
		options.Timeout = t
	}
	limited, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	_, err := readiness.Wait(limited, d.target(s, settings), options, nil)
	if err == nil {
		return
	}
	if fault.Is(err, fault.Timeout) && ctx.Err() == nil && w.OnTimeout.ValueString() == keep {
		tfdiag.Warn(diags, d.set, tfdiag.ReadinessPending, fmt.Sprintf("Worker %s did not become %q within %s, and on_timeout is \"keep\".\n\n%s", s.machine.ID, options.Until, options.Timeout, err))
		return
	}
	diags.Append(tfdiag.Error("CML worker did not become ready", s.about(), err))
}

func (b *base) target(s sight, settings controller.Settings) readiness.Target {
	return readiness.Target{
		Instances: s.ec2, InstanceID: s.machine.ID, AccountID: s.machine.AccountID, Instance: s.machine,
		Settings: settings, ResolveCredentials: b.set.CredentialsFor(s.ec2.Region(), settings), Transport: b.set.Transport(),
	}
}
