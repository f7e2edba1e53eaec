package aws

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// stsService speaks the query protocol of STS, version 2011-06-15.
type stsService struct{ sim *Simulator }

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

func (s *stsService) SigningName() string         { return "sts" }
func (s *stsService) Operation(r *Request) string { return r.Params.Get("Action") }

// Public: the web identity token stands in for a signature.
func (s *stsService) Public(operation string) bool { return operation == "AssumeRoleWithWebIdentity" }

func (s *stsService) Throttled() *APIError {
	return refuse("Throttling", "Rate exceeded")
}

func (s *stsService) Serve(r *Request) (Answer, *APIError) {
	var result []node
	var refused *APIError
	switch r.Operation {
	case "GetCallerIdentity":
		result = []node{text("Arn", r.Caller.ARN), text("UserId", r.Caller.UserID), text("Account", r.Caller.AccountID)}
	case "AssumeRole":
		result, refused = s.assumeRole(r)
	case "AssumeRoleWithWebIdentity":
		result, refused = s.assumeRoleWithWebIdentity(r)
	case "DecodeAuthorizationMessage":
		result, refused = s.decode(r)
	default:
		refused = refuse("InvalidAction", "Could not find operation %s for version 2011-06-15", r.Operation)
	}
	if refused != nil {
		return Answer{}, refused
	}
	return Answer{Status: http.StatusOK, ContentType: "text/xml", Body: document(r.Operation+"Response", stsNamespace,
		group(r.Operation+"Result", result...), group("ResponseMetadata", text("RequestId", r.ID)))}, nil
}

func (s *stsService) Refuse(r *Request, err *APIError) Answer {
	fault := "Sender"
	if err.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	return Answer{Status: err.Status, ContentType: "text/xml", Body: document("ErrorResponse", stsNamespace,
		group("Error", text("Type", fault), text("Code", err.Code), text("Message", err.Message)), text("RequestId", r.ID))}
}

// assumeRole refuses a role that does not exist and one that may not be assumed with the
// same words, so that nobody learns which it is (STS API reference, "AssumeRole").
func (s *stsService) assumeRole(r *Request) ([]node, *APIError) {
	p := params{values: r.Params}
	if refused := p.required("RoleArn", "RoleSessionName"); refused != nil {
		return nil, refused
	}
	denied := &APIError{Status: http.StatusForbidden, Code: "AccessDenied",
		Message: fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", r.Caller.ARN, p.get("RoleArn"))}
	if s.sim.accounts[r.Caller.AccountID].deniedAction("sts:AssumeRole") {
		return nil, denied
	}
	target, role, ok := s.findRole(p.get("RoleArn"))
	if !ok || (role.ExternalID != "" && role.ExternalID != p.get("ExternalId")) {
		return nil, denied
	}
	return s.session(p, target, role)
}

// assumeRoleWithWebIdentity takes the tokens that the role was told of.
func (s *stsService) assumeRoleWithWebIdentity(r *Request) ([]node, *APIError) {
	p := params{values: r.Params}
	if refused := p.required("RoleArn", "RoleSessionName", "WebIdentityToken"); refused != nil {
		return nil, refused
	}
	target, role, ok := s.findRole(p.get("RoleArn"))
	if !ok {
		return nil, &APIError{Status: http.StatusForbidden, Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	for _, token := range role.WebIdentityTokens {
		if token == p.get("WebIdentityToken") {
			nodes, refused := s.session(p, target, role)
			return append(nodes, text("SubjectFromWebIdentityToken", "simulator"), text("Provider", "simulator"), text("Audience", "sts.amazonaws.com")), refused
		}
	}
	return nil, refuse("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

// findRole looks up "arn:aws:iam::<account>:role/<path/><name>".
func (s *stsService) findRole(arn string) (*account, Role, bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return nil, Role{}, false
	}
	a := s.sim.accounts[parts[4]]
	if a == nil {
		return nil, Role{}, false
	}
	role, ok := a.roles[parts[5][strings.LastIndex(parts[5], "/")+1:]]
	return a, role, ok
}

// session makes temporary credentials. Their length is 15 minutes at least and the role's
// maximum at most, and one hour when nothing is said.
func (s *stsService) session(p params, target *account, role Role) ([]node, *APIError) {
	longest := role.MaxDuration
	if longest == 0 {
		longest = time.Hour
	}
	seconds, refused := p.number("DurationSeconds", int(min(longest, time.Hour).Seconds()))
	if refused != nil {
		return nil, refused
	}
	if seconds < 900 && role.MaxDuration == 0 || time.Duration(seconds)*time.Second > longest {
		return nil, refuse("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	name := p.get("RoleSessionName")
	roleID := "AROA" + strings.ToUpper(checksum(target.id+role.Name)) + "SIMULATOR"
	key := Key{
		AccessKeyID: "ASIA" + strings.ToUpper(randomHex(16)), Secret: randomHex(40), SessionToken: "FwoGZXIvYXdzE" + randomHex(120),
		ARN: fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", target.id, role.Name, name), Expires: time.Now().Add(time.Duration(seconds) * time.Second),
	}
	s.sim.credentials[key.AccessKeyID] = &credential{Key: key, caller: Caller{AccountID: target.id, ARN: key.ARN, UserID: roleID + ":" + name}}
	return []node{
		group("Credentials", text("AccessKeyId", key.AccessKeyID), text("SecretAccessKey", key.Secret), text("SessionToken", key.SessionToken), moment("Expiration", key.Expires)),
		group("AssumedRoleUser", text("AssumedRoleId", roleID+":"+name), text("Arn", key.ARN)),
		number("PackedPolicySize", 0),
	}, nil
}

// decode opens what EC2 put into an UnauthorizedOperation.
func (s *stsService) decode(r *Request) ([]node, *APIError) {
	if s.sim.accounts[r.Caller.AccountID].deniedAction("sts:DecodeAuthorizationMessage") {
		return nil, &APIError{Status: http.StatusForbidden, Code: "AccessDenied",
			Message: fmt.Sprintf("User: %s is not authorized to perform: sts:DecodeAuthorizationMessage", r.Caller.ARN)}
	}
	message, ok := s.sim.decoded[r.Params.Get("EncodedMessage")]
	if !ok {
		return nil, refuse("InvalidAuthorizationMessageException", "Message is not valid")
	}
	return []node{text("DecodedMessage", message)}, nil
}
