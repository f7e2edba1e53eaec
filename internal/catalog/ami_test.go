package catalog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const ami = "cml_ami"

func TestAMI(t *testing.T) {
	w := acctest.NewWorld(t)
	r := w.AWS.Region(home)
	// newer than all others, but a stranger's, of another architecture, or not usable
	later := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	stranger := r.AddImage(aws.Image{Name: "CML-2.9.9-Ubuntu-24.04", Owner: "999999999999", Public: true, Created: later})
	r.AddImage(aws.Image{Name: "CML-2.9.8-Ubuntu-24.04", Architecture: "arm64", Created: later})
	r.SetImageState(r.AddImage(aws.Image{Name: "CML-2.9.7-Ubuntu-24.04", Created: later}), "failed")
	golden := r.AddImage(aws.Image{Name: "golden", Created: later, Tags: map[string]string{"cml:version": "2.10.0+build.3"}})
	none := r.AddImage(aws.Image{Name: "CML-latest", Created: later.Add(-time.Hour)})

	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		look(w, ami, `name_pattern = "CML-2.*"`,
			exactly(ami, "id", seeded(aws.SerialImage291)), exactly(ami, "name", "CML-2.9.1-Ubuntu-24.04"), exactly(ami, "cml_version", "2.9.1"),
			exactly(ami, "owner_id", aws.DefaultAccountID), exactly(ami, "architecture", "x86_64"), exactly(ami, "region", home),
			exactly(ami, "created_at", "2026-09-01T08:00:00Z"), value(ami, "deprecated_at", knownvalue.Null()),
			value(ami, "root_volume_gib", knownvalue.Int64Exact(64)), value(ami, "owners", knownvalue.Null()),
		),
		look(w, ami, "name_pattern = \"CML-2.*\"\n  cml_version = \"2.9.0\"", exactly(ami, "id", seeded(aws.SerialImage290)), exactly(ami, "cml_version", "2.9.0")),
		look(w, ami, `cml_version = "2.8.1"`, exactly(ami, "id", seeded(aws.SerialImage280))),
		look(w, ami, `cml_version = "2.10"`, exactly(ami, "id", golden), exactly(ami, "cml_version", "2.10")),
		look(w, ami, `name_pattern = "gold*"`, exactly(ami, "id", golden), exactly(ami, "cml_version", "2.10.0+build.3")),
		look(w, ami, `name_pattern = "CML-latest"`, exactly(ami, "id", none), value(ami, "cml_version", knownvalue.Null())),
		look(w, ami, "name_pattern = \"CML-*\"\n  owners = [\"999999999999\"]", exactly(ami, "id", stranger), exactly(ami, "owner_id", "999999999999")),
		look(w, ami, "name_pattern = \"CML-2.*\"\n  architecture = \"arm64\"", exactly(ami, "name", "CML-2.9.8-Ubuntu-24.04"), exactly(ami, "architecture", "arm64")),
		{
			Config: w.Provider("") + data(ami, "name_pattern = \"CML-2.*\"\n  region = \"us-west-2\""),
			ConfigStateChecks: []statecheck.StateCheck{
				exactly(ami, "id", aws.SeededID("ami", "us-west-2", aws.SerialImage291)), exactly(ami, "region", "us-west-2")},
			Check: func(*terraform.State) error {
				all := w.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "DescribeImages" })
				for _, r := range all {
					if p := fmt.Sprint(r.Params); !strings.Contains(p, "Owner.1") || !strings.Contains(p, "available") {
						return fmt.Errorf("asked without owner or state: %s", p)
					}
				}
				if len(all) == 0 {
					return fmt.Errorf("nothing was asked")
				}
				return nil
			},
		},
	}})
}

func TestAMINotFound(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		refuse(w, ami, `name_pattern = "CML-3.*"`, `No available image with a name like "CML-3.*" and architecture x86_64 is owned by self in us-east-1`),
		refuse(w, ami, "cml_version = \"2.7.0\"\n  owners = [\"self\", \"111122223333\"]\n  region = \"us-west-2\"", `No available image with CML version 2.7.0 and architecture x86_64 is owned by 111122223333, self in us-west-2`),
		refuse(w, ami, "name_pattern = \"CML-2.*\"\n  cml_version = \"2.7.0\"", fmt.Sprintf(`with CML version 2.7.0 and a name like "CML-2.*" and architecture x86_64 is owned by self in us-east-1, as far as these credentials see. Images that fit but for the version, newest first: %s "CML-2.9.1-Ubuntu-24.04" CML 2.9.1`, seeded(aws.SerialImage291))),
	}})
}

func TestAMIRefuses(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		refuse(w, ami, "", "At least one of these attributes must be configured: [name_pattern,cml_version]"),
		refuse(w, ami, "name_pattern = \"\"", "name_pattern"),
		refuse(w, ami, "name_pattern = \"*\"\n  owners = []", "owners"),
		refuse(w, ami, "name_pattern = \"*\"\n  owners = [\"Canonical\"]", "\"Canonical\" is not an owner of images"),
		refuse(w, ami, "name_pattern = \"*\"\n  architecture = \"amd64\"", "architecture"),
		refuse(w, ami, "name_pattern = \"*\"\n  region = \"us-east-1a\"", "is an availability zone. The region is \"us-east-1\""),
		refuse(w, ami, "cml_version = \"latest\"", "is not a CML version"),
		refuse(w, ami, "cml_version = 2.9\n  owners = \"self\"", "owners"),
	}})
	if n := w.Recorder.Count("ec2", "DescribeImages"); n != 0 {
		t.Errorf("%d requests for what cannot be right", n)
	}
}

func TestAMIWithoutPermission(t *testing.T) {
	w := acctest.NewWorld(t)
	w.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeImages", Fault: wire.Fault{
		Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		refuse(w, ami, `name_pattern = "CML-*"`, "Unable to look up CML image"),
		refuse(w, ami, `name_pattern = "CML-*"`, "ec2:DescribeImages"),
	}})
}
