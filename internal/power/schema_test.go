package power

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

func testSchema(t *testing.T) schema.Schema {
	t.Helper()
	var resp resource.SchemaResponse
	NewResource().Schema(context.Background(), resource.SchemaRequest{}, &resp)
	if resp.Diagnostics.HasError() {
		t.Fatal(resp.Diagnostics)
	}
	if d := resp.Schema.ValidateImplementation(context.Background()); d.HasError() {
		t.Fatal(d)
	}
	return resp.Schema
}

func TestEverythingIsDescribed(t *testing.T) {
	s := testSchema(t)
	if s.MarkdownDescription == "" {
		t.Error("the resource is not described")
	}
	var walk func(at string, attributes map[string]schema.Attribute)
	walk = func(at string, attributes map[string]schema.Attribute) {
		for name, a := range attributes {
			if a.GetMarkdownDescription() == "" {
				t.Errorf("%s%s is not described", at, name)
			}
			if nested, ok := a.(schema.SingleNestedAttribute); ok {
				walk(at+name+".", nested.Attributes)
			}
		}
	}
	walk("", s.Attributes)
	for name, b := range s.Blocks {
		if b.GetMarkdownDescription() == "" {
			t.Errorf("block %s is not described", name)
		}
		if single, ok := b.(schema.SingleNestedBlock); ok {
			walk(name+".", single.Attributes)
		}
	}
}

// TestClassesCoverTheSchema fails when a computed attribute is added without a
// word about when plans show it as unknown.
func TestClassesCoverTheSchema(t *testing.T) {
	var computed []string
	for name, a := range testSchema(t).Attributes {
		if a.IsComputed() && !a.IsOptional() {
			computed = append(computed, name)
		}
	}
	slices.Sort(computed)
	if classed := slices.Sorted(maps.Keys(classes)); !slices.Equal(computed, classed) {
		t.Errorf("computed attributes are %q, classes are of %q", computed, classed)
	}
	// interrupted_by_spot is a bool and handled by name.
	if got, want := len(new(model).strings()), len(classes)-1; got != want {
		t.Errorf("%d strings, want %d", got, want)
	}
}

// TestDefaultsHoldTheirParts adds up what one operation may take inside: the
// labs before a stop, the stop, a start, the status checks before the readiness clock starts, and that
// clock. Bare metal is what the figures are for.
func TestDefaultsHoldTheirParts(t *testing.T) {
	const (
		stop   = 20 * time.Minute // EC2 ends a shutdown that hangs after about 10 on virtual machines, later on metal
		start  = 15 * time.Minute
		checks = 10 * time.Minute
		labs   = labsPolls * wait.DefaultInterval // stop.drain.on_busy = "stop_labs"
	)
	for name, c := range map[string]struct{ limit, parts time.Duration }{
		"create": {defaultCreateTimeout, labs + stop + start + checks + readiness.DefaultTimeout + afterwards},
		"update": {defaultUpdateTimeout, labs + stop + start + checks + readiness.DefaultTimeout + afterwards},
		"delete": {defaultDeleteTimeout, labs + stop + afterwards},
	} {
		if c.limit <= c.parts {
			t.Errorf("%s: %s does not hold %s", name, c.limit, c.parts)
		}
	}
}
