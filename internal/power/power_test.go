package power_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const addr = "cml_worker_power.lab"

func at(name string) tfjsonpath.Path { return tfjsonpath.New(name) }

func value(name, want string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(addr, at(name), knownvalue.StringExact(want))
}

func null(name string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(addr, at(name), knownvalue.Null())
}

// updates expects one update in place, with the named values unknown.
func updates(unknown ...string) resource.ConfigPlanChecks {
	checks := []plancheck.PlanCheck{plancheck.ExpectResourceAction(addr, plancheck.ResourceActionUpdate)}
	for _, name := range unknown {
		checks = append(checks, plancheck.ExpectUnknownValue(addr, at(name)))
	}
	return resource.ConfigPlanChecks{PreApply: checks}
}

// keeps expects no change of the resource.
func keeps() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(addr, plancheck.ResourceActionNoop)}}
}

// bound is what a change of power makes unknown.
var bound = []string{
	"instance_state", "status", "service_status", "public_ip", "public_dns", "address", "url", "last_started_at", "last_stopped_at",
}

// fresh checks that the dependant has the URL that the machine has now.
func (l *lab) fresh() func(*terraform.State) error {
	return func(s *terraform.State) error {
		want := fmt.Sprintf("https://%s:%d", l.machine().PublicIP, l.Port())
		if got := s.RootModule().Resources["terraform_data.dependant"].Primary.Attributes["output"]; got != want {
			return fmt.Errorf("the dependant has %q, the machine is at %q", got, want)
		}
		return nil
	}
}

func TestStopAndStart(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	moved := statecheck.CompareValue(compare.ValuesDiffer())
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			PreConfig: func() { l.Recorder.Reset() },
			Config:    l.config(`state = "running"`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectKnownValue(addr, at("region"), knownvalue.StringExact(home)), plancheck.ExpectUnknownValue(addr, at("url")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				value("id", l.id), value("region", home), value("state", "running"), value("instance_state", "running"),
				value("status", "running"), value("service_status", "available"), value("address", l.machine().PublicIP),
				value("private_ip", l.machine().PrivateIP), moved.AddStateValue(addr, at("url")),
			},
			Check: resource.ComposeTestCheckFunc(l.wantCalls(0, 0), l.fresh()),
		},
		{
			Config:           l.config(`state = "stopped"`),
			ConfigPlanChecks: updates(bound...),
			ConfigStateChecks: []statecheck.StateCheck{
				value("instance_state", "stopped"), value("status", "stopped"), value("service_status", "unavailable"),
				null("public_ip"), null("address"), null("url"), value("private_ip", l.machine().PrivateIP),
				statecheck.ExpectKnownValue(addr, at("last_stopped_at"), knownvalue.NotNull()),
			},
			Check: l.wantCalls(0, 1),
		},
		{
			Config:           l.config(`state = "running"`),
			ConfigPlanChecks: updates(bound...),
			ConfigStateChecks: []statecheck.StateCheck{
				value("instance_state", "running"), value("service_status", "available"), moved.AddStateValue(addr, at("url")),
				statecheck.ExpectKnownValue(addr, at("last_stopped_at"), knownvalue.NotNull()),
			},
			Check: resource.ComposeTestCheckFunc(l.wantCalls(1, 0), l.fresh()),
		},
	}})
	if got := l.machine().State; got != "running" {
		t.Errorf("destroying the resource left the machine %s", got)
	}
}

func TestCreateStopped(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: l.config(`state = "stopped"`),
		Check:  l.wantCalls(0, 1),
		ConfigStateChecks: []statecheck.StateCheck{
			value("instance_state", "stopped"), value("service_status", "unavailable"), null("address"),
		},
	}}})
}

