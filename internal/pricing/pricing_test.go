package pricing_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	home    = "us-east-1"
	account = "111122223333"
)

func at(url, region string) *pricing.Client {
	cfg := sdk.Config{Region: region, RetryMaxAttempts: 25, Credentials: credentials.NewStaticCredentialsProvider("AKIALABS", "x", "")}
	return pricing.NewFromConfig(cfg, url)
}

func world(t *testing.T, o aws.Options) (*aws.Simulator, string) {
	t.Helper()
	o.Accounts = []aws.Account{{ID: account, Keys: []aws.Key{{AccessKeyID: "AKIALABS"}}}}
	sim, err := aws.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, server.URL
}

// listed is a server whose price list is these lines.
func listed(t *testing.T, lines ...string) *pricing.Client {
	t.Helper()
	quoted := make([]string, len(lines))
	for i, l := range lines {
		quoted[i] = fmt.Sprintf("%q", l)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte(`{"FormatVersion":"aws_v1","PriceList":[` + strings.Join(quoted, ",") + `]}`))
	}))
	t.Cleanup(server.Close)
	return at(server.URL, home)
}

func TestBill(t *testing.T) {
	t.Parallel()
	_, url := world(t, aws.Options{})
	volume := func(kind string, size, iops, throughput int64) []pricing.Volume {
		return []pricing.Volume{{Type: kind, SizeGiB: size, IOPS: iops, Throughput: throughput}}
	}
	for name, c := range map[string]struct {
		list             string
		machine          pricing.Machine
		parts            pricing.Parts
		running, stopped string
	}{
		// 0.42336 + 100 × 0.08 / 730 + 0.005
		"gp3":      {home, pricing.Machine{Region: home, Type: "m8i.2xlarge", Volumes: volume("gp3", 100, 3000, 125), Addresses: 1}, pricing.Everything, "0.439319 USD", "0.010959 USD"},
		"an EIP":   {home, pricing.Machine{Region: home, Type: "m8i.2xlarge", Volumes: volume("gp3", 100, 0, 0), Addresses: 1, Kept: 1}, pricing.Everything, "0.439319 USD", "0.015959 USD"},
		"metal":    {home, pricing.Machine{Region: home, Type: "m5zn.metal"}, pricing.Everything, "3.9641 USD", "0"},
		"one part": {home, pricing.Machine{Region: home, Type: "m8i.2xlarge", Volumes: volume("gp3", 100, 0, 0), Addresses: 1}, pricing.Parts{Address: true}, "0.005 USD", "0"},
		// (100 × 0.08 + 1000 × 0.005 + 125 × 0.04) / 730
		"gp3 above what is included": {home, pricing.Machine{Region: home, Volumes: volume("gp3", 100, 4000, 250)}, pricing.Parts{Storage: true}, "0.024658 USD", "0.024658 USD"},
		"gp2":                        {home, pricing.Machine{Region: home, Volumes: volume("gp2", 73, 219, 0)}, pricing.Parts{Storage: true}, "0.01 USD", "0.01 USD"},
		"magnetic":                   {home, pricing.Machine{Region: home, Volumes: volume("standard", 73, 0, 0)}, pricing.Parts{Storage: true}, "0.005 USD", "0.005 USD"},
		// (100 × 0.125 + 2000 × 0.065) / 730
		"io1": {home, pricing.Machine{Region: home, Volumes: volume("io1", 100, 2000, 0)}, pricing.Parts{Storage: true}, "0.195205 USD", "0.195205 USD"},
		// (32000 × 0.065 + 32000 × 0.0455 + 6000 × 0.03185 + 12.5) / 730
		"io2 in steps": {home, pricing.Machine{Region: home, Volumes: volume("io2", 100, 70000, 0)}, pricing.Parts{Storage: true}, "5.12274 USD", "5.12274 USD"},
		"io2 in one":   {home, pricing.Machine{Region: home, Volumes: volume("io2", 0, 7300, 0)}, pricing.Parts{Storage: true}, "0.65 USD", "0.65 USD"},
		"two volumes": {home, pricing.Machine{Region: home, Volumes: append(volume("gp2", 73, 0, 0), volume("st1", 730, 0, 0)...)},
			pricing.Parts{Storage: true}, "0.055 USD", "0.055 USD"},
		"another region": {"eu-central-1", pricing.Machine{Region: "eu-central-1", Type: "m8i.2xlarge", Addresses: 1}, pricing.Everything, "0.445294 USD", "0"},
		"another list":   {"ap-south-1", pricing.Machine{Region: "us-west-2", Type: "m8i.2xlarge"}, pricing.Everything, "0.436061 USD", "0"},
		"yuan":           {"cn-northwest-1", pricing.Machine{Region: "cn-north-1", Type: "m8i.2xlarge", Volumes: volume("gp3", 730, 0, 0)}, pricing.Everything, "3.52352 CNY", "0.56 CNY"},
	} {
		b := at(url, c.list).Bill(t.Context(), c.machine, c.parts)
		if len(b.Problems) > 0 || b.Running().String() != c.running || b.Stopped().String() != c.stopped {
			t.Errorf("%s: running %s, want %s; stopped %s, want %s; %v", name, b.Running(), c.running, b.Stopped(), c.stopped, b.Problems)
		}
	}
	b := at(url, home).Bill(t.Context(), pricing.Machine{Region: home, Type: "m8i.2xlarge"}, pricing.Everything)
	if want := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC); !b.Running().Published.Equal(want) {
		t.Errorf("published %s, want %s", b.Running().Published, want)
	}
}

