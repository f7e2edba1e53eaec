package clients_test

import (
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// A reference beats the provider's own account, whose user name completes it,
// and nothing is read before it is needed.
func TestCredentialsFor(t *testing.T) {
	t.Parallel()
	sim, o := world(t)
	o.AWS.Endpoints[awsconf.SecretsManager] = o.AWS.Endpoints[awsconf.EC2]
	o.AWS.Endpoints[awsconf.SSM] = o.AWS.Endpoints[awsconf.EC2]
	sim.RegionOf(account, "us-west-2").SetSecret("cml/lab", aws.Secret{Text: "of-the-secret"})
	sim.RegionOf(account, "us-west-2").SetParameter("/cml/lab", `{"token": "of-the-parameter"}`, true)
	own := controller.Credentials{Username: "ops", Password: "own"}
	for name, c := range map[string]struct {
		own, want controller.Credentials
		ref       controller.Ref
		asked     int
	}{
		"own":       {own, own, controller.Ref{}, 0},
		"token":     {controller.Credentials{Token: "own"}, controller.Credentials{Token: "own"}, controller.Ref{}, 0},
		"secret":    {own, controller.Credentials{Username: "ops", Password: "of-the-secret"}, controller.Ref{SecretsManagerSecretID: "cml/lab"}, 1},
		"name":      {controller.Credentials{Username: "ops"}, controller.Credentials{Username: "ops", Password: "of-the-secret"}, controller.Ref{SecretsManagerSecretID: "cml/lab"}, 1},
		"parameter": {controller.Credentials{}, controller.Credentials{Token: "of-the-parameter"}, controller.Ref{SSMParameterName: "/cml/lab"}, 1},
	} {
		o.Credentials = c.own
		sim.Recorder.Reset()
		resolve := clients.New(o).CredentialsFor("us-west-2", controller.Settings{CredentialsRef: c.ref})
		if n := sim.Recorder.Count("", ""); resolve == nil || n != 0 {
			t.Fatalf("%s: %d requests before anything was needed", name, n)
		}
		for range 2 {
			if got, err := resolve(t.Context()); err != nil || got != c.want {
				t.Errorf("%s: %q %q %q, %v", name, got.Username, got.Password, got.Token, err)
			}
		}
		if n := sim.Recorder.Count("secretsmanager", "") + sim.Recorder.Count("ssm", ""); n != c.asked {
			t.Errorf("%s: %d requests, want %d", name, n, c.asked)
		}
	}
	for _, none := range []controller.Credentials{{}, {Username: "ops"}} {
		o.Credentials = none
		if clients.New(o).CredentialsFor("us-west-2", controller.Settings{}) != nil {
			t.Errorf("%q alone is taken for an account", none.Username)
		}
	}
}