func TestStopOutside(t *testing.T) {
	t.Run("correct puts it back", func(t *testing.T) {
		acctest.Engine(t)
		l := newLab(t)
		acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
			{Config: l.config(`state = "running"`), Check: l.wantCalls(0, 0)},
			{
				PreConfig:        l.stopOutside,
				Config:           l.config(`state = "running"`),
				ConfigPlanChecks: updates(bound...),
				Check:            resource.ComposeTestCheckFunc(l.wantCalls(1, 0), l.fresh()),
			},
		}})
	})
	t.Run("accept leaves it", func(t *testing.T) {
		acctest.Engine(t)
		l := newLab(t)
		const accept = "on_external_change = \"accept\"\n"
		acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
			{Config: l.config(accept + `state = "running"`), Check: l.wantCalls(0, 0)},
			{
				PreConfig:         l.stopOutside,
				Config:            l.config(accept + `state = "running"`),
				ConfigPlanChecks:  keeps(),
				ConfigStateChecks: []statecheck.StateCheck{value("state", "running"), value("instance_state", "stopped"), null("address")},
				Check:             l.wantCalls(0, 0),
			},
			{
				Config:           l.config(accept + "state = \"running\"\ntriggers = { now = \"1\" }"),
				ConfigPlanChecks: updates(bound...),
				Check:            resource.ComposeTestCheckFunc(l.wantCalls(1, 0), l.fresh()),
			},
			{
				Config:           l.config(accept + "state = \"stopped\"\ntriggers = { now = \"1\" }"),
				ConfigPlanChecks: updates(bound...),
				Check:            l.wantCalls(0, 1),
			},
		}})
	})
	t.Run("accept after the fact", func(t *testing.T) {
		acctest.Engine(t)
		l := newLab(t)
		acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
			{Config: l.config(`state = "running"`), Check: l.wantCalls(0, 0)},
			{
				PreConfig:         l.stopOutside,
				Config:            l.config("on_external_change = \"accept\"\nstate = \"running\""),
				ConfigPlanChecks:  updates(),
				ConfigStateChecks: []statecheck.StateCheck{value("state", "running"), value("instance_state", "stopped")},
				Check:             l.wantCalls(0, 0),
			},
		}})
	})
}

func TestObserve(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config:            l.config(`triggers = { a = "1" }`),
			ConfigStateChecks: []statecheck.StateCheck{null("state"), value("service_status", "available")},
			Check:             resource.ComposeTestCheckFunc(l.wantCalls(0, 0), l.fresh()),
		},
		{
			PreConfig:         l.stopOutside,
			Config:            l.config(`triggers = { a = "2" }`),
			ConfigStateChecks: []statecheck.StateCheck{null("state"), value("instance_state", "stopped"), null("address")},
			Check:             l.wantCalls(0, 0),
		},
	}})
}

func TestTriggers(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	with := func(state, value string) string {
		return l.config(fmt.Sprintf("state = %q\ntriggers = { rotate = %q }", state, value))
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: with("running", "1"), Check: l.wantCalls(0, 0)},
		{
			Config: with("running", "2"), ConfigPlanChecks: updates(bound...),
			Check: resource.ComposeTestCheckFunc(l.wantCalls(1, 1), l.fresh()),
		},
		{Config: with("stopped", "2"), Check: l.wantCalls(0, 1)},
		{
			Config: with("stopped", "3"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(addr, plancheck.ResourceActionUpdate),
				plancheck.ExpectKnownValue(addr, at("instance_state"), knownvalue.StringExact("stopped")),
			}},
			Check: l.wantCalls(0, 0),
		},
	}})
}

// A revision that is known only after apply stands for a worker that this very
// apply restarts.
func TestWorkerRevision(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	with := func(revision string) string {
		return l.config("state = \"running\"\nworker_revision = terraform_data.revision.output") +
			fmt.Sprintf("\nresource \"terraform_data\" \"revision\" {\n  input = %q\n}\n", revision)
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: with("1"), Check: resource.ComposeTestCheckFunc(l.wantCalls(0, 0), l.fresh())},
		{
			PreConfig:        func() { l.stopOutside(); l.startOutside() },
			Config:           with("2"),
			ConfigPlanChecks: updates("address", "url", "public_ip", "ipv6_address", "instance_state", "service_status"),
			Check:            resource.ComposeTestCheckFunc(l.wantCalls(0, 0), l.fresh()),
		},
	}})
}

