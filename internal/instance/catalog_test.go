package instance_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestImages(t *testing.T) {
	w := newWorld(t, simulator.Options{}, defaultGather)
	image290 := simulator.SeededID("ami", region, simulator.SerialImage290)
	all, err := w.Images(t.Context(), image290, image291, "ami-0123456789abcdef0")
	if err != nil || len(all) != 2 || w.count("DescribeImages") != 1 {
		t.Fatalf("%v, %v after %d questions", all, err, w.count("DescribeImages"))
	}
	i := all[image291]
	if i.Name != "CML-2.9.1-Ubuntu-24.04" || i.OwnerID != simulator.DefaultAccountID || i.Architecture != "x86_64" || i.RootDeviceName != "/dev/sda1" ||
		i.RootSizeGiB != 64 || i.RootEncrypted || i.State != "available" || i.CreatedAt.IsZero() || !slices.Equal(i.Devices, []string{"/dev/sda1"}) {
		t.Errorf("got %+v", i)
	}
	if _, err := w.Image(t.Context(), "ami-0123456789abcdef0"); !fault.Is(err, fault.BadReference) {
		t.Errorf("absent: %v", err)
	}
	if i, err := w.Image(t.Context(), image290); err != nil || i.ID != image290 {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestSearchImages(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	for _, tc := range []struct {
		query instance.ImageQuery
		want  []string
	}{
		{instance.ImageQuery{NamePattern: "CML-2.*"}, []string{"CML-2.9.1-Ubuntu-24.04", "CML-2.9.0-Ubuntu-24.04", "CML-2.8.1-Ubuntu-24.04"}},
		{instance.ImageQuery{NamePattern: "CML-2.9.0-*", Architecture: "x86_64"}, []string{"CML-2.9.0-Ubuntu-24.04"}},
		{instance.ImageQuery{NamePattern: "CML-2.9.0-*", Architecture: "arm64"}, nil},
		{instance.ImageQuery{NamePattern: "ubuntu/*"}, nil}, // a stranger's
		{instance.ImageQuery{NamePattern: "CML-*", Owners: []string{"099720109477"}}, nil},
	} {
		all, err := w.SearchImages(t.Context(), tc.query)
		var names []string
		for _, i := range all {
			names = append(names, i.Name)
		}
		if err != nil || !slices.Equal(names, tc.want) {
			t.Errorf("%+v: %v, %v", tc.query, names, err)
		}
	}
}

func TestInstanceTypes(t *testing.T) {
	w := newWorld(t, simulator.Options{PageSize: 3})
	all, err := w.InstanceTypes(t.Context())
	if err != nil || len(all) != len(simulator.InstanceTypes()) {
		t.Fatalf("%d types, %v", len(all), err)
	}
	for name, want := range map[string]bool{"m8i.2xlarge": true, "m5zn.metal": true, "c5.2xlarge": false, "t3.large": false, "m7g.large": false} {
		if all[name] == nil || all[name].RunsCML() != want {
			t.Errorf("%s: %+v", name, all[name])
		}
	}
	some, err := w.InstanceTypes(t.Context(), "m8i.2xlarge", "m8i.never")
	if err != nil || len(some) != 1 {
		t.Fatalf("%v, %v", some, err)
	}
	m := some["m8i.2xlarge"]
	if m.VCPUs != 8 || m.MemoryMiB != 32<<10 || m.BareMetal || !m.NestedVirtualization || !slices.Equal(m.Architectures, []string{"x86_64"}) {
		t.Errorf("got %+v", m)
	}
	if (instance.TypeInfo{BareMetal: true, Architectures: []string{"arm64"}}).RunsCML() {
		t.Error("CML runs on arm64")
	}
}

func TestOfferings(t *testing.T) {
	w := newWorld(t, simulator.Options{PageSize: 3})
	w.sim.Region(region).RemoveOffering("m8i.2xlarge", "us-east-1a")
	all, err := w.Offerings(t.Context(), "m8i.2xlarge", "m8i.never")
	zones := all["m8i.2xlarge"]
	if err != nil || len(all) != 1 || slices.Contains(zones, "us-east-1a") || !slices.Contains(zones, "us-east-1b") || !slices.IsSorted(zones) {
		t.Errorf("%v, %v", all, err)
	}
}

func TestRegions(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	all, err := w.Regions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	usable, not := 0, 0
	for _, r := range all {
		if r.Usable() {
			usable++
		} else {
			not++
		}
	}
	if usable == 0 || not == 0 || !slices.ContainsFunc(all, func(r instance.Region) bool { return r.Name == region && r.Usable() }) {
		t.Errorf("got %v", all)
	}
}

func TestSubnets(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	all, err := w.Subnets(t.Context(), subnetA, private, "subnet-0123456789abcdef0")
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if a, p := all[subnetA], all[private]; !a.PublicIPByDefault || p.PublicIPByDefault || a.VPCID != vpcID || a.AvailabilityZone != "us-east-1a" || a.IPv6Only || a.FreeAddresses == 0 {
		t.Errorf("%+v, %+v", a, p)
	}
	if all, err := w.Subnets(t.Context()); err != nil || len(all) != 0 || w.count("DescribeSubnets") != 1 {
		t.Errorf("none: %v, %v", all, err)
	}
}

func TestReachableGroups(t *testing.T) {
	w := newWorld(t, simulator.Options{PageSize: 5})
	r := w.sim.Region(region)
	everything := r.AddSecurityGroup("all", simulator.Rule{Protocol: "-1", From: -1, To: -1, CIDRv4: "10.0.0.0/8"})
	wide := r.AddSecurityGroup("wide", simulator.Rule{Protocol: "tcp", From: 1, To: 65535, CIDRv4: "0.0.0.0/0"})
	udp := r.AddSecurityGroup("udp", simulator.Rule{Protocol: "udp", From: 443, To: 443, CIDRv4: "0.0.0.0/0"})
	all := []string{groupCML, closed, everything, wide, udp}
	for port, want := range map[int][]string{443: {groupCML, everything, wide}, 2003: {groupCML, everything, wide}, 8443: {everything, wide}} {
		got, err := w.ReachableGroups(t.Context(), all, port)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d: %v, %v", port, got, err)
		}
	}
	if got, err := w.ReachableGroups(t.Context(), nil, 443); err != nil || got != nil {
		t.Errorf("none: %v, %v", got, err)
	}
}

func TestInstanceWords(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		i           instance.Instance
		status, why string
	}{
		{instance.Instance{State: "pending", LaunchTime: start, FirstLaunchTime: start}, "pending", ""},
		{instance.Instance{State: "pending", LaunchTime: start.Add(time.Hour), FirstLaunchTime: start}, "starting", ""},
		{instance.Instance{State: "running", StateReasonCode: "C", StateReason: "C: text"}, "running", "C: text"},
		{instance.Instance{State: "stopping", StateReasonCode: "C", StateReason: "text"}, "stopping", "C: text"},
		{instance.Instance{State: "stopped", StateReasonCode: "C"}, "stopped", "C"},
		{instance.Instance{State: "shutting-down", StateReason: "text"}, "terminating", "text"},
		{instance.Instance{State: "terminated", StateTransitionReason: "older"}, "terminated", "older"},
	} {
		if got := tc.i.Status(); got != tc.status {
			t.Errorf("%+v: status %q", tc.i, got)
		}
		if got := tc.i.Why(); got != tc.why {
			t.Errorf("%+v: why %q", tc.i, got)
		}
	}
	i := instance.Instance{StateTransitionReason: "User initiated (2026-01-02 03:04:05 GMT)", StateReasonCode: "Server.SpotInstanceTermination"}
	if when, ok := i.StoppedAt(); !ok || !when.Equal(start) || !i.InterruptedBySpot() {
		t.Errorf("stopped at %v, %v", when, ok)
	}
	for _, text := range []string{"", "User initiated", "User initiated (2026-99-02 03:04:05 GMT)"} {
		if _, ok := (instance.Instance{StateTransitionReason: text}).StoppedAt(); ok {
			t.Errorf("a time in %q", text)
		}
	}
}

// The partition of an ARN is the caller's, or the one that the region tells.
func TestPartition(t *testing.T) {
	for name, want := range map[string]string{
		"us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
	} {
		c := clientOf(answering(t, func(string) string { return bare }), func(o *instance.Options) { o.Region = name })
		if i, err := c.Find(t.Context(), nobody, ""); err != nil || i.ARN != "arn:"+want+":ec2:"+name+":123456789012:instance/"+nobody || i.Region != name {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
	}
	c := clientOf(answering(t, func(string) string { return bare }), func(o *instance.Options) { o.Partition = partition("aws-cn", nil) })
	if i, err := c.Find(t.Context(), nobody, ""); err != nil || i.ARN[:11] != "arn:aws-cn:" {
		t.Errorf("%+v, %v", i, err)
	}
}
