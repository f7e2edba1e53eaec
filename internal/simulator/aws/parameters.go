package aws

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// parameter is an entry of the Parameter Store.
type parameter struct {
	name, arn, value string
	secure           bool
	version          int
	changed          time.Time
}

// SetParameter makes a parameter of Systems Manager, a SecureString or a plain String, or
// gives it a new value, and returns its ARN.
func (r *Region) SetParameter(name, value string, secure bool) string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	p := r.parameters[name]
	if p == nil {
		// The ARN of "/cml/lab" is "…:parameter/cml/lab", as that of "cml/lab" would be.
		p = &parameter{name: name, arn: fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/%s", r.geo.name, r.account.id, strings.TrimPrefix(name, "/"))}
	}
	p.value, p.secure, p.changed = value, secure, worldBegan
	p.version++
	if r.parameters == nil {
		r.parameters = map[string]*parameter{}
	}
	r.parameters[name] = p
	return p.arn
}

func newParameterService(sim *Simulator) *jsonService {
	return &jsonService{
		sim: sim, signingName: "ssm", target: "AmazonSSM", throttled: "ThrottlingException",
		operations: map[string]func(*jsonService, *Request) (any, *APIError){
			"GetParameter": func(j *jsonService, r *Request) (any, *APIError) { return j.sim.parameter(r) },
		},
	}
}

// parameter is GetParameter (Systems Manager API reference). A parameter is found by its name
// or its ARN; without WithDecryption a SecureString comes as it is stored.
func (s *Simulator) parameter(r *Request) (any, *APIError) {
	var asked struct {
		Name           string
		WithDecryption bool
	}
	if refused := input(r, &asked); refused != nil {
		return nil, refused
	}
	var found *parameter
	for _, candidate := range s.region(r.Caller.AccountID, r.Region).parameters {
		if asked.Name == candidate.name || asked.Name == candidate.arn {
			found = candidate
		}
	}
	if found == nil {
		return nil, refuse("ParameterNotFound", "")
	}
	kind, value := "String", found.value
	if found.secure {
		kind = "SecureString"
		if !asked.WithDecryption {
			value = base64.StdEncoding.EncodeToString([]byte("encrypted " + checksum(found.value)))
		} else if refused := s.keyRefused(r); refused != nil {
			return nil, refused
		}
	}
	return map[string]any{"Parameter": map[string]any{
		"ARN": found.arn, "DataType": "text", "LastModifiedDate": float64(found.changed.Unix()),
		"Name": found.name, "Type": kind, "Value": value, "Version": found.version,
	}}, nil
}
