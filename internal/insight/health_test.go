package insight_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const health = "cml_worker_health"

func TestHealth(t *testing.T) {
	l := newLab(t)
	m := l.server()
	for _, one := range []cml.Lab{
		{Title: "runs", Running: true, Nodes: []cml.Node{{Label: "r1"}, {Label: "r2"}}},
		{Title: "rests", Nodes: []cml.Node{{Label: "r3"}}},
	} {
		if _, err := m.AddLab(one); err != nil {
			t.Fatal(err)
		}
	}
	m.AddCompute("compute-1")
	m.SetLoad(cml.Load{CPUPercent: 12.5, MemoryUsed: 3 << 30, DiskUsed: 40 << 30, DiskTotal: 100 << 30})
	lost := false
	hosts := tfjsonpath.New("computes")
	step := func(before func(), want map[string]knownvalue.Check) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: l.admin() + l.data(health, ""), ConfigStateChecks: values(health, want)}
	}
	first := step(nil, map[string]knownvalue.Check{
		"region": text(home), "instance_state": text("running"), "reachable": yes, "reason": null, "message": null,
		"version": text(m.Version()), "ready": yes, "valid": yes, "is_licensed": no, "is_enterprise": yes, "controller_valid": yes,
		"labs_total": number(2), "labs_started": number(1), "nodes_running": number(2), "nodes_total": set,
		"cpu": knownvalue.ObjectPartial(map[string]knownvalue.Check{"percent": knownvalue.Float64Exact(12.5), "count": set,
			"load": knownvalue.ListExact([]knownvalue.Check{knownvalue.Float64Exact(0.8), knownvalue.Float64Exact(0.6), knownvalue.Float64Exact(0.4)})}), // of two hosts
		"memory":          knownvalue.ObjectPartial(map[string]knownvalue.Check{"used": number(2 * 3 << 30)}),
		"disk":            knownvalue.ObjectExact(map[string]knownvalue.Check{"used": number(80 << 30), "free": number(120 << 30), "total": number(200 << 30)}),
		"tls_fingerprint": text(m.Fingerprint()), "computes": knownvalue.ListSizeExact(2),
	})
	first.ConfigStateChecks = append(first.ConfigStateChecks,
		value(health, hosts.AtSliceIndex(0).AtMapKey("hostname"), text("cml-controller")),
		value(health, hosts.AtSliceIndex(0).AtMapKey("is_controller"), yes),
		value(health, hosts.AtSliceIndex(0).AtMapKey("admission_state"), text("READY")),
		value(health, hosts.AtSliceIndex(0).AtMapKey("kvm_vmx_enabled"), yes),
		value(health, hosts.AtSliceIndex(1).AtMapKey("hostname"), text("compute-1")),
		value(health, tfjsonpath.New("controller").AtMapKey("port"), number(int64(l.Port()))))
	steps(t, first,
		step(func() {
			m.SetHealth(cml.Health{Controller: map[string]*bool{"valid": &lost}, Compute: map[string]*bool{"fabric": nil}})
		},
			map[string]knownvalue.Check{"valid": no, "controller_valid": no, "reachable": yes,
				"computes": knownvalue.ListPartial(map[int]knownvalue.Check{0: knownvalue.ObjectPartial(map[string]knownvalue.Check{"fabric": null})})}),
	)
}

