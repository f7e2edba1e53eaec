package catalog_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const home = "us-east-1"

func TestMain(m *testing.M) { acctest.Main(m) }

// look is a step that reads one data source.
func look(w *acctest.World, kind, arguments string, checks ...statecheck.StateCheck) resource.TestStep {
	return resource.TestStep{Config: w.Provider("") + data(kind, arguments), ConfigStateChecks: checks}
}

// refuse is a step whose data source is an error that says this.
func refuse(w *acctest.World, kind, arguments, want string) resource.TestStep {
	return resource.TestStep{Config: w.Provider("") + data(kind, arguments), ExpectError: says(want)}
}

func data(kind, arguments string) string {
	return fmt.Sprintf("data %q \"it\" {\n%s\n}\n", kind, arguments)
}

func value(kind, attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("data."+kind+".it", tfjsonpath.New(attribute), check)
}

func exactly(kind, attribute, want string) statecheck.StateCheck {
	return value(kind, attribute, knownvalue.StringExact(want))
}

func names(all ...string) knownvalue.Check {
	checks := make([]knownvalue.Check, len(all))
	for i, s := range all {
		checks[i] = knownvalue.StringExact(s)
	}
	return knownvalue.ListExact(checks)
}

// says matches a text that Terraform has wrapped and framed.
func says(text string) *regexp.Regexp {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│|]+`))
}

func seeded(serial int) string { return aws.SeededID("ami", home, serial) }

// A provider argument that is known only after apply is named.
func TestUnknownProviderArgument(t *testing.T) {
	w := acctest.NewWorld(t)
	unknown := func(argument string) string {
		return "resource \"terraform_data\" \"later\" {\n  input = \"us-east-1\"\n}\n" +
			strings.Replace(w.Provider(argument), `region     = "us-east-1"`, "", 1)
	}
	const region, port = "region = terraform_data.later.output", "region = \"us-east-1\"\n  controller = { port = length(terraform_data.later.id) }"
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: unknown(region) + data("cml_ami", `name_pattern = "CML-*"`), ExpectError: says("The provider's region will be known only after apply")},
		{Config: unknown(region) + data("cml_instance_types", ""), ExpectError: says("The provider's region will be known only after apply")},
		{Config: unknown(port) + data("cml_security_group_rules", ""), ExpectError: says("The provider's controller.port will be known only after apply")},
		// what is unknown does not matter to these
		{Config: unknown(region) + data("cml_security_group_rules", ""), ConfigStateChecks: []statecheck.StateCheck{
			value("cml_security_group_rules", "port", knownvalue.Int64Exact(443))}},
		{Config: unknown(port) + data("cml_security_group_rules", "port = 8443"), ConfigStateChecks: []statecheck.StateCheck{
			value("cml_security_group_rules", "port", knownvalue.Int64Exact(8443))}},
	}})
	if all := w.Recorder.All(); len(all) != 0 {
		t.Errorf("requests: %v", all)
	}
}
