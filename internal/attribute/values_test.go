package attribute_test

import (
	"math/big"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// A number is the one that Terraform reads out of its state.
func TestFloat64(t *testing.T) {
	t.Parallel()
	for text, number := range map[string]float64{"0.450279": 0.450279, "0.1": 0.1, "0": 0, "64": 64, "0.00000001": 1e-8, "-2.5": -2.5} {
		want, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
		if err != nil {
			t.Fatal(err)
		}
		value, err := attribute.Float64(number).ToTerraformValue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got *big.Float
		if err := value.As(&got); err != nil || got.Cmp(want) != 0 {
			t.Errorf("%s: got %s (%v)", text, got.Text('f', 40), err)
		}
	}
}

func TestKnownFloat64(t *testing.T) {
	t.Parallel()
	if got := attribute.KnownFloat64(0.5, true); got.ValueFloat64() != 0.5 {
		t.Errorf("got %s", got)
	}
	if got := attribute.KnownFloat64(0.5, false); !got.IsNull() {
		t.Errorf("got %s", got)
	}
}
