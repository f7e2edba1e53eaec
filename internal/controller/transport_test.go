package controller_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// accept serves raw connections.
func accept(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}

func TestReasonsOfSilence(t *testing.T) {
	reset := accept(t, func(conn net.Conn) {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	})
	plain := accept(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.6\r\n")
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	})
	mute := accept(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	// What a dialer of another network may say.
	says := func(err error) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: err}
		}
	}
	tests := map[string]struct {
		addr, reason, says string
		dial               func(context.Context, string, string) (net.Conn, error)
	}{
		"refused":      {closedPort(t), controller.ReasonRefused, "refused the connection", nil},
		"reset":        {reset, controller.ReasonReset, "closed the connection", nil},
		"another kind": {plain, controller.ReasonTLS, "does not speak TLS", nil},
		"silence":      {mute, controller.ReasonTimeout, "did not answer in time", nil},
		"no address":   {":443", controller.ReasonNoRoute, "no address", nil},
		"no route":     {mute, controller.ReasonNoRoute, "no route", says(os.NewSyscallError("connect", syscall.EHOSTUNREACH))},
		"no network":   {mute, controller.ReasonNoRoute, "no route", says(os.NewSyscallError("connect", syscall.ENETUNREACH))},
		"given up":     {mute, controller.ReasonTimeout, "did not answer in time", says(os.NewSyscallError("connect", syscall.ETIMEDOUT))},
		"no such name": {mute, controller.ReasonDNS, "does not resolve", says(&net.DNSError{Err: "no such host", Name: "proxy.invalid", IsNotFound: true})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ip, settings := place(t, test.addr)
			limit := patience
			if name == "silence" {
				limit = 100 * time.Millisecond
			}
			c := controller.New(ip, settings, static, controller.Transport{RequestTimeout: limit, Dial: test.dial})
			defer c.Close()
			ctx := within(t, patience)
			_, asked := c.SystemInformation(ctx)
			for _, err := range []error{asked, c.Trusted(ctx)} {
				if !fault.Is(err, fault.Unreachable) || controller.Reason(err) != test.reason || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v (%s, %q), want %s", err, fault.KindOf(err), controller.Reason(err), test.reason)
				}
				if controller.Answered(err) {
					t.Error("it counts as an answer")
				}
			}
		})
	}
}

func TestABlackHoleTimesOut(t *testing.T) {
	w := simulate(t)
	if err := w.HoldPhase(cml.BlackHole); err != nil {
		t.Fatal(err)
	}
	ctx := within(t, patience)
	for name, transport := range map[string]controller.Transport{
		"request": {RequestTimeout: 100 * time.Millisecond}, "connect": {ConnectTimeout: 100 * time.Millisecond},
	} {
		c := w.client(t, w.admin(), transport)
		if _, err := c.SystemInformation(ctx); !fault.Is(err, fault.Unreachable) || controller.Reason(err) != controller.ReasonTimeout {
			t.Errorf("%s limit: got %v", name, err)
		}
	}
	// The caller's own deadline is a time-out of the caller's operation.
	c := w.client(t, w.admin(), controller.Transport{})
	if _, err := c.SystemInformation(within(t, 100*time.Millisecond)); !fault.Is(err, fault.Timeout) || controller.Reason(err) != controller.ReasonTimeout {
		t.Errorf("deadline: got %v", err)
	}
}

func TestWhatIsDialledIsTheAddress(t *testing.T) {
	w := simulate(t)
	var dialled atomic.Value
	transport := controller.Transport{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Store(addr)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}}
	// Neither name nor environment may matter.
	t.Setenv("HTTPS_PROXY", "http://"+closedPort(t))
	t.Setenv("HTTP_PROXY", "http://"+closedPort(t))
	settings := w.settings(controller.TLS{Trust: "insecure"})
	settings.Hostname = "does-not-exist.invalid"
	c := controller.New(w.ip, settings, w.admin(), transport)
	defer c.Close()
	if _, err := c.SystemInformation(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%s:%d", w.ip, w.port); dialled.Load() != want {
		t.Errorf("dialled %v, want %s", dialled.Load(), want)
	}
}

