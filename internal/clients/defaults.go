package clients

import (
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Defaults are arguments that a worker takes at creation where it leaves them
// out: `worker_defaults`, or one entry of `region_defaults`, each with the
// arguments that it has. They are framework values, since the plan of a worker
// shows them, unknown ones included. The objects have the attribute types of
// the worker's own; those of which only some members have a default are taken
// apart.
type Defaults struct {
	AMIID              types.String
	AMIFilter          types.Object
	ExpectedCMLVersion types.String
	InstanceType       types.String
	InstanceTypes      types.List
	// VPCID is where the subnets and groups of all workers of the region must be.
	VPCID              types.String
	SubnetIDs          types.List
	SecurityGroupIDs   types.Set
	KeyName            types.String
	IAMInstanceProfile types.String
	PublicIP           types.Bool // network.public_ip
	RootVolume         types.Object
	MetadataOptions    types.Object
	Monitoring         types.Bool

	ReadinessTimeout, ReadinessInterval types.String // readiness.timeout, .interval

	Port              types.Int64  // controller.port
	AddressPreference types.List   // controller.address_preference
	Via               types.String // controller.via
}

// RegionDefaults are `region_defaults`.
type RegionDefaults struct {
	// Regions are the entries by region.
	Regions map[string]Defaults
	// Unknown says that the whole map is known only after apply.
	Unknown bool
}

// Severity is what a check does when it finds something.
type Severity string

// The severities.
const (
	Off   Severity = "off"
	Warn  Severity = "warn"
	Error Severity = "error"
)

// Guardrails are `guardrails`, with their defaults applied.
type Guardrails struct {
	// AllowedRegions and AllowedInstanceTypes (patterns with * and ?) allow
	// everything when they are empty. While one is unknown nothing is refused
	// by it; it is looked at again in apply.
	AllowedRegions, AllowedInstanceTypes               []string
	AllowedRegionsUnknown, AllowedInstanceTypesUnknown bool

	CapabilityCheck, QuotaCheck, Preflight Severity

	// MaxHourlyCost is a decimal amount of money, in the currency of the price
	// list; "" is no limit, also while it is unknown.
	MaxHourlyCost string
	// OnUnknownPrice is Warn or Error.
	OnUnknownPrice Severity
}

// WorkerDefaults returns `worker_defaults`.
func (s *Set) WorkerDefaults() Defaults { return s.opts.WorkerDefaults }

// RegionDefaults returns the entry of a region in `region_defaults`. There is
// none where ok is false. used reports whether there is any entry at all.
func (s *Set) RegionDefaults(region string) (d Defaults, ok, used bool) {
	d, ok = s.opts.RegionDefaults.Regions[region]
	return d, ok, len(s.opts.RegionDefaults.Regions) > 0
}

// RegionDefaultsUnknown reports whether `region_defaults` as a whole is known
// only after apply.
func (s *Set) RegionDefaultsUnknown() bool { return s.opts.RegionDefaults.Unknown }

// Guardrails returns `guardrails`.
func (s *Set) Guardrails() Guardrails {
	g := s.opts.Guardrails
	for _, d := range []struct {
		of        *Severity
		otherwise Severity
	}{{&g.CapabilityCheck, Warn}, {&g.QuotaCheck, Warn}, {&g.Preflight, Off}, {&g.OnUnknownPrice, Warn}} {
		if *d.of == "" {
			*d.of = d.otherwise
		}
	}
	return g
}
