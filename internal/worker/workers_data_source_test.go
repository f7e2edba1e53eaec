package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	fleet = "data.cml_workers.fleet"
	west  = "us-west-2"
	both  = `regions = ["us-west-2", "us-east-1"]`
)

// park is two regions with machines that somebody else launched.
type park struct {
	*acctest.World
	t *testing.T
}

func newPark(t *testing.T, change ...func(*simulator.Options)) *park {
	return &park{World: acctest.NewWorld(t, change...), t: t}
}

// launch runs a machine of a region's image and waits until its CML is ready.
func (p *park) launch(in, name string, serial int, kind string, tags map[string]string) string {
	p.t.Helper()
	all := map[string]string{"Name": name}
	for k, v := range tags {
		all[k] = v
	}
	machine, err := p.EC2(in).Launch(p.t.Context(), instance.Launch{
		Name: name, ImageID: aws.SeededID("ami", in, serial), InstanceTypes: []string{kind},
		SubnetIDs: []string{aws.SeededID("subnet", in, aws.SerialSubnetA)}, Tags: all,
		NestedVirtualization: instance.LaunchNestedAuto,
	}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	want := cml.Ready
	if strings.HasPrefix(kind, "c5.") {
		want = cml.NotReady // CML starts no node without virtualisation
	}
	p.until(name+" to be "+string(want), func() bool { return p.CML.Machine(machine.ID).Phase() == want })
	return machine.ID
}

func (p *park) until(what string, ok func() bool) {
	p.t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		pause()
	}
	p.t.Fatalf("waited in vain for %s", what)
}

func (p *park) stop(in, id string) {
	p.t.Helper()
	p.AWS.Region(in).StopOutside(id)
	p.until(id+" to be stopped", func() bool {
		i, _ := p.AWS.Region(in).Instance(id)
		return i.State == "stopped"
	})
}

func (p *park) config(arguments string) string {
	return p.Provider(p.Controller(false)) + fmt.Sprintf("data \"cml_workers\" \"fleet\" {\n  %s\n}\n", arguments)
}

func (p *park) look(arguments string, checks ...statecheck.StateCheck) resource.TestStep {
	return resource.TestStep{Config: p.config(arguments), ConfigStateChecks: checks}
}

func ids(attribute string, want ...string) statecheck.StateCheck {
	checks := make([]knownvalue.Check, len(want))
	for i, id := range want {
		checks[i] = knownvalue.StringExact(id)
	}
	return statecheck.ExpectKnownValue(fleet, tfjsonpath.New(attribute), knownvalue.ListExact(checks))
}

// sorted is the order of EC2's own ids within a region.
func sorted(a, b string) (string, string) {
	if a > b {
		return b, a
	}
	return a, b
}

