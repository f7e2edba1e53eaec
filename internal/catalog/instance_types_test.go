package catalog_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const kinds = "cml_instance_types"

// small pages prove that all of them are read.
func small(o *simulator.Options) { o.AWS.PageSize = 3 }

func TestInstanceTypes(t *testing.T) {
	w := acctest.NewWorld(t, small)
	r := w.AWS.Region(home)
	r.AddInstanceType(aws.InstanceType{Name: "r8i.12xlarge", VCPUs: 48, ThreadsPerCore: 2, MemoryMiB: 192 << 10, Architecture: "x86_64", NestedVirtualization: true})
	r.AddInstanceType(aws.InstanceType{Name: "m7g.metal", VCPUs: 64, ThreadsPerCore: 1, MemoryMiB: 256 << 10, Architecture: "arm64", BareMetal: true})
	r.AddInstanceType(aws.InstanceType{Name: "mac1.metal", VCPUs: 12, ThreadsPerCore: 2, MemoryMiB: 32 << 10, Architecture: "x86_64_mac", BareMetal: true})
	r.RemoveOffering("r8i.4xlarge", home+"a")
	for _, zone := range []string{"a", "b", "c", "d", "e", "f"} {
		r.RemoveOffering("c8i.2xlarge", home+zone)
	}
	entry := func(name string, vcpus int64, memory float64, virtualization string, zones ...string) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"name": knownvalue.StringExact(name), "vcpus": knownvalue.Int64Exact(vcpus), "memory_gib": knownvalue.Float64Exact(memory),
			"virtualization": knownvalue.StringExact(virtualization), "hourly_price": knownvalue.Null(), "zones": names(zones...),
		})
	}
	fits := func(arguments string, want ...string) resource.TestStep {
		return look(w, kinds, arguments, value(kinds, "names", names(want...)))
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		// What no zone offers (c8i.2xlarge), what cannot virtualise and what is not
		// x86_64 is left out.
		fits("", "m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "r8i.12xlarge", "m5zn.metal"),
		fits(`order_by = "size"`, "m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "r8i.12xlarge", "m5zn.metal"),
		look(w, kinds, "min_vcpus = 16\n  virtualization = [\"nested\", \"metal\"]\n  min_memory_gib = 100",
			exactly(kinds, "region", home),
			value(kinds, "names", names("r8i.4xlarge", "r8i.12xlarge", "m5zn.metal")),
			value(kinds, "types", knownvalue.ListExact([]knownvalue.Check{
				entry("r8i.4xlarge", 16, 128, "nested", home+"b", home+"c"),
				entry("r8i.12xlarge", 48, 192, "nested", home+"a", home+"b", home+"c"),
				entry("m5zn.metal", 48, 192, "metal", home+"a", home+"b", home+"c"),
			}))),
		fits(`virtualization = ["metal"]`, "m5zn.metal"),
		fits("virtualization = [\"nested\"]\n  min_vcpus = 16", "m8i.4xlarge", "r8i.4xlarge", "r8i.12xlarge"),
		fits("min_vcpus = 16\n  headroom_percent = 20", "r8i.12xlarge", "m5zn.metal"),
		fits("min_vcpus = 40\n  headroom_percent = 20", "r8i.12xlarge", "m5zn.metal"), // exactly 48
		fits("min_memory_gib = 110\n  headroom_percent = 20", "r8i.12xlarge", "m5zn.metal"),
		fits(`max_nodes = 48`, "m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "r8i.12xlarge", "m5zn.metal"), // 8 + 24 GiB
		fits(`max_nodes = 49`, "m8i.4xlarge", "r8i.4xlarge", "r8i.12xlarge", "m5zn.metal"),
		fits("max_nodes = 10\n  node_memory_mib = 10240", "r8i.4xlarge", "r8i.12xlarge", "m5zn.metal"),                                 // 108 GiB
		fits("max_nodes = 10\n  node_memory_mib = 10240\n  headroom_percent = 20\n  min_memory_gib = 8", "r8i.12xlarge", "m5zn.metal"), // 129.6 GiB
		fits(`min_memory_gib = 63.5`, "m8i.4xlarge", "r8i.4xlarge", "r8i.12xlarge", "m5zn.metal"),
		look(w, kinds, `min_vcpus = 96`, value(kinds, "names", knownvalue.ListSizeExact(0)), value(kinds, "types", knownvalue.ListSizeExact(0))),
		look(w, kinds, `region = "us-west-2"`, exactly(kinds, "region", "us-west-2"),
			value(kinds, "names", names("c8i.2xlarge", "m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "m5zn.metal"))),
	}})
}

// What EC2 does not say of a type is null, and nobody takes it for the smallest.
func TestInstanceTypesWithoutNumbers(t *testing.T) {
	w := acctest.NewWorld(t)
	const metal = `<bareMetal>true</bareMetal><processorInfo><supportedArchitectures><item>x86_64</item></supportedArchitectures></processorInfo>`
	w.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstanceTypes", Fault: wire.Fault{Kind: wire.Garbage, ContentType: "text/xml", Body: `<DescribeInstanceTypesResponse><instanceTypeSet>` +
		`<item><instanceType>m8i.2xlarge</instanceType>` + metal + `</item><item><instanceType>m5zn.metal</instanceType>` + metal +
		`<vCpuInfo><defaultVCpus>48</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>196608</sizeInMiB></memoryInfo></item></instanceTypeSet></DescribeInstanceTypesResponse>`}})
	of := func(n int, name string) tfjsonpath.Path {
		return tfjsonpath.New("types").AtSliceIndex(n).AtMapKey(name)
	}
	null := func(name string) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data."+kinds+".it", of(1, name), knownvalue.Null())
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		look(w, kinds, "", value(kinds, "names", names("m5zn.metal", "m8i.2xlarge")), null("vcpus"), null("memory_gib")),
		look(w, kinds, "min_vcpus = 1", value(kinds, "names", names("m5zn.metal"))),
	}})
}

