package worker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// pendingKey is the private state of a readiness wait that did not finish.
const pendingKey = "readiness_pending"

// pending is its value: the rung that was waited for, since when, and whether
// the wait was that of the creation, which records the certificate.
type pending struct {
	Until string    `json:"until"`
	Since time.Time `json:"since"`
	Pins  bool      `json:"pins,omitempty"`
}

// privateReader and privateWriter are the two halves of the framework's private
// state, whose type is internal to it.
type (
	privateReader interface {
		GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	}
	privateWriter interface {
		SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
	}
)

// pendingWait returns the unfinished wait, or nil.
func pendingWait(ctx context.Context, private privateReader, diags *diag.Diagnostics) *pending {
	raw, d := private.GetKey(ctx, pendingKey)
	diags.Append(d...)
	var p pending
	if len(raw) == 0 || json.Unmarshal(raw, &p) != nil || p.Until == "" {
		return nil
	}
	return &p
}

// setPending records an unfinished wait; nil removes the record.
func setPending(ctx context.Context, private privateWriter, p *pending, diags *diag.Diagnostics) {
	var value []byte // an empty value removes the key
	if p != nil {
		value, _ = json.Marshal(p) // two strings and a bool
	}
	diags.Append(private.SetKey(ctx, pendingKey, value)...)
}