func TestWorkersFilters(t *testing.T) {
	p := newPark(t)
	managed := map[string]string{"cml:managed-by": "terraform-provider-cml", "cml:port": fmt.Sprint(p.Port()), "Owner": "netops", "Stage": "prod"}
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", managed)
	two := p.launch(region, "two", aws.SerialImage291, "c5.2xlarge", map[string]string{"Owner": "netops"})
	far := p.launch(west, "far", aws.SerialImage290, "m8i.2xlarge", nil)
	over := p.launch(region, "over", aws.SerialImage290, "m8i.2xlarge", nil)
	p.AWS.Region(region).TerminateOutside(over)
	p.stop(region, two)
	a, b := sorted(one, two)

	member := func(i int, attribute string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(fleet, tfjsonpath.New("workers").AtSliceIndex(i).AtMapKey(attribute), check)
	}
	null, text := knownvalue.Null(), knownvalue.StringExact
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		p.look("", ids("ids", a, b), ids("failed_regions"),
			statecheck.ExpectKnownValue(fleet, tfjsonpath.New("regions"), knownvalue.SetExact([]knownvalue.Check{text(region)})),
			// without known ids nobody can be unknown or missing
			statecheck.ExpectKnownValue(fleet, tfjsonpath.New("unknown_workers"), null),
			statecheck.ExpectKnownValue(fleet, tfjsonpath.New("missing_ids"), null)),
		p.look(both, ids("ids", a, b, far)),
		p.look(both+"\n  states = [\"running\"]", ids("ids", one, far)),
		p.look(both+"\n  states = [\"stopped\"]", ids("ids", two),
			member(0, "instance_state", text("stopped")), member(0, "service_status", text("unavailable")), member(0, "cml_ready", knownvalue.Bool(false)),
			member(0, "address", null), member(0, "url", null), member(0, "managed", knownvalue.Bool(false))),
		p.look(both+"\n  instance_types = [\"c5.2xlarge\", \"c5.4xlarge\"]", ids("ids", two)),
		p.look(both+"\n  tags = { Owner = \"netops\", Stage = \"prod\" }", ids("ids", one)),
		p.look(fmt.Sprintf("%s\n  ami_id = %q", both, aws.SeededID("ami", region, aws.SerialImage291)), ids("ids", two)),
		p.look(both+"\n  ami_name_pattern = \"CML-2.9.0*\"", ids("ids", one, far)),
		p.look(both+"\n  ami_name_pattern = \"CML-2.9.?-*\"\n  ami_owners = [\"self\"]", ids("ids", a, b, far)),
		p.look(both+"\n  ami_name_pattern = \"CML-2.9.*\"\n  ami_owners = [\"999999999999\"]", ids("ids")),
		p.look(both+"\n  ami_name_pattern = \"ML-2*\"", ids("ids")),
		p.look(both+"\n  managed_only = true", ids("ids", one),
			member(0, "region", text(region)), member(0, "name", text("one")), member(0, "status", text("running")),
			member(0, "account_id", text(aws.DefaultAccountID)), member(0, "instance_type", text("m8i.2xlarge")),
			member(0, "ami_id", text(image)), member(0, "ami_name", text("CML-2.9.0-Ubuntu-24.04")),
			member(0, "public_ip", knownvalue.NotNull()), member(0, "private_ip", knownvalue.NotNull()), member(0, "launch_time", knownvalue.NotNull()),
			member(0, "managed", knownvalue.Bool(true)), member(0, "tags", knownvalue.MapExact(map[string]knownvalue.Check{"Owner": text("netops"), "Stage": text("prod")})),
			// nobody asked CML
			member(0, "service_status", text("unknown")), member(0, "cml_version", null), member(0, "cml_ready", null)),
	}})
	for _, r := range p.Recorder.All() {
		if r.Service == "cml" {
			t.Errorf("CML was asked without probe: %s", r.Operation)
		}
	}
}

func TestWorkersProbe(t *testing.T) {
	p := newPark(t)
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", nil)
	two := p.launch(region, "two", aws.SerialImage290, "m8i.2xlarge", nil)
	if err := p.CML.Machine(two).HoldPhase(cml.Refused); err != nil {
		t.Fatal(err)
	}
	of := func(id, attribute string, check knownvalue.Check) statecheck.StateCheck {
		index := 0
		if first, _ := sorted(one, two); first != id {
			index = 1
		}
		return statecheck.ExpectKnownValue(fleet, tfjsonpath.New("workers").AtSliceIndex(index).AtMapKey(attribute), check)
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		p.look("probe = true",
			of(one, "service_status", knownvalue.StringExact("available")), of(one, "cml_version", knownvalue.StringRegexp(says("2.9.0"))), of(one, "cml_ready", knownvalue.Bool(true)),
			of(two, "service_status", knownvalue.StringExact("unavailable")), of(two, "cml_version", knownvalue.Null()), of(two, "cml_ready", knownvalue.Null())),
	}})
}

// Every page is read.
func TestWorkersPages(t *testing.T) {
	p := newPark(t, func(o *simulator.Options) { o.AWS.PageSize = 1 })
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", nil)
	two := p.launch(region, "two", aws.SerialImage290, "m8i.2xlarge", nil)
	a, b := sorted(one, two)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{p.look("", ids("ids", a, b))}})
}

