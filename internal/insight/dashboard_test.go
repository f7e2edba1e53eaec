package insight_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/stub"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/widgets"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const dashboards = "cml_worker_dashboard"

// launch makes another machine.
func (l *lab) launch(name, size string) string {
	l.t.Helper()
	machine, err := l.EC2(home).Launch(l.t.Context(), instance.Launch{
		Name: name, ImageID: aws.SeededID("ami", home, aws.SerialImage290), InstanceTypes: []string{size},
		SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)}, SecurityGroupIDs: []string{aws.SeededID("sg", home, aws.SerialGroupCML)},
		Tags: map[string]string{"Name": name},
	}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return machine.ID
}

// board is the data source over these workers.
func board(arguments string, ids ...string) string {
	return fmt.Sprintf("data %q \"it\" {\n  worker_ids = [\"%s\"]\n  %s\n}\n", dashboards, strings.Join(ids, `", "`), arguments)
}

// body checks a body and hands its widgets by title to a test.
func body(check func(map[string]widgets.Widget) error) knownvalue.Check {
	return knownvalue.StringFunc(func(text string) error {
		all, err := widgets.Check(text)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, text)
		}
		byTitle := map[string]widgets.Widget{}
		for _, w := range all {
			byTitle[w.Title] = w
		}
		return check(byTitle)
	})
}

// labels of a graph's lines.
func labels(w widgets.Widget) (out []string) {
	for _, m := range w.Metrics {
		if !m.Hidden {
			out = append(out, m.Label)
		}
	}
	return out
}

func TestDashboard(t *testing.T) {
	l := newLab(t)
	metal, burstable := l.launch("lab-metal", "m5zn.metal"), l.launch("lab-small", "t3.large")
	found, err := l.EC2(home).Find(t.Context(), metal, "")
	if err != nil || len(found.Volumes) != 1 {
		t.Fatalf("%v, %+v", err, found)
	}
	l.Recorder.Reset()
	look := func(arguments string, check func(map[string]widgets.Widget) error, ids ...string) resource.TestStep {
		return resource.TestStep{Config: l.Provider("") + board(arguments, ids...), ConfigStateChecks: values(dashboards, want{"body": body(check), "region": text(home)})}
	}
	titles := func(all ...string) func(map[string]widgets.Widget) error {
		return func(got map[string]widgets.Widget) error {
			for _, title := range append(all, "") {
				if _, there := got[title]; !there {
					return fmt.Errorf("no widget %q", title)
				}
			}
			if len(got) != len(all)+1 {
				return fmt.Errorf("%d widgets, want %d", len(got), len(all)+1)
			}
			return nil
		}
	}
	everything := func(got map[string]widgets.Widget) error {
		if all := labels(got["CPU"]); !slices.Equal(all, []string{"lab-01", "lab-metal", "lab-small"}) {
			return fmt.Errorf("lines %v", all)
		}
		if all := labels(got["CPU credits"]); !slices.Equal(all, []string{"lab-small"}) {
			return fmt.Errorf("credits of %v", all)
		}
		var disks []string
		for _, m := range got["EBS written"].Metrics {
			for _, id := range m.Dimensions {
				disks = append(disks, m.Namespace+" "+id)
			}
		}
		if !slices.Equal(disks, []string{"AWS/EC2 " + l.id, "AWS/EBS " + found.Volumes[0].VolumeID, "AWS/EC2 " + burstable}) {
			return fmt.Errorf("disks %v", disks)
		}
		if a := got["Idle for"].Annotations; len(a) != 1 || a[0].Value != 30 {
			return fmt.Errorf("annotations %v", a)
		}
		if !strings.Contains(got[""].Markdown, "# CML workers\n") || !strings.Contains(got[""].Markdown, "| lab-metal | "+metal+" | m5zn.metal | us-east-1 |") {
			return fmt.Errorf("text %s", got[""].Markdown)
		}
		return nil
	}
	unchanged := look("", everything, burstable, l.id, metal)
	unchanged.PreConfig = l.stop
	unchanged.Config += "resource \"terraform_data\" \"board\" {\n  input = data.cml_worker_dashboard.it.body\n}\n"
	first := unchanged
	first.PreConfig = nil
	unchanged.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	fixed := look("metrics = [\"cml\"]\n  annotate = []\n  period = \"1m\"\n  lookback = \"90m\"", func(got map[string]widgets.Widget) error {
		if g := got["Idle for"]; len(g.Annotations) != 0 || g.Period != 60 {
			return fmt.Errorf("got %+v", g)
		}
		return nil
	}, l.id)
	fixed.ConfigStateChecks = append(fixed.ConfigStateChecks, value(dashboards, tfjsonpath.New("body"),
		knownvalue.StringRegexp(regexp.MustCompile(`^{"start":"-PT90M","periodOverride":"inherit",`))))
	steps(t,
		first,
		unchanged, // though one of them was stopped meanwhile, and the order is another
		look(`metrics = ["status", "cpu"]`, titles("CPU", "Failed status checks"), l.id),
		look("metrics = [\"credits\", \"cml\"]\n  idle_threshold = \"2h\"\n  title = \"Class of 2027\"", func(got map[string]widgets.Widget) error {
			if a := got["Idle for"].Annotations; len(a) != 1 || a[0].Value != 120 || !strings.Contains(got[""].Markdown, "# Class of 2027\n") {
				return fmt.Errorf("annotations %v", a)
			}
			return titles("Idle for", "Running nodes", "Started labs", "Memory", "Disk of CML")(got)
		}, l.id),
		fixed,
		resource.TestStep{
			// A fleet of which nothing is left.
			Config: l.Provider("") + "data \"cml_worker_dashboard\" \"it\" {\n  worker_ids = []\n  annotate = [\"idle\", \"cost\"]\n}\n",
			ConfigStateChecks: []statecheck.StateCheck{value(dashboards, tfjsonpath.New("region"), knownvalue.StringExact(home)), value(dashboards, tfjsonpath.New("body"), body(func(got map[string]widgets.Widget) error {
				if len(got) != 1 || !strings.Contains(got[""].Markdown, "No workers.") {
					return fmt.Errorf("got %+v", got)
				}
				return nil
			}))},
		},
	)
	for _, r := range l.Recorder.All() {
		switch r.Operation {
		case "DescribeInstances", "DescribeInstanceTypes", "GetCallerIdentity", "StopInstances":
		default:
			t.Errorf("asked %s %s", r.Service, r.Operation)
		}
	}
}

