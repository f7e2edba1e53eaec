package insight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/dashboard"
	"github.com/cml-infra/terraform-provider-cml/internal/idle"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// What the dashboard shows where nobody says otherwise.
const (
	defaultTitle    = "CML workers"
	defaultPeriod   = 5 * time.Minute
	defaultLookback = 24 * time.Hour
)

// What is drawn beside the metrics.
const (
	annotateIdle = "idle"
	annotateCost = "cost"
)

// Dashboard is data.cml_worker_dashboard: the body of a CloudWatch dashboard.
type Dashboard struct{ base }

var (
	_ datasource.DataSourceWithConfigure      = (*Dashboard)(nil)
	_ datasource.DataSourceWithValidateConfig = (*Dashboard)(nil)
)

// NewDashboard returns data.cml_worker_dashboard.
func NewDashboard() datasource.DataSource { return &Dashboard{} }

// dashboardModel is data.cml_worker_dashboard.
type dashboardModel struct {
	WorkerIDs     types.Set    `tfsdk:"worker_ids"`
	Region        types.String `tfsdk:"region"`
	Metrics       types.Set    `tfsdk:"metrics"`
	Annotate      types.Set    `tfsdk:"annotate"`
	IdleThreshold types.String `tfsdk:"idle_threshold"`
	Title         types.String `tfsdk:"title"`
	Period        types.String `tfsdk:"period"`
	Lookback      types.String `tfsdk:"lookback"`
	Body          types.String `tfsdk:"body"`
}

// Metadata implements datasource.DataSource.
func (*Dashboard) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_dashboard"
}

// Schema implements datasource.DataSource.
func (*Dashboard) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	choice := func(all []string, text string) schema.SetAttribute {
		return schema.SetAttribute{Optional: true, ElementType: types.StringType,
			Validators: []validator.Set{setvalidator.ValueStringsAre(stringvalidator.OneOf(all...))}, MarkdownDescription: text}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The body of a CloudWatch dashboard over workers of one region, for `dashboard_body` of `aws_cloudwatch_dashboard`. No metric is read and CML is not asked; the price list is read for `annotate = [\"cost\"]` only. The body changes with names, instance types and, on bare metal, volumes of the workers (and with prices, where those are shown), and not with their power state: a plan with it stays empty while workers stop and start.",
		Attributes: map[string]schema.Attribute{
			"worker_ids": schema.SetAttribute{Required: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.ValueStringsAre(validators.InstanceID())},
				MarkdownDescription: "EC2 instance ids of the workers, running or not; none make a dashboard that says so. Their lines are in the order of their names and keep their colour through all graphs. CloudWatch takes 500 metrics a widget and 2,500 a dashboard, which are some 130 workers with everything; more are an error."},
			"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
				MarkdownDescription: "AWS region of the workers. Default: the provider's. Workers of several regions take a data source each."},
			"metrics": choice(dashboard.Groups(), "What to show:\n\n"+
				"  * `cpu`: utilisation\n"+
				"  * `network`: bytes in and out per second\n"+
				"  * `ebs`: bytes read and written, and operations, per second; of the volumes one by one on bare metal, which reports none itself\n"+
				"  * `credits`: balance of CPU credits, of burstable types only\n"+
				"  * `status`: failed status checks\n"+
				"  * `cml`: idle time, running nodes, started labs, memory and disk as CML says. Only workers that publish them (namespace `CML/Worker`) have lines there.\n\nDefault: all."),
			"annotate": choice([]string{annotateIdle, annotateCost}, "What to draw beside the metrics: `idle`, the threshold of the idle time; `cost`, what the workers cost an hour, in the list and as a graph over time. `cost` reads the price list and the volumes (feature `cost` of `cml_iam_policy`): on demand, without discounts, spot workers at the price on demand, and without the public address that comes and goes with each start. What cannot be priced is left out with a warning. Default: `[\"idle\"]`."),
			"idle_threshold": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Minute, idle.MaxThreshold)},
				MarkdownDescription: "Where the annotation `idle` is drawn; take that of the `cml_worker_idle` which decides. Default `30m`."},
			"title": schema.StringAttribute{Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 255)},
				MarkdownDescription: "Heading above the list of workers. Default `CML workers`."},
			"period": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Minute, 24*time.Hour)},
				MarkdownDescription: "Time that one point stands for, in whole minutes; below `5m` only workers with detailed `monitoring` have more points. Default `5m`, which adapts when somebody looks at a longer time; one that is set stays."},
			"lookback": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(5*time.Minute, 90*24*time.Hour)},
				MarkdownDescription: "Time up to now that is shown first, in whole minutes. Default `24h`."},
			"body": textAttribute("The body, JSON. The same text as long as its workers and arguments are the same."),
		},
	}
}

