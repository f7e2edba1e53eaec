package clients

import (
	"context"
	"fmt"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// SameAccount fails unless the credentials belong to the account that owns
// something, as far as both are known: only there does its absence mean that it
// is gone. what names it in the plural, as in "the snapshots snap-…".
func (s *Set) SameAccount(ctx context.Context, owner, what string) error {
	caller, err := s.Identity(ctx)
	if err != nil {
		return err
	}
	if owner == "" || caller.AccountID == "" || owner == caller.AccountID {
		return nil
	}
	return &fault.Error{Kind: fault.NotVisible, Message: fmt.Sprintf(
		"%s are not visible with these credentials: they are in account %s, the credentials belong to account %s", what, owner, caller.AccountID)}
}
