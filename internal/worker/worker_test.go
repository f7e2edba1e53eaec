package worker_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestBasic(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config(w, nil),
			ConfigPlanChecks: planned(plancheck.ResourceActionCreate,
				knownAs("instance_type", knownvalue.StringExact("m8i.2xlarge")), knownAs("region", knownvalue.StringExact(region)),
				knownAs("subnet_id", knownvalue.StringExact(subnetA)), unknown("address"), unknown("url"), unknown("service_status")),
			ConfigStateChecks: []statecheck.StateCheck{
				exactly("instance_state", "running"), exactly("status", "running"), exactly("service_status", "available"),
				value("cml_ready", knownvalue.Bool(true)), value("connectable", knownvalue.Bool(true)),
				exactly("account_id", "123456789012"), exactly("vpc_id", seeded("vpc", 1)),
				value("metadata_options", knownvalue.ObjectExact(map[string]knownvalue.Check{
					"http_tokens": knownvalue.StringExact("required"), "http_put_response_hop_limit": knownvalue.Int64Exact(1)})),
				value("root_volume", knownvalue.ObjectPartial(map[string]knownvalue.Check{
					"type": knownvalue.StringExact("gp3"), "encrypted": knownvalue.Bool(true), "size_gib": knownvalue.Int64Exact(64)})),
				value("revision", knownvalue.NotNull()), value("launch_time", knownvalue.NotNull()),
			},
			Check: func(s *terraform.State) error {
				i, state := only(t, w), s.RootModule().Resources[lab].Primary.Attributes
				for name, want := range map[string]string{
					"id": i.ID, "public_ip": i.PublicIP, "private_ip": i.PrivateIP, "address": i.PublicIP,
					"url":                        fmt.Sprintf("https://%s:%d", i.PublicIP, w.Port()),
					"controller.tls.fingerprint": w.CML.Machine(i.ID).Fingerprint(),
					"arn":                        "arn:aws:ec2:us-east-1:123456789012:instance/" + i.ID,
				} {
					if state[name] != want || want == "" {
						return fmt.Errorf("%s is %q, want %q", name, state[name], want)
					}
				}
				tags := w.AWS.Region(region).Tags(i.ID)
				for key, want := range map[string]string{
					"Name": "lab-01", "cml:managed-by": "terraform-provider-cml", "cml:worker-name": "lab-01",
					"cml:port": fmt.Sprint(w.Port()), "cml:tls-sha256": w.CML.Machine(i.ID).Fingerprint(),
				} {
					if tags[key] != want {
						return fmt.Errorf("tag %s is %q, want %q", key, tags[key], want)
					}
				}
				if tags["cml:created_by"] == "" {
					return fmt.Errorf("no tag of the creator: %v", tags)
				}
				return nil
			},
		},
		{Config: config(w, nil), ConfigPlanChecks: unchanged()},
	}, CheckDestroy: func(*terraform.State) error {
		for _, i := range w.AWS.Region(region).Instances() {
			if i.State != "terminated" {
				return fmt.Errorf("%s is %s after destroy", i.ID, i.State)
			}
		}
		return nil
	}})
}

// TestLaunchRequest reads what RunInstances was really asked.
func TestLaunchRequest(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: config(w, args{"tags": `{ Owner = "netops" }`, "user_data": `"#cloud-config\n"`, "network": `{ public_ip = true }`, "iam_instance_profile": `"cml-worker"`, "monitoring": "true"}),
		Check: func(*terraform.State) error {
			all := launches(w)
			if len(all) != 1 {
				return fmt.Errorf("%d launches", len(all))
			}
			p := all[0].Params
			for name, want := range map[string]string{
				"MinCount": "1", "MaxCount": "1", "InstanceInitiatedShutdownBehavior": "stop", "MetadataOptions.HttpTokens": "required",
				"MetadataOptions.HttpPutResponseHopLimit": "1", "Monitoring.Enabled": "true", "IamInstanceProfile.Name": "cml-worker",
				"NetworkInterface.1.AssociatePublicIpAddress": "true", "NetworkInterface.1.SubnetId": subnetA, "NetworkInterface.1.SecurityGroupId.1": groupID,
				"BlockDeviceMapping.1.Ebs.Encrypted": "true", "CpuOptions.NestedVirtualization": "enabled",
				"UserData": base64.StdEncoding.EncodeToString([]byte("#cloud-config\n")),
			} {
				if got := p.Get(name); got != want {
					return fmt.Errorf("%s is %q, want %q in %v", name, got, want, p)
				}
			}
			if token := p.Get("ClientToken"); token == "" || len(token) > 64 {
				return fmt.Errorf("client token %q", token)
			}
			tagged := map[string]bool{}
			for key := range p {
				if strings.HasPrefix(key, "TagSpecification.") && strings.HasSuffix(key, ".ResourceType") {
					tagged[p.Get(key)] = true
				}
			}
			if !tagged["instance"] || !tagged["volume"] || !tagged["network-interface"] {
				return fmt.Errorf("tagged at launch: %v", tagged)
			}
			return nil
		},
	}}})
}

