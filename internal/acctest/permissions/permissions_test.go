// Package permissions_test runs every feature of the provider with no more
// permissions than data.cml_iam_policy writes for it, in an account that
// evaluates that very policy, and then holds against the policy what was really
// asked: nothing was refused, and nothing is allowed that nobody asked for.
package permissions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/catalog"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// ownKey signs what the tests themselves ask for.
const ownKey = "AKIAIOSFODNN7EXAMPLE"

// unseen are permissions of which no request of the provider tells, with the
// reason why they are needed all the same.
var unseen = map[string]string{
	"iam:CreateServiceLinkedRole":         "EC2 makes the role of spot instances in the caller's name, the first time in an account",
	"kms:CreateGrant":                     "EC2 uses the key of an encrypted volume in the caller's name",
	"kms:Decrypt":                         "EC2, Secrets Manager and Systems Manager use the key in the caller's name",
	"kms:DescribeKey":                     "EC2 uses the key of an encrypted volume in the caller's name",
	"kms:GenerateDataKeyWithoutPlaintext": "EC2 uses the key of an encrypted volume in the caller's name",
}

// prefixes of actions, where they are not the name of the service that the
// simulator records.
var prefixes = map[string]string{"monitoring": "cloudwatch"}

// asked are the actions that a record stands for: its own, and what AWS checks
// beside it.
func asked(r wire.Record) []string {
	prefix := r.Service
	if other, ok := prefixes[prefix]; ok {
		prefix = other
	}
	out := []string{prefix + ":" + r.Operation}
	if r.Service == "scheduler" && (r.Operation == "CreateSchedule" || r.Operation == "UpdateSchedule") {
		out = append(out, "iam:PassRole") // that of the target
	}
	for name := range r.Params {
		switch {
		case strings.HasPrefix(name, "TagSpecification.") && !slices.Contains(out, "ec2:CreateTags"):
			out = append(out, "ec2:CreateTags") // tags at birth
		case strings.HasPrefix(name, "IamInstanceProfile.") && !slices.Contains(out, "iam:PassRole"):
			out = append(out, "iam:PassRole")
		}
	}
	return out
}

// policies reads the documents that the data source writes for sets of
// features, by a name of each set; tagged ones have require_tags.
func policies(t *testing.T, sets map[string][]string) (plain, tagged map[string]string) {
	t.Helper()
	w := acctest.NewWorld(t)
	names := slices.Sorted(maps.Keys(sets))
	var lists strings.Builder
	for _, name := range names {
		fmt.Fprintf(&lists, "  [\"%s\"],\n", strings.Join(sets[name], `", "`))
	}
	config := w.Provider("") + "locals {\n  sets = [\n" + lists.String() + "  ]\n}\n"
	plain, tagged = map[string]string{}, map[string]string{}
	read := func(kind string, into map[string]string) statecheck.StateCheck {
		config += fmt.Sprintf(`
data "cml_iam_policy" %[1]q {
  count        = length(local.sets)
  features     = local.sets[count.index]
  regions      = [%[2]q]
  require_tags = %[3]t
}
output %[1]q { value = jsonencode(data.cml_iam_policy.%[1]s[*].json) }
`, kind, home, kind == "tagged")
		return statecheck.ExpectKnownOutputValue(kind, knownvalue.StringFunc(func(s string) error {
			var all []string
			err := json.Unmarshal([]byte(s), &all)
			for i, document := range all {
				into[names[i]] = document
			}
			return err
		}))
	}
	checks := []statecheck.StateCheck{read("plain", plain), read("tagged", tagged)}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{Config: config, ConfigStateChecks: checks}}})
	return plain, tagged
}

