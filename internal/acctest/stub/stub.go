// Package stub is providers of others, for tests: their resources store what
// they are given and ask nobody. With them a test moves a resource of another
// provider, and plans an example that has some.
package stub

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	pschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Types of attributes.
var (
	String  attr.Type = types.StringType
	Bool    attr.Type = types.BoolType
	Number  attr.Type = types.Int64Type
	Strings attr.Type = types.ListType{ElemType: types.StringType}
	Set     attr.Type = types.SetType{ElemType: types.StringType}
	Map     attr.Type = types.MapType{ElemType: types.StringType}
)

// Resource is one type of resource. All attributes are optional and computed:
// one that is left out is null after apply, but for `id`, which is made up.
type Resource struct {
	// Version is that of the schema.
	Version    int64
	Attributes map[string]attr.Type
}

// Provider is a provider.
type Provider struct {
	// Name is the prefix of its resources, as in "aws".
	Name string
	// Arguments are those of the provider block, all optional.
	Arguments map[string]attr.Type
	// Resources by name, prefix included.
	Resources map[string]Resource
}

// AWS is the part of hashicorp/aws that a worker may come from and that examples
// use, with the attributes and schema versions of its version 6.
func AWS() Provider {
	return Provider{
		Name: "aws", Arguments: map[string]attr.Type{"region": String},
		Resources: map[string]Resource{
			"aws_instance": {Version: 2, Attributes: map[string]attr.Type{
				"id": String, "arn": String, "region": String, "ami": String, "instance_type": String, "instance_state": String,
				"subnet_id": String, "vpc_security_group_ids": Set, "key_name": String, "private_ip": String, "public_ip": String,
				"monitoring": Bool, "user_data": String, "tags": Map, "tags_all": Map,
			}},
			"aws_iam_instance_profile": {Attributes: map[string]attr.Type{"id": String, "arn": String, "name": String, "role": String}},
			"aws_iam_role": {Attributes: map[string]attr.Type{
				"id": String, "arn": String, "name": String, "assume_role_policy": String,
			}},
			"aws_iam_role_policy": {Attributes: map[string]attr.Type{"id": String, "name": String, "role": String, "policy": String}},
			"aws_cloudwatch_dashboard": {Attributes: map[string]attr.Type{
				"dashboard_name": String, "dashboard_body": String, "dashboard_arn": String,
			}},
			"aws_ec2_instance_state": {Attributes: map[string]attr.Type{
				"id": String, "region": String, "instance_id": String, "state": String, "force": Bool,
			}},
		},
	}
}

// Factory serves the provider, for ProtoV6ProviderFactories.
func (p Provider) Factory() func() (tfprotov6.ProviderServer, error) {
	return providerserver.NewProtocol6WithError(&server{p})
}

// Serve serves the provider as a program of its own, at its address in the
// registry.
func (p Provider) Serve(ctx context.Context, address string) error {
	return providerserver.Serve(ctx, func() provider.Provider { return &server{p} }, providerserver.ServeOpts{Address: address})
}

type server struct{ Provider }

// Metadata implements provider.Provider.
func (s *server) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = s.Name, "99.0.0"
}

// Schema implements provider.Provider.
func (s *server) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema.Attributes = map[string]pschema.Attribute{}
	for name, t := range s.Arguments {
		resp.Schema.Attributes[name] = argument(t)
	}
}

// Configure implements provider.Provider. Nothing is configured.
func (s *server) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

// DataSources implements provider.Provider. There are none.
func (s *server) DataSources(context.Context) []func() datasource.DataSource { return nil }

// Resources implements provider.Provider.
func (s *server) Resources(context.Context) []func() resource.Resource {
	var out []func() resource.Resource
	for name, r := range s.Provider.Resources {
		out = append(out, func() resource.Resource { return &stored{name: name, Resource: r} })
	}
	return out
}

// argument is an attribute of a provider block.
func argument(t attr.Type) pschema.Attribute {
	switch t := t.(type) {
	case types.ListType:
		return pschema.ListAttribute{Optional: true, ElementType: t.ElemType}
	case types.SetType:
		return pschema.SetAttribute{Optional: true, ElementType: t.ElemType}
	case types.MapType:
		return pschema.MapAttribute{Optional: true, ElementType: t.ElemType}
	}
	switch t {
	case Bool:
		return pschema.BoolAttribute{Optional: true}
	case Number:
		return pschema.Int64Attribute{Optional: true}
	}
	return pschema.StringAttribute{Optional: true}
}

// attribute is an attribute of a resource.
func attribute(t attr.Type) schema.Attribute {
	switch t := t.(type) {
	case types.ListType:
		return schema.ListAttribute{Optional: true, Computed: true, ElementType: t.ElemType}
	case types.SetType:
		return schema.SetAttribute{Optional: true, Computed: true, ElementType: t.ElemType}
	case types.MapType:
		return schema.MapAttribute{Optional: true, Computed: true, ElementType: t.ElemType}
	}
	switch t {
	case Bool:
		return schema.BoolAttribute{Optional: true, Computed: true}
	case Number:
		return schema.Int64Attribute{Optional: true, Computed: true}
	}
	return schema.StringAttribute{Optional: true, Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}}
}

// stored is a resource that exists in the state alone.
type stored struct {
	Resource
	name string
}

// Metadata implements resource.Resource.
func (s *stored) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = s.name
}

// Schema implements resource.Resource.
func (s *stored) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema.Version = s.Version
	resp.Schema.Attributes = map[string]schema.Attribute{"id": attribute(String)}
	for name, t := range s.Attributes {
		resp.Schema.Attributes[name] = attribute(t)
	}
}

// Create implements resource.Resource.
func (s *stored) Create(_ context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	settled, err := settle(req.Plan.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Stub", err.Error())
		return
	}
	resp.State.Raw = settled
}

// Read implements resource.Resource: everything is as it was.
func (s *stored) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Update implements resource.Resource.
func (s *stored) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	settled, err := settle(req.Plan.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Stub", err.Error())
		return
	}
	resp.State.Raw = settled
}

// Delete implements resource.Resource: nothing is there to delete.
func (s *stored) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// settle gives what is unknown in a plan a value: an id is made up, everything
// else is null.
func settle(plan tftypes.Value) (tftypes.Value, error) {
	return tftypes.Transform(plan, func(at *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if v.IsKnown() {
			return v, nil
		}
		if at.Equal(tftypes.NewAttributePath().WithAttributeName("id")) {
			var raw [8]byte
			_, _ = rand.Read(raw[:]) // never fails
			return tftypes.NewValue(tftypes.String, "stub-"+hex.EncodeToString(raw[:])), nil
		}
		return tftypes.NewValue(v.Type(), nil), nil
	})
}