// What the list does not have is unknown, and never nothing.
func TestNotListed(t *testing.T) {
	t.Parallel()
	_, url := world(t, aws.Options{})
	for name, c := range map[string]struct {
		list    string
		machine pricing.Machine
	}{
		"type":                {home, pricing.Machine{Region: home, Type: "m99.large"}},
		"kind of volume":      {home, pricing.Machine{Region: home, Type: "m8i.2xlarge", Volumes: []pricing.Volume{{Type: "gp9", SizeGiB: 1}}}},
		"address in China":    {"cn-northwest-1", pricing.Machine{Region: "cn-north-1", Type: "m8i.2xlarge", Addresses: 1}},
		"spot of elsewhere":   {"cn-northwest-1", pricing.Machine{Region: "cn-north-1", Type: "m8i.2xlarge", Spot: &pricing.Price{Amount: pricing.Amount("1"), Currency: "USD"}, Volumes: []pricing.Volume{{Type: "gp3", SizeGiB: 1}}}},
		"region of elsewhere": {home, pricing.Machine{Region: "us-gov-west-1", Type: "m8i.2xlarge"}},
	} {
		b := at(url, c.list).Bill(t.Context(), c.machine, pricing.Everything)
		if b.Running().Known() || b.Running().String() != "unknown" || len(b.Problems) != 1 {
			t.Errorf("%s: %s, %v", name, b.Running(), b.Problems)
		}
	}
}

// The dollars of the partition "aws" stand for no address in China.
func TestAddressInChina(t *testing.T) {
	t.Parallel()
	_, url := world(t, aws.Options{})
	b := at(url, "cn-northwest-1").Bill(t.Context(), pricing.Machine{Region: "cn-north-1", Addresses: 1, Kept: 1}, pricing.Parts{Address: true})
	if b.Address.Known() || b.Kept.Known() || len(b.Problems) != 1 {
		t.Errorf("%s, %s, %v", b.Address, b.Kept, b.Problems)
	}
}

// One question is asked once, whoever asks and whatever the answer.
func TestAskedOnce(t *testing.T) {
	t.Parallel()
	sim, url := world(t, aws.Options{})
	client := at(url, home)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for _, kind := range []string{"m8i.2xlarge", "m99.large"} {
				client.Bill(t.Context(), pricing.Machine{Region: home, Type: kind, Volumes: []pricing.Volume{{Type: "gp3", SizeGiB: 1}}, Addresses: 1}, pricing.Everything)
			}
		})
	}
	all.Wait()
	if n := sim.Recorder.Count("pricing", "GetProducts"); n != 4 {
		t.Errorf("asked %d times, want 4: two types, a volume, an address", n)
	}
}

