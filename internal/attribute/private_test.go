package attribute_test

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// private is the private state of a request and its response.
type private map[string][]byte

func (p private) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) { return p[key], nil }

func (p private) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	p[key] = value
	return nil
}

func TestPrivate(t *testing.T) {
	type mark struct{ Until string }
	p, diags := private{}, diag.Diagnostics{}
	if _, ok := attribute.ReadPrivate[mark](t.Context(), p, "mark", &diags); ok {
		t.Error("there is an entry that nobody wrote")
	}
	attribute.WritePrivate(t.Context(), p, "mark", mark{"ready"}, &diags)
	if got, ok := attribute.ReadPrivate[mark](t.Context(), p, "mark", &diags); !ok || got.Until != "ready" {
		t.Errorf("got %+v, %t", got, ok)
	}
	attribute.WritePrivate(t.Context(), p, "mark", nil, &diags)
	if len(p["mark"]) > 0 || diags.HasError() {
		t.Errorf("%q is still there: %v", p["mark"], diags)
	}
	p["mark"] = []byte("{")
	if _, ok := attribute.ReadPrivate[mark](t.Context(), p, "mark", &diags); ok || !diags.HasError() {
		t.Error("an entry that cannot be read is taken for one")
	}
	diags = nil
	if attribute.WritePrivate(t.Context(), p, "mark", func() {}, &diags); !diags.HasError() {
		t.Error("what cannot be written is no error")
	}
}
