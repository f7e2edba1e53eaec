package license_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/provider"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// stale reads and wants what was known, marked as such, without an error.
func stale(t *testing.T, r *protocol.Resource, k protocol.Kept) {
	t.Helper()
	out, diags := r.Read(k)
	r.Good(diags)
	if got := protocol.Text(t, out.State, "stale") + " " + protocol.Text(t, out.State, "status"); got != "true registered" {
		t.Errorf("stale and status are %s", got)
	}
}

// What cannot be looked at keeps what is known: without an account, where a
// refresh is not to ask, and where no route leads to the worker, which is found
// out three times in a subnet.
func TestReadWithoutALook(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	k := r.Create(b.config(r, nil))
	b.Recorder.Reset()
	stale(t, protocol.Serve(t, b.World, nil).Resource("cml_worker_license"), k)
	stale(t, b.serve(object{"refresh_probe": false}), k)
	if n := b.Recorder.Count("cml", ""); n != 0 {
		t.Errorf("CML was asked %d times", n)
	}
	var tries atomic.Int32
	admin := b.CML.Admin()
	far := protocol.Serve(t, b.World, object{"controller": object{"port": b.Port(), "username": admin.Username, "password": admin.Password, "tls": object{"trust": "insecure"}}},
		func(d *provider.Dependencies) {
			d.Dial = func(_ context.Context, network, _ string) (net.Conn, error) {
				tries.Add(1)
				return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded}
			}
		}).Resource("cml_worker_license")
	for range clients.ProbeLimit + 2 {
		stale(t, far, k)
	}
	if n := tries.Load(); n != clients.ProbeLimit {
		t.Errorf("%d tries", n)
	}
}

// Who may not ask EC2 for the worker learns nothing of its licence: it is
// neither forgotten nor taken as gone.
func TestWorkerNotVisible(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	k := r.Create(b.config(r, nil))
	b.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstances", Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: http.StatusForbidden}})
	for name, ask := range map[string]func() (protocol.Kept, bool){
		"read": func() (protocol.Kept, bool) {
			out, diags := r.Read(k)
			return out, protocol.Has(diags, protocol.Failure, "Unable to read")
		},
		"delete": func() (protocol.Kept, bool) {
			out, diags := r.Destroy(t.Context(), k)
			return out, protocol.Has(diags, protocol.Failure, "Unable to release")
		},
	} {
		if out, failed := ask(); out.State.IsNull() || !failed {
			t.Errorf("%s: %s", name, out.State)
		}
	}
	b.times(1)
}

// A registration that is known to be ours stays ours, whatever the clock of CML says.
func TestOursWhateverTheDate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	k := r.Create(b.config(r, object{"on_destroy": object{"release": "required"}}))
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-24*time.Hour))
	k, diags := r.Apply(t.Context(), k, b.config(r, object{"extra_nodes": 3, "on_destroy": object{"release": "required"}}))
	r.Good(diags)
	if got := protocol.Text(t, k.State, "inherited"); got != "false" || b.machine().License().Nodes != 3 {
		t.Errorf("inherited %s, %d nodes", got, b.machine().License().Nodes)
	}
	if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 || len(b.CML.SSMS().Registrations()) != 0 {
		t.Errorf("%d counted\n%s", len(b.CML.SSMS().Registrations()), protocol.Show(diags))
	}
}

// What came with an image is not given back, and no machine is started to find that out.
func TestInheritedIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-24*time.Hour))
	r := b.serve(nil)
	k := r.Create(b.config(r, object{"adopt_inherited": true, "on_destroy": object{"release": "required"}}))
	// A new token would not be used, and that is said where it is planned.
	again := r.Plan(k, b.config(r, object{"adopt_inherited": true, "token_wo_version": 2}))
	if !protocol.Has(again.Diagnostics, protocol.Failure, "used as it is") {
		t.Error(protocol.Show(again.Diagnostics))
	}
	b.AWS.Region(home).StopOutside(b.id)
	b.eventually("stopped", func() bool { i, _ := b.AWS.Region(home).Instance(b.id); return i.State == "stopped" })
	if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 || b.Recorder.Count("ec2", "StartInstances") != 0 {
		t.Errorf("%d starts\n%s", b.Recorder.Count("ec2", "StartInstances"), protocol.Show(diags))
	}
	b.times(1)
}

// What an interrupted run left is settled by a refresh that sees it done.
func TestUnfinishedSettles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	config := b.config(r, nil)
	k, _ := b.canceled(r, r.Nothing(), config, "POST /licensing/registration")
	b.eventually("registered", func() bool { l := b.machine().License(); return l.Authorization == "IN_COMPLIANCE" })
	r = b.serve(nil)
	k, diags := r.Read(k)
	r.Good(diags)
	if planned := r.Planned(k, config); !planned.Equal(k.State) || protocol.Text(t, k.State, "status") != "registered" {
		t.Errorf("still planned: %s", planned)
	}
}

