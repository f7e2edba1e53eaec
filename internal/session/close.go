package session

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// logoutLimit bounds what a logout may add to a run: a machine that was
// stopped meanwhile does not answer.
const logoutLimit = 5 * time.Second

const keySession = "session"

// kept is what Renew and Close need to know of the session. Terraform keeps it
// in memory and writes it nowhere. There is no password in it, and the token
// only where Close has to end the session.
type kept struct {
	WorkerID string
	Address  string
	Settings controller.Settings
	Token    string
}

type (
	privateReader interface {
		GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	}
	privateWriter interface {
		SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
	}
)

func (k *kept) keep(ctx context.Context, to privateWriter) diag.Diagnostics {
	raw, err := json.Marshal(k)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to remember the session of CML", err.Error())}
	}
	return to.SetKey(ctx, keySession, raw)
}

func recall(ctx context.Context, from privateReader, diags *diag.Diagnostics) *kept {
	raw, d := from.GetKey(ctx, keySession)
	diags.Append(d...)
	if len(raw) == 0 || d.HasError() {
		return nil
	}
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		// The text of the error may quote the token.
		diags.AddError("Unreadable private data of CML worker token", "What this provider keeps about the session of CML cannot be read.")
		return nil
	}
	return &k
}

// Renew implements ephemeral.EphemeralResourceWithRenew. Terraform calls it
// when the token's lifetime is over. CML renews no token, and Terraform takes
// no other one for it, so all that is left is to say so.
func (t *Token) Renew(ctx context.Context, req ephemeral.RenewRequest, resp *ephemeral.RenewResponse) {
	k := recall(ctx, req.Private, &resp.Diagnostics)
	if k == nil {
		return
	}
	tfdiag.Warn(&resp.Diagnostics, t.set, tfdiag.TokenExpired, fmt.Sprintf(
		"The session with CML on worker %s ended during this run by the controller's session timeout; what still used its token was refused. Run Terraform again, or give CML a longer session timeout.", k.WorkerID))
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, keySession, nil)...)
}

// Close implements ephemeral.EphemeralResourceWithClose: it ends the session
// where the configuration asks for that.
func (t *Token) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	k := recall(ctx, req.Private, &resp.Diagnostics)
	if k == nil || k.Token == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutLimit)
	defer cancel()
	client := controller.New(k.Address, k.Settings, controller.Credentials{Token: k.Token}, t.transport())
	defer client.Close()
	switch err := client.Logout(ctx); {
	case err == nil, fault.Is(err, fault.Credentials): // it was over already
	case fault.Is(err, fault.Unreachable, fault.NotReady, fault.Timeout):
		// The worker was stopped or destroyed in this run.
		tflog.Debug(ctx, "CML was not reachable for the logout", map[string]any{"worker_id": k.WorkerID})
	default:
		tfdiag.Warn(&resp.Diagnostics, t.set, tfdiag.LogoutFailed, fmt.Sprintf(
			"The session with CML on worker %s stays open until its lifetime is over: %s.", k.WorkerID, err))
	}
}

// expiry is when the lifetime that a token tells (a JWT, cml-api.md 2.1) is
// over by the clock of this machine; zero when it tells none.
func expiry(token string, now time.Time) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		IssuedAt float64 `json:"iat"`
		Expires  float64 `json:"exp"`
	}
	if json.Unmarshal(raw, &claims) != nil || claims.IssuedAt <= 0 || claims.Expires <= claims.IssuedAt {
		return time.Time{}
	}
	return now.Add(time.Duration((claims.Expires - claims.IssuedAt) * float64(time.Second)))
}
