package license

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
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

// The private state of a request and that of a response.
type (
	privateReader interface {
		GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	}
	privateWriter interface {
		SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
	}
)

func readFacts(ctx context.Context, from privateReader, diags *diag.Diagnostics) facts {
	var f facts
	raw, d := from.GetKey(ctx, keyFacts)
	diags.Append(d...)
	if len(raw) == 0 {
		return f
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		diags.AddError("Unreadable private state of CML worker licence",
			fmt.Sprintf("The entry %q that this provider keeps beside the state cannot be read: %s.", keyFacts, err))
	}
	return f
}

func writeFacts(ctx context.Context, to privateWriter, f facts, diags *diag.Diagnostics) {
	raw, err := json.Marshal(f)
	if err != nil {
		diags.AddError("Unable to keep private state of CML worker licence", err.Error())
		return
	}
	diags.Append(to.SetKey(ctx, keyFacts, raw)...)
}
