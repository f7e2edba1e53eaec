package controller_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func TestSecretsTravelOnlyWhereTheRuleAllows(t *testing.T) {
	w := simulate(t)
	ca, err := cml.NewCA("Example CA")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := cml.NewCA("Foreign CA")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.UseCertificateFrom(ca, "lab.example.net", w.ip); err != nil {
		t.Fatal(err)
	}
	seen := w.Fingerprint()
	tests := map[string]struct {
		hostname string
		tls      controller.TLS
		trusted  bool
		says     []string // in the refusal
	}{
		"pin_first, pinned":               {"", controller.TLS{Trust: "pin_first", Fingerprint: strings.ToUpper(seen)}, true, nil},
		"pin is the default":              {"", controller.TLS{Fingerprint: seen}, true, nil},
		"pinned, name does not matter":    {"other.example.net", controller.TLS{Fingerprint: seen}, true, nil},
		"another pin":                     {"", controller.TLS{Fingerprint: pinA}, false, []string{pinA, seen}},
		"another pin beats a chain":       {"", controller.TLS{Fingerprint: pinA, CACert: ca.PEM()}, false, []string{pinA, seen}},
		"no pin, chain by address":        {"", controller.TLS{CACert: ca.PEM()}, true, nil},
		"no pin, no chain":                {"", controller.TLS{}, false, []string{seen, "controller.tls.fingerprint"}},
		"no pin, foreign authority":       {"", controller.TLS{CACert: foreign.PEM()}, false, []string{seen}},
		"verify, chain by host name":      {"lab.example.net", controller.TLS{Trust: "verify", CACert: ca.PEM()}, true, nil},
		"verify, another host name":       {"other.example.net", controller.TLS{Trust: "verify", CACert: ca.PEM()}, false, []string{seen, "other.example.net"}},
		"verify, server name":             {"other.example.net", controller.TLS{Trust: "verify", CACert: ca.PEM(), ServerName: "lab.example.net"}, true, nil},
		"verify, no chain":                {"", controller.TLS{Trust: "verify"}, false, []string{seen, "controller.tls.cacert"}},
		"verify, pinned but no chain":     {"", controller.TLS{Trust: "verify", Fingerprint: seen}, false, []string{seen}},
		"verify, chain but another pin":   {"", controller.TLS{Trust: "verify", CACert: ca.PEM(), Fingerprint: pinA}, false, []string{pinA, seen}},
		"verify, chain and pin":           {"", controller.TLS{Trust: "verify", CACert: ca.PEM(), Fingerprint: seen}, true, nil},
		"insecure":                        {"", controller.TLS{Trust: "insecure"}, true, nil},
		"insecure, but with another pin":  {"", controller.TLS{Trust: "insecure", Fingerprint: pinA}, false, []string{pinA, seen}},
		"insecure, name does not matter":  {"other.example.net", controller.TLS{Trust: "insecure"}, true, nil},
		"several authorities in one text": {"", controller.TLS{CACert: foreign.PEM() + "\n" + ca.PEM()}, true, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := w.recorder.Count("cml", "")
			settings := w.settings(test.tls)
			settings.Hostname = test.hostname
			c := controller.New(w.ip, settings, w.admin(), controller.Transport{})
			defer c.Close()
			ctx := within(t, patience)
			trusted, authenticated := c.Trusted(ctx), c.Authenticate(ctx)
			_, health := c.SystemHealth(ctx)
			withToken := controller.New(w.ip, settings, static, controller.Transport{})
			defer withToken.Close()
			token := withToken.Authenticate(ctx)
			if c.Fingerprint() != seen {
				t.Errorf("fingerprint %q, want %q", c.Fingerprint(), seen)
			}
			if test.trusted {
				for _, err := range []error{trusted, authenticated, health, token} {
					if err != nil {
						t.Errorf("refused: %v", err)
					}
				}
				return
			}
			for _, err := range []error{trusted, authenticated, health, token} {
				if !fault.Is(err, fault.Untrusted) || controller.Reason(err) != controller.ReasonTLS {
					t.Errorf("got %v, want fault.Untrusted", err)
					continue
				}
				for _, text := range test.says {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%q is missing in: %v", text, err)
					}
				}
			}
			if asked := w.recorder.Count("cml", "") - before; asked != 0 {
				t.Errorf("%d requests were sent over a connection that is not trusted", asked)
			}
		})
	}
}

