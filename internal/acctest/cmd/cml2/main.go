// Command cml2 stands in for the provider ciscodevnet/cml2 in tests of examples
// that hand a worker over to it. It has the arguments that they use (registry
// documentation of the provider, 0.8) and makes the first request that the real
// one makes with them, GET /api/v0/authok.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	pschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func main() {
	err := providerserver.Serve(context.Background(), func() provider.Provider { return standIn{} },
		providerserver.ServeOpts{Address: "registry.terraform.io/ciscodevnet/cml2"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type standIn struct{}

// config is the provider block.
type config struct {
	Address       types.String `tfsdk:"address"`
	Token         types.String `tfsdk:"token"`
	CACert        types.String `tfsdk:"cacert"`
	SkipVerify    types.Bool   `tfsdk:"skip_verify"`
	DynamicConfig types.Bool   `tfsdk:"dynamic_config"`
}

// Metadata implements provider.Provider.
func (standIn) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "cml2"
}

// Schema implements provider.Provider.
func (standIn) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = pschema.Schema{Attributes: map[string]pschema.Attribute{
		"address":        pschema.StringAttribute{Required: true},
		"token":          pschema.StringAttribute{Optional: true, Sensitive: true},
		"cacert":         pschema.StringAttribute{Optional: true},
		"skip_verify":    pschema.BoolAttribute{Optional: true},
		"dynamic_config": pschema.BoolAttribute{Optional: true},
	}}
}

// Configure implements provider.Provider. Without dynamic_config an address and
// a token must be there.
func (standIn) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var c config
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if !c.DynamicConfig.ValueBool() && (c.Address.ValueString() == "" || c.Token.ValueString() == "") {
		resp.Diagnostics.AddError("Incomplete configuration", "address and token are required")
	}
	resp.ResourceData = &c
}

// Resources implements provider.Provider.
func (standIn) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return &lab{} }}
}

// DataSources implements provider.Provider.
func (standIn) DataSources(context.Context) []func() datasource.DataSource { return nil }

// lab is cml2_lab. It makes no lab: that is not what is tested.
type lab struct{ config *config }

type labModel struct {
	ID          types.String `tfsdk:"id"`
	Title       types.String `tfsdk:"title"`
	Description types.String `tfsdk:"description"`
}

// Metadata implements resource.Resource.
func (*lab) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "cml2_lab"
}

// Schema implements resource.Resource.
func (*lab) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":          schema.StringAttribute{Computed: true},
		"title":       schema.StringAttribute{Optional: true},
		"description": schema.StringAttribute{Optional: true},
	}}
}

// Configure implements resource.ResourceWithConfigure.
func (l *lab) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	l.config, _ = req.ProviderData.(*config)
}

// Create implements resource.Resource.
func (l *lab) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m labModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if err := l.authOK(ctx); err != nil {
		resp.Diagnostics.AddError("CML does not accept the token", err.Error())
		return
	}
	m.ID = types.StringValue("00000000-0000-4000-8000-00000000c312")
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Read implements resource.Resource.
func (l *lab) Read(ctx context.Context, _ resource.ReadRequest, resp *resource.ReadResponse) {
	if err := l.authOK(ctx); err != nil {
		resp.Diagnostics.AddError("CML does not accept the token", err.Error())
	}
}

// Update implements resource.Resource.
func (l *lab) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m labModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("id"), &m.ID)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Delete implements resource.Resource.
func (l *lab) Delete(ctx context.Context, _ resource.DeleteRequest, resp *resource.DeleteResponse) {
	if err := l.authOK(ctx); err != nil {
		resp.Diagnostics.AddError("CML does not accept the token", err.Error())
	}
}

// authOK asks CML whether it accepts the token, as the real provider's client
// does before anything else.
func (l *lab) authOK(ctx context.Context) error {
	if !strings.HasPrefix(l.config.Address.ValueString(), "https://") {
		return fmt.Errorf("the address is %s", l.config.Address)
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: l.config.SkipVerify.ValueBool()} //nolint:gosec // what the user of the real one may ask for
	if pem := l.config.CACert.ValueString(); pem != "" {
		trust.RootCAs = x509.NewCertPool()
		trust.RootCAs.AppendCertsFromPEM([]byte(pem))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.config.Address.ValueString()+"/api/v0/authok", http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+l.config.Token.ValueString())
	request.Header.Set("User-Agent", "cml2")
	client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{TLSClientConfig: trust}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %s", response.Status)
	}
	return nil
}
