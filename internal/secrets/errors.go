package secrets

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Error says which reference could not be resolved, and why. Nothing of the
// secret is in it.
type Error struct {
	// Argument is the member of `controller.credentials`, Reference its value.
	Argument, Reference string
	Region              string
	Err                 *fault.Error

	words, next string
}

// Error implements error.
func (e *Error) Error() string { return e.words }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// FaultKind is that of the cause.
func (e *Error) FaultKind() fault.Kind { return e.Err.Kind }

// NextStep is what a person can do; "" leaves it to the kind of the cause.
func (e *Error) NextStep() string { return e.next }

// argument is the member of `controller.credentials` that names a place.
func (p place) argument() string {
	if p.service == awsconf.SSM {
		return "ssm_parameter_name"
	}
	return "secretsmanager_secret_id"
}

func (p place) operation() string {
	if p.service == awsconf.SSM {
		return "GetParameter"
	}
	return "GetSecretValue"
}

// what names a place in a text.
func (p place) what() string {
	noun := "Secrets Manager secret"
	if p.service == awsconf.SSM {
		noun = "SSM parameter"
	}
	text := fmt.Sprintf("the %s %q of controller.credentials.%s", noun, p.id, p.argument())
	if p.region != "" {
		text += " in " + p.region
	}
	return text
}

// errorf is an error that needed no answer of AWS. The format continues a
// sentence about the secret.
func (p place) errorf(kind fault.Kind, format string, args ...any) *Error {
	text := p.what() + " " + fmt.Sprintf(format, args...)
	e := p.error(&fault.Error{Kind: kind, Region: p.region, Message: text}, text)
	if kind == fault.Invalid {
		e.next = "correct the reference, or what is stored there."
	}
	return e
}

func (p place) error(cause *fault.Error, words string) *Error {
	return &Error{Argument: p.argument(), Reference: p.id, Region: p.region, Err: cause, words: words}
}

// kinds are the codes that mean something here and other things in other
// services (API references of Secrets Manager and Systems Manager).
var kinds = map[string]fault.Kind{
	"ResourceNotFoundException": fault.BadReference,
	"ParameterNotFound":         fault.BadReference,
	"ParameterVersionNotFound":  fault.BadReference,
	"InvalidParameterException": fault.Invalid,
	"InvalidKeyId":              fault.BadReference, // the parameter's KMS key
	"InvalidRequestException":   fault.WrongState,   // marked for deletion, or its key is disabled
	"DecryptionFailure":         fault.PermissionDenied,
	"InternalServiceError":      fault.Server,
	"InternalServerError":       fault.Server,
}

// failed classifies the error of a request.
func (p place) failed(err error) error {
	var elsewhere *awsconf.Error // about the region, or the provider's own credentials
	f := fault.As(fault.FromAWS(err, p.region))
	if f == nil || errors.As(err, &elsewhere) {
		return err
	}
	cause := *f
	cause.Service = string(p.service)
	if kind, ok := kinds[cause.Code]; ok {
		cause.Kind = kind
	}
	if cause.Kind == fault.PermissionDenied {
		cause.MissingAction = p.missing(cause)
	}
	words := fmt.Sprintf("%s cannot be read: %s failed: ", p.what(), p.operation())
	if cause.Code != "" {
		words += cause.Code + ": "
	}
	e := p.error(&cause, words+cause.Message)
	switch cause.Kind {
	case fault.BadReference:
		e.next = "check the name and the region. A name without region is looked for in the worker's own; an ARN finds a secret of another region or account."
	case fault.WrongState:
		e.next = "a secret that is marked for deletion, or whose key is disabled, cannot be read: restore it, or name another one."
	}
	return e
}

// missing is the IAM action that was refused: the one that the text names, else
// decrypting where only the code or the words tell, else reading.
func (p place) missing(f fault.Error) string {
	switch {
	case f.Code == "DecryptionFailure", strings.Contains(f.Message, "Access to KMS is not allowed"):
		return "kms:Decrypt"
	case f.MissingAction != "" && !strings.HasSuffix(f.MissingAction, ":"+p.operation()):
		return f.MissingAction
	}
	return string(p.service) + ":" + p.operation()
}