func TestInformationNeedsNoTrustButKeepsToThePin(t *testing.T) {
	w := simulate(t)
	for name, tls := range map[string]controller.TLS{"pin_first": {}, "verify": {Trust: "verify"}, "pinned": {Fingerprint: w.Fingerprint()}} {
		c := controller.New(w.ip, w.settings(tls), w.admin(), controller.Transport{})
		if got := c.Fingerprint(); got != "" {
			t.Errorf("%s: fingerprint %q before any connection", name, got)
		}
		info, err := c.SystemInformation(within(t, patience))
		if err != nil || !info.Ready || info.Version != cml.DefaultVersion {
			t.Errorf("%s: got %+v, %v", name, info, err)
		}
		if c.Fingerprint() != w.Fingerprint() {
			t.Errorf("%s: fingerprint %q, want %q", name, c.Fingerprint(), w.Fingerprint())
		}
		c.Close()
	}
	for _, record := range w.recorder.All() {
		if record.Header.Get("Authorization") != "" {
			t.Errorf("%s carried a token", record.Operation)
		}
	}
	asked := w.recorder.Count("cml", "")
	c := controller.New(w.ip, w.settings(controller.TLS{Fingerprint: pinA}), w.admin(), controller.Transport{})
	defer c.Close()
	_, err := c.SystemInformation(within(t, patience))
	if !fault.Is(err, fault.Untrusted) || !strings.Contains(err.Error(), pinA) || !strings.Contains(err.Error(), w.Fingerprint()) {
		t.Errorf("another pin: got %v, want fault.Untrusted with both fingerprints", err)
	}
	if w.recorder.Count("cml", "") != asked {
		t.Error("a request was sent to a server with another certificate")
	}
}

// The check belongs to the connection that carries the secret, not to one
// made a moment before.
func TestEveryConnectionIsChecked(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	ctx := within(t, patience)
	if _, err := c.SystemHealth(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.ReplaceCertificate(w.ip); err != nil { // ends all connections, too
		t.Fatal(err)
	}
	asked := w.recorder.Count("cml", "")
	if _, err := c.SystemHealth(ctx); !fault.Is(err, fault.Untrusted) {
		t.Errorf("got %v, want fault.Untrusted", err)
	}
	if w.recorder.Count("cml", "") != asked {
		t.Error("the token went to a server with another certificate")
	}
}

func TestSettingsThatMakeNoSenseFailEveryCall(t *testing.T) {
	ip, good := odd(t, func(w http.ResponseWriter, _ *http.Request) {
		t.Error("a request was sent")
		w.WriteHeader(http.StatusTeapot)
	})
	tests := map[string]struct {
		change    func(*controller.Settings)
		transport controller.Transport
		says      string
	}{
		"trust":       {func(s *controller.Settings) { s.TLS.Trust = "blind" }, controller.Transport{}, "controller.tls.trust"},
		"fingerprint": {func(s *controller.Settings) { s.TLS.Fingerprint = "abc" }, controller.Transport{}, "controller.tls.fingerprint"},
		"cacert":      {func(s *controller.Settings) { s.TLS.CACert = "abc" }, controller.Transport{}, "controller.tls.cacert"},
		"via":         {func(s *controller.Settings) { s.Via = "pigeon" }, controller.Transport{}, "controller.via"},
		"no proxy":    {func(s *controller.Settings) { s.Via = "proxy" }, controller.Transport{}, "controller.proxy"},
		"bad proxy": {
			func(s *controller.Settings) { s.Via = "proxy" }, controller.Transport{ProxyURL: "socks5://u:secret@127.0.0.1:1"}, "controller.proxy",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			settings := good
			test.change(&settings)
			c := controller.New(ip, settings, static, test.transport)
			defer c.Close()
			ctx := within(t, patience)
			_, open := c.SystemInformation(ctx)
			_, secret := c.SystemHealth(ctx)
			for _, err := range []error{open, secret, c.Trusted(ctx), c.Authenticate(ctx)} {
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v, want fault.Invalid that names %s", err, test.says)
				}
			}
		})
	}
}
