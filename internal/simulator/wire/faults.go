package wire

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Kind is what a fault does to the request that meets it.
type Kind string

// The kinds of faults.
const (
	// Error answers with Code, Message and Status in the error form of the service.
	Error Kind = "error"
	// Throttle answers as the service does when it is asked too often.
	Throttle Kind = "throttle"
	// Drop lets the operation take effect and then closes the connection without an answer.
	Drop Kind = "drop"
	// Reset resets the connection (TCP RST) before the operation takes effect.
	Reset Kind = "reset"
	// Delay waits before the operation takes effect, then answers as usual.
	Delay Kind = "delay"
	// SlowBody sends the header of the usual answer at once and its body over the time of Delay.
	SlowBody Kind = "slow_body"
	// Garbage answers with Body (an HTML page by default) and Status (200 by default), as a
	// captive portal or a broken proxy does.
	Garbage Kind = "garbage"
)

// Rule is one line of a fault script. It applies to the requests that fit Service,
// Operation and Match; the first Skip of them pass, the next Times meet the fault.
type Rule struct {
	// Service and Operation as in Record; empty stands for any. Both may hold * as wildcard.
	Service   string `json:"service,omitempty"`
	Operation string `json:"operation,omitempty"`
	// Match names parameters and the value each must have. Names and values may hold * as
	// wildcard, so "InstanceId.*" fits any member of that list. The half adds "Region" and,
	// where there is one, "Target".
	Match map[string]string `json:"match,omitempty"`
	// Skip is the number of fitting requests that pass before the fault starts.
	Skip int `json:"skip,omitempty"`
	// Times is the number of requests that meet the fault, 0 for all of them.
	Times int `json:"times,omitempty"`

	Fault
}

// Fault is what happens to a request.
type Fault struct {
	Kind Kind `json:"kind"`
	// Code, Message and Status are those of an Error; Status is also that of Garbage. What is
	// left out is filled by the service.
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Status  int    `json:"status,omitempty"`
	// AfterEffect lets the operation take effect before an Error, Throttle, Reset or Garbage is
	// answered.
	AfterEffect bool `json:"after_effect,omitempty"`
	// Delay is the time of Delay and SlowBody.
	Delay Duration `json:"delay,omitempty"`
	// Body and ContentType are those of Garbage.
	Body        string `json:"body,omitempty"`
	ContentType string `json:"content_type,omitempty"`
}

// Validate reports a rule that could never do anything.
func (r Rule) Validate() error {
	switch r.Kind {
	case Error:
		if r.Code == "" && r.Status == 0 {
			return fmt.Errorf("a fault of kind %q needs a code or a status", r.Kind)
		}
	case Delay, SlowBody:
		if r.Delay <= 0 {
			return fmt.Errorf("a fault of kind %q needs a positive delay", r.Kind)
		}
	case Throttle, Drop, Reset, Garbage:
	default:
		return fmt.Errorf("unknown kind of fault %q", r.Kind)
	}
	if r.Skip < 0 || r.Times < 0 {
		return fmt.Errorf("skip and times must not be negative")
	}
	return nil
}

// Faults is a script of rules. Its zero value is an empty script, and it is safe for
// concurrent use.
type Faults struct {
	mu    sync.Mutex
	rules []*counted
}

type counted struct {
	Rule
	seen int
}

// Add appends rules to the script. It panics on a rule that Validate refuses, because a
// test whose fault never happens would pass for the wrong reason.
func (f *Faults) Add(rules ...Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rule := range rules {
		if err := rule.Validate(); err != nil {
			panic(fmt.Sprintf("wire: %v", err))
		}
		f.rules = append(f.rules, &counted{Rule: rule})
	}
}

// AddJSON appends the rules of a JSON array and refuses unknown members and rules that
// Validate refuses. Either all rules are added or none.
func (f *Faults) AddJSON(data []byte) error {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	var rules []Rule
	if err := decoder.Decode(&rules); err != nil {
		return fmt.Errorf("fault script: %w", err)
	}
	for i, rule := range rules {
		if err := rule.Validate(); err != nil {
			return fmt.Errorf("fault script, rule %d: %w", i+1, err)
		}
	}
	f.Add(rules...)
	return nil
}

// Clear removes all rules.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
}

// Take counts a request and returns the fault it meets, or nil. When several rules fit,
// each of them counts the request and the first that is due decides.
func (f *Faults) Take(service, operation string, params url.Values) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due *Fault
	for _, rule := range f.rules {
		if !rule.fits(service, operation, params) {
			continue
		}
		rule.seen++
		if rule.seen <= rule.Skip || (rule.Times > 0 && rule.seen > rule.Skip+rule.Times) {
			continue
		}
		if due == nil {
			fault := rule.Fault
			due = &fault
		}
	}
	return due
}

// Pending returns the number of rules that are limited by Times and have not yet been
// used up, so that a test can assert that its script was played to the end.
func (f *Faults) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, rule := range f.rules {
		if rule.Times > 0 && rule.seen < rule.Skip+rule.Times {
			n++
		}
	}
	return n
}

func (r Rule) fits(service, operation string, params url.Values) bool {
	if !fitsAny(r.Service, service) || !fitsAny(r.Operation, operation) {
		return false
	}
	for name, value := range r.Match {
		if !hasParam(params, name, value) {
			return false
		}
	}
	return true
}

func fitsAny(pattern, s string) bool { return pattern == "" || Wildcard(pattern, s) }

func hasParam(params url.Values, name, value string) bool {
	for param, values := range params {
		if !Wildcard(name, param) {
			continue
		}
		for _, v := range values {
			if Wildcard(value, v) {
				return true
			}
		}
	}
	return false
}

// Wildcard reports whether s fits pattern, in which * stands for any number of characters
// and ? for exactly one; a backslash takes the meaning from the character after it. This
// is also the rule of EC2's filters (EC2 API reference, "Filter").
func Wildcard(pattern, s string) bool {
	if !strings.ContainsAny(pattern, `*?\`) {
		return pattern == s
	}
	var expr strings.Builder
	expr.WriteString(`(?s)\A`)
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped:
			expr.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case c == '\\':
			escaped = true
		case c == '*':
			expr.WriteString(".*")
		case c == '?':
			expr.WriteString(".")
		default:
			expr.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	expr.WriteString(`\z`)
	return regexp.MustCompile(expr.String()).MatchString(s)
}

// Duration is a time.Duration that is written as Go writes durations ("250ms") in JSON.
type Duration time.Duration

// MarshalText writes the duration as time.Duration.String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}
