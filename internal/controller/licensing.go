package controller

import (
	"context"
	"strings"
	"time"
)

// Licensing is the one status document of licensing (cml-api.md 5.1). All
// status members are free text to CML's schema: unknown values must be lived
// with. Dates are text of CML's own form; ParseLicenseTime reads them.
type Licensing struct {
	UDI struct {
		Hostname    string `json:"hostname"`
		ProductUUID string `json:"product_uuid"`
	} `json:"udi"`
	Registration struct {
		Status         string      `json:"status"`
		SmartAccount   string      `json:"smart_account"`
		VirtualAccount string      `json:"virtual_account"`
		Expires        string      `json:"expires"`
		RegisterTime   LicenseTime `json:"register_time"`
		RenewTime      LicenseTime `json:"renew_time"`
	} `json:"registration"`
	Authorization struct {
		Status    string      `json:"status"`
		Expires   string      `json:"expires"`
		RenewTime LicenseTime `json:"renew_time"`
	} `json:"authorization"`
	ReservationMode bool             `json:"reservation_mode"`
	Features        []LicenseFeature `json:"features"`
	ProductLicense  struct {
		Active       string `json:"active"`
		IsEnterprise bool   `json:"is_enterprise"`
	} `json:"product_license"`
	Transport struct {
		SSMS        string `json:"ssms"`
		DefaultSSMS string `json:"default_ssms"`
		Proxy       struct {
			Server string `json:"server"`
			Port   Whole  `json:"port"`
		} `json:"proxy"`
	} `json:"transport"`
}

// LicenseTime is one of the exchanges with Cisco's licence servers. Failure is
// "OK" after a success, and may quote the registration token after a failure:
// redact it before it is shown (cml-api.md 5.1, 5.6).
type LicenseTime struct {
	Succeeded string `json:"succeeded"`
	Attempted string `json:"attempted"`
	Scheduled string `json:"scheduled"`
	Status    string `json:"status"`
	Failure   string `json:"failure"`
	Success   string `json:"success"`
}

// LicenseFeature is one countable feature and how much of it is in use. Min
// and Max bound what can be asked for; nil where CML does not tell.
type LicenseFeature struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
	InUse   Whole  `json:"in_use"`
	Status  string `json:"status"`
	Min     *Whole `json:"min"`
	Max     *Whole `json:"max"`
}

// Licensing asks for the licence status; only administrators may.
func (c *Client) Licensing(ctx context.Context) (Licensing, error) {
	var l Licensing
	err := c.Get(ctx, "/licensing", nil, &l)
	return l, err
}

// Values of a worker's license_status.
const (
	LicenseUnregistered = "unregistered" // nothing registered, no evaluation period either
	LicenseRegistered   = "registered"   // registration completed and nothing speaks against it
	LicenseEvaluation   = "evaluation"   // not registered, within the evaluation period
	LicenseExpired      = "expired"      // registration or authorization has run out
	LicenseInvalid      = "invalid"      // registration failed, or the account lacks licences
	LicenseUnknown      = "unknown"      // not read, or a value that means nothing to us
)

// Values of the status members that decide something (cml-api.md 5.1.1);
// those marked there as not confirmed are accepted as well.
const (
	statusCompleted     = "COMPLETED"
	statusRegistered    = "REGISTERED"
	statusNotRegistered = "NOT_REGISTERED"
	statusUnregistered  = "UNREGISTERED"
	statusInCompliance  = "IN_COMPLIANCE"
	statusAuthorized    = "AUTHORIZED"
)

// Registered reports whether the registration is complete, whatever its
// authorization says.
func (l Licensing) Registered() bool {
	return l.Registration.Status == statusCompleted || l.Registration.Status == statusRegistered
}

// Unregistered reports whether there is no registration, nor one under way.
func (l Licensing) Unregistered() bool {
	return l.Registration.Status == statusNotRegistered || l.Registration.Status == statusUnregistered
}

// Valid reports whether the server is licensed: registration COMPLETED and
// authorization IN_COMPLIANCE. The second lags the first by some seconds.
func (l Licensing) Valid() bool { return l.Registered() && l.inCompliance() }

func (l Licensing) inCompliance() bool {
	return l.Authorization.Status == statusInCompliance || l.Authorization.Status == statusAuthorized
}

// Lapsed reports whether the authorization of a registration has run out. The
// end of the evaluation period is none: that is what a server without one
// shows, and one that has just registered until its authorization follows.
func (l Licensing) Lapsed() bool {
	status := l.Authorization.Status
	return strings.Contains(status, "EXPIRED") && !strings.HasPrefix(status, "EVAL") && !l.Unregistered()
}

// LicenseStatus maps the document to the values of license_status.
func LicenseStatus(l Licensing) string {
	registration, authorization := l.Registration.Status, l.Authorization.Status
	switch {
	case strings.Contains(registration, "EXPIRED"), l.Lapsed():
		return LicenseExpired
	case strings.HasSuffix(registration, "FAILED"):
		return LicenseInvalid
	case authorization == "OUT_OF_COMPLIANCE", l.Registered() && authorization == "NOT_AUTHORIZED":
		return LicenseInvalid
	case l.Registered(), l.ReservationMode && l.inCompliance():
		return LicenseRegistered
	case authorization == "EVAL":
		return LicenseEvaluation
	}
	switch registration {
	case statusNotRegistered, statusUnregistered, "PENDING", "IN_PROGRESS", "RETRY_IN_PROGRESS", "RESERVATION_IN_PROGRESS":
		return LicenseUnregistered
	}
	return LicenseUnknown
}

// licenseTimeForms are those seen in licensing documents (cml-api.md 5.1): the
// recorded one with a blank, and what the schema promises.
var licenseTimeForms = []string{
	"2006-01-02 15:04:05", "2006-01-02 15:04:05.999999999", time.RFC3339Nano, "2006-01-02T15:04:05.999999999",
}

// ParseLicenseTime reads a date of a licensing document. CML gives no zone;
// UTC is assumed. ok is false for "" and for what is no date.
func ParseLicenseTime(text string) (t time.Time, ok bool) {
	for _, form := range licenseTimeForms {
		if t, err := time.Parse(form, strings.TrimSpace(text)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
