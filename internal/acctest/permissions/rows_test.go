package permissions_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

const home = "us-east-1"

func seeded(prefix string, serial int) string { return aws.SeededID(prefix, home, serial) }

var (
	image    = seeded("ami", aws.SerialImage290)
	subnet   = seeded("subnet", aws.SerialSubnetA)
	group    = seeded("sg", aws.SerialGroupCML)
	groupTwo = seeded("sg", aws.SerialGroupClosed)
)

// row is a way to use some features: what it does has to need all of their
// permissions, or other rows with the same feature do.
type row struct {
	features []string
	// steps are run with the permissions of the features; what the function does
	// itself is done by somebody else.
	steps func(*world) []resource.TestStep
}

// world is a simulated account, and a provider in it that may do little.
type world struct {
	*acctest.World
	t *testing.T
	// invoke are what a row does after its steps, without an engine.
	invoke []func()
}

// provider is a provider block of the role that the policy bounds.
func (w *world) provider(more string) string {
	return w.Provider(w.Controller(true) + fmt.Sprintf(`
  assume_role {
    role_arn = "arn:aws:iam::%s:role/cml-admin"
  }
  endpoints {
    servicequotas = %q
  }
  %s`, aws.DefaultAccountID, w.Endpoint(), more))
}

// machine makes a worker as an earlier run of this provider would have; it is
// ready. spot is nil for one on demand.
func (w *world) machine(spot *instance.Spot) string {
	w.t.Helper()
	marks := instance.ManagedTags{Enabled: true}.Markers("lab-01", "")
	marks["Name"] = "lab-01"
	found, err := w.EC2(home).Launch(w.t.Context(), instance.Launch{
		Name: "lab-01", ImageID: image, InstanceTypes: []string{"m8i.2xlarge"}, SubnetIDs: []string{subnet}, SecurityGroupIDs: []string{group},
		NestedVirtualization: instance.LaunchNestedAuto, Tags: marks, Spot: spot,
	}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("CML to be ready", func() bool { return w.CML.Machine(found.ID).Phase() == cml.Ready })
	return found.ID
}

func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// stop stops a machine as somebody else would.
func (w *world) stop(id string) {
	w.AWS.Region(home).StopOutside(id)
	w.until("the machine to stop", func() bool {
		i, _ := w.AWS.Region(home).Instance(id)
		return i.State == "stopped"
	})
}

// args are arguments of a worker, over those of the smallest one.
type args map[string]string

func worker(a args) string {
	body := args{"name": `"lab-01"`, "ami_id": fmt.Sprintf("%q", image), "instance_type": `"m8i.2xlarge"`,
		"subnet_ids": fmt.Sprintf("[%q]", subnet), "security_group_ids": fmt.Sprintf("[%q]", group)}
	maps.Copy(body, a)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(body)) {
		if body[k] != "" {
			fmt.Fprintf(&b, "  %s = %s\n", k, body[k])
		}
	}
	return "resource \"cml_worker\" \"lab\" {\n" + b.String() + "}\n"
}

// chain changes a worker step by step. The provider's own check of quotas is off
// unless the provider block is one that says otherwise.
func (w *world) chain(provider string, changes ...args) []resource.TestStep {
	if provider == "" {
		provider = `guardrails = { quota_check = "off" }`
	}
	now := args{}
	var out []resource.TestStep
	for _, c := range changes {
		maps.Copy(now, c)
		out = append(out, resource.TestStep{Config: w.provider(provider) + worker(now)})
	}
	return out
}

func steps(configs ...string) []resource.TestStep {
	out := make([]resource.TestStep, len(configs))
	for i, c := range configs {
		out[i].Config = c
	}
	return out
}

