package session_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func TestOpenAndClose(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.CML.Machine(l.id).SetTokenLifetime(time.Hour)
	s := l.serve()
	before := time.Now()
	first := s.open(t.Context(), map[string]any{"worker_id": l.id, "logout": true})
	if len(first.Diagnostics) != 0 {
		t.Fatal(show(first.Diagnostics))
	}
	in, _ := l.AWS.Region(home).Instance(l.id)
	token := first.text(t, "token")
	if !first.reachable(t) || first.text(t, "region") != home || first.text(t, "url") != l.url(in.PublicIP) {
		t.Errorf("reachable %t, region %s, url %s", first.reachable(t), first.text(t, "region"), first.text(t, "url"))
	}
	if first.RenewAt.Before(before.Add(time.Hour)) || first.RenewAt.After(time.Now().Add(time.Hour)) {
		t.Errorf("the lifetime of one hour ends at %s", first.RenewAt)
	}
	if l.options.Credentials.Password == "" || strings.Contains(string(first.Private), l.options.Credentials.Password) {
		t.Error("the password is among what is kept")
	}

	second := s.open(t.Context(), map[string]any{"worker_id": l.id})
	if n := len(l.logins()); n != 2 || second.text(t, "token") == token {
		t.Errorf("%d logins for two sessions", n)
	}
	if strings.Contains(string(second.Private), second.text(t, "token")) {
		t.Error("a token is kept that nobody will end")
	}
	if diags := s.close(second); len(diags) != 0 || l.count(logout) != 0 {
		t.Errorf("closed without logout: %d logouts, %s", l.count(logout), show(diags))
	}
	if diags := s.close(first); len(diags) != 0 || l.count(logout) != 1 {
		t.Errorf("closed with logout: %d logouts, %s", l.count(logout), show(diags))
	}
	if err := l.authOK(token); err == nil {
		t.Error("the session that should have ended goes on")
	}
	if err := l.authOK(second.text(t, "token")); err != nil {
		t.Errorf("the other session ended, too: %v", err)
	}
	// Once more, as after a run that was interrupted: nothing to complain of.
	if diags := s.close(first); len(diags) != 0 {
		t.Error(show(diags))
	}
}

func (l *lab) url(ip string) string {
	return controller.Settings{Port: l.Port()}.URL(ip)
}

func (l *lab) authOK(token string) error {
	in, _ := l.AWS.Region(home).Instance(l.id)
	s := controller.Settings{Port: l.Port(), TLS: controller.TLS{Fingerprint: l.CML.Machine(l.id).Fingerprint()}}
	client := controller.New(in.PublicIP, s, controller.Credentials{Token: token}, controller.Transport{})
	defer client.Close()
	return client.AuthOK(l.t.Context())
}

// The session that resources of the run share stays as it is.
func TestSessionOfItsOwn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.serve()
	in, _ := l.AWS.Region(home).Instance(l.id)
	settings := controller.Merge(controller.Settings{TLS: controller.TLS{Fingerprint: l.CML.Machine(l.id).Fingerprint()}}, s.set.Controller())
	shared := controller.New(in.PublicIP, settings, s.set.Credentials(), s.set.Transport())
	defer shared.Close()
	if err := shared.AuthOK(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := s.open(t.Context(), map[string]any{"worker_id": l.id, "logout": true})
	s.close(o)
	if err := shared.AuthOK(t.Context()); err != nil || len(l.logins()) != 2 {
		t.Errorf("%d logins, want the shared one and that of the token: %v", len(l.logins()), err)
	}
}

