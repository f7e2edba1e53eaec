// Package provider wires the provider together: its schema, its configuration
// and the list of what it offers. It decides nothing about workers.
package provider

import (
	"context"
	"net"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/automation"
	"github.com/cml-infra/terraform-provider-cml/internal/catalog"
	cmlfunction "github.com/cml-infra/terraform-provider-cml/internal/function"
	"github.com/cml-infra/terraform-provider-cml/internal/insight"
	"github.com/cml-infra/terraform-provider-cml/internal/license"
	"github.com/cml-infra/terraform-provider-cml/internal/power"
	"github.com/cml-infra/terraform-provider-cml/internal/session"
	"github.com/cml-infra/terraform-provider-cml/internal/storage"
	"github.com/cml-infra/terraform-provider-cml/internal/worker"
)

// Address is the provider's address in the registry.
const Address = "registry.terraform.io/cml-infra/cml"

// TypeName is the prefix of everything that the provider offers.
const TypeName = "cml"

// Dependencies are what the provider takes from outside; zero members mean the
// real thing.
type Dependencies struct {
	// Version is the provider's own, "dev" when empty.
	Version string
	// Interval is the pace of waits where the configuration says nothing; 0 is
	// the usual one.
	Interval time.Duration
	// Dial opens connections to CML; nil is a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// New returns what makes instances of the provider.
func New(version string) func() provider.Provider {
	return NewWith(Dependencies{Version: version})
}

// NewWith is New with other collaborators.
func NewWith(d Dependencies) func() provider.Provider {
	if d.Version == "" {
		d.Version = "dev"
	}
	return func() provider.Provider { return &cmlProvider{deps: d} }
}

type cmlProvider struct{ deps Dependencies }

var (
	_ provider.Provider                       = (*cmlProvider)(nil)
	_ provider.ProviderWithActions            = (*cmlProvider)(nil)
	_ provider.ProviderWithEphemeralResources = (*cmlProvider)(nil)
	_ provider.ProviderWithFunctions          = (*cmlProvider)(nil)
	_ provider.ProviderWithListResources      = (*cmlProvider)(nil)
	_ provider.ProviderWithValidateConfig     = (*cmlProvider)(nil)
)

// Metadata implements provider.Provider.
func (p *cmlProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = TypeName
	resp.Version = p.deps.Version
}

// Schema implements provider.Provider.
func (p *cmlProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = providerSchema()
}

// Resources implements provider.Provider.
func (p *cmlProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{worker.NewResource, power.NewResource, storage.NewResource, license.NewResource, automation.NewIdlePolicy, automation.NewSchedule}
}

// DataSources implements provider.Provider.
func (p *cmlProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		worker.NewDataSource, worker.NewFleetDataSource, license.NewDataSource,
		insight.NewStatus, insight.NewHealth, insight.NewIdle, insight.NewMetrics, insight.NewCost, insight.NewDashboard,
		catalog.NewAMI, catalog.NewInstanceTypes, catalog.NewSecurityGroupRules, catalog.NewIAMPolicy,
	}
}

// EphemeralResources implements provider.ProviderWithEphemeralResources.
func (p *cmlProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{session.NewToken}
}

// Actions implements provider.ProviderWithActions.
func (p *cmlProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{
		power.NewStart, power.NewStop, power.NewReboot, power.NewWait, power.NewStopLabs, power.NewMaintenance,
		automation.NewPublishMetrics,
		license.NewDeregister, license.NewRenew,
		storage.NewTake,
	}
}

// ListResources implements provider.ProviderWithListResources.
func (p *cmlProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{worker.NewList}
}

// Functions implements provider.ProviderWithFunctions.
func (p *cmlProvider) Functions(context.Context) []func() function.Function {
	return cmlfunction.All()
}
