package acceptance_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// target is where the tests run, in HCL.
type target struct {
	provider string
	// machine are the arguments of a worker that differ from place to place.
	machine string
	// types are two instance types that run CML there.
	types [2]string
}

// newTarget reads the CML_ACC_* variables; without an endpoint, and without
// TF_ACC, it starts a simulator.
func newTarget(t *testing.T) target {
	t.Helper()
	endpoint, account := os.Getenv("CML_ACC_ENDPOINT_EC2"), os.Getenv("TF_ACC") != ""
	if endpoint == "" && !account {
		w := acctest.NewWorld(t)
		region := "us-east-1"
		return target{
			provider: w.Provider(w.Controller(false)), types: [2]string{"m8i.2xlarge", "m8i.4xlarge"},
			machine: machine(aws.SeededID("ami", region, aws.SerialImage290), aws.SeededID("subnet", region, aws.SerialSubnetA),
				aws.SeededID("sg", region, aws.SerialGroupCML), "ready"),
		}
	}
	image := os.Getenv("CML_ACC_AMI_ID")
	if image == "" {
		t.Fatal("CML_ACC_AMI_ID is not set: name the CML image to launch")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "provider \"cml\" {\n  region = %q\n", or("CML_ACC_REGION", "us-east-1"))
	fmt.Fprintf(&b, "  controller = { port = %s }\n", or("CML_ACC_PORT", "443"))
	if endpoint != "" {
		fmt.Fprintf(&b, "  access_key = %q\n  secret_key = %q\n", or("CML_ACC_ACCESS_KEY", "test"), or("CML_ACC_SECRET_KEY", "test"))
		fmt.Fprintf(&b, "  endpoints {\n    ec2 = %q\n    sts = %q\n  }\n", endpoint, or("CML_ACC_ENDPOINT_STS", endpoint))
	}
	b.WriteString("}\n")
	return target{
		provider: b.String(), types: [2]string{or("CML_ACC_INSTANCE_TYPE", "m8i.2xlarge"), or("CML_ACC_OTHER_INSTANCE_TYPE", "m8i.4xlarge")},
		machine: machine(image, os.Getenv("CML_ACC_SUBNET_ID"), os.Getenv("CML_ACC_SECURITY_GROUP_ID"), or("CML_ACC_UNTIL", "ready")),
	}
}

func or(variable, otherwise string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	return otherwise
}

func machine(image, subnet, group, until string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  ami_id = %q\n", image)
	if subnet != "" {
		fmt.Fprintf(&b, "  subnet_ids = [%q]\n", subnet)
	}
	if group != "" {
		fmt.Fprintf(&b, "  security_group_ids = [%q]\n", group)
	}
	fmt.Fprintf(&b, "  readiness = { until = %q }\n", until)
	return b.String()
}
