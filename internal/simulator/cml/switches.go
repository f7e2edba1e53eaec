package cml

import (
	"reflect"
	"time"
)

// Switches choose between behaviours that no primary source confirms
// (cml-api.md marks them "not confirmed"). The zero value is the reading that
// the reference recommends; a provider should be right under every setting.
type Switches struct {
	// NotReadyBadGateway makes every call except system_information answer 502
	// until the server is ready; otherwise they work (cml-api.md 11, phases).
	NotReadyBadGateway bool

	// UnauthorizedText is the description of a 401. Empty: "401 Unauthorized".
	UnauthorizedText string
	// BareLoginError answers a wrong login with the bare string
	// "Authentication failed!" instead of the envelope (cml-api.md 1.2, seen up to 2.7).
	BareLoginError bool
	// LoginLimit is the number of failed logins in a row after which further
	// ones answer 429 until LoginLimitWindow has passed. Zero: no limit (cml-api.md 1).
	LoginLimit int
	// LoginLimitWindow is how long the limit lasts. Zero: one minute.
	LoginLimitWindow time.Duration
	// IdenticalTokens leaves out the claim that makes tokens of one user and
	// one second differ; a logout of one then ends the other too.
	IdenticalTokens bool
	// TokensDieOnBoot ends every session when the instance stops.
	TokensDieOnBoot bool
	// AnyContentType accepts a body without "Content-Type: application/json",
	// as releases before 2.9 do in any case (cml-api.md 1).
	AnyContentType bool
	// StructuredDescription sends the description of a validation error as a
	// JSON object instead of a JSON document in a string (cml-api.md 1.2).
	StructuredDescription bool

	// FullHealthForUsers shows valid and is_licensed in system_health to
	// everybody; otherwise accounts that are no administrators see null (cml-api.md 4.1).
	FullHealthForUsers bool
	// HiddenOtherNodes makes GET /nodes list the caller's nodes only, for
	// administrators too (cml-api.md 6.1).
	HiddenOtherNodes bool
	// TelemetryForAdmins refuses telemetry to other accounts with 403 (cml-api.md 7.1).
	TelemetryForAdmins bool
	// NoTelemetry answers 404 to telemetry, as a release without it would (cml-api.md 7.1).
	NoTelemetry bool
	// TelemetryNewestFirst reverses the order of the events (cml-api.md 7.1).
	TelemetryNewestFirst bool
	// TelemetryLostOnBoot empties the list when the instance stops (cml-api.md 7.1).
	TelemetryLostOnBoot bool
	// MaintenanceStatus is what accounts that are no administrators get in
	// maintenance mode. Zero: 503 (cml-api.md 8.3).
	MaintenanceStatus int
	// MaintenanceLostOnBoot ends the maintenance mode when the instance stops,
	// and forgets the notices (cml-api.md 8.3 does not say whether they last).
	MaintenanceLostOnBoot bool
	// NoResolvedNotice leaves the notice itself out of the maintenance mode's
	// document (cml-api.md 8.3), for clients that must live without.
	NoResolvedNotice bool

	// UnregisteredInit shows authorization INIT instead of EVAL while
	// unregistered (cml-api.md 5.1.1 names both).
	UnregisteredInit bool
	// BadTokenRetries shows RETRY_IN_PROGRESS instead of FAILED for a token
	// that SSMS does not accept (cml-api.md 5.6).
	BadTokenRetries bool
	// RegistrationStatus, when not empty, is shown instead of COMPLETED: for
	// clients that must live with unknown values (cml-api.md 5.1.1).
	RegistrationStatus string
	// RegisterAgain accepts a registration of a registered system without
	// "reregister"; otherwise it answers 409 (cml-api.md 5.6).
	RegisterAgain bool
	// ProductWhileRegistered allows another product licence on a registered
	// system; otherwise that answers 400 (cml-api.md 5.3).
	ProductWhileRegistered bool
	// AnyProduct accepts product names that are not among the known ones
	// (cml-api.md 5.3); otherwise they answer 400.
	AnyProduct bool
	// KeepOnDeregister keeps feature counts and product over a
	// de-registration; otherwise the counts go back to their defaults (cml-api.md 5.7).
	KeepOnDeregister bool
	// LicensingBusy answers 409 to every licensing operation that documents
	// one (cml-api.md 5.2).
	LicensingBusy bool
	// EarlyStatusBodies answers licensing operations in the way of 2.11 (200 or
	// 202 with the status document) whatever the version (cml-api.md 5.2: 2.10 is
	// not confirmed). The transport method still follows the version.
	EarlyStatusBodies bool
	// AcceptedRegistration answers a registration with 202 instead of 200
	// where a status document is sent (cml-api.md 5.2: "200 (or 202)").
	AcceptedRegistration bool
	// LicensingDatesISO writes the dates of the licensing documents in the
	// date-time form that the schema names, instead of the recorded one with a blank.
	LicensingDatesISO bool
	// NewUDIPerImage gives a machine started from a saved image a new
	// product_uuid; otherwise it keeps the image's (cml-api.md 5.1).
	NewUDIPerImage bool
}

// SwitchNames are the names of the switches, in their order.
func SwitchNames() []string {
	kind := reflect.TypeFor[Switches]()
	names := make([]string, 0, kind.NumField())
	for i := range kind.NumField() {
		names = append(names, kind.Field(i).Name)
	}
	return names
}
