package provider_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	cml "github.com/cml-infra/terraform-provider-cml/internal/provider"
)

// An interrupt is answered after the actions have told how they ended, since
// the gRPC server sends nothing more after that answer.
func TestInterruptWaitsForActions(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	// AWS that never answers.
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			select {
			case asked <- struct{}{}:
			default:
			}
		}
	}()
	s := cml.NewServer(cml.New("test")())
	schemas, err := s.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + silent.Addr().String()
	block, _ := schemas.Provider.ValueType().(tftypes.Object)
	config := nothing(block)
	for name, value := range map[string]string{"region": "us-east-1", "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "x"} {
		config[name] = tftypes.NewValue(tftypes.String, value)
	}
	endpoints, _ := block.AttributeTypes["endpoints"].(tftypes.List)
	services, _ := endpoints.ElementType.(tftypes.Object)
	to := nothing(services)
	to["ec2"], to["sts"] = tftypes.NewValue(tftypes.String, endpoint), tftypes.NewValue(tftypes.String, endpoint)
	config["endpoints"] = tftypes.NewValue(endpoints, []tftypes.Value{tftypes.NewValue(services, to)})
	configured, err := s.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: dynamic(t, block, config)})
	if err != nil || len(configured.Diagnostics) > 0 {
		t.Fatalf("%v %v", err, configured.Diagnostics)
	}

	typ, _ := schemas.ActionSchemas["cml_worker_wait"].Schema.ValueType().(tftypes.Object)
	arguments := nothing(typ)
	arguments["worker_id"] = tftypes.NewValue(tftypes.String, "i-0123456789abcdef0")
	stream, err := s.(tfprotov6.ActionServer).InvokeAction(context.Background(), &tfprotov6.InvokeActionRequest{
		ActionType: "cml_worker_wait", Config: dynamic(t, typ, arguments),
	})
	if err != nil {
		t.Fatal(err)
	}
	ends := make(chan []*tfprotov6.Diagnostic, 1)
	go func() {
		for event := range stream.Events {
			if end, ok := event.Type.(tfprotov6.CompletedInvokeActionEventType); ok {
				ends <- end.Diagnostics
			}
		}
	}()
	<-asked
	if _, err := s.StopProvider(t.Context(), &tfprotov6.StopProviderRequest{}); err != nil {
		t.Fatal(err)
	}
	select {
	case diags := <-ends:
		if len(diags) == 0 || !strings.Contains(diags[0].Detail, "invoke the action again") {
			t.Errorf("it ended with %v", diags)
		}
	default:
		t.Error("the interrupt was answered before the action had told how it ended")
	}
	// Without an action nobody is waited for.
	if _, err := s.StopProvider(t.Context(), &tfprotov6.StopProviderRequest{}); err != nil {
		t.Fatal(err)
	}
}

// nothing is an object of which no member has a value.
func nothing(typ tftypes.Object) map[string]tftypes.Value {
	out := map[string]tftypes.Value{}
	for name, member := range typ.AttributeTypes {
		out[name] = tftypes.NewValue(member, nil)
		switch member.(type) {
		case tftypes.Set, tftypes.List:
			out[name] = tftypes.NewValue(member, []tftypes.Value{})
		}
	}
	return out
}

func dynamic(t *testing.T, typ tftypes.Type, members map[string]tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	out, err := tfprotov6.NewDynamicValue(typ, tftypes.NewValue(typ, members))
	if err != nil {
		t.Fatal(err)
	}
	return &out
}
