package catalog_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const iam = "cml_iam_policy"

// document is a policy as IAM reads it.
type document struct {
	Version   string
	Statement []struct {
		Sid, Effect      string
		Action, Resource []string
		Condition        map[string]map[string][]string
	}
}

func (d document) actions() []string {
	all := map[string]bool{}
	for _, s := range d.Statement {
		for _, a := range s.Action {
			all[a] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// policy takes the document that a step returned.
func policy(into *document) knownvalue.Check {
	return knownvalue.StringFunc(func(text string) error {
		*into = document{}
		return json.Unmarshal([]byte(text), into)
	})
}

func quoted(all ...string) string {
	return "[" + strings.Join(strings.Fields(strings.Trim(fmt.Sprintf("%q", all), "[]")), ", ") + "]"
}

// everything are all features.
var everything = []string{"read", "create", "change", "power", "delete", "eip", "snapshot", "idle_policy", "schedule", "metrics", "diagnose", "quota_check", "cost", "secrets"}

// read returns the policies of sets of features.
func policies(t *testing.T, arguments ...string) []document {
	t.Helper()
	w := acctest.NewWorld(t)
	out := make([]document, len(arguments))
	steps := make([]resource.TestStep, len(arguments))
	for i, a := range arguments {
		steps[i] = look(w, iam, a, value(iam, "json", policy(&out[i])))
	}
	acctest.Test(t, resource.TestCase{Steps: steps})
	if all := w.Recorder.All(); len(all) != 0 {
		t.Errorf("%d requests, the first is %s", len(all), all[0].Operation)
	}
	return out
}

// The features together allow exactly what the provider can call. That each
// allows what it needs and no more is shown in internal/acctest/permissions.
func TestIAMPolicyIsTheWholeAPI(t *testing.T) {
	var want []string
	for m := range reflect.TypeFor[instance.API]().Methods() {
		want = append(want, "ec2:"+m.Name)
	}
	slices.Sort(want)
	all := policies(t, "features = "+quoted(everything...))[0]
	got := slices.DeleteFunc(all.actions(), func(a string) bool { return !strings.HasPrefix(a, "ec2:") })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-the provider calls +the policy allows\n%s", d)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(raw); n > longestManaged {
		t.Errorf("%d characters; a managed policy has at most %d", n, longestManaged)
	}
}

// longestManaged is how many characters a managed policy may have (IAM user
// guide, "IAM and AWS STS quotas").
const longestManaged = 6144

// With tags and regions asked for, all features are two policies, as the documentation says.
func TestIAMPolicyWithTagsIsTwo(t *testing.T) {
	half := len(everything) / 2
	for i, d := range policies(t, "require_tags = true\n  regions = [\"us-east-1\"]\n  features = "+quoted(everything...),
		"require_tags = true\n  regions = [\"us-east-1\"]\n  features = "+quoted(everything[:half]...), "require_tags = true\n  regions = [\"us-east-1\"]\n  features = "+quoted(everything[half:]...)) {
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(raw); (n > longestManaged) != (i == 0) {
			t.Errorf("policy %d has %d characters; a managed policy has at most %d", i, n, longestManaged)
		}
	}
}

// A schedule asks for what its feature allows, and the role goes to its service
// alone.
func TestIAMPolicyOfSchedules(t *testing.T) {
	w := acctest.NewWorld(t)
	in, err := w.EC2(home).Launch(t.Context(), instance.Launch{
		ImageID: seeded(aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"}, SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Recorder.Reset()
	run := func(hour int) string {
		return w.Provider("") + fmt.Sprintf(`
resource "cml_worker_schedule" "lab" {
  worker_id = %q
  role_arn  = "arn:aws:iam::123456789012:role/cml-scheduler"
  stop_cron = "0 %d * * ? *"
}
`, in.ID, hour)
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{Config: run(19)}, {Config: run(20)}}})
	got := policies(t, `features = ["read", "schedule"]`, `features = ["read"]`, "features = [\"schedule\"]\n  role_arns = [\"arn:aws:iam::111122223333:role/cml\"]")
	asked := 0
	for _, r := range w.Recorder.All() {
		action := r.Service + ":" + r.Operation
		if action != "sts:GetCallerIdentity" && !slices.Contains(got[0].actions(), action) {
			t.Errorf("the policy lacks %s", action)
		}
		if !slices.Contains(got[1].actions(), action) {
			asked++
		}
	}
	if asked < 4 {
		t.Errorf("%d requests needed the feature; the runs prove little", asked)
	}
	for _, s := range got[2].Statement {
		if s.Action[0] == "iam:PassRole" && (!slices.Equal(s.Resource, []string{"arn:aws:iam::111122223333:role/cml"}) || !slices.Equal(s.Condition["StringEquals"]["iam:PassedToService"], []string{"scheduler.amazonaws.com"})) {
			t.Errorf("%+v", s)
		}
	}
	if !slices.Contains(got[2].actions(), "iam:PassRole") {
		t.Error("the role may not be passed")
	}
}

func TestIAMPolicyConditions(t *testing.T) {
	const role, key = "arn:aws:iam::111122223333:role/cml", "arn:aws:kms:us-east-1:111122223333:key/1234"
	const secret, parameter = "arn:aws:secretsmanager:us-east-1:111122223333:secret:cml-*", "arn:aws:ssm:us-east-1:111122223333:parameter/cml"
	got := policies(t,
		`features = ["power"]`,
		"features = "+quoted(everything...)+"\n  regions = [\"us-west-2\", \"us-east-1\"]\n  require_tags = true\n  role_arns = "+quoted(role)+"\n  kms_key_arns = "+quoted(key)+"\n  secret_arns = "+quoted(secret, parameter),
		`features = ["create"]`+"\n  regions = [\"cn-north-1\"]\n  require_tags = true",
		"features = [\"secrets\"]\n  secret_arns = "+quoted(parameter),
	)
	for _, s := range got[0].Statement {
		if s.Effect != "Allow" || s.Condition["StringEquals"]["aws:RequestedRegion"] != nil {
			t.Errorf("%s: %+v", s.Sid, s)
		}
	}
	if a := got[0].actions(); slices.Contains(a, "ec2:RunInstances") || !slices.Contains(a, "ec2:StopInstances") {
		t.Errorf("power allows %v", a)
	}
	const mine = "terraform-provider-cml"
	for _, s := range got[1].Statement {
		equals := s.Condition["StringEquals"]
		if s.Action[0] == "pricing:GetProducts" {
			if regions := equals["aws:RequestedRegion"]; !slices.Equal(regions, []string{"us-east-1"}) {
				t.Errorf("the price list is allowed in %v", regions)
			}
			continue
		}
		if regions := equals["aws:RequestedRegion"]; !strings.HasPrefix(s.Action[0], "iam:") && !slices.Equal(regions, []string{"us-east-1", "us-west-2"}) {
			t.Errorf("%s is allowed in %v", s.Sid, regions)
		}
		tagged := slices.Equal(equals["aws:ResourceTag/cml:managed-by"], []string{mine}) || slices.Equal(equals["aws:RequestTag/cml:managed-by"], []string{mine})
		for _, a := range s.Action {
			looks := strings.HasPrefix(a, "ec2:Describe") || strings.HasPrefix(a, "ec2:Get") || !strings.HasPrefix(a, "ec2:")
			chosen := s.Sid == "LaunchFrom" || s.Sid == "ChooseGroups"
			if !looks && !chosen && !tagged {
				t.Errorf("%s allows %s without the tag", s.Sid, a)
			}
			if chosen && slices.ContainsFunc(s.Resource, func(r string) bool {
				return r == "*" || strings.Contains(r, "instance/") || strings.Contains(r, "volume/")
			}) {
				t.Errorf("%s allows %s on %v", s.Sid, a, s.Resource)
			}
		}
		for _, want := range []struct{ action, resource string }{{"iam:PassRole", role}, {"kms:CreateGrant", key}, {"secretsmanager:GetSecretValue", secret}, {"ssm:GetParameter", parameter}} {
			if s.Action[0] == want.action && !slices.Equal(s.Resource, []string{want.resource}) {
				t.Errorf("%s on %v, want %s", want.action, s.Resource, want.resource)
			}
		}
	}
	china := fmt.Sprint(got[2])
	if strings.Contains(china, "arn:aws:") || !strings.Contains(china, "arn:aws-cn:ec2:") || !strings.Contains(china, "ec2.amazonaws.com.cn") {
		t.Errorf("not a policy for China: %s", china)
	}
	if slices.Contains(got[3].actions(), "secretsmanager:GetSecretValue") {
		t.Errorf("a parameter alone allows %v", got[3].actions())
	}
}

// The policy of a worker's own role has what the publisher calls and nothing of Terraform's.
func TestIAMPolicyOfThePublisher(t *testing.T) {
	const secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:cml-*"
	got := policies(t, "features = [\"publisher\"]\n  secret_arns = "+quoted(secret), `features = ["publisher", "secrets"]`)
	allowed := map[string][]string{}
	for _, s := range got[0].Statement {
		allowed[s.Action[0]] = s.Resource
		if namespace := s.Condition["StringEquals"]["cloudwatch:namespace"]; s.Sid == "Metrics" && !slices.Equal(namespace, []string{"CML/Worker"}) {
			t.Errorf("metrics of the namespaces %v", namespace)
		}
	}
	if d := cmp.Diff(map[string][]string{
		"cloudwatch:PutMetricData": {"*"}, "secretsmanager:GetSecretValue": {secret}, "kms:Decrypt": {"arn:aws:kms:*:*:key/*"},
	}, allowed); d != "" {
		t.Error(d)
	}
	sids := map[string]bool{}
	for _, s := range got[1].Statement {
		if sids[s.Sid] {
			t.Errorf("two statements %s", s.Sid) // IAM refuses that
		}
		sids[s.Sid] = true
	}
}

// The price list is asked for in the region that serves it, or not at all.
func TestIAMPolicyOfPrices(t *testing.T) {
	places := []struct{ regions, want string }{
		{`["eu-west-1", "eu-central-1"]`, "[eu-central-1]"}, {`["us-west-2", "ap-southeast-2"]`, "[ap-south-1 us-east-1]"},
		{`["cn-north-1"]`, "[cn-northwest-1]"}, {`["us-gov-west-1"]`, "not at all"}, {"null", "[]"},
	}
	var arguments []string
	for _, p := range places {
		arguments = append(arguments, "features = [\"cost\"]\n  regions = "+p.regions)
	}
	for i, d := range policies(t, arguments...) {
		got := "not at all"
		for _, s := range d.Statement {
			if slices.Contains(s.Action, "pricing:GetProducts") {
				got = fmt.Sprint(s.Condition["StringEquals"]["aws:RequestedRegion"])
			}
		}
		if got != places[i].want {
			t.Errorf("%s: %s, want %s", places[i].regions, got, places[i].want)
		}
	}
}

func TestIAMPolicyRefuses(t *testing.T) {
	w := acctest.NewWorld(t)
	later := "resource \"terraform_data\" \"later\" {\n  input = \"us-east-1\"\n}\n"
	region := later + strings.Replace(w.Provider("region = terraform_data.later.output"), `region     = "us-east-1"`, "", 1)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		refuse(w, iam, `features = []`, "features"),
		refuse(w, iam, `features = ["everything"]`, "features"),
		refuse(w, iam, "features = [\"read\"]\n  regions = [\"us-east-1\", \"cn-north-1\"]", "Regions of several partitions"),
		refuse(w, iam, "features = [\"read\"]\n  role_arns = [\"cml-worker\"]", "role_arns"),
		refuse(w, iam, "features = [\"read\"]\n  partition = \"AWS\"", "partition"),
		{Config: w.Provider("managed_tags = { enabled = false }") + data(iam, "features = [\"create\"]\n  require_tags = true"), ExpectError: says("Managed tags are off")},
		{Config: region + data(iam, `features = ["read"]`), ExpectError: says("The provider's region will be known only after apply")},
		// what is unknown does not matter here
		{Config: region + data(iam, "features = [\"read\"]\n  regions = [\"us-gov-west-1\"]"), ConfigStateChecks: []statecheck.StateCheck{exactly(iam, "partition", "aws-us-gov")}},
	}})
}

func TestIAMPolicyOfMetrics(t *testing.T) {
	got := policies(t, `features = ["metrics"]`)[0]
	if want := []string{"cloudwatch:GetMetricData", "cloudwatch:ListMetrics"}; !slices.Equal(got.actions(), want) {
		t.Errorf("allowed are %v, want %v", got.actions(), want)
	}
}
