package attribute

import (
	"context"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// String is the value, or null for the empty string: an absent string of an
// API must not become "" in state.
func String(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// Time is RFC 3339 in UTC, or null for the zero time.
func Time(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}

// decimalPrecision is that of the numbers of Terraform.
const decimalPrecision = 512

// Float64 is a number as it prints: 0.45 is that, and not the binary fraction
// next to it. Terraform reads the first back from its state, so with the second
// a sum in a configuration would change from the apply to the plan after it.
func Float64(v float64) types.Float64 {
	exact, _, err := big.ParseFloat(strconv.FormatFloat(v, 'f', -1, 64), 10, decimalPrecision, big.ToNearestEven)
	if err != nil {
		return types.Float64Value(v)
	}
	value, err := types.Float64Type.ValueFromTerraform(context.Background(), tftypes.NewValue(tftypes.Number, exact))
	if out, ok := value.(types.Float64); err == nil && ok {
		return out
	}
	return types.Float64Value(v)
}

// KnownFloat64 is a number that may not be known, and is null then.
func KnownFloat64(v float64, known bool) types.Float64 {
	if !known {
		return types.Float64Null()
	}
	return Float64(v)
}

// collection is what lists and sets have in common.
type collection interface {
	IsNull() bool
	IsUnknown() bool
	Elements() []attr.Value
}

// Strings returns the known strings of a list or set; nil for null and
// unknown.
func Strings(c collection) []string {
	if c.IsNull() || c.IsUnknown() {
		return nil
	}
	out := make([]string, 0, len(c.Elements()))
	for _, e := range c.Elements() {
		if s, ok := e.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			out = append(out, s.ValueString())
		}
	}
	return out
}

func stringValues(in []string) []attr.Value {
	out := make([]attr.Value, 0, len(in))
	for _, s := range in {
		out = append(out, types.StringValue(s))
	}
	return out
}

// StringList is a list of strings, null when empty.
func StringList(in []string) types.List {
	if len(in) == 0 {
		return types.ListNull(types.StringType)
	}
	return types.ListValueMust(types.StringType, stringValues(in))
}

// StringSet is a set of strings, null when empty.
func StringSet(in []string) types.Set {
	if len(in) == 0 {
		return types.SetNull(types.StringType)
	}
	in = slices.Clone(in)
	slices.Sort(in)
	return types.SetValueMust(types.StringType, stringValues(slices.Compact(in)))
}

// StringMap is a map of strings; an empty map stays an empty map.
func StringMap(in map[string]string) types.Map {
	out := make(map[string]attr.Value, len(in))
	for k, v := range in {
		out[k] = types.StringValue(v)
	}
	return types.MapValueMust(types.StringType, out)
}

// Map returns the known members of a map of strings; nil for null and unknown.
func Map(m types.Map) map[string]string {
	if m.IsNull() || m.IsUnknown() {
		return nil
	}
	out := make(map[string]string, len(m.Elements()))
	for k, e := range m.Elements() {
		if s, ok := e.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			out[k] = s.ValueString()
		}
	}
	return out
}
