package license_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

// double is a CML that shares no line with the simulator: what cml-api.md leaves
// open, it does otherwise.
type double struct {
	// Releases.
	codes  map[string]int // the success status of an operation; 204 otherwise
	bodies bool           // a change answers with the status
	patch  bool           // the transport goes by PATCH, and PUT is 405
	// Forms.
	date                    string
	registered, free, fine  string // words for statuses
	fraction, sparse, keeps bool
	wait                    time.Duration

	mu         sync.Mutex
	product    string
	nodes      int
	ssms       any
	proxy      map[string]any
	token      string
	since      time.Time // of the registration under way or done
	gone       time.Time // of the de-registration
	asked      []string
	violations []string
	count      int // registrations at Cisco
}

func (d *double) say(format string, args ...any) {
	d.violations = append(d.violations, fmt.Sprintf(format, args...))
}

func (d *double) status() (registration, authorization string) {
	switch now := time.Now(); {
	case !d.gone.IsZero() && now.Before(d.gone.Add(d.wait)):
		return "DEREGISTERING", "EVAL"
	case d.since.IsZero():
		return d.free, "INIT"
	case now.Before(d.since.Add(d.wait)):
		return "PENDING", "EVAL"
	case now.Before(d.since.Add(2 * d.wait)):
		return d.registered, "EVAL"
	}
	return d.registered, d.fine
}

func (d *double) number(n int) any {
	if d.fraction {
		return json.RawMessage(fmt.Sprintf("%d.0", n))
	}
	return n
}

func (d *double) document() any {
	registration, authorization := d.status()
	node := map[string]any{"in_use": d.number(d.nodes), "id": "regid.2031-01.com.cisco.CML_NODE_COUNT,2.0_other", "status": authorization}
	base := map[string]any{"id": "regid.2031-01.com.cisco.CML_BASE,2.0_x", "in_use": d.number(1), "name": "base"}
	r := map[string]any{"status": registration}
	a := map[string]any{"status": authorization}
	if registration == d.registered {
		r["smart_account"], r["virtual_account"] = "SA", "VA"
		r["expires"], a["expires"] = d.since.Add(365*24*time.Hour).UTC().Format(d.date), d.since.Add(90*24*time.Hour).UTC().Format(d.date)
	}
	features := []any{node, base}
	if !d.sparse {
		node["min"], node["max"], node["minEndDate"] = d.number(0), d.number(300), nil
		stamps := map[string]any{"succeeded": nil, "attempted": nil, "scheduled": nil, "status": nil, "failure": nil, "success": "FAILED"}
		r["renew_time"], a["renew_time"] = stamps, stamps
		features = []any{base, node}
	}
	if !d.since.IsZero() {
		r["register_time"] = map[string]any{"attempted": d.since.UTC().Format(d.date), "failure": "OK"}
	}
	out := map[string]any{
		"udi": map[string]any{"product_uuid": "udi-of-the-double"}, "registration": r, "authorization": a, "features": features,
		"product_license": map[string]any{"active": d.product}, "transport": map[string]any{"ssms": d.ssms, "proxy": d.proxy},
	}
	if !d.sparse {
		out["reservation_mode"], out["something_new"] = false, map[string]any{"a": []any{1, nil}}
		out["transport"] = map[string]any{"ssms": d.ssms, "proxy": d.proxy, "default_ssms": "https://cisco.example/path"}
		if d.ssms == nil {
			out["transport"] = map[string]any{"ssms": "https://cisco.example/path", "proxy": d.proxy, "default_ssms": "https://cisco.example/path"}
		}
	}
	return out
}

