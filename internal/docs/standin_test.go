package docs_test

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	actionschema "github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	resourceschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// standIn is a provider that has one of each kind of thing, with every feature
// of a schema that the pages show.
type standIn struct{}

func (*standIn) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "stand"
}

func (*standIn) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A provider for tests.",
		Attributes: map[string]schema.Attribute{
			"endpoint": schema.StringAttribute{Optional: true, MarkdownDescription: "Where to go."},
		},
		Blocks: map[string]schema.Block{
			"role": schema.ListNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"arn": schema.StringAttribute{Required: true, Description: "In plain text."},
			}}},
		},
	}
}

func (*standIn) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (*standIn) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return &thing{} }}
}

func (*standIn) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &look{} }}
}

func (*standIn) Actions(context.Context) []func() action.Action {
	return []func() action.Action{func() action.Action { return &poke{} }}
}

func (*standIn) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{func() list.ListResource { return &things{} }}
}

func (*standIn) Functions(context.Context) []func() function.Function {
	return []func() function.Function{func() function.Function { return &join{} }}
}

// thing is a resource of which only the schema is ever asked.
type thing struct{ resource.Resource }

func (*thing) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "stand_thing"
}

func (*thing) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = resourceschema.Schema{
		Version:             2,
		MarkdownDescription: "A thing for tests.",
		Attributes: map[string]resourceschema.Attribute{
			"name":   resourceschema.StringAttribute{Required: true, MarkdownDescription: "The thing's name."},
			"secret": resourceschema.StringAttribute{Optional: true, Sensitive: true, WriteOnly: true, MarkdownDescription: "Said once."},
			"sizes":  resourceschema.SetAttribute{Optional: true, Computed: true, ElementType: types.Int64Type, MarkdownDescription: "Sizes."},
			"old":    resourceschema.BoolAttribute{Optional: true, DeprecationMessage: "Use name.", MarkdownDescription: "Of old."},
			"parts": resourceschema.MapNestedAttribute{
				Optional:            true,
				MarkdownDescription: "Its parts.",
				NestedObject: resourceschema.NestedAttributeObject{Attributes: map[string]resourceschema.Attribute{
					"weight": resourceschema.Float64Attribute{Computed: true, MarkdownDescription: "In grams."},
					"shape": resourceschema.ObjectAttribute{
						Optional: true, MarkdownDescription: "Its shape.",
						AttributeTypes: map[string]attr.Type{"sides": types.NumberType, "names": types.ListType{ElemType: types.StringType}},
					},
				}},
			},
		},
		Blocks: map[string]resourceschema.Block{
			"timeouts": resourceschema.SingleNestedBlock{Attributes: map[string]resourceschema.Attribute{
				"create": resourceschema.StringAttribute{Optional: true, MarkdownDescription: "How long."},
			}},
		},
	}
}

func (*thing) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id":     identityschema.StringAttribute{RequiredForImport: true, Description: "The id."},
		"region": identityschema.StringAttribute{OptionalForImport: true},
	}}
}

type look struct{ datasource.DataSource }

func (*look) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "stand_look"
}

func (*look) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = dataschema.Schema{
		MarkdownDescription: "Looks at a thing.",
		Attributes: map[string]dataschema.Attribute{
			"seen": dataschema.DynamicAttribute{Computed: true, MarkdownDescription: "What is there."},
		},
	}
}

type poke struct{ action.Action }

func (*poke) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = "stand_poke"
}

func (*poke) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = actionschema.Schema{
		MarkdownDescription: "Pokes a thing.",
		Attributes: map[string]actionschema.Attribute{
			"how": actionschema.StringAttribute{Required: true, MarkdownDescription: "How hard."},
		},
	}
}

type things struct{ list.ListResource }

func (*things) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "stand_thing"
}

func (*things) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = listschema.Schema{
		MarkdownDescription: "Lists things.",
		Attributes: map[string]listschema.Attribute{
			"size": listschema.Int64Attribute{Optional: true, MarkdownDescription: "Of this size."},
		},
	}
}

type join struct{ function.Function }

func (*join) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "join"
}

func (*join) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Joins.",
		MarkdownDescription: "Joins words.",
		Parameters:          []function.Parameter{function.StringParameter{Name: "with", AllowNullValue: true, MarkdownDescription: "Between."}},
		VariadicParameter:   function.StringParameter{Name: "words", MarkdownDescription: "The words."},
		Return:              function.StringReturn{},
	}
}
