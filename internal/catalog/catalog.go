// Package catalog holds the look-ups before a worker exists: images, instance
// types that can run CML, and the ports that CML needs open.
package catalog

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// base is what the data sources have in common.
type base struct {
	set *clients.Set
}

// Configure implements datasource.DataSourceWithConfigure.
func (b *base) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	b.set = set
}

// refuseUnknown adds an error when arguments of the provider that a look-up
// needs are not known yet: a data source may not return unknown values.
func refuseUnknown(unknown []string, diags *diag.Diagnostics) {
	tfdiag.NotKnown(diags, unknown, "nothing can be looked up in this plan")
}

func regionAttribute() schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
		MarkdownDescription: "AWS region to look in. Default: the provider's."}
}

// list is a list of strings; empty stays empty, unlike attribute.StringList,
// so that length() and for_each work on a result that found nothing.
func list(in []string) types.List {
	out := make([]attr.Value, 0, len(in))
	for _, s := range in {
		out = append(out, types.StringValue(s))
	}
	return types.ListValueMust(types.StringType, out)
}
