package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// An Elastic IP of the worker's own: allocated, associated, waited for, known
// over a restart, and released as the last step.
func TestAllocatedEIP(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	own := args{"network": `{ eip = { allocate = true } }`}
	resized := args{"network": own["network"], "instance_type": `"m8i.4xlarge"`}
	var address string
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: config(w, own), ConfigPlanChecks: planned(plancheck.ResourceActionCreate, unknown("eip_allocation_id"), unknown("public_ip")),
				Check: func(s *terraform.State) error {
					state := s.RootModule().Resources[lab].Primary.Attributes
					address = state["public_ip"]
					if address == "" || state["address"] != address || state["eip_allocation_id"] == "" {
						return fmt.Errorf("addresses: %v", state)
					}
					return nil
				},
			},
			{Config: config(w, own), ConfigPlanChecks: unchanged()},
			{
				Config: config(w, resized),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownAs("public_ip", knownvalue.StringFunc(func(v string) error {
					if v != address {
						return fmt.Errorf("planned %s, has %s", v, address)
					}
					return nil
				})), knownAs("address", knownvalue.NotNull()), knownAs("url", knownvalue.NotNull()), unknown("instance_state")),
			},
			{Config: config(w, resized), ConfigPlanChecks: unchanged()},
			{
				PreConfig: func() { stopOutside(t, w) },
				Config:    config(w, resized), ConfigPlanChecks: unchanged(),
				ConfigStateChecks: []statecheck.StateCheck{value("address", knownvalue.NotNull()), value("url", knownvalue.NotNull()), exactly("instance_state", "stopped")},
			},
		},
		CheckDestroy: func(*terraform.State) error {
			var order []string
			for _, r := range w.Recorder.All() {
				if r.Operation == "TerminateInstances" || r.Operation == "ReleaseAddress" {
					order = append(order, r.Operation)
				}
			}
			if fmt.Sprint(order) != "[TerminateInstances ReleaseAddress]" {
				return fmt.Errorf("order of the destroy: %v", order)
			}
			return nil
		},
	})
}

func TestEIPInPlace(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"network": `{ public_ip = true }`})},
		{
			PreConfig: reset(t, w), Config: config(w, args{"network": `{ public_ip = true, eip = { allocate = true } }`}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknown("eip_allocation_id"), unknown("address"), unknown("revision")),
			Check:            calls(w, map[string]int{"AllocateAddress": 1, "AssociateAddress": 1, "CreateTags": 1}),
		},
		{
			PreConfig: reset(t, w), Config: config(w, args{"network": `{ public_ip = true }`}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknown("public_ip")),
			Check: func(*terraform.State) error {
				if c := changes(w); c["ReleaseAddress"] != 1 {
					return fmt.Errorf("calls: %v", c)
				}
				return nil
			},
			ConfigStateChecks: []statecheck.StateCheck{value("eip_allocation_id", knownvalue.Null())},
		},
		{Config: config(w, args{"network": `{ public_ip = true }`}), ConfigPlanChecks: unchanged()},
	}})
}

func TestProtection(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	on := args{"protection": `{ termination = true }`}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, on)},
		{Config: config(w, on), ConfigPlanChecks: unchanged()},
		{Config: config(w, on), Destroy: true, ExpectError: says("has termination protection")},
		{Config: config(w, args{"protection": on["protection"], "ami_id": fmt.Sprintf("%q", newImage)}), ExpectError: says("has termination protection")},
		{
			PreConfig: func() {
				if n := w.Recorder.Count("ec2", "TerminateInstances"); n > 0 {
					t.Errorf("%d terminations of a protected worker", n)
				}
				w.Recorder.Reset()
			},
			Config: config(w, nil), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: calls(w, map[string]int{"ModifyInstanceAttribute": 1}),
		},
	}})
}

func TestProtectionIsLiftedWhereAllowed(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"protection": `{ termination = true, stop = true }`, "on_destroy": `{ override_protection = true }`})},
	}})
	if i := w.AWS.Region(region).Instances()[0]; i.State != "terminated" {
		t.Errorf("%s is %s", i.ID, i.State)
	}
}

