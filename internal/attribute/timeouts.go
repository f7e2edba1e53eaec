package attribute

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// LongestWait bounds every duration that a configuration may ask for.
const LongestWait = 24 * time.Hour

// Timeouts is the block of terraform-plugin-framework-timeouts, described and
// with bounded durations, since its own validator lets negative ones pass.
func Timeouts(ctx context.Context, opts timeouts.Opts) schema.Block {
	block := timeouts.Block(ctx, opts)
	single, ok := block.(schema.SingleNestedBlock)
	if !ok {
		return block
	}
	single.MarkdownDescription = "How long the operations may take, as in `\"90s\"` or `\"1h30m\"`. Changing it runs nothing."
	for name, a := range single.Attributes {
		if s, ok := a.(schema.StringAttribute); ok {
			s.MarkdownDescription = s.Description
			s.Validators = []validator.String{validators.Duration(time.Second, LongestWait)}
			single.Attributes[name] = s
		}
	}
	return single
}
