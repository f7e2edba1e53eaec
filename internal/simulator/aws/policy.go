package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// policy is an identity-based policy, as far as it is evaluated here: statements that allow
// or deny actions on resources, under conditions that compare strings and truth values.
type policy struct{ Statement []statement }

type statement struct {
	Effect           string
	Action, Resource words
	Condition        map[string]map[string]words
}

// words are one string or several (IAM JSON policy reference, "Grammar").
type words []string

// UnmarshalJSON implements json.Unmarshaler.
func (w *words) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(w))
}

// SetRolePolicy lets a role, of an instance profile for example, do what the policy document
// allows and nothing else. A role without a policy may do everything that Deny leaves.
func (s *Simulator) SetRolePolicy(accountID, role, document string) error {
	var p policy
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	for _, st := range p.Statement {
		for operator, keys := range st.Condition {
			if !slices.Contains([]string{"Bool", "StringEquals", "StringLike"}, operator) {
				return fmt.Errorf("policy: the simulator does not know the operator %s", operator)
			}
			if len(keys) == 0 {
				return fmt.Errorf("policy: %s compares nothing", operator)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[accountID]
	if a.policies == nil {
		a.policies = map[string]policy{}
	}
	a.policies[role] = p
	return nil
}

// iamPrefixes are those of actions, where they are not the signing name.
var iamPrefixes = map[string]string{"monitoring": "cloudwatch"}

// permitted evaluates the policy of the role that signed a request ("Policy evaluation
// logic", IAM User Guide). Nobody needs a permission to ask who he is.
func (s *Simulator) permitted(r *Request) *APIError {
	_, session, assumed := strings.Cut(r.Caller.ARN, ":assumed-role/")
	role, _, _ := strings.Cut(session, "/")
	p, limited := s.accounts[r.Caller.AccountID].policies[role]
	if !assumed || !limited || r.Operation == "GetCallerIdentity" {
		return nil
	}
	for _, q := range s.questions(r) {
		if !p.allows(r, q) {
			return s.refuseQuestion(r, q)
		}
	}
	return nil
}

func (p policy) allows(r *Request, q question) bool {
	allowed := false
	for _, st := range p.Statement {
		if !st.covers(r, q) {
			continue
		}
		if st.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

// refuseQuestion is the refusal in the words of the service.
func (s *Simulator) refuseQuestion(r *Request, q question) *APIError {
	on := ""
	if q.resource != "*" {
		on = " on resource: " + q.resource
	}
	message := fmt.Sprintf("User: %s is not authorized to perform: %s%s because no identity-based policy allows the %s action", r.Caller.ARN, q.action, on, q.action)
	switch r.Service {
	case "ec2":
		return &APIError{Status: http.StatusForbidden, Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation. " + message}
	case "sts", "monitoring":
		return &APIError{Status: http.StatusForbidden, Code: "AccessDenied", Message: message}
	}
	return refuse("AccessDeniedException", "%s", message)
}

func (st statement) covers(r *Request, q question) bool {
	matches := func(value string) func(string) bool {
		return func(pattern string) bool { return wildcard(pattern, value) }
	}
	if !slices.ContainsFunc(st.Action, matches(q.action)) || !slices.ContainsFunc(st.Resource, matches(q.resource)) {
		return false
	}
	for operator, keys := range st.Condition {
		for key, wanted := range keys {
			have, given := q.keys[key]
			if !given {
				have = conditionValue(r, key)
			}
			if !slices.ContainsFunc(wanted, func(want string) bool {
				return have == want || operator == "StringLike" && wildcard(want, have)
			}) {
				return false
			}
		}
	}
	return true
}

// conditionValue is what a request says of a condition key, empty where it says nothing.
func conditionValue(r *Request, key string) string {
	switch key {
	case "aws:RequestedRegion":
		return r.Region
	case "cloudwatch:namespace":
		if name := r.Params.Get("Namespace"); name != "" {
			return name
		}
		var body struct{ Namespace string }
		_ = json.Unmarshal(r.Body, &body) // another protocol says nothing
		return body.Namespace
	}
	return ""
}

// resourceARN is what a request is about, for the services whose resources a policy can
// name here; "*" for the others.
func (s *Simulator) resourceARN(r *Request) string {
	var asked struct {
		SecretID string `json:"SecretId"`
		Name     string
	}
	if json.Unmarshal(r.Body, &asked) != nil {
		return "*"
	}
	switch {
	case strings.HasPrefix(asked.SecretID+asked.Name, "arn:"):
		return asked.SecretID + asked.Name
	case r.Service == "ssm" && asked.Name != "":
		return fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/%s", r.Region, r.Caller.AccountID, strings.TrimPrefix(asked.Name, "/"))
	case r.Service == "secretsmanager" && asked.SecretID != "":
		if known := s.region(r.Caller.AccountID, r.Region).secrets[asked.SecretID]; known != nil {
			return known.arn
		}
		return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s", r.Region, r.Caller.AccountID, asked.SecretID)
	}
	return "*"
}
