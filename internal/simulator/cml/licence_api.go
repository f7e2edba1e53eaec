package cml

import "time"

// License is what a machine believes about its licence.
type License struct {
	Registration  string `json:"registration"`
	Authorization string `json:"authorization"`
	Product       string `json:"product"`
	// Nodes are the expansion nodes in use.
	Nodes int `json:"nodes"`
	// UDI is the product_uuid.
	UDI string `json:"udi"`
	// Token is the last registration token that arrived. It is a secret and not encoded.
	Token string `json:"-"`
	// Expires is the earlier of both expiry dates; zero when there is none.
	Expires time.Time `json:"expires,omitzero"`
}

// License returns the state of the licence.
func (m *Machine) License() License {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &m.licence
	expires := l.expires
	if !l.authExpires.IsZero() && l.authExpires.Before(expires) {
		expires = l.authExpires
	}
	return License{
		Registration: m.registrationStatus(), Authorization: m.authorizationStatus(), Product: l.product,
		Nodes: l.nodes, UDI: l.udi, Token: l.token, Expires: expires,
	}
}

// RegisterNow makes the machine registered and in compliance as of that time
// (zero: now), and counted at SSMS: what an image that licenses itself would show.
func (m *Machine) RegisterNow(product string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if product != "" {
		m.licence.product = product
	}
	if at.IsZero() {
		at = m.now()
	}
	m.licence.task++
	m.licence.due = nil
	m.fleet.ssms.adopt(m.registration())
	m.licence.register = attempt{attempted: at}
	m.completeRegistration()
	m.authorize()
}

// SetRegistrationStatus forces the registration status, such as EXPIRED.
func (m *Machine) SetRegistrationStatus(status string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.licence.status = status
}

// SetAuthorizationStatus forces the authorization status, such as OUT_OF_COMPLIANCE.
func (m *Machine) SetAuthorizationStatus(status string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.licence.authorization = status
}

// SetLicenseExpiry sets both expiry dates.
func (m *Machine) SetLicenseExpiry(registration, authorization time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.licence.expires, m.licence.authExpires = registration, authorization
}

// SetUDI changes the product_uuid, as a change of the machine type may.
func (m *Machine) SetUDI(udi string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.licence.udi = udi
}

// SetSSMSReachable says whether this machine can talk to SSMS; SSMS itself has
// the same switch for all.
func (m *Machine) SetSSMSReachable(reachable bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.licence.cut = !reachable
}
