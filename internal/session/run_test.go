package session_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// walks counts how often Terraform configured the provider: once for each of
// its runs over the configuration, and sessions are those of one such run.
type walks struct {
	tfprotov6.ProviderServer
	n *atomic.Int64
}

func (w walks) ConfigureProvider(ctx context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	w.n.Add(1)
	return w.ProviderServer.ConfigureProvider(ctx, req)
}

// tally is what was asked since the last look.
type tally struct{ walks, logins, health, secrets int }

func (l *lab) tally(n *atomic.Int64) tally {
	out := tally{int(n.Swap(0)), len(l.logins()), l.count("GET /system_health"), l.Recorder.Count("secretsmanager", "GetSecretValue")}
	l.Recorder.Reset()
	return out
}

// three is a worker, its power and its look-up, all of which ask CML as an
// account that the worker's settings refer to.
func (l *lab) three(ref string) string {
	return l.Provider(fmt.Sprintf("controller = { port = %d, username = %q }", l.Port(), l.CML.Admin().Username)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
  controller         = { credentials = { %s } }
  readiness          = { until = "healthy" }
}

resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  worker_revision = cml_worker.lab.revision
  controller      = cml_worker.lab.controller
  state           = "running"
  start           = { readiness = { until = "healthy" } }
}

data "cml_worker" "lab" {
  id         = cml_worker_power.lab.worker_id
  controller = cml_worker.lab.controller
}
`, aws.SeededID("ami", home, aws.SerialImage290), aws.SeededID("subnet", home, aws.SerialSubnetA), aws.SeededID("sg", home, aws.SerialGroupCML), ref)
}

// However many resources ask one CML in a run, they log in once and read their
// secret once; a dead session is replaced once, and a refusal speaks for all.
func TestOneSessionForARun(t *testing.T) {
	l := &lab{World: acctest.NewWorld(t), t: t}
	l.AWS.Region(home).SetSecret("cml/lab", aws.Secret{Text: l.CML.Admin().Password + "\n"})
	l.AWS.Region(home).SetSecret("cml/wrong", aws.Secret{Text: "wrong-pa55word"})
	good, bad := `secretsmanager_secret_id = "cml/lab"`, `secretsmanager_secret_id = "cml/wrong"`
	var n atomic.Int64
	check := func(want func(tally) bool) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if got := l.tally(&n); !want(got) {
				return fmt.Errorf("%+v", got)
			}
			return nil
		}
	}
	reset := func() { l.tally(&n) }
	acctest.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){"cml": func() (tfprotov6.ProviderServer, error) {
			s, err := acctest.Factories()["cml"]()
			return walks{s, &n}, err
		}},
		Steps: []resource.TestStep{
			{
				Config: l.three(good),
				Check: check(func(c tally) bool {
					return c.logins >= 1 && c.logins <= c.walks && c.secrets >= 1 && c.secrets <= c.walks && c.health > 2*c.logins
				}),
			},
			{
				// A refresh alone: three ask, in each walk that asks at all.
				PreConfig:        reset,
				Config:           l.three(good),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				Check: check(func(c tally) bool {
					return c.logins >= 1 && c.logins <= c.walks && c.secrets == c.logins && c.health >= 3*c.logins
				}),
			},
			{
				PreConfig: func() {
					reset()
					l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_health", Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusUnauthorized}})
				},
				Config: l.three(good),
				// One walk has two logins, and no more.
				Check: check(func(c tally) bool { return c.logins >= 2 && c.logins <= c.walks+1 && c.secrets == c.logins-1 }),
			},
			{Config: l.three(bad)},
			{
				// Each of the three needs an answer, and one of them asks for it.
				PreConfig:        reset,
				Config:           l.three(bad),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
				Check:            check(func(c tally) bool { return c.logins >= 1 && c.logins <= c.walks && c.health == 0 }),
			},
		},
	})
}
