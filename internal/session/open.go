package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

const summary = "Unable to get a token of CML"

// Open implements ephemeral.EphemeralResource. Terraform calls it only when
// every argument is known.
func (t *Token) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.Token, m.Reachable, m.URL = types.StringNull(), types.BoolValue(false), types.StringNull()
	s := t.open(ctx, &m, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
	if s == nil {
		return
	}
	resp.RenewAt = expiry(s.Token, time.Now())
	if !m.Logout.ValueBool() {
		s.Token = ""
	}
	resp.Diagnostics.Append(s.keep(ctx, resp.Private)...)
}

// open fills the model and returns the session that it opened. It returns nil
// without one: then a diagnostic says why, unless the token is the provider's.
func (t *Token) open(ctx context.Context, m *model, diags *diag.Diagnostics) *kept {
	id := m.WorkerID.ValueString()
	if unknown := t.set.UnknownArguments(); len(unknown) > 0 {
		tfdiag.Warn(diags, t.set, tfdiag.UnknownConfiguration, fmt.Sprintf(
			"There is no token for worker %s yet: the provider's %s will be known only after apply.", id, strings.Join(unknown, ", ")))
		return nil
	}
	about := tfdiag.About{ID: id, Region: m.Region.ValueString()}
	ec2, err := t.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		diags.Append(tfdiag.Error(summary, about, err))
		return nil
	}
	about.Region = ec2.Region()
	m.Region = types.StringValue(ec2.Region())
	machine, err := ec2.Find(ctx, id, "")
	if err != nil {
		diags.Append(tfdiag.Error(summary, about.Named(err), err))
		return nil
	}

	explicit, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	settings := t.set.SettingsFor(machine, explicit)
	addresses := readiness.Addresses(machine)
	if running := machine.State == instance.StateRunning; !running {
		if settings.URLIsFixed(addresses) {
			m.URL = attribute.String(settings.URL(settings.Pick(addresses)))
		}
		t.unavailable(diags, id, "it is "+machine.State)
		return nil
	}
	address := settings.Pick(addresses)
	m.URL = attribute.String(settings.URL(address))
	if address == "" {
		t.unavailable(diags, id, "it has none of the addresses of controller.address_preference")
		return nil
	}

	var credentials controller.Credentials // none: the client says what is missing
	if resolve := t.set.CredentialsFor(ec2.Region(), settings); resolve != nil {
		if credentials, err = resolve(ctx); err != nil {
			diags.Append(tfdiag.Error(summary, about, err))
			return nil
		}
	}
	token, err := t.login(ctx, address, settings, credentials)
	switch {
	case err == nil:
	case ctx.Err() == nil && fault.Is(err, notNow...):
		t.unavailable(diags, id, err.Error())
		return nil
	default:
		diags.Append(tfdiag.Error(summary, about, err))
		return nil
	}
	m.Token, m.Reachable = types.StringValue(token), types.BoolValue(true)
	if credentials.Token != "" {
		return nil
	}
	return &kept{WorkerID: id, Address: address, Settings: settings, Token: token}
}

// unavailable is the one warning for a token that cannot be had now.
func (t *Token) unavailable(diags *diag.Diagnostics, id, why string) {
	tfdiag.Warn(diags, t.set, tfdiag.TokenUnavailable, fmt.Sprintf("There is no token for worker %s: %s. `token` is null.", id, why))
}

// notNow are the kinds of errors that a later try may not meet.
var notNow = []fault.Kind{fault.Unreachable, fault.NotReady, fault.Server, fault.Throttled, fault.Timeout}

// login asks for a token until there is one or the limit is over. The error is
// then the last one that CML, or the lack of an answer, gave.
func (t *Token) login(ctx context.Context, address string, s controller.Settings, cr controller.Credentials) (string, error) {
	limit := t.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := controller.New(address, s, cr, t.transport())
	defer client.Close()

	var token string
	var last error
	err := wait.Poll(limited, wait.Pace{Interval: t.set.Interval()}, func(ctx context.Context) (bool, error) {
		got, err := client.Token(ctx)
		if err == nil && cr.Token != "" {
			err = client.AuthOK(ctx)
		}
		switch {
		case err == nil:
			token = got
			return true, nil
		case limited.Err() == nil && fault.Is(err, notNow...):
			last = err
			return false, nil
		}
		return false, err
	})
	if err != nil && ctx.Err() == nil && limited.Err() != nil && last != nil {
		return "", last
	}
	return token, err
}

// transport is the provider's without its sessions: what Close ends must be
// nobody else's.
func (t *Token) transport() controller.Transport {
	own := t.set.Transport()
	own.Sessions = nil
	return own
}
