package insight

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/idle"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Idle is data.cml_worker_idle: whether anybody uses the worker.
type Idle struct{ base }

var (
	_ datasource.DataSourceWithConfigure      = (*Idle)(nil)
	_ datasource.DataSourceWithValidateConfig = (*Idle)(nil)
)

// NewIdle returns data.cml_worker_idle.
func NewIdle() datasource.DataSource { return &Idle{} }

// idleModel is data.cml_worker_idle.
type idleModel struct {
	WorkerID              types.String  `tfsdk:"worker_id"`
	Region                types.String  `tfsdk:"region"`
	Controller            types.Object  `tfsdk:"controller"`
	IdleThreshold         types.String  `tfsdk:"idle_threshold"`
	IdleWarning           types.String  `tfsdk:"idle_warning"`
	Snooze                types.String  `tfsdk:"snooze"`
	Enabled               types.Bool    `tfsdk:"enabled"`
	Wake                  types.Bool    `tfsdk:"wake"`
	Categories            types.Set     `tfsdk:"categories"`
	ExcludeUserPattern    types.String  `tfsdk:"exclude_user_pattern"`
	ExcludeUsers          types.Set     `tfsdk:"exclude_users"`
	RunningNodesKeepAwake types.Bool    `tfsdk:"running_nodes_keep_awake"`
	CPUKeepAwakePercent   types.Float64 `tfsdk:"cpu_keep_awake_percent"`

	InstanceState        types.String `tfsdk:"instance_state"`
	Idle                 types.Bool   `tfsdk:"idle"`
	Warning              types.Bool   `tfsdk:"warning"`
	Reason               types.String `tfsdk:"reason"`
	Message              types.String `tfsdk:"message"`
	IdleForSeconds       types.Int64  `tfsdk:"idle_for_seconds"`
	IdleSince            types.String `tfsdk:"idle_since"`
	StopDueAt            types.String `tfsdk:"stop_due_at"`
	LastActivityAt       types.String `tfsdk:"last_activity_at"`
	LastActivityCategory types.String `tfsdk:"last_activity_category"`
	LastActivityUser     types.String `tfsdk:"last_activity_user"`
	RecommendedState     types.String `tfsdk:"recommended_state"`
}

// Metadata implements datasource.DataSource.
func (*Idle) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker_idle"
}

// Schema implements datasource.DataSource.
func (*Idle) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	span := func(least time.Duration, s string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(least, idle.MaxThreshold)}, MarkdownDescription: s}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Whether anybody uses a worker, by CML's telemetry, and which power state follows. Feed `recommended_state` into `state` of a `cml_worker_power` with `on_external_change = \"accept\"`, in a root module of its own with `worker_id` from a variable, and apply that on a schedule: beside the worker itself, any pending change of the worker would make the recommendation unknown.\n\n" +
			"It never recommends to stop a worker of which something could not be read: CML out of reach, an account that may not read the telemetry, a CML that records none, an answer that breaks off. \"Now\" is CML's own clock. Give the provider an account of its own in CML, since its logins do not count as activity.",
		Attributes: map[string]schema.Attribute{
			"worker_id":      workerIDAttribute(),
			"region":         regionAttribute(),
			"controller":     attribute.ControllerDataSource(),
			"idle_threshold": span(time.Minute, "How long nobody may have used the worker until it is idle. Default `30m`."),
			"idle_warning":   span(time.Second, "From when on `warning` is set; less than `idle_threshold`. Default `20m`, or two thirds of a threshold that is no longer than that."),
			"snooze":         span(0, "How long after a start the worker is not recommended to stop. Default `1h`."),
			"enabled":        schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether a stop may be recommended at all. Default `true`. The tag `cml:idle-detection` = `disabled` on the instance (with the prefix of the provider's `managed_tags`) switches it off, too."},
			"wake":           schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether a worker that does not run is recommended to run. Default `false`: it is left stopped."},
			"categories": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(idle.KnownCategories()...))},
				MarkdownDescription: "Categories of telemetry events that count as activity. Default: `start_lab`, `stop_lab`, `import_lab`, `export_lab`, `start_node`, `stop_node`, `queue_node`, `boot_node`, `wipe_node`, `packet_capture` and `user_activity` (logins and API calls)."},
			"exclude_user_pattern": schema.StringAttribute{Optional: true,
				MarkdownDescription: "Regular expression (RE2) of ids of users whose `user_activity` does not count; `\"\"` fits nobody. Default: `" + idle.DefaultExcludePattern + "`, CML's built-in accounts."},
			"exclude_users": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 64))},
				MarkdownDescription: "Further users, by name or id, whose `user_activity` does not count; what they do with labs still does. Default: the account that this provider asks as, and the one called `" + idle.PublisherUser + "`, if there is one: what `publisher` of the function `cloud_init` asks as in the examples. An account whose id cannot be looked up counts."},
			"running_nodes_keep_awake": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether a worker with running nodes is in use, since a lab that runs makes no events. Default `true`."},
			"cpu_keep_awake_percent": schema.Float64Attribute{Optional: true, Validators: []validator.Float64{float64validator.Between(0, 100)},
				MarkdownDescription: "A worker whose processors are at least that busy, in percent, is in use. Default: not looked at."},

			"instance_state":         textAttribute("EC2 state: `pending`, `running`, `stopping` or `stopped`."),
			"idle":                   flagAttribute("Whether nobody has used the worker for `idle_threshold`; null when that is not known."),
			"warning":                flagAttribute("Whether nobody has used the worker for `idle_warning`; null when that is not known."),
			"reason":                 textAttribute("Why `recommended_state` is what it is: `active`, `warning`, `idle`, `snoozed` (idle, but started a short while ago), `disabled`, `stopped` (does not run) or `unknown` (something could not be read)."),
			"message":                textAttribute("What could not be read, in words; null otherwise."),
			"idle_for_seconds":       numberAttribute("Seconds since the last activity, or since the last start where the telemetry has none."),
			"idle_since":             textAttribute("Since when `idle_for_seconds` counts, RFC 3339; null while the worker is in use or nothing is known."),
			"stop_due_at":            textAttribute("When a stop will be recommended if nothing happens, RFC 3339; null while something keeps the worker awake, the detection is off, or nothing is known."),
			"last_activity_at":       textAttribute("Time of the newest event that counts, RFC 3339; null where there is none."),
			"last_activity_category": textAttribute("Category of that event."),
			"last_activity_user":     textAttribute("Id of the user who did it, where the event tells."),
			"recommended_state":      textAttribute("`running` or `stopped`. `stopped` for a worker that is idle, and for one that does not run unless `wake` is set; otherwise the state that the worker is in."),
		},
	}
}