var rows = map[string]row{
	"look": {[]string{"read"}, func(w *world) []resource.TestStep {
		id := w.machine(nil)
		return []resource.TestStep{
			{Config: w.provider("") + fmt.Sprintf(`
data "cml_worker" "one" { id = %[1]q }
data "cml_workers" "all" { known_worker_ids = [%[1]q] }
data "cml_worker_status" "one" { worker_id = %[1]q }
data "cml_worker_health" "one" {
  worker_id  = %[1]q
  controller = { tls = { trust = "insecure" } }
}
data "cml_worker_idle" "one" {
  worker_id  = %[1]q
  controller = { tls = { trust = "insecure" } }
}
data "cml_worker_dashboard" "one" { worker_ids = [%[1]q] }
data "cml_ami" "newest" { name_pattern = "CML-*" }
data "cml_instance_types" "fit" { min_vcpus = 4 }
data "cml_security_group_rules" "ports" {}
`, id)},
			{
				Config:      w.provider("") + fmt.Sprintf("data \"cml_worker_status\" \"nowhere\" {\n  worker_id = %q\n  region    = \"us-east-9\"\n}\n", id),
				ExpectError: regexp.MustCompile("us-east-9"),
			},
		}
	}},
	"worker": {[]string{"read", "create", "delete"}, func(w *world) []resource.TestStep {
		const provider = "guardrails = { preflight = \"error\", quota_check = \"off\" }\n  region_defaults = { %s = { vpc_id = %q } }"
		return w.chain(fmt.Sprintf(provider, home, seeded("vpc", 1)), args{"iam_instance_profile": `"cml-worker"`, "tags": `{ Owner = "netops" }`, "root_volume": `{ size_gib = 80 }`,
			"protection": `{ termination = true, stop = true }`, "on_destroy": `{ override_protection = true }`})
	}},
	"filter": {[]string{"read", "create", "delete"}, func(w *world) []resource.TestStep {
		return w.chain("", args{"ami_id": "", "ami_filter": `{ name_pattern = "CML-*" }`, "instance_type": "", "instance_types": `["m8i.2xlarge", "c8i.2xlarge"]`})
	}},
	"spot": {[]string{"read", "create", "delete"}, func(w *world) []resource.TestStep {
		return w.chain("", args{"market": `{ type = "spot", interruption = "stop" }`})
	}},
	"changes": {[]string{"read", "create", "change", "delete"}, func(w *world) []resource.TestStep {
		w.AWS.AddInstanceProfile(aws.DefaultAccountID, "other", 0)
		return w.chain("",
			args{"network": `{ ipv6_address_count = 1, public_ip = true }`},
			args{"name": `"lab-02"`, "tags": `{ Owner = "netops" }`},
			args{"tags": ""},
			args{"security_group_ids": fmt.Sprintf("[%q, %q]", group, groupTwo)},
			args{"monitoring": "true"},
			args{"monitoring": "false"},
			args{"metadata_options": `{ http_put_response_hop_limit = 2 }`},
			args{"iam_instance_profile": `"cml-worker"`},
			args{"iam_instance_profile": `"other"`},
			args{"iam_instance_profile": ""},
			args{"root_volume": `{ size_gib = 200 }`},
			args{"protection": `{ termination = true }`},
			args{"protection": ""},
			args{"network": `{ ipv6_address_count = 2, public_ip = true }`},
			args{"network": `{ ipv6_address_count = 1, public_ip = true }`},
			args{"network": `{ ipv6_address_count = 1, public_ip = false }`},
			args{"instance_type": `"m8i.4xlarge"`},
			args{"nested_virtualization": `"disabled"`, "readiness": `{ until = "running" }`},
			args{"user_data": `"#cloud-config"`, "user_data_change": `"restart"`},
		)
	}},
	"elastic addresses": {[]string{"read", "create", "eip", "delete"}, func(w *world) []resource.TestStep {
		return w.chain("", args{"network": `{ eip = { allocate = true } }`}, args{"network": `{ public_ip = true }`}, args{"network": `{ public_ip = true, eip = { allocate = true } }`})
	}},
	"power": {[]string{"read", "power"}, func(w *world) []resource.TestStep { // of a spot worker, which needs a look at its request
		power := func(state string) string {
			return w.provider("") + fmt.Sprintf("resource \"cml_worker_power\" \"lab\" {\n  worker_id = %q\n  state     = %q\n}\n", w.id(), state)
		}
		w.machine(&instance.Spot{Interruption: "stop"})
		return steps(power("running"), power("stopped"), power("running"))
	}},
	"costs": {[]string{"read", "create", "cost", "delete"}, func(w *world) []resource.TestStep {
		all := w.chain(fmt.Sprintf("guardrails = { quota_check = \"off\", max_hourly_cost = 100 }\n  endpoints {\n    pricing = %q\n  }", w.Endpoint()), args{"market": `{ type = "spot" }`})
		all[0].Config += "data \"cml_worker_cost\" \"lab\" {\n  worker_id = cml_worker.lab.id\n}\ndata \"cml_instance_types\" \"cheapest\" {\n  order_by = \"price\"\n}\n"
		return all
	}},
	"cost of a stopped worker": {[]string{"read", "cost"}, func(w *world) []resource.TestStep {
		id := w.machine(nil)
		w.stop(id)
		return steps(w.provider(fmt.Sprintf("endpoints {\n    pricing = %q\n  }", w.Endpoint())) + fmt.Sprintf("data \"cml_worker_cost\" \"lab\" {\n  worker_id = %q\n}\n", id))
	}},
	"schedule": {[]string{"read", "schedule"}, func(w *world) []resource.TestStep {
		schedule := func(crons string) string {
			return w.provider("") + fmt.Sprintf("resource \"cml_worker_schedule\" \"lab\" {\n  worker_id = %q\n  role_arn  = \"arn:aws:iam::%s:role/cml-scheduler\"\n  timezone  = \"Europe/Berlin\"\n  %s\n}\n", w.id(), aws.DefaultAccountID, crons)
		}
		w.machine(nil)
		return steps(schedule(`stop_cron = "0 19 * * ? *"`), schedule(`stop_cron = "0 20 * * ? *"`))
	}},
	"metrics": {[]string{"read", "metrics"}, func(w *world) []resource.TestStep {
		return steps(w.provider("") + fmt.Sprintf("data \"cml_worker_metrics\" \"lab\" {\n  worker_id = %q\n  metrics   = [\"cpu\", \"memory\"]\n}\n", w.machine(nil)))
	}},
	"idle policy": {[]string{"read", "idle_policy"}, func(w *world) []resource.TestStep {
		policy := func(tags string) string {
			return w.provider("") + fmt.Sprintf("resource \"cml_worker_idle_policy\" \"lab\" {\n  worker_id     = %q\n  idle_warning  = \"20m\"\n  sns_topic_arn = \"arn:aws:sns:us-east-1:%s:idle\"\n  tags          = %s\n}\n", w.id(), aws.DefaultAccountID, tags)
		}
		w.machine(nil)
		return steps(policy(`{ A = "1", B = "2" }`), policy(`{ A = "2" }`))
	}},
	"idle policy without warm-up": {[]string{"read", "idle_policy"}, func(w *world) []resource.TestStep {
		w.AWS.DropWarmUps()
		return steps(w.provider("") + fmt.Sprintf("resource \"cml_worker_idle_policy\" \"lab\" {\n  worker_id = %q\n}\n", w.machine(nil)))
	}},
	"snapshot": {[]string{"read", "snapshot"}, func(w *world) []resource.TestStep {
		set := func(tags string) string {
			return w.provider("") + fmt.Sprintf("resource \"cml_worker_snapshot\" \"lab\" {\n  worker_id = %q\n  quiesce   = \"stop\"\n  tags      = %s\n}\n", w.id(), tags)
		}
		w.machine(nil)
		return steps(set(`{ A = "1", B = "2" }`), set(`{ A = "2" }`))
	}},
	"final snapshot": {[]string{"read", "create", "snapshot", "delete"}, func(w *world) []resource.TestStep {
		return w.chain("", args{"on_destroy": `{ final_snapshot = true }`})
	}},
	"console": {[]string{"read", "create", "diagnose", "delete"}, func(w *world) []resource.TestStep {
		all := w.chain("", args{"readiness": `{ until = "licensed", timeout = "1s", diagnostics = { console_output = true } }`})
		all[0].ExpectError = regexp.MustCompile("console output")
		return all
	}},
	"quotas": {[]string{"read", "create", "quota_check", "delete"}, func(w *world) []resource.TestStep {
		return w.chain("guardrails = { quota_check = \"error\" }", args{})
	}},
	"secrets": {[]string{"read", "secrets"}, func(w *world) []resource.TestStep {
		id, admin := w.machine(nil), w.CML.Admin()
		account := aws.Secret{Text: fmt.Sprintf(`{"username": %q, "password": %q}`, admin.Username, admin.Password)}
		w.AWS.Region(home).SetSecret("cml/lab", account)
		w.AWS.Region(home).SetParameter("/cml/lab", account.Text, true)
		health := func(reference string) string {
			return w.provider("") + fmt.Sprintf("data \"cml_worker_health\" \"lab\" {\n  worker_id  = %q\n  controller = { tls = { trust = \"insecure\" }, credentials = { %s } }\n}\n", id, reference)
		}
		return steps(health(`secretsmanager_secret_id = "cml/lab"`), health(`ssm_parameter_name = "/cml/lab"`))
	}},
	"licence": {[]string{"read", "delete"}, func(w *world) []resource.TestStep {
		id := w.machine(nil)
		license := func(more string) string {
			return w.provider("") + fmt.Sprintf("resource \"cml_worker_license\" \"lab\" {\n  worker_id  = %q\n  product    = \"CML_Enterprise\"\n  token_wo   = \"bmV3LXRva2VuLW9mLWEtdGVzdA%%3D%%3D\"\n  controller = { tls = { trust = \"insecure\" } }\n  %s\n}\n", id, more)
		}
		return []resource.TestStep{{Config: license("")}, {PreConfig: func() { w.stop(id) }, Config: license(""), Destroy: true}}
	}},
}

// id is the one machine of the world.
func (w *world) id() string { return w.AWS.Region(home).Instances()[0].ID }
