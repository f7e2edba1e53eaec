package worker

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
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

// pendingWait returns the unfinished wait, or nil.
func pendingWait(ctx context.Context, private attribute.PrivateReader, diags *diag.Diagnostics) *pending {
	p, ok := attribute.ReadPrivate[pending](ctx, private, pendingKey, diags)
	if !ok || p.Until == "" {
		return nil
	}
	return &p
}

// setPending records an unfinished wait; nil removes the record.
func setPending(ctx context.Context, private attribute.PrivateWriter, p *pending, diags *diag.Diagnostics) {
	if p == nil {
		attribute.WritePrivate(ctx, private, pendingKey, nil, diags)
		return
	}
	attribute.WritePrivate(ctx, private, pendingKey, p, diags)
}