func TestStopProtectionRefusesAResize(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"protection": `{ stop = true }`})},
		{Config: config(w, args{"protection": `{ stop = true }`, "instance_type": `"m8i.4xlarge"`}), PlanOnly: true, ExpectError: says("protection.stop forbids it")},
		{
			PreConfig: reset(t, w), Config: config(w, args{"protection": `{ stop = false }`, "instance_type": `"m8i.4xlarge"`}),
			Check: calls(w, map[string]int{"ModifyInstanceAttribute": 2, "StopInstances": 1, "StartInstances": 1}),
		},
	}})
}

func TestSpot(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	spot := func(more string) args {
		return args{"market": `{ type = "spot", max_price = "2.0"` + more + ` }`}
	}
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: config(w, spot(`, interruption = "stop"`)), ConfigStateChecks: []statecheck.StateCheck{value("spot_request_id", knownvalue.NotNull())},
				Check: func(*terraform.State) error {
					p := launches(w)[0].Params
					if p.Get("InstanceMarketOptions.SpotOptions.SpotInstanceType") != "persistent" || p.Get("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior") != "stop" {
						return fmt.Errorf("market options: %v", p)
					}
					return nil
				},
			},
			{Config: config(w, spot(`, interruption = "stop"`)), ConfigPlanChecks: unchanged()},
			{Config: config(w, args{"market": spot(`, interruption = "stop"`)["market"], "instance_type": `"m8i.4xlarge"`}), ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate)},
		},
		CheckDestroy: func(*terraform.State) error {
			if n := w.Recorder.Count("ec2", "CancelSpotInstanceRequests"); n != 2 {
				return fmt.Errorf("%d requests cancelled, want 2", n)
			}
			return nil
		},
	})
}

func TestUserDataChange(t *testing.T) {
	t.Parallel()
	acctestEach(t, map[string]struct {
		action plancheck.ResourceActionType
		calls  map[string]int
	}{
		"ignore":  {plancheck.ResourceActionUpdate, map[string]int{}},
		"restart": {plancheck.ResourceActionUpdate, map[string]int{"StopInstances": 1, "ModifyInstanceAttribute": 1, "StartInstances": 1}},
		"replace": {plancheck.ResourceActionDestroyBeforeCreate, map[string]int{"TerminateInstances": 1, "RunInstances": 1, "CreateTags": 1}},
	}, func(t *testing.T, mode string, action plancheck.ResourceActionType, want map[string]int) {
		w := acctest.NewWorld(t)
		text := func(s string) args {
			return args{"user_data": fmt.Sprintf("%q", s), "user_data_change": fmt.Sprintf("%q", mode)}
		}
		acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
			{Config: config(w, text("one"))},
			{PreConfig: reset(t, w), Config: config(w, text("two")), ConfigPlanChecks: planned(action), Check: calls(w, want)},
			{Config: config(w, text("two")), ConfigPlanChecks: unchanged()},
		}})
	})
}

func acctestEach(t *testing.T, cases map[string]struct {
	action plancheck.ResourceActionType
	calls  map[string]int
}, run func(*testing.T, string, plancheck.ResourceActionType, map[string]int)) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { run(t, name, c.action, c.calls) })
	}
}

// Type, nested virtualisation and user data together: one stop, one start.
func TestManyStopChangesShareOneStop(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"user_data": `"one"`})},
		{
			PreConfig: reset(t, w),
			Config:    config(w, args{"user_data": `"two"`, "user_data_change": `"restart"`, "instance_type": `"m5zn.metal"`}),
			Check:     calls(w, map[string]int{"StopInstances": 1, "ModifyInstanceCpuOptions": 1, "ModifyInstanceAttribute": 2, "StartInstances": 1}),
			ConfigStateChecks: []statecheck.StateCheck{
				value("nested_virtualization_active", knownvalue.Bool(false)), exactly("service_status", "available")},
		},
		{
			PreConfig: reset(t, w),
			Config:    config(w, args{"user_data": `"two"`, "user_data_change": `"restart"`}),
			Check:     calls(w, map[string]int{"StopInstances": 1, "ModifyInstanceCpuOptions": 1, "ModifyInstanceAttribute": 1, "StartInstances": 1}),
			ConfigStateChecks: []statecheck.StateCheck{
				value("nested_virtualization_active", knownvalue.Bool(true)), exactly("service_status", "available")},
		},
	}})
}

