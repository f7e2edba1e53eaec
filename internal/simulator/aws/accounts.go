package aws

import (
	"fmt"
	"strings"
	"time"
)

// Account is an AWS account with who may use it.
type Account struct {
	ID    string
	Keys  []Key
	Roles []Role
	// InstanceProfiles are names of profiles that exist beside "cml-worker".
	InstanceProfiles []string
	// OptedIn are the opt-in regions that the account has enabled.
	OptedIn []string
}

// Key is an access key of a user.
type Key struct {
	AccessKeyID string
	// ARN of the user, "arn:aws:iam::<account>:user/terraform" when empty.
	ARN string
	// SessionToken must accompany the key when it is not empty.
	SessionToken string
	// Expires is the end of a temporary key, zero for a long-term one.
	Expires time.Time
	// Secret, when not empty, is what signatures are verified with.
	Secret string
}

// Role is a role that can be assumed.
type Role struct {
	// Name without path; the ARN is "arn:aws:iam::<account>:role/<Name>".
	Name string
	// ExternalID must be given when it is not empty.
	ExternalID string
	// WebIdentityTokens are the tokens that AssumeRoleWithWebIdentity accepts.
	WebIdentityTokens []string
	// MaxDuration limits a session; zero means one hour, as IAM has it.
	MaxDuration time.Duration
	// Services are the service principals that may assume the role: "scheduler.amazonaws.com".
	Services []string
}

// Caller is who signed a request.
type Caller struct {
	AccountID string
	ARN       string
	UserID    string
}

// account is an Account at run time.
type account struct {
	id       string
	roles    map[string]Role
	profiles map[string]*profile
	optedIn  map[string]bool
	regions  map[string]*Region
	denied   []string
	policies map[string]policy // by role
	// hiddenRoles are the tries of services that still fail for a role.
	hiddenRoles map[string]int
	// alarmRole tells that the service-linked role for EC2 actions of alarms exists.
	alarmRole bool
}

// profile is an instance profile with the number of tries that do not yet find it.
type profile struct {
	name, arn, id string
	hidden        int
}

func (a *account) addProfile(name string, hidden int) {
	a.profiles[name] = &profile{
		name: name, hidden: hidden,
		arn: fmt.Sprintf("arn:aws:iam::%s:instance-profile/%s", a.id, name),
		id:  "AIPA" + strings.ToUpper(randomHex(17)),
	}
}

// deniedAction returns whether IAM refuses an action such as "ec2:RunInstances".
func (a *account) deniedAction(action string) bool {
	for _, pattern := range a.denied {
		if wildcard(pattern, action) {
			return true
		}
	}
	return false
}

// credential is an access key at run time, from the options or from STS.
type credential struct {
	Key
	caller Caller
}

func (s *Simulator) addAccount(config Account) *account {
	a := &account{
		id: config.ID, roles: map[string]Role{}, profiles: map[string]*profile{},
		optedIn: map[string]bool{}, regions: map[string]*Region{},
	}
	s.accounts[config.ID] = a
	for _, key := range config.Keys {
		if key.ARN == "" {
			key.ARN = fmt.Sprintf("arn:aws:iam::%s:user/terraform", config.ID)
		}
		s.credentials[key.AccessKeyID] = &credential{Key: key, caller: Caller{
			AccountID: config.ID, ARN: key.ARN, UserID: "AIDA" + strings.ToUpper(checksum(key.ARN)) + "SIMULATOR"}}
	}
	a.roles["cml-admin"] = Role{Name: "cml-admin"}
	a.roles["cml-scheduler"] = Role{Name: "cml-scheduler", Services: []string{"scheduler.amazonaws.com"}}
	for _, role := range config.Roles {
		a.roles[role.Name] = role
	}
	for _, name := range append([]string{"cml-worker"}, config.InstanceProfiles...) {
		a.addProfile(name, 0)
	}
	for _, region := range config.OptedIn {
		a.optedIn[region] = true
	}
	return a
}

// authenticate finds the caller of a signed request. The codes differ by service: EC2 has
// AuthFailure and RequestExpired (EC2 API reference, "Common client errors"), the others
// InvalidClientTokenId and ExpiredToken (IAM and STS, "Common Errors").
func (s *Simulator) authenticate(r *Request) *APIError {
	bad := &APIError{Status: 403, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid."}
	expired := &APIError{Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired"}
	wrong := &APIError{Status: 403, Code: "SignatureDoesNotMatch",
		Message: "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	if r.Service == "ec2" {
		bad = &APIError{Status: 401, Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials"}
		expired = refuse("RequestExpired", "Request has expired.")
		wrong = bad
	}
	if r.AccessKeyID == "" {
		return &APIError{Status: 403, Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token"}
	}
	found, ok := s.credentials[r.AccessKeyID]
	if !ok {
		if s.options.StrictCredentials || strings.HasPrefix(r.AccessKeyID, "ASIA") {
			return bad
		}
		r.Caller = Caller{AccountID: DefaultAccountID, UserID: "AIDASIMULATORDEFAULT",
			ARN: fmt.Sprintf("arn:aws:iam::%s:user/terraform", DefaultAccountID)}
	} else {
		if found.SessionToken != r.HTTP.Header.Get("X-Amz-Security-Token") {
			return bad
		}
		if !found.Expires.IsZero() && time.Now().After(found.Expires) {
			return expired
		}
		if found.Secret != "" && !r.signedWith(found.Secret) {
			return wrong
		}
		r.Caller = found.caller
	}
	return s.checkRegion(r, bad)
}

// checkRegion refuses a region that the account has not enabled: its credentials are not
// known there ("Managing AWS Regions", Account Management guide).
func (s *Simulator) checkRegion(r *Request, bad *APIError) *APIError {
	if _, served := priceListPlaces[r.Region]; served && r.Service == "pricing" {
		return nil // China has no other service here
	}
	g, ok := findGeography(r.Region)
	if !ok {
		return &APIError{Status: bad.Status, Code: bad.Code, Message: "Credential should be scoped to a valid region."}
	}
	if g.optIn && !s.accounts[r.Caller.AccountID].optedIn[r.Region] {
		if r.Service == "ec2" || r.Service == "sts" {
			return bad
		}
		return &APIError{Status: 403, Code: "OptInRequired", Message: "The AWS Access Key Id needs a subscription for the service"}
	}
	return nil
}
