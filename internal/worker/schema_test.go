package worker

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

func testSchema(t *testing.T) schema.Schema {
	t.Helper()
	var resp resource.SchemaResponse
	NewResource().Schema(context.Background(), resource.SchemaRequest{}, &resp)
	if resp.Diagnostics.HasError() {
		t.Fatal(resp.Diagnostics)
	}
	return resp.Schema
}

// TestClassesCoverTheSchema fails when a computed attribute is added without a
// word about when plans show it as unknown, and when the table names what is
// not computed.
func TestClassesCoverTheSchema(t *testing.T) {
	var computed []string
	for name, a := range testSchema(t).Attributes {
		if a.IsComputed() {
			computed = append(computed, name)
			if c, ok := computedClasses[name]; ok && (c == derived) != a.IsOptional() && !slices.Contains(ownRules, name) {
				t.Errorf("%s is optional %t, but its class is %d", name, a.IsOptional(), c)
			}
		}
	}
	slices.Sort(computed)
	if classed := slices.Sorted(maps.Keys(computedClasses)); !slices.Equal(computed, classed) {
		t.Errorf("computed attributes:\n%q\nclasses are of:\n%q", computed, classed)
	}
	for name := range waitBound {
		if c := computedClasses[name]; c != powerBound {
			t.Errorf("%s is bound to the wait, but of class %d", name, c)
		}
	}
}

// ownRules are computed attributes that no configuration sets and that plan.go
// works out all the same.
var ownRules = []string{"ipv6_address", "eip_allocation_id", "tags_all", "managed_tags"}

// TestChangeTableCoversTheSchema fails when an argument is added without a word
// about what its change does, and when a row names what does not exist.
func TestChangeTableCoversTheSchema(t *testing.T) {
	rows := map[string]bool{}
	for _, row := range changeTable {
		if row.effect < record || row.effect > replace || words[row.effect] == "" {
			t.Errorf("%s: effect %d has no words", row.attribute, row.effect)
		}
		names := strings.Split(row.attribute, ", ")
		object, _, _ := strings.Cut(names[0], ".")
		for _, name := range names {
			if strings.HasPrefix(name, ".") {
				name = object + name
			}
			rows[name] = true
		}
	}
	s := testSchema(t)
	arguments := map[string]bool{"timeouts": true}
	for name, a := range s.Attributes {
		if !a.IsOptional() && !a.IsRequired() || a.IsWriteOnly() {
			continue // a write-only value has no prior one; its version has a row
		}
		nested, ok := a.(schema.SingleNestedAttribute)
		if rows[name] || !ok {
			arguments[name] = true
			continue
		}
		for member := range nested.Attributes {
			arguments[name+"."+member] = true
		}
	}
	for name := range arguments {
		if !rows[name] {
			t.Errorf("no row says what a change of %s does", name)
		}
	}
	for name := range rows {
		if !arguments[name] {
			t.Errorf("a row is about %s, which is no argument", name)
		}
	}
}

// TestChangeTableInWords reads the table as users do.
func TestChangeTableInWords(t *testing.T) {
	table := ChangeTable()
	for _, want := range []string{
		"| `name` | in place, no restart |\n",
		"| `root_volume.encrypted`, `root_volume.kms_key_id` | replacement |\n",
		"| `readiness` | nothing is called |\n",
		"| `instance_type`, `instance_types` | one stop/start",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
}
