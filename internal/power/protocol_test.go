package power_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

// unknown stands for a value that is known only after apply.
type unknown struct{}

// server is the provider in process, spoken to as Terraform does.
type server struct {
	t *testing.T
	tfprotov6.ProviderServer
	resource, provider tftypes.Type
}

// kept is what Terraform keeps of a resource between two calls.
type kept struct {
	state    tftypes.Value
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

// serve configures the provider for a lab. more are arguments of the provider.
func (l *lab) serve(more map[string]any) *server {
	l.t.Helper()
	made, err := acctest.Factories()["cml"]()
	if err != nil {
		l.t.Fatal(err)
	}
	s := &server{t: l.t, ProviderServer: made}
	schemas, err := made.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		l.t.Fatal(err)
	}
	s.resource, s.provider = schemas.ResourceSchemas["cml_worker_power"].ValueType(), schemas.Provider.ValueType()
	config := map[string]any{
		"region": home, "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"endpoints":  []any{map[string]any{"ec2": l.Endpoint(), "sts": l.Endpoint()}},
		"controller": map[string]any{"port": l.Port()},
	}
	maps.Copy(config, more)
	resp, err := made.ConfigureProvider(context.Background(), &tfprotov6.ConfigureProviderRequest{Config: s.dynamic(s.provider, build(l.t, s.provider, config))})
	if err != nil {
		l.t.Fatal(err)
	}
	s.good(resp.Diagnostics)
	return s
}

// good fails the test on an error.
func (s *server) good(all []*tfprotov6.Diagnostic) {
	s.t.Helper()
	for _, d := range all {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			s.t.Fatalf("%s: %s", d.Summary, d.Detail)
		}
	}
}

func (s *server) dynamic(typ tftypes.Type, v tftypes.Value) *tfprotov6.DynamicValue {
	s.t.Helper()
	out, err := tfprotov6.NewDynamicValue(typ, v)
	if err != nil {
		s.t.Fatal(err)
	}
	return &out
}

func (s *server) value(v *tfprotov6.DynamicValue) tftypes.Value {
	s.t.Helper()
	out, err := v.Unmarshal(s.resource)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *server) config(arguments map[string]any) tftypes.Value {
	s.t.Helper()
	return build(s.t, s.resource, arguments)
}

// proposed is what Terraform proposes: the configuration, with the prior value
// of what is computed.
func (s *server) proposed(prior, config tftypes.Value) tftypes.Value {
	s.t.Helper()
	if prior.IsNull() || config.IsNull() {
		return config
	}
	var was, is map[string]tftypes.Value
	if err := prior.As(&was); err != nil {
		s.t.Fatal(err)
	}
	if err := config.As(&is); err != nil {
		s.t.Fatal(err)
	}
	out := maps.Clone(is)
	for name, v := range is {
		if v.IsKnown() && v.IsNull() && computedNames[name] {
			out[name] = was[name]
		}
	}
	return tftypes.NewValue(s.resource, out)
}

var computedNames = map[string]bool{
	"id": true, "region": true, "instance_state": true, "status": true, "service_status": true, "public_ip": true, "public_dns": true,
	"private_ip": true, "ipv6_address": true, "address": true, "url": true, "last_started_at": true, "last_stopped_at": true,
	"state_reason": true, "interrupted_by_spot": true,
}

