package insight_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const cost = "cml_worker_cost"

// prices is a provider block with the price list.
func (l *lab) prices(extra string) string {
	return l.Provider(fmt.Sprintf("endpoints {\n    pricing = %q\n  }\n  %s", l.Endpoint(), extra))
}

// whatIf is a data source on a worker that might be.
func whatIf(arguments string) string {
	return fmt.Sprintf("data %q \"it\" {\n  %s\n}\n", cost, arguments)
}

func money(v float64) knownvalue.Check { return knownvalue.Float64Exact(v) }

func parts(compute, storage, address knownvalue.Check) knownvalue.Check {
	return knownvalue.ObjectExact(map[string]knownvalue.Check{"compute": compute, "storage": storage, "address": address})
}

func TestCost(t *testing.T) {
	l := newLab(t)
	l.AWS.Region(home).AttachVolume(l.id, "/dev/sdf", 100)
	look := func(before func(), arguments string, want map[string]knownvalue.Check) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: l.prices("") + l.data(cost, arguments), ConfigStateChecks: values(cost, want)}
	}
	steps(t,
		// 0.42336 + (64 + 100) × 0.08 / 730 + 0.005; the first hour has begun
		look(nil, "", map[string]knownvalue.Check{
			"region": text(home), "hourly_running": money(0.446333), "hourly_stopped": money(0.017973), "monthly_if_always_on": money(325.82),
			"since_launch_estimate": money(0.45), "currency": text("USD"), "priced_at": text("2026-09-01T00:00:00Z"),
			"breakdown": parts(money(0.42336), money(0.017973), money(0.005)),
		}),
		look(nil, `include = ["storage"]`, map[string]knownvalue.Check{
			"hourly_running": money(0.017973), "hourly_stopped": money(0.017973), "breakdown": parts(null, money(0.017973), null)}),
		look(nil, `include = ["compute"]`, map[string]knownvalue.Check{"hourly_running": money(0.42336), "hourly_stopped": money(0)}),
		// it gets an address again when it runs
		look(l.stop, "", map[string]knownvalue.Check{
			"hourly_running": money(0.446333), "hourly_stopped": money(0.017973), "since_launch_estimate": null, "breakdown": parts(money(0.42336), money(0.017973), money(0.005))}),
		look(nil, `include = ["compute"]`, map[string]knownvalue.Check{"hourly_running": money(0.42336), "hourly_stopped": money(0)}),
		// what may not be read is null, and what a stopped worker costs is known
		look(func() { l.AWS.Deny(aws.DefaultAccountID, "ec2:DescribeNetworkInterfaceAttribute") }, "", map[string]knownvalue.Check{
			"hourly_running": null, "hourly_stopped": money(0.017973), "breakdown": parts(money(0.42336), money(0.017973), null), "currency": text("USD")}),
	)
}

// Whether an address comes with the start is what the interface says, whatever the
// subnet does for others.
func TestCostOfTheAddressToCome(t *testing.T) {
	l := newLab(t)
	l.stop()
	machine, err := l.EC2(home).Find(t.Context(), l.id, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.EC2(home).SetAssociatePublicIP(t.Context(), machine.NetworkInterfaceID, false); err != nil {
		t.Fatal(err)
	}
	unknown := func() {
		l.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeNetworkInterfaceAttribute", Fault: wire.Fault{Kind: wire.Error, Code: "InvalidAction", Status: 400, Message: "not here"}})
	}
	address := func(before func(), want float64) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: l.prices("") + l.data(cost, `include = ["address"]`), ConfigStateChecks: values(cost, map[string]knownvalue.Check{
			"hourly_running": money(want), "hourly_stopped": money(0)})}
	}
	// On a server that does not know the question, the subnet is taken at its word.
	steps(t, address(nil, 0), address(unknown, 0.005))
}

// A worker that might be is priced without asking EC2.
func TestCostWhatIf(t *testing.T) {
	l := newLab(t)
	l.Recorder.Reset()
	look := func(arguments string, want map[string]knownvalue.Check) resource.TestStep {
		return resource.TestStep{Config: l.prices("") + whatIf(arguments), ConfigStateChecks: values(cost, want)}
	}
	steps(t,
		look(`instance_type = "m5zn.metal"`, map[string]knownvalue.Check{
			"region": text(home), "hourly_running": money(3.9691), "hourly_stopped": money(0), "monthly_if_always_on": money(2897.44), "since_launch_estimate": null}),
		look("instance_type = \"m8i.2xlarge\"\n  volume = { size_gib = 100, iops = 4000, throughput = 250 }", map[string]knownvalue.Check{
			"hourly_running": money(0.453018), "hourly_stopped": money(0.024658)}),
		look("instance_type = \"m8i.2xlarge\"\n  region = \"eu-central-1\"\n  include = [\"compute\"]", map[string]knownvalue.Check{
			"region": text("eu-central-1"), "hourly_running": money(0.440294)}),
		look("instance_type = \"m8i.2xlarge\"\n  volume = { type = \"io2\", size_gib = 100, iops = 70000 }\n  include = [\"storage\"]", map[string]knownvalue.Check{
			"hourly_running": money(5.12274)}),
		// What the list does not have is null, and what it has is known.
		look("instance_type = \"m99.large\"\n  volume = { size_gib = 73, type = \"gp2\" }", map[string]knownvalue.Check{
			"hourly_running": null, "hourly_stopped": money(0.01), "monthly_if_always_on": null, "currency": text("USD"), "breakdown": parts(null, money(0.01), money(0.005))}),
		// AWS serves no list there.
		resource.TestStep{Config: "provider \"cml\" { region = \"us-east-1\" }\n" + whatIf("instance_type = \"m8i.2xlarge\"\n  region = \"us-gov-west-1\""),
			ConfigStateChecks: values(cost, map[string]knownvalue.Check{"hourly_running": null, "hourly_stopped": null, "currency": null, "priced_at": null, "breakdown": parts(null, null, null)})},
	)
	if n := l.Recorder.Count("ec2", ""); n > 0 {
		t.Errorf("%d requests to EC2", n)
	}
}

