package validators_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

func TestInstanceTypePattern(t *testing.T) {
	t.Parallel()
	for v, words := range map[string]string{
		"m8i.*": "", "*": "", "m8i.2xlarge": "", "*.metal": "", "?8i.2xlarge": "", "c8i-flex.*": "", "m*": "",
		"m8i": `"m8i.*"`, "M8i.*": "lower-case", "m8i.[24]xlarge": "wildcards", "m8i.2.large": "one dot", "": "wildcards", "m8i .*": "wildcards",
	} {
		var resp validator.StringResponse
		validators.InstanceTypePattern().ValidateString(t.Context(), validator.StringRequest{ConfigValue: types.StringValue(v)}, &resp)
		if words == "" && resp.Diagnostics.HasError() {
			t.Errorf("%q: %v", v, resp.Diagnostics)
		}
		if words != "" && (!resp.Diagnostics.HasError() || !strings.Contains(resp.Diagnostics[0].Detail(), words)) {
			t.Errorf("%q: %v, want %q", v, resp.Diagnostics, words)
		}
	}
}