// What was imported is recorded without a call, and an import of nothing is an error.
func TestImported(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	private, err := json.Marshal(map[string][]byte{"facts": []byte(`{"imported": true}`)})
	if err != nil {
		t.Fatal(err)
	}
	imported := protocol.Kept{State: r.Config(object{"id": b.id, "worker_id": b.id}), Private: private}
	if _, diags := r.Read(imported); !protocol.Has(diags, protocol.Failure, "no registration to import") {
		t.Error(protocol.Show(diags))
	}
	// Of a worker that could not be looked at yet nothing is known to differ.
	if got := protocol.Text(t, r.Planned(imported, b.config(r, object{"extra_nodes": 1})), "status"); got == "(unknown)" {
		t.Error("what was never known is acted on")
	}
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-10*time.Second))
	k, diags := r.Read(imported)
	r.Good(diags)
	b.Recorder.Reset()
	whole := object{"token_wo_version": 1, "transport": object{"ssms": "https://smartreceiver.cisco.com/licservice/license"}}
	k, diags = r.Apply(t.Context(), k, b.config(r, whole))
	r.Good(diags)
	if n := b.Recorder.Count("cml", ""); n != 0 {
		t.Errorf("recording it asked CML %d times", n)
	}
	// From then on it is as any other.
	whole["extra_nodes"] = 4
	k, diags = r.Apply(t.Context(), k, b.config(r, whole))
	r.Good(diags)
	if n := b.machine().License().Nodes; n != 4 || protocol.Text(t, k.State, "inherited") != "false" {
		t.Errorf("%d nodes", n)
	}
	b.times(1)
}

// What ends soon is renewed once, by the apply after the refresh that saw it.
func TestRenewedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	config := b.config(r, object{"renew_before": "336h"})
	k := r.Create(config)
	for days, due := range map[int]bool{15: false, 13: true} {
		soon := time.Now().Add(time.Duration(days) * 24 * time.Hour)
		b.machine().SetLicenseExpiry(soon, soon)
		seen, diags := r.Read(k)
		r.Good(diags)
		if got := protocol.Text(t, r.Planned(seen, config), "status") == "(unknown)"; got != due {
			t.Errorf("%d days left: renewed is %t", days, got)
		}
		if !due {
			continue
		}
		seen, diags = r.Apply(t.Context(), seen, config)
		r.Good(diags)
		if end := b.machine().License().Expires; time.Until(end) < 60*24*time.Hour || protocol.Text(t, r.Planned(seen, config), "status") != "registered" {
			t.Errorf("it ends at %s, and is renewed again", end)
		}
	}
}

// What a plan decides without asking anybody.
func TestPlans(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	bare := r.Create(b.config(r, object{"token_wo_version": nil}))
	k := r.Create(b.config(r, nil))
	b.Recorder.Reset()
	acts := func(from protocol.Kept, config tftypes.Value) bool {
		t.Helper()
		return protocol.Text(t, r.Planned(from, config), "status") == "(unknown)"
	}
	if acts(bare, b.config(r, nil)) {
		t.Error("a first version of the token is acted on")
	}
	if !acts(k, b.config(r, object{"token_wo_version": 2})) {
		t.Error("another version of the token is not acted on")
	}
	if acts(k, b.config(r, object{"controller": object{"port": 8443}, "timeouts": object{"create": "11m"}})) {
		t.Error("another way to CML is acted on")
	}
	plan := r.Plan(k, b.config(r, object{"token_wo_version": 2, "token_wo": nil}))
	if !protocol.Has(plan.Diagnostics, protocol.Failure, "No registration token") {
		t.Error(protocol.Show(plan.Diagnostics))
	}
	if plan := r.Plan(k, b.config(r, object{"region": "us-west-2"})); len(plan.RequiresReplace) != 1 {
		t.Errorf("another region replaces for %v", plan.RequiresReplace)
	}
	if plan := r.Plan(k, b.config(r, object{"region": home})); len(plan.RequiresReplace) != 0 {
		t.Errorf("the same region replaces for %v", plan.RequiresReplace)
	}
	stopped := r.Plan(k, b.config(r, object{"power_state": "stopped", "extra_nodes": 1}))
	if !protocol.Has(stopped.Diagnostics, protocol.Failure, "`extra_nodes`") {
		t.Error(protocol.Show(stopped.Diagnostics))
	}
	for _, bad := range []string{"", " x", "a b", strings.Repeat("x", 257)} {
		diags := r.Validate(b.config(r, object{"token_wo": bad}))
		if !protocol.Has(diags, protocol.Failure, "Invalid registration token") || bad == "a b" && protocol.Has(diags, protocol.Failure, bad) {
			t.Errorf("%q: %s", bad, protocol.Show(diags))
		}
	}
	if n := b.Recorder.Count("cml", ""); n != 0 {
		t.Errorf("the plans asked CML %d times", n)
	}
}

// The data source while CML cannot be asked, and after the end of a licence.
func TestLook(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	r.Create(b.config(r, nil))
	look := func(want map[string]string) {
		t.Helper()
		got, diags := r.Look("cml_worker_license", object{"worker_id": b.id})
		r.Good(diags)
		for name, want := range want {
			if got := protocol.Text(t, got, name); !strings.Contains(got, want) {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	}
	ended := time.Now().Add(-12 * time.Hour)
	b.machine().SetLicenseExpiry(ended, ended)
	look(map[string]string{"status": "registered", "days_left": `"-1"`, "reason": "(null)"})
	b.AWS.Region(home).StopOutside(b.id)
	b.eventually("stopped", func() bool { i, _ := b.AWS.Region(home).Instance(b.id); return i.State == "stopped" })
	b.Recorder.Reset()
	look(map[string]string{"status": "unknown", "valid": "false", "reason": "stopped", "days_left": "(null)", "features": "(null)", "inherited": "(null)"})
	if n := b.Recorder.Count("cml", ""); n != 0 {
		t.Errorf("CML was asked %d times", n)
	}
}
