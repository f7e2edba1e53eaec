package provider_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	cml "github.com/cml-infra/terraform-provider-cml/internal/provider"
)

func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "AWS_") || strings.HasPrefix(upper, "CML_") || strings.HasPrefix(upper, "TF_") || strings.HasSuffix(upper, "_PROXY") {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// The shorthands of configurations in these tests: an object or a block, a
// list, and a value that is not known yet.
type (
	obj  = map[string]any
	list = []any
)

type unknown struct{}

func providerSchema(t *testing.T) schema.Schema {
	t.Helper()
	var resp provider.SchemaResponse
	cml.New("test")().Schema(t.Context(), provider.SchemaRequest{}, &resp)
	if diags := resp.Schema.ValidateImplementation(t.Context()); diags.HasError() {
		t.Fatalf("the schema is not valid: %v", diags)
	}
	return resp.Schema
}

// config builds what Terraform sends for a provider block: null for arguments
// that are not there, no element for blocks that are not there.
func config(t *testing.T, c obj) (schema.Schema, tftypes.Value) {
	t.Helper()
	s := providerSchema(t)
	typ := s.Type().TerraformType(context.Background()).(tftypes.Object)
	full := obj{}
	for name := range s.Blocks {
		full[name] = list{}
	}
	for name, v := range c {
		if _, ok := typ.AttributeTypes[name]; !ok {
			t.Fatalf("no argument %s", name)
		}
		full[name] = v
	}
	return s, value(t, typ, full)
}

func value(t *testing.T, typ tftypes.Type, v any) tftypes.Value {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(typ, nil)
	case unknown:
		return tftypes.NewValue(typ, tftypes.UnknownValue)
	case obj:
		out := map[string]tftypes.Value{}
		switch typ := typ.(type) {
		case tftypes.Object:
			for name := range v {
				if _, ok := typ.AttributeTypes[name]; !ok {
					t.Fatalf("no argument %s", name)
				}
			}
			for name, element := range typ.AttributeTypes {
				out[name] = value(t, element, v[name])
			}
		case tftypes.Map:
			for name, element := range v {
				out[name] = value(t, typ.ElementType, element)
			}
		}
		return tftypes.NewValue(typ, out)
	case list:
		var element tftypes.Type
		switch typ := typ.(type) {
		case tftypes.List:
			element = typ.ElementType
		case tftypes.Set:
			element = typ.ElementType
		}
		out := []tftypes.Value{}
		for _, e := range v {
			out = append(out, value(t, element, e))
		}
		return tftypes.NewValue(typ, out)
	}
	return tftypes.NewValue(typ, v)
}

func server(t *testing.T) tfprotov6.ProviderServer {
	t.Helper()
	s, err := providerserver.NewProtocol6WithError(cml.New("test")())()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate asks the provider server, as `terraform validate` does.
func validate(t *testing.T, c obj) []*tfprotov6.Diagnostic {
	t.Helper()
	_, raw := config(t, c)
	dynamic, err := tfprotov6.NewDynamicValue(raw.Type(), raw)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server(t).ValidateProviderConfig(t.Context(), &tfprotov6.ValidateProviderConfigRequest{Config: &dynamic})
	if err != nil {
		t.Fatal(err)
	}
	return resp.Diagnostics
}

// configure runs Configure and returns the set, which is nil on errors.
func configure(t *testing.T, c obj) (*clients.Set, provider.ConfigureResponse) {
	t.Helper()
	return configureWith(t, c, provider.ConfigureProviderClientCapabilities{})
}

func configureWith(t *testing.T, c obj, capabilities provider.ConfigureProviderClientCapabilities) (*clients.Set, provider.ConfigureResponse) {
	t.Helper()
	s, raw := config(t, c)
	var resp provider.ConfigureResponse
	cml.New("test")().Configure(t.Context(), provider.ConfigureRequest{Config: tfsdk.Config{Schema: s, Raw: raw}, ClientCapabilities: capabilities}, &resp)
	set, ok := resp.ResourceData.(*clients.Set)
	if ok == resp.Diagnostics.HasError() {
		t.Fatalf("data %T with diagnostics %v", resp.ResourceData, resp.Diagnostics)
	}
	return set, resp
}

// configured is configure where no diagnostics are expected.
func configured(t *testing.T, c obj) *clients.Set {
	t.Helper()
	set, resp := configure(t, c)
	if len(resp.Diagnostics) != 0 {
		t.Fatalf("unexpected %v", resp.Diagnostics)
	}
	return set
}
