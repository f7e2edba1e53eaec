package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

type ownKind struct{ cause error }

func (e *ownKind) Error() string       { return "own" }
func (e *ownKind) Unwrap() error       { return e.cause }
func (*ownKind) FaultKind() fault.Kind { return fault.Timeout }

func TestKindOf(t *testing.T) {
	inner := fault.New(fault.Quota, "too many")
	for _, tc := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nil", nil, fault.Unknown},
		{"plain", errors.New("x"), fault.Unknown},
		{"wrapped", fmt.Errorf("a: %w", inner), fault.Quota},
		{"the outermost counts", &ownKind{cause: inner}, fault.Timeout},
		{"joined", errors.Join(errors.New("x"), inner), fault.Quota},
		{"deadline", fmt.Errorf("a: %w", context.DeadlineExceeded), fault.Timeout},
		{"canceled", fmt.Errorf("a: %w", context.Canceled), fault.Canceled},
	} {
		if got := fault.KindOf(tc.err); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if !fault.Is(inner, fault.Capacity, fault.Quota) || fault.Is(inner, fault.Capacity) || fault.Is(nil, fault.Unknown) {
		t.Error("Is does not ask for one of the kinds")
	}
	if fault.As(&ownKind{cause: inner}) != inner || fault.As(errors.New("x")) != nil {
		t.Error("As does not find the classified error of the chain")
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("cause")
	for _, tc := range []struct {
		err  *fault.Error
		want string
	}{
		{&fault.Error{Kind: fault.Bug}, "Bug"},
		{&fault.Error{Kind: fault.Bug, Err: cause}, "cause"},
		{&fault.Error{Code: "C", Err: cause}, "C"},
		{&fault.Error{Code: "C", Message: "m"}, "C: m"},
		{&fault.Error{Operation: "Op", Message: "m"}, "Op: m"},
		{&fault.Error{Operation: "Op", Region: "r", Code: "C", Message: "m"}, "Op in r: C: m"},
		{fault.New(fault.Invalid, "a %d: %w", 1, cause), "a 1: cause"},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
	if !errors.Is(fault.New(fault.Invalid, "a: %w", cause), cause) {
		t.Error("New loses the cause")
	}
}
