package cml

import (
	"strings"
	"time"
)

// feature is an entry of the features list. Its last two members are never set.
type feature struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Version     string  `json:"version"`
	InUse       int     `json:"in_use"`
	Status      string  `json:"status"`
	Min         int     `json:"min"`
	Max         int     `json:"max"`
	MinEndDate  *string `json:"minEndDate"`
	MaxEndDate  *string `json:"maxEndDate"`
}

// features are filled while unregistered, too (cml-api.md 5.1).
func (m *Machine) features() []feature {
	l, status := &m.licence, m.authorizationStatus()
	base := 1
	if l.reservation {
		base = 0
	}
	if !l.isEnterprise() {
		name := strings.ReplaceAll(l.product, "CML_", "")
		return []feature{{
			// The ids of these products are not known; the form is that of the others.
			ID:   "regid.2019-10.com.cisco.CML_" + strings.ToUpper(name) + ",1.0_00000000-0000-4000-8000-000000000001",
			Name: "CML - " + name + " License", Description: "Cisco Modeling Labs - " + name + " License",
			Version: "1.0", InUse: base, Status: status, Max: 1,
		}}
	}
	return []feature{
		{
			ID: baseFeature, Name: "CML - Enterprise License",
			Description: "Cisco Modeling Labs - Enterprise License with 20 nodes capacity included",
			Version:     "1.0", InUse: base, Status: status, Max: 1,
		},
		{
			ID: nodeFeature, Name: "CML - Expansion Node License",
			Description: "Cisco Modeling Labs - Expansion Node License for CML Enterprise Servers",
			Version:     "1.0", InUse: l.nodes, Status: status, Max: maxNodes,
		},
	}
}

func (m *Machine) registrationStatus() string {
	if m.licence.registered() && m.switches.RegistrationStatus != "" {
		return m.switches.RegistrationStatus
	}
	return m.licence.status
}

// licensingDocument is the answer of GET /licensing.
func (m *Machine) licensingDocument() map[string]any {
	l := &m.licence
	return map[string]any{
		"udi": map[string]any{"hostname": hostname, "product_uuid": l.udi},
		"registration": map[string]any{
			"status":          m.registrationStatus(),
			"smart_account":   orNull(l.smart),
			"virtual_account": orNull(l.virtual),
			"expires":         m.date(l.expires),
			"register_time":   m.attemptDocument(l.register),
			"renew_time":      m.attemptDocument(l.renew),
		},
		"authorization": map[string]any{
			"status":     m.authorizationStatus(),
			"expires":    m.date(l.authExpires),
			"renew_time": m.attemptDocument(l.authRenew),
		},
		"reservation_mode": l.reservation,
		"features":         m.features(),
		"product_license":  map[string]any{"active": l.product, "is_enterprise": l.isEnterprise()},
		"transport": map[string]any{
			"default_ssms": defaultSSMS,
			"ssms":         l.ssms,
			"proxy":        map[string]any{"server": orNull(l.proxyServer), "port": orNull(l.proxyPort)},
		},
	}
}

// attemptDocument never fills "succeeded", because recordings never show it filled.
func (m *Machine) attemptDocument(a attempt) map[string]any {
	return map[string]any{
		"succeeded": nil, "attempted": m.date(a.attempted), "scheduled": m.date(a.scheduled),
		"status": orNull(a.status), "failure": orNull(a.failure), "success": orNull(a.success),
	}
}

// date is a licensing date: a blank between date and time, and no zone (cml-api.md 0.2).
func (m *Machine) date(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	if m.switches.LicensingDatesISO {
		return t.UTC().Format(time.RFC3339)
	}
	return t.UTC().Format(time.DateTime)
}

// orNull is the value, or null where it is the zero value.
func orNull[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}
