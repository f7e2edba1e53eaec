package publisher_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// The role needs two permissions and no more, and a refusal names what is missing.
func TestLeastPrivilege(t *testing.T) {
	s := newStage(t)
	arn := s.secret(password)
	allow := func(actions ...string) {
		t.Helper()
		var all []string
		for _, action := range actions {
			statement := `{"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*", "Condition": {"StringEquals": {"cloudwatch:namespace": "` + strings.TrimPrefix(action, "put ") + `"}}}`
			if !strings.HasPrefix(action, "put ") {
				statement = fmt.Sprintf(`{"Effect": "Allow", "Action": %q, "Resource": %q}`, action, arn)
			}
			all = append(all, statement)
		}
		if err := s.AWS.SetRolePolicy(aws.DefaultAccountID, "cml-worker", `{"Version": "2012-10-17", "Statement": [`+strings.Join(all, ", ")+"]}"); err != nil {
			t.Fatal(err)
		}
	}
	allow("put CML/Worker")
	s.expect(4, "GetSecretValue", "AccessDenied", "allow secretsmanager:GetSecretValue to the role cml-worker of the instance profile")
	allow("secretsmanager:GetSecretValue")
	s.expect(4, "PutMetricData in us-east-1 failed: AccessDenied", "allow cloudwatch:PutMetricData (namespace CML/Worker) to the role cml-worker")
	allow("secretsmanager:GetSecretValue", "put AWS/EC2")
	s.expect(4, "cloudwatch:PutMetricData")
	if n := s.count("monitoring", "PutMetricData"); n != 2 || s.sent() != nil {
		t.Errorf("%d requests, sent %v", n, s.sent())
	}
	allow("secretsmanager:GetSecretValue", "put CML/Worker")
	s.expect(0)

	s.AWS.Deny(aws.DefaultAccountID, "kms:Decrypt")
	s.configure(publisher.Settings{SSMParameterName: "/cml/lab"})
	s.AWS.Region(home).SetParameter("/cml/lab", password, true)
	allow("put CML/Worker")
	s.expect(4, "allow ssm:GetParameter")
	if err := s.AWS.SetRolePolicy(aws.DefaultAccountID, "cml-worker", `{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}`); err != nil {
		t.Fatal(err)
	}
	s.expect(4, "allow kms:Decrypt")
}

// What cml_iam_policy writes for a worker's role is enough.
func TestPolicyIsEnough(t *testing.T) {
	s := newStage(t)
	arn := s.secret(password)
	var document string
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: s.Provider("") + fmt.Sprintf("data \"cml_iam_policy\" \"it\" {\n  features    = [\"publisher\"]\n  regions     = [%q]\n  secret_arns = [%q]\n}\n", home, arn),
		ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue("data.cml_iam_policy.it", tfjsonpath.New("json"), knownvalue.StringFunc(func(text string) error {
			document = text
			return nil
		}))},
	}}})
	if err := s.AWS.SetRolePolicy(aws.DefaultAccountID, "cml-worker", document); err != nil {
		t.Fatal(err)
	}
	s.expect(0)
}

// A disturbance is borne, and no more than that.
func TestDisturbances(t *testing.T) {
	s := newStage(t)
	s.Faults.Add(
		wire.Rule{Service: "monitoring", Times: 1, Fault: wire.Fault{Kind: wire.Throttle}},
		wire.Rule{Service: "monitoring", Skip: 1, Times: 1, Fault: wire.Fault{Kind: wire.Reset}},
		wire.Rule{Service: "imds", Operation: "PUT *", Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: 503}},
	)
	s.expect(0)
	if n := s.count("monitoring", "PutMetricData"); n != 3 || len(s.sent()) == 0 {
		t.Errorf("%d requests, sent %v", n, s.sent())
	}
	s.Faults.Clear()
	s.Faults.Add(wire.Rule{Service: "monitoring", Fault: wire.Fault{Kind: wire.Error, Code: "InternalServiceFault", Status: 500}})
	s.Recorder.Reset()
	s.expect(4, "PutMetricData in us-east-1 failed: InternalServiceFault")
	if n := s.count("monitoring", "PutMetricData"); n != 3 {
		t.Errorf("%d requests", n)
	}
	// What AWS quotes of a request may hold its credentials.
	s.Faults.Clear()
	s.Recorder.Reset()
	s.expect(0)
	sent := s.Recorder.Filter(func(r wire.Record) bool { return r.Service == "monitoring" })[0]
	token := sent.Header.Get("X-Amz-Security-Token")
	s.Faults.Add(wire.Rule{Service: "monitoring", Fault: wire.Fault{
		Kind: wire.Error, Code: "SignatureDoesNotMatch", Status: 403, Message: "The Canonical String should have been\nx-amz-security-token:" + token}})
	if said := s.expect(4, "SignatureDoesNotMatch", "[redacted]"); strings.Contains(said, token) {
		t.Errorf("the role's token is in: %s", said)
	}
}