// The example, applied: CloudWatch gets a body that it takes, and the same one
// again.
func TestDashboardExample(t *testing.T) {
	l := newLab(t)
	example, err := os.ReadFile("../../examples/data-sources/cml_worker_dashboard/data-source.tf")
	if err != nil {
		t.Fatal(err)
	}
	factories := acctest.Factories()
	factories["aws"] = stub.AWS().Factory()
	step := resource.TestStep{
		Config: l.Provider("") + string(example), ConfigVariables: config.Variables{"worker_ids": config.SetVariable(config.StringVariable(l.id))},
		ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue("aws_cloudwatch_dashboard.labs", tfjsonpath.New("dashboard_body"),
			body(func(got map[string]widgets.Widget) error {
				if all := labels(got["Idle for"]); !slices.Equal(all, []string{"lab-01"}) {
					return fmt.Errorf("lines %v", all)
				}
				return nil
			}))},
	}
	again := step
	again.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: []resource.TestStep{step, again}})
}

func TestDashboardCost(t *testing.T) {
	l := newLab(t)
	metal := l.launch("lab-metal", "m5zn.metal")
	provider := l.Provider(fmt.Sprintf("endpoints {\n  pricing = %q\n}", l.Endpoint()))
	costs := func(check func(map[string]widgets.Widget) error, ids ...string) resource.TestStep {
		return resource.TestStep{
			Config:            provider + board(`annotate = ["cost"]`, ids...) + "resource \"terraform_data\" \"board\" {\n  input = data.cml_worker_dashboard.it.body\n}\n",
			ConfigStateChecks: values(dashboards, want{"body": body(check)}),
		}
	}
	priced := func(got map[string]widgets.Widget) error {
		g := got["Cost per hour"]
		if all := labels(g); !slices.Equal(all, []string{"lab-01", "lab-metal"}) || len(g.Annotations) != 1 || g.Annotations[0].Value < 4.38 || g.Annotations[0].Value > 4.5 {
			return fmt.Errorf("lines %v, annotations %+v", all, g.Annotations)
		}
		if len(got["Idle for"].Annotations) != 0 || !strings.Contains(got[""].Markdown, "| Running, USD/h | Stopped, USD/h |") {
			return fmt.Errorf("got %+v", got[""])
		}
		return nil
	}
	none := func(got map[string]widgets.Widget) error {
		if g := got["Cost per hour"]; g.Type != "" || strings.Contains(got[""].Markdown, "USD") {
			return fmt.Errorf("got %+v", g)
		}
		return nil
	}
	first := costs(priced, l.id, metal)
	stopped := first // costs the same, though its address is gone
	stopped.PreConfig = l.stop
	stopped.ConfigPlanChecks.PreApply = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	denied := costs(none, l.id)
	denied.PreConfig = func() { l.AWS.Deny(aws.DefaultAccountID, "pricing:GetProducts") }
	steps(t, first, stopped, denied)
}