// Many types are read as the whole list of the region, all pages of it.
func TestManyTypes(t *testing.T) {
	t.Parallel()
	sim, url := world(t, aws.Options{PageSize: 3})
	names := []string{"m8i.2xlarge", "m8i.4xlarge", "r8i.4xlarge", "c8i.2xlarge", "c5.2xlarge", "m5zn.metal", "m7g.large", "t3.large", "m99.large"}
	found, err := at(url, home).Machines(t.Context(), home, names...)
	if err != nil || len(found) != 8 || found["m5zn.metal"].String() != "3.9641 USD" || found["m8i.4xlarge"].String() != "0.84672 USD" {
		t.Errorf("%v, %v", found, err)
	}
	if n := sim.Recorder.Count("pricing", "GetProducts"); n != 3 {
		t.Errorf("asked %d times, want 3 pages", n)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	machine := pricing.Machine{Region: home, Type: "m8i.2xlarge", Volumes: []pricing.Volume{{Type: "gp3", SizeGiB: 1}}, Addresses: 1}
	for name, c := range map[string]struct {
		fault wire.Fault
		kind  fault.Kind
		asked int
	}{
		"denied":    {wire.Fault{Kind: wire.Error, Code: "AccessDeniedException", Status: 400, Message: "no"}, fault.PermissionDenied, 1},
		"throttled": {wire.Fault{Kind: wire.Throttle}, fault.Throttled, 3},
		"broken":    {wire.Fault{Kind: wire.Error, Code: "InternalErrorException", Status: 500, Message: "no"}, fault.Server, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, url := world(t, aws.Options{})
			sim.Faults.Add(wire.Rule{Service: "pricing", Fault: c.fault})
			parts := pricing.Everything // what a policy refuses is not asked in other words, nor a service that fails
			if c.kind == fault.Throttled {
				parts = pricing.Parts{Storage: true}
			}
			b := at(url, home).Bill(t.Context(), machine, parts)
			if b.Running().Known() || len(b.Problems) == 0 || !fault.Is(b.Problems[0], c.kind) {
				t.Errorf("%s, %v", b.Running(), b.Problems)
			}
			if n := sim.Recorder.Count("pricing", ""); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
		})
	}
	// As a proxy answers, or a server that has no price list.
	t.Run("no answer of the service", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			http.Error(w, "<!doctype html><title>500 Internal Server Error</title>", http.StatusInternalServerError)
		}))
		t.Cleanup(server.Close)
		b := at(server.URL, home).Bill(t.Context(), machine, pricing.Everything)
		if b.Running().Known() || len(b.Problems) == 0 || !fault.Is(b.Problems[0], fault.Server) || !strings.Contains(b.Problems[0].Error(), "does its endpoint serve it") {
			t.Errorf("%s, %v", b.Running(), b.Problems)
		}
		if n := asked.Load(); n != 3 {
			t.Errorf("asked %d times, want 3", n)
		}
	})
	// That one caller gave up says nothing to the next.
	t.Run("given up", func(t *testing.T) {
		t.Parallel()
		sim, url := world(t, aws.Options{})
		sim.Faults.Add(wire.Rule{Service: "pricing", Times: 1, Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)}})
		client := at(url, home)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if b := client.Bill(ctx, machine, pricing.Parts{Compute: true}); b.Running().Known() {
			t.Errorf("%s before there was an answer", b.Running())
		}
		if b := client.Bill(t.Context(), machine, pricing.Everything); !b.Running().Known() {
			t.Errorf("%v", b.Problems)
		}
	})
	t.Run("throttled once", func(t *testing.T) {
		t.Parallel()
		sim, url := world(t, aws.Options{})
		sim.Faults.Add(wire.Rule{Service: "pricing", Times: 1, Fault: wire.Fault{Kind: wire.Throttle}})
		if b := at(url, home).Bill(t.Context(), machine, pricing.Everything); !b.Running().Known() {
			t.Errorf("%v", b.Problems)
		}
	})
	t.Run("permission", func(t *testing.T) {
		t.Parallel()
		sim, url := world(t, aws.Options{})
		sim.Deny(account, "pricing:GetProducts")
		b := at(url, home).Bill(t.Context(), machine, pricing.Parts{Compute: true})
		if len(b.Problems) != 1 || fault.As(b.Problems[0]).MissingAction != "pricing:GetProducts" {
			t.Errorf("%v", b.Problems)
		}
	})
}

func offer(effective, dimensions string) string {
	return `{"effectiveDate":"` + effective + `","priceDimensions":` + dimensions + `}`
}

