package worker_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// Each change in place: the planned action, the calls made, and no others.
// TestInPlace makes one change after the other to one worker: what each of them
// calls, and that addresses and revision stay. The engine plans again after
// every apply, so that an apply that settles nothing fails too.
func TestInPlace(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	now := args{}
	steps := []resource.TestStep{{Config: config(w, now)}}
	for _, c := range []struct {
		change args
		calls  map[string]int // nil: not counted
		after  []statecheck.StateCheck
	}{
		{args{"name": `"lab-02"`}, map[string]int{"CreateTags": 1}, []statecheck.StateCheck{exactly("name", "lab-02"),
			value("managed_tags", knownvalue.MapPartial(map[string]knownvalue.Check{"cml:worker-name": knownvalue.StringExact("lab-02")}))}},
		{args{"tags": `{ Owner = "netops" }`}, map[string]int{"CreateTags": 1}, []statecheck.StateCheck{
			value("tags_all", knownvalue.MapExact(map[string]knownvalue.Check{"Owner": knownvalue.StringExact("netops")}))}},
		{args{"security_group_ids": fmt.Sprintf("[%q, %q]", groupID, groupTwo)}, map[string]int{"ModifyInstanceAttribute": 1}, nil},
		{args{"monitoring": "true"}, map[string]int{"MonitorInstances": 1}, []statecheck.StateCheck{value("monitoring", knownvalue.Bool(true))}},
		{args{"metadata_options": `{ http_put_response_hop_limit = 2 }`}, map[string]int{"ModifyInstanceMetadataOptions": 1}, nil},
		{args{"iam_instance_profile": `"cml-worker"`}, map[string]int{"AssociateIamInstanceProfile": 1}, nil},
		{args{"root_volume": `{ size_gib = 100 }`}, map[string]int{"ModifyVolume": 1}, []statecheck.StateCheck{
			value("root_volume", knownvalue.ObjectPartial(map[string]knownvalue.Check{"size_gib": knownvalue.Int64Exact(100)}))}},
		{args{"root_volume": `{ iops = 4000, throughput = 250 }`}, map[string]int{"ModifyVolume": 1}, nil},
		{args{"root_volume": `{ delete_on_termination = false }`}, map[string]int{"ModifyInstanceAttribute": 1}, nil},
		{args{"readiness": `{ until = "api", timeout = "600s" }`}, map[string]int{}, nil},
		{args{"timeouts": `{ create = "50m" }`}, map[string]int{}, nil},
		{args{"user_data": `"other"`}, map[string]int{}, nil},
		{args{"allow_stop_for_update": "false"}, map[string]int{}, nil},
		// The pin goes with the trust, and its tag with it.
		{args{"controller": `{ tls = { trust = "verify" } }`}, nil, nil},
	} {
		maps.Copy(now, c.change)
		step := resource.TestStep{
			PreConfig: reset(t, w), Config: config(w, now), ConfigStateChecks: c.after,
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownAs("address", knownvalue.NotNull()), knownAs("revision", knownvalue.NotNull())),
		}
		if c.calls != nil {
			step.Check = calls(w, c.calls)
		}
		steps = append(steps, step)
	}
	acctest.Test(t, resource.TestCase{Steps: steps})
}

func TestTagsReachVolumeAndInterface(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"tags": `{ Old = "1", Same = "s" }`})},
		{
			PreConfig: reset(t, w), Config: config(w, args{"tags": `{ New = "2", Same = "s" }`}),
			Check: func(s *terraform.State) error {
				state := s.RootModule().Resources[lab].Primary.Attributes
				for _, id := range []string{state["id"], state["root_volume_id"], state["network_interface_id"]} {
					tags := w.AWS.Region(region).Tags(id)
					if _, old := tags["Old"]; old || tags["New"] != "2" || tags["Same"] != "s" || tags["Name"] != "lab-01" {
						return fmt.Errorf("tags of %s: %v", id, tags)
					}
				}
				return calls(w, map[string]int{"CreateTags": 1, "DeleteTags": 1})(s)
			},
		},
	}})
}