// No token is no error where the worker is not there to give one.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrange func(*lab)
		words   string
	}{
		"stopped":  {(*lab).stop, "it is stopped"},
		"refused":  {func(l *lab) { l.hold(cml.Refused) }, "refused the connection"},
		"silent":   {func(l *lab) { l.hold(cml.BlackHole) }, "no answer"},
		"starting": {func(l *lab) { l.hold(cml.BadGateway) }, "502"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c.arrange(l)
			l.limit = 200 * time.Millisecond
			s := l.serve()
			o := s.open(t.Context(), map[string]any{"worker_id": l.id, "logout": true})
			if len(o.Diagnostics) != 1 || o.Diagnostics[0].Severity != tfprotov6.DiagnosticSeverityWarning ||
				!strings.Contains(o.Diagnostics[0].Detail, c.words) || !strings.Contains(o.Diagnostics[0].Detail, l.id) ||
				!strings.HasSuffix(o.Diagnostics[0].Detail, "[token_unavailable]") {
				t.Errorf("want one warning with %q, got %s", c.words, show(o.Diagnostics))
			}
			if o.text(t, "token") != "(null)" || o.reachable(t) || !o.RenewAt.IsZero() {
				t.Errorf("token %s, reachable %t, renewed at %s", o.text(t, "token"), o.reachable(t), o.RenewAt)
			}
			if url := o.text(t, "url"); (url == "(null)") != (name == "stopped") {
				t.Errorf("url %s", url)
			}
			if diags := s.close(o); len(diags) != 0 || l.count(logout) != 0 {
				t.Errorf("%d logouts, %s", l.count(logout), show(diags))
			}
		})
	}
}

func (l *lab) hold(p cml.Phase) {
	l.t.Helper()
	if err := l.CML.Machine(l.id).HoldPhase(p); err != nil {
		l.t.Fatal(err)
	}
}

// CML that is still starting is waited for.
func TestAnswersLater(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.hold(cml.BadGateway)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.eventually("a second try", func() bool { return len(l.logins()) > 1 })
		if err := l.CML.Machine(l.id).ReleasePhase(); err != nil {
			l.t.Error(err)
		}
	}()
	o := l.serve().open(t.Context(), map[string]any{"worker_id": l.id})
	<-done
	if len(o.Diagnostics) != 0 || !o.reachable(t) {
		t.Error(show(o.Diagnostics))
	}
}

// What waiting does not help is an error at once.
func TestErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrange func(*lab)
		words   []string
		logins  int
	}{
		"wrong password": {func(l *lab) { l.options.Credentials.Password = "wrong-planted" }, []string{"CML refused user name or password", "HTTP 403"}, 1},
		"no credentials": {func(l *lab) { l.options.Credentials = controller.Credentials{} }, []string{"no credentials for CML", "controller"}, 0},
		"no trust": {func(l *lab) { l.AWS.Region(home).SetTags(l.id, map[string]string{"Name": "lab"}) },
			[]string{"nor is it pinned", "no credentials were sent", "Fingerprint seen"}, 0},
		"another certificate": {func(l *lab) {
			if err := l.CML.Machine(l.id).ReplaceCertificate(); err != nil {
				l.t.Fatal(err)
			}
		}, []string{"another certificate than the pinned one"}, 0},
		"no worker": {func(l *lab) { l.AWS.Region(home).Forget(l.id) }, []string{"check `worker_id` and `region`"}, 0},
		"no secret": {func(l *lab) {
			l.options.Controller.CredentialsRef.SecretsManagerSecretID = "cml/missing"
		}, []string{"cml/missing", "secretsmanager_secret_id", home, "ResourceNotFoundException"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c.arrange(l)
			o := l.serve().open(t.Context(), map[string]any{"worker_id": l.id})
			text := show(o.Diagnostics)
			if len(o.Diagnostics) != 1 || o.Diagnostics[0].Severity != tfprotov6.DiagnosticSeverityError || !strings.Contains(text, l.id) {
				t.Fatalf("want one error, got %s", text)
			}
			for _, w := range c.words {
				if !strings.Contains(text, w) {
					t.Errorf("%q lacks %q", text, w)
				}
			}
			if strings.Contains(text, "planted") {
				t.Errorf("a password in %q", text)
			}
			if n := len(l.logins()); n != c.logins {
				t.Errorf("%d logins, want %d", n, c.logins)
			}
		})
	}
}

