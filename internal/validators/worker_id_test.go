package validators_test

import (
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

func TestParseWorkerID(t *testing.T) {
	const id = "i-0123456789abcdef0"
	for in, region := range map[string]string{
		id: "", id + "@us-west-2": "us-west-2", "us-west-2:" + id: "us-west-2", " " + id + "@us-gov-east-1 ": "us-gov-east-1",
	} {
		gotID, gotRegion, problem := validators.ParseWorkerID(in)
		if gotID != id || gotRegion != region || problem != "" {
			t.Errorf("%q: %q, %q, %q", in, gotID, gotRegion, problem)
		}
		if again, where, _ := validators.ParseWorkerID(validators.JoinWorkerID(gotID, gotRegion)); again != id || where != region {
			t.Errorf("%q: joined and parsed it is %q in %q", in, again, where)
		}
	}
	for in, want := range map[string]string{
		"":                      "does not name an instance",
		"lab-01":                "does not name an instance",
		"i-012 3":               "does not name an instance",
		"us-west-2@" + id:       "does not name an instance",
		"ami-0123456789abcdef0": "does not name an instance",
		id + "@":                "has no region",
		":" + id:                "has no region",
		id + "@us-west-2a":      "is an availability zone",
		id + "@us-west-2@x":     "is not the name of an AWS region",
	} {
		if _, _, problem := validators.ParseWorkerID(in); !strings.Contains(problem, want) {
			t.Errorf("%q: %q, wanted %q", in, problem, want)
		}
	}
}
