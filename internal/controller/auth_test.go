package controller_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestOneLoginServesManyCalls(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	ctx := within(t, patience)
	if err := c.Authenticate(ctx); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.SystemHealth(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.logins(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func TestADeadTokenIsReplacedOnceAndTheRequestRepeatedOnce(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	ctx := within(t, patience)
	if _, err := c.SystemHealth(ctx); err != nil {
		t.Fatal(err)
	}
	w.RevokeTokens()
	w.recorder.Reset()
	if _, err := c.SystemHealth(ctx); err != nil {
		t.Fatal(err)
	}
	want := "GET /system_health POST /authenticate GET /system_health"
	if got := strings.Join(w.recorder.Operations("cml"), " "); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}

	// A server that refuses every token must not be asked for ever.
	w.faults.Add(wire.Rule{Operation: "GET /system_health", Fault: wire.Fault{Kind: wire.Error, Status: http.StatusUnauthorized}})
	w.recorder.Reset()
	_, err := c.SystemHealth(ctx)
	if !fault.Is(err, fault.Credentials) {
		t.Errorf("got %v, want fault.Credentials", err)
	}
	if got := strings.Join(w.recorder.Operations("cml"), " "); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

func TestAStaticTokenIsUsedAsItIs(t *testing.T) {
	w := simulate(t)
	token, err := w.IssueToken(w.Admin().Username, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := w.client(t, controller.Credentials{Username: "someone", Password: "else", Token: token}, controller.Transport{})
	ctx := within(t, patience)
	if err := c.Authenticate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SystemHealth(ctx); err != nil {
		t.Fatal(err)
	}
	w.RevokeTokens()
	asked := w.recorder.Count("cml", "GET /system_health")
	_, err = c.SystemHealth(ctx)
	if !fault.Is(err, fault.Credentials) || !strings.Contains(err.Error(), "expired or was revoked") {
		t.Errorf("got %v, want fault.Credentials that says what happened", err)
	}
	if strings.Contains(err.Error(), token) {
		t.Error("the token shows in the error")
	}
	if n := w.recorder.Count("cml", "GET /system_health") - asked; n != 1 || w.logins() != 0 {
		t.Errorf("%d requests and %d logins after the token died, want 1 and 0", n, w.logins())
	}
}

func TestARefusedLoginIsOneRequest(t *testing.T) {
	w := simulate(t)
	c := w.client(t, controller.Credentials{Username: "admin", Password: "wrong-pa55word"}, controller.Transport{})
	ctx := within(t, patience)
	err := c.Authenticate(ctx)
	if !fault.Is(err, fault.Credentials) || fault.As(err).StatusCode != http.StatusForbidden {
		t.Errorf("got %v, want fault.Credentials with status 403", err)
	}
	if w.logins() != 1 {
		t.Errorf("%d logins, want 1", w.logins())
	}
	if _, err := c.SystemHealth(ctx); !fault.Is(err, fault.Credentials) {
		t.Errorf("got %v, want fault.Credentials", err)
	}
	if n := w.recorder.Count("cml", "GET /system_health"); n != 0 {
		t.Errorf("%d requests without a token", n)
	}
}

// Clients of one run do not hammer an account that CML refuses; the one that
// decides to try again does.
func TestARefusalSpeaksForTheRun(t *testing.T) {
	w := simulate(t)
	shared := controller.Transport{Sessions: controller.NewSessions()}
	wrong := controller.Credentials{Username: "admin", Password: "wrong-pa55word"}
	ctx := within(t, patience)
	first := w.client(t, wrong, shared)
	refused := first.Authenticate(ctx)
	var last *controller.Client
	for range 3 {
		last = w.client(t, wrong, shared)
		if err := last.Authenticate(ctx); !fault.Is(err, fault.Credentials) || err.Error() != refused.Error() {
			t.Errorf("got %v, want %v", err, refused)
		}
	}
	if n := w.logins(); n != 1 {
		t.Fatalf("%d logins of four clients, want 1", n)
	}
	if err := first.Authenticate(ctx); !fault.Is(err, fault.Credentials) || w.logins() != 2 {
		t.Errorf("%d logins after a second try, want 2: %v", w.logins(), err)
	}
	// The account is there now. Another password never shared the refusal.
	if err := w.client(t, w.admin(), shared).Authenticate(ctx); err != nil {
		t.Error(err)
	}
	w.SetAdmin(cml.Credentials{Username: wrong.Username, Password: wrong.Password})
	if err := last.Authenticate(ctx); !fault.Is(err, fault.Credentials) {
		t.Errorf("the second refusal is news to this client, got %v", err)
	}
	if err := last.Authenticate(ctx); err != nil {
		t.Error(err)
	}
	if err := w.client(t, wrong, shared).Authenticate(ctx); err != nil {
		t.Errorf("the refusal outlived a login that worked: %v", err)
	}
}

func TestWithoutCredentialsNothingIsSent(t *testing.T) {
	w := simulate(t)
	for _, cr := range []controller.Credentials{{}, {Username: "admin"}, {Password: "x"}} {
		c := w.client(t, cr, controller.Transport{})
		if _, err := c.SystemHealth(within(t, patience)); !fault.Is(err, fault.Credentials) {
			t.Errorf("got %v, want fault.Credentials", err)
		}
	}
	if n := w.recorder.Count("cml", ""); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

func TestSessionsAreSharedByAddressAndUser(t *testing.T) {
	w := simulate(t)
	transport := controller.Transport{Sessions: controller.NewSessions()}
	ctx := within(t, patience)
	var all sync.WaitGroup
	for range 20 {
		c := w.client(t, w.admin(), transport)
		all.Go(func() {
			if _, err := c.SystemHealth(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if w.logins() != 1 {
		t.Errorf("%d logins for 20 clients, want 1", w.logins())
	}
	wrong := w.client(t, controller.Credentials{Username: w.Admin().Username, Password: "wrong-pa55word"}, transport)
	if _, err := wrong.SystemHealth(ctx); !fault.Is(err, fault.Credentials) {
		t.Errorf("a wrong password profits from the session of the right one: %v", err)
	}
	other := w.client(t, w.admin(), controller.Transport{})
	if _, err := other.SystemHealth(ctx); err != nil || w.logins() != 3 {
		t.Errorf("a client without the store: %v, %d logins in all, want 3", err, w.logins())
	}
}

// Those who wait for somebody else's login share its result, but not that
// somebody else was interrupted.
func TestAnInterruptedLoginIsTakenOver(t *testing.T) {
	started, release := make(chan struct{}, 10), make(chan struct{})
	var logins atomic.Int32
	ip, settings := odd(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v0/authenticate" {
			logins.Add(1)
			started <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
				return
			}
			_, _ = w.Write([]byte(`"a-token"`))
			return
		}
		_, _ = w.Write([]byte(`[]`))
	})
	transport := controller.Transport{Sessions: controller.NewSessions()}
	cr := controller.Credentials{Username: "u", Password: "p455"}
	call := func(ctx context.Context) error {
		c := controller.New(ip, settings, cr, transport)
		defer c.Close()
		_, err := c.Labs(ctx)
		return err
	}
	leader, interrupt := context.WithCancel(within(t, patience))
	led := make(chan error, 1)
	go func() { led <- call(leader) }()
	<-started
	followed := make(chan error, 1)
	go func() { followed <- call(within(t, patience)) }()
	interrupt()
	if err := <-led; !fault.Is(err, fault.Canceled) {
		t.Errorf("the leader got %v, want fault.Canceled", err)
	}
	close(release)
	if err := <-followed; err != nil {
		t.Errorf("the follower got %v", err)
	}
	if n := logins.Load(); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

func TestALoginAnswerThatIsNoToken(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "empty string": `""`, "object": `{"token":"eyJ-not-for-print"}`, "page": "<html>Welcome</html>"} {
		t.Run(name, func(t *testing.T) {
			ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
			c := controller.New(ip, settings, controller.Credentials{Username: "u", Password: "p455"}, controller.Transport{})
			defer c.Close()
			err := c.Authenticate(within(t, patience))
			if !fault.Is(err, fault.NotReady) || controller.Reason(err) != controller.ReasonNotCML {
				t.Errorf("got %v, want an answer that is not CML's", err)
			}
			if err != nil && strings.Contains(err.Error(), "eyJ-not-for-print") {
				t.Errorf("what may be a token shows in %v", err)
			}
		})
	}
}

func TestALoginRefusedWithABareString(t *testing.T) {
	ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`"Authentication failed!"`))
	})
	c := controller.New(ip, settings, controller.Credentials{Username: "u", Password: "p455"}, controller.Transport{})
	defer c.Close()
	err := c.Authenticate(within(t, patience))
	if !fault.Is(err, fault.Credentials) || !strings.Contains(err.Error(), "Authentication failed!") {
		t.Errorf("got %v", err)
	}
}

func TestCancelledCallsSaySo(t *testing.T) {
	w := simulate(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := w.client(t, w.admin(), controller.Transport{})
	_, open := c.SystemInformation(ctx)
	_, secret := c.SystemHealth(ctx)
	for _, err := range []error{open, secret, c.Authenticate(ctx), c.Trusted(ctx)} {
		if !fault.Is(err, fault.Canceled) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want fault.Canceled", err)
		}
	}
}