// Without an account, or with one that CML refuses, there is still something.
func TestHealthWithoutAccount(t *testing.T) {
	l := newLab(t)
	missing := map[string]knownvalue.Check{
		"reachable": yes, "version": set, "ready": yes, "tls_fingerprint": set, "valid": null, "is_licensed": null, "computes": null,
		"labs_total": null, "labs_started": null, "nodes_running": null, "nodes_total": null, "cpu": null, "memory": null, "disk": null,
	}
	because := func(reason string) map[string]knownvalue.Check {
		out := map[string]knownvalue.Check{"reason": text(reason), "message": set}
		for k, v := range missing {
			out[k] = v
		}
		return out
	}
	wrong := l.CML.Admin()
	wrong.Password = "not-the-password"
	// no pin: nothing may carry the credentials
	admin := l.CML.Admin()
	unpinned := l.Provider(fmt.Sprintf("controller = { port = %d, username = %q, password = %q }", l.Port(), admin.Username, admin.Password))
	steps(t,
		resource.TestStep{Config: l.provider(cml.Credentials{}) + l.data(health, ""), ConfigStateChecks: values(health, because("no_credentials"))},
		resource.TestStep{Config: l.provider(wrong) + l.data(health, ""), ConfigStateChecks: values(health, because("credentials"))},
		resource.TestStep{Config: unpinned + l.data(health, ""), ConfigStateChecks: values(health, because("untrusted"))},
	)
	if n := l.Recorder.Count("cml", "POST /authenticate"); n == 0 || n > 6 {
		t.Errorf("%d logins with a wrong password; a step makes a few reads and each may try once", n)
	}
	for _, r := range l.Recorder.All() {
		if strings.Contains(string(r.Body), admin.Password) {
			t.Errorf("the password travelled to a certificate that nobody trusts, in %s", r.Operation)
		}
	}
}

// What one account may not see is null; the rest is there.
func TestHealthInParts(t *testing.T) {
	l := newLab(t)
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_stats", Fault: wire.Fault{Kind: wire.Error, Status: 500}})
	steps(t, resource.TestStep{Config: l.admin() + l.data(health, ""), ConfigStateChecks: values(health, map[string]knownvalue.Check{
		"valid": yes, "labs_total": number(0), "labs_started": number(0), "nodes_running": null, "cpu": null, "reason": text("http"),
	})})
}

// What CML shows to administrators only, leaves out or says in another shape.
func TestHealthOfOtherShapes(t *testing.T) {
	l := newLab(t)
	says := func(operation, body string) func() {
		return func() {
			l.Faults.Clear()
			l.Faults.Add(wire.Rule{Service: "cml", Operation: operation, Fault: wire.Fault{Kind: wire.Garbage, Status: 200, ContentType: "application/json", Body: body}})
		}
	}
	step := func(before func(), want map[string]knownvalue.Check) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: l.admin() + l.data(health, ""), ConfigStateChecks: values(health, want)}
	}
	host := func(want map[string]knownvalue.Check) knownvalue.Check {
		return knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(want)})
	}
	steps(t,
		step(says("GET /system_health", `{"valid": null, "is_licensed": null, "is_enterprise": true, "controller": null}`), map[string]knownvalue.Check{
			"valid": null, "is_licensed": null, "is_enterprise": yes, "controller_valid": null, "computes": null, "labs_total": number(0), "reason": null}),
		step(says("GET /system_health", `{"valid": true, "computes": {"a": {"is_controller": null, "lld_connected": null, "cpu_overload": null}}}`), map[string]knownvalue.Check{
			"valid": yes, "computes": host(map[string]knownvalue.Check{"id": text("a"), "hostname": null, "is_controller": null, "lld_connected": null, "admission_state": null})}),
		step(says("GET /system_health", `{"valid": true, "computes": {}}`), map[string]knownvalue.Check{"computes": knownvalue.ListSizeExact(0)}),
		step(says("GET /labs", `null`), map[string]knownvalue.Check{"labs_total": null, "labs_started": null, "valid": yes, "reason": set}),
		step(says("GET /system_stats", `{"computes": {"a": {"stats": {"dominfo": {"running_nodes": "2"}}}}, "all": {"cpu": {"percent": "12.5"}, "memory": {"used": "100", "total": 400.0}}}`), map[string]knownvalue.Check{
			"nodes_running": number(2), "nodes_total": null, "cpu": knownvalue.ObjectExact(map[string]knownvalue.Check{"count": null, "percent": knownvalue.Float64Exact(12.5), "load": null}),
			"memory": knownvalue.ObjectExact(map[string]knownvalue.Check{"used": number(100), "free": null, "total": number(400)}), "disk": null}),
	)
}