func TestCostOfSpot(t *testing.T) {
	l := newLab(t)
	machine, err := l.EC2(home).Launch(t.Context(), instance.Launch{
		Name: "spot-01", ImageID: aws.SeededID("ami", home, aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"}, Spot: &instance.Spot{},
		SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetB)}, SecurityGroupIDs: []string{aws.SeededID("sg", home, aws.SerialGroupCML)},
		NestedVirtualization: instance.LaunchNestedAuto, Tags: map[string]string{"Name": "spot-01"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.id = machine.ID
	r := l.AWS.Region(home)
	r.SetSpotPrice("m8i.2xlarge", home+"a", "0.1")
	r.SetSpotPrice("m8i.2xlarge", home+"b", "0.25")
	steps(t, resource.TestStep{Config: l.prices("") + l.data(cost, `include = ["compute"]`), ConfigStateChecks: values(cost, map[string]knownvalue.Check{
		"hourly_running": money(0.25), "hourly_stopped": money(0), "currency": text("USD"), "priced_at": set})})
}

// What may not be read is null and never fails.
func TestCostWithoutPermission(t *testing.T) {
	for name, c := range map[string]struct {
		action string
		want   map[string]knownvalue.Check
	}{
		"prices":  {"pricing:GetProducts", map[string]knownvalue.Check{"hourly_running": null, "hourly_stopped": null, "since_launch_estimate": null, "currency": null, "breakdown": parts(null, null, null)}},
		"volumes": {"ec2:DescribeVolumes", map[string]knownvalue.Check{"hourly_running": null, "hourly_stopped": null, "breakdown": parts(money(0.42336), null, money(0.005))}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.AWS.Deny(aws.DefaultAccountID, c.action)
			steps(t, resource.TestStep{Config: l.prices("") + l.data(cost, ""), ConfigStateChecks: values(cost, c.want)})
		})
	}
	t.Run("throttled", func(t *testing.T) {
		l := newLab(t)
		l.Faults.Add(wire.Rule{Service: "pricing", Times: 1, Fault: wire.Fault{Kind: wire.Throttle}})
		steps(t, resource.TestStep{Config: l.prices("") + l.data(cost, ""), ConfigStateChecks: values(cost, map[string]knownvalue.Check{"hourly_running": set})})
	})
	t.Run("no list", func(t *testing.T) {
		l := newLab(t)
		steps(t, resource.TestStep{Config: l.Provider("") + l.data(cost, ""), ConfigStateChecks: values(cost, map[string]knownvalue.Check{"hourly_running": null})})
		if n := l.Recorder.Count("pricing", ""); n > 0 {
			t.Errorf("%d prices of another AWS", n)
		}
	})
}

func TestCostRefuses(t *testing.T) {
	l := newLab(t)
	refused := func(arguments, want string) resource.TestStep {
		return resource.TestStep{Config: l.prices("") + whatIf(arguments), ExpectError: says(want)}
	}
	const worker, kind = "worker_id = \"i-0123456789abcdef0\"\n  ", "instance_type = \"m8i.2xlarge\"\n  "
	steps(t,
		refused("", "Exactly one of these attributes must be configured: [worker_id,instance_type]"),
		refused(worker+kind, "[worker_id,instance_type]"),
		refused(worker+"volume = { size_gib = 10 }", `"instance_type" must be specified`),
		refused(kind+"volume = { type = \"gp9\", size_gib = 10 }", "volume.type"),
		refused(kind+"volume = { type = \"io2\", size_gib = 10 }", "The price of a io2 volume depends on its IOPS"),
		refused(kind+"volume = { type = \"gp2\", size_gib = 10, throughput = 125 }", "has no provisioned throughput"),
		refused(kind+"volume = { size_gib = 0 }", "size_gib"),
		refused(kind+"include = []", "include"),
		refused(kind+"include = [\"licence\"]", "include"),
		resource.TestStep{
			Config:      "resource \"terraform_data\" \"later\" {}\n" + l.prices("controller = { port = length(terraform_data.later.id) }") + whatIf(kind),
			ExpectError: says("The provider's controller.port will be known only after apply"),
		},
	)
}

// The estimate changes once an hour: twice in a row it is the same.
func TestCostIsStable(t *testing.T) {
	l := newLab(t)
	config := l.prices("") + l.data(cost, "") + "output \"it\" { value = data.cml_worker_cost.it }\n"
	var first string
	keep := func(s *terraform.State) error {
		got := fmt.Sprint(s.RootModule().Outputs["it"].Value)
		if first != "" && got != first {
			return fmt.Errorf("got %s, then %s", first, got)
		}
		first = got
		return nil
	}
	steps(t, resource.TestStep{Config: config, Check: keep}, resource.TestStep{Config: config, PlanOnly: true}, resource.TestStep{Config: config, Check: keep})
}
