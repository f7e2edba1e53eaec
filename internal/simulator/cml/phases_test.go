package cml_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// seen names what one readiness probe of a new connection met.
func seen(t *testing.T, c *client) string {
	c.http.CloseIdleConnections()
	got := c.try("GET", "/system_information", nil)
	switch {
	case errors.Is(got.err, syscall.ECONNREFUSED):
		return "refused"
	case got.err != nil:
		return "broken"
	case got.status == http.StatusBadGateway:
		if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || !strings.Contains(got.body, "nginx") {
			t.Errorf("502 without the proxy's page: %v %q", got.header, got.body)
		}
		return "bad_gateway"
	}
	if pick(t, got.decode(t), "ready") == true {
		return "ready"
	}
	return "not_ready"
}

// watch collects the different things that probes meet until the machine is ready.
func watch(t *testing.T, c *client) []string {
	t.Helper()
	var met []string
	eventually(t, "the machine is ready", func() bool {
		now := seen(t, c)
		if now != "broken" && (len(met) == 0 || met[len(met)-1] != now) {
			met = append(met, now)
		}
		return now == "ready"
	})
	return met
}

var inOrder = []string{"refused", "bad_gateway", "not_ready", "ready"}

// subsequence reports whether met could be what a probe, which may miss things on
// a busy machine, sees of want.
func subsequence(met, want []string) bool {
	for _, one := range met {
		i := slices.Index(want, one)
		if i < 0 {
			return false
		}
		want = want[i+1:]
	}
	return true
}

// frozen stays in each phase until it is told to advance.
var frozen = cml.Timing{Refused: time.Hour, BadGateway: time.Hour, NotReady: time.Hour}

// advance takes a frozen machine from refused to ready and tells what was met.
func advance(t *testing.T, m *cml.Machine, c *client) []string {
	t.Helper()
	var met []string
	for range inOrder {
		met = append(met, seen(t, c))
		if met[len(met)-1] == "ready" {
			break
		}
		if err := m.Advance(); err != nil {
			t.Fatal(err)
		}
	}
	return met
}

func TestBootPassesThePhasesInOrderOnEveryAddress(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: cml.Timing{Refused: 40 * time.Millisecond, BadGateway: 60 * time.Millisecond, NotReady: 60 * time.Millisecond}})
	public, private := address(), address()
	if err := fleet.Boot(cml.Boot{InstanceID: "i-1", Addresses: []string{public, private}}); err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{public, private} {
		c := clientOf(t, fleet, ip)
		if met := watch(t, c); !subsequence(met, inOrder) {
			t.Errorf("%s: met %v", ip, met)
		}
	}
	fleet.Shutdown("i-1")
	same(t, "after shutdown", seen(t, clientOf(t, fleet, public)), "refused")
	same(t, "phase", fleet.Machine("i-1").Phase(), cml.Off)
}

func TestFlapReplaysThePhasesOnceAndOnFirstBootOnly(t *testing.T) {
	timing := frozen
	timing.FlapAfter = time.Nanosecond
	fleet := newFleet(t, cml.Options{Timing: timing})
	ip := address()
	boot := cml.Boot{InstanceID: "i-1", Addresses: []string{ip}}
	if err := fleet.Boot(boot); err != nil {
		t.Fatal(err)
	}
	m, c := fleet.Machine("i-1"), clientOf(t, fleet, ip)
	for range 3 {
		if err := m.Advance(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the machine flaps", func() bool { return seen(t, c) == "refused" })
	same(t, "second round", advance(t, m, c), inOrder)
	for range 20 {
		if now := seen(t, c); now != "ready" {
			t.Fatalf("met %q after the second round", now)
		}
	}
	fleet.Shutdown("i-1")
	if err := fleet.Boot(boot); err != nil {
		t.Fatal(err)
	}
	same(t, "second boot", advance(t, m, c), inOrder)
	for range 20 {
		if now := seen(t, c); now != "ready" {
			t.Fatalf("second boot: met %q after it was ready", now)
		}
	}
}

func TestRebootReplaysThePhases(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	m, c := ready(t, fleet, cml.Boot{})
	m.SetTiming(frozen)
	if err := m.Reboot(); err != nil {
		t.Fatal(err)
	}
	same(t, "met", advance(t, m, c), inOrder)
}

func TestHoldAdvanceAndRelease(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: frozen})
	ip := address()
	if err := fleet.Boot(cml.Boot{InstanceID: "i-1", Addresses: []string{ip}}); err != nil {
		t.Fatal(err)
	}
	m, c := fleet.Machine("i-1"), clientOf(t, fleet, ip)
	for _, want := range []string{"refused", "bad_gateway", "not_ready", "ready"} {
		same(t, "met", seen(t, c), want)
		if err := m.Advance(); err != nil {
			t.Fatal(err)
		}
	}
	for _, hold := range []cml.Phase{cml.Refused, cml.BadGateway, cml.NotReady} {
		if err := m.HoldPhase(hold); err != nil {
			t.Fatal(err)
		}
		same(t, "held", seen(t, c), string(hold))
	}
	if err := m.ReleasePhase(); err != nil {
		t.Fatal(err)
	}
	same(t, "released", seen(t, c), "ready")
	if err := m.HoldPhase("sleeping"); err == nil {
		t.Error("an unknown phase was held")
	}
	fleet.Shutdown("i-1")
	if err := m.Advance(); err == nil {
		t.Error("a machine that is off advanced")
	}
	if err := m.Reboot(); err == nil {
		t.Error("a machine that is off rebooted")
	}
}

