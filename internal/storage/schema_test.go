package storage

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

func TestEverythingIsDescribed(t *testing.T) {
	var resp resource.SchemaResponse
	NewResource().Schema(context.Background(), resource.SchemaRequest{}, &resp)
	if d := resp.Schema.ValidateImplementation(context.Background()); d.HasError() {
		t.Fatal(d)
	}
	if resp.Schema.MarkdownDescription == "" {
		t.Error("the resource is not described")
	}
	var walk func(at string, attributes map[string]schema.Attribute)
	walk = func(at string, attributes map[string]schema.Attribute) {
		for name, a := range attributes {
			if a.GetMarkdownDescription() == "" {
				t.Errorf("%s%s is not described", at, name)
			}
			switch nested := a.(type) {
			case schema.SingleNestedAttribute:
				walk(at+name+".", nested.Attributes)
			case schema.ListNestedAttribute:
				walk(at+name+".", nested.NestedObject.Attributes)
			}
		}
	}
	walk("", resp.Schema.Attributes)
	for name, b := range resp.Schema.Blocks {
		if b.GetMarkdownDescription() == "" {
			t.Errorf("block %s is not described", name)
		}
	}
}
