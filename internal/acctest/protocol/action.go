package protocol

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// Action is one type of action of a provider.
type Action struct {
	*Server

	server tfprotov6.ActionServer
	name   string
	schema *tfprotov6.Schema
}

// Action returns the type of that name.
func (s *Server) Action(name string) *Action {
	s.t.Helper()
	schema := s.schemas.ActionSchemas[name]
	if schema == nil {
		s.t.Fatalf("there is no action %s", name)
	}
	server, ok := s.ProviderServer.(tfprotov6.ActionServer)
	if !ok {
		s.t.Fatal("the provider serves no actions")
	}
	return &Action{Server: s, server: server, name: name, schema: schema.Schema}
}

func (a *Action) config(arguments map[string]any) *tfprotov6.DynamicValue {
	a.t.Helper()
	return a.dynamic(a.schema.ValueType(), build(a.t, a.schema, arguments))
}

// Validate is what `terraform validate` asks.
func (a *Action) Validate(arguments map[string]any) []*tfprotov6.Diagnostic {
	a.t.Helper()
	resp, err := a.server.ValidateActionConfig(a.t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: a.name, Config: a.config(arguments)})
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.Diagnostics
}

// Plan is what a plan asks in which the action is invoked.
func (a *Action) Plan(arguments map[string]any) *tfprotov6.PlanActionResponse {
	a.t.Helper()
	resp, err := a.server.PlanAction(a.t.Context(), &tfprotov6.PlanActionRequest{ActionType: a.name, Config: a.config(arguments)})
	if err != nil {
		a.t.Fatal(err)
	}
	return resp
}

// Invoked is what an invocation told.
type Invoked struct {
	// Progress are its messages, in their order.
	Progress    []string
	Diagnostics []*tfprotov6.Diagnostic
}

// Invoke carries the action out. hear, unless nil, gets each message at once.
func (a *Action) Invoke(ctx context.Context, arguments map[string]any, hear func(string)) Invoked {
	a.t.Helper()
	stream, err := a.server.InvokeAction(ctx, &tfprotov6.InvokeActionRequest{ActionType: a.name, Config: a.config(arguments)})
	if err != nil {
		a.t.Fatal(err)
	}
	var out Invoked
	ended := 0
	for event := range stream.Events {
		switch e := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			out.Progress = append(out.Progress, e.Message)
			if hear != nil {
				hear(e.Message)
			}
		case tfprotov6.CompletedInvokeActionEventType:
			out.Diagnostics = e.Diagnostics
			ended++
		}
	}
	if ended != 1 {
		a.t.Fatalf("the action told %d times that it ended", ended)
	}
	return out
}
