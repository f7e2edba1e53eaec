package protocol

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Unknown stands for a value that is known only after apply.
type Unknown struct{}

// The severities of diagnostics, short.
const (
	Warning = tfprotov6.DiagnosticSeverityWarning
	Failure = tfprotov6.DiagnosticSeverityError
)

// build makes a configuration of a schema from plain Go; what is left out is
// null, and a block that is left out has no elements.
func build(t *testing.T, schema *tfprotov6.Schema, from map[string]any) tftypes.Value {
	t.Helper()
	typ, ok := schema.ValueType().(tftypes.Object)
	if !ok {
		t.Fatalf("a schema of type %s", schema.ValueType())
	}
	complete := maps.Clone(from)
	if complete == nil {
		complete = map[string]any{}
	}
	for _, b := range schema.Block.BlockTypes {
		repeated := b.Nesting == tfprotov6.SchemaNestedBlockNestingModeList || b.Nesting == tfprotov6.SchemaNestedBlockNestingModeSet
		if complete[b.TypeName] == nil && repeated {
			complete[b.TypeName] = []any{}
		}
	}
	return valueOf(t, typ, complete)
}

func valueOf(t *testing.T, typ tftypes.Type, from any) tftypes.Value {
	t.Helper()
	switch from.(type) {
	case nil:
		return tftypes.NewValue(typ, nil)
	case Unknown:
		return tftypes.NewValue(typ, tftypes.UnknownValue)
	}
	elements := func(of tftypes.Type) []tftypes.Value {
		given, ok := from.([]any)
		if !ok {
			t.Fatalf("%v is no list", from)
		}
		out := make([]tftypes.Value, 0, len(given))
		for _, v := range given {
			out = append(out, valueOf(t, of, v))
		}
		return out
	}
	switch typ := typ.(type) {
	case tftypes.Object:
		given, ok := from.(map[string]any)
		if !ok {
			t.Fatalf("%v is no object", from)
		}
		members := map[string]tftypes.Value{}
		for name, member := range typ.AttributeTypes {
			members[name] = valueOf(t, member, given[name])
		}
		for name := range given {
			if _, ok := typ.AttributeTypes[name]; !ok {
				t.Fatalf("there is no attribute %s", name)
			}
		}
		return tftypes.NewValue(typ, members)
	case tftypes.Map:
		given, ok := from.(map[string]any)
		if !ok {
			t.Fatalf("%v is no map", from)
		}
		members := map[string]tftypes.Value{}
		for name, v := range given {
			members[name] = valueOf(t, typ.ElementType, v)
		}
		return tftypes.NewValue(typ, members)
	case tftypes.List:
		return tftypes.NewValue(typ, elements(typ.ElementType))
	case tftypes.Set:
		return tftypes.NewValue(typ, elements(typ.ElementType))
	}
	return tftypes.NewValue(typ, from)
}

// proposed is what Terraform proposes: the configuration, with the prior value
// of what is computed and not configured, and nothing write-only.
func (r *Resource) proposed(prior, config tftypes.Value) tftypes.Value {
	r.t.Helper()
	if config.IsNull() {
		return config
	}
	is := members(r.t, config)
	var was map[string]tftypes.Value
	if !prior.IsNull() {
		was = members(r.t, prior)
	}
	for _, a := range r.schema.Block.Attributes {
		is[a.Name] = proposedAttribute(r.t, a, was[a.Name], is[a.Name])
	}
	return tftypes.NewValue(config.Type(), is)
}

func proposedAttribute(t *testing.T, a *tfprotov6.SchemaAttribute, prior, config tftypes.Value) tftypes.Value {
	t.Helper()
	if a.WriteOnly {
		return tftypes.NewValue(config.Type(), nil)
	}
	exists := prior.Type() != nil && !prior.IsNull()
	if config.IsKnown() && config.IsNull() && a.Computed {
		if !exists {
			return tftypes.NewValue(config.Type(), nil)
		}
		return prior
	}
	nested := a.NestedType != nil && a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle
	if !nested || !exists || !config.IsKnown() || config.IsNull() {
		return config
	}
	is, was := members(t, config), members(t, prior)
	for _, inner := range a.NestedType.Attributes {
		is[inner.Name] = proposedAttribute(t, inner, was[inner.Name], is[inner.Name])
	}
	return tftypes.NewValue(config.Type(), is)
}

func members(t *testing.T, v tftypes.Value) map[string]tftypes.Value {
	t.Helper()
	var out map[string]tftypes.Value
	if err := v.As(&out); err != nil {
		t.Fatal(err)
	}
	return maps.Clone(out) // As hands out the map of the value itself
}

// Text is an attribute as text, members of objects by dots ("root_volume.type"):
// "(null)" and "(unknown)" for what has no value.
func Text(t *testing.T, v tftypes.Value, name string) string {
	t.Helper()
	for _, step := range strings.Split(name, ".") {
		if v.IsNull() || !v.IsKnown() {
			break
		}
		member, ok := members(t, v)[step]
		if !ok {
			t.Fatalf("there is no attribute %s", name)
		}
		v = member
	}
	switch {
	case !v.IsKnown():
		return "(unknown)"
	case v.IsNull():
		return "(null)"
	case v.Type().Is(tftypes.String):
		var s string
		if err := v.As(&s); err != nil {
			t.Fatal(err)
		}
		return s
	case v.Type().Is(tftypes.Bool):
		var b bool
		if err := v.As(&b); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(b)
	}
	return v.String()
}

// Has reports whether a diagnostic of the severity holds the text.
func Has(all []*tfprotov6.Diagnostic, severity tfprotov6.DiagnosticSeverity, text string) bool {
	for _, d := range all {
		if d.Severity == severity && strings.Contains(d.Summary+"\n"+d.Detail, text) {
			return true
		}
	}
	return false
}

// Show prints diagnostics, one paragraph each.
func Show(all []*tfprotov6.Diagnostic) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%s at %q: %s\n%s\n\n", d.Severity, Path(d), d.Summary, d.Detail)
	}
	return b.String()
}

// Path is the attribute that a diagnostic points at, as one writes it:
// "root_volume.iops", `tags["Name"]`, "subnet_ids[1]"; "" for none. An element
// of a set is the set.
func Path(d *tfprotov6.Diagnostic) string {
	if d.Attribute == nil {
		return ""
	}
	var b strings.Builder
	for _, step := range d.Attribute.Steps() {
		switch s := step.(type) {
		case tftypes.AttributeName:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(s))
		case tftypes.ElementKeyInt:
			fmt.Fprintf(&b, "[%d]", int64(s))
		case tftypes.ElementKeyString:
			fmt.Fprintf(&b, "[%q]", string(s))
		}
	}
	return b.String()
}
