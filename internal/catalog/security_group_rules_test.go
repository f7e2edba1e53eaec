package catalog_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

const rules = "cml_security_group_rules"

func TestSecurityGroupRules(t *testing.T) {
	w := acctest.NewWorld(t)
	rule := func(from, to int64, protocol, description string) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"from_port": knownvalue.Int64Exact(from), "to_port": knownvalue.Int64Exact(to),
			"protocol": knownvalue.StringExact(protocol), "description": knownvalue.StringExact(description),
		})
	}
	ui := func(port int64) knownvalue.Check { return rule(port, port, "tcp", "CML user interface and API") }
	are := func(want ...knownvalue.Check) statecheck.StateCheck {
		return value(rules, "rules", knownvalue.ListExact(want))
	}
	const all = `features = ["patty", "cockpit", "ssh", "console", "ui"]`
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		look(w, rules, "", are(ui(443)), value(rules, "port", knownvalue.Int64Exact(443))),
		look(w, rules, all, are(
			ui(443),
			rule(22, 22, "tcp", "CML terminal server, SSH to node consoles"),
			rule(1122, 1122, "tcp", "SSH to the operating system"),
			rule(9090, 9090, "tcp", "Cockpit, system administration"),
			rule(2000, 7999, "tcp", "PATty port forwarding to nodes"),
			rule(2000, 7999, "udp", "PATty port forwarding to nodes"),
		)),
		look(w, rules, "features = [\"ui\"]\n  port = 8443", are(ui(8443))),
		// equal rules of two features are one, as EC2 refuses the second
		look(w, rules, "features = [\"ui\", \"cockpit\"]\n  port = 9090", are(rule(9090, 9090, "tcp", "CML user interface and API; Cockpit, system administration"))),
		{
			Config:            w.Provider("controller = { port = 10443 }") + data(rules, ""),
			ConfigStateChecks: []statecheck.StateCheck{are(ui(10443)), value(rules, "port", knownvalue.Int64Exact(10443))},
		},
		{
			Config:            w.Provider("controller = { port = 10443 }") + data(rules, "port = 443"),
			ConfigStateChecks: []statecheck.StateCheck{are(ui(443))},
		},
	}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		refuse(w, rules, `features = ["ftp"]`, "features"),
		refuse(w, rules, `features = []`, "features"),
		refuse(w, rules, `port = 0`, "port"),
		refuse(w, rules, `port = 65536`, "port"),
	}})
	if all := w.Recorder.All(); len(all) != 0 {
		t.Errorf("requests: %v", all)
	}
}