func TestMetadataService(t *testing.T) {
	s := newStage(t)
	s.expect(0)
	asked := s.Recorder.Filter(func(r wire.Record) bool { return r.Service == "imds" })
	if asked[0].Operation != "PUT /latest/api/token" || len(asked) != 5 {
		t.Errorf("%d questions, the first is %s", len(asked), asked[0].Operation)
	}
	for _, r := range asked[1:] { // version 1 is not even tried
		if r.Header.Get("X-Aws-Ec2-Metadata-Token") == "" {
			t.Errorf("%s without a token", r.Operation)
		}
	}

	s.on(s.launch(""))
	s.expect(2, "no instance profile")
	s.Faults.Add(wire.Rule{Service: "imds", Fault: wire.Fault{Kind: wire.Error, Status: 403}})
	s.Recorder.Reset()
	s.expect(2, "the instance metadata service does not answer /latest/api/token: HTTP 403")
	if n := len(s.Recorder.All()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Passwords go to this machine, or to where a certificate proves itself; never
// through a proxy, and never to where an answer sends them.
func TestWherePasswordsGo(t *testing.T) {
	s := newStage(t)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	s.setenv("https_proxy", "http://"+dead.Addr().String())
	s.expect(0)

	s.setenv("CML_PUBLISHER_URL", "http://192.0.2.1")
	s.expect(2, "no password goes there")
	s.setenv("CML_PUBLISHER_URL", "https://cml.example.invalid:1")
	s.expect(75, "cml.example.invalid")

	if s.count("cml", "POST /auth_extended") != 1 {
		t.Errorf("%v", s.Recorder.Operations("cml"))
	}
}

// A certificate of another machine has to be right.
func TestCertificateElsewhere(t *testing.T) {
	code := `
import ssl
def verifies(url):
    import os
    os.environ["CML_PUBLISHER_URL"] = url
    handlers = p.CML(None, {"ssm_parameter_name": "x"}).via.handlers
    return [h._context.verify_mode == ssl.CERT_REQUIRED for h in handlers if hasattr(h, "_context")]
for url in ("https://127.0.0.1", "https://[::1]", "https://localhost:8443", "http://127.0.0.1:8001", "https://192.0.2.1", "https://localhost.example.net"):
    print(url, verifies(url))
`
	want := "https://127.0.0.1 [False]\nhttps://[::1] [False]\nhttps://localhost:8443 [False]\nhttp://127.0.0.1:8001 [False]\nhttps://192.0.2.1 [True]\nhttps://localhost.example.net [True]\n"
	if got := python(t, pythons(t)[0], code); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// The run ends, whoever keeps it waiting.
func TestGivesUp(t *testing.T) {
	s := newStage(t)
	s.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /telemetry/events", Fault: wire.Fault{Kind: wire.SlowBody, Delay: wire.Duration(time.Minute)}})
	s.change = func(script string) string {
		return strings.Replace(script, "TELEMETRY, LABS = 50, 30", "TELEMETRY, LABS = 1, 30", 1)
	}
	s.expect(3, "the events take longer than 1 s")
	if _, sent := s.sent()["IdleSeconds"]; sent || len(s.sent()) == 0 {
		t.Errorf("%v", s.sent())
	}
	s.change = func(script string) string { return strings.Replace(script, "WHOLE_RUN = 120", "WHOLE_RUN = 3", 1) }
	s.expect(1, "takes longer than 3 s")
}

func TestEndpoints(t *testing.T) {
	code := `
for r in ("eu-central-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1"):
    print(p.endpoint("monitoring", r))
import os
os.environ["AWS_ENDPOINT_URL"] = "http://one"
print(p.endpoint("ssm", "eu-west-1"))
os.environ["AWS_ENDPOINT_URL_CLOUDWATCH"] = "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com/"
os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = "https://two/path"
print(p.endpoint("monitoring", "eu-west-1"), p.endpoint("secretsmanager", "eu-west-1"))
`
	want := []string{
		"https://monitoring.eu-central-1.amazonaws.com/", "https://monitoring.cn-north-1.amazonaws.com.cn/", "https://monitoring.us-gov-west-1.amazonaws.com/",
		"https://monitoring.us-iso-east-1.c2s.ic.gov/", "https://monitoring.us-isob-east-1.sc2s.sgov.gov/", "https://monitoring.eu-isoe-west-1.cloud.adc-e.uk/",
		"https://monitoring.us-isof-south-1.csp.hci.ic.gov/", "https://monitoring.eusc-de-east-1.amazonaws.eu/",
		"http://one/", "https://vpce-1.monitoring.eu-west-1.vpce.amazonaws.com/", "https://two/path/",
	}
	if got := strings.Fields(python(t, pythons(t)[0], code)); !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}