func (d *double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	operation := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v0")
	d.asked = append(d.asked, operation)
	status, answer := d.answer(operation, r, body)
	if strings.HasPrefix(operation, "DELETE /licensing") && status < 300 {
		d.gone = time.Now()
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if answer != nil && status != http.StatusNoContent {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func refusal(text string) any { return map[string]any{"description": text, "code": 400} }

func (d *double) answer(operation string, r *http.Request, body []byte) (int, any) {
	switch operation {
	case "GET /system_information":
		return 200, map[string]any{"ready": true, "version": "2.12.0+x"}
	case "POST /authenticate":
		var in map[string]string
		if json.Unmarshal(body, &in) != nil || in["username"] != "root" || in["password"] != "pa55" {
			return 403, map[string]any{"code": 403, "description": "nope"}
		}
		return 200, "opaque-token"
	}
	if r.Header.Get("Authorization") != "Bearer opaque-token" {
		return 401, map[string]any{"description": "Who are you?"}
	}
	registration, _ := d.status()
	settled := registration == d.free || registration == d.registered
	switch operation {
	case "GET /licensing":
		return 200, d.document()
	case "GET /system_stats":
		return 200, map[string]any{"computes": map[string]any{"x": map[string]any{"stats": map[string]any{"dominfo": map[string]any{"running_nodes": nil}}}}}
	case "GET /labs":
		return 200, []string{}
	case "PUT /licensing/transport", "PATCH /licensing/transport":
		if strings.HasPrefix(operation, "PATCH") != d.patch {
			return 405, map[string]any{"description": "Method Not Allowed"}
		}
		var in struct {
			SSMS  any            `json:"ssms"`
			Proxy map[string]any `json:"proxy"`
		}
		if json.Unmarshal(body, &in) != nil || len(in.Proxy) != 2 {
			return 400, refusal("bad input")
		}
		d.ssms, d.proxy = in.SSMS, in.Proxy
	case "PUT /licensing/product_license":
		var product string
		if json.Unmarshal(body, &product) != nil {
			return 400, refusal("bad input")
		}
		if product == d.product || registration != d.free {
			d.say("%s %s while %s is %s", operation, product, d.product, registration)
			return 400, refusal("not now")
		}
		d.product = product
	case "POST /licensing/registration":
		var in struct {
			Token      string `json:"token"`
			Reregister bool   `json:"reregister"`
		}
		if json.Unmarshal(body, &in) != nil || in.Token == "" {
			return 400, refusal("bad input")
		}
		if !settled || registration == d.registered && !in.Reregister {
			return 409, refusal("busy " + in.Token)
		}
		d.token, d.since, d.count = in.Token, time.Now(), 1
	case "PATCH /licensing/features":
		var in []struct {
			ID    string `json:"id"`
			Count int    `json:"count"`
		}
		if json.Unmarshal(body, &in) != nil || len(in) != 1 || !strings.HasPrefix(in[0].ID, "regid.2031") {
			return 400, refusal("bad input")
		}
		d.nodes = in[0].Count
	case "DELETE /licensing/deregistration":
		if registration != d.registered {
			return 400, refusal("nothing there")
		}
		d.since, d.count = time.Time{}, 0
		if !d.keeps {
			d.nodes = 0
		}
	default:
		d.say("%s was asked", operation)
		return 404, map[string]any{"description": "Not Found"}
	}
	status := d.codes[operation]
	if status == 0 {
		status = http.StatusNoContent
	}
	if d.bodies {
		return status, d.document()
	}
	return status, nil
}

// serve lets the double listen on an address, and returns the port.
func (d *double) serve(t *testing.T, ip string) int {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "double"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	go func() {
		_ = server.Serve(tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	}()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// The life of a licence on a CML that is not the simulator's, in the shapes of
// several releases and with what they may leave out.
func TestAnotherCML(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*double{
		"no bodies": {date: time.DateTime, registered: "COMPLETED", free: "NOT_REGISTERED", fine: "IN_COMPLIANCE", wait: 30 * time.Millisecond},
		"bodies": {date: time.RFC3339, registered: "REGISTERED", free: "UNREGISTERED", fine: "AUTHORIZED", bodies: true, patch: true, fraction: true, keeps: true, wait: 200 * time.Millisecond,
			codes: map[string]int{"POST /licensing/registration": 202, "PATCH /licensing/transport": 200, "PUT /licensing/product_license": 200, "PATCH /licensing/features": 200, "DELETE /licensing/deregistration": 200}},
		"sparse": {date: "2006-01-02T15:04:05.000000", registered: "COMPLETED", free: "NOT_REGISTERED", fine: "IN_COMPLIANCE", sparse: true, wait: 10 * time.Millisecond,
			codes: map[string]int{"POST /licensing/registration": 200, "DELETE /licensing/deregistration": 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			if err := w.Apply(t.Context(), simulator.World{Instances: []simulator.InstanceWorld{{Name: "lab"}}}); err != nil {
				t.Fatal(err)
			}
			in := w.AWS.Region(home).Instances()[0]
			d.product, d.proxy = "CML_Enterprise", map[string]any{"server": nil, "port": nil}
			port := d.serve(t, in.PublicIP)
			s := protocol.Serve(t, w, map[string]any{"controller": map[string]any{
				"port": port, "username": "root", "password": "pa55", "tls": map[string]any{"trust": "insecure"}}})
			r := s.Resource("cml_worker_license")
			config := func(more map[string]any) tftypes.Value {
				all := map[string]any{"worker_id": in.ID, "product": "CML_Enterprise", "token_wo": token, "token_wo_version": 1}
				for k, v := range more {
					all[k] = v
				}
				return r.Config(all)
			}
			want := func(k protocol.Kept, attributes map[string]string) {
				t.Helper()
				for name, want := range attributes {
					if got := protocol.Text(t, k.State, name); got != want {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
			}
			settled := func(k protocol.Kept, c tftypes.Value) protocol.Kept {
				t.Helper()
				out, diags := r.Read(k)
				r.Good(diags)
				diffs, err := out.State.Diff(r.Planned(out, c))
				if err != nil || len(diffs) > 0 {
					t.Errorf("the plan after it: %v, %v", diffs, err)
				}
				return out
			}

			first := config(map[string]any{"extra_nodes": 40, "transport": map[string]any{"proxy": map[string]any{"server": "proxy.example.net", "port": 3128}}})
			k := r.Create(first)
			want(k, map[string]string{"status": "registered", "registration_status": d.registered, "authorization_status": d.fine, "smart_account": "SA",
				"virtual_account": "VA", "udi": "udi-of-the-double", "inherited": "false", "stale": "false", "token_wo": "(null)"})
			if end, err := time.Parse(time.RFC3339, protocol.Text(t, k.State, "expires_at")); err != nil || time.Until(end) > 91*24*time.Hour || time.Until(end) < 89*24*time.Hour {
				t.Errorf("expires at %s, %v", end, err)
			}
			if d.nodes != 40 || d.proxy["server"] != "proxy.example.net" || d.ssms != nil || d.token != token {
				t.Errorf("%d nodes, %v, %v", d.nodes, d.ssms, d.proxy)
			}
			k = settled(k, first)

			second := config(map[string]any{"extra_nodes": 0, "token_wo": newToken, "token_wo_version": 2, "transport": map[string]any{"ssms": "https://ssm.example.net/x"}})
			k, diags := r.Apply(t.Context(), k, second)
			r.Good(diags)
			if d.nodes != 0 || d.proxy["server"] != nil || d.ssms != "https://ssm.example.net/x" || d.token != newToken {
				t.Errorf("%d nodes, %v, %v", d.nodes, d.ssms, d.proxy)
			}
			k = settled(k, second)
			// Somebody else changed it: a refresh sees that, and the next apply mends it.
			d.mu.Lock()
			d.nodes, d.ssms = 9, "https://elsewhere.example.net/x"
			d.mu.Unlock()
			seen, diags := r.Read(k)
			r.Good(diags)
			want(seen, map[string]string{"extra_nodes": `tftypes.Number<"9">`, "transport.ssms": "https://elsewhere.example.net/x"})
			k, diags = r.Apply(t.Context(), seen, second)
			r.Good(diags)
			if d.nodes != 0 || d.ssms != "https://ssm.example.net/x" {
				t.Errorf("%d nodes, %v", d.nodes, d.ssms)
			}

			third := config(map[string]any{"product": "CML_Personal", "token_wo_version": 2, "on_destroy": map[string]any{"release": "required"}})
			k, diags = r.Apply(t.Context(), k, third)
			r.Good(diags)
			want(k, map[string]string{"product": "CML_Personal", "status": "registered", "node_limit": `tftypes.Number<"20">`})
			if d.ssms != nil || d.token != token {
				t.Errorf("%v", d.ssms)
			}
			k = settled(k, third)

			look, diags := s.Look("cml_worker_license", map[string]any{"worker_id": in.ID})
			s.Good(diags)
			if got := protocol.Text(t, look, "valid") + protocol.Text(t, look, "registration"); got != "true"+d.registered {
				t.Error(got)
			}

			if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 {
				t.Error(protocol.Show(diags))
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.count != 0 || len(d.violations) > 0 {
				t.Errorf("%d counted, %v", d.count, d.violations)
			}
		})
	}
}
