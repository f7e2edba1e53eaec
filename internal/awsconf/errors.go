package awsconf

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"
	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"
	"github.com/hashicorp/aws-sdk-go-base/v2/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Error says which argument of the provider stands between a run and AWS.
type Error struct {
	// Argument is the argument's name, as in "assume_role[1].role_arn".
	Argument string
	// Message says what happened, Next what to do about it.
	Message, Next string
	Kind          fault.Kind
	// Err is the cause; its chain always holds a *fault.Error, so that nobody
	// classifies it again.
	Err error
}

// NewError returns an Error that no answer of AWS caused.
func NewError(argument string, kind fault.Kind, next, format string, args ...any) *Error {
	return &Error{Argument: argument, Kind: kind, Next: next, Message: fmt.Sprintf(format, args...), Err: &fault.Error{Kind: kind}}
}

// Error implements error.
func (e *Error) Error() string {
	if cause := fault.As(e.Err); cause != nil && cause.Message != "" {
		return e.Message + ": " + cause.Message
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// FaultKind implements the kind of package fault.
func (e *Error) FaultKind() fault.Kind { return e.Kind }

// Detail is what tfdiag prints, without the names that the SDK puts before it.
func (e *Error) Detail() string {
	if text := e.Error(); strings.HasSuffix(text, ".") {
		return text
	}
	return e.Error() + "."
}

// NextStep is what tfdiag prints as the next step.
func (e *Error) NextStep() string { return e.Next }

// ProviderArgument is what tfdiag names as the cause.
func (e *Error) ProviderArgument() string { return e.Argument }

// because builds an Error about a failed request. Its kind is that of the
// cause; where the SDK failed before it sent anything, it is Credentials. What
// is true of any credentials, such as that they expired, needs no advice here.
func because(argument, next string, err error, format string, args ...any) *Error {
	classified := fault.FromAWS(err, "")
	kind := fault.KindOf(classified)
	if kind == fault.Unknown || kind == fault.Unreachable && !isNetwork(err) {
		kind = fault.Credentials
	}
	if expired(classified) {
		next = ""
	}
	return &Error{Argument: argument, Next: next, Kind: kind, Err: classified, Message: fmt.Sprintf(format, args...)}
}

func expired(err error) bool {
	f := fault.As(err)
	return f != nil && (f.Code == "ExpiredToken" || f.Code == "ExpiredTokenException" || f.Code == "RequestExpired")
}

// fromDiagnostics turns the first error of aws-sdk-go-base into one of ours.
func (f *Factory) fromDiagnostics(diags diag.Diagnostics) error {
	for _, d := range diags {
		if d.Severity() != diag.SeverityError {
			continue
		}
		var cause error
		if with, ok := d.(diag.DiagnosticWithErr); ok {
			cause = with.Err()
		}
		if cause == nil {
			cause = errors.New(strings.TrimSpace(d.Summary() + ": " + d.Detail()))
		}
		return f.explain(d, cause)
	}
	return nil
}

func (f *Factory) explain(d diag.Diagnostic, cause error) error {
	o := f.opts
	var missing config.SharedConfigProfileNotExistError
	var dns *net.DNSError
	switch {
	case errors.As(cause, &dns) && dns.IsNotFound:
		argument := "region"
		if o.Endpoints[STS] != "" {
			argument = "endpoints.sts"
		}
		return because(argument, "check the region's name, `endpoints`, and the name resolution of the machine that runs Terraform.", cause,
			"There is no host %s to get credentials from", dns.Name)
	case errors.As(cause, &missing):
		return f.profileNotFound(missing.Profile)
	case awsbase.IsCannotAssumeRoleError(d):
		return f.roleNotAssumed(d, cause)
	case strings.HasPrefix(d.Summary(), "Cannot assume IAM Role with web identity"):
		return because("assume_role_with_web_identity",
			"check the role's trust policy, and that the token is still valid and made for this role.", cause,
			"The role %s cannot be assumed with the web identity token", o.AssumeRoleWithWebIdentity.RoleARN)
	case errors.As(cause, new(*ssocreds.InvalidTokenError)):
		return because("profile", "log in again with `aws sso login"+withProfile(o.Profile)+"`.", cause,
			"The single sign-on session of the AWS profile cannot be used (%s)", plain(cause))
	case awsbase.IsNoValidCredentialSourcesError(d):
		return f.noCredentials(cause)
	case o.CustomCABundle != "" && strings.Contains(cause.Error(), "custom CA bundle"):
		return NewError("custom_ca_bundle", fault.Invalid, "give the path of a file of PEM certificates that Terraform may read.",
			"The CA bundle cannot be used (%s)", cause)
	}
	return because("", "check the AWS arguments of the provider block and the AWS_* environment.", cause,
		"The AWS configuration cannot be used (%s)", plain(cause))
}

// roleNotAssumed says which link of the chain failed. aws-sdk-go-base names
// the role in its text and nowhere else.
func (f *Factory) roleNotAssumed(d diag.Diagnostic, cause error) error {
	chain := f.opts.AssumeRole
	link := 0
	for i, r := range chain {
		if strings.Contains(d.Detail(), "("+r.RoleARN+")") {
			link = i
			break
		}
	}
	argument, place := "assume_role", ""
	if len(chain) > 1 {
		argument = fmt.Sprintf("assume_role[%d]", link)
		place = fmt.Sprintf(", number %d of the chain of %d,", link+1, len(chain))
	}
	with := "the provider's own credentials"
	if link > 0 {
		with = "the role " + chain[link-1].RoleARN
	}
	return because(argument,
		"check the role's name, and that its trust policy lets "+with+" assume it (with this external id, session name and tags).", cause,
		"The role %s%s cannot be assumed", chain[link].RoleARN, place)
}

func (f *Factory) profileNotFound(profile string) error {
	from := ""
	if f.opts.Profile == "" {
		from = ", which the environment variable AWS_PROFILE names,"
	}
	return NewError("profile", fault.Credentials,
		"correct the profile's name, or the paths in `shared_config_files` and `shared_credentials_files`; `aws configure list-profiles` prints what there is.",
		"The AWS profile %q%s is in none of the shared files", profile, from)
}

// noCredentials tells a chain in which nothing was found, which ends at the
// metadata service, from one in which something was found and refused.
func (f *Factory) noCredentials(cause error) error {
	var op *smithy.OperationError
	if errors.As(cause, &op) && op.Service() != imds.ServiceID {
		return because("profile", "check the credentials and the role that the AWS profile or the environment names.", cause,
			"The credentials that the AWS profile or the environment names cannot be used")
	}
	return NewError("access_key, secret_key, profile", fault.Credentials,
		"set `profile`, or `access_key` and `secret_key`, in the provider block, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
		"No AWS credentials were found: neither keys nor a profile in the provider block, nor AWS_ACCESS_KEY_ID, AWS_PROFILE or a role in the environment, "+
			"nor the shared files, nor the role of an instance (%s)", plain(cause))
}

func withProfile(name string) string {
	if name == "" {
		return ""
	}
	return " --profile " + name
}

// plain is the text of an SDK error without what is always before it.
func plain(err error) string {
	return strings.TrimPrefix(err.Error(), "failed to refresh cached credentials, ")
}
