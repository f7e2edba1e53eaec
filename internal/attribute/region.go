package attribute

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
)

// NewRegion is `region` in the plan of something new: the argument, or else the
// provider's region. It stays unknown where the plan cannot know it; apply then
// says what is wrong.
func NewRegion(ctx context.Context, set *clients.Set, config types.String) types.String {
	if !config.IsNull() {
		return config
	}
	if set == nil || len(set.UnknownArguments()) > 0 {
		return types.StringUnknown()
	}
	region, err := set.DefaultRegion(ctx)
	if err != nil {
		return types.StringUnknown()
	}
	return types.StringValue(region)
}