func TestDefaultTagsAndIgnoredTags(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	provider := func(team string) string {
		return w.Provider(fmt.Sprintf(`controller = { port = %d }
  default_tags {
    tags = { Team = %q }
  }
  ignore_tags {
    key_prefixes = ["backup:"]
  }`, w.Port(), team))
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: provider("net") + worker(args{"tags": `{ Owner = "netops" }`}),
			ConfigStateChecks: []statecheck.StateCheck{value("tags_all", knownvalue.MapExact(map[string]knownvalue.Check{
				"Team": knownvalue.StringExact("net"), "Owner": knownvalue.StringExact("netops")}))},
		},
		{
			PreConfig: func() {
				id := only(t, w).ID
				tags := w.AWS.Region(region).Tags(id)
				tags["backup:plan"] = "daily"
				w.AWS.Region(region).SetTags(id, tags)
			},
			Config: provider("net") + worker(args{"tags": `{ Owner = "netops" }`}), ConfigPlanChecks: unchanged(),
		},
		{
			Config: provider("ops") + worker(args{"tags": `{ Owner = "netops" }`}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate,
				knownAs("tags_all", knownvalue.MapExact(map[string]knownvalue.Check{"Team": knownvalue.StringExact("ops"), "Owner": knownvalue.StringExact("netops")}))),
			Check: func(*terraform.State) error {
				if tags := w.AWS.Region(region).Tags(only(t, w).ID); tags["Team"] != "ops" || tags["backup:plan"] != "daily" {
					return fmt.Errorf("tags: %v", tags)
				}
				return nil
			},
		},
	}})
}

func TestVolumeCannotShrink(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"root_volume": `{ size_gib = 100 }`})},
		{PreConfig: reset(t, w), Config: config(w, args{"root_volume": `{ size_gib = 80 }`}), PlanOnly: true, ExpectError: says("set size_gib to 100 or more")},
		{Config: config(w, args{"root_volume": `{ size_gib = 100 }`}), ConfigPlanChecks: unchanged()},
	}})
}

// A resize of a running worker: one stop, one start, fresh addresses, and a
// dependant that is right in the same apply.
func TestResizeRunning(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	dependant := `
resource "terraform_data" "dependant" { input = cml_worker.lab.url }
`
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil) + dependant},
		{
			PreConfig: reset(t, w), Config: config(w, args{"instance_type": `"m8i.4xlarge"`}) + dependant,
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknown("address"), unknown("url"), unknown("revision"), unknown("instance_state"), unknown("service_status"),
				knownAs("private_ip", knownvalue.NotNull()), knownAs("id", knownvalue.NotNull())),
			ConfigStateChecks: []statecheck.StateCheck{exactly("instance_type", "m8i.4xlarge"), exactly("service_status", "available")},
			Check: resource.ComposeTestCheckFunc(
				calls(w, map[string]int{"StopInstances": 1, "ModifyInstanceAttribute": 1, "StartInstances": 1}),
				func(s *terraform.State) error {
					want := fmt.Sprintf("https://%s:%d", only(t, w).PublicIP, w.Port())
					if got := s.RootModule().Resources["terraform_data.dependant"].Primary.Attributes["output"]; got != want {
						return fmt.Errorf("the dependant has %s, the worker %s", got, want)
					}
					return nil
				},
			),
		},
		{Config: config(w, args{"instance_type": `"m8i.4xlarge"`}) + dependant, ConfigPlanChecks: unchanged()},
	}})
}

func TestResizeStoppedStaysStopped(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{
			PreConfig:         func() { stopOutside(t, w); w.Recorder.Reset() },
			Config:            config(w, args{"instance_type": `"m8i.4xlarge"`}),
			ConfigPlanChecks:  planned(plancheck.ResourceActionUpdate, knownAs("instance_state", knownvalue.StringExact("stopped"))),
			ConfigStateChecks: []statecheck.StateCheck{exactly("instance_type", "m8i.4xlarge"), exactly("instance_state", "stopped")},
			Check:             calls(w, map[string]int{"ModifyInstanceAttribute": 1}),
		},
		{Config: config(w, args{"instance_type": `"m8i.4xlarge"`}), ConfigPlanChecks: unchanged()},
	}})
}

// stopOutside stops the one worker behind Terraform's back, and waits for it.
func stopOutside(t *testing.T, w *acctest.World) {
	t.Helper()
	id := only(t, w).ID
	w.AWS.Region(region).StopOutside(id)
	for range 500 {
		if i, _ := w.AWS.Region(region).Instance(id); i.State == "stopped" {
			return
		}
		pause()
	}
	t.Fatalf("%s does not stop", id)
}

func TestResizeRefusedWithoutLeave(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	resized := args{"instance_type": `"m8i.4xlarge"`, "allow_stop_for_update": "false"}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"allow_stop_for_update": "false"})},
		{PreConfig: reset(t, w), Config: config(w, resized), PlanOnly: true, ExpectError: says("allow_stop_for_update is false")},
		{
			PreConfig: func() {
				if got := changes(w); len(got) > 0 {
					t.Errorf("calls of a refused plan: %v", got)
				}
				stopOutside(t, w)
			},
			Config: config(w, resized), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
		},
	}})
}

