package cml

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// SSMS is the licence server behind all machines of a fleet: it knows which
// tokens are good and which products are registered. Its registrations are the
// truth about what is counted, whatever a machine believes.
type SSMS struct {
	now func() time.Time

	mu          sync.Mutex
	unreachable bool
	tokens      map[string]int // uses left of each token, -1 for any number
	strict      bool           // only tokens that were added are good
	rejected    map[string]bool
	registered  map[string]Registration
	bases       int
	nodes       int
	smart       string
	virtual     string
}

// Registration is one product instance at SSMS.
type Registration struct {
	// UDI is the product_uuid under which it is counted.
	UDI string `json:"udi"`
	// InstanceID is the instance that registered it last.
	InstanceID string `json:"instance_id"`
	// Product is the product licence, such as CML_Enterprise.
	Product string `json:"product"`
	// Nodes are the expansion node licences it takes.
	Nodes int `json:"nodes"`
	// Since is the time of the last registration.
	Since time.Time `json:"since"`
	// Times counts the registrations under this UDI.
	Times int `json:"times"`
}

func newSSMS(now func() time.Time) *SSMS {
	return &SSMS{
		now: now, tokens: map[string]int{}, rejected: map[string]bool{},
		registered: map[string]Registration{}, bases: -1, nodes: -1,
		smart: "Example Smart Account", virtual: "Lab VA",
	}
}

// AddToken makes the token good for so many registrations (-1: any number), and
// all tokens that were not added bad. Until the first AddToken every
// well-formed token is good.
func (s *SSMS) AddToken(token string, uses int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strict = true
	s.tokens[token] = uses
}

// RejectToken makes the token bad.
func (s *SSMS) RejectToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected[token] = true
}

// SetReachable says whether machines can talk to SSMS.
func (s *SSMS) SetReachable(reachable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreachable = !reachable
}

// SetCapacity bounds the number of registered products and the sum of their
// expansion nodes; what goes beyond is out of compliance. Negative: no bound.
func (s *SSMS) SetCapacity(products, nodes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bases, s.nodes = products, nodes
}

// Capacity is what SetCapacity set; -1 means no bound.
func (s *SSMS) Capacity() (products, nodes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bases, s.nodes
}

// SetAccounts names the smart account and the virtual account.
func (s *SSMS) SetAccounts(smart, virtual string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.smart, s.virtual = smart, virtual
}

// Registrations are the products counted now, ordered by UDI.
func (s *SSMS) Registrations() []Registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Registration, 0, len(s.registered))
	for _, r := range s.registered {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Registration) int { return strings.Compare(a.UDI, b.UDI) })
	return out
}

// Remove takes a product out by hand, as a person does in the portal.
func (s *SSMS) Remove(udi string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.registered, udi)
}

// reachable reports whether a machine gets an answer.
func (s *SSMS) reachable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.unreachable
}

// register counts a product; false means that the token is not valid.
func (s *SSMS) register(token string, r Registration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses, known := s.tokens[token]
	if s.rejected[token] || s.strict && !known || known && uses == 0 {
		return false
	}
	if uses > 0 {
		s.tokens[token] = uses - 1
	}
	s.count(r)
	return true
}

// count stores a registration. Call with mu held.
func (s *SSMS) count(r Registration) {
	r.Since = s.now()
	r.Times = s.registered[r.UDI].Times + 1
	s.registered[r.UDI] = r
}

// adopt counts a product without asking for a token.
func (s *SSMS) adopt(r Registration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(r)
}

// update tells the present number of expansion nodes of a product.
func (s *SSMS) update(udi string, nodes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, known := s.registered[udi]; known {
		r.Nodes = nodes
		s.registered[udi] = r
	}
}

// compliant reports whether the account covers what is registered.
func (s *SSMS) compliant() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	nodes := 0
	for _, r := range s.registered {
		nodes += r.Nodes
	}
	return (s.bases < 0 || len(s.registered) <= s.bases) && (s.nodes < 0 || nodes <= s.nodes)
}

func (s *SSMS) accounts() (smart, virtual string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.smart, s.virtual
}