func TestCredentialsByReference(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	admin := l.CML.Admin()
	l.AWS.Region(home).SetSecret("cml/lab", aws.Secret{Text: `{"username": "` + admin.Username + `", "password": "` + admin.Password + `"}`})
	l.options.Credentials = controller.Credentials{}
	l.options.Controller.CredentialsRef.SecretsManagerSecretID = "cml/lab"
	s := l.serve()
	for range 2 {
		if o := s.open(t.Context(), map[string]any{"worker_id": l.id}); len(o.Diagnostics) != 0 || !o.reachable(t) {
			t.Error(show(o.Diagnostics))
		}
	}
	if n := l.Recorder.Count("secretsmanager", "GetSecretValue"); n != 1 {
		t.Errorf("the secret was read %d times in one run", n)
	}
}

// A token of the configuration is passed on when CML accepts it, and not ended.
func TestTokenOfTheConfiguration(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token, err := l.CML.Machine(l.id).IssueToken(l.CML.Admin().Username, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l.options.Credentials = controller.Credentials{Token: token}
	s := l.serve()
	o := s.open(t.Context(), map[string]any{"worker_id": l.id, "logout": true})
	if len(o.Diagnostics) != 0 || o.text(t, "token") != token || len(l.logins()) != 0 {
		t.Errorf("%d logins, %s", len(l.logins()), show(o.Diagnostics))
	}
	if diags := s.close(o); len(diags) != 0 || l.count(logout) != 0 {
		t.Errorf("%d logouts of somebody else's token, %s", l.count(logout), show(diags))
	}
	l.CML.Machine(l.id).RevokeTokens()
	o = s.open(t.Context(), map[string]any{"worker_id": l.id})
	if len(o.Diagnostics) != 1 || o.Diagnostics[0].Severity != tfprotov6.DiagnosticSeverityError || !strings.Contains(show(o.Diagnostics), "expired or was revoked") {
		t.Errorf("a dead token: %s", show(o.Diagnostics))
	}
}

// The end of the lifetime is told, and nothing is left to log out.
func TestRenew(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.serve()
	o := s.open(t.Context(), map[string]any{"worker_id": l.id, "logout": true})
	resp, err := s.RenewEphemeralResource(t.Context(), &tfprotov6.RenewEphemeralResourceRequest{TypeName: "cml_worker_token", Private: o.Private})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Severity != tfprotov6.DiagnosticSeverityWarning ||
		!strings.Contains(resp.Diagnostics[0].Detail, l.id) || !resp.RenewAt.IsZero() {
		t.Errorf("renewed at %s, %s", resp.RenewAt, show(resp.Diagnostics))
	}
	o.Private = resp.Private
	if s.close(o); l.count(logout) != 0 {
		t.Error("a session that is over was ended")
	}
}

// A worker that went away in the same run does not spoil it.
func TestCloseAfterStop(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.serve()
	o := s.open(t.Context(), map[string]any{"worker_id": l.id, "logout": true})
	l.stop()
	if diags := s.close(o); len(diags) != 0 {
		t.Error(show(diags))
	}
}

func TestUnknownConfiguration(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.options.UnknownArguments = []string{"controller.password"}
	l.Recorder.Reset()
	o := l.serve().open(t.Context(), map[string]any{"worker_id": l.id})
	if len(o.Diagnostics) != 1 || o.Diagnostics[0].Severity != tfprotov6.DiagnosticSeverityWarning ||
		!strings.Contains(o.Diagnostics[0].Detail, "controller.password") || o.text(t, "token") != "(null)" {
		t.Error(show(o.Diagnostics))
	}
	if all := l.Recorder.Operations(""); len(all) != 0 {
		t.Errorf("asked all the same: %v", all)
	}
}

// Ctrl-C is no lack of an answer.
func TestCanceled(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.hold(cml.BadGateway)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		l.eventually("a try", func() bool { return len(l.logins()) > 0 })
	}()
	o := l.serve().open(ctx, map[string]any{"worker_id": l.id})
	if !slices.ContainsFunc(o.Diagnostics, func(d *tfprotov6.Diagnostic) bool { return d.Severity == tfprotov6.DiagnosticSeverityError }) {
		t.Errorf("want an error, got %s", show(o.Diagnostics))
	}
}
