package automation_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestMain(m *testing.M) { acctest.Main(m) }

func unchanged() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

// says is a text in Terraform's output, wherever its lines are broken.
func says(text string) *regexp.Regexp {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│|]+`))
}

// launched is the id of a worker that runs, and that no Terraform made.
func launched(t *testing.T, w *acctest.World) string {
	t.Helper()
	in, err := w.EC2(home).Launch(context.Background(), instance.Launch{
		ImageID: aws.SeededID("ami", home, aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"},
		SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)},
	}, nil)
	if err == nil {
		_, err = w.EC2(home).WaitRunning(context.Background(), in.ID, in.AccountID, time.Time{}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return in.ID
}
