package licensing

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// Values of registration.status (cml-api.md 5.1.1).
const (
	pending         = "PENDING"
	inProgress      = "IN_PROGRESS"
	retrying        = "RETRY_IN_PROGRESS"
	outOfCompliance = "OUT_OF_COMPLIANCE"
)

// underWay reports whether a registration was begun and has no result yet.
func underWay(l controller.Licensing) bool {
	return l.Registration.Status == inProgress || l.Registration.Status == pending
}

// Broken reports whether a registration has come to an end that only a new one
// mends.
func Broken(l controller.Licensing) bool {
	return strings.HasSuffix(l.Registration.Status, "FAILED") || strings.Contains(l.Registration.Status, "EXPIRED") ||
		l.Registered() && l.Lapsed()
}

// OutOfCompliance reports whether the account has fewer licences than are in use.
func OutOfCompliance(l controller.Licensing) bool {
	return l.Registered() && l.Authorization.Status == outOfCompliance
}

// ExpiresAt is the earlier end of registration and authorization; zero when
// there is none.
func ExpiresAt(l controller.Licensing) time.Time {
	return earlier(l.Registration.Expires, l.Authorization.Expires)
}

// RenewsAt is the earlier renewal that CML's agent has planned; zero when there
// is none.
func RenewsAt(l controller.Licensing) time.Time {
	return earlier(l.Registration.RenewTime.Scheduled, l.Authorization.RenewTime.Scheduled)
}

func earlier(a, b string) time.Time {
	first, ok := controller.ParseLicenseTime(a)
	second, also := controller.ParseLicenseTime(b)
	if !ok || also && second.Before(first) {
		return second
	}
	return first
}

// NodeLimit is how many nodes the licence allows (cml-api.md 5.1); ok is false
// for products whose number is not known.
func NodeLimit(l controller.Licensing) (n int, ok bool) {
	switch l.ProductLicense.Active {
	case "CML_Personal":
		return 20, true
	case "CML_Personal40":
		return 40, true
	case "CML_Enterprise":
		if f, found := l.NodeFeature(); found {
			return 20 + int(f.InUse), true
		}
	}
	return 0, false
}

// inheritedMargin is how far the clocks of CML and of EC2 may be apart.
const inheritedMargin = time.Minute

// DefaultSSMS reports whether CML uses the licence servers that it uses by
// itself: null is the default, and where CML does not say what that is, it is
// Cisco's own (cml-api.md 5.4).
func DefaultSSMS(l controller.Licensing) bool {
	t := l.Transport
	if t.SSMS == "" || t.DefaultSSMS != "" {
		return t.SSMS == "" || t.SSMS == t.DefaultSSMS
	}
	u, err := url.Parse(t.SSMS)
	return err == nil && strings.HasSuffix(u.Hostname(), ".cisco.com")
}

// Inherited reports whether the registration is older than the instance: it
// came with the image, and belongs to the machine the image was made of.
func Inherited(l controller.Licensing, in *instance.Instance) bool {
	attempted, ok := controller.ParseLicenseTime(l.Registration.RegisterTime.Attempted)
	return l.Registered() && ok && !in.FirstLaunchTime.IsZero() && attempted.Before(in.FirstLaunchTime.Add(-inheritedMargin))
}

// Known is what the state of Terraform knew of a licence last.
type Known struct {
	// Status is one of controller.License…, "" for never read.
	Status                            string
	SmartAccount, VirtualAccount, UDI string
}

// Holder names who is counted, for a person who looks it up in the portal.
func (k Known) Holder() string {
	var parts []string
	for _, part := range []struct{ name, value string }{
		{"smart account", k.SmartAccount}, {"virtual account", k.VirtualAccount}, {"UDI", k.UDI},
	} {
		if part.value != "" {
			parts = append(parts, fmt.Sprintf("%s %q", part.name, part.value))
		}
	}
	if len(parts) == 0 {
		return "accounts and UDI were never read"
	}
	return strings.Join(parts, ", ")
}

// KnownFrom is what a status document says.
func KnownFrom(l controller.Licensing) Known {
	return Known{
		Status: controller.LicenseStatus(l), UDI: l.UDI.ProductUUID,
		SmartAccount: l.Registration.SmartAccount, VirtualAccount: l.Registration.VirtualAccount,
	}
}

// over fills what a newer look does not tell with what was known.
func (k Known) over(old Known) Known {
	for _, f := range []struct{ to, from *string }{
		{&k.SmartAccount, &old.SmartAccount}, {&k.VirtualAccount, &old.VirtualAccount}, {&k.UDI, &old.UDI},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	return k
}

// Counted reports whether Cisco's servers are believed to count the licence.
func (k Known) Counted() bool {
	switch k.Status {
	case controller.LicenseRegistered, controller.LicenseExpired, controller.LicenseInvalid:
		return true
	}
	return false
}

// unregistered reports whether the last look found no registration.
func (k Known) unregistered() bool {
	return k.Status == controller.LicenseUnregistered || k.Status == controller.LicenseEvaluation
}

// Arguments of a release that an Error may blame.
const (
	ArgumentStart = "start_if_stopped"
	ArgumentStop  = "stop_labs"
)

// Error is a sentence about a licence, with what to do about it.
type Error struct {
	Kind fault.Kind
	Text string
	// Next is the next step, "" for the usual one of the kind.
	Next string
	// Argument is the one that stands against what was asked for: of a release
	// or of cml_worker_license itself; "" for none.
	Argument string
	Err      error
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// FaultKind makes the kind readable for fault.KindOf.
func (e *Error) FaultKind() fault.Kind { return e.Kind }

// NextStep is what to do, for the diagnostic.
func (e *Error) NextStep() string { return e.Next }

// quoted is what the agent puts between quotes that may be a token: also one
// that was sent by somebody else and that nobody here knows.
var quoted = regexp.MustCompile(`(['"])[A-Za-z0-9+/%=_-]{16,}(['"])`)

// agentText is what the licensing agent says, on one line and without any token.
func agentText(text, token string) string {
	text = controller.Redact(text, token)
	text = quoted.ReplaceAllString(text, "${1}(redacted)${2}")
	return strings.Join(strings.Fields(text), " ")
}

// notValid reports whether the agent gives the token as the reason
// (cml-api.md 5.6).
func notValid(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "is not valid") ||
		strings.Contains(text, "token") && (strings.Contains(text, "invalid") || strings.Contains(text, "expired"))
}
