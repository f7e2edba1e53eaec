package protocol

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// ListResource is one type of resource that a provider lists.
type ListResource struct {
	*Server

	name     string
	schema   *tfprotov6.Schema
	resource *Resource
	identity tftypes.Type
	lists    tfprotov6.ListResourceServer
}

// ListResource returns the list of that name.
func (s *Server) ListResource(name string) *ListResource {
	s.t.Helper()
	lists, ok := s.ProviderServer.(tfprotov6.ListResourceServer)
	if schema := s.schemas.ListResourceSchemas[name]; ok && schema != nil {
		identities, err := s.GetResourceIdentitySchemas(s.t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
		if err != nil {
			s.t.Fatal(err)
		}
		return &ListResource{Server: s, name: name, schema: schema, resource: s.Resource(name),
			identity: identities.IdentitySchemas[name].ValueType(), lists: lists}
	}
	s.t.Fatalf("there is no list of %s", name)
	return nil
}

// Listed is one event of a list.
type Listed struct {
	DisplayName string
	// Identity and Resource are null where the event has none.
	Identity, Resource tftypes.Value
	Diagnostics        []*tfprotov6.Diagnostic
}

// ValidateList is what Terraform asks before it asks for a list.
func (l *ListResource) ValidateList(config map[string]any) []*tfprotov6.Diagnostic {
	l.t.Helper()
	resp, err := l.lists.ValidateListResourceConfig(l.t.Context(), &tfprotov6.ValidateListResourceConfigRequest{
		TypeName: l.name, Config: l.dynamic(l.schema.ValueType(), build(l.t, l.schema, config)),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.Diagnostics
}

// List asks for a list, of whole resources or of their names alone, and hands
// each event to take until that returns false. limit is 0 for none.
func (l *ListResource) List(ctx context.Context, config map[string]any, whole bool, limit int64, take func(Listed) bool) {
	l.t.Helper()
	stream, err := l.lists.ListResource(ctx, &tfprotov6.ListResourceRequest{
		TypeName: l.name, Config: l.dynamic(l.schema.ValueType(), build(l.t, l.schema, config)),
		IncludeResource: whole, Limit: limit,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	for event := range stream.Results {
		out := Listed{DisplayName: event.DisplayName, Identity: tftypes.NewValue(l.identity, nil),
			Resource: tftypes.NewValue(l.resource.typ, nil), Diagnostics: event.Diagnostics}
		if event.Identity != nil {
			if out.Identity, err = event.Identity.IdentityData.Unmarshal(l.identity); err != nil {
				l.t.Fatal(err)
			}
		}
		if event.Resource != nil {
			out.Resource = l.resource.Value(event.Resource)
		}
		if !take(out) {
			return
		}
	}
}

// All is List to its end, without a limit.
func (l *ListResource) All(config map[string]any, whole bool) []Listed {
	l.t.Helper()
	var out []Listed
	l.List(l.t.Context(), config, whole, 0, func(one Listed) bool {
		out = append(out, one)
		return true
	})
	return out
}

// Import imports by what a list gave of a resource, and reads it.
func (r *Resource) Import(identity tftypes.Value) (Kept, []*tfprotov6.Diagnostic) {
	r.t.Helper()
	data := &tfprotov6.ResourceIdentityData{IdentityData: r.dynamic(identity.Type(), identity)}
	resp, err := r.ImportResourceState(r.t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: r.name, Identity: data})
	if err != nil {
		r.t.Fatal(err)
	}
	r.Good(resp.Diagnostics)
	if len(resp.ImportedResources) != 1 {
		r.t.Fatalf("%d resources were imported", len(resp.ImportedResources))
	}
	got := resp.ImportedResources[0]
	return r.Read(Kept{State: r.Value(got.State), Private: got.Private, Identity: got.Identity})
}

// Generated is the configuration that Terraform writes for a resource of this
// state.
func (r *Resource) Generated(state tftypes.Value) tftypes.Value {
	r.t.Helper()
	resp, err := r.GenerateResourceConfig(r.t.Context(), &tfprotov6.GenerateResourceConfigRequest{TypeName: r.name, State: r.dynamic(r.typ, state)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.Good(resp.Diagnostics)
	return r.Value(resp.Config)
}
