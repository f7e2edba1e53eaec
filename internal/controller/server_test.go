package controller_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// patience is for what must happen; nothing is asserted about how soon it does.
const patience = 30 * time.Second

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

var lastAddress atomic.Int32

// world is a simulated CML that is ready, and where to find it.
type world struct {
	*cml.Machine
	recorder *wire.Recorder
	faults   *wire.Faults
	ip       string
	port     int
}

func simulate(t *testing.T) *world {
	t.Helper()
	w := &world{recorder: new(wire.Recorder), faults: new(wire.Faults)}
	fleet, err := cml.New(cml.Options{Recorder: w.recorder, Faults: w.faults, Timing: cml.Timing{Register: time.Nanosecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	w.ip, w.port = fmt.Sprintf("127.67.0.%d", lastAddress.Add(1)), fleet.Port()
	if err := fleet.Boot(cml.Boot{InstanceID: "i-0c32", Addresses: []string{w.ip}}); err != nil {
		t.Fatal(err)
	}
	w.Machine = fleet.Machine("i-0c32")
	deadline := time.Now().Add(patience)
	for w.Phase() != cml.Ready {
		if time.Now().After(deadline) {
			t.Fatalf("the simulated CML is %s (%v)", w.Phase(), w.NetworkError())
		}
		time.Sleep(time.Millisecond)
	}
	return w
}

func (w *world) logins() int { return w.recorder.Count("cml", "POST /authenticate") }

// settings are those for this machine, with a rule of trust.
func (w *world) settings(tls controller.TLS) controller.Settings {
	return controller.Settings{Port: w.port, TLS: tls}
}

func (w *world) admin() controller.Credentials {
	return controller.Credentials{Username: w.Admin().Username, Password: w.Admin().Password}
}

// client trusts the machine by its pin.
func (w *world) client(t *testing.T, cr controller.Credentials, transport controller.Transport) *controller.Client {
	t.Helper()
	c := controller.New(w.ip, w.settings(controller.TLS{Fingerprint: w.Fingerprint()}), cr, transport)
	t.Cleanup(c.Close)
	return c
}

// odd is a TLS server with answers that the simulated CML does not give.
func odd(t *testing.T, handler http.HandlerFunc) (ip string, s controller.Settings) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	ip, s = place(t, server.Listener.Addr().String())
	s.TLS.Trust = controller.TrustInsecure
	return ip, s
}

func place(t *testing.T, addr string) (ip string, s controller.Settings) {
	t.Helper()
	ip, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if s.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return ip, s
}

// closedPort is an address that nothing listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

var static = controller.Credentials{Token: "a-static-token"}