func TestHostnameMakesURLKnownAtPlan(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: config(w, args{"controller": `{ hostname = "lab-01.example.net" }`}),
		ConfigPlanChecks: planned(plancheck.ResourceActionCreate, unknown("address"),
			knownAs("url", knownvalue.StringExact(fmt.Sprintf("https://lab-01.example.net:%d", w.Port())))),
	}}})
}

func TestWriteOnlyUserData(t *testing.T) {
	t.Parallel()
	acctest.Engine(t, engine.WriteOnly)
	const planted = "s3cr3t-user-data-planted"
	w := acctest.NewWorld(t)
	text := func(version int) string {
		return config(w, args{"user_data_wo": fmt.Sprintf("%q", planted), "user_data_wo_version": fmt.Sprint(version)})
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: text(1),
			Check: func(s *terraform.State) error {
				if got := launches(w)[0].Params.Get("UserData"); got != base64.StdEncoding.EncodeToString([]byte(planted)) {
					return fmt.Errorf("user data on the wire: %q", got)
				}
				if strings.Contains(s.String(), planted) {
					return fmt.Errorf("the user data is in state")
				}
				return nil
			},
		},
		{
			PreConfig: reset(t, w), Config: text(2), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check:             calls(w, map[string]int{}),
			ConfigStateChecks: []statecheck.StateCheck{value("user_data_wo_version", knownvalue.Int64Exact(2))},
		},
	}})
}

func TestCapacityMovesToTheNextSubnet(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.AWS.Region(region).SetCapacity("m8i.2xlarge", subnetA, 0)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:            config(w, args{"subnet_ids": fmt.Sprintf("[%q, %q]", subnetA, subnetB)}),
		ConfigPlanChecks:  planned(plancheck.ResourceActionCreate, unknown("subnet_id")),
		ConfigStateChecks: []statecheck.StateCheck{exactly("subnet_id", subnetB)},
		Check:             func(*terraform.State) error { return count(launches(w), 2) },
	}, {
		Config: config(w, args{"subnet_ids": fmt.Sprintf("[%q, %q]", subnetB, private)}), ConfigPlanChecks: unchanged(),
	}}})
}

func count(records []wire.Record, want int) error {
	if len(records) != want {
		return fmt.Errorf("%d launches, want %d", len(records), want)
	}
	return nil
}

// Capacity comes as a server error from EC2, and the SDK must not repeat it.
func TestCapacityAsServerErrorIsAskedOnce(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.Faults.Add(wire.Rule{Service: "ec2", Operation: "RunInstances", Fault: wire.Fault{
		Kind: wire.Error, Code: "InsufficientInstanceCapacity", Status: 500, Message: "We currently do not have sufficient m8i.2xlarge capacity in the Availability Zone you requested."}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      config(w, nil),
		ExpectError: says("Use another instance type, a subnet in another availability zone"),
	}}})
	if err := count(launches(w), 1); err != nil {
		t.Error(err)
	}
}

func TestQuotaDoesNotTryTheNextSubnet(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.Faults.Add(wire.Rule{Service: "ec2", Operation: "RunInstances", Fault: wire.Fault{Kind: wire.Error, Code: "VcpuLimitExceeded", Status: 400, Message: "You have requested more vCPU capacity than your current vCPU limit of 0 allows"}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      config(w, args{"subnet_ids": fmt.Sprintf("[%q, %q]", subnetA, subnetB)}),
		ExpectError: says("Service Quotas"),
	}}})
	if err := count(launches(w), 1); err != nil {
		t.Error(err)
	}
}

func TestLostAnswerMakesOneMachine(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.Faults.Add(wire.Rule{Service: "ec2", Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: config(w, nil),
		Check: func(s *terraform.State) error {
			if id := only(t, w).ID; s.RootModule().Resources[lab].Primary.ID != id {
				return fmt.Errorf("state holds %s, EC2 has %s", s.RootModule().Resources[lab].Primary.ID, id)
			}
			return nil
		},
	}}})
}

// A provider that was killed after the launch leaves a machine that no state
// knows: the next create names it.
func TestOrphanIsNamedBeforeLaunch(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	first := config(w, nil)
	twin := strings.Replace(worker(nil), `"lab" {`, `"twin" {`, 1)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: first},
		{Config: first + strings.Replace(twin, "resource", "\nresource", 1)},
	}})
	names := w.Recorder.Filter(func(r wire.Record) bool {
		return r.Operation == "DescribeInstances" && strings.Contains(fmt.Sprint(r.Params), "tag:cml:worker-name")
	})
	if len(names) != 2 {
		t.Errorf("%d look-ups by name before 2 launches", len(names))
	}
}

