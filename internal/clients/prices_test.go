package clients_test

import (
	"context"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
)

// pricedSet is a set with the price list of a simulated AWS.
func pricedSet(o clients.Options) *clients.Set {
	o.AWS.Endpoints[awsconf.Pricing] = o.AWS.Endpoints[awsconf.EC2]
	o.RefreshPrices = true
	return clients.New(o)
}

// The price list says nothing about a server that stands in for EC2, and there
// is none in some partitions.
func TestWhereThereIsAPriceList(t *testing.T) {
	t.Parallel()
	const other = "http://127.0.0.1:1"
	for name, c := range map[string]struct {
		endpoints   map[awsconf.Service]string
		region      string
		list, reads bool
	}{
		"AWS":            {nil, "eu-west-1", true, true},
		"China":          {nil, "cn-north-1", true, true},
		"GovCloud":       {nil, "us-gov-west-1", false, true},
		"GovCloud named": {map[awsconf.Service]string{awsconf.Pricing: other}, "us-gov-west-1", true, true},
		"EC2 elsewhere":  {map[awsconf.Service]string{awsconf.EC2: other}, "us-east-1", false, false},
		"both elsewhere": {map[awsconf.Service]string{awsconf.EC2: other, awsconf.Pricing: other}, "us-east-1", true, true},
	} {
		set := clients.New(clients.Options{RefreshPrices: true, AWS: awsconf.Options{AccessKey: "a", SecretKey: "b", Region: "us-east-1", Endpoints: c.endpoints}})
		list, err := set.Prices(t.Context(), c.region)
		if (list != nil) != c.list || !c.list && !fault.Is(err, fault.Unimplemented) || c.list && err != nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
		if set.ReadsPrices() != c.reads {
			t.Errorf("%s: a refresh reads prices: %t", name, set.ReadsPrices())
		}
	}
	if clients.New(clients.Options{AWS: awsconf.Options{Region: "us-east-1"}}).ReadsPrices() {
		t.Error("prices are read although nobody wants them")
	}
}

// Each price is asked for in the region of its list, and in no other.
func TestListsOfSeveralRegions(t *testing.T) {
	t.Parallel()
	sim, o := world(t)
	set := pricedSet(o)
	for _, region := range []string{"us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2"} {
		b := set.Bill(t.Context(), pricing.Machine{Region: region, Type: "m8i.2xlarge"}, pricing.Everything)
		if !b.Running().Known() {
			t.Errorf("%s: %v", region, b.Problems)
		}
	}
	got := map[string]int{}
	for _, r := range sim.Recorder.All() {
		got[r.Service+" "+r.Region]++
	}
	if len(got) != 3 || got["pricing us-east-1"] != 2 || got["pricing eu-central-1"] != 1 || got["pricing ap-south-1"] != 1 {
		t.Errorf("asked %v", got)
	}
}

// A list that nobody answers for keeps nobody waiting twice.
func TestUnreachableList(t *testing.T) {
	t.Parallel()
	_, o := world(t)
	one := 1
	o.AWS.MaxRetries = &one
	set := pricedSet(o)
	o.AWS.Endpoints[awsconf.Pricing] = "http://127.0.0.1:1"
	for _, kind := range []string{"m8i.2xlarge", "m8i.4xlarge"} {
		b := set.Bill(t.Context(), pricing.Machine{Region: "us-east-1", Type: kind, Addresses: 1}, pricing.Everything)
		if len(b.Problems) == 0 || !fault.Is(b.Problems[0], fault.Unreachable) || b.Running().Known() {
			t.Errorf("%v", b.Problems)
		}
	}
}

func TestSpotPrice(t *testing.T) {
	t.Parallel()
	sim, o := world(t)
	r := sim.RegionOf(account, "us-east-1")
	r.SetSpotPrice("m8i.2xlarge", "us-east-1a", "0.2")
	r.SetSpotPrice("m8i.2xlarge", "us-east-1b", "0.3")
	set := pricedSet(o)
	ec2, err := set.Instances(t.Context(), "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		zones []string
		want  string
	}{{[]string{"us-east-1a"}, "0.2 USD"}, {[]string{"us-east-1a", "us-east-1b"}, "0.3 USD"}, {nil, "0.3 USD"}} {
		got, err := set.SpotPrice(t.Context(), ec2, "m8i.2xlarge", c.zones...)
		if err != nil || got.String() != c.want || time.Since(got.Published) > time.Hour {
			t.Errorf("%v: %s, %v", c.zones, got, err)
		}
	}
	for kind, zones := range map[string][]string{"m8i.2xlarge": {"us-east-1f"}, "m99.large": nil} {
		if got, err := set.SpotPrice(t.Context(), ec2, kind, zones...); !fault.Is(err, fault.BadReference) || got.Known() {
			t.Errorf("%s in %v: %s, %v", kind, zones, got, err)
		}
	}
	if n := sim.Recorder.Count("ec2", "DescribeSpotPriceHistory"); n != 2 {
		t.Errorf("asked %d times, want once for each type", n)
	}

	machine := instance.Instance{Type: "m8i.2xlarge", Lifecycle: "spot", AvailabilityZone: "us-east-1a", PublicIP: "203.0.113.1", PublicIPIsEIP: true}
	volumes := []*instance.Volume{{Type: "gp2", SizeGiB: 73}}
	if b := set.Cost(t.Context(), ec2, &machine, volumes, pricing.Everything); b.Running().String() != "0.215 USD" || b.Stopped().String() != "0.015 USD" {
		t.Errorf("%s, %s, %v", b.Running(), b.Stopped(), b.Problems)
	}
	sim.Deny(account, "ec2:DescribeSpotPriceHistory")
	machine.Type = "m8i.4xlarge"
	b := set.Cost(t.Context(), ec2, &machine, volumes, pricing.Everything)
	if b.Running().Known() || b.Stopped().String() != "0.015 USD" || len(b.Problems) != 1 || !fault.Is(b.Problems[0], fault.PermissionDenied) {
		t.Errorf("%s, %s, %v", b.Running(), b.Stopped(), b.Problems)
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	set := clients.New(clients.Options{})
	if !set.Once("a") || set.Once("a") || !set.Once("b") {
		t.Error("not once for each key")
	}
}

// Whoever gives up leaves the question to the next.
func TestAbandonedPrice(t *testing.T) {
	t.Parallel()
	_, o := world(t)
	set := pricedSet(o)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	machine := pricing.Machine{Region: "us-east-1", Type: "m8i.2xlarge"}
	if b := set.Bill(ended, machine, pricing.Everything); b.Running().Known() {
		t.Errorf("%s in no time", b.Running())
	}
	if b := set.Bill(t.Context(), machine, pricing.Everything); !b.Running().Known() {
		t.Errorf("%v", b.Problems)
	}
}