// The result is made for instance_types of a worker.
func TestInstanceTypesFeedAWorker(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: w.Provider("") + data(kinds, "min_vcpus = 8\n  virtualization = [\"nested\"]") + data(ami, `name_pattern = "CML-2.9.*"`) + `
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = data.cml_ami.it.id
  instance_types     = data.cml_instance_types.it.names
  subnet_ids         = ["` + aws.SeededID("subnet", home, aws.SerialSubnetA) + `"]
  security_group_ids = ["` + aws.SeededID("sg", home, aws.SerialGroupCML) + `"]
  readiness          = { until = "running" }
}`,
		Check: resource.TestCheckResourceAttr("cml_worker.lab", "instance_type", "c8i.2xlarge"),
	}}})
}

func TestInstanceTypesRefuses(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		refuse(w, kinds, `min_vcpus = 0`, "min_vcpus"),
		refuse(w, kinds, `min_memory_gib = -1`, "min_memory_gib"),
		refuse(w, kinds, `headroom_percent = -20`, "headroom_percent"),
		refuse(w, kinds, `virtualization = ["emulated"]`, "virtualization"),
		refuse(w, kinds, `virtualization = []`, "virtualization"),
		refuse(w, kinds, `order_by = "name"`, "order_by"),
		refuse(w, kinds, `max_nodes = 0`, "max_nodes"),
		refuse(w, kinds, `node_memory_mib = 512`, `"max_nodes" must be specified`),
		refuse(w, kinds, `region = "Frankfurt"`, "is not the name of an AWS region"),
	}})
	if n := w.Recorder.Count("ec2", "DescribeInstanceTypes"); n != 0 {
		t.Errorf("%d requests for what cannot be right", n)
	}
}

func TestInstanceTypesWithoutPermission(t *testing.T) {
	for _, operation := range []string{"DescribeInstanceTypes", "DescribeInstanceTypeOfferings"} {
		w := acctest.NewWorld(t)
		w.Faults.Add(wire.Rule{Service: "ec2", Operation: operation, Fault: wire.Fault{
			Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
		acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{refuse(w, kinds, "", "ec2:"+operation)}})
	}
}
