package cml

import (
	"crypto/tls"
	"maps"
	"slices"
)

// saved is what an image holds of a machine's disk.
type saved struct {
	release     release
	accounts    accounts
	licence     licence
	labs        labs
	certificate *tls.Certificate
	secret      []byte
}

// save copies what is on the machine's disk.
func (m *Machine) save() *saved {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &saved{
		release: m.release, accounts: m.accounts.clone(), licence: m.licence, labs: m.labs.clone(),
		certificate: m.certificate, secret: m.secret,
	}
}

// restore puts the content of an image on the disk of a new machine. The
// certificate and the key that signs tokens come along, as files do. Call with mu held.
func (m *Machine) restore(s *saved) {
	if !m.versionSet {
		m.release = s.release
	}
	m.accounts = s.accounts.clone()
	m.labs = s.labs.clone()
	m.labs.halt(m.now())
	m.certificate, m.secret = s.certificate, s.secret
	cut, udi := m.licence.cut, m.licence.udi
	m.licence = s.licence
	m.licence.cut = cut
	if m.switches.NewUDIPerImage {
		m.licence.udi = udi
	}
}

func (a *accounts) clone() accounts {
	out := *a
	out.users = nil
	for _, user := range a.users {
		copied := *user
		out.users = append(out.users, &copied)
	}
	out.sessions = maps.Clone(a.sessions)
	return out
}

func (l *labs) clone() labs {
	var out labs
	for _, one := range l.all {
		copied := *one
		copied.nodes = slices.Clone(one.nodes)
		for i, n := range copied.nodes {
			same := *n
			copied.nodes[i] = &same
		}
		out.all = append(out.all, &copied)
	}
	return out
}
