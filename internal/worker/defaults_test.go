package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// bare is the worker that leaves everything to the provider.
func bare(a args) string {
	all := args{"ami_id": "", "instance_type": "", "subnet_ids": "", "security_group_ids": ""}
	for k, v := range a {
		all[k] = v
	}
	return worker(all)
}

// regional is an entry of region_defaults for the region of the tests.
func regional(body string) string {
	return fmt.Sprintf("region_defaults = {\n %q = {\n%s\n }\n}\n", region, body)
}

func everything() string {
	return `
worker_defaults = {
  instance_type    = "m8i.2xlarge"
  key_name         = "cml"
  monitoring       = true
  root_volume      = { size_gib = 100, iops = 4000 }
  metadata_options = { http_put_response_hop_limit = 2 }
  readiness        = { timeout = "20m", interval = "1s" }
  controller       = { address_preference = ["public_ip"] }
}
` + regional(fmt.Sprintf(`
  ami_id               = %q
  expected_cml_version = "2.9.0"
  subnet_ids           = [%q, %q]
  security_group_ids   = [%q]
  key_name             = "not-this-one"
  iam_instance_profile = "cml-worker"
  network              = { public_ip = true }
`, image, subnetA, subnetB, groupID))
}

// A worker that says nothing gets everything from the provider, shows it in the
// plan, and keeps it when the provider changes its mind.
func TestDefaultsAreTakenAtCreationAndKept(t *testing.T) {
	w := acctest.NewWorld(t)
	provider := func(defaults string) string { return w.Provider(w.Controller(false) + "\n" + defaults) }
	readiness := knownvalue.ObjectPartial(map[string]knownvalue.Check{
		"timeout": knownvalue.StringExact("20m"), "interval": knownvalue.StringExact("1s"), "until": knownvalue.Null()})
	others := `
worker_defaults = {
  instance_types   = ["r8i.4xlarge", "c8i.2xlarge"]
  monitoring       = false
  root_volume      = { size_gib = 200, type = "io2", iops = 5000 }
  metadata_options = { http_tokens = "optional" }
  readiness        = { timeout = "30m" }
  controller       = { address_preference = ["private_ip"], port = 8443 }
}
` + regional(fmt.Sprintf(`
  ami_filter           = { name_pattern = "CML-2.9.1*" }
  expected_cml_version = "2.9.1"
  subnet_ids           = [%q]
  security_group_ids   = [%q]
  iam_instance_profile = "another"
  network              = { public_ip = false }
`, private, groupTwo))
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: provider(everything()) + bare(nil),
			ConfigPlanChecks: planned(plancheck.ResourceActionCreate,
				knownAs("ami_id", knownvalue.StringExact(image)), knownAs("expected_cml_version", knownvalue.StringExact("2.9.0")),
				knownAs("instance_type", knownvalue.StringExact("m8i.2xlarge")), knownAs("key_name", knownvalue.StringExact("cml")),
				knownAs("subnet_ids", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(subnetA), knownvalue.StringExact(subnetB)})),
				knownAs("security_group_ids", knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact(groupID)})),
				knownAs("iam_instance_profile", knownvalue.StringExact("cml-worker")), knownAs("monitoring", knownvalue.Bool(true)),
				knownAs("root_volume", knownvalue.ObjectPartial(map[string]knownvalue.Check{"size_gib": knownvalue.Int64Exact(100), "iops": knownvalue.Int64Exact(4000), "type": knownvalue.StringExact("gp3")})),
				knownAs("metadata_options", knownvalue.ObjectExact(map[string]knownvalue.Check{"http_tokens": knownvalue.StringExact("required"), "http_put_response_hop_limit": knownvalue.Int64Exact(2)})),
				knownAs("network", knownvalue.ObjectPartial(map[string]knownvalue.Check{"public_ip": knownvalue.Bool(true)})),
				knownAs("readiness", readiness),
				knownAs("controller", knownvalue.ObjectPartial(map[string]knownvalue.Check{"address_preference": knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("public_ip")})})),
			),
			Check: func(*terraform.State) error {
				p := launches(w)[0].Params
				for name, want := range map[string]string{
					"ImageId": image, "InstanceType": "m8i.2xlarge", "KeyName": "cml", "Monitoring.Enabled": "true", "IamInstanceProfile.Name": "cml-worker",
					"MetadataOptions.HttpPutResponseHopLimit": "2", "BlockDeviceMapping.1.Ebs.VolumeSize": "100", "BlockDeviceMapping.1.Ebs.Iops": "4000",
					"NetworkInterface.1.AssociatePublicIpAddress": "true", "NetworkInterface.1.SubnetId": subnetA, "NetworkInterface.1.SecurityGroupId.1": groupID,
				} {
					if got := p.Get(name); got != want {
						return fmt.Errorf("%s is %q, want %q", name, got, want)
					}
				}
				return nil
			},
		},
		{Config: provider(everything()) + bare(nil), ConfigPlanChecks: unchanged()},
		{Config: provider(others) + bare(nil), ConfigPlanChecks: unchanged()},
		{Config: provider("") + bare(nil), ConfigPlanChecks: unchanged(), ConfigStateChecks: []statecheck.StateCheck{
			value("readiness", readiness), exactly("iam_instance_profile", "cml-worker"), exactly("expected_cml_version", "2.9.0")}},
		// A change of the worker itself brings no new default in either.
		{
			PreConfig: reset(t, w), Config: provider(others) + bare(args{"name": `"lab-02"`}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: calls(w, map[string]int{"CreateTags": 1}),
		},
		// What the worker says itself beats what it was given.
		{
			PreConfig: reset(t, w), Config: provider(others) + bare(args{"name": `"lab-02"`, "monitoring": "false", "readiness": `{ until = "api" }`}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownAs("readiness", knownvalue.ObjectPartial(map[string]knownvalue.Check{
				"until": knownvalue.StringExact("api"), "timeout": knownvalue.StringExact("20m")}))),
			Check: calls(w, map[string]int{"UnmonitorInstances": 1}),
		},
	}})
}

