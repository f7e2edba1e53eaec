package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// An unknown value is treated as one that is not set: what is unknown is
// listed once, in unknownArguments, and nothing is done while it is.

// elements returns the known strings of a list or set.
func elements(v interface{ Elements() []attr.Value }) []string {
	var out []string
	for _, e := range v.Elements() {
		if s, ok := e.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			out = append(out, s.ValueString())
		}
	}
	return out
}

// entries returns the known entries of a map.
func entries(v types.Map) map[string]string {
	out := map[string]string{}
	for k, e := range v.Elements() {
		if s, ok := e.(types.String); ok && !s.IsNull() && !s.IsUnknown() {
			out[k] = s.ValueString()
		}
	}
	return out
}

// blocks reads the blocks of one name; none while their number is unknown. A
// block that is unknown as a whole counts with all its arguments unknown.
func blocks[T any](ctx context.Context, v types.List, diags *diag.Diagnostics) []T {
	var out []T
	for _, e := range v.Elements() {
		object, ok := e.(types.Object)
		if !ok {
			continue
		}
		var block T
		diags.Append(object.As(ctx, &block, basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true})...)
		out = append(out, block)
	}
	return out
}

// object reads a nested object; the zero value when it is null or unknown.
func object[T any](ctx context.Context, v types.Object, diags *diag.Diagnostics) T {
	var out T
	if !v.IsNull() && !v.IsUnknown() {
		diags.Append(v.As(ctx, &out, basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true})...)
	}
	return out
}

// duration reads a duration that its validator has let pass.
func duration(v types.String) time.Duration {
	d, err := time.ParseDuration(v.ValueString())
	if err != nil {
		return 0
	}
	return d
}

// optional is nil for a string that is not set: "" is a value of its own.
func optional(v types.String) *string {
	if v.IsNull() || v.IsUnknown() {
		return nil
	}
	return v.ValueStringPointer()
}
