package insight_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

const home = "us-east-1"

func TestMain(m *testing.M) { acctest.Main(m) }

// lab is a simulated account with one machine whose CML is ready.
type lab struct {
	*acctest.World
	t  *testing.T
	id string
}

func newLab(t *testing.T, change ...func(*simulator.Options)) *lab {
	t.Helper()
	return newLabOf(t, "m8i.2xlarge", false, change...)
}

// newLabOf is newLab with a machine of another type, or with detailed monitoring.
func newLabOf(t *testing.T, kind string, detailed bool, change ...func(*simulator.Options)) *lab {
	t.Helper()
	l := &lab{World: acctest.NewWorld(t, change...), t: t}
	machine, err := l.EC2(home).Launch(t.Context(), instance.Launch{
		Name: "lab-01", ImageID: aws.SeededID("ami", home, aws.SerialImage290), InstanceTypes: []string{kind}, Monitoring: detailed,
		SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)}, SecurityGroupIDs: []string{aws.SeededID("sg", home, aws.SerialGroupCML)},
		NestedVirtualization: instance.LaunchNestedAuto, Tags: map[string]string{"Name": "lab-01"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.id = machine.ID
	phase := cml.Ready
	if strings.HasPrefix(kind, "t3.") { // has no virtualisation, so that CML never gets ready
		phase = cml.NotReady
	}
	l.until("CML to be "+string(phase), func() bool { return l.CML.Machine(l.id).Phase() == phase })
	return l
}

func (l *lab) server() *cml.Machine { return l.CML.Machine(l.id) }

func (l *lab) until(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (l *lab) stop() {
	l.t.Helper()
	l.AWS.Region(home).StopOutside(l.id)
	l.until("the machine to stop", func() bool {
		i, _ := l.AWS.Region(home).Instance(l.id)
		return i.State == "stopped"
	})
}

// provider is a provider block; account may be "" for none. The certificate of
// the machine is pinned, so that credentials travel.
func (l *lab) provider(account cml.Credentials) string {
	who := ""
	if account.Username != "" {
		who = fmt.Sprintf("username = %q, password = %q, ", account.Username, account.Password)
	}
	return l.Provider(fmt.Sprintf("controller = { port = %d, %stls = { fingerprint = %q } }", l.Port(), who, l.server().Fingerprint()))
}

func (l *lab) admin() string { return l.provider(l.CML.Admin()) }

// data is a data source on the machine.
func (l *lab) data(kind, arguments string) string {
	return fmt.Sprintf("data %q \"it\" {\n  worker_id = %q\n  %s\n}\n", kind, l.id, arguments)
}

func value(kind string, attribute tfjsonpath.Path, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue("data."+kind+".it", attribute, check)
}

// values are the checks of several attributes of the first level.
func values(kind string, want map[string]knownvalue.Check) []statecheck.StateCheck {
	var out []statecheck.StateCheck
	for name, check := range want {
		out = append(out, value(kind, tfjsonpath.New(name), check))
	}
	return out
}

func steps(t *testing.T, all ...resource.TestStep) {
	t.Helper()
	acctest.Test(t, resource.TestCase{Steps: all})
}

// says matches a text that Terraform has wrapped and framed.
func says(text string) *regexp.Regexp {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│|]+`))
}

var (
	null = knownvalue.Null()
	yes  = knownvalue.Bool(true)
	no   = knownvalue.Bool(false)
	text = knownvalue.StringExact
	set  = knownvalue.NotNull()
)

func number(n int64) knownvalue.Check { return knownvalue.Int64Exact(n) }

// What every data source of this package refuses in the same way.
func TestRefusesInCommon(t *testing.T) {
	w := acctest.NewWorld(t)
	var all []resource.TestStep
	for _, kind := range kinds {
		missing := fmt.Sprintf("data %q \"it\" { worker_id = \"i-0123456789abcdef0\" }\n", kind)
		all = append(all,
			resource.TestStep{Config: w.Provider("") + missing, ExpectError: says("CML worker not found")},
			resource.TestStep{Config: w.Provider("") + strings.Replace(missing, "i-0123456789abcdef0", "lab-01", 1), ExpectError: says("worker_id")},
			resource.TestStep{
				Config:      "resource \"terraform_data\" \"later\" {}\n" + w.Provider("controller = { port = length(terraform_data.later.id) }") + missing,
				ExpectError: says("The provider's controller.port will be known only after apply"),
			},
		)
	}
	steps(t, all...)
}