// No capacity for the new type: the old one runs again, the error names both,
// and the state tells the truth.
func TestResizeWithoutCapacityGoesBack(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{
			PreConfig: func() {
				w.Faults.Add(wire.Rule{Service: "ec2", Operation: "StartInstances", Times: 1, Fault: wire.Fault{
					Kind: wire.Error, Code: "InsufficientInstanceCapacity", Status: 500, Message: "Insufficient capacity."}})
				w.Recorder.Reset()
			},
			Config: config(w, args{"instance_type": `"m5zn.metal"`}), ExpectError: says("it runs as m8i.2xlarge again"),
		},
		{
			PreConfig: func() {
				if got := changes(w); got["StopInstances"] != 1 || got["StartInstances"] != 2 {
					t.Errorf("calls: %v", got)
				}
				if i := only(t, w); i.Type != "m8i.2xlarge" || i.State != "running" {
					t.Errorf("the worker is %s and %s", i.Type, i.State)
				}
			},
			Config: config(w, nil), ConfigStateChecks: []statecheck.StateCheck{exactly("instance_type", "m8i.2xlarge"), exactly("service_status", "available")},
		},
	}})
}

func TestReplacements(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]args{
		"image":      {"ami_id": fmt.Sprintf("%q", newImage)},
		"subnet":     {"subnet_ids": fmt.Sprintf("[%q]", subnetB)},
		"key":        {"key_name": `"cml"`},
		"encryption": {"root_volume": `{ encrypted = false }`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
				{Config: config(w, nil)},
				{
					PreConfig: reset(t, w), Config: config(w, change),
					ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate, unknown("id"), unknown("address")),
					Check:            calls(w, map[string]int{"TerminateInstances": 1, "RunInstances": 1, "CreateTags": 1}),
				},
				{Config: config(w, change), ConfigPlanChecks: unchanged()},
			}})
		})
	}
}

// The wish for a public address changes in place; what it makes unknown is
// right after the apply.
func TestPublicIPInPlace(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"network": `{ public_ip = true }`})},
		{
			PreConfig: reset(t, w), Config: config(w, args{"network": `{ public_ip = false }`}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknown("public_ip"), unknown("revision"),
				knownAs("instance_state", knownvalue.StringExact("running"))),
			ConfigStateChecks: []statecheck.StateCheck{value("public_ip", knownvalue.Null()),
				statecheck.CompareValuePairs(lab, tfjsonpath.New("address"), lab, tfjsonpath.New("private_ip"), sameValue{})},
			Check: calls(w, map[string]int{"ModifyNetworkInterfaceAttribute": 1, "CreateTags": 1}),
		},
		{Config: config(w, args{"network": `{ public_ip = false }`}), ConfigPlanChecks: unchanged()},
	}})
}

type sameValue struct{}

func (sameValue) CompareValues(values ...any) error {
	if len(values) == 2 && values[0] == values[1] {
		return nil
	}
	return fmt.Errorf("not the same: %v", values)
}

// An update that fails half-way says in state what was done.
func TestHalfDoneUpdate(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	both := args{"tags": `{ Owner = "netops" }`, "monitoring": "true"}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, nil)},
		{
			PreConfig: func() {
				w.AWS.Deny("123456789012", "ec2:MonitorInstances")
			},
			Config: config(w, both), ExpectError: says("ec2:MonitorInstances"),
		},
		{
			PreConfig: func() { w.AWS.Deny("123456789012") }, Config: config(w, both),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate,
				knownAs("tags_all", knownvalue.MapExact(map[string]knownvalue.Check{"Owner": knownvalue.StringExact("netops")}))),
			Check: func(s *terraform.State) error {
				// The tags were written by the first try and are not written again.
				n := len(w.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "CreateTags" && r.Params.Get("Tag.1.Key") == "Owner" }))
				if n != 1 {
					return fmt.Errorf("tags written %d times", n)
				}
				return nil
			},
		},
	}})
}

func TestRateLimitOfVolumeShowsEC2sText(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t, func(o *simulator.Options) { o.AWS.RateLimitVolumeChanges = 6 * hour })
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"root_volume": `{ size_gib = 100 }`})},
		{Config: config(w, args{"root_volume": `{ size_gib = 110 }`})},
		{Config: config(w, args{"root_volume": `{ size_gib = 120 }`}), ExpectError: says("VolumeModificationRateExceeded")},
		{Config: config(w, args{"root_volume": `{ size_gib = 110 }`}), ConfigPlanChecks: unchanged()},
	}})
}