func TestNotReadyLetsOtherCallsWorkOrNot(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	m, c := ready(t, fleet, cml.Boot{})
	if err := m.HoldPhase(cml.NotReady); err != nil {
		t.Fatal(err)
	}
	c.want(http.StatusOK, "POST", "/authenticate", cml.DefaultAdmin())
	m.Switch(func(s *cml.Switches) { s.NotReadyBadGateway = true })
	c.want(http.StatusBadGateway, "POST", "/authenticate", cml.DefaultAdmin())
	same(t, "readiness", seen(t, c), "not_ready")
}

func TestBlackHoleTimesOutAndHeals(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	m, c := ready(t, fleet, cml.Boot{})
	if err := m.HoldPhase(cml.BlackHole); err != nil {
		t.Fatal(err)
	}
	c.http.CloseIdleConnections()
	c.http.Timeout = 300 * time.Millisecond
	got := c.try("GET", "/system_information", nil)
	if !os.IsTimeout(got.err) {
		t.Fatalf("got %d and %v, want a time-out", got.status, got.err)
	}
	if runtime.GOOS == "linux" { // here even the connection itself gets no answer
		var dial *net.OpError
		if _, err := net.DialTimeout("tcp", strings.TrimPrefix(c.base, "https://"), 300*time.Millisecond); !errors.As(err, &dial) || !dial.Timeout() {
			t.Errorf("dialling got %v, want a time-out", err)
		}
	}
	c.http.Timeout = patience
	if err := m.ReleasePhase(); err != nil {
		t.Fatal(err)
	}
	same(t, "healed", seen(t, c), "ready")
}

func TestMachineWithoutVirtualizationNeverGetsReady(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	ip := address()
	if err := fleet.Boot(cml.Boot{InstanceID: "i-1", Addresses: []string{ip}, NoVirtualization: true}); err != nil {
		t.Fatal(err)
	}
	m, c := fleet.Machine("i-1"), clientOf(t, fleet, ip)
	eventually(t, "it answers", func() bool { return m.Phase() == cml.NotReady })
	time.Sleep(50 * time.Millisecond) // longer than all phases together
	same(t, "met", seen(t, c), "not_ready")
	health := c.login(cml.DefaultAdmin()).get("/system_health")
	same(t, "valid", pick(t, health, "valid"), false)
	for _, host := range pick(t, health, "computes").(map[string]any) {
		same(t, "kvm_vmx_enabled", pick(t, host, "kvm_vmx_enabled"), false)
	}
	if err := m.SetVirtualization(true); err != nil {
		t.Fatal(err)
	}
	same(t, "after the change", seen(t, c), "ready")
}

func TestImageWithoutCMLNeverListens(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	ip := address()
	if err := fleet.Boot(cml.Boot{InstanceID: "i-1", Addresses: []string{ip}, NoCML: true}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // longer than all phases together
	same(t, "met", seen(t, clientOf(t, fleet, ip)), "refused")
}

func TestReaddressMovesTheServer(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	m, before := ready(t, fleet, cml.Boot{})
	to := address()
	if err := m.Readdress(to); err != nil {
		t.Fatal(err)
	}
	same(t, "new address", seen(t, clientOf(t, fleet, to)), "ready")
	same(t, "old address", seen(t, before), "refused")
	same(t, "addresses", m.Addresses(), []string{to})
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: cml.Timing{BadGateway: time.Hour}})
	if err := fleet.Boot(cml.Boot{InstanceID: "i-1", Addresses: []string{"0.0.0.0"}}); err != nil {
		t.Fatal(err)
	}
	m := fleet.Machine("i-1")
	eventually(t, "listening failed", func() bool { return m.NetworkError() != nil })
	if !strings.Contains(m.NetworkError().Error(), "not a loopback address") {
		t.Errorf("got %v", m.NetworkError())
	}
}

