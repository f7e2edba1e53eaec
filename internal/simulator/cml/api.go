package cml

import (
	"fmt"
	"time"
)

// SetVersion makes the machine a CML of another release, such as "2.11.0+build.3":
// answers change with it as cml-api.md 9 describes.
func (m *Machine) SetVersion(version string) error {
	r, err := parseRelease(version)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release, m.versionSet = r, true
	return nil
}

// Version is the release, as system_information shows it.
func (m *Machine) Version() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.release.text
}

// SetTiming changes the delays; those that run already stay as they are.
func (m *Machine) SetTiming(t Timing) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timing = t
}

// Switch lets change alter the switches.
func (m *Machine) Switch(change func(*Switches)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.switches)
}

// SetVirtualization says whether KVM works on the machine. Without, it never
// gets ready. A boot sets it anew.
func (m *Machine) SetVirtualization(works bool) error {
	m.mu.Lock()
	m.noKVM = !works
	m.mu.Unlock()
	return m.apply()
}

// SetClockSkew lets the machine's clock, and the Date header of its answers, be
// ahead of (or, negative, behind) real time.
func (m *Machine) SetClockSkew(skew time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skew = skew
}

// SetHealth overrides parts of system_health; the zero Health ends that.
func (m *Machine) SetHealth(h Health) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.overrides.health = h
}

// SetLoad changes what system_stats shows.
func (m *Machine) SetLoad(l Load) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hardware.load = l
}

// AddCompute adds a compute host beside the controller and returns its id.
func (m *Machine) AddCompute(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	host := newCompute(name, false)
	m.computes = append(m.computes, host)
	return host.id
}

// SetAdmin changes name and password of the built-in administrator, whose tokens
// become void.
func (m *Machine) SetAdmin(to Credentials) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts.setAdmin(to)
}

// Admin is the built-in administrator as it is now.
func (m *Machine) Admin() Credentials {
	m.mu.Lock()
	defer m.mu.Unlock()
	user := m.accounts.byID(BuiltinAdminID)
	if user == nil {
		return Credentials{}
	}
	return Credentials{Username: user.username, Password: user.password}
}

// AddUser adds an account and returns its id.
func (m *Machine) AddUser(c Credentials, admin bool) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	user := &account{id: newID(), username: c.Username, password: c.Password, admin: admin, created: now, modified: now}
	m.accounts.users = append(m.accounts.users, user)
	return user.id
}

// IssueToken returns a token of the account that is valid for so long, as a
// personal access token is (cml-api.md 2.7).
func (m *Machine) IssueToken(username string, lifetime time.Duration) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	user := m.accounts.byName(username)
	if user == nil {
		return "", fmt.Errorf("machine %s has no user %q", m.id, username)
	}
	return m.issue(user, lifetime), nil
}

// SetTokenLifetime changes how long tokens issued from now on are valid. Unlike
// the API it takes any duration, so that a token can expire within a test.
func (m *Machine) SetTokenLifetime(lifetime time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts.lifetime = lifetime
}

// RevokeTokens makes every token issued so far void.
func (m *Machine) RevokeTokens() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts.sessions = map[string]*session{}
}

// Sessions is the number of tokens that would be accepted now.
func (m *Machine) Sessions() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.accounts.sessions {
		user := m.accounts.byID(s.userID)
		if user != nil && user.epoch == s.epoch && m.now().Before(s.expires) {
			n++
		}
	}
	return n
}

// Fingerprint is the SHA-256 of the certificate in lower-case hexadecimal digits.
func (m *Machine) Fingerprint() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fingerprint(m.certificate)
}

// ReplaceCertificate gives the machine another self-signed certificate for the
// names (host names or IP addresses), and ends all connections.
func (m *Machine) ReplaceCertificate(names ...string) error {
	return m.UseCertificateFrom(nil, names...)
}

// UseCertificateFrom gives the machine a certificate for the names that the
// authority has signed, and ends all connections.
func (m *Machine) UseCertificateFrom(ca *CA, names ...string) error {
	certificate, err := ca.issue(names...)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.certificate = certificate
	m.mu.Unlock()
	m.gate.Lock()
	defer m.gate.Unlock()
	return m.net.restart()
}
