package controller_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func TestHealthOfAServer(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	ctx := within(t, patience)
	health, err := c.SystemHealth(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !health.Healthy() || health.ReadyComputes() != 1 || health.NoVirtualization() || health.IsLicensed == nil || *health.IsLicensed {
		t.Errorf("got %+v with ailments %v", health, health.Ailments())
	}
	yes, no := true, false
	w.SetHealth(cml.Health{Valid: &no, Compute: map[string]*bool{"kvm_vmx_enabled": &no, "fabric": &no, "valid": &no, "libvirt": nil, "lld_synced": &yes}, Controller: map[string]*bool{"valid": &no, "images_loaded": &no}})
	if health, err = c.SystemHealth(ctx); err != nil {
		t.Fatal(err)
	}
	if health.Healthy() || !health.NoVirtualization() {
		t.Errorf("got %+v", health)
	}
	said := strings.Join(health.Ailments(), "\n")
	for _, text := range []string{"valid is false", "controller.valid is false (images_loaded false)", "(fabric false)", "kvm_vmx_enabled is false"} {
		if !strings.Contains(said, text) {
			t.Errorf("%q is missing in:\n%s", text, said)
		}
	}
	if strings.Contains(said, "libvirt") || strings.Contains(said, "lld_synced") {
		t.Errorf("a flag that is not false is named in:\n%s", said)
	}
}

func TestNullIsNotFalse(t *testing.T) {
	w := simulate(t)
	w.AddUser(cml.Credentials{Username: "student", Password: "stud3nt-pa55"}, false)
	c := w.client(t, controller.Credentials{Username: "student", Password: "stud3nt-pa55"}, controller.Transport{})
	ctx := within(t, patience)
	health, err := c.SystemHealth(ctx)
	if err != nil || health.Valid != nil || health.IsLicensed != nil {
		t.Fatalf("got %+v, %v", health, err)
	}
	said := health.Ailments()
	if len(said) != 1 || !strings.Contains(said[0], "admin account") || strings.Contains(said[0], "false") {
		t.Errorf("got %q, want the advice to use an admin account", said)
	}
	if _, err := c.Licensing(ctx); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("licensing: got %v, want fault.PermissionDenied", err)
	}
}