func TestCertificatePersistsUntilItIsReplaced(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	boot := cml.Boot{InstanceID: "i-1", Addresses: []string{address()}}
	m, c := ready(t, fleet, boot)
	shown := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", strings.TrimPrefix(c.base, "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return sha256Of(conn.ConnectionState().PeerCertificates[0])
	}
	first := shown()
	same(t, "fingerprint", m.Fingerprint(), first)
	fleet.Shutdown("i-1")
	ready(t, fleet, boot)
	same(t, "after stop and start", shown(), first)
	if err := m.ReplaceCertificate("cml.example.net"); err != nil {
		t.Fatal(err)
	}
	if shown() == first {
		t.Error("the certificate did not change")
	}
	same(t, "fingerprint", m.Fingerprint(), shown())

	other, _ := ready(t, fleet, cml.Boot{InstanceID: "i-2"})
	if other.Fingerprint() == first {
		t.Error("two machines share a certificate")
	}
	c.http.Transport.(*http.Transport).TLSClientConfig = nil
	got := c.try("GET", "/system_information", nil)
	var unverified *tls.CertificateVerificationError
	if !errors.As(got.err, &unverified) {
		t.Errorf("self-signed: got %v, want an error of verification", got.err)
	}
}

func TestSessionsAreNotResumed(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	_, c := ready(t, fleet, cml.Boot{})
	config := &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	c.http.Transport.(*http.Transport).TLSClientConfig = config
	for range 3 { // a resumed session would hide a changed certificate
		c.want(http.StatusOK, "GET", "/system_information", nil)
		c.http.CloseIdleConnections()
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(c.base, "https://"), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	same(t, "resumed", conn.ConnectionState().DidResume, false)
}

func TestCertificateFromAnAuthorityVerifies(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	m, c := ready(t, fleet, cml.Boot{})
	ca, err := cml.NewCA("Example CA")
	if err != nil {
		t.Fatal(err)
	}
	ip := m.Addresses()[0]
	if err := m.UseCertificateFrom(ca, "cml.example.net", ip); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca.PEM())) {
		t.Fatal("the authority's PEM is not one")
	}
	transport := c.http.Transport.(*http.Transport)
	for name, verifies := range map[string]bool{"": true, "cml.example.net": true, "other.example.net": false} {
		transport.CloseIdleConnections()
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, ServerName: name}
		if got := c.try("GET", "/system_information", nil); (got.err == nil) != verifies {
			t.Errorf("server name %q: got %v", name, got.err)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	fleet, err := cml.New(cml.Options{Timing: cml.Timing{Noise: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	m, c := ready(t, fleet, cml.Boot{})
	c.want(http.StatusOK, "GET", "/system_information", nil)
	ready(t, fleet, cml.Boot{InstanceID: "i-hole"})
	if err := fleet.Machine("i-hole").HoldPhase(cml.BlackHole); err != nil {
		t.Fatal(err)
	}
	if err := fleet.Close(); err != nil {
		t.Fatal(err)
	}
	c.http.CloseIdleConnections()
	same(t, "met", seen(t, c), "refused")
	if err := fleet.Boot(cml.Boot{InstanceID: m.ID()}); err == nil {
		t.Error("a closed fleet booted a machine")
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}

func TestRecordAndFaults(t *testing.T) {
	recorder, faults := new(wire.Recorder), new(wire.Faults)
	fleet := newFleet(t, cml.Options{Timing: instant, Recorder: recorder, Faults: faults})
	m, c := ready(t, fleet, cml.Boot{InstanceID: "i-1"})
	id, err := m.AddLab(cml.Lab{Title: "one"})
	if err != nil {
		t.Fatal(err)
	}
	c = c.login(cml.DefaultAdmin())
	faults.Add(
		wire.Rule{Operation: "GET /labs/{lab_id}", Match: map[string]string{"lab_id": id, "Target": "i-1"}, Times: 1,
			Fault: wire.Fault{Kind: wire.Error, Status: 500, Message: "boom"}},
		wire.Rule{Operation: "GET /authok", Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: 504}},
		wire.Rule{Operation: "GET /authok", Skip: 1, Times: 1, Fault: wire.Fault{Kind: wire.Throttle}},
		wire.Rule{Operation: "GET /authok", Skip: 2, Times: 1, Fault: wire.Fault{Kind: wire.Garbage}},
		wire.Rule{Operation: "POST /system/notices", Times: 1, Fault: wire.Fault{Kind: wire.Drop}},
		wire.Rule{Operation: "POST /system/notices", Skip: 1, Times: 1, Fault: wire.Fault{Kind: wire.Reset}},
		wire.Rule{Operation: "GET /system_stats", Times: 1, Fault: wire.Fault{Kind: wire.SlowBody, Delay: wire.Duration(time.Millisecond)}},
	)
	same(t, "scripted text", c.want(500, "GET", "/labs/"+id, nil).refusal(t), "boom")
	c.want(http.StatusOK, "GET", "/labs/"+id, nil)
	if page := c.want(504, "GET", "/authok", nil).body; !strings.Contains(page, "<html>") {
		t.Errorf("504 comes from the proxy, got %q", page)
	}
	c.want(429, "GET", "/authok", nil).refusal(t)
	if body := c.want(200, "GET", "/authok", nil).body; !strings.Contains(body, "<html>") {
		t.Errorf("garbage is %q", body)
	}
	c.json("GET", "/system_stats", nil)

	notice := map[string]any{"level": "INFO", "label": "once"}
	if got := c.try("POST", "/system/notices", notice); got.err == nil {
		t.Errorf("a dropped answer came: %v", got)
	}
	same(t, "notices after a lost answer", len(c.get("/system/notices").([]any)), 1)
	if got := c.try("POST", "/system/notices", notice); !errors.Is(got.err, syscall.ECONNRESET) {
		t.Errorf("reset: got %v", got.err)
	}
	same(t, "notices after a reset", len(c.get("/system/notices").([]any)), 1)
	same(t, "rules left", faults.Pending(), 0)

	records := recorder.Filter(func(r wire.Record) bool { return r.Operation == "GET /labs/{lab_id}" })
	if len(records) != 2 || records[0].StatusCode != 500 || records[0].Fault != wire.Error || records[1].StatusCode != 200 ||
		records[0].Target != "i-1" || records[0].Params.Get("lab_id") != id || records[0].Service != "cml" {
		t.Errorf("recorded %+v", records)
	}
	login := recorder.Filter(func(r wire.Record) bool { return r.Operation == "POST /authenticate" })[0]
	if !strings.Contains(string(login.Body), cml.DefaultAdmin().Password) {
		t.Errorf("the body of the login is %q", login.Body)
	}
	c.want(404, "GET", "/no/such/path", nil)
	if !slices.Contains(recorder.Operations("cml"), "GET /no/such/path") {
		t.Error("an unknown path is not recorded")
	}
}

func TestOptions(t *testing.T) {
	if _, err := cml.New(cml.Options{Version: "two"}); err == nil {
		t.Error("a version that is none was taken")
	}
	if err := cml.CheckVersion("2.11.0+sso"); err != nil {
		t.Error(err)
	}
	fleet := newFleet(t, cml.Options{})
	fleet.SetAdmin(cml.Credentials{Username: "root", Password: "correct horse"})
	same(t, "admin", fleet.Admin().Username, "root")
	m, c := ready(t, fleet, cml.Boot{Version: "2.8.1"})
	c.login(fleet.Admin())
	same(t, "version of the image", m.Version(), "2.8.1")
	if err := fleet.Boot(cml.Boot{InstanceID: "i-bad", Version: "two"}); err == nil {
		t.Error("an image with a bad version booted")
	}
	early := fleet.Machine("i-early")
	if err := early.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	ready(t, fleet, cml.Boot{InstanceID: "i-early", Version: "2.8.1"})
	same(t, "version that a test set", early.Version(), "2.10.0")
}

func TestTakenAddressIsReported(t *testing.T) {
	var logged []string
	taken := address()
	fleet := newFleet(t, cml.Options{Timing: frozen, Log: func(line string) { logged = append(logged, line) }})
	squatter, err := net.Listen("tcp", net.JoinHostPort(taken, strconv.Itoa(fleet.Port())))
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	if err := fleet.Boot(cml.Boot{InstanceID: "i-1", Addresses: []string{address(), taken}}); err != nil {
		t.Fatal(err)
	}
	m := fleet.Machine("i-1")
	if err := m.Advance(); err == nil || !strings.Contains(err.Error(), taken) {
		t.Errorf("got %v", err)
	}
	m.Phase()
	if len(logged) != 1 || !strings.HasPrefix(logged[0], "i-1: ") {
		t.Errorf("logged %q", logged)
	}
	same(t, "the other address", seen(t, clientOf(t, fleet, m.Addresses()[0])), "refused")
}
