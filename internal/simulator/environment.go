package simulator

import (
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// Variable is an environment variable.
type Variable struct{ Name, Value string }

// Environment is what the provider, and the AWS CLI, need to use the simulator.
func (s *Simulator) Environment() []Variable {
	return Environment(s.Endpoint(), s.Port(), s.CML.Admin())
}

// Environment is that of a simulator with this endpoint, CML port and administrator.
func Environment(endpoint string, port int, admin cml.Credentials) []Variable {
	return []Variable{
		{"AWS_ENDPOINT_URL", endpoint},
		{"AWS_REGION", defaultRegion},
		{"AWS_ACCESS_KEY_ID", "AKIASIMULATOR"},
		{"AWS_SECRET_ACCESS_KEY", "simulator"},
		{"AWS_EC2_METADATA_DISABLED", "true"},
		{"CML_USERNAME", admin.Username},
		{"CML_PASSWORD", admin.Password},
		{"CML_PORT", fmt.Sprint(port)},
	}
}

// Exports writes variables as a shell reads them.
func Exports(variables []Variable) string {
	var out strings.Builder
	for _, v := range variables {
		fmt.Fprintf(&out, "export %s='%s'\n", v.Name, strings.ReplaceAll(v.Value, "'", `'\''`))
	}
	return out.String()
}

// ProviderBlock is the provider configuration that does without the environment.
func ProviderBlock(endpoint string, port int, admin cml.Credentials) string {
	return fmt.Sprintf(`provider "cml" {
  region     = %[1]q
  access_key = "AKIASIMULATOR"
  secret_key = "simulator"

  endpoints {
    cloudwatch     = %[2]q
    ec2            = %[2]q
    pricing        = %[2]q
    scheduler      = %[2]q
    secretsmanager = %[2]q
    servicequotas  = %[2]q
    ssm            = %[2]q
    sts            = %[2]q
  }

  controller = {
    username = %[3]q
    password = %[4]q
    port     = %[5]d
  }
}
`, defaultRegion, endpoint, admin.Username, admin.Password, port)
}