// Whether a connection can be made is what a probe asks, so it makes one.
func TestOnlyCheckedConnectionsAreKept(t *testing.T) {
	w := simulate(t)
	var dialled atomic.Int32
	c := w.client(t, w.admin(), controller.Transport{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialled.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}})
	ctx := within(t, patience)
	for range 3 {
		if _, err := c.SystemInformation(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := dialled.Swap(0); n != 3 {
		t.Errorf("%d connections for 3 probes", n)
	}
	for range 3 {
		if _, err := c.SystemHealth(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := dialled.Load(); n != 1 {
		t.Errorf("%d connections for calls with a token, want 1", n)
	}
}

func TestHeadersGoWithEveryRequest(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{Headers: map[string]string{"x-access": "gate-secret", "user-agent": "me", "authorization": "Basic x"}})
	ctx := within(t, patience)
	if _, err := c.SystemInformation(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SystemHealth(ctx); err != nil {
		t.Fatal(err)
	}
	records := w.recorder.All()
	if len(records) != 3 {
		t.Fatalf("%d requests, want 3", len(records))
	}
	for _, record := range records {
		if record.Header.Get("X-Access") != "gate-secret" || record.Header.Get("User-Agent") != "me" {
			t.Errorf("%s came with %v", record.Operation, record.Header)
		}
		if len(record.Body) > 0 && record.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s has a body of type %q", record.Operation, record.Header.Get("Content-Type"))
		}
	}
	if got := records[2].Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer ") {
		t.Errorf("health came with Authorization %q", got)
	}
}

// tunnel is an HTTP proxy that connects, or answers with a status.
func tunnel(t *testing.T, status int, seen chan<- *http.Request) string {
	return accept(t, func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		seen <- request
		if status != http.StatusOK {
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", status, http.StatusText(status))
			return
		}
		target, err := new(net.Dialer).DialContext(t.Context(), "tcp", request.Host)
		if err != nil {
			return
		}
		defer func() { _ = target.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(target, conn) }()
		_, _ = io.Copy(conn, target)
	})
}

func TestViaProxy(t *testing.T) {
	w := simulate(t)
	seen := make(chan *http.Request, 10)
	settings := w.settings(controller.TLS{Fingerprint: w.Fingerprint()})
	settings.Via = controller.ViaProxy
	through := func(proxy string) *controller.Client {
		c := controller.New(w.ip, settings, w.admin(), controller.Transport{ProxyURL: proxy})
		t.Cleanup(c.Close)
		return c
	}
	ctx := within(t, patience)
	c := through("http://user:proxy-pa55@" + tunnel(t, http.StatusOK, seen))
	if _, err := c.SystemHealth(ctx); err != nil {
		t.Fatal(err)
	}
	request := <-seen
	if want := fmt.Sprintf("%s:%d", w.ip, w.port); request.Method != http.MethodConnect || request.Host != want {
		t.Errorf("the proxy was asked to %s %s, want CONNECT %s", request.Method, request.Host, want)
	}
	if user, password, _ := proxyAuth(request); user != "user" || password != "proxy-pa55" {
		t.Errorf("the proxy got %q", request.Header.Get("Proxy-Authorization"))
	}
	if c.Fingerprint() != w.Fingerprint() {
		t.Error("the fingerprint is not that of CML")
	}

	refusing := "http://user:proxy-pa55@" + tunnel(t, http.StatusForbidden, seen)
	for name, proxy := range map[string]string{"refuses": refusing, "is not there": "http://user:proxy-pa55@" + closedPort(t)} {
		_, err := through(proxy).SystemInformation(ctx)
		if !fault.Is(err, fault.Unreachable) || controller.Reason(err) != controller.ReasonProxy || !strings.Contains(err.Error(), "proxy") {
			t.Errorf("a proxy that %s: got %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "proxy-pa55") {
			t.Errorf("the proxy's password shows in %v", err)
		}
	}
}

func proxyAuth(r *http.Request) (user, password string, ok bool) {
	return (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
}

func TestRedirectsStayOnTheHost(t *testing.T) {
	var elsewhere atomic.Int32
	otherIP, other := odd(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	foreign := other.URL(otherIP)
	ip, settings := odd(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v0/system_information":
			http.Redirect(w, r, foreign+"/login", http.StatusFound)
		case "/api/v0/labs":
			http.Redirect(w, r, "/api/v0/labs/", http.StatusPermanentRedirect)
		case "/api/v0/system_health":
			http.Redirect(w, r, "http://"+r.Host+"/", http.StatusFound)
		case "/api/v0/licensing":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case "/api/v0/labs/":
			_, _ = io.WriteString(w, `["a"]`)
		}
	})
	c := controller.New(ip, settings, static, controller.Transport{})
	defer c.Close()
	ctx := within(t, patience)
	_, err := c.SystemInformation(ctx)
	if controller.Reason(err) != controller.ReasonNotCML || !strings.Contains(err.Error(), foreign) {
		t.Errorf("to another host: got %v", err)
	}
	if _, err := c.SystemHealth(ctx); controller.Reason(err) != controller.ReasonNotCML {
		t.Errorf("to plain HTTP: got %v", err)
	}
	if _, err := c.Licensing(ctx); controller.Reason(err) != controller.ReasonNotCML {
		t.Errorf("in circles: got %v", err)
	}
	if ids, err := c.Labs(ctx); err != nil || len(ids) != 1 {
		t.Errorf("within the host: got %v, %v", ids, err)
	}
	if elsewhere.Load() != 0 {
		t.Error("the other host was asked")
	}
}
