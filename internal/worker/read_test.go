package worker_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestStoppedOutsideIsNoChange(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{
			PreConfig: func() { stopOutside(t, w) }, RefreshState: true,
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr(lab, "instance_state", "stopped"), resource.TestCheckResourceAttr(lab, "service_status", "unavailable"),
				resource.TestCheckNoResourceAttr(lab, "public_ip"), resource.TestCheckNoResourceAttr(lab, "address"), resource.TestCheckNoResourceAttr(lab, "url"),
				resource.TestCheckResourceAttr(lab, "connectable", "false")),
		},
		{Config: config(w, nil), ConfigPlanChecks: unchanged()},
		{
			// Started again it has another address, and that is no change either.
			PreConfig: func() { w.AWS.Region(region).StartOutside(only(t, w).ID); waitState(t, w, "running") },
			Config:    config(w, nil), ConfigPlanChecks: unchanged(),
		},
	}})
}

func waitState(t *testing.T, w *acctest.World, state string) {
	t.Helper()
	for range 500 {
		if only(t, w).State == state {
			return
		}
		pause()
	}
	t.Fatalf("the worker does not become %s", state)
}

func TestTerminatedOutsideIsCreatedAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*acctest.World, string){
		"terminated": func(w *acctest.World, id string) { w.AWS.Region(region).TerminateOutside(id) },
		"forgotten":  func(w *acctest.World, id string) { w.AWS.Region(region).Forget(id) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
				{Config: config(w, nil)},
				{
					PreConfig: func() { end(w, only(t, w).ID) },
					Config:    config(w, nil), ConfigPlanChecks: planned(plancheck.ResourceActionCreate),
				},
			}})
		})
	}
}

// Credentials of another account see nothing, which proves nothing: the worker
// stays in state.
func TestWrongAccountIsAnError(t *testing.T) {
	t.Parallel()
	const other = "AKIAOTHERACCOUNTEXAM"
	w := acctest.NewWorld(t, func(o *simulator.Options) {
		o.AWS.Accounts = []aws.Account{{ID: "210987654321", Keys: []aws.Key{{AccessKeyID: other}}}}
	})
	wrong := regexp.MustCompile(`AKIAIOSFODNN7EXAMPLE`).ReplaceAllString(config(w, nil), other)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{Config: wrong, ExpectError: says("not visible with these credentials")},
		{Config: config(w, nil), ConfigPlanChecks: unchanged()},
	}})
	if n := len(launches(w)); n != 1 {
		t.Errorf("%d launches", n)
	}
}

func TestThrottledReadIsRetried(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{
			PreConfig: func() {
				w.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstances", Times: 2, Fault: wire.Fault{Kind: wire.Throttle}})
			},
			Config: config(w, nil), ConfigPlanChecks: unchanged(),
		},
	}})
}

func TestChangedPinIsSaid(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{
			PreConfig: func() {
				if err := w.CML.Machine(only(t, w).ID).ReplaceCertificate("other.example.net"); err != nil {
					t.Fatal(err)
				}
			},
			RefreshState: true,
			Check:        resource.TestCheckResourceAttr(lab, "service_status", "unknown"),
		},
		{
			// The resize restarts the worker and meets the other certificate.
			Config: config(w, args{"instance_type": `"m8i.4xlarge"`}), ExpectError: says("fingerprint"),
		},
		{Config: config(w, nil), SkipFunc: func() (bool, error) { return true, nil }},
	}})
}

func TestRefreshProbeCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	quiet := w.Provider(w.Controller(false)+"\n  refresh_probe = false") + worker(nil)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: quiet},
		{
			PreConfig: reset(t, w), Config: quiet, ConfigPlanChecks: unchanged(),
			Check: func(*terraform.State) error {
				if n := len(w.Recorder.Filter(func(r wire.Record) bool { return r.Service == "cml" })); n > 0 {
					return fmt.Errorf("CML was asked %d times", n)
				}
				return nil
			},
		},
		{
			Config: config(w, nil), ConfigPlanChecks: unchanged(),
			Check: func(*terraform.State) error {
				if n := len(w.Recorder.Filter(func(r wire.Record) bool { return r.Service == "cml" })); n == 0 {
					return fmt.Errorf("CML was not asked with the probe on")
				}
				return nil
			},
		},
	}})
}

func TestImport(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]func(i aws.Instance) string{
		"bare":        func(i aws.Instance) string { return i.ID },
		"with suffix": func(i aws.Instance) string { return i.ID + "@" + region },
		"with prefix": func(i aws.Instance) string { return region + ":" + i.ID },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			all := args{"tags": `{ Owner = "netops" }`, "monitoring": "true", "key_name": `"cml"`, "iam_instance_profile": `"cml-worker"`}
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
				{Config: config(w, all)},
				{
					ResourceName: lab, ImportState: true, ImportStateVerify: true,
					ImportStateIdFunc: func(*terraform.State) (string, error) { return id(only(t, w)), nil },
					// revision is a nonce, and what was only wished for cannot be read.
					ImportStateVerifyIgnore: []string{"revision", "timeouts"},
				},
			}})
		})
	}
}

