package attribute

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// PrivateReader and PrivateWriter are the private state of a request and that
// of a response, whose type is internal to the framework.
type (
	// PrivateReader is what a request brings.
	PrivateReader interface {
		GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	}
	// PrivateWriter is what a response keeps.
	PrivateWriter interface {
		SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
	}
)

// ReadPrivate returns an entry of the private state; ok is false where there is
// none.
func ReadPrivate[T any](ctx context.Context, from PrivateReader, key string, diags *diag.Diagnostics) (value T, ok bool) {
	raw, d := from.GetKey(ctx, key)
	diags.Append(d...)
	if len(raw) == 0 || d.HasError() {
		return value, false
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		diags.AddError("Unreadable private state",
			fmt.Sprintf("The entry %q that this provider keeps beside the state cannot be read: %s.", key, err))
		return value, false
	}
	return value, true
}

// WritePrivate keeps an entry in the private state; nil removes it.
func WritePrivate(ctx context.Context, to PrivateWriter, key string, value any, diags *diag.Diagnostics) {
	var raw []byte // an empty one removes the key
	if value != nil {
		var err error
		if raw, err = json.Marshal(value); err != nil {
			diags.AddError("Unable to keep private state", fmt.Sprintf("The entry %q cannot be written: %s.", key, err))
			return
		}
	}
	diags.Append(to.SetKey(ctx, key, raw)...)
}
