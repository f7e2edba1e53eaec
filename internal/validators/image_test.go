package validators_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

func TestImageOwner(t *testing.T) {
	for value, ok := range map[string]bool{
		"self": true, "amazon": true, "aws-marketplace": true, "111122223333": true, "099720109477": true,
		"": false, "*": false, "Canonical": false, "99720109477": false, "1111-2222-3333": false, "self ": false,
	} {
		resp := validator.StringResponse{}
		validators.ImageOwner().ValidateString(t.Context(), validator.StringRequest{ConfigValue: types.StringValue(value)}, &resp)
		if resp.Diagnostics.HasError() == ok {
			t.Errorf("%q: %v", value, resp.Diagnostics)
		}
	}
}