func TestWorkersOrphans(t *testing.T) {
	p := newPark(t)
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", nil)
	far := p.launch(west, "far", aws.SerialImage290, "m8i.2xlarge", nil)
	ended := p.launch(region, "ended", aws.SerialImage290, "m8i.2xlarge", nil)
	forgotten := p.launch(region, "forgotten", aws.SerialImage290, "m8i.2xlarge", nil)
	p.AWS.Region(region).TerminateOutside(ended)
	p.AWS.Region(region).Forget(forgotten)
	a, b := sorted(ended, forgotten)
	known := func(more string, all ...string) string {
		return fmt.Sprintf("%s\n  known_worker_ids = %s", more, hclList(all))
	}
	unknown := func(want ...string) statecheck.StateCheck {
		checks := make([]knownvalue.Check, len(want))
		for i, id := range want {
			checks[i] = knownvalue.ObjectPartial(map[string]knownvalue.Check{"id": knownvalue.StringExact(id)})
		}
		return statecheck.ExpectKnownValue(fleet, tfjsonpath.New("unknown_workers"), knownvalue.ListExact(checks))
	}
	alone := func(id string) int {
		return len(p.Recorder.Filter(func(r wire.Record) bool {
			return r.Operation == "DescribeInstances" && r.Params.Get("InstanceId.1") == id
		}))
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		p.look(known(both), ids("missing_ids"), unknown(one, far)), // an empty set knows none
		p.look(known(both, one, ended, forgotten), ids("missing_ids", a, b), ids("undetermined_ids"), unknown(far)),
		// what only does not fit the filters is not missing
		p.look(known(both+"\n  states = [\"stopped\"]", one, far), ids("missing_ids"), ids("ids"), unknown()),
		p.look(known(both+"\n  account_id = \""+aws.DefaultAccountID+"\"", forgotten), ids("missing_ids", forgotten)),
		{
			Config:      p.config(known(both+"\n  account_id = \"999999999999\"", forgotten)),
			ExpectError: says("not visible with these credentials"),
		},
	}})
	if alone(forgotten) == 0 {
		t.Error("an absent id was not asked for a second time, alone")
	}
	if alone(one) != 0 {
		t.Error("an id that is there was asked for alone")
	}
}

func hclList(all []string) string {
	text := "["
	for i, s := range all {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", s)
	}
	return text + "]"
}

// A region that fails is not an empty one.
func TestWorkersFailedRegion(t *testing.T) {
	p := newPark(t)
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", nil)
	far := p.launch(west, "far", aws.SerialImage290, "m8i.2xlarge", nil)
	deny := func(in string) {
		p.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstances", Match: map[string]string{"Region": in}, Fault: wire.Fault{
			Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
	}
	deny(west)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		p.look(fmt.Sprintf("%s\n  known_worker_ids = %s", both, hclList([]string{one, far})),
			ids("ids", one), ids("failed_regions", west), ids("missing_ids"), ids("undetermined_ids", far)),
		{PreConfig: func() { deny(region) }, Config: p.config(both), ExpectError: says("Unable to look up CML workers")},
	}})
}

// A region that answers once and not again keeps what it told: its workers are
// known, and of those that it did not show nobody knows whether they are gone.
func TestWorkersUnsureRegion(t *testing.T) {
	p := newPark(t)
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", nil)
	far := p.launch(west, "far", aws.SerialImage290, "m8i.2xlarge", nil)
	ended := p.launch(west, "ended", aws.SerialImage290, "m8i.2xlarge", nil)
	p.AWS.Region(west).Forget(ended)
	p.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstances", Match: map[string]string{"Region": west, "Filter.2.Name": "instance-id"}, Fault: wire.Fault{
		Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		p.look(fmt.Sprintf("%s\n  known_worker_ids = %s", both, hclList([]string{one, far, ended})),
			ids("ids", one, far), ids("failed_regions"), ids("missing_ids"), ids("undetermined_ids", ended)),
		{
			PreConfig: func() { p.Faults.Clear() },
			Config:    p.config(fmt.Sprintf("%s\n  known_worker_ids = %s", both, hclList([]string{one, far, ended}))), ConfigStateChecks: []statecheck.StateCheck{
				ids("ids", one, far), ids("missing_ids", ended), ids("undetermined_ids")},
		},
	}})
}

