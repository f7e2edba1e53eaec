package session_test

import (
	"fmt"
	"maps"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

// config is a power resource on the machine, and its token shown by the
// provider "echo", which writes to the state what it is configured with.
func (l *lab) config(state, arguments, echo string) string {
	return l.Provider(l.Controller(true)) + fmt.Sprintf(`
resource "cml_worker_power" "lab" {
  worker_id = %q
  state     = %q

  # So that every session of the run is one of the token's.
  start = { license_check = "off" }
}

ephemeral "cml_worker_token" "lab" {
  worker_id      = cml_worker_power.lab.worker_id
  instance_state = cml_worker_power.lab.instance_state
  %s
}

provider "echo" {
  data = ephemeral.cml_worker_token.lab
}

resource "echo" %q {}
`, l.id, state, arguments, echo)
}

func echoed(name, attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("echo."+name, tfjsonpath.New("data").AtMapKey(attribute), check)
}

// A plan that starts the worker leaves the token to the apply, and a plan for
// a stopped worker works without one.
func TestInTerraform(t *testing.T) {
	acctest.Engine(t, engine.EphemeralResources)
	l := newLab(t)
	l.stop()
	factories := acctest.Factories()
	maps.Copy(factories, map[string]func() (tfprotov6.ProviderServer, error){"echo": echoprovider.NewProviderServer()})
	acctest.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{
				Config: l.config("running", "logout = true", "running"),
				ConfigStateChecks: []statecheck.StateCheck{
					echoed("running", "reachable", knownvalue.Bool(true)),
					echoed("running", "token", knownvalue.StringRegexp(jwt)),
					echoed("running", "url", knownvalue.StringFunc(func(url string) error {
						in, _ := l.AWS.Region(home).Instance(l.id)
						if want := l.url(in.PublicIP); url != want {
							return fmt.Errorf("want %s, the address after the start", want)
						}
						return nil
					})),
				},
				Check: func(*terraform.State) error {
					if in, out := l.count(login), l.count(logout); in == 0 || in != out {
						return fmt.Errorf("%d sessions were opened and %d ended", in, out)
					}
					if n := l.CML.Machine(l.id).Sessions(); n != 0 {
						return fmt.Errorf("%d sessions go on", n)
					}
					return nil
				},
			},
			{
				PreConfig: l.stop,
				Config:    l.config("stopped", "", "stopped"),
				ConfigStateChecks: []statecheck.StateCheck{
					echoed("stopped", "reachable", knownvalue.Bool(false)),
					echoed("stopped", "token", knownvalue.Null()),
					echoed("stopped", "url", knownvalue.Null()),
				},
			},
		},
	})
}

var jwt = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`)