// Explicit beats worker_defaults beats region_defaults.
func TestExplicitBeatsDefaults(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: w.Provider(w.Controller(false)+everything()) + bare(args{
			"instance_type": `"c8i.2xlarge"`, "ami_id": fmt.Sprintf("%q", newImage), "subnet_ids": fmt.Sprintf("[%q]", subnetB), "security_group_ids": fmt.Sprintf("[%q]", groupTwo),
			"root_volume": `{ type = "gp2" }`, "metadata_options": `{ http_tokens = "optional" }`, "network": `{ public_ip = false }`,
			"readiness": `{ until = "running", timeout = "5m" }`, "controller": `{ address_preference = ["private_ip"] }`, "monitoring": "false", "iam_instance_profile": "",
		}),
		ConfigPlanChecks: planned(plancheck.ResourceActionCreate,
			knownAs("instance_type", knownvalue.StringExact("c8i.2xlarge")), knownAs("ami_id", knownvalue.StringExact(newImage)),
			// The version that the region expects is that of its own image.
			knownAs("expected_cml_version", knownvalue.Null()),
			knownAs("subnet_id", knownvalue.StringExact(subnetB)), knownAs("monitoring", knownvalue.Bool(false)),
			knownAs("root_volume", knownvalue.ObjectPartial(map[string]knownvalue.Check{"type": knownvalue.StringExact("gp2"), "size_gib": knownvalue.Int64Exact(100)})),
			knownAs("metadata_options", knownvalue.ObjectExact(map[string]knownvalue.Check{"http_tokens": knownvalue.StringExact("optional"), "http_put_response_hop_limit": knownvalue.Int64Exact(2)})),
			knownAs("network", knownvalue.ObjectPartial(map[string]knownvalue.Check{"public_ip": knownvalue.Bool(false)})),
			knownAs("readiness", knownvalue.ObjectPartial(map[string]knownvalue.Check{"timeout": knownvalue.StringExact("5m"), "interval": knownvalue.StringExact("1s")})),
			knownAs("key_name", knownvalue.StringExact("cml")), // worker_defaults, not region_defaults
		),
	}}})
}

// A profile that the worker named itself goes with the argument; only one that
// the defaults gave stays.
func TestOwnProfileGoesWithItsArgument(t *testing.T) {
	w := acctest.NewWorld(t)
	defaults := w.Provider(w.Controller(false) + "\nworker_defaults = { readiness = { timeout = \"20m\" } }")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: defaults + worker(args{"iam_instance_profile": `"cml-worker"`, "expected_cml_version": `"2.9.0"`})},
		{
			PreConfig: reset(t, w), Config: defaults + worker(nil), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check:             calls(w, map[string]int{"DisassociateIamInstanceProfile": 1}),
			ConfigStateChecks: []statecheck.StateCheck{value("iam_instance_profile", knownvalue.Null()), value("expected_cml_version", knownvalue.Null())},
		},
	}})
}

func TestDefaultFilterAndMenu(t *testing.T) {
	w := acctest.NewWorld(t)
	w.AWS.Region(region).SetCapacity("m8i.2xlarge", subnetA, 0)
	defaults := `worker_defaults = { instance_types = ["m8i.2xlarge", "c8i.2xlarge"] }
` + regional(fmt.Sprintf(`ami_filter = { name_pattern = "CML-2.9.*" }
subnet_ids = [%q]`, subnetA))
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: w.Provider(w.Controller(false)+"\n"+defaults) + bare(nil),
			ConfigPlanChecks: planned(plancheck.ResourceActionCreate, unknown("ami_id"), unknown("instance_type"),
				knownAs("ami_filter", knownvalue.ObjectPartial(map[string]knownvalue.Check{"name_pattern": knownvalue.StringExact("CML-2.9.*")}))),
			ConfigStateChecks: []statecheck.StateCheck{exactly("ami_id", newImage), exactly("instance_type", "c8i.2xlarge")},
		},
		{Config: w.Provider(w.Controller(false)) + bare(nil), ConfigPlanChecks: unchanged()},
		{
			// Its own type beats the menu that it was given.
			Config: w.Provider(w.Controller(false)) + bare(args{"instance_type": `"c8i.2xlarge"`}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{value("instance_types", knownvalue.Null())},
		},
	}})
}