func compute(attributes, offers string) string {
	return `{"product":{"attributes":{"instanceType":"m8i.2xlarge"` + attributes + `}},"terms":{"OnDemand":` + offers + `}}`
}

// Lists of other servers, and of other days, leave out and add what they like.
func TestReadsDefensively(t *testing.T) {
	t.Parallel()
	hours := func(prices string) string { return `{"r":{"unit":"Hrs","pricePerUnit":` + prices + `}}` }
	one := func(prices string) string { return `{"o":` + offer("2026-09-01T00:00:00Z", hours(prices)) + `}` }
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"bare":               {[]string{compute("", one(`{"USD":"0.5"}`))}, "0.5 USD"},
		"other currency":     {[]string{compute("", one(`{"EUR":"0.5"}`))}, "0.5 EUR"},
		"several currencies": {[]string{compute("", one(`{"CNY":"4","USD":"0.5","EUR":"0.4"}`))}, "0.5 USD"},
		"none preferred":     {[]string{compute("", one(`{"JPY":"4","EUR":"0.4"}`))}, "0.4 EUR"},
		"several offers": {[]string{compute("", `{"a":`+offer("2020-01-01T00:00:00Z", hours(`{"USD":"9"}`))+`,"b":`+offer("2026-01-01T00:00:00Z", hours(`{"USD":"0.5"}`))+
			`,"c":`+offer("2999-01-01T00:00:00Z", hours(`{"USD":"7"}`))+`,"d":`+offer("", `{}`)+`}`)}, "0.5 USD"},
		"offers of one day": {[]string{compute("", `{"a":`+offer("2026-09-01T00:00:00Z", hours(`{"USD":"0"}`))+`,"b":`+offer("2026-09-01T00:00:00Z", hours(`{"USD":"0.5"}`))+
			`,"c":`+offer("2026-09-01T00:00:00Z", hours(`{"USD":"0.0"}`))+`,"d":`+offer("2026-09-01T00:00:00Z", hours(`{"USD":"0.3"}`))+`,"e":`+offer("2026-08-01T00:00:00Z", hours(`{"USD":"8"}`))+`}`)}, "0.5 USD"},
		"unreadable offer": {[]string{compute("", `{"a":`+offer("2026-01-01T00:00:00Z", hours(`{"USD":"0.5"}`))+`,"b":`+offer("2026-09-01T00:00:00Z", hours(`{"USD":"dear"}`))+`}`)}, "0.5 USD"},
		"reserved":         {[]string{strings.Replace(compute("", one(`{"USD":"0.5"}`)), `"OnDemand"`, `"Reserved":`+one(`{"USD":"0.1"}`)+`,"OnDemand"`, 1)}, "0.5 USD"},
		"reserved only":    {[]string{strings.Replace(compute("", one(`{"USD":"0.5"}`)), `"OnDemand"`, `"Reserved"`, 1)}, "unknown"},
		"free lines":       {[]string{compute("", one(`{"USD":"0.0"}`)), compute("", one(`{"USD":"0.5"}`))}, "0.5 USD"},
		"the dearest":      {[]string{compute("", one(`{"USD":"0.4"}`)), compute("", one(`{"USD":"0.5"}`)), compute("", one(`{"USD":"0.3"}`))}, "0.5 USD"},
		"the box":          {[]string{compute(`,"usagetype":"EU-BoxUsage:m8i.2xlarge"`, one(`{"USD":"0.5"}`)), compute(`,"usagetype":"EU-HostUsage:m8i"`, one(`{"USD":"5"}`))}, "0.5 USD"},
		"no filter there":  {[]string{compute(`,"operatingSystem":"Windows"`, one(`{"USD":"5"}`)), compute(`,"locationType":"AWS Local Zone"`, one(`{"USD":"6"}`)), compute(`,"marketoption":"CapacityBlock"`, one(`{"USD":"7"}`)), compute("", one(`{"USD":"0.5"}`))}, "0.5 USD"},
		"garbage":          {[]string{"", "[]", "{", `{"product":7}`, `{"product":{"attributes":{"instanceType":"m8i.2xlarge"}}}`, compute("", one(`{"USD":"dear"}`)), compute("", one(`{"USD":"-1"}`)), compute("", one(`{}`)), compute("", one(`{"USD":"0.5"}`))}, "0.5 USD"},
		"by the month":     {[]string{compute("", `{"o":`+offer("", `{"r":{"unit":"Mo","pricePerUnit":{"USD":"300"}}}`)+`}`)}, "unknown"},
		"nothing":          {nil, "unknown"},
		"free of charge":   {[]string{compute("", one(`{"USD":"0"}`))}, "unknown"},
		"less than that":   {[]string{compute("", one(`{"USD":"-1"}`))}, "unknown"},
	} {
		b := listed(t, c.lines...).Bill(t.Context(), pricing.Machine{Region: home, Type: "m8i.2xlarge"}, pricing.Parts{Compute: true})
		if b.Compute.String() != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, b.Compute, c.want, b.Problems)
		}
	}
}

