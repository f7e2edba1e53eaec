package tfdiag_test

import (
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// A wait that knows what to do next is not followed by what fits any time-out,
// which would say the opposite.
func TestNextStepOfAWaitStandsAlone(t *testing.T) {
	err := &readiness.TimeoutError{InstanceID: "i-1", Wanted: readiness.Ready, Failed: readiness.HTTPS, Hint: "open the port."}
	detail := tfdiag.Error("x", tfdiag.About{}, err).Detail()
	if strings.Count(detail, "Next step: ") != 1 || !strings.HasSuffix(detail, "Next step: open the port.") {
		t.Errorf("got\n%s", detail)
	}
}