// A machine made by hand, with unusual settings: the plan after the import is
// empty where EC2 can tell everything, and what it cannot tell is recorded by
// one update without a call.
func TestImportPlansNothing(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	machine, err := w.EC2(region).Launch(t.Context(), instance.Launch{
		Name: "by-hand", ImageID: image, InstanceTypes: []string{"c5.2xlarge"}, SubnetIDs: []string{subnetA}, SecurityGroupIDs: []string{groupTwo},
		RootVolume: instance.RootVolume{Type: ptr("gp2"), Encrypted: ptr(false), SizeGiB: ptr(int32(90))}, Metadata: instance.MetadataOptions{HTTPTokens: "optional", HopLimit: 3},
		Tags: map[string]string{"Name": "by-hand", "Owner": "x"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	waitState(t, w, "running")
	imported := fmt.Sprintf("import {\n  to = cml_worker.lab\n  id = %q\n}\n", machine.ID)
	plain := args{"name": `"by-hand"`, "instance_type": `"c5.2xlarge"`, "tags": `{ Owner = "x" }`, "security_group_ids": fmt.Sprintf("[%q]", groupTwo)}
	and := func(a args, name, value string) args {
		out := args{name: value}
		for k, v := range a {
			out[k] = v
		}
		return out
	}
	more := args{"readiness": `{ until = "running" }`, "network": `{ public_ip = true }`, "user_data": `"text"`, "timeouts": `{ create = "50m" }`}
	for k, v := range plain {
		more[k] = v
	}
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config:           imported + config(w, and(plain, "subnet_ids", fmt.Sprintf("[%q, %q]", subnetB, subnetA))),
				ConfigPlanChecks: planned(plancheck.ResourceActionNoop),
				Check:            calls(w, map[string]int{"RunInstances": 1}),
			},
			{
				PreConfig: reset(t, w), Config: config(w, more),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownAs("address", knownvalue.NotNull()), knownAs("revision", knownvalue.NotNull())),
				Check:            calls(w, map[string]int{}),
			},
			{Config: config(w, more), ConfigPlanChecks: unchanged()},
		},
	})
}

func ptr[T any](v T) *T { return &v }

func TestImportOfNothing(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	steps := []resource.TestStep{{Config: config(w, nil)}}
	for id, want := range map[string]string{
		"i-0123456789abcdef0":         "CML worker not found",
		"lab-01":                      "does not name an instance",
		"i-0123456789abcdef0@nowhere": "is not the name of an AWS region",
	} {
		steps = append(steps, resource.TestStep{ResourceName: lab, ImportState: true, ImportStateId: id, ExpectError: says(want)})
	}
	acctest.Test(t, resource.TestCase{Steps: steps})
}

func TestImportByIdentity(t *testing.T) {
	t.Parallel()
	acctest.Engine(t, engine.Identity)
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: config(w, nil),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectIdentityValue(lab, tfjsonpath.New("region"), knownvalue.StringExact(region)),
					statecheck.ExpectIdentityValue(lab, tfjsonpath.New("account_id"), knownvalue.StringExact("123456789012")),
				},
			},
			{ResourceName: lab, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
		},
	})
}

func TestDataSource(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	look := func(by string) string {
		return config(w, args{"controller": `{ hostname = "lab-01.example.net" }`, "tags": `{ Owner = "netops" }`}) + fmt.Sprintf(`
data "cml_worker" "found" {
  %s
  depends_on = [cml_worker.lab]
}
`, by)
	}
	same := func(names ...string) []statecheck.StateCheck {
		var out []statecheck.StateCheck
		for _, name := range names {
			out = append(out, statecheck.CompareValuePairs("data.cml_worker.found", tfjsonpath.New(name), lab, tfjsonpath.New(name), sameValue{}))
		}
		return out
	}
	steps := []resource.TestStep{}
	for _, by := range []string{"id = cml_worker.lab.id", `name = "lab-01"`, `tags = { Owner = "netops" }`} {
		steps = append(steps, resource.TestStep{
			Config:            look(by),
			ConfigStateChecks: same("id", "name", "region", "arn", "address", "url", "instance_state", "service_status", "cml_version", "public_ip", "private_ip", "account_id"),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr("data.cml_worker.found", "controller.hostname", "lab-01.example.net"),
				resource.TestCheckResourceAttr("data.cml_worker.found", "controller.port", fmt.Sprint(w.Port()))),
		})
	}
	acctest.Test(t, resource.TestCase{Steps: steps})
}

// A look-up from another repository knows neither port nor host name: the
// managed tags tell it.
func TestDataSourceLearnsFromTags(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{
			Config: w.Provider(w.Controller(false)) + worker(nil) + `
data "cml_worker" "found" { name = "lab-01" }
`,
		},
		{
			Config: w.Provider("") + worker(nil) + `
data "cml_worker" "found" { name = "lab-01" }
`,
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr("data.cml_worker.found", "controller.port", fmt.Sprint(w.Port())),
				resource.TestCheckResourceAttr("data.cml_worker.found", "service_status", "available")),
		},
	}})
}

func TestDataSourceFindsNoneOrSeveral(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	two := config(w, nil) + "\n" + regexp.MustCompile(`"lab"`).ReplaceAllString(worker(args{"tags": `{ Twin = "yes" }`}), `"twin"`)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: two},
		{Config: two + `
data "cml_worker" "found" { name = "lab-01" }
`, ExpectError: says("2 live workers with name")},
		{Config: two + `
data "cml_worker" "found" { name = "lab-99" }
`, ExpectError: regexp.MustCompile(`(?s)No live worker with name "lab-99".*i-[0-9a-f]+\s+"lab-01"`)},
		{Config: two + `
data "cml_worker" "found" { tags = { Twin = "no", Floor = "2" } }
`, ExpectError: says(`No live worker with tags Floor = "2", Twin = "no" in`)},
		{Config: two + `
data "cml_worker" "found" { 
  name = "lab-01"
  id   = "i-0123456789abcdef0" 
}
`, ExpectError: says("Invalid Attribute Combination")},
		{Config: two + `
data "cml_worker" "found" { id = "i-0123456789abcdef0" }
`, ExpectError: says("CML worker not found")},
		{Config: two},
	}})
}
