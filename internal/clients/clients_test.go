package clients_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{"HOME": os.TempDir(), "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

const account = "111122223333"

func world(t *testing.T) (*aws.Simulator, clients.Options) {
	t.Helper()
	sim, err := aws.New(aws.Options{StrictCredentials: true, Accounts: []aws.Account{
		{ID: account, Keys: []aws.Key{{AccessKeyID: "AKIALABS"}}, OptedIn: []string{"eu-south-1"}}}})
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
	return sim, clients.Options{AWS: awsconf.Options{
		AccessKey: "AKIALABS", SecretKey: "x", Region: "us-east-1", Version: "test",
		Endpoints: map[awsconf.Service]string{awsconf.EC2: server.URL, awsconf.STS: server.URL},
	}}
}

// One client a region, one STS request a run, and nothing before it is needed.
func TestInstancesAreShared(t *testing.T) {
	t.Parallel()
	sim, o := world(t)
	set := clients.New(o)
	if region, err := set.DefaultRegion(t.Context()); err != nil || region != "us-east-1" {
		t.Errorf("%q, %v", region, err)
	}
	if n := sim.Recorder.Count("", ""); n != 0 {
		t.Fatalf("%d requests before anything was needed", n)
	}
	var mu sync.Mutex
	got := map[string]map[*instance.Client]bool{}
	var all sync.WaitGroup
	for range 8 {
		for _, region := range []string{"", "us-east-1", "us-west-2"} {
			all.Go(func() {
				c, err := set.Instances(t.Context(), region)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if got[c.Region()] == nil {
					got[c.Region()] = map[*instance.Client]bool{}
				}
				got[c.Region()][c] = true
			})
		}
	}
	all.Wait()
	if len(got) != 2 || len(got["us-east-1"]) != 1 || len(got["us-west-2"]) != 1 {
		t.Errorf("clients by region: %v", got)
	}
	if ops := sim.Recorder.Operations(""); len(ops) != 1 || ops[0] != "GetCallerIdentity" {
		t.Errorf("requests: %v", ops)
	}
	id, err := set.Identity(t.Context())
	if err != nil || id.AccountID != account || id.Partition != "aws" || sim.Recorder.Count("", "") != 1 {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestWrongAccount(t *testing.T) {
	t.Parallel()
	sim, o := world(t)
	o.AWS.AllowedAccountIDs = []string{"999988887777"}
	set := clients.New(o)
	for range 2 {
		_, err := set.Instances(t.Context(), "")
		if !fault.Is(err, fault.Account) {
			t.Fatalf("got %v", err)
		}
		detail := tfdiag.Error("Unable to read CML worker", tfdiag.About{ID: "i-1", Region: "us-east-1"}, err).Detail()
		for _, want := range []string{account, "999988887777", "Provider argument: allowed_account_ids", "Next step: use credentials of the right account"} {
			if !strings.Contains(detail, want) {
				t.Errorf("%q lacks %q", detail, want)
			}
		}
	}
	if ops := sim.Recorder.Operations(""); len(ops) != 1 {
		t.Errorf("requests: %v", ops)
	}
}

// What is wrong with a region is found out only after a call there failed, by
// one request to another region.
func TestRegions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		region string
		kind   fault.Kind
		words  string
		asked  int
	}{
		"good":         {"us-west-2", fault.Unknown, "", 0},
		"opted in":     {"eu-south-1", fault.Unknown, "", 0},
		"not opted in": {"ap-east-1", fault.Account, `has not opted in to the region "ap-east-1"`, 1},
		"misspelt":     {"us-esat-1", fault.BadReference, `no AWS region "us-esat-1"`, 1},
	} {
		for _, where := range []string{"resource", "provider"} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				sim, o := world(t)
				if where == "provider" {
					o.AWS.Region = c.region
				}
				set := clients.New(o)
				find := func() error {
					client, err := set.Instances(t.Context(), c.region)
					if err != nil {
						return err
					}
					_, err = client.Search(t.Context(), instance.Query{Name: "x"})
					return err
				}
				for range 3 {
					err := find()
					if fault.KindOf(err) != c.kind || err != nil && !strings.Contains(err.Error(), c.words) || (err == nil) != (c.words == "") {
						t.Errorf("got %s %v", fault.KindOf(err), err)
					}
					if err == nil {
						continue
					}
					detail := tfdiag.Error("Unable to read CML worker", tfdiag.About{Region: c.region}, err).Detail()
					if !strings.HasPrefix(detail, "The") || !strings.Contains(detail, "Provider argument: region") || !strings.Contains(detail, "Next step: ") {
						t.Errorf("got %s", detail)
					}
				}
				if n := sim.Recorder.Count("ec2", "DescribeRegions"); n != c.asked {
					t.Errorf("DescribeRegions was asked %d times, want %d", n, c.asked)
				}
			})
		}
	}
}

