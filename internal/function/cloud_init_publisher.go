package function

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/attr"

	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// The members of `publisher` that say where CML's account is kept.
const (
	secretMember    = "secretsmanager_secret_id"
	parameterMember = "ssm_parameter_name"
)

// publisher reads what sends metrics of CML to CloudWatch.
func (r *reader) publisher(v attr.Value) *publisher.Settings {
	const at = "publisher"
	members := r.object(at, v, secretMember, parameterMember, "username", "exclude_users", "interval")
	if members == nil {
		return nil
	}
	var s publisher.Settings
	s.SecretsManagerSecretID = r.reference(at, members, secretMember, "secretsmanager", "the name or ARN of a secret, such as \"cml/lab-01/publisher\"")
	s.SSMParameterName = r.reference(at, members, parameterMember, "ssm", "the name or ARN of a parameter, such as \"/cml/lab-01/publisher\"")
	secret, parameter := members[secretMember], members[parameterMember]
	switch {
	case absent(secret) && absent(parameter):
		r.problem(at, "does not say where the account of CML is kept. Write `%s` or `%s`.", secretMember, parameterMember)
	case r.bare(secret) != nil && r.bare(parameter) != nil:
		r.problem(at, "has both `%s` and `%s`. Leave one of them out.", secretMember, parameterMember)
	}
	if name, ok := r.text(at+".username", members["username"]); ok {
		s.Username = name
		if problem := adminNameProblem(name); problem != "" {
			r.problem(at+".username", "%s", problem)
		}
	}
	for i, item := range r.list(at+".exclude_users", members["exclude_users"], "names or ids of CML accounts") {
		where := fmt.Sprintf("%s.exclude_users[%d]", at, i)
		if absent(item) {
			r.problem(where, "is null. Write a string, or leave it out.")
		} else if name, ok := r.text(where, item); ok {
			s.ExcludeUsers = append(s.ExcludeUsers, name)
			if name == "" {
				r.problem(where, "is empty. Write the name or the id of an account of CML, such as \"terraform\".")
			}
		}
	}
	if text, ok := r.text(at+".interval", members["interval"]); ok {
		var err error
		s.Interval, err = time.ParseDuration(text)
		if err != nil || s.Interval < publisher.MinInterval || s.Interval > publisher.MaxInterval || s.Interval%time.Second != 0 {
			r.problem(at+".interval", "is %q. Write a duration from \"1m\" to \"5m\", in whole seconds: with more, periods of the metrics would have no value.", text)
		}
	}
	return &s
}

// reference reads where an account is kept. What is unknown is left to those who read it later.
func (r *reader) reference(at string, members map[string]attr.Value, name, service, what string) string {
	text, ok := r.text(join(at, name), members[name])
	switch arn := strings.SplitN(text, ":", 7); {
	case !ok:
	case text == "" || strings.ContainsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }):
		r.problem(join(at, name), "is %q. Write %s.", text, what)
	case arn[0] == "arn" && (len(arn) < 6 || arn[2] != service):
		r.problem(join(at, name), "is %q, which is no ARN of the service %s. Write %s.", text, service, what)
	}
	return text
}