// ValidateConfig implements datasource.DataSourceWithValidateConfig.
func (*Idle) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var m idleModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if _, err := regexp.Compile(m.ExcludeUserPattern.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("exclude_user_pattern"), "Invalid regular expression", err.Error())
	}
	if m.IdleThreshold.IsUnknown() || m.IdleWarning.IsNull() || m.IdleWarning.IsUnknown() {
		return
	}
	if o := m.options(); o.Warning >= o.Threshold {
		resp.Diagnostics.AddAttributeError(path.Root("idle_warning"), "Warning after the fact",
			fmt.Sprintf("idle_warning (%s) has to be less than idle_threshold (%s).", o.Warning, o.Threshold))
	}
}

// options are the arguments with their defaults.
func (m idleModel) options() idle.Options {
	flag := func(b types.Bool, otherwise bool) bool {
		if b.IsNull() {
			return otherwise
		}
		return b.ValueBool()
	}
	o := idle.Defaults()
	o.Threshold, o.Warning, o.Snooze = spanOf(m.IdleThreshold, o.Threshold), spanOf(m.IdleWarning, o.Warning), spanOf(m.Snooze, o.Snooze)
	if m.IdleWarning.IsNull() && o.Warning >= o.Threshold {
		o.Warning = o.Threshold * 2 / 3
	}
	o.Enabled, o.Wake, o.NodesKeepAwake = flag(m.Enabled, o.Enabled), m.Wake.ValueBool(), flag(m.RunningNodesKeepAwake, o.NodesKeepAwake)
	o.Categories, o.CPUKeepAwake = attribute.Strings(m.Categories), m.CPUKeepAwakePercent.ValueFloat64Pointer()
	o.ExcludeUsers, o.OwnUser = attribute.Strings(m.ExcludeUsers), m.ExcludeUsers.IsNull()
	if !m.ExcludeUserPattern.IsNull() {
		o.ExcludePattern = nil
		if pattern := m.ExcludeUserPattern.ValueString(); pattern != "" {
			o.ExcludePattern, _ = regexp.Compile(pattern) // ValidateConfig has seen it
		}
	}
	return o
}

// Read implements datasource.DataSource.
func (d *Idle) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m idleModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s, ok := d.find(ctx, m.WorkerID, m.Region, &resp.Diagnostics)
	if !ok {
		return
	}
	settings := d.settings(ctx, m.Controller, s.machine, &resp.Diagnostics)
	options := m.options()
	seen, err := idle.Look(ctx, idle.Target{
		Machine: s.machine, Settings: settings, Credentials: d.set.CredentialsFor(s.ec2.Region(), settings),
		Transport: d.set.Transport(), Tags: d.set.ManagedTags().Values(s.machine.Tags),
	}, options)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to tell whether CML worker is idle", s.about(), err))
		return
	}
	decision := idle.Decide(options, seen)
	if decision.Reason == idle.Unknown && seen.Err != nil {
		tfdiag.Warn(&resp.Diagnostics, d.set, tfdiag.NotReadable, fmt.Sprintf("Nobody knows whether worker %s is idle, so it is left as it is: %s", s.machine.ID, words(seen.Err)))
	}
	for _, note := range seen.Notes {
		tfdiag.Warn(&resp.Diagnostics, d.set, tfdiag.NotReadable, note+".")
	}
	if skew := seen.Skew(); seen.Read && skew.Abs() > idle.MaxSkew {
		tfdiag.Warn(&resp.Diagnostics, d.set, tfdiag.ClockSkew, fmt.Sprintf(
			"The clock of CML on worker %s differs by %s from the one here. Idle times go by the clock of CML; the snooze after a start goes by the later of the two.", s.machine.ID, skew.Abs().Round(time.Second)))
	}
	m.Region, m.Controller = types.StringValue(s.ec2.Region()), attribute.FlattenController(settings)
	m.fill(seen, decision)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (m *idleModel) fill(s idle.Observation, d idle.Decision) {
	m.InstanceState, m.Reason, m.RecommendedState = attribute.String(s.State), types.StringValue(d.Reason), types.StringValue(d.Recommended)
	m.Idle, m.Warning = types.BoolPointerValue(d.Idle), types.BoolPointerValue(d.Warning)
	if s.Err != nil {
		m.Message = attribute.String(words(s.Err))
	}
	if d.IdleFor != nil {
		m.IdleForSeconds = types.Int64Value(int64(*d.IdleFor / time.Second))
	}
	if d.Warning != nil && *d.Warning {
		m.IdleSince = attribute.Time(d.Since)
	}
	m.StopDueAt = attribute.Time(d.StopDue)
	if s.Read {
		m.LastActivityAt, m.LastActivityCategory, m.LastActivityUser = attribute.Time(s.Last), attribute.String(s.Category), attribute.String(s.UserID)
	}
}