// A question that CML refuses is named.
func TestHealthNamesWhatIsRefused(t *testing.T) {
	l := newLab(t)
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /labs", Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "Access denied"}})
	steps(t, resource.TestStep{Config: l.admin() + l.data(health, ""), ConfigStateChecks: values(health, map[string]knownvalue.Check{
		"labs_total": null, "valid": yes, "reason": text("forbidden"), "message": text("GET /labs: HTTP 403: Access denied")})})
}

func TestHealthOutOfReach(t *testing.T) {
	l := newLab(t)
	hold := func(p cml.Phase) func() {
		return func() {
			if err := l.server().HoldPhase(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	gone := func(before func(), reason string) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: l.admin() + l.data(health, ""), ConfigStateChecks: values(health, map[string]knownvalue.Check{
			"reachable": no, "reason": text(reason), "message": set, "version": null, "ready": null, "valid": null, "labs_total": null, "nodes_running": null})}
	}
	steps(t,
		gone(hold(cml.Refused), "refused"),
		gone(hold(cml.BadGateway), "http"),
		resource.TestStep{PreConfig: hold(cml.NotReady), Config: l.admin() + l.data(health, ""), ConfigStateChecks: values(health, map[string]knownvalue.Check{
			"reachable": yes, "reason": text("not_ready"), "version": set, "ready": no, "valid": null, "nodes_running": null})},
		gone(l.stop, "not_running"),
	)
	if n := l.Recorder.Count("cml", "POST /authenticate"); n != 0 {
		t.Errorf("%d logins at a CML that is not ready", n)
	}
}

// Another certificate than the pinned one is no weather to live with.
func TestHealthChangedPin(t *testing.T) {
	l := newLab(t)
	config := l.admin() + l.data(health, "")
	steps(t, resource.TestStep{
		PreConfig: func() {
			if err := l.server().ReplaceCertificate("other.example.net"); err != nil {
				t.Fatal(err)
			}
		},
		Config: config, ExpectError: says("fingerprint"),
	})
}

func TestHealthWaits(t *testing.T) {
	l := newLab(t)
	hold := func() {
		if err := l.server().HoldPhase(cml.NotReady); err != nil {
			t.Error(err)
		}
	}
	config := func(wait string) string { return l.admin() + l.data(health, "wait = { "+wait+" }") }
	steps(t,
		resource.TestStep{Config: config(`until = "healthy"`), ConfigStateChecks: values(health, map[string]knownvalue.Check{"ready": yes, "valid": yes})},
		resource.TestStep{PreConfig: hold, Config: config(`timeout = "1s"`), ExpectError: says("did not reach \"ready\" in time")},
		resource.TestStep{Config: config(`timeout = "1s", on_timeout = "keep"`), ConfigStateChecks: values(health, map[string]knownvalue.Check{
			"ready": no, "reachable": yes, "reason": text("not_ready")})},
		resource.TestStep{Config: config(`until = "none"`), ExpectError: says("until")},
		resource.TestStep{
			// it becomes ready while it is waited for
			PreConfig: func() {
				before := l.Recorder.Count("cml", "GET /system_information")
				go func() {
					for l.Recorder.Count("cml", "GET /system_information") == before && t.Context().Err() == nil {
						time.Sleep(time.Millisecond)
					}
					if err := l.server().ReleasePhase(); err != nil {
						t.Error(err)
					}
				}()
			},
			Config: config(`until = "ready"`), ConfigStateChecks: values(health, map[string]knownvalue.Check{"ready": yes, "reason": null}),
		},
		resource.TestStep{PreConfig: l.stop, Config: config(`until = "ready"`), ExpectError: says("CML worker did not become ready")},
	)
}
