package cml

import (
	"fmt"
	"time"
)

// The state of the licensing agent: cml-api.md 5.1.

// Values of the status fields that the agent itself sets.
const (
	notRegistered   = "NOT_REGISTERED"
	inProgress      = "IN_PROGRESS"
	completed       = "COMPLETED"
	failed          = "FAILED"
	retrying        = "RETRY_IN_PROGRESS"
	evaluating      = "EVAL"
	initial         = "INIT"
	inCompliance    = "IN_COMPLIANCE"
	outOfCompliance = "OUT_OF_COMPLIANCE"
	notAuthorized   = "NOT_AUTHORIZED"
)

const (
	enterprise = "CML_Enterprise"
	// defaultSSMS is where a fresh system registers.
	defaultSSMS = "https://smartreceiver.cisco.com/licservice/license"
	baseFeature = "regid.2019-10.com.cisco.CML_ENT_BASE,1.0_15d3393c-846c-4e00-a54e-1ea90f2b2160"
	nodeFeature = "regid.2019-10.com.cisco.CML_NODE_COUNT,1.0_2607650b-6ca8-46d5-81e5-e6688b7383c4"
	// baseNodes is what the Enterprise base licence includes, maxNodes what can be added (2.9.1).
	baseNodes = 20
	maxNodes  = 500

	registrationValidity  = 365 * 24 * time.Hour
	registrationRenewal   = 180 * 24 * time.Hour
	authorizationValidity = 90 * 24 * time.Hour
	authorizationRenewal  = 30 * 24 * time.Hour
)

// attempt is a "*_time" object.
type attempt struct {
	attempted, scheduled     time.Time
	status, failure, success string
}

type licence struct {
	udi           string
	product       string
	nodes         int
	ssms          string
	proxyServer   string
	proxyPort     int
	reservation   bool
	token         string
	smart         string
	virtual       string
	status        string
	expires       time.Time
	register      attempt
	renew         attempt
	authorization string
	authExpires   time.Time
	authRenew     attempt
	// busy is set while a de-registration is under way; task counts requests, so
	// that the result of an earlier one does not arrive late; due is what a
	// restarted agent has to finish.
	busy bool
	task int
	due  func(*Machine)
	// cut: this machine alone cannot talk to SSMS.
	cut bool
}

func newLicence() licence {
	return licence{udi: newID(), product: enterprise, ssms: defaultSSMS, status: notRegistered, renew: attempt{success: "FAILED"}}
}

func (l *licence) registered() bool { return l.status == completed }

func (l *licence) isEnterprise() bool { return l.product == enterprise }

// nodeLimit is how many nodes may run (cml-api.md 5.1).
func (l *licence) nodeLimit() int {
	switch l.product {
	case enterprise:
		return baseNodes + l.nodes
	case "CML_Personal40":
		return 40
	}
	return baseNodes
}

// isLicensed is what system_health tells. Call with mu held.
func (m *Machine) isLicensed() bool {
	return m.licence.registered() && m.authorizationStatus() == inCompliance
}

func (m *Machine) authorizationStatus() string {
	switch l := &m.licence; {
	case l.authorization != "":
		return l.authorization
	case l.reservation:
		return notAuthorized
	case l.status == notRegistered && m.switches.UnregisteredInit:
		return initial
	}
	return evaluating
}

func (m *Machine) reachesSSMS() bool { return !m.licence.cut && m.fleet.ssms.reachable() }

func (m *Machine) registration() Registration {
	return Registration{UDI: m.licence.udi, InstanceID: m.id, Product: m.licence.product, Nodes: m.licence.nodes}
}

// later runs one step of the agent after a while, unless another request or a
// power cut comes first; after a power cut the agent starts the step again.
// Call with mu held.
func (m *Machine) later(d time.Duration, step func(*Machine)) {
	m.licence.task++
	task := m.licence.task
	m.licence.due = step
	if m.alarms == nil {
		return // never booted: the first boot resumes it
	}
	m.alarms.after(d, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.licence.task == task {
			m.licence.due = nil
			step(m)
		}
	})
}

// resumeLicence continues what a power cut interrupted. Call with mu held.
func (m *Machine) resumeLicence() {
	m.licence.busy = false
	if m.licence.due != nil {
		m.later(m.timing.Register, m.licence.due)
	}
}

// beginRegistration is an accepted request (cml-api.md 5.6).
func (m *Machine) beginRegistration(token string) {
	l := &m.licence
	l.token = token
	l.status = inProgress
	l.register = attempt{attempted: m.now()}
	m.later(m.timing.Register, (*Machine).finishRegistration)
}

func (m *Machine) finishRegistration() {
	l := &m.licence
	if !m.reachesSSMS() {
		l.status = retrying
		l.register.failure, l.register.success = "Communication message send error", "FAILED"
		l.authorization = ""
		m.later(max(m.timing.Register, time.Millisecond), (*Machine).finishRegistration)
		return
	}
	if !m.fleet.ssms.register(l.token, m.registration()) {
		l.status = failed
		if m.switches.BadTokenRetries {
			l.status = retrying
		}
		// The text echoes the token, as the agent's does (cml-api.md 5.6).
		l.register.failure, l.register.success = fmt.Sprintf("The token '%s' is not valid.", l.token), "FAILED"
		l.authorization = ""
		return
	}
	m.completeRegistration()
	m.later(m.timing.Authorize, (*Machine).authorize)
}

func (m *Machine) completeRegistration() {
	l, now := &m.licence, m.now()
	l.status = completed
	l.smart, l.virtual = m.fleet.ssms.accounts()
	l.expires = now.Add(registrationValidity)
	l.register.failure, l.register.success = "OK", "SUCCESS"
	l.renew = attempt{scheduled: now.Add(registrationRenewal), success: "FAILED"}
}

func (m *Machine) authorize() {
	l, now := &m.licence, m.now()
	l.authRenew = attempt{attempted: now, scheduled: now.Add(authorizationRenewal)}
	if !m.reachesSSMS() {
		l.authRenew.success = "FAILED"
		return
	}
	l.authRenew.status, l.authRenew.success = "SUCCEEDED", "SUCCESS"
	l.authExpires = now.Add(authorizationValidity)
	l.authorization = inCompliance
	if !m.fleet.ssms.compliant() {
		l.authorization = outOfCompliance
	}
}

func (m *Machine) renewRegistration() {
	l, now := &m.licence, m.now()
	l.renew.attempted = now
	if !m.reachesSSMS() {
		l.renew.success = "FAILED"
		return
	}
	l.renew.status, l.renew.success = "SUCCEEDED", "SUCCESS"
	l.renew.scheduled = now.Add(registrationRenewal)
	l.expires = now.Add(registrationValidity)
}

// forgetRegistration is the local half of a de-registration.
func (m *Machine) forgetRegistration() {
	l := &m.licence
	fresh := newLicence()
	fresh.udi, fresh.product, fresh.nodes = l.udi, l.product, l.nodes
	fresh.ssms, fresh.proxyServer, fresh.proxyPort = l.ssms, l.proxyServer, l.proxyPort
	fresh.reservation, fresh.cut, fresh.task = l.reservation, l.cut, l.task+1
	if !m.switches.KeepOnDeregister {
		fresh.nodes = 0
	}
	*l = fresh
}
