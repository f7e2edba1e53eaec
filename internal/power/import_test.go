package power_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

// The machine was never touched by this provider; importing it plans nothing.
func TestImport(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	config := l.Provider(l.Controller(false)) + fmt.Sprintf("resource \"cml_worker_power\" \"lab\" {\n  worker_id = %q\n  state     = \"running\"\n}\n", l.id)
	block := func(id string) resource.TestStep {
		return resource.TestStep{
			ResourceName: addr, ImportState: true, ImportStateId: id, ImportStateKind: resource.ImportBlockWithID,
		}
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config},
		{ResourceName: addr, ImportState: true, ImportStateVerify: true, ImportStateId: l.id},
		block(l.id), block(l.id + "@" + home), block(home + ":" + l.id),
		{
			ResourceName: addr, ImportState: true, ImportStateId: "lab-01",
			ExpectError: regexp.MustCompile("Invalid import id"),
		},
		{
			ResourceName: addr, ImportState: true, ImportStateId: "i-0ffffffffffffffff",
			ExpectError: regexp.MustCompile("(?i)non-existent"),
		},
	}})
	if got := l.calls(); got != (calls{}) {
		t.Errorf("importing called EC2: %+v", got)
	}
}

func TestImportBlockByIdentity(t *testing.T) {
	acctest.Engine(t, engine.Identity)
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.Provider(l.Controller(false)) + fmt.Sprintf("resource \"cml_worker_power\" \"lab\" {\n  worker_id = %q\n  state     = \"running\"\n}\n", l.id)},
		{ResourceName: addr, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
	}})
	if got := l.calls(); got != (calls{}) {
		t.Errorf("importing called EC2: %+v", got)
	}
}

// importIdentity imports by identity and reads, as Terraform 1.12 does.
func (s *server) importIdentity(id map[string]any) (kept, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	schemas, err := s.GetResourceIdentitySchemas(context.Background(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		s.t.Fatal(err)
	}
	typ := schemas.IdentitySchemas["cml_worker_power"].ValueType()
	resp, err := s.ImportResourceState(context.Background(), &tfprotov6.ImportResourceStateRequest{
		TypeName: "cml_worker_power", Identity: &tfprotov6.ResourceIdentityData{IdentityData: s.dynamic(typ, build(s.t, typ, id))},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.good(resp.Diagnostics)
	one := resp.ImportedResources[0]
	return s.read(kept{state: s.value(one.State), private: one.Private, identity: one.Identity})
}

func TestImportByIdentity(t *testing.T) {
	l := newLab(t, otherAccount)
	s := l.serve(nil)
	l.stopOutside()
	for name, id := range map[string]map[string]any{
		"id":  {"id": l.id},
		"all": {"id": l.id, "region": home, "account_id": aws123},
	} {
		t.Run(name, func(t *testing.T) {
			got, diags := s.importIdentity(id)
			s.good(diags)
			l.settled(s, got, map[string]any{"worker_id": l.id, "state": "stopped"})

			var members map[string]tftypes.Value
			v, err := got.identity.IdentityData.Unmarshal(tftypes.Object{AttributeTypes: map[string]tftypes.Type{
				"id": tftypes.String, "region": tftypes.String, "account_id": tftypes.String,
			}})
			if err == nil {
				err = v.As(&members)
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{"id": l.id, "region": home, "account_id": aws123} {
				if !members[name].Equal(tftypes.NewValue(tftypes.String, want)) {
					t.Errorf("%s of the identity is %s, wanted %q", name, members[name], want)
				}
			}
		})
	}
	t.Run("another account", func(t *testing.T) {
		s := l.serve(map[string]any{"access_key": "AKIASTRANGEREXAMPLE"})
		got, diags := s.importIdentity(map[string]any{"id": l.id, "account_id": aws123})
		if !has(diags, failure, "not visible with these credentials") {
			t.Errorf("the state is %s:\n%s", got.state, show(diags))
		}
	})
}

// What only the configuration knows comes with one update that calls nothing.
func TestImportThenSettings(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	imported, diags := s.importIdentity(map[string]any{"id": l.id})
	s.good(diags)
	config := map[string]any{
		"worker_id": l.id, "state": "running", "on_external_change": "accept", "worker_revision": "r1",
		"triggers": map[string]any{"rotate": "1"}, "start": ready("keep"),
	}
	l.Recorder.Reset()
	done, diags := s.apply(context.Background(), imported, s.config(config))
	s.good(diags)
	if got := l.Recorder.Operations(""); len(got) > 0 {
		t.Errorf("the update asked %q", got)
	}
	l.settled(s, done, config)

	t.Run("from the first apply on, triggers count", func(t *testing.T) {
		l := newLab(t)
		s := l.serve(nil)
		imported, diags := s.importIdentity(map[string]any{"id": l.id})
		s.good(diags)
		config := map[string]any{"worker_id": l.id, "state": "running", "start": ready("keep")}
		applied, diags := s.apply(context.Background(), imported, s.config(config))
		s.good(diags)
		config["triggers"] = map[string]any{"rotate": "1"}
		_, diags = s.apply(context.Background(), applied, s.config(config))
		s.good(diags)
		if got, want := l.calls(), (calls{start: 1, stop: 1}); got != want {
			t.Errorf("EC2 was asked %+v, wanted %+v", got, want)
		}
	})

	// From here on they count.
	config["triggers"] = map[string]any{"rotate": "2"}
	if _, diags = s.apply(context.Background(), done, s.config(config)); has(diags, failure, "") {
		t.Fatal(show(diags))
	}
	if got, want := l.calls(), (calls{start: 1, stop: 1}); got != want {
		t.Errorf("EC2 was asked %+v, wanted %+v", got, want)
	}
}
