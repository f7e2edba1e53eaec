package wire_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestRecorder(t *testing.T) {
	var recorder wire.Recorder
	first := recorder.Begin(wire.Record{Service: "ec2", Operation: "RunInstances"})
	second := recorder.Begin(wire.Record{Service: "cml", Operation: "GET /system_information", Target: "i-1"})
	recorder.Begin(wire.Record{Service: "ec2", Operation: "DescribeInstances"})
	recorder.Finish(second, func(r *wire.Record) { r.StatusCode = 502 })

	if diff := cmp.Diff([]string{"RunInstances", "DescribeInstances"}, recorder.Operations("ec2")); diff != "" {
		t.Errorf("operations of ec2 (-want +got):\n%s", diff)
	}
	if got := recorder.Count("", ""); got != 3 {
		t.Errorf("count of all = %d, want 3", got)
	}
	if got := recorder.Count("ec2", "RunInstances"); got != 1 {
		t.Errorf("count of RunInstances = %d, want 1", got)
	}
	all := recorder.All()
	if all[0].Seq != first || all[1].StatusCode != 502 || all[1].Target != "i-1" || all[0].StatusCode != 0 {
		t.Errorf("records = %+v", all)
	}
	recorder.Reset()
	recorder.Finish(first, func(r *wire.Record) { t.Errorf("a forgotten record was updated: %+v", r) })
	if next := recorder.Begin(wire.Record{}); next != 4 || len(recorder.All()) != 1 {
		t.Errorf("after a reset: seq %d, %d records", next, len(recorder.All()))
	}
}

func TestTake(t *testing.T) {
	params := url.Values{"InstanceId.2": {"i-2"}, "InstanceType": {"m8i.2xlarge"}}
	for name, test := range map[string]struct {
		rule wire.Rule
		want []bool
	}{
		"always":           {wire.Rule{}, []bool{true, true, true, true}},
		"second and third": {wire.Rule{Skip: 1, Times: 2}, []bool{false, true, true, false}},
		"other service":    {wire.Rule{Service: "sts"}, []bool{false, false, false, false}},
		"operation prefix": {wire.Rule{Service: "ec2", Operation: "Start*", Times: 1}, []bool{true, false, false, false}},
		"list member":      {wire.Rule{Match: map[string]string{"InstanceId.*": "i-2"}, Times: 1}, []bool{true, false, false, false}},
		"wrong value":      {wire.Rule{Match: map[string]string{"InstanceType": "c8i.*"}}, []bool{false, false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			var faults wire.Faults
			test.rule.Kind = wire.Throttle
			faults.Add(test.rule)
			for i, want := range test.want {
				if got := faults.Take("ec2", "StartInstances", params) != nil; got != want {
					t.Errorf("request %d meets the fault: %t, want %t", i+1, got, want)
				}
			}
		})
	}
}

func TestAddJSON(t *testing.T) {
	var faults wire.Faults
	script := `[{"service":"ec2","operation":"RunInstances","kind":"error","code":"InsufficientInstanceCapacity","status":500,"times":1},
		{"service":"cml","kind":"delay","delay":"20ms"}]`
	if err := faults.AddJSON([]byte(script)); err != nil {
		t.Fatal(err)
	}
	if faults.Pending() != 1 {
		t.Errorf("pending = %d, want 1", faults.Pending())
	}
	fault := faults.Take("ec2", "RunInstances", nil)
	if fault == nil || fault.Code != "InsufficientInstanceCapacity" || fault.Status != 500 {
		t.Fatalf("fault = %+v", fault)
	}
	if faults.Pending() != 0 {
		t.Errorf("pending = %d, want 0", faults.Pending())
	}
	if fault = faults.Take("cml", "GET /", nil); fault == nil || time.Duration(fault.Delay) != 20*time.Millisecond {
		t.Fatalf("fault = %+v", fault)
	}
	for _, bad := range []string{
		`[{"kind":"explode"}]`, `[{"kind":"error"}]`, `[{"kind":"delay"}]`, `[{"kind":"drop","tmies":1}]`, `[{"kind":"drop","skip":-1}]`, `{`,
	} {
		if err := faults.AddJSON([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestWildcard(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"CML-2.*-Ubuntu-*", "CML-2.9.0-Ubuntu-24.04", true},
		{"i-??", "i-12", true}, {"i-??", "i-123", false}, {`a\*`, "a*", true}, {`a\*`, "ab", false}, {"a.c", "abc", false},
	} {
		if got := wire.Wildcard(test.pattern, test.s); got != test.want {
			t.Errorf("Wildcard(%q, %q) = %t, want %t", test.pattern, test.s, got, test.want)
		}
	}
}

func TestServe(t *testing.T) {
	for name, test := range map[string]struct {
		fault   *wire.Fault
		effect  int
		broken  bool
		isReset bool
		status  int
		body    string
	}{
		"none":         {fault: nil, effect: 1, status: 200, body: "done"},
		"error":        {fault: &wire.Fault{Kind: wire.Error, Code: "Bad", Status: 418}, status: 418, body: "Bad"},
		"late error":   {fault: &wire.Fault{Kind: wire.Error, Code: "Bad", Status: 500, AfterEffect: true}, effect: 1, status: 500, body: "Bad"},
		"drop":         {fault: &wire.Fault{Kind: wire.Drop}, effect: 1, broken: true},
		"drop, stated": {fault: &wire.Fault{Kind: wire.Drop, AfterEffect: true}, effect: 1, broken: true},
		"reset":        {fault: &wire.Fault{Kind: wire.Reset}, broken: true, isReset: true},
		"delay":        {fault: &wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Millisecond)}, effect: 1, status: 200, body: "done"},
		"slow":         {fault: &wire.Fault{Kind: wire.SlowBody, Delay: wire.Duration(10 * time.Millisecond)}, effect: 1, status: 200, body: "done"},
		"garbage":      {fault: &wire.Fault{Kind: wire.Garbage}, status: 200, body: "<!DOCTYPE html>"},
		"gateway":      {fault: &wire.Fault{Kind: wire.Garbage, Status: 502, Body: "bad gateway"}, status: 502, body: "bad gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			var effect atomic.Int32 // a broken connection orders nothing
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				effect.Add(1)
				_, _ = io.WriteString(w, "done")
			})
			fail := func(w http.ResponseWriter, f wire.Fault) { http.Error(w, f.Code, f.Status) }
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				test.fault.Serve(w, r, next, fail)
			}))
			t.Cleanup(server.Close)

			response, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("x"))
			if test.broken {
				if err == nil {
					_ = response.Body.Close()
					t.Fatalf("answered with %s, want a broken connection", response.Status)
				}
				if test.isReset && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("error = %v, want a reset", err)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if response.StatusCode != test.status || !strings.HasPrefix(string(body), test.body) {
					t.Errorf("answer = %d %q, want %d %q", response.StatusCode, body, test.status, test.body)
				}
			}
			if got := int(effect.Load()); got != test.effect {
				t.Errorf("took effect %d times, want %d", got, test.effect)
			}
		})
	}
}
