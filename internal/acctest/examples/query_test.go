package examples_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func ptr[T any](v T) *T { return &v }

// query is the example of the list of workers.
func query(t *testing.T) string {
	t.Helper()
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	return read(t, filepath.Join(root, "examples", "list-resources", "cml_worker", "list-resource.tfquery.hcl"))
}

var argument = regexp.MustCompile(`(?m)^    (\w+) += (.*)$`)

// Engines before Terraform 1.14 cannot read the example; the provider can judge
// its arguments all the same.
func TestQueryIsValid(t *testing.T) {
	config := map[string]any{}
	for _, found := range argument.FindAllStringSubmatch(query(t), -1) {
		var value any
		if err := json.Unmarshal([]byte(found[2]), &value); err != nil {
			t.Fatalf("%s: %v", found[1], err)
		}
		config[found[1]] = value
	}
	if all := protocol.Unconfigured(t).ListResource("cml_worker").ValidateList(config); len(config) < 4 || len(all) > 0 {
		t.Errorf("%v: %s", config, protocol.Show(all))
	}
}

// What `terraform query` writes of machines that exist, in two regions and of
// many kinds, is imported as it is, and nothing of them changes.
func TestQueryAdopts(t *testing.T) {
	box := newSandbox(t, engine.ListResources)
	world := &acctest.World{Simulator: box.Simulator}
	launch := func(region, name string, change func(*instance.Launch)) string {
		t.Helper()
		l := instance.Launch{
			Name: name, ImageID: aws.SeededID("ami", region, aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"},
			SubnetIDs: []string{aws.SeededID("subnet", region, aws.SerialSubnetA)}, NestedVirtualization: instance.LaunchNestedAuto,
			SecurityGroupIDs: []string{aws.SeededID("sg", region, aws.SerialGroupCML)}, Tags: map[string]string{"Name": name},
		}
		if change != nil {
			change(&l)
		}
		machine, err := world.EC2(region).Launch(t.Context(), l, nil)
		if err != nil {
			t.Fatal(err)
		}
		return machine.ID
	}
	launch(sandbox.Region, "old", func(l *instance.Launch) {
		l.InstanceTypes = []string{"c5.2xlarge"}
		l.RootVolume = instance.RootVolume{Type: ptr("gp2"), Encrypted: ptr(false), SizeGiB: ptr(int32(90))}
		l.Metadata = instance.MetadataOptions{HTTPTokens: "optional", HopLimit: 3}
		l.KeyName, l.IAMInstanceProfile, l.Monitoring = "cml", "cml-worker", true
		l.UserData, l.Tags["Owner"] = []byte("#cloud-config\n"), "netops"
	})
	launch(sandbox.Region, "fast", func(l *instance.Launch) {
		l.RootVolume = instance.RootVolume{Type: ptr("io2"), IOPS: ptr(int32(4000))}
		l.Protection = instance.Protection{Termination: true, Stop: true}
	})
	launch(sandbox.Region, "spot", func(l *instance.Launch) { l.Spot = &instance.Spot{MaxPrice: "2.50", Interruption: "stop"} })
	home := world.EC2(sandbox.Region)
	fixed := launch(sandbox.Region, "fixed", nil)
	address, err := home.AllocateAddress(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := home.WaitRunning(t.Context(), fixed, "", time.Now(), nil); err != nil {
		t.Fatal(err)
	}
	if err := home.AssociateAddress(t.Context(), address.AllocationID, fixed); err != nil {
		t.Fatal(err)
	}
	if _, err := home.Stop(t.Context(), fixed, "", instance.StopGraceful, nil); err != nil {
		t.Fatal(err)
	}
	launch("us-west-2", "far", func(l *instance.Launch) {
		l.Tags["cml:managed-by"], l.Tags["cml:worker-name"], l.Tags["cml:port"] = "terraform-provider-cml", "far", fmt.Sprint(box.Simulator.Port())
		l.Tags["cml:hostname"], l.Tags["cml:credentials-ref"] = "far.example.net", "ssm:/cml/far"
	})
	grouped := launch(sandbox.Region, "grouped", nil)
	box.Simulator.AWS.Region(sandbox.Region).SetTags(grouped, map[string]string{"Name": "grouped", "aws:autoscaling:groupName": "lab"})
	ours := t.TempDir()
	write(t, ours, "main.tf", versions+fmt.Sprintf(`
resource "cml_worker" "ours" {
  name               = "ours"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
}
`, aws.SeededID("ami", sandbox.Region, aws.SerialImage290), aws.SeededID("subnet", sandbox.Region, aws.SerialSubnetA), aws.SeededID("sg", sandbox.Region, aws.SerialGroupCML)))
	run(t, box, ours, "init", "-no-color", "-input=false")
	run(t, box, ours, "apply", "-no-color", "-auto-approve")

	dir := t.TempDir()
	write(t, dir, "versions.tf", versions)
	write(t, dir, "all.tfquery.hcl", query(t))
	run(t, box, dir, "init", "-no-color", "-input=false")
	found := output(t, box, dir, "query", "-no-color", "-generate-config-out=adopted.tf")
	for _, name := range []string{"old", "fast", "spot", "fixed", "far", "ours"} {
		if !regexp.MustCompile(`(?m)^list\.cml_worker\.all .* ` + name + `\s*$`).MatchString(found) {
			t.Errorf("%s is not in\n%s", name, found)
		}
	}
	plan := output(t, box, dir, "plan", "-no-color")
	if want := "Plan: 6 to import, 0 to add, 0 to change, 0 to destroy."; !strings.Contains(plan, want) {
		t.Fatalf("want %q of\n%s\n%s", want, plan, read(t, filepath.Join(dir, "adopted.tf")))
	}
	run(t, box, dir, "apply", "-no-color", "-auto-approve")
	run(t, box, dir, "plan", "-no-color", "-detailed-exitcode")
}
