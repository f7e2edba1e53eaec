// Package protocol speaks to the provider as Terraform does, without a
// Terraform: the provider server in process, the simulator on the wire. It is
// for what an engine does not show, such as private state, a stop in the middle
// of a call, or the state that comes with an error, and for long tables.
package protocol

import (
	"context"
	"encoding/json"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/provider"
)

// Server is a configured provider.
type Server struct {
	tfprotov6.ProviderServer

	t       *testing.T
	schemas *tfprotov6.GetProviderSchemaResponse
}

// Option changes how a provider is served.
type Option = func(*provider.Dependencies)

// Serve configures a provider for a world. more are arguments of its block,
// beside those that lead to the world.
func Serve(t *testing.T, w *acctest.World, more map[string]any, options ...Option) *Server {
	t.Helper()
	s := start(t, options...)
	config := map[string]any{
		"region": "us-east-1", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"endpoints":  []any{map[string]any{"ec2": w.Endpoint(), "sts": w.Endpoint()}},
		"controller": map[string]any{"port": w.Port()},
	}
	maps.Copy(config, more)
	resp, err := s.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{
		Config: s.dynamic(s.schemas.Provider.ValueType(), build(t, s.schemas.Provider, config)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Good(resp.Diagnostics)
	return s
}

// Unconfigured serves a provider that was told nothing, as `terraform
// validate` has it.
func Unconfigured(t *testing.T) *Server {
	t.Helper()
	return start(t)
}

func start(t *testing.T, options ...Option) *Server {
	t.Helper()
	made, err := acctest.Factories(options...)["cml"]()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{ProviderServer: made, t: t}
	if s.schemas, err = made.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	s.Good(s.schemas.Diagnostics)
	return s
}

// Good ends the test on an error among the diagnostics.
func (s *Server) Good(all []*tfprotov6.Diagnostic) {
	s.t.Helper()
	if Has(all, Failure, "") {
		s.t.Fatal(Show(all))
	}
}

func (s *Server) dynamic(typ tftypes.Type, v tftypes.Value) *tfprotov6.DynamicValue {
	s.t.Helper()
	out, err := tfprotov6.NewDynamicValue(typ, v)
	if err != nil {
		s.t.Fatal(err)
	}
	return &out
}

// Resource is one type of resource of a provider.
type Resource struct {
	*Server

	name   string
	schema *tfprotov6.Schema
	typ    tftypes.Type
}

// Resource returns the type of that name.
func (s *Server) Resource(name string) *Resource {
	s.t.Helper()
	schema := s.schemas.ResourceSchemas[name]
	if schema == nil {
		s.t.Fatalf("there is no resource %s", name)
	}
	return &Resource{Server: s, name: name, schema: schema, typ: schema.ValueType()}
}

// Kept is what Terraform keeps of a resource between two calls.
type Kept struct {
	State    tftypes.Value
	Private  []byte
	Identity *tfprotov6.ResourceIdentityData
}

// Entry is one entry of the provider's private state, "" for none.
func (k Kept) Entry(t *testing.T, key string) string {
	t.Helper()
	if len(k.Private) == 0 {
		return ""
	}
	var all map[string][]byte
	if err := json.Unmarshal(k.Private, &all); err != nil {
		t.Fatal(err)
	}
	return string(all[key])
}

// Nothing is a resource that does not exist yet.
func (r *Resource) Nothing() Kept { return Kept{State: tftypes.NewValue(r.typ, nil)} }

// Config is a configuration in plain Go: what is left out is null.
func (r *Resource) Config(arguments map[string]any) tftypes.Value {
	r.t.Helper()
	return build(r.t, r.schema, arguments)
}

// Value decodes what the provider sent.
func (r *Resource) Value(v *tfprotov6.DynamicValue) tftypes.Value {
	r.t.Helper()
	out, err := v.Unmarshal(r.typ)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// Validate is what `terraform validate` asks.
func (r *Resource) Validate(config tftypes.Value) []*tfprotov6.Diagnostic {
	r.t.Helper()
	resp, err := r.ValidateResourceConfig(r.t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: r.name, Config: r.dynamic(r.typ, config),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.Diagnostics
}

// Plan asks for a plan, with the proposal that Terraform makes.
func (r *Resource) Plan(from Kept, config tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	r.t.Helper()
	resp, err := r.PlanResourceChange(r.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: r.name, PriorState: r.dynamic(r.typ, from.State), Config: r.dynamic(r.typ, config),
		ProposedNewState: r.dynamic(r.typ, r.proposed(from.State, config)), PriorPrivate: from.Private, PriorIdentity: from.Identity,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp
}

// Planned is the planned state of a plan without errors.
func (r *Resource) Planned(from Kept, config tftypes.Value) tftypes.Value {
	r.t.Helper()
	resp := r.Plan(from, config)
	r.Good(resp.Diagnostics)
	return r.Value(resp.PlannedState)
}

// Apply plans and applies. It checks what Terraform checks: that everything is
// known afterwards, and that no value is another than the plan showed.
func (r *Resource) Apply(ctx context.Context, from Kept, config tftypes.Value) (Kept, []*tfprotov6.Diagnostic) {
	r.t.Helper()
	plan := r.Plan(from, config)
	r.Good(plan.Diagnostics)
	resp, err := r.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: r.name, PriorState: r.dynamic(r.typ, from.State), Config: r.dynamic(r.typ, config),
		PlannedState: plan.PlannedState, PlannedPrivate: plan.PlannedPrivate, PlannedIdentity: plan.PlannedIdentity,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	out := Kept{State: r.Value(resp.NewState), Private: resp.Private, Identity: resp.NewIdentity}
	if !out.State.IsNull() {
		if !out.State.IsFullyKnown() {
			r.t.Errorf("the state after apply has unknown values: %s", out.State)
		}
		if !Has(resp.Diagnostics, Failure, "") {
			r.consistent(r.Value(plan.PlannedState), out.State)
		}
	}
	return out, resp.Diagnostics
}

// Create applies a configuration to nothing and wants no error.
func (r *Resource) Create(config tftypes.Value) Kept {
	r.t.Helper()
	out, diags := r.Apply(r.t.Context(), r.Nothing(), config)
	r.Good(diags)
	return out
}

// Read refreshes.
func (r *Resource) Read(from Kept) (Kept, []*tfprotov6.Diagnostic) {
	r.t.Helper()
	resp, err := r.ReadResource(r.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: r.name, CurrentState: r.dynamic(r.typ, from.State), Private: from.Private, CurrentIdentity: from.Identity,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return Kept{State: r.Value(resp.NewState), Private: resp.Private, Identity: resp.NewIdentity}, resp.Diagnostics
}

// Destroy deletes, without asking for a plan first. The state that it returns
// is null when Terraform forgets the resource.
func (r *Resource) Destroy(ctx context.Context, from Kept) (Kept, []*tfprotov6.Diagnostic) {
	r.t.Helper()
	null := r.dynamic(r.typ, tftypes.NewValue(r.typ, nil))
	resp, err := r.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: r.name, PriorState: r.dynamic(r.typ, from.State), Config: null, PlannedState: null, PlannedPrivate: from.Private,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return Kept{State: r.Value(resp.NewState), Private: resp.Private, Identity: resp.NewIdentity}, resp.Diagnostics
}

// consistent fails as Terraform does ("Provider produced inconsistent result
// after apply").
func (r *Resource) consistent(planned, got tftypes.Value) {
	r.t.Helper()
	diffs, err := planned.Diff(got)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range diffs {
		if d.Value1 != nil && d.Value1.IsFullyKnown() && (d.Value2 == nil || !d.Value1.Equal(*d.Value2)) {
			r.t.Errorf("%s is %v after apply, planned was %s", d.Path, d.Value2, d.Value1)
		}
	}
}

// Look reads a data source.
func (s *Server) Look(name string, arguments map[string]any) (tftypes.Value, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	schema := s.schemas.DataSourceSchemas[name]
	if schema == nil {
		s.t.Fatalf("there is no data source %s", name)
	}
	typ := schema.ValueType()
	resp, err := s.ReadDataSource(s.t.Context(), &tfprotov6.ReadDataSourceRequest{
		TypeName: name, Config: s.dynamic(typ, build(s.t, schema, arguments)),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.State == nil {
		return tftypes.NewValue(typ, nil), resp.Diagnostics
	}
	out, err := resp.State.Unmarshal(typ)
	if err != nil {
		s.t.Fatal(err)
	}
	return out, resp.Diagnostics
}