// Nobody asks for types where none matters; and where EC2 does not tell them,
// their names do, with a warning.
func TestDashboardTypes(t *testing.T) {
	l := newLab(t)
	metal := l.launch("lab-metal", "m5zn.metal")
	l.Recorder.Reset()
	cpu := resource.TestStep{Config: l.Provider("") + board("metrics = [\"cpu\", \"network\", \"status\", \"cml\"]", l.id)}
	cpu.ConfigStateChecks = values(dashboards, want{"body": set})
	denied := resource.TestStep{
		PreConfig: func() {
			if n := l.Recorder.Count("ec2", "DescribeInstanceTypes"); n != 0 {
				t.Errorf("%d DescribeInstanceTypes", n)
			}
			l.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstanceTypes", Fault: wire.Fault{
				Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
		},
		Config: l.Provider("") + board(`metrics = ["ebs"]`, metal),
		ConfigStateChecks: values(dashboards, want{"body": body(func(got map[string]widgets.Widget) error {
			if ns := got["EBS read"].Metrics[0].Namespace; ns != "AWS/EBS" {
				return fmt.Errorf("disks of a bare metal worker in %s", ns)
			}
			return nil
		})}),
	}
	steps(t, cpu, denied)
}

func TestDashboardRefuses(t *testing.T) {
	l := newLab(t)
	refuse := func(config, text string) resource.TestStep {
		return resource.TestStep{Config: l.Provider("") + config, ExpectError: says(text)}
	}
	const absent = "i-0123456789abcdef0"
	steps(t,
		refuse(board("", l.id, absent), "CML worker not found"),
		refuse(board("", absent), absent),
		refuse(board("region = \"us-west-2\"", l.id), "CML worker not found"),
		refuse(board("", "lab-01"), "worker_ids"),
		refuse(board(`metrics = ["memory"]`, l.id), "metrics"),
		refuse(board(`annotate = ["price"]`, l.id), "annotate"),
		refuse(board("annotate = [\"idle\"]\n  metrics = [\"cpu\"]", l.id), "Nothing to annotate"),
		refuse(board(`period = "90s"`, l.id), "CloudWatch takes whole minutes, and period is 1m30s"),
		refuse(board(`lookback = "1m"`, l.id), "lookback"),
		resource.TestStep{
			Config:      "resource \"terraform_data\" \"later\" {}\n" + l.Provider("controller = { port = length(terraform_data.later.id) }") + board("", l.id),
			ExpectError: says("The provider's controller.port will be known only after apply"),
		},
		resource.TestStep{
			PreConfig:   func() { l.AWS.Region(home).TerminateOutside(l.id) },
			Config:      l.Provider("") + board("", l.id),
			ExpectError: says("CML worker not found"),
		},
	)
}
