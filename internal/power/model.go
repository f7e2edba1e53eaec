package power

import (
	"reflect"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// Values of the arguments of this resource.
const (
	stateRunning = instance.StateRunning
	stateStopped = instance.StateStopped

	onCorrect = "correct"
	onAccept  = "accept"

	leave = "leave"
)

// model is cml_worker_power in configuration, plan and state.
type model struct {
	ID             types.String `tfsdk:"id"`
	WorkerID       types.String `tfsdk:"worker_id"`
	Region         types.String `tfsdk:"region"`
	Controller     types.Object `tfsdk:"controller"`
	WorkerRevision types.String `tfsdk:"worker_revision"`

	State            types.String   `tfsdk:"state"`
	OnExternalChange types.String   `tfsdk:"on_external_change"`
	Start            types.Object   `tfsdk:"start"`
	Stop             types.Object   `tfsdk:"stop"`
	Triggers         types.Map      `tfsdk:"triggers"`
	OnDestroy        types.Object   `tfsdk:"on_destroy"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`

	InstanceState     types.String `tfsdk:"instance_state"`
	Status            types.String `tfsdk:"status"`
	ServiceStatus     types.String `tfsdk:"service_status"`
	PublicIP          types.String `tfsdk:"public_ip"`
	PublicDNS         types.String `tfsdk:"public_dns"`
	PrivateIP         types.String `tfsdk:"private_ip"`
	IPv6Address       types.String `tfsdk:"ipv6_address"`
	Address           types.String `tfsdk:"address"`
	URL               types.String `tfsdk:"url"`
	LastStartedAt     types.String `tfsdk:"last_started_at"`
	LastStoppedAt     types.String `tfsdk:"last_stopped_at"`
	StateReason       types.String `tfsdk:"state_reason"`
	InterruptedBySpot types.Bool   `tfsdk:"interrupted_by_spot"`
}

// start is the object `start`.
type start struct {
	Readiness     types.Object `tfsdk:"readiness"`
	CapacityRetry types.Object `tfsdk:"capacity_retry"`
	LicenseCheck  types.String `tfsdk:"license_check"`
	RenewLicense  types.Bool   `tfsdk:"renew_license"`
}

// capacityRetry is the object `start.capacity_retry`.
type capacityRetry struct {
	Timeout types.String `tfsdk:"timeout"`
}

// stop is the object `stop`.
type stop struct {
	Mode           types.String `tfsdk:"mode"`
	RecheckIdle    types.Object `tfsdk:"recheck_idle"`
	Drain          types.Object `tfsdk:"drain"`
	ReleaseLicense types.Bool   `tfsdk:"release_license"`
}

// recheckIdle is the object `stop.recheck_idle`.
type recheckIdle struct {
	IdleThreshold types.String `tfsdk:"idle_threshold"`
}

// drain is the object `stop.drain`.
type drain struct {
	MaintenanceMode types.Bool   `tfsdk:"maintenance_mode"`
	Notice          types.String `tfsdk:"notice"`
	WaitForIdle     types.String `tfsdk:"wait_for_idle"`
	OnBusy          types.String `tfsdk:"on_busy"`
}

// onDestroy is the object `on_destroy`.
type onDestroy struct {
	State types.String `tfsdk:"state"`
}

// identity is the resource identity.
type identity = attribute.Identity

// asTarget reads null and unknown members as empty ones.
var asTarget = basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true}

// class says when a computed attribute may change, and so when a plan shows it
// as unknown.
type class int

const (
	// fixed never changes while the worker lives.
	fixed class = iota
	// powerBound changes when the worker starts or stops.
	powerBound
	// publicBound does too, unless the public address is an Elastic IP.
	publicBound
	// endpointBound does too, unless the address that is dialled is fixed.
	endpointBound
	// addressing changes only when the worker resource alters the addressing.
	addressing
	// observed changes only by Read.
	observed
)

// classes is the one table of computed attributes. Region is not in it: it
// follows rules of its own (plan.go).
var classes = map[string]class{
	"id":         fixed,
	"private_ip": fixed,

	"instance_state":  powerBound,
	"status":          powerBound,
	"service_status":  powerBound,
	"last_started_at": powerBound,
	"last_stopped_at": powerBound,

	"public_ip":  publicBound,
	"public_dns": publicBound,

	"address": endpointBound,
	"url":     endpointBound,

	"ipv6_address": addressing,

	"state_reason":        observed,
	"interrupted_by_spot": observed,
}

// computed calls visit with each computed attribute that is a string, by its
// name in the schema.
func (m *model) computed(visit func(name string, c class, value *types.String)) {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("tfsdk"), ",")
		c, ok := classes[name]
		if !ok {
			continue
		}
		if s, ok := v.Field(i).Addr().Interface().(*types.String); ok {
			visit(name, c, s)
		}
	}
}

// strings returns the computed strings by name.
func (m *model) strings() map[string]types.String {
	out := map[string]types.String{}
	m.computed(func(name string, _ class, value *types.String) { out[name] = *value })
	return out
}

// keep puts the prior values of the computed attributes into a plan, and
// unknown where change says so of their class.
func (m *model) keep(prior *model, changes func(class) bool) {
	before := prior.strings()
	m.computed(func(name string, c class, value *types.String) {
		if changes(c) {
			*value = types.StringUnknown()
			return
		}
		*value = before[name]
	})
	m.InterruptedBySpot = prior.InterruptedBySpot
}

// fill gives each computed value that is unknown the one that was read back.
// What the plan shows as known stays exactly as planned, since Terraform
// refuses anything else.
func (m *model) fill(read *model) {
	found := read.strings()
	m.computed(func(name string, _ class, value *types.String) {
		if value.IsUnknown() {
			*value = found[name]
		}
	})
	if m.Region.IsUnknown() {
		m.Region = read.Region
	}
	if m.InterruptedBySpot.IsUnknown() {
		m.InterruptedBySpot = read.InterruptedBySpot
	}
}