// IOPS of gp3 are listed from 3000 on, or from 0 with 3000 included.
func TestIncludedIOPS(t *testing.T) {
	t.Parallel()
	storage := `{"product":{"productFamily":"Storage","attributes":{"volumeApiName":"gp3"}},"terms":{"OnDemand":{"o":{"priceDimensions":{"r":{"unit":"GB-Mo","pricePerUnit":{"USD":"0.08"}}}}}}}`
	for _, dimensions := range []string{
		`{"r":{"beginRange":"0","endRange":"Inf","unit":"IOPS-Mo","pricePerUnit":{"USD":"0.005"}}}`,
		`{"r":{"beginRange":"3000","endRange":"Inf","unit":"IOPS-Mo","pricePerUnit":{"USD":"0.005"}}}`,
		`{"q":{"beginRange":"0","endRange":"3000","unit":"IOPS-Mo","pricePerUnit":{"USD":"0"}},"r":{"beginRange":"3000","endRange":"Inf","unit":"IOPS-Mo","pricePerUnit":{"USD":"0.005"}}}`,
		`{"r":{"unit":"IOPS-Mo","pricePerUnit":{"USD":"0.005"}}}`,
	} {
		iops := `{"product":{"productFamily":"System Operation","attributes":{"volumeApiName":"gp3"}},"terms":{"OnDemand":{"o":{"priceDimensions":` + dimensions + `}}}}`
		client := listed(t, storage, iops)
		for quantity, want := range map[int64]string{3000: "0", 3730: "0.005 USD"} {
			b := client.Bill(t.Context(), pricing.Machine{Region: home, Volumes: []pricing.Volume{{Type: "gp3", IOPS: quantity}}}, pricing.Parts{Storage: true})
			if b.Storage.String() != want {
				t.Errorf("%s: %d IOPS are %s, want %s (%v)", dimensions, quantity, b.Storage, want, b.Problems)
			}
		}
		b := client.Bill(t.Context(), pricing.Machine{Region: home, Volumes: []pricing.Volume{{Type: "gp3", SizeGiB: 1, Throughput: 250}}}, pricing.Parts{Storage: true})
		if b.Storage.Known() {
			t.Errorf("throughput that the list does not have costs %s", b.Storage)
		}
	}
}

func TestListRegion(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{
		"us-east-1": "us-east-1", "us-west-2": "us-east-1", "ca-central-1": "us-east-1", "sa-east-1": "us-east-1", "mx-central-1": "us-east-1",
		"eu-west-1": "eu-central-1", "me-south-1": "eu-central-1", "il-central-1": "eu-central-1", "af-south-1": "eu-central-1",
		"ap-southeast-2": "ap-south-1", "cn-north-1": "cn-northwest-1", "eusc-de-east-1": "eusc-de-east-1",
		"us-gov-west-1": "", "us-iso-east-1": "", "us-isob-east-1": "", "eu-isoe-west-1": "",
	} {
		if got := pricing.ListRegion(region); got != want {
			t.Errorf("%s: %q, want %q", region, got, want)
		}
	}
}

func TestPrice(t *testing.T) {
	t.Parallel()
	p := pricing.Price{Amount: pricing.Amount("0.1234567"), Currency: "USD"}
	if got := p.Times(730).String(); got != "90.123391 USD" {
		t.Error(got)
	}
	if got, ok := p.Times(730).Round(2); !ok || got != 90.12 {
		t.Error(got, ok)
	}
	if got, ok := (pricing.Price{}).Times(3).Round(2); ok || got != 0 {
		t.Error(got, ok)
	}
}
