// Package docs generates the pages below docs/ from the provider's schema,
// templates/ and examples/, and compares them with what is in the repository.
//
// The schema comes from the provider server in this process, not from
// `terraform providers schema`: no binary is involved whose age decides which
// pages exist (Terraform before 1.14 knows neither actions nor list
// resources).
package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"
)

// formatVersion is that of `terraform providers schema -json`.
const formatVersion = "1.0"

// Schemas asks the provider server for everything it has and returns it as
// `terraform providers schema -json` shows it, under the given provider name.
// https://developer.hashicorp.com/terraform/cli/commands/providers/schema
func Schemas(ctx context.Context, server tfprotov6.ProviderServer, name string) (*tfjson.ProviderSchemas, error) {
	resp, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, fmt.Errorf("reading the provider's schema: %w", err)
	}
	if err := failure(resp.Diagnostics); err != nil {
		return nil, fmt.Errorf("reading the provider's schema: %w", err)
	}
	identity, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, fmt.Errorf("reading the identity schemas: %w", err)
	}
	if err := failure(identity.Diagnostics); err != nil {
		return nil, fmt.Errorf("reading the identity schemas: %w", err)
	}

	var c converter
	out := &tfjson.ProviderSchema{
		ConfigSchema:             c.schema(resp.Provider),
		ResourceSchemas:          each(resp.ResourceSchemas, c.schema),
		DataSourceSchemas:        each(resp.DataSourceSchemas, c.schema),
		EphemeralResourceSchemas: each(resp.EphemeralResourceSchemas, c.schema),
		ListResourceSchemas:      each(resp.ListResourceSchemas, c.schema),
		ActionSchemas:            each(resp.ActionSchemas, c.action),
		Functions:                each(resp.Functions, c.function),
		ResourceIdentitySchemas:  each(identity.IdentitySchemas, c.identity),
	}
	if c.err != nil {
		return nil, c.err
	}
	return &tfjson.ProviderSchemas{
		FormatVersion: formatVersion,
		Schemas:       map[string]*tfjson.ProviderSchema{name: out},
	}, nil
}

// failure is the first error among diagnostics.
func failure(diagnostics []*tfprotov6.Diagnostic) error {
	for _, d := range diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return errors.New(strings.TrimSpace(d.Summary + ": " + d.Detail))
		}
	}
	return nil
}

// converter turns the protocol's types into those of the JSON; the first type
// that has no JSON form stays in err.
type converter struct{ err error }

func each[In, Out any](in map[string]In, convert func(In) Out) map[string]Out {
	out := make(map[string]Out, len(in))
	for name, v := range in {
		out[name] = convert(v)
	}
	return out
}

func (c *converter) schema(s *tfprotov6.Schema) *tfjson.Schema {
	return &tfjson.Schema{Version: uint64(max(s.Version, 0)), Block: c.block(s.Block)}
}

func (c *converter) action(s *tfprotov6.ActionSchema) *tfjson.ActionSchema {
	return &tfjson.ActionSchema{Block: c.block(s.Schema.Block)}
}

func (c *converter) block(b *tfprotov6.SchemaBlock) *tfjson.SchemaBlock {
	nested := make(map[string]*tfjson.SchemaBlockType, len(b.BlockTypes))
	for _, n := range b.BlockTypes {
		nested[n.TypeName] = &tfjson.SchemaBlockType{
			NestingMode: tfjson.SchemaNestingMode(strings.ToLower(n.Nesting.String())),
			Block:       c.block(n.Block),
			MinItems:    uint64(max(n.MinItems, 0)),
			MaxItems:    uint64(max(n.MaxItems, 0)),
		}
	}
	return &tfjson.SchemaBlock{
		Attributes:      c.attributes(b.Attributes),
		NestedBlocks:    nested,
		Description:     b.Description,
		DescriptionKind: kind(b.DescriptionKind),
		Deprecated:      b.Deprecated,
	}
}

func (c *converter) attributes(in []*tfprotov6.SchemaAttribute) map[string]*tfjson.SchemaAttribute {
	out := make(map[string]*tfjson.SchemaAttribute, len(in))
	for _, a := range in {
		attribute := &tfjson.SchemaAttribute{
			Description:     a.Description,
			DescriptionKind: kind(a.DescriptionKind),
			Deprecated:      a.Deprecated,
			Required:        a.Required,
			Optional:        a.Optional,
			Computed:        a.Computed,
			Sensitive:       a.Sensitive,
			WriteOnly:       a.WriteOnly,
		}
		if a.NestedType != nil {
			attribute.AttributeNestedType = &tfjson.SchemaNestedAttributeType{
				Attributes:  c.attributes(a.NestedType.Attributes),
				NestingMode: tfjson.SchemaNestingMode(strings.ToLower(a.NestedType.Nesting.String())),
			}
		} else {
			attribute.AttributeType = c.typ(a.Type)
		}
		out[a.Name] = attribute
	}
	return out
}

func (c *converter) identity(s *tfprotov6.ResourceIdentitySchema) *tfjson.IdentitySchema {
	attributes := make(map[string]*tfjson.IdentityAttribute, len(s.IdentityAttributes))
	for _, a := range s.IdentityAttributes {
		attributes[a.Name] = &tfjson.IdentityAttribute{
			IdentityType:      c.typ(a.Type),
			Description:       a.Description,
			RequiredForImport: a.RequiredForImport,
			OptionalForImport: a.OptionalForImport,
		}
	}
	return &tfjson.IdentitySchema{Version: uint64(max(s.Version, 0)), Attributes: attributes}
}

func (c *converter) function(f *tfprotov6.Function) *tfjson.FunctionSignature {
	out := &tfjson.FunctionSignature{
		Description:        f.Description,
		Summary:            f.Summary,
		DeprecationMessage: f.DeprecationMessage,
		ReturnType:         c.typ(f.Return.Type),
	}
	for _, p := range f.Parameters {
		out.Parameters = append(out.Parameters, c.parameter(p))
	}
	if f.VariadicParameter != nil {
		out.VariadicParameter = c.parameter(f.VariadicParameter)
	}
	return out
}

func (c *converter) parameter(p *tfprotov6.FunctionParameter) *tfjson.FunctionParameter {
	return &tfjson.FunctionParameter{
		Name:        p.Name,
		Description: p.Description,
		IsNullable:  p.AllowNullValue,
		Type:        c.typ(p.Type),
	}
}

// typ translates through the JSON form, which both sides share: "string",
// ["list","string"], ["object",{…}].
func (c *converter) typ(t tftypes.Type) cty.Type {
	//nolint:staticcheck // deprecated for outside use, yet the one encoder of a type that terraform-plugin-go has
	text, err := t.MarshalJSON()
	if err != nil {
		c.fail(fmt.Errorf("encoding type %s: %w", t, err))
		return cty.DynamicPseudoType
	}
	var out cty.Type
	if err := json.Unmarshal(text, &out); err != nil {
		c.fail(fmt.Errorf("decoding type %s: %w", t, err))
		return cty.DynamicPseudoType
	}
	return out
}

func (c *converter) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func kind(k tfprotov6.StringKind) tfjson.SchemaDescriptionKind {
	if k == tfprotov6.StringKindMarkdown {
		return tfjson.SchemaDescriptionKindMarkdown
	}
	return tfjson.SchemaDescriptionKindPlain
}