func actions(t *testing.T, policy string) []string {
	t.Helper()
	var document struct {
		Statement []struct{ Action []string }
	}
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, s := range document.Statement {
		for _, a := range s.Action {
			all[a] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Each feature, in its rows below, with the permissions of those rows alone, on
// resources with the marker tag only.
func TestFeatures(t *testing.T) {
	acctest.Engine(t)
	all := maps.Clone(rows)
	for name, i := range invocations {
		all["action: "+name] = i
	}
	sets := map[string][]string{}
	for name, r := range all {
		sets[name] = r.features
		for _, f := range r.features {
			sets["only "+f] = []string{f}
		}
	}
	plain, tagged := policies(t, sets)
	// made are the actions that the rows of a feature asked for.
	made, ran := map[string]map[string]bool{}, 0
	for name, r := range all {
		t.Run(name, func(t *testing.T) {
			ran++
			for action := range r.run(t, tagged[name]) {
				for _, f := range r.features {
					if made[f] == nil {
						made[f] = map[string]bool{}
					}
					made[f][action] = true
				}
			}
		})
	}
	if t.Failed() || ran < len(all) {
		return // part of them tells nothing of what is too much
	}
	for _, feature := range features(t) {
		granted := actions(t, plain["only "+feature])
		for _, a := range granted {
			if !made[feature][a] && unseen[a] == "" {
				t.Errorf("%s allows %s, which no run of it asked for", feature, a)
			}
		}
		if with := actions(t, tagged["only "+feature]); !slices.Equal(granted, with) {
			t.Errorf("%s allows %v, and with require_tags %v", feature, granted, with)
		}
	}
	for action := range unseen {
		for feature := range made {
			if made[feature][action] {
				t.Errorf("%s is asked for in the open, by %s", action, feature)
			}
		}
	}
}

// elsewhere are features that nothing of Terraform's own uses, with the tests
// that show what they need.
var elsewhere = map[string]string{"publisher": "internal/publisher"}

var listed = regexp.MustCompile("(?m)^  \\* `([a-z_]+)`:")

// features are all that the data source knows, by its description. One without
// a row is an error.
func features(t *testing.T) []string {
	t.Helper()
	var schema datasource.SchemaResponse
	catalog.NewIAMPolicy().Schema(t.Context(), datasource.SchemaRequest{}, &schema)
	var out []string
	for _, m := range listed.FindAllStringSubmatch(schema.Schema.Attributes["features"].GetMarkdownDescription(), -1) {
		if elsewhere[m[1]] != "" {
			continue
		}
		out = append(out, m[1])
		uses := false
		for _, every := range []map[string]row{rows, invocations} {
			for _, r := range every {
				uses = uses || slices.Contains(r.features, m[1])
			}
		}
		if !uses {
			t.Errorf("no row uses the feature %s", m[1])
		}
	}
	if len(out) < 10 {
		t.Errorf("the data source lists %v", out)
	}
	return out
}

// run runs a row and returns the actions that it asked for.
func (r row) run(t *testing.T, policy string) map[string]bool {
	w := &world{World: acctest.NewWorld(t), t: t}
	if err := w.AWS.SetRolePolicy(aws.DefaultAccountID, "cml-admin", policy); err != nil {
		t.Fatal(err)
	}
	steps := r.steps(w)
	w.Recorder.Reset()
	if len(steps) > 0 {
		acctest.Test(t, resource.TestCase{Steps: steps})
	}
	for _, invoke := range w.invoke {
		invoke()
	}
	made := map[string]bool{}
	for _, record := range w.Recorder.All() {
		// Nobody needs a permission to ask who he is (STS API reference).
		if record.Service == "cml" || record.AccessKeyID == ownKey || record.Operation == "GetCallerIdentity" {
			continue
		}
		if record.StatusCode == http.StatusForbidden || record.Service != "ec2" && record.StatusCode == http.StatusBadRequest {
			t.Errorf("%v were refused %s:%s in %s (%d)", r.features, record.Service, record.Operation, record.Region, record.StatusCode)
		}
		for _, action := range asked(record) {
			made[action] = true
		}
	}
	return made
}