func (s *server) plan(from kept, config tftypes.Value) *tfprotov6.PlanResourceChangeResponse {
	s.t.Helper()
	resp, err := s.PlanResourceChange(context.Background(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "cml_worker_power", PriorState: s.dynamic(s.resource, from.state), Config: s.dynamic(s.resource, config),
		ProposedNewState: s.dynamic(s.resource, s.proposed(from.state, config)), PriorPrivate: from.private, PriorIdentity: from.identity,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// apply plans and applies.
func (s *server) apply(ctx context.Context, from kept, config tftypes.Value) (kept, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	planned := s.plan(from, config)
	s.good(planned.Diagnostics)
	return s.carryOut(ctx, from, config, planned)
}

// carryOut applies a plan.
func (s *server) carryOut(ctx context.Context, from kept, config tftypes.Value, planned *tfprotov6.PlanResourceChangeResponse) (kept, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	resp, err := s.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: "cml_worker_power", PriorState: s.dynamic(s.resource, from.state), Config: s.dynamic(s.resource, config),
		PlannedState: planned.PlannedState, PlannedPrivate: planned.PlannedPrivate, PlannedIdentity: planned.PlannedIdentity,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	out := kept{state: s.value(resp.NewState), private: resp.Private, identity: resp.NewIdentity}
	if !out.state.IsNull() && !out.state.IsFullyKnown() {
		s.t.Errorf("the state after apply has unknown values: %s", out.state)
	}
	if !has(resp.Diagnostics, tfprotov6.DiagnosticSeverityError, "") && !out.state.IsNull() {
		s.consistent(s.value(planned.PlannedState), out.state)
	}
	return out, resp.Diagnostics
}

// consistent fails as Terraform does ("Provider produced inconsistent result
// after apply") on a value that the plan showed otherwise.
func (s *server) consistent(planned, got tftypes.Value) {
	s.t.Helper()
	var was, is map[string]tftypes.Value
	if err := planned.As(&was); err != nil {
		s.t.Fatal(err)
	}
	if err := got.As(&is); err != nil {
		s.t.Fatal(err)
	}
	for name, v := range was {
		if v.IsFullyKnown() && !v.Equal(is[name]) {
			s.t.Errorf("%s is %s after apply, planned was %s", name, is[name], v)
		}
	}
}

func (s *server) read(from kept) (kept, []*tfprotov6.Diagnostic) {
	s.t.Helper()
	resp, err := s.ReadResource(context.Background(), &tfprotov6.ReadResourceRequest{
		TypeName: "cml_worker_power", CurrentState: s.dynamic(s.resource, from.state), Private: from.private, CurrentIdentity: from.identity,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return kept{state: s.value(resp.NewState), private: resp.Private, identity: resp.NewIdentity}, resp.Diagnostics
}

// nothing is a resource that does not exist yet.
func (s *server) nothing() kept { return kept{state: tftypes.NewValue(s.resource, nil)} }

func member(t *testing.T, v tftypes.Value, name string) tftypes.Value {
	t.Helper()
	var members map[string]tftypes.Value
	if err := v.As(&members); err != nil {
		t.Fatal(err)
	}
	m, ok := members[name]
	if !ok {
		t.Fatalf("there is no attribute %s", name)
	}
	return m
}

// attribute is a string of a state: "(null)" and "(unknown)" for what has none.
func attribute(t *testing.T, v tftypes.Value, name string) string {
	t.Helper()
	m := member(t, v, name)
	var out string
	switch {
	case !m.IsKnown():
		return "(unknown)"
	case m.IsNull():
		return "(null)"
	}
	if err := m.As(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// has reports whether a diagnostic of the severity holds the text.
func has(all []*tfprotov6.Diagnostic, severity tfprotov6.DiagnosticSeverity, text string) bool {
	for _, d := range all {
		if d.Severity == severity && strings.Contains(d.Summary+"\n"+d.Detail, text) {
			return true
		}
	}
	return false
}

func show(all []*tfprotov6.Diagnostic) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%s: %s\n%s\n", d.Severity, d.Summary, d.Detail)
	}
	return b.String()
}

// private is one entry of the provider's private state; "" for none.
func (k kept) entry(t *testing.T, key string) string {
	t.Helper()
	if len(k.private) == 0 {
		return ""
	}
	var all map[string][]byte
	if err := json.Unmarshal(k.private, &all); err != nil {
		t.Fatal(err)
	}
	return string(all[key])
}

// build makes a value of a type from plain Go; what is left out is null.
func build(t *testing.T, typ tftypes.Type, from any) tftypes.Value {
	t.Helper()
	switch from.(type) {
	case nil:
		if object, ok := typ.(tftypes.List); ok {
			return tftypes.NewValue(object, []tftypes.Value{}) // blocks are never null
		}
		return tftypes.NewValue(typ, nil)
	case unknown:
		return tftypes.NewValue(typ, tftypes.UnknownValue)
	}
	switch typ := typ.(type) {
	case tftypes.Object:
		members := map[string]tftypes.Value{}
		given, ok := from.(map[string]any)
		if !ok {
			t.Fatalf("%v is no object", from)
		}
		for name, member := range typ.AttributeTypes {
			members[name] = build(t, member, given[name])
		}
		for name := range given {
			if _, ok := typ.AttributeTypes[name]; !ok {
				t.Fatalf("there is no %s", name)
			}
		}
		return tftypes.NewValue(typ, members)
	case tftypes.Map:
		members := map[string]tftypes.Value{}
		for name, v := range from.(map[string]any) {
			members[name] = build(t, typ.ElementType, v)
		}
		return tftypes.NewValue(typ, members)
	case tftypes.List:
		var members []tftypes.Value
		for _, v := range from.([]any) {
			members = append(members, build(t, typ.ElementType, v))
		}
		return tftypes.NewValue(typ, members)
	case tftypes.Set:
		var members []tftypes.Value
		for _, v := range from.([]any) {
			members = append(members, build(t, typ.ElementType, v))
		}
		return tftypes.NewValue(typ, members)
	}
	return tftypes.NewValue(typ, from)
}