func TestVirtualizationIsMissingOnlyWhenEveryHostSaysSo(t *testing.T) {
	yes, no := true, false
	tests := map[string]struct {
		flags []*bool
		want  bool
	}{
		"no host": {nil, false}, "all false": {[]*bool{&no, &no}, true}, "one true": {[]*bool{&no, &yes}, false}, "one not known": {[]*bool{&no, nil}, false},
	}
	for name, test := range tests {
		health := controller.SystemHealth{Computes: map[string]controller.ComputeHealth{}}
		for i, flag := range test.flags {
			health.Computes[string(rune('a'+i))] = controller.ComputeHealth{KVMVMXEnabled: flag}
		}
		if got := health.NoVirtualization(); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestOnlyHostsThatMayStartNodesCount(t *testing.T) {
	yes, no := true, false
	health := controller.SystemHealth{Valid: &yes, Computes: map[string]controller.ComputeHealth{
		"a": {AdmissionState: "READY", Valid: &yes, KVMVMXEnabled: &yes},
		"b": {AdmissionState: "ONLINE", Valid: &no, KVMVMXEnabled: &no}, // being drained
		"c": {AdmissionState: "READY"},                                  // shows nothing
	}}
	if said := health.Ailments(); len(said) != 0 || health.ReadyComputes() != 2 {
		t.Errorf("got %q and %d ready hosts", said, health.ReadyComputes())
	}
}

func TestLoadAndLabs(t *testing.T) {
	for _, version := range []string{"2.9.1+build.7", "2.10.0+build.3"} { // numbers with and without a fraction
		w := simulate(t)
		if err := w.SetVersion(version); err != nil {
			t.Fatal(err)
		}
		c := w.client(t, w.admin(), controller.Transport{})
		ctx := within(t, patience)
		total, err := c.LabsTotal(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.AddUser(cml.Credentials{Username: "student", Password: "stud3nt-pa55"}, false)
		if _, err := w.AddLab(cml.Lab{Title: "Branch", Owner: "student", Running: true, Nodes: []cml.Node{{Label: "a"}, {Label: "b"}}}); err != nil {
			t.Fatal(err)
		}
		if got, err := c.LabsTotal(ctx); err != nil || got != total+1 {
			t.Errorf("%s: labs of other users: got %d, %v, want %d", version, got, err, total+1)
		}
		if got, err := c.NodesRunning(ctx); err != nil || got != w.RunningNodes() || got == 0 {
			t.Errorf("%s: running nodes: got %d, %v, want %d", version, got, err, w.RunningNodes())
		}
		stats, err := c.SystemStats(ctx)
		if err != nil || stats.All.Memory.Total == nil || *stats.All.Memory.Total < 1<<30 || stats.All.CPU.Percent == nil {
			t.Errorf("%s: got %+v, %v", version, stats, err)
		}
	}
}

func TestRunningNodesThatAreNotToldAreNotZero(t *testing.T) {
	tests := map[string]string{
		"null": `{"computes": {"a": {"stats": {"dominfo": {"running_nodes": 3}}}, "b": {"stats": {"dominfo": {"running_nodes": null}}}}}`,
		"none": `{"computes": {}}`,
		"gone": `{"computes": {"a": {"stats": {}}}}`,
	}
	for name, body := range tests {
		ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		c := controller.New(ip, settings, static, controller.Transport{})
		if n, err := c.NodesRunning(within(t, patience)); !fault.Is(err, fault.NotReady) {
			t.Errorf("%s: got %d, %v", name, n, err)
		}
		c.Close()
	}
}

// The load averages and orphans of several hosts are known only where each tells them.
func TestSumsOfHosts(t *testing.T) {
	var body string
	ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	c := controller.New(ip, settings, static, controller.Transport{})
	defer c.Close()
	const one = `{"computes": {"a": {"stats": {"cpu": {"load": [1, 0.5, "0.25"]}, "dominfo": {"total_orphans": 2, "running_orphans": 1}}}, "b": {"stats": `
	for rest, want := range map[string]string{
		`{"cpu": {"load": [2, 2, 2]}, "dominfo": {"total_orphans": 1, "running_orphans": 0}}}}}`: "[3 2.5 2.25] 1 true 3 true",
		`{"cpu": {"load": [2, 2]}, "dominfo": {"total_orphans": null}}}}}`:                       "[] 0 false 0 false",
		`{"cpu": {"load": [2, null, 2]}}}}}`:                                                     "[] 0 false 0 false",
		`{"cpu": {"load": 2}}}}}`:                                                                "[] 0 false 0 false",
	} {
		body = one + rest
		stats, err := c.SystemStats(within(t, patience))
		running, known := stats.RunningOrphans()
		total, alsoKnown := stats.TotalOrphans()
		if got := fmt.Sprint(stats.LoadAverage(), running, known, total, alsoKnown); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", rest, got, err, want)
		}
	}
}

func TestNodesCountedWithAFraction(t *testing.T) {
	ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"computes": {"a": {"stats": {"dominfo": {"running_nodes": 2.0}}}, "b": {"stats": {"dominfo": {"running_nodes": 1}}}}}`)
	})
	c := controller.New(ip, settings, static, controller.Transport{})
	defer c.Close()
	if n, err := c.NodesRunning(within(t, patience)); err != nil || n != 3 {
		t.Errorf("got %d, %v", n, err)
	}
}

// Numbers may come as texts; what is none is not known, and never zero.
func TestLoadOfAnotherShape(t *testing.T) {
	var body string
	ip, settings := odd(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	c := controller.New(ip, settings, static, controller.Transport{})
	defer c.Close()
	body = `{"computes": {"a": {"stats": {"dominfo": {"running_nodes": "2", "total_nodes": "7"}, "more": 1}}}, "all": {"cpu": {"count": "8", "percent": "12.5", "load": {"1m": 2}}, "memory": {"used": 1, "total": null}, "disk": null}}`
	stats, err := c.SystemStats(within(t, patience))
	running, known := stats.RunningNodes()
	if err != nil || !known || running != 2 || stats.All.CPU.Percent == nil || *stats.All.CPU.Percent != 12.5 || stats.All.Memory.Total != nil || stats.All.Disk.Used != nil {
		t.Errorf("got %+v, %v", stats, err)
	}
	for _, body = range []string{`{"all": {"cpu": {"percent": "busy"}}}`, `{"all": {"cpu": {"percent": "NaN"}}}`, `{"all": {"cpu": {"percent": true}}}`, `null`} {
		if stats, err := c.SystemStats(within(t, patience)); !fault.Is(err, fault.NotReady) {
			t.Errorf("%s: got %+v, %v", body, stats, err)
		}
	}
	body = `null`
	if ids, err := c.Labs(within(t, patience)); !fault.Is(err, fault.NotReady) {
		t.Errorf("labs: got %v, %v", ids, err)
	}
}

func TestLicensingDocument(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	ctx := within(t, patience)
	before, err := c.Licensing(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if before.Registered() || !before.Unregistered() || before.Valid() || controller.LicenseStatus(before) != controller.LicenseEvaluation {
		t.Errorf("unregistered: got %+v", before)
	}
	_, err = c.Do(ctx, controller.Call{Method: http.MethodPost, Path: "/licensing/registration", Body: map[string]any{"token": "good-token"}})
	if err != nil {
		t.Fatal(err)
	}
	var after controller.Licensing
	for !after.Valid() {
		if after, err = c.Licensing(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if controller.LicenseStatus(after) != controller.LicenseRegistered || after.UDI.ProductUUID == "" || after.ProductLicense.Active == "" || len(after.Features) == 0 {
		t.Errorf("registered: got %+v", after)
	}
	if _, ok := controller.ParseLicenseTime(after.Registration.Expires); !ok {
		t.Errorf("expires %q is not read", after.Registration.Expires)
	}
	if diff := cmp.Diff(before.UDI, after.UDI); diff != "" {
		t.Errorf("the UDI changed:\n%s", diff)
	}
}