func TestRegionNames(t *testing.T) {
	t.Parallel()
	sim, o := world(t)
	set := clients.New(o)
	_, err := set.Instances(t.Context(), "us-east-1a")
	if !fault.Is(err, fault.BadReference) || !strings.Contains(err.Error(), `The region is "us-east-1"`) || sim.Recorder.Count("", "") != 0 {
		t.Errorf("%v after %v", err, sim.Recorder.Operations(""))
	}
	o.AWS.SkipRegionValidation = true
	if c, err := clients.New(o).Instances(t.Context(), "RegionOne"); err != nil || c.Region() != "RegionOne" {
		t.Errorf("skip_region_validation: %v", err)
	}
	o.AWS.Region = ""
	if _, err := clients.New(o).DefaultRegion(t.Context()); err == nil || !strings.Contains(err.Error(), "No AWS region is set") {
		t.Errorf("missing region: %v", err)
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	if set, diags := clients.From(nil); set != nil || diags.HasError() {
		t.Errorf("not configured yet: %v, %v", set, diags)
	}
	want := clients.New(clients.Options{})
	if set, diags := clients.From(want); set != want || diags.HasError() {
		t.Errorf("%v, %v", set, diags)
	}
	if set, diags := clients.From("something else"); set != nil || !diags.HasError() {
		t.Errorf("%v, %v", set, diags)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	set := clients.New(clients.Options{
		ManagedTags: instance.ManagedTags{Enabled: true, Prefix: "lab:"},
		IgnoredKeys: []string{"Owner"}, IgnoredPrefixes: []string{"backup/"},
		DefaultTags: map[string]string{"Team": "net"},
	})
	for key, want := range map[string]bool{
		"Owner": true, "owner": false, "backup/plan": true, "backup": false, "lab:managed-by": true, "aws:ec2:fleet-id": true, "cml:x": false, "Team": false,
	} {
		if got := set.Ignored(key); got != want {
			t.Errorf("%q ignored: %t", key, got)
		}
	}
	set.DefaultTags()["Team"] = "changed"
	if set.DefaultTags()["Team"] != "net" {
		t.Error("a caller changed the default tags")
	}
}

func TestSuppressed(t *testing.T) {
	t.Parallel()
	set := clients.New(clients.Options{SuppressedWarnings: []string{tfdiag.HopLimit.Code}})
	var none *clients.Set
	if !set.Suppressed(tfdiag.HopLimit.Code) || set.Suppressed(tfdiag.PortClosed.Code) || none.Suppressed(tfdiag.HopLimit.Code) {
		t.Error("wrong codes are suppressed")
	}
	var diags diag.Diagnostics
	tfdiag.Warn(&diags, none, tfdiag.HopLimit, "shown before the provider is configured")
	if len(diags) != 1 {
		t.Error("a warning is missing")
	}
}

// One at a time for an instance, side by side for two.
func TestLock(t *testing.T) {
	t.Parallel()
	set := clients.New(clients.Options{})
	first := set.Lock("i-1")
	set.Lock("i-2")() // is free
	var inside, entered atomic.Int32
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			unlock := set.Lock("i-1")
			if inside.Add(1) != 1 {
				t.Error("two inside")
			}
			entered.Add(1)
			time.Sleep(time.Millisecond) // long enough for another to come in, were there no lock
			inside.Add(-1)
			unlock()
			unlock() // a second time does nothing
		})
	}
	time.Sleep(5 * time.Millisecond)
	if n := entered.Load(); n != 0 {
		t.Errorf("%d entered while it was locked", n)
	}
	first()
	all.Wait()
	if n := entered.Load(); n != 10 {
		t.Errorf("%d of 10 entered", n)
	}
}

func TestProbeBudget(t *testing.T) {
	t.Parallel()
	b := clients.New(clients.Options{}).ProbeBudget()
	for i := range clients.ProbeLimit {
		if !b.Allow("subnet-1") {
			t.Fatalf("refused after %d time-outs", i)
		}
		b.TimedOut("subnet-1")
	}
	if b.Allow("subnet-1") || !b.Allow("subnet-2") {
		t.Error("the budget of one subnet is not that subnet's")
	}
}
