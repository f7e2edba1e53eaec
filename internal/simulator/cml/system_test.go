package cml_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func TestSystemInformationByVersion(t *testing.T) {
	m, c := machine(t, "")
	got := c.get("/system_information").(map[string]any)
	same(t, "2.9", got, map[string]any{"version": "2.9.1+build.7", "ready": true, "allow_ssh_pubkey_auth": false, "oui": "52:54:00:00:00:00"})
	if err := m.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	got = c.get("/system_information").(map[string]any)
	same(t, "2.10 timeout", got["timeout"], float64(10))
	same(t, "2.10 features", got["features"], []any{})
}

func TestDateFollowsTheMachinesClock(t *testing.T) {
	m, c := machine(t, "")
	m.SetClockSkew(-48 * time.Hour)
	date, err := http.ParseTime(c.want(200, "GET", "/system_information", nil).header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	if behind := time.Since(date); behind < 47*time.Hour || behind > 49*time.Hour {
		t.Errorf("Date is %v behind", behind)
	}
}

func TestHealth(t *testing.T) {
	m, c := machine(t, "")
	health := c.get("/system_health")
	same(t, "valid", pick(t, health, "valid"), true)
	same(t, "is_licensed", pick(t, health, "is_licensed"), false)
	same(t, "is_enterprise", pick(t, health, "is_enterprise"), true)
	host := only(t, pick(t, health, "computes"))
	same(t, "admission_state", pick(t, host, "admission_state"), "READY")
	same(t, "kvm_vmx_enabled", pick(t, host, "kvm_vmx_enabled"), true)
	if _, has := host.(map[string]any)["cpu_overload"]; has {
		t.Error("2.9 has no cpu_overload")
	}
	no := false
	m.SetHealth(cml.Health{Compute: map[string]*bool{"fabric": &no, "libvirt": nil}, Controller: map[string]*bool{"images_loaded": &no}})
	health = c.get("/system_health")
	same(t, "valid", pick(t, health, "valid"), false)
	same(t, "libvirt", pick(t, only(t, pick(t, health, "computes")), "libvirt"), nil)
	same(t, "images_loaded", pick(t, health, "controller", "images_loaded"), false)
	m.SetHealth(cml.Health{Valid: &no})
	same(t, "forced", c.get("/system_health", "valid"), false)
	m.SetHealth(cml.Health{})
	m.RegisterNow("", time.Time{})
	same(t, "licensed", c.get("/system_health", "is_licensed"), true)
	if err := m.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	same(t, "cpu_overload", pick(t, only(t, c.get("/system_health", "computes")), "cpu_overload"), false)
	same(t, "airhandler", c.get("/system_health", "controller", "airhandler"), true)
}

func TestHealthHidesTheVerdictFromUsers(t *testing.T) {
	m, c := machine(t, "")
	bob := cml.Credentials{Username: "bob", Password: "correct horse"}
	m.AddUser(bob, false)
	c = c.login(bob)
	same(t, "valid", c.get("/system_health", "valid"), nil)
	same(t, "is_licensed", c.get("/system_health", "is_licensed"), nil)
	m.Switch(func(s *cml.Switches) { s.FullHealthForUsers = true })
	same(t, "valid", c.get("/system_health", "valid"), true)
}

func only(t *testing.T, value any) any {
	t.Helper()
	all := value.(map[string]any)
	if len(all) != 1 {
		t.Fatalf("got %d members, want one", len(all))
	}
	for _, one := range all {
		return one
	}
	return nil
}

func TestStatsAndComputeHosts(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	m, c := ready(t, fleet, cml.Boot{CPUs: 16, Memory: 64 << 30})
	c = c.login(cml.DefaultAdmin())
	if _, err := m.AddLab(cml.Lab{Title: "a", Running: true, Nodes: []cml.Node{{Label: "r1", CPUs: 2, RAM: 1024}, {Label: "r2"}}}); err != nil {
		t.Fatal(err)
	}
	m.SetLoad(cml.Load{CPUPercent: 42.5, MemoryUsed: 1 << 30, DiskUsed: 2, DiskTotal: 10, Orphans: 1})
	body := c.want(200, "GET", "/system_stats", nil)
	if !strings.Contains(body.body, `"used":1073741824.0`) {
		t.Errorf("2.9 writes bytes with a fractional part, got %s", body.body)
	}
	stats := pick(t, only(t, pick(t, body.decode(t), "computes")), "stats")
	same(t, "count", pick(t, stats, "cpu", "count"), float64(16))
	same(t, "percent", pick(t, stats, "cpu", "percent"), 42.5)
	same(t, "total", pick(t, stats, "memory", "total"), float64(64<<30))
	same(t, "running", pick(t, stats, "dominfo", "running_nodes"), float64(2))
	same(t, "orphans", pick(t, stats, "dominfo", "running_orphans"), float64(1))
	same(t, "allocated_cpus", pick(t, stats, "dominfo", "allocated_cpus"), float64(3))
	same(t, "allocated_memory", pick(t, stats, "dominfo", "allocated_memory"), float64(1536<<10))

	id := m.AddCompute("compute-1")
	if err := m.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	body = c.want(200, "GET", "/system_stats", nil)
	if strings.Contains(body.body, ".0,") {
		t.Errorf("2.10 writes whole bytes, got %s", body.body)
	}
	same(t, "all cpus", pick(t, body.decode(t), "all", "cpu", "count"), float64(32))

	for version, want := range map[string][2]bool{"2.8.0": {true, false}, "2.9.0": {true, true}, "2.10.0": {false, true}} {
		if err := m.SetVersion(version); err != nil {
			t.Fatal(err)
		}
		hosts := c.get("/system/compute_hosts").([]any)
		same(t, "hosts", len(hosts), 2)
		_, nodes := hosts[0].(map[string]any)["nodes"]
		_, counts := hosts[0].(map[string]any)["node_counts"]
		same(t, version, [2]bool{nodes, counts}, want)
	}
	if err := m.SetVersion("2.9.0"); err != nil {
		t.Fatal(err)
	}
	same(t, "running", pick(t, c.get("/system/compute_hosts").([]any)[0], "node_counts", "running_nodes"), float64(2))

	c.want(200, "PATCH", "/system/compute_hosts/"+id, `{"admission_state":"ONLINE"}`)
	same(t, "drained", pick(t, c.get("/system/compute_hosts").([]any)[1], "admission_state"), "ONLINE")
	c.want(409, "PATCH", "/system/compute_hosts/"+id, `{"admission_state":"REGISTERED"}`).refusal(t)
	c.want(400, "PATCH", "/system/compute_hosts/"+id, `{"admission_state":"BUSY"}`).refusal(t)
	c.want(404, "PATCH", "/system/compute_hosts/none", `{"admission_state":"READY"}`).refusal(t)
}

func TestDrainingTheLastComputeEndsReadiness(t *testing.T) {
	m, c := machine(t, "")
	id := pick(t, c.get("/system/compute_hosts").([]any)[0], "id").(string)
	c.want(200, "PATCH", "/system/compute_hosts/"+id, `{"admission_state":"ONLINE"}`)
	same(t, "ready", c.get("/system_information", "ready"), false)
	same(t, "phase", m.Phase(), cml.NotReady)
	same(t, "still healthy", c.get("/system_health", "valid"), true)
	same(t, "shown", pick(t, c.get("/system/compute_hosts").([]any)[0], "admission_state"), "ONLINE")
	c.want(200, "PATCH", "/system/compute_hosts/"+id, `{"admission_state":"READY"}`)
	same(t, "ready", c.get("/system_information", "ready"), true)
}

func TestDiagnosticsByVersion(t *testing.T) {
	m, c := machine(t, "")
	if _, err := m.AddLab(cml.Lab{Title: "a", Running: true, Nodes: []cml.Node{{Label: "r1"}}}); err != nil {
		t.Fatal(err)
	}
	same(t, "scheduler", c.get("/diagnostics/startup_scheduler", "system_ready"), true)
	same(t, "licensing", c.get("/diagnostics/licensing"), any(map[string]any{
		"quota": float64(20), "started": float64(1), "user_quota": nil, "user_started": float64(1),
	}))
	c.want(400, "GET", "/diagnostics/nonsense", nil).refusal(t)
	c.want(404, "GET", "/diagnostics", nil)
	if err := m.SetVersion("2.8.0"); err != nil {
		t.Fatal(err)
	}
	c.want(404, "GET", "/diagnostics/licensing", nil)
	same(t, "one document", c.get("/diagnostics", "licensing", "started"), float64(1))
}

func TestHealthWhileNotReady(t *testing.T) {
	m, c := machine(t, "")
	if err := m.HoldPhase(cml.NotReady); err != nil {
		t.Fatal(err)
	}
	health := c.get("/system_health")
	same(t, "valid", pick(t, health, "valid"), false)
	same(t, "controller", pick(t, health, "controller", "valid"), false)
	same(t, "admission", pick(t, only(t, pick(t, health, "computes")), "admission_state"), "REGISTERED")
	same(t, "scheduler", c.get("/diagnostics/startup_scheduler", "system_ready"), false)
}
