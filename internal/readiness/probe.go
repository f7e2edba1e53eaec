package readiness

import (
	"context"
	"errors"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// Limits bound a probe.
type Limits struct {
	// Total is the limit for all requests to CML together; 0 means DefaultProbeLimit.
	Total time.Duration
}

// Probe looks once: at the machine, unless Target.Instance is set, and, if it
// runs, at CML: one request without a secret and, when CML is ready and there
// are credentials, one with. That CML cannot be reached, or refuses the
// credentials, is a result, not an error; errors are those of EC2, settings
// that make no sense (fault.Invalid), a certificate that is not the pinned one
// (fault.Untrusted), and an ended context. The EC2 status checks are not read.
func Probe(ctx context.Context, t Target, limits Limits) (Result, error) {
	result := Result{Instance: t.Instance, LicenseStatus: controller.LicenseUnknown}
	if t.Instance == nil {
		found, err := t.Instances.FindFresh(ctx, t.InstanceID, t.AccountID, t.LaunchedAt)
		if err != nil {
			return result, err
		}
		result.Instance = found
	}
	if result.Instance.State != instance.StateRunning {
		return result, nil
	}
	result.Reached = Running
	kind, address := t.Settings.PickExpecting(Addresses(result.Instance), t.Expect...)
	if address == "" {
		result.Last = fault.New(fault.NotReady, "the instance has none of the addresses of controller.address_preference")
		if kind != "" {
			result.Last = fault.New(fault.NotReady, "the instance has no %s yet", kind)
		}
		return result, nil
	}
	total := limits.Total
	if total <= 0 {
		total = DefaultProbeLimit
	}
	limited, cancel := context.WithTimeout(ctx, total)
	defer cancel()
	p := &prober{
		target: t, transport: t.Transport, address: address, account: t.hasCredentials(),
		keep:  func(controller.Credentials) {},
		plain: controller.New(address, t.Settings, controller.Credentials{}, t.Transport),
	}
	defer p.close()
	a := p.ask(limited)
	if ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	return result.with(a)
}

// with adds what CML answered to the result of a probe.
func (r Result) with(a answer) (Result, error) {
	l := &ladder{settled: settled{Options: Options{Until: Licensed}, account: true}, machine: Running}
	r.Asked, r.Address, r.Info, r.Health, r.Fingerprint = true, a.address, a.info, a.health, a.fingerprint
	r.CredentialsErr = a.credentialsErr
	rung, against := l.judge(a)
	r.Reached, r.Last = max(Running, rung), against.err
	if r.Last == nil && against.text != "" {
		r.Last = errors.New(against.text)
	}
	if a.health != nil {
		r.LicenseStatus = licenseStatus(a.health, nil)
	}
	if fault.Is(a.err, fault.Untrusted, fault.Invalid) {
		return r, a.err
	}
	return r, nil
}

// Values of service_status.
const (
	ServiceUnavailable = "unavailable" // not running, or nothing listens
	ServiceStarting    = "starting"    // running, but the wanted rung is not reached
	ServiceAvailable   = "available"   // the wanted rung is reached
	ServiceDegraded    = "degraded"    // CML answers and calls itself not valid
	ServiceUnknown     = "unknown"     // not asked, or out of reach from here
)

// ServiceStatus says how CML on a worker is doing, by the result of a wait or
// a probe and the rung that the configuration wants.
//
// A rung below HTTPS says nothing about CML, so Ready is looked at instead; a
// rung that needs credentials counts as reached at Ready when there are none.
// Attempts that time out mean unknown, for the cause is most often the way and
// not the server; refused ones mean unavailable.
func ServiceStatus(r Result, wanted Rung) string {
	if wanted < HTTPS {
		wanted = Ready
	}
	switch {
	case r.Instance == nil:
		return ServiceUnknown
	case r.Instance.State != instance.StateRunning:
		return ServiceUnavailable
	case r.Health != nil && r.Health.Valid != nil && !*r.Health.Valid:
		return ServiceDegraded
	case r.Reached >= wanted:
		return ServiceAvailable
	case r.Pending:
		return ServiceStarting
	case !r.Asked:
		return ServiceUnknown
	case r.Reached == Ready && r.Last == nil:
		return ServiceAvailable
	}
	switch controller.Reason(r.Last) {
	case controller.ReasonTimeout, controller.ReasonNoRoute, controller.ReasonDNS, controller.ReasonProxy:
		return ServiceUnknown
	case controller.ReasonRefused:
		return ServiceUnavailable
	}
	if r.Reached == Ready && r.Health == nil {
		// Ready, and the question only accounts may ask was not answered.
		return ServiceUnknown
	}
	return ServiceStarting
}
