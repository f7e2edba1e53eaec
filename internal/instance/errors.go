package instance

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// GoneError says that an instance does not exist any more, by the one rule of
// this provider: not found twice, terminated or shutting down, and asked for
// in the account that it was seen in.
type GoneError struct {
	ID string
	// Instance is what EC2 still shows of it; nil when it shows nothing.
	Instance *Instance
}

// Error implements error.
func (e *GoneError) Error() string {
	if e.Instance == nil {
		return fmt.Sprintf("instance %s does not exist", e.ID)
	}
	text := fmt.Sprintf("instance %s is %s", e.ID, e.Instance.State)
	if why := e.Instance.Why(); why != "" {
		text += " (" + why + ")"
	}
	return text
}

// FaultKind is NotFound.
func (e *GoneError) FaultKind() fault.Kind { return fault.NotFound }

// IsGone reports whether an error says that the instance of an operation does not
// exist. A fault.NotFound alone does not: CML, and a store of secrets, that were
// asked on the way may not find what is theirs.
func IsGone(err error) bool {
	if errors.As(err, new(*GoneError)) {
		return true
	}
	said := fault.As(err)
	return said != nil && said.Kind == fault.NotFound && said.Service == "ec2"
}

// NotVisibleError says that an instance is absent, but that the credentials
// belong to another account than the one it lives in. It comes as the cause of
// a *fault.Error of kind NotVisible.
type NotVisibleError struct {
	ID string
	// Account is where the instance was seen, Caller whose credentials asked.
	Account, Caller string
}

// Error implements error.
func (e *NotVisibleError) Error() string {
	return fmt.Sprintf("this worker is not visible with these credentials: instance %s is in account %s, the credentials belong to account %s",
		e.ID, e.Account, e.Caller)
}

// FaultKind is NotVisible.
func (e *NotVisibleError) FaultKind() fault.Kind { return fault.NotVisible }

// CapacityError says that EC2 had no capacity for any of the candidates.
type CapacityError struct {
	Attempts []CapacityAttempt
}

// CapacityAttempt is one pair that was tried and what EC2 said.
type CapacityAttempt struct {
	Type, SubnetID string
	Err            error
}

// Error implements error: one line for each pair, in the order tried.
func (e *CapacityError) Error() string {
	var b strings.Builder
	b.WriteString("EC2 has no capacity for any candidate:")
	for _, a := range e.Attempts {
		subnet := a.SubnetID
		if subnet == "" {
			subnet = "the default subnet"
		}
		fmt.Fprintf(&b, "\n  %s in %s: %s", a.Type, subnet, a.Err)
	}
	return b.String()
}

// Unwrap returns the errors of the attempts, the last one first.
func (e *CapacityError) Unwrap() []error {
	var out []error
	for i := len(e.Attempts) - 1; i >= 0; i-- {
		out = append(out, e.Attempts[i].Err)
	}
	return out
}

// FaultKind is Capacity.
func (e *CapacityError) FaultKind() fault.Kind { return fault.Capacity }

// EarlyEndError says that an instance that was to run went elsewhere.
type EarlyEndError struct {
	ID, Region, State                                   string
	StateReasonCode, StateReason, StateTransitionReason string
}

func earlyEnd(i *Instance) *EarlyEndError {
	return &EarlyEndError{
		ID: i.ID, Region: i.Region, State: i.State,
		StateReasonCode: i.StateReasonCode, StateReason: i.StateReason, StateTransitionReason: i.StateTransitionReason,
	}
}

// Error implements error, with a hint where the reason is known to have one cause.
func (e *EarlyEndError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "instance %s did not come to run: it is %s", e.ID, e.State)
	i := Instance{StateReasonCode: e.StateReasonCode, StateReason: e.StateReason}
	if why := i.Why(); why != "" {
		b.WriteString("; " + why)
	}
	if e.StateTransitionReason != "" {
		b.WriteString("; " + e.StateTransitionReason)
	}
	if e.StateReasonCode == "Client.InternalError" {
		b.WriteString("; this is usually an encrypted volume whose KMS key the launching role may not use")
	}
	return b.String()
}

// FaultKind is what the state reason says where it is an error code of EC2,
// as Server.InsufficientInstanceCapacity is Capacity; otherwise WrongState.
func (e *EarlyEndError) FaultKind() fault.Kind {
	switch kind := fault.AWSKind(e.StateReasonCode, e.StateReason); kind {
	case fault.Capacity, fault.Quota, fault.BadReference, fault.PermissionDenied, fault.Server:
		return kind
	}
	return fault.WrongState
}

// UnresolvedLaunchError says that a launch may or may not have made an
// instance, and what to look for.
type UnresolvedLaunchError struct {
	Token, Type, SubnetID string
	// Tags are the marker tags that the instance carries if it exists.
	Tags map[string]string
	// Err is what the launch met, LookupErr what the search for it met, if anything.
	Err, LookupErr error
}

// Error implements error.
func (e *UnresolvedLaunchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the launch of %s", e.Type)
	if e.SubnetID != "" {
		fmt.Fprintf(&b, " in %s", e.SubnetID)
	}
	fmt.Fprintf(&b, " got no clear answer, and no instance with its client token was found: one may exist all the same, or appear later. Look for client-token %s", e.Token)
	for _, k := range sortedKeys(e.Tags) {
		fmt.Fprintf(&b, ", tag %s=%s", k, e.Tags[k])
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ". The launch met: %s", e.Err)
	}
	if e.LookupErr != nil {
		fmt.Fprintf(&b, ". The search met: %s", e.LookupErr)
	}
	return b.String()
}

// Unwrap returns what the launch met.
func (e *UnresolvedLaunchError) Unwrap() error { return e.Err }

// FaultKind is Ambiguous.
func (e *UnresolvedLaunchError) FaultKind() fault.Kind { return fault.Ambiguous }