// What a worker needs and nobody gives is named with both ways out.
func TestNothingGiven(t *testing.T) {
	for name, c := range map[string]struct {
		defaults string
		args     args
		errors   []string
	}{
		"no defaults":     {"", args{"subnet_ids": ""}, []string{"Set ami_id on this worker", `region_defaults["us-east-1"] { ami_id or ami_filter } in the provider block`, "worker_defaults { instance_type or instance_types }"}},
		"another region":  {everything(), args{"region": `"us-west-2"`}, []string{"The provider's region_defaults have no entry for us-west-2", "Set subnet_ids on this worker", `region_defaults["us-west-2"] { subnet_ids }`}},
		"VPC, no subnets": {regional(fmt.Sprintf("vpc_id = %q\nami_id = %q", seeded("vpc", 1), image)), args{"instance_type": `"m8i.2xlarge"`}, []string{"Without either, EC2 takes the default subnet"}},
		"slow readiness":  {everything() + "\n", args{"timeouts": "{\n create = \"10m\"\n}"}, []string{"readiness.timeout is 20m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			for _, want := range c.errors {
				acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
					Config: w.Provider(c.defaults) + bare(c.args), PlanOnly: true, ExpectError: says(want),
				}}})
			}
		})
	}
}

// Subnets and groups must be in the VPC that the region's defaults name.
func TestVPCOfTheRegion(t *testing.T) {
	for name, c := range map[string]struct{ here, far string }{
		"subnet": {"security_group_ids", "subnet_ids"}, "group": {"subnet_ids", "security_group_ids"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			r := w.AWS.Region(region)
			vpc := r.AddVPC()
			ids := map[string]string{"subnet_ids": subnetA, "security_group_ids": groupID}
			far := map[string]string{"subnet_ids": addSubnet(w, vpc), "security_group_ids": r.AddSecurityGroupIn(vpc, "far")}
			provider := w.Provider(w.Controller(false) + "\n" + regional(fmt.Sprintf("vpc_id = %q", seeded("vpc", 1))))
			good := args{c.here: fmt.Sprintf("[%q]", ids[c.here]), c.far: fmt.Sprintf("[%q]", ids[c.far])}
			bad := args{c.here: good[c.here], c.far: fmt.Sprintf("[%q]", far[c.far])}
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
				{Config: provider + worker(good), PlanOnly: true, ExpectNonEmptyPlan: true},
				{Config: provider + worker(bad), PlanOnly: true, ExpectError: says(fmt.Sprintf("%s (%s): not in %s", far[c.far], vpc, seeded("vpc", 1)))},
			}})
		})
	}
}

func TestPublicAddressInSubnetWithoutIPv4(t *testing.T) {
	w := acctest.NewWorld(t)
	six := addSubnet(w, "")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:   w.Provider(w.Controller(false)+"\nworker_defaults = { network = { public_ip = true } }") + worker(args{"subnet_ids": fmt.Sprintf("[%q]", six)}),
		PlanOnly: true, ExpectError: says("IPv6 only"),
	}}})
}

// Defaults that are known only after apply are planned as unknown, and no
// reason not to refresh.
func TestUnknownDefaults(t *testing.T) {
	w := acctest.NewWorld(t)
	source := fmt.Sprintf(`
resource "terraform_data" "subnet" { input = %q }
resource "terraform_data" "profile" { input = "cml-worker" }
`, subnetB)
	defaults := w.Provider(w.Controller(false) + `
worker_defaults = { root_volume = { size_gib = 100 }, iam_instance_profile = terraform_data.profile.output, instance_type = "m8i.2xlarge" }
` + regional(fmt.Sprintf(`subnet_ids = [terraform_data.subnet.output]
ami_id = %q`, image)))
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: source + defaults + bare(nil),
			ConfigPlanChecks: planned(plancheck.ResourceActionCreate, unknown("iam_instance_profile"), unknown("subnet_id"),
				knownAs("ami_id", knownvalue.StringExact(image)), knownAs("region", knownvalue.StringExact(region))),
			ConfigStateChecks: []statecheck.StateCheck{exactly("subnet_id", subnetB), exactly("iam_instance_profile", "cml-worker")},
		},
		{
			// The source is made anew: its output is unknown, the worker is not.
			Config:           strings.Replace(source, subnetB, subnetA, 1) + defaults + bare(nil),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(lab, plancheck.ResourceActionNoop)}},
		},
	}})
}

// addSubnet adds a subnet to a VPC; to the default one, without IPv4, where
// none is named.
func addSubnet(w *acctest.World, vpc string) string {
	return w.AWS.Region(region).AddSubnet(aws.Subnet{VPCID: vpc, Zone: "us-east-1a", Public: true, IPv6Only: vpc == ""})
}
