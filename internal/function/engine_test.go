package function_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const (
	home = "us-east-1"
	// secret has what shells, YAML and HCL trip over.
	secret = `p4ss: "word" #1 'ü' %d $(x)`
)

// says matches a text that Terraform has wrapped and framed.
func says(text string) *regexp.Regexp {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│|]+`))
}

func output(name string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownOutputValue(name, check)
}

func TestFunctionsInAConfiguration(t *testing.T) {
	acctest.Engine(t, engine.Functions)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: `
output "version" {
  value = provider::cml::version_from_name("CML-2.7.0-Ubuntu-22.04")
}
output "none" {
  value = try(provider::cml::version_from_name("ubuntu-22.04"), null) == null
}
output "new" {
  value = provider::cml::version_at_least("2.7.0", "2.8")
}
output "parts" {
  value = provider::cml::parse_worker_id("i-0123456789abcdef0@us-west-2")
}
output "home" {
  value = provider::cml::parse_worker_id("i-0123456789abcdef0").region == null
}
output "url" {
  value = provider::cml::worker_url("2001:db8::9", 443)
}
output "state" {
  value = provider::cml::schedule_state("2026-11-23T08:00:00Z", "Europe/Berlin", "Mon-Fri", "08:00", "19:00")
}
output "now" {
  value = provider::cml::schedule_state(plantimestamp(), "UTC", "Mon-Sun", "00:00", "24:00")
}
output "boot" {
  value = provider::cml::cloud_init({ hostname = "lab-01", admin = null, commands = ["true", ["sleep", "1"]] })
}
`,
			ConfigStateChecks: []statecheck.StateCheck{
				output("version", knownvalue.StringExact("2.7.0")), output("none", knownvalue.Bool(true)), output("new", knownvalue.Bool(false)),
				output("parts", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"id": knownvalue.StringExact("i-0123456789abcdef0"), "region": knownvalue.StringExact("us-west-2")})),
				output("home", knownvalue.Bool(true)), output("url", knownvalue.StringExact("https://[2001:db8::9]")),
				output("state", knownvalue.StringExact("running")), output("now", knownvalue.StringExact("running")),
				output("boot", knownvalue.StringExact("#cloud-config\npreserve_hostname: false\nhostname: \"lab-01\"\nmanage_etc_hosts: \"localhost\"\nruncmd:\n  - \"true\"\n  - [\"sleep\", \"1\"]\n")),
			},
		},
	}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: `output "it" { value = provider::cml::cloud_init({ admin = { username = "admin", password = "short" } }) }`,
			ExpectError: says("`admin.password` has 5 characters. CML takes passwords of at least 8.")},
		{Config: `output "it" { value = provider::cml::cloud_init(null) }`, ExpectError: says("argument must not be null")},
		{Config: `output "it" { value = provider::cml::version_at_least(null, "2.8") }`, ExpectError: says("argument must not be null")},
		{Config: `output "it" { value = provider::cml::worker_url("203.0.113.9", 443.5) }`, ExpectError: says("port")},
	}})
}

// What is known after apply makes the result so, and what is wrong already is
// said at plan.
func TestCloudInitWithLaterValues(t *testing.T) {
	acctest.Engine(t, engine.Functions)
	text := func(password string) string {
		return fmt.Sprintf(`
resource "terraform_data" "name" {
  input = "lab-01"
}
resource "terraform_data" "boot" {
  input = provider::cml::cloud_init({ hostname = terraform_data.name.output, admin = { username = "admin", password = %q } })
}
`, password)
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: text("short"), ExpectError: says("has 5 characters")},
		{
			Config: text("long enough"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectUnknownValue("terraform_data.boot", tfjsonpath.New("input"))}},
			Check: resource.TestMatchResourceAttr("terraform_data.boot", "output", regexp.MustCompile(`hostname: "lab-01"`)),
		},
	}})
}

// A sensitive password makes the whole document sensitive.
func TestCloudInitStaysSensitive(t *testing.T) {
	acctest.Engine(t, engine.Functions)
	text := func(mark string) string {
		return `
variable "password" {
  type      = string
  sensitive = true
}
output "boot" {
  value = provider::cml::cloud_init({ admin = { username = "admin", password = var.password } })
  ` + mark + `
}
`
	}
	variables := config.Variables{"password": config.StringVariable(secret)}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: text(""), ConfigVariables: variables, ExpectError: says("Output refers to sensitive values")},
		{Config: text("sensitive = true"), ConfigVariables: variables},
	}})
}

// From the configuration to CML and back: the password of an ephemeral variable
// goes into user data, the machine sets CML's administrator from it, and the
// provider logs in with it. Neither plan nor state holds it.
func TestCloudInitEndToEnd(t *testing.T) {
	acctest.Engine(t, engine.Functions, engine.EphemeralResources, engine.WriteOnly)
	w := acctest.NewWorld(t)
	lab := func(password string) string {
		return `
variable "password" {
  type      = string
  ephemeral = true
}
` + w.Provider(fmt.Sprintf(`controller = { port = %d, username = "operator", password = %s, tls = { trust = "insecure" } }`, w.Port(), password)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
  user_data_wo = provider::cml::cloud_init({
    hostname  = "lab-01"
    admin     = { username = "operator", password = var.password }
    system    = { username = "sysadmin", password = var.password }
    publisher = { secretsmanager_secret_id = "cml/lab" }
    files     = [{ path = "/etc/lab/token", content = var.password }]
    commands  = [["systemctl", "restart", "lab"]]
  })
  user_data_wo_version = 1
  readiness            = { until = "healthy", timeout = "1m", interval = "1s" }
}
`, aws.SeededID("ami", home, aws.SerialImage291), aws.SeededID("subnet", home, aws.SerialSubnetA), aws.SeededID("sg", home, aws.SerialGroupCML))
	}
	variables := config.Variables{"password": config.StringVariable(secret)}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: lab("var.password"), ConfigVariables: variables,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("cml_worker.lab", tfjsonpath.New("service_status"), knownvalue.StringExact("available")),
				statecheck.ExpectKnownValue("cml_worker.lab", tfjsonpath.New("user_data_wo"), knownvalue.Null()),
			},
			Check: func(s *terraform.State) error {
				id := s.RootModule().Resources["cml_worker.lab"].Primary.ID
				for name, value := range s.RootModule().Resources["cml_worker.lab"].Primary.Attributes {
					if strings.Contains(value, "p4ss") || strings.Contains(value, "cloud-config") {
						return fmt.Errorf("%s is in state: %q", name, value)
					}
				}
				if admin := w.CML.Machine(id).Admin(); admin.Username != "operator" || admin.Password != secret {
					return fmt.Errorf("CML's administrator is %q", admin.Username)
				}
				return nil
			},
		},
		{
			Config: lab("var.password"), ConfigVariables: variables,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
	}})
}
