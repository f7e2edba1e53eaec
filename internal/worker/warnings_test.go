package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// Warnings that need a worker with a past, in a plan, a refresh or a destroy:
// each is said once, and silenced by its code.
func TestSuppressLaterWarnings(t *testing.T) {
	refresh := func(w *acctest.World, worker *protocol.Resource, k protocol.Kept, _ object) []*tfprotov6.Diagnostic {
		_, diags := worker.Read(k)
		return diags
	}
	plan := func(w *acctest.World, worker *protocol.Resource, k protocol.Kept, after object) []*tfprotov6.Diagnostic {
		return worker.Plan(k, worker.Config(with(after))).Diagnostics
	}
	destroy := func(w *acctest.World, worker *protocol.Resource, k protocol.Kept, _ object) []*tfprotov6.Diagnostic {
		_, diags := worker.Destroy(t.Context(), k)
		return diags
	}
	register := func(w *acctest.World, m *cml.Machine) { m.RegisterNow("CML_Enterprise", time.Time{}) }
	filter := object{"ami_id": nil, "ami_filter": object{"name_pattern": "CML-2.9.*", "on_newer": "warn"}}
	for code, c := range map[string]struct {
		before, after object
		prepare       func(*acctest.World, *cml.Machine)
		ask           func(*acctest.World, *protocol.Resource, protocol.Kept, object) []*tfprotov6.Diagnostic
		once          bool // what is asked ends the worker
	}{
		"license_reregister": {after: object{"ami_id": newImage}, prepare: register, ask: plan},
		"license_expires": {prepare: func(w *acctest.World, m *cml.Machine) {
			register(w, m)
			soon := time.Now().Add(13 * 24 * time.Hour)
			m.SetLicenseExpiry(soon, soon)
		}, ask: plan},
		"license_check":     {ask: refresh},
		"inherited_license": {prepare: func(_ *acctest.World, m *cml.Machine) { m.RegisterNow("CML_Enterprise", time.Now().Add(-time.Hour)) }, ask: refresh},
		"spot_license":      {before: object{"market": object{"type": "spot"}}, after: object{"market": object{"type": "spot"}}, prepare: register, ask: plan},
		"labs_lost": {after: object{"ami_id": newImage}, prepare: func(_ *acctest.World, m *cml.Machine) {
			if _, err := m.AddLab(cml.Lab{Title: "ospf"}); err != nil {
				t.Error(err)
			}
		}, ask: plan},
		"newer_image": {before: filter, after: filter, prepare: func(w *acctest.World, _ *cml.Machine) {
			w.AWS.Region(region).AddImage(aws.Image{Name: "CML-2.9.9", Created: time.Now()})
		}, ask: plan},
		"image_facts_missing": {after: filter, ask: func(w *acctest.World, worker *protocol.Resource, k protocol.Kept, after object) []*tfprotov6.Diagnostic {
			k.Private = nil // as a state that another version wrote
			return plan(w, worker, k, after)
		}},
		"final_snapshot": {before: object{"on_destroy": object{"final_snapshot": true, "deregister_license": "skip"}}, ask: destroy, once: true},
		"surviving_volumes": {before: object{"on_destroy": object{"deregister_license": "skip"}}, prepare: func(w *acctest.World, _ *cml.Machine) {
			w.AWS.Region(region).AttachVolume(only(t, w).ID, "/dev/sdf", 1)
		}, ask: destroy, once: true},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			for _, silenced := range []bool{false, true} {
				w := acctest.NewWorld(t)
				admin := w.CML.Admin()
				account := object{"controller": object{"port": w.Port(), "username": admin.Username, "password": admin.Password}}
				maker := serve(t, w, account)
				k := maker.Create(maker.Config(with(c.before)))
				if c.prepare != nil {
					c.prepare(w, w.CML.Machine(only(t, w).ID))
				}
				k, _ = maker.Read(k)
				account["suppress_warnings"] = []any{"clock_skew"}
				if silenced {
					account["suppress_warnings"] = []any{code}
				}
				diags := c.ask(w, serve(t, w, account), k, c.after)
				n := 0
				for _, d := range diags {
					if d.Severity == protocol.Failure {
						t.Errorf("%s: %s", d.Summary, d.Detail)
					}
					if strings.HasSuffix(d.Detail, "["+code+"]") {
						n++
					}
				}
				if want := map[bool]int{false: 1, true: 0}[silenced]; n != want {
					t.Errorf("silenced %t: said %d times, wanted %d:\n%s", silenced, n, want, protocol.Show(diags))
				}
			}
		})
	}
}

// A worker that cannot be asked any more is destroyed with a warning that names
// who is counted, as the last refresh saw it.
func TestDestroyNamesTheHolder(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	admin := w.CML.Admin()
	worker := serve(t, w, object{"controller": object{"port": w.Port(), "username": admin.Username, "password": admin.Password}})
	k := worker.Create(worker.Config(with(nil)))
	m := w.CML.Machine(only(t, w).ID)
	m.RegisterNow("CML_Enterprise", time.Time{})
	k, _ = worker.Read(k)
	if err := m.HoldPhase(cml.Refused); err != nil {
		t.Fatal(err)
	}
	k, diags := worker.Destroy(t.Context(), k)
	if !k.State.IsNull() || !protocol.Has(diags, protocol.Warning, m.License().UDI) || !protocol.Has(diags, protocol.Warning, "Lab VA") {
		t.Errorf("%s\n%s", k.State, protocol.Show(diags))
	}
}

// Two workers of one image of a registered machine are told from each other by
// nobody but this warning.
func TestSharedUDI(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	admin := w.CML.Admin()
	worker := serve(t, w, object{"controller": object{"port": w.Port(), "username": admin.Username, "password": admin.Password}})
	first := worker.Create(worker.Config(with(object{"name": "one"})))
	second := worker.Create(worker.Config(with(object{"name": "two"})))
	a, b := w.CML.Machine(protocol.Text(t, first.State, "id")), w.CML.Machine(protocol.Text(t, second.State, "id"))
	b.SetUDI(a.License().UDI)
	for _, m := range []*cml.Machine{a, b} {
		m.RegisterNow("CML_Enterprise", time.Time{})
	}
	for n, k := range []protocol.Kept{first, second} {
		_, diags := worker.Read(k)
		if protocol.Has(diags, protocol.Warning, "[license_udi_shared]") != (n == 1) {
			t.Errorf("worker %d:\n%s", n+1, protocol.Show(diags))
		}
	}
}

// Who waits for a licence in creation means a licensed machine.
func TestSpotLicenseAtCreation(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	admin := w.CML.Admin()
	worker := serve(t, w, object{"controller": object{"port": w.Port(), "username": admin.Username, "password": admin.Password}})
	for until, want := range map[string]bool{"licensed": true, "ready": false} {
		for market, spot := range map[string]bool{"spot": true, "on_demand": false} {
			plan := worker.Plan(worker.Nothing(), worker.Config(with(object{"market": object{"type": market}, "readiness": object{"until": until}})))
			if protocol.Has(plan.Diagnostics, protocol.Warning, "[spot_license]") != (want && spot) {
				t.Errorf("%s, %s:\n%s", until, market, protocol.Show(plan.Diagnostics))
			}
		}
	}
}
