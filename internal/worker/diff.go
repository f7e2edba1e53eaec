package worker

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// newDiff unpacks a plan and its prior state for the change table.
func newDiff(ctx context.Context, plan, state *model, image *imageFacts, diags *diag.Diagnostics) *diff {
	return &diff{
		plan: plan, state: state, image: image,
		planNet:      object[network](ctx, plan.Network, diags),
		stateNet:     object[network](ctx, state.Network, diags),
		planRoot:     object[rootVolume](ctx, plan.RootVolume, diags),
		stateRoot:    object[rootVolume](ctx, state.RootVolume, diags),
		planMeta:     object[metadataOptions](ctx, plan.MetadataOptions, diags),
		stateMeta:    object[metadataOptions](ctx, state.MetadataOptions, diags),
		planControl:  object[attribute.Controller](ctx, plan.Controller, diags),
		stateControl: object[attribute.Controller](ctx, state.Controller, diags),
	}
}

// replacePaths are the attributes that Terraform marks with "forces
// replacement" for a row.
func replacePaths(row change) path.Paths {
	var out path.Paths
	var base string
	for _, name := range strings.Split(row.attribute, ", ") {
		if strings.HasPrefix(name, ".") {
			name = base + name
		}
		parent, member, nested := strings.Cut(name, ".")
		base = parent
		p := path.Root(parent)
		if nested {
			p = p.AtName(member)
		}
		out = append(out, p)
	}
	return out
}