func TestHostnameKnownAtPlan(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	url := fmt.Sprintf("https://lab.example.net:%d", l.Port())
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: l.config("state = \"running\"\ncontroller = { hostname = \"lab.example.net\" }"),
		ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectKnownValue(addr, at("url"), knownvalue.StringExact(url)),
			plancheck.ExpectUnknownValue(addr, at("address")),
		}},
		ConfigStateChecks: []statecheck.StateCheck{value("url", url), value("address", l.machine().PublicIP)},
	}}})
}

// What only this provider reads calls nothing.
func TestSettingsCallNothing(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config(`state = "running"`), Check: l.wantCalls(0, 0)},
		{
			Config: l.config(`
  state              = "running"
  on_external_change = "correct"
  start              = { readiness = { until = "api", timeout = "5m" }, capacity_retry = { timeout = "10m" } }
  stop               = { mode = "force" }
  on_destroy         = { state = "leave" }
  timeouts {
    update = "30m"
  }`),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(addr, plancheck.ResourceActionUpdate),
				plancheck.ExpectKnownValue(addr, at("address"), knownvalue.StringExact(l.machine().PublicIP)),
				plancheck.ExpectKnownValue(addr, at("service_status"), knownvalue.StringExact("available")),
			}},
			Check: l.wantCalls(0, 0),
		},
	}})
}

func TestGone(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config(`state = "running"`)},
		{
			PreConfig:          func() { l.AWS.Region(home).TerminateOutside(l.id) },
			RefreshState:       true,
			ExpectNonEmptyPlan: true,
			RefreshPlanChecks: resource.RefreshPlanChecks{PostRefresh: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(addr, plancheck.ResourceActionCreate),
			}},
		},
		{Config: l.config(`state = "running"`), ExpectError: regexp.MustCompile(`(?s)Unable to set the power state.*` + l.id)},
	}})
}

func TestOtherAccount(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t, otherAccount)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config(`state = "running"`)},
		{
			Config:      l.foreign() + l.power(`state = "running"`),
			ExpectError: regexp.MustCompile(`(?s)not visible with these\s+credentials`),
		},
		// The state was kept: nothing is to do.
		{Config: l.config(`state = "running"`), ConfigPlanChecks: keeps()},
	}})
}

func TestOnDestroy(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.config("state = \"running\"\non_destroy = { state = \"stopped\" }"), Check: l.wantCalls(0, 0)},
		{Config: l.Provider(l.Controller(false)), Check: func(*terraform.State) error {
			if got := l.machine().State; got != "stopped" {
				return fmt.Errorf("the machine is %s", got)
			}
			return nil
		}},
	}})
}

// A wait as long as its operation, and a text as long as CML's, pass.
func TestValidatePasses(t *testing.T) {
	acctest.Engine(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: "provider \"cml\" {\n  region = \"us-east-1\"\n  access_key = \"a\"\n  secret_key = \"b\"\n}\nvariable \"w\" {\n  default = \"i-0123456789abcdef0\"\n}\nresource \"terraform_data\" \"w\" {\n  input = var.w\n}\n" +
			"resource \"cml_worker_power\" \"lab\" {\n  worker_id = terraform_data.w.output\n" +
			"  stop = { drain = { wait_for_idle = \"75m\", notice = \"" + strings.Repeat("ä", 128) + "\" }, recheck_idle = {} }\n}\n",
		PlanOnly: true, ExpectNonEmptyPlan: true,
	}}})
}