func TestFilter(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	find := func(filter string) string { return config(w, args{"ami_id": "", "ami_filter": filter}) }
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: find(`{ name_pattern = "CML-2.9.0*" }`), ConfigPlanChecks: planned(plancheck.ResourceActionCreate, unknown("ami_id")),
			ConfigStateChecks: []statecheck.StateCheck{exactly("ami_id", image), exactly("ami_cml_version", "2.9.0"), value("newer_ami_id", knownvalue.Null())},
		},
		// The pinned image still matches: recorded, nothing called.
		{PreConfig: reset(t, w), Config: find(`{ name_pattern = "CML-2.9.*", on_newer = "warn" }`), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, knownAs("ami_id", knownvalue.StringExact(image))), Check: calls(w, map[string]int{})},
		{
			Config: find(`{ name_pattern = "CML-2.9.*", on_newer = "warn" }`), ConfigPlanChecks: unchanged(),
			ConfigStateChecks: []statecheck.StateCheck{exactly("newer_ami_id", newImage)},
		},
		{
			Config: find(`{ name_pattern = "CML-2.8.*" }`), ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate, unknown("ami_id")),
			ConfigStateChecks: []statecheck.StateCheck{exactly("ami_cml_version", "2.8.1")},
		},
		{Config: find(`{ name_pattern = "CML-9.*" }`), ExpectError: says(`no available image in us-east-1 matches name_pattern "CML-9.*" of owners self`)},
	}})
}

func TestExpectedVersion(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"expected_cml_version": `"2.8.0"`}), ExpectError: says("holds CML 2.9.0, but expected_cml_version is 2.8.0")},
	}})
	if n := len(launches(w)); n > 0 {
		t.Errorf("%d launches of the wrong image", n)
	}
}

func TestDestroyWithFinalSnapshot(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"on_destroy": `{ final_snapshot = true, mode = "skip_os_shutdown" }`})},
	}, CheckDestroy: func(*terraform.State) error {
		var order []string
		for _, r := range w.Recorder.All() {
			if r.Operation == "CreateSnapshots" || r.Operation == "TerminateInstances" {
				order = append(order, r.Operation)
			}
		}
		if strings.Join(order, " ") != "CreateSnapshots TerminateInstances" {
			return fmt.Errorf("order: %v", order)
		}
		end := w.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "TerminateInstances" })[0]
		if end.Params.Get("SkipOsShutdown") != "true" {
			return fmt.Errorf("termination: %v", end.Params)
		}
		return nil
	}})
}

// The snapshot fails: nothing is terminated, and the next try uses what is there.
func TestDestroyWithoutItsSnapshotTerminatesNothing(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	with := args{"on_destroy": `{ final_snapshot = true }`}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, with)},
		{
			PreConfig: func() {
				w.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeSnapshots", Skip: 1, Times: 1, Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
			},
			Config: config(w, with), Destroy: true, ExpectError: says("nothing was terminated"),
		},
		{
			PreConfig: func() {
				if n := w.Recorder.Count("ec2", "TerminateInstances"); n != 0 {
					t.Errorf("%d terminations", n)
				}
			},
			Config: config(w, with), Destroy: true,
		},
	}})
	if n := w.Recorder.Count("ec2", "CreateSnapshots"); n != 1 {
		t.Errorf("%d snapshot sets, want 1", n)
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: config(w, args{"network": `{ ipv6_address_count = 1 }`}), ConfigStateChecks: []statecheck.StateCheck{value("ipv6_address", knownvalue.NotNull())}},
		{
			PreConfig: reset(t, w), Config: config(w, args{"network": `{ ipv6_address_count = 2 }`}),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate, unknown("ipv6_address")), Check: calls(w, map[string]int{"AssignIpv6Addresses": 1}),
		},
		{Config: config(w, args{"network": `{ ipv6_address_count = 2 }`}), ConfigPlanChecks: unchanged()},
	}})
}
