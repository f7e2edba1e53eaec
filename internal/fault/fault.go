// Package fault holds the error kinds of this provider and the predicates
// that callers ask of an error chain. Domain packages return *Error; nothing
// above them matches error texts.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind is the class of an error: what happened, in terms of what a caller can
// do about it.
type Kind string

// The classes of AWS errors (after the EC2 API error code list,
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html)
// and of CML's (cml-api.md 1.2).
const (
	// Unknown is the zero Kind: an error that nobody classified.
	Unknown Kind = ""
	// NotFound: the thing does not exist, is not yet visible, or belongs to
	// another account.
	NotFound Kind = "NotFound"
	// NotVisible: the thing is absent, but these credentials belong to another
	// account than the one it was seen in, so its absence proves nothing.
	NotVisible Kind = "NotVisible"
	// BadReference: something named by the configuration does not exist in
	// this region.
	BadReference Kind = "BadReference"
	// PermissionDenied: a policy refuses the call.
	PermissionDenied Kind = "PermissionDenied"
	// Credentials: the identity is not accepted, or the clock is wrong.
	Credentials Kind = "Credentials"
	// Account: the account cannot be used in this region.
	Account Kind = "Account"
	// Quota: a service quota of the account is reached.
	Quota Kind = "Quota"
	// Capacity: AWS has none of it there now.
	Capacity Kind = "Capacity"
	// WrongState: the operation is not allowed in the present state.
	WrongState Kind = "WrongState"
	// Protected: termination or stop protection is on.
	Protected Kind = "Protected"
	// Invalid: the request itself is wrong.
	Invalid Kind = "Invalid"
	// RateLimited: this one object was changed too recently.
	RateLimited Kind = "RateLimited"
	// Bug: a request that only a defect of the provider can have caused.
	Bug Kind = "Bug"
	// Throttled: too many requests.
	Throttled Kind = "Throttled"
	// Server: the service itself failed.
	Server Kind = "Server"
	// DryRunOK: the request would have succeeded.
	DryRunOK Kind = "DryRunOk"
	// Unreachable: no answer came from the other side.
	Unreachable Kind = "Unreachable"
	// Untrusted: a certificate does not verify or is not the pinned one.
	Untrusted Kind = "Untrusted"
	// NotReady: the other side answers, but is still starting.
	NotReady Kind = "NotReady"
	// Timeout: a wait ended by its deadline.
	Timeout Kind = "Timeout"
	// Canceled: the user ended the operation.
	Canceled Kind = "Canceled"
	// Unimplemented: this server does not know the operation at all, as
	// servers that only resemble EC2 may not.
	Unimplemented Kind = "Unimplemented"
	// Ambiguous: a request may or may not have taken effect.
	Ambiguous Kind = "Ambiguous"
)

// Error is an error of a remote system, classified.
type Error struct {
	Kind Kind
	// Service and Operation name the call, as in "ec2" and "RunInstances", or
	// "cml" and "GET /system_information".
	Service   string
	Operation string
	// Region is the AWS region asked, empty for CML.
	Region string
	// Code is the service's own error code, StatusCode the HTTP status (0 when
	// there was no answer), RequestID what the service's support asks for.
	Code       string
	StatusCode int
	RequestID  string
	// Message is the service's own text, without secrets.
	Message string
	// MissingAction is the IAM action that a PermissionDenied names, such as
	// "ec2:RunInstances"; empty when the text names none.
	MissingAction string
	// Encoded is the encoded authorization message of EC2, if one was sent.
	Encoded string
	// Err is the cause.
	Err error
}

// New returns an error of a kind with a text of our own.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Error implements error: operation, code and text on one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Operation != "" {
		b.WriteString(e.Operation)
		if e.Region != "" {
			b.WriteString(" in " + e.Region)
		}
		b.WriteString(": ")
	}
	if e.Code != "" {
		b.WriteString(e.Code)
		if e.Message != "" {
			b.WriteString(": ")
		}
	}
	switch {
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Code == "" && e.Err != nil:
		b.WriteString(e.Err.Error())
	case e.Code == "":
		b.WriteString(string(e.Kind))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// FaultKind makes the kind readable for KindOf.
func (e *Error) FaultKind() Kind { return e.Kind }

// kinded is what an error of another package implements to take part.
type kinded interface{ FaultKind() Kind }

// KindOf returns the kind of the first classified error in the chain. A
// context that ended is Timeout or Canceled; everything else is Unknown.
func KindOf(err error) Kind {
	var k kinded
	if errors.As(err, &k) {
		return k.FaultKind()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Canceled
	}
	return Unknown
}

// Is reports whether the error is of one of the kinds.
func Is(err error, kinds ...Kind) bool {
	if err == nil {
		return false
	}
	got := KindOf(err)
	for _, k := range kinds {
		if got == k {
			return true
		}
	}
	return false
}

// As returns the classified error in the chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
