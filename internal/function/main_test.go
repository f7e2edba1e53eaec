package function_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	cml "github.com/cml-infra/terraform-provider-cml/internal/function"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// bare is a provider that has the functions and nothing else.
type bare struct{ provider.Provider }

func (bare) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "cml"
}

func (bare) Resources(context.Context) []func() resource.Resource { return nil }

func (bare) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (bare) Functions(context.Context) []func() function.Function { return cml.All() }

func server(t *testing.T) tfprotov6.ProviderServer {
	t.Helper()
	s, err := providerserver.NewProtocol6WithError(bare{})()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// call runs a function as Terraform does.
func call(t *testing.T, name string, args ...tftypes.Value) (tftypes.Value, *tfprotov6.FunctionError) {
	t.Helper()
	s := server(t)
	all, err := s.GetFunctions(t.Context(), &tfprotov6.GetFunctionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	f := all.Functions[name]
	if f == nil || len(f.Parameters) != len(args) {
		t.Fatalf("%s with %d arguments: %+v", name, len(args), f)
	}
	req := &tfprotov6.CallFunctionRequest{Name: name}
	for i, a := range args {
		v, err := tfprotov6.NewDynamicValue(f.Parameters[i].Type, a)
		if err != nil {
			t.Fatalf("argument %d: %v", i, err)
		}
		req.Arguments = append(req.Arguments, &v)
	}
	resp, err := s.CallFunction(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Error != nil {
		return tftypes.Value{}, resp.Error
	}
	out, err := resp.Result.Unmarshal(f.Return.Type)
	if err != nil {
		t.Fatal(err)
	}
	return out, nil
}

// texts are arguments of type string.
func texts(all ...string) []tftypes.Value {
	out := make([]tftypes.Value, len(all))
	for i, s := range all {
		out[i] = text(s)
	}
	return out
}

func text(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

func number(n int64) tftypes.Value { return tftypes.NewValue(tftypes.Number, n) }

// as unpacks a result.
func as[T any](t *testing.T, v tftypes.Value) T {
	t.Helper()
	var out T
	if err := v.As(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// refused checks an error: the argument it points at, and what it says.
func refused(t *testing.T, got *tfprotov6.FunctionError, argument int64, want string) {
	t.Helper()
	if got == nil {
		t.Errorf("no error, want one that says %q", want)
		return
	}
	if got.FunctionArgument == nil || *got.FunctionArgument != argument {
		t.Errorf("the error points at argument %v, want %d: %s", got.FunctionArgument, argument, got.Text)
	}
	if !strings.Contains(got.Text, want) {
		t.Errorf("the error lacks %q: %s", want, got.Text)
	}
	if strings.HasSuffix(got.Text, ".") {
		t.Errorf("Terraform would end it with two full stops: %s", got.Text)
	}
}

// Every function and parameter is described for its users.
func TestDescribed(t *testing.T) {
	all, err := server(t).GetFunctions(t.Context(), &tfprotov6.GetFunctionsRequest{})
	if err != nil || len(all.Diagnostics) > 0 {
		t.Fatal(err, all.Diagnostics)
	}
	if len(all.Functions) != 6 {
		t.Errorf("%d functions", len(all.Functions))
	}
	for name, f := range all.Functions {
		if f.Summary == "" || f.Description == "" || f.DescriptionKind != tfprotov6.StringKindMarkdown {
			t.Errorf("%s is not described: %+v", name, f)
		}
		for _, p := range f.Parameters {
			if p.Description == "" || p.DescriptionKind != tfprotov6.StringKindMarkdown || p.AllowNullValue {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}