// neverReady holds CML where it answers, but cannot start nodes.
func neverReady(t *testing.T) func(*cml.Machine) {
	return func(m *cml.Machine) {
		if err := m.HoldPhase(cml.NotReady); err != nil {
			t.Error(err)
		}
	}
}

func TestReadinessKeepResumes(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.CML.Prepare(neverReady(t))
	keep := args{"readiness": `{ until = "ready", timeout = "1s", on_timeout = "keep" }`}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config(w, keep), ExpectNonEmptyPlan: true,
			ConfigStateChecks: []statecheck.StateCheck{exactly("service_status", "starting"), value("connectable", knownvalue.Bool(false)),
				exactly("instance_state", "running")},
		},
		{
			PreConfig: func() {
				if err := w.CML.Machine(only(t, w).ID).ReleasePhase(); err != nil {
					t.Fatal(err)
				}
				w.Recorder.Reset()
			},
			// The refresh of this plan may already find the worker ready; either
			// way it ends available, without a call that changes anything but tags.
			Config:            config(w, keep),
			ConfigStateChecks: []statecheck.StateCheck{exactly("service_status", "available")},
			Check: func(*terraform.State) error {
				for op := range changes(w) {
					if op != "CreateTags" {
						return fmt.Errorf("%s was called", op)
					}
				}
				return nil
			},
		},
	}})
}

func TestReadinessTimeoutFailsAndTaints(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.CML.Prepare(neverReady(t))
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      config(w, args{"readiness": `{ timeout = "1s" }`}),
		ExpectError: says("CML worker did not become ready"),
	}}})
	// The tainted machine was in state, so the end of the test destroyed it.
	for _, i := range w.AWS.Region(region).Instances() {
		if i.State != "terminated" {
			t.Errorf("%s is %s", i.ID, i.State)
		}
	}
}

func TestEarlyTerminationSaysWhy(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.AWS.Region(region).EndNextLaunches(1, "Client.VolumeLimitExceeded", "Client.VolumeLimitExceeded: Volume limit exceeded")
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      config(w, nil),
		ExpectError: says("Client.VolumeLimitExceeded"),
	}}})
}

func TestWrongPasswordEndsTheWaitAtTheSecondTry(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the second login of a create, 10 s")
	}
	w := acctest.NewWorld(t)
	login := fmt.Sprintf(`controller = { port = %d, username = "admin", password = "wrong-p4ssw0rd" }`, w.Port())
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      w.Provider(login) + worker(args{"readiness": `{ until = "healthy" }`}),
		ExpectError: says("403"),
	}}})
	tries := w.Recorder.Filter(func(r wire.Record) bool { return r.Service == "cml" && strings.HasPrefix(r.Operation, "POST") })
	if len(tries) != 2 {
		t.Errorf("%d logins, want 2", len(tries))
	}
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:            w.Provider(w.Controller(true)) + worker(args{"readiness": `{ until = "healthy" }`}),
		ConfigStateChecks: []statecheck.StateCheck{exactly("service_status", "available")},
	}}})
}

func TestMinVersionEndsTheWait(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t, func(o *simulator.Options) { o.CML.Version = "2.8.0+build.1" })
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      config(w, args{"readiness": `{ min_version = "2.9.0" }`}),
		ExpectError: says("2.9.0"),
	}}})
}

func TestMenuOfTypesIsUnknownAtPlan(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	w.AWS.Region(region).SetCapacity("m8i.2xlarge", subnetA, 0)
	menu := args{"instance_type": "", "instance_types": `["m8i.2xlarge", "c8i.2xlarge"]`}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: config(w, menu), ConfigPlanChecks: planned(plancheck.ResourceActionCreate, unknown("instance_type")),
			ConfigStateChecks: []statecheck.StateCheck{exactly("instance_type", "c8i.2xlarge")},
		},
		{Config: config(w, args{"instance_type": "", "instance_types": `["r8i.4xlarge", "c8i.2xlarge"]`}), ConfigPlanChecks: unchanged()},
		{
			PreConfig: reset(t, w), Config: config(w, args{"instance_type": "", "instance_types": `["r8i.4xlarge", "m8i.4xlarge"]`}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownAs("instance_type", knownvalue.StringExact("r8i.4xlarge"))),
			Check:            calls(w, map[string]int{"StopInstances": 1, "ModifyInstanceAttribute": 1, "StartInstances": 1}),
		},
	}})
}

func TestUnknownArgumentsOfTheProvider(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: fmt.Sprintf(`
resource "terraform_data" "password" { input = "pw-%d" }
`, w.Port()) + w.Provider(fmt.Sprintf(`controller = {
  port     = %d
  username = "admin"
  password = terraform_data.password.output
}`, w.Port())) + worker(nil),
		ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction(lab, plancheck.ResourceActionCreate),
			plancheck.ExpectUnknownValue(lab, tfjsonpath.New("region")),
		}},
		ConfigStateChecks: []statecheck.StateCheck{exactly("service_status", "available")},
	}}})
}