// ValidateConfig implements datasource.DataSourceWithValidateConfig.
func (*Dashboard) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m dashboardModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	for name, value := range map[string]types.String{"period": m.Period, "lookback": m.Lookback} {
		if d, err := time.ParseDuration(value.ValueString()); err == nil && d%time.Minute != 0 {
			resp.Diagnostics.AddAttributeError(path.Root(name), "Not whole minutes",
				fmt.Sprintf("CloudWatch takes whole minutes, and %s is %s. Write %q or %q.", name, d, d.Truncate(time.Minute), d.Truncate(time.Minute)+time.Minute))
		}
	}
	set := func(s types.Set) bool { return !s.IsNull() && !s.IsUnknown() }
	if set(m.Metrics) && set(m.Annotate) && slices.Contains(attribute.Strings(m.Annotate), annotateIdle) && !slices.Contains(attribute.Strings(m.Metrics), dashboard.CML) {
		resp.Diagnostics.AddAttributeError(path.Root("annotate"), "Nothing to annotate",
			"`idle` is drawn over the idle time that CML reports. Add `cml` to `metrics`, or leave `idle` out.")
	}
}

// options are the arguments with their defaults.
func (m dashboardModel) options() dashboard.Options {
	o := dashboard.Options{
		Title: defaultTitle, Groups: dashboard.Groups(), FixedPeriod: !m.Period.IsNull(),
		Period: spanOf(m.Period, defaultPeriod), Lookback: spanOf(m.Lookback, defaultLookback),
	}
	if !m.Title.IsNull() {
		o.Title = m.Title.ValueString()
	}
	if !m.Metrics.IsNull() {
		o.Groups = attribute.Strings(m.Metrics)
	}
	if m.Annotate.IsNull() || slices.Contains(attribute.Strings(m.Annotate), annotateIdle) {
		o.IdleThreshold = spanOf(m.IdleThreshold, idle.DefaultThreshold)
	}
	return o
}

// Read implements datasource.DataSource.
func (d *Dashboard) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m dashboardModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	all := d.findAll(ctx, attribute.Strings(m.WorkerIDs), m.Region, &resp.Diagnostics)
	if !d.known(&resp.Diagnostics) || resp.Diagnostics.HasError() {
		return
	}
	ec2, err := d.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to write dashboard", tfdiag.About{Region: m.Region.ValueString()}, err))
		return
	}
	o := m.options()
	o.Region = ec2.Region()
	workers := d.portray(ctx, all, o, &resp.Diagnostics)
	if slices.Contains(attribute.Strings(m.Annotate), annotateCost) {
		o.Currency = d.price(ctx, all, workers, &resp.Diagnostics)
	}
	body, err := dashboard.Body(o, workers)
	var many *dashboard.TooManyError
	switch {
	case errors.As(err, &many):
		resp.Diagnostics.AddAttributeError(path.Root("worker_ids"), "Too much for one dashboard",
			fmt.Sprintf("The %d workers with these metrics make %s. Write several dashboards, or fewer of `metrics`.", len(all), err))
		return
	case err != nil:
		resp.Diagnostics.Append(tfdiag.Error("Unable to write dashboard", tfdiag.About{Region: o.Region}, err))
		return
	}
	m.Region, m.Body = types.StringValue(o.Region), types.StringValue(body)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