// Gone is what was asked for twice; what the second question fails for is not. And
// whatever is not known is told, once.
func TestWorkersWarns(t *testing.T) {
	p := newPark(t)
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", nil)
	ended := p.launch(west, "ended", aws.SerialImage290, "m8i.2xlarge", nil)
	p.AWS.Region(west).Forget(ended)
	refused := wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}
	for name, c := range map[string]struct {
		rule                  wire.Rule
		warns                 string
		missing, undetermined []string
	}{
		"all read":      {wire.Rule{Service: "ec2", Operation: "Nothing", Fault: refused}, "", []string{ended}, nil},
		"second answer": {wire.Rule{Service: "ec2", Operation: "DescribeInstances", Match: map[string]string{"InstanceId.1": ended}, Fault: refused}, "", nil, []string{ended}},
		"region":        {wire.Rule{Service: "ec2", Operation: "DescribeInstances", Match: map[string]string{"Region": west}, Fault: refused}, "[region_failed]", nil, []string{ended}},
		"images":        {wire.Rule{Service: "ec2", Operation: "DescribeImages", Fault: refused}, "[not_readable]", []string{ended}, nil},
	} {
		p.Faults.Clear()
		p.Faults.Add(c.rule)
		server := protocol.Serve(t, p.World, nil)
		state, diags := server.Look("cml_workers", object{"regions": []any{region, west}, "known_worker_ids": []any{one, ended}})
		server.Good(diags)
		if want := min(1, len(c.warns)); len(diags) != want || want > 0 && !protocol.Has(diags, protocol.Warning, c.warns) {
			t.Errorf("%s: want %d warning %s:\n%s", name, want, c.warns, protocol.Show(diags))
		}
		for attribute, want := range map[string][]string{"missing_ids": c.missing, "undetermined_ids": c.undetermined} {
			if got := protocol.Text(t, state, attribute); strings.Contains(got, ended) != (len(want) > 0) {
				t.Errorf("%s: %s is %s, want %v", name, attribute, got, want)
			}
		}
	}
}

// The names of images are of use, but not needed, unless a filter names them.
func TestWorkersWithoutImages(t *testing.T) {
	p := newPark(t)
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", nil)
	p.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeImages", Fault: wire.Fault{
		Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		p.look("", ids("ids", one), statecheck.ExpectKnownValue(fleet, tfjsonpath.New("workers").AtSliceIndex(0).AtMapKey("ami_name"), knownvalue.Null())),
		{Config: p.config(`ami_name_pattern = "CML-*"`), ExpectError: says("ec2:DescribeImages")},
	}})
}

func TestWorkersRefuses(t *testing.T) {
	w := acctest.NewWorld(t)
	refuse := func(arguments, want string) resource.TestStep {
		return resource.TestStep{Config: (&park{World: w, t: t}).config(arguments), ExpectError: says(want)}
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		refuse(`regions = []`, "regions"),
		refuse(`regions = ["us-east-1a"]`, "is an availability zone"),
		refuse(`states = ["terminated"]`, "states"),
		refuse("ami_id = \""+image+"\"\n  ami_name_pattern = \"*\"", "ami_name_pattern"),
		refuse(`ami_owners = ["self"]`, "ami_name_pattern"),
		refuse(`account_id = "123456789012"`, "known_worker_ids"),
		refuse(`known_worker_ids = ["lab-01"]`, "known_worker_ids"),
		{
			Config:      w.Provider("managed_tags = { enabled = false }") + "data \"cml_workers\" \"fleet\" { managed_only = true }\n",
			ExpectError: says("Managed tags are off"),
		},
		{
			Config:      "resource \"terraform_data\" \"later\" {}\n" + w.Provider("controller = { port = length(terraform_data.later.id) }") + "data \"cml_workers\" \"fleet\" {}\n",
			ExpectError: says("The provider's controller.port will be known only after apply"),
		},
	}})
	if n := len(w.Recorder.All()); n > 0 {
		t.Errorf("%d requests for what cannot be right", n)
	}
}
