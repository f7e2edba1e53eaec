package worker_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	region = "us-east-1"
	lab    = "cml_worker.lab"
)

var (
	image    = aws.SeededID("ami", region, aws.SerialImage290)
	newImage = aws.SeededID("ami", region, aws.SerialImage291)
	subnetA  = aws.SeededID("subnet", region, aws.SerialSubnetA)
	subnetB  = aws.SeededID("subnet", region, aws.SerialSubnetB)
	private  = aws.SeededID("subnet", region, aws.SerialSubnetPrivate)
	groupID  = aws.SeededID("sg", region, aws.SerialGroupCML)
	groupTwo = aws.SeededID("sg", region, aws.SerialGroupClosed)
)

// args are the arguments of the worker of a test, over those of the smallest
// one; "" removes an argument.
type args map[string]string

// config is a provider block and the worker "lab".
func config(w *acctest.World, a args) string {
	return w.Provider(w.Controller(false)) + worker(a)
}

func worker(a args) string {
	body := args{
		"name": `"lab-01"`, "ami_id": fmt.Sprintf("%q", image), "instance_type": `"m8i.2xlarge"`,
		"subnet_ids": fmt.Sprintf("[%q]", subnetA), "security_group_ids": fmt.Sprintf("[%q]", groupID),
	}
	for k, v := range a {
		body[k] = v
	}
	var b strings.Builder
	b.WriteString("\nresource \"cml_worker\" \"lab\" {\n")
	for k, v := range body {
		switch {
		case v == "":
		case k == "timeouts":
			fmt.Fprintf(&b, "  %s %s\n", k, v)
		default:
			fmt.Fprintf(&b, "  %s = %s\n", k, v)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func value(attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(lab, tfjsonpath.New(attribute), check)
}

func exactly(attribute, want string) statecheck.StateCheck {
	return value(attribute, knownvalue.StringExact(want))
}

func planned(action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: append([]plancheck.PlanCheck{plancheck.ExpectResourceAction(lab, action)}, more...)}
}

func unchanged() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

func unknown(attribute string) plancheck.PlanCheck {
	return plancheck.ExpectUnknownValue(lab, tfjsonpath.New(attribute))
}

func knownAs(attribute string, check knownvalue.Check) plancheck.PlanCheck {
	return plancheck.ExpectKnownValue(lab, tfjsonpath.New(attribute), check)
}

// changes counts the calls that change something, since the last reset.
func changes(w *acctest.World) map[string]int {
	out := map[string]int{}
	for _, r := range w.Recorder.All() {
		reads := strings.HasPrefix(r.Operation, "Describe") || strings.HasPrefix(r.Operation, "Get")
		if r.Service == "ec2" && !reads {
			out[r.Operation]++
		}
	}
	return out
}

// calls asserts the changing calls made since the last reset: these, so often,
// and no others.
func calls(w *acctest.World, want map[string]int) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := changes(w); fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("changing calls: got %v, want %v", got, want)
		}
		return nil
	}
}

// reset forgets the requests so far, and proves that there were some.
func reset(t *testing.T, w *acctest.World) func() {
	return func() {
		t.Helper()
		if len(w.Recorder.All()) == 0 {
			t.Fatal("the recorder saw no request at all")
		}
		w.Recorder.Reset()
	}
}

// only returns the one live instance of the world.
func only(t *testing.T, w *acctest.World) aws.Instance {
	t.Helper()
	var live []aws.Instance
	for _, i := range w.AWS.Region(region).Instances() {
		if i.State != "terminated" && i.State != "shutting-down" {
			live = append(live, i)
		}
	}
	if len(live) != 1 {
		t.Fatalf("%d live instances, want 1", len(live))
	}
	return live[0]
}

// launches returns the RunInstances requests.
func launches(w *acctest.World) []wire.Record {
	return w.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "RunInstances" })
}

func says(text string) *regexp.Regexp {
	// Terraform wraps its messages, so any white space may stand for a blank,
	// with the bar of the frame between.
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│|]+`))
}

func seeded(prefix string, serial int) string { return aws.SeededID(prefix, region, serial) }

const hour = time.Hour

// pause is a moment between two looks at the simulator.
func pause() { time.Sleep(10 * time.Millisecond) }