func TestValidate(t *testing.T) {
	acctest.Engine(t)
	for name, c := range map[string]struct{ arguments, want string }{
		"readiness above the default": {
			`start = { readiness = { timeout = "80m" } }`, `(?s)Readiness timeout exceeds.*80m.*default of\s+timeouts.create`,
		},
		"readiness above a limit of its own": {
			"start = { readiness = { timeout = \"20m\" } }\ntimeouts {\n update = \"10m\"\n}", `(?s)Readiness timeout exceeds.*timeouts.update`,
		},
		"state":                    {`state = "paused"`, `(?s)state.*running.*stopped`},
		"a negative duration":      {"timeouts {\n create = \"-5m\"\n}", `(?s)Invalid duration`},
		"retry without unit":       {`start = { capacity_retry = { timeout = "60" } }`, `(?s)Invalid duration.*60s`},
		"idle above the default":   {`stop = { drain = { wait_for_idle = "80m" } }`, `(?s)Wait for idle nodes exceeds.*80m.*default of\s+timeouts.create`},
		"idle above the last stop": {"stop = { drain = { wait_for_idle = \"40m\" } }\non_destroy = { state = \"stopped\" }", `(?s)Wait for idle nodes exceeds.*timeouts.delete`},
		"a negative wait":          {`stop = { drain = { wait_for_idle = "-1s" } }`, `(?s)Invalid duration`},
		"an empty notice":          {`stop = { drain = { notice = "" } }`, `(?s)notice.*between 1 and 128`},
		"a long notice":            {`stop = { drain = { notice = "` + strings.Repeat("ä", 129) + `" } }`, `(?s)notice.*between 1 and 128`},
		"on busy":                  {`stop = { drain = { on_busy = "wait" } }`, `(?s)on_busy.*ignore.*fail.*stop_labs`},
		"a threshold too short":    {`stop = { recheck_idle = { idle_threshold = "1s" } }`, `(?s)Invalid duration.*1m`},
		"a worker's name":          {`worker_id = "lab"`, `(?s)Invalid instance id`},
	} {
		t.Run(name, func(t *testing.T) {
			body := `worker_id = "i-0123456789abcdef0"` + "\n" + c.arguments
			if name == "a worker's name" {
				body = c.arguments
			}
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:   "provider \"cml\" {\n  region = \"us-east-1\"\n}\nresource \"cml_worker_power\" \"lab\" {\n" + body + "\n}\n",
				PlanOnly: true, ExpectError: regexp.MustCompile(c.want),
			}}})
		})
	}
}

// The worker restarts itself for a resize; what depends on the power resource
// has the new address in the same apply.
func TestResizeBesidePower(t *testing.T) {
	acctest.Engine(t)
	l := newLab(t)
	with := func(instanceType string) string {
		return l.Provider(l.Controller(false)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  instance_type      = %q
  subnet_ids         = [%q]
  security_group_ids = [%q]
  readiness          = { until = "api" }
}

resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  region          = cml_worker.lab.region
  controller      = cml_worker.lab.controller
  worker_revision = cml_worker.lab.revision
  state           = "running"
  start           = { readiness = { until = "api" } }
}

resource "terraform_data" "dependant" {
  input = cml_worker_power.lab.url
}
`, aws.SeededID("ami", home, aws.SerialImage290), instanceType,
			aws.SeededID("subnet", home, aws.SerialSubnetA), aws.SeededID("sg", home, aws.SerialGroupCML))
	}
	moved := statecheck.CompareValue(compare.ValuesDiffer())
	own := func(s *terraform.State) error {
		l.id = s.RootModule().Resources["cml_worker.lab"].Primary.ID
		return nil
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config:            with("m8i.2xlarge"),
			ConfigStateChecks: []statecheck.StateCheck{moved.AddStateValue(addr, at("url"))},
			Check:             resource.ComposeTestCheckFunc(own, l.fresh(), l.wantCalls(0, 0)),
		},
		{
			Config: with("m8i.4xlarge"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("cml_worker.lab", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction(addr, plancheck.ResourceActionUpdate),
				plancheck.ExpectUnknownValue(addr, at("url")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{moved.AddStateValue(addr, at("url"))},
			Check:             resource.ComposeTestCheckFunc(l.fresh(), l.wantCalls(1, 1)),
		},
	}})
}
