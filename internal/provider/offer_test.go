package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// undescribed lists what a schema says nothing about.
func undescribed(name string, b *tfprotov6.SchemaBlock) []string {
	var out []string
	if strings.TrimSpace(b.Description) == "" {
		out = append(out, name)
	}
	out = append(out, undescribedAttributes(name, b.Attributes)...)
	for _, inner := range b.BlockTypes {
		out = append(out, undescribed(name+"."+inner.TypeName, inner.Block)...)
	}
	return out
}

func undescribedAttributes(at string, all []*tfprotov6.SchemaAttribute) []string {
	var out []string
	for _, a := range all {
		name := at + "." + a.Name
		if strings.TrimSpace(a.Description) == "" || a.DescriptionKind != tfprotov6.StringKindMarkdown {
			out = append(out, name)
		}
		if a.NestedType != nil {
			out = append(out, undescribedAttributes(name, a.NestedType.Attributes)...)
		}
	}
	return out
}

// TestUndescribedIsFound proves that the walk looks everywhere.
func TestUndescribedIsFound(t *testing.T) {
	t.Parallel()
	text := &tfprotov6.SchemaAttribute{Name: "told", Description: "Told.", DescriptionKind: tfprotov6.StringKindMarkdown}
	silent := &tfprotov6.SchemaAttribute{Name: "silent", DescriptionKind: tfprotov6.StringKindMarkdown}
	nested := &tfprotov6.SchemaAttribute{Name: "object", Description: "O.", DescriptionKind: tfprotov6.StringKindMarkdown,
		NestedType: &tfprotov6.SchemaObject{Attributes: []*tfprotov6.SchemaAttribute{text, silent}}}
	block := &tfprotov6.SchemaBlock{Description: "B.", Attributes: []*tfprotov6.SchemaAttribute{nested},
		BlockTypes: []*tfprotov6.SchemaNestedBlock{{TypeName: "inner", Block: &tfprotov6.SchemaBlock{Attributes: []*tfprotov6.SchemaAttribute{silent}}}}}
	if got := strings.Join(undescribed("x", block), " "); got != "x.object.silent x.inner x.inner.silent" {
		t.Errorf("found %q", got)
	}
}

// Everything that is offered is described, down to the last member, and has an
// example where the documentation looks for it; no example is of anything else.
func TestOffer(t *testing.T) {
	t.Parallel()
	s := server(t)
	schemas, err := s.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	identities, err := s.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	examples := filepath.Join("..", "..", "examples")
	needs := map[string][]string{} // folder to files
	offer := func(folder, name string, schema *tfprotov6.Schema, files ...string) {
		needs[filepath.Join(folder, name)] = files
		if schema != nil {
			for _, silent := range undescribed(name, schema.Block) {
				t.Errorf("%s: %s is not described", folder, silent)
			}
		}
	}
	for name, schema := range schemas.ResourceSchemas {
		files := []string{"resource.tf"}
		if identity := identities.IdentitySchemas[name]; identity != nil {
			files = append(files, "import.sh", "import-by-identity.tf")
			for _, a := range identity.IdentityAttributes {
				if a.Description == "" {
					t.Errorf("identity of %s: %s is not described", name, a.Name)
				}
			}
		}
		offer("resources", name, schema, files...)
	}
	for name, schema := range schemas.DataSourceSchemas {
		offer("data-sources", name, schema, "data-source.tf")
	}
	for name, schema := range schemas.EphemeralResourceSchemas {
		offer("ephemeral-resources", name, schema, "ephemeral-resource.tf")
	}
	for name, schema := range schemas.ListResourceSchemas {
		offer("list-resources", name, schema, "list-resource.tfquery.hcl")
	}
	for name, action := range schemas.ActionSchemas {
		offer("actions", name, action.Schema, "action.tf")
	}
	for name, function := range schemas.Functions {
		offer("functions", name, nil, "function.tf")
		if function.Summary == "" || function.Description == "" {
			t.Errorf("function %s is not described", name)
		}
		parameters := function.Parameters
		if function.VariadicParameter != nil {
			parameters = append(parameters, function.VariadicParameter)
		}
		for _, p := range parameters {
			if p.Description == "" {
				t.Errorf("function %s: parameter %s is not described", name, p.Name)
			}
		}
	}
	if len(needs) < 10 {
		t.Fatalf("only %d kinds were looked at", len(needs))
	}
	for folder, files := range needs {
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(examples, folder, file))
			if err != nil || !strings.Contains(string(text), filepath.Base(folder)) {
				t.Errorf("%s has no example of it: %v", filepath.Join(folder, file), err)
			}
		}
	}
	for _, kind := range []string{"resources", "data-sources", "ephemeral-resources", "list-resources", "actions", "functions"} {
		entries, err := os.ReadDir(filepath.Join(examples, kind))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if folder := filepath.Join(kind, e.Name()); needs[folder] == nil {
				t.Errorf("examples/%s is of nothing that there is", folder)
			}
		}
	}
}
