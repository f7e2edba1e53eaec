package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// ear hears the warnings of data sources, which Terraform only prints.
type ear struct {
	tfprotov6.ProviderServer
	mu    *sync.Mutex
	heard *[]string
}

func (e ear) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	resp, err := e.ProviderServer.ReadDataSource(ctx, req)
	if resp != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, d := range resp.Diagnostics {
			if d.Severity == tfprotov6.DiagnosticSeverityWarning {
				*e.heard = append(*e.heard, d.Summary+": "+d.Detail)
			}
		}
	}
	return resp, err
}

// priced is a provider block with the price list.
func priced(w *acctest.World, extra string) string {
	return w.Provider(fmt.Sprintf("endpoints {\n    pricing = %q\n  }\n  %s", w.Endpoint(), extra))
}

func TestInstanceTypesByPrice(t *testing.T) {
	w := acctest.NewWorld(t)
	r := w.AWS.Region(home)
	r.AddInstanceType(aws.InstanceType{Name: "r8i.12xlarge", VCPUs: 48, ThreadsPerCore: 2, MemoryMiB: 192 << 10, Architecture: "x86_64", NestedVirtualization: true})
	r.AddInstanceType(aws.InstanceType{Name: "m8i.metal", VCPUs: 192, ThreadsPerCore: 2, MemoryMiB: 768 << 10, Architecture: "x86_64", BareMetal: true, HourlyPrice: 0.4})
	price := func(n int, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data."+kinds+".it", tfjsonpath.New("types").AtSliceIndex(n).AtMapKey("hourly_price"), check)
	}
	size := []string{"c8i.2xlarge", "m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "r8i.12xlarge", "m5zn.metal", "m8i.metal"}
	step := func(provider, arguments string, checks ...statecheck.StateCheck) resource.TestStep {
		return resource.TestStep{Config: provider + data(kinds, arguments), ConfigStateChecks: checks}
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		// What has no price comes last.
		step(priced(w, ""), `order_by = "price"`, value(kinds, "names", names("c8i.2xlarge", "m8i.metal", "m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "m5zn.metal", "r8i.12xlarge")),
			price(0, knownvalue.Float64Exact(0.37485)), price(1, knownvalue.Float64Exact(0.4)), price(6, knownvalue.Null()), exactly(kinds, "currency", "USD")),
		step(priced(w, ""), "", value(kinds, "names", names(size...)), price(1, knownvalue.Float64Exact(0.42336)), price(6, knownvalue.Float64Exact(0.4))),
		step(priced(w, "refresh_prices = false"), "", value(kinds, "names", names(size...)), price(1, knownvalue.Null()), value(kinds, "currency", knownvalue.Null())),
		step(priced(w, "refresh_prices = false"), "order_by = \"price\"\n  min_vcpus = 100", value(kinds, "names", names("m8i.metal")), price(0, knownvalue.Float64Exact(0.4))),
		step(w.Provider(""), `order_by = "price"`, value(kinds, "names", names(size...)), price(1, knownvalue.Null())),
		step(priced(w, ""), "order_by = \"price\"\n  region = \"eu-central-1\"\n  min_vcpus = 16", value(kinds, "names", names("m8i.4xlarge", "r8i.4xlarge", "m5zn.metal")),
			price(0, knownvalue.Float64Exact(0.880589))),
	}})
}

// Without prices the order falls back, and a warning says so.
func TestInstanceTypesWithoutPrices(t *testing.T) {
	for name, c := range map[string]struct{ arguments, want string }{
		"ordered": {`order_by = "price"`, "in the order of their size, since their prices are not known: GetProducts in us-east-1: AccessDeniedException"},
		"by size": {"", "hourly_price of the instance types is null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			w.AWS.Deny(aws.DefaultAccountID, "pricing:GetProducts")
			var mu sync.Mutex
			var heard []string
			factories := map[string]func() (tfprotov6.ProviderServer, error){"cml": func() (tfprotov6.ProviderServer, error) {
				s, err := acctest.Factories()["cml"]()
				return ear{s, &mu, &heard}, err
			}}
			acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{{
				Config:            priced(w, "") + data(kinds, c.arguments),
				ConfigStateChecks: []statecheck.StateCheck{value(kinds, "names", names("c8i.2xlarge", "m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "m5zn.metal"))},
			}}})
			if !slices.ContainsFunc(heard, func(s string) bool {
				return strings.Contains(s, c.want) && strings.Contains(s, "pricing:GetProducts") && strings.Contains(s, "[price_unknown]")
			}) {
				t.Errorf("heard %q", heard)
			}
		})
	}
}
