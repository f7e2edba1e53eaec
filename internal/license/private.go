package license

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// keyFacts is the key of the private state.
const keyFacts = "facts"

// facts are what a plan needs to know and the state does not show. They change
// in Read, Create and Update only, so that a plan that is made twice comes out
// the same.
type facts struct {
	// AccountID is the owner of the instance: only there does its absence mean
	// that it is gone.
	AccountID string `json:"account_id,omitempty"`
	// Imported: nothing was applied since the import.
	Imported bool `json:"imported,omitempty"`
	// RenewDue: `renew_before` says that it is time.
	RenewDue bool `json:"renew_due,omitempty"`
	// Spot: the worker is a spot machine.
	Spot bool `json:"spot,omitempty"`
	// Unfinished: a registration was begun, and its end was not awaited.
	Unfinished bool `json:"unfinished,omitempty"`
}

func readFacts(ctx context.Context, from attribute.PrivateReader, diags *diag.Diagnostics) facts {
	f, _ := attribute.ReadPrivate[facts](ctx, from, keyFacts, diags)
	return f
}

func writeFacts(ctx context.Context, to attribute.PrivateWriter, f facts, diags *diag.Diagnostics) {
	attribute.WritePrivate(ctx, to, keyFacts, f, diags)
}
