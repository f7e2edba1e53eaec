package awsconf_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// The argument beats AWS_REGION, that AWS_DEFAULT_REGION, that the profile.
func TestRegionOrder(t *testing.T) {
	region := func(argument string) string {
		t.Helper()
		o := awsconf.Options{AccessKey: "a", SecretKey: "b", Region: argument}
		got, err := awsconf.New(o).Region(t.Context())
		if err != nil {
			wantError(t, err, "region", "No AWS region is set")
		}
		return got
	}
	if got := region(""); got != "" {
		t.Errorf("nobody says a region, got %q", got)
	}
	t.Setenv("AWS_CONFIG_FILE", writeFile(t, "[default]\nregion = eu-west-1\n"))
	if got := region(""); got != "eu-west-1" {
		t.Errorf("profile: %q", got)
	}
	t.Setenv("AWS_DEFAULT_REGION", "us-west-1")
	if got := region(""); got != "us-west-1" {
		t.Errorf("AWS_DEFAULT_REGION: %q", got)
	}
	t.Setenv("AWS_REGION", "us-west-2")
	if got := region(""); got != "us-west-2" {
		t.Errorf("AWS_REGION: %q", got)
	}
	if got := region("us-east-1"); got != "us-east-1" {
		t.Errorf("argument: %q", got)
	}
}

func TestHomeInPaths(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.WriteFile(filepath.Join(home, "config"), []byte("[default]\nregion = eu-west-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := awsconf.New(awsconf.Options{SharedConfigFiles: []string{"~/config"}}).Region(t.Context())
	if err != nil || got != "eu-west-1" {
		t.Errorf("%q, %v", got, err)
	}
}

// Without a region of the provider, the first one asked for serves STS.
func TestRegionOfTheResourceServes(t *testing.T) {
	t.Parallel()
	sim, url := world(t)
	o := at(url, "AKIAKEYS")
	o.Region = ""
	o.AssumeRole = []awsconf.AssumeRole{{RoleARN: role(keys, "hop")}}
	f := awsconf.New(o)
	_, err := f.Config(t.Context(), "")
	wantError(t, err, "region", "No AWS region is set")
	if _, err := f.Config(t.Context(), "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	if id, err := f.Identity(t.Context()); err != nil || id.AccountID != keys {
		t.Errorf("%+v, %v", id, err)
	}
	for _, r := range sim.Recorder.All() {
		if r.Region != "eu-west-1" {
			t.Errorf("%s in %s", r.Operation, r.Region)
		}
	}
}

// A failure that the region would explain is explained, once a call; others
// and good calls are not.
func TestExplainRegion(t *testing.T) {
	t.Parallel()
	sim, url := world(t)
	better := errors.New("no such region")
	var mu sync.Mutex
	var asked []string
	o := at(url, "AKIALABS")
	two := 2
	o.MaxRetries = &two
	o.ExplainRegion = func(_ context.Context, region string) error {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, region)
		if region == "us-west-2" {
			return nil
		}
		return better
	}
	describe := func(o awsconf.Options, region string) error {
		t.Helper()
		f := awsconf.New(o)
		cfg, err := f.Config(t.Context(), region)
		if err != nil {
			t.Fatal(err)
		}
		client := ec2.NewFromConfig(cfg, func(eo *ec2.Options) { eo.BaseEndpoint = awssdk.String(url) })
		_, err = client.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
		return err
	}
	if err := describe(o, "us-east-1"); err != nil || len(asked) != 0 {
		t.Fatalf("good call: %v, asked %v", err, asked)
	}
	sim.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstances", Times: 3, Fault: wire.Fault{Kind: wire.Error, Code: "AuthFailure", Status: 401}})
	if err := describe(o, "us-east-1"); !errors.Is(err, better) || len(asked) != 1 {
		t.Errorf("got %v, asked %v", err, asked)
	}
	if err := describe(o, "us-west-2"); fault.As(fault.FromAWS(err, "")).Code != "AuthFailure" || len(asked) != 2 {
		t.Errorf("where there is nothing better the error stays: %v, asked %v", err, asked)
	}
	quiet := o
	quiet.SkipRegionValidation = true
	if err := describe(quiet, "us-east-1"); errors.Is(err, better) || err == nil || len(asked) != 2 {
		t.Errorf("skip_region_validation: %v, asked %v", err, asked)
	}
	sim.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstances", Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403}})
	if err := describe(o, "us-east-1"); errors.Is(err, better) || err == nil || len(asked) != 2 {
		t.Errorf("a policy is not the region's fault: %v, asked %v", err, asked)
	}
}

// Lazy loads once, keeps verdicts, forgets what may pass, and lets a waiter go
// with its own context.
func TestLazy(t *testing.T) {
	t.Parallel()
	loads := 0
	failing := fault.New(fault.Throttled, "slow down")
	l := awsconf.NewLazy(func(context.Context) (string, error) {
		loads++
		if loads < 3 {
			return "", failing
		}
		return "value", nil
	})
	for i, want := range []string{"", "", "value", "value"} {
		if got, err := l.Get(t.Context()); got != want || (err == nil) != (want != "") {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
	if loads != 3 {
		t.Errorf("%d loads, want 3", loads)
	}

	denied := 0
	kept := awsconf.NewLazy(func(context.Context) (string, error) {
		denied++
		return "", fault.New(fault.Credentials, "no")
	})
	for range 3 {
		if _, err := kept.Get(t.Context()); !fault.Is(err, fault.Credentials) {
			t.Error(err)
		}
	}
	if denied != 1 {
		t.Errorf("%d look-ups for one verdict", denied)
	}

	release := make(chan struct{})
	entered := make(chan struct{})
	slow := awsconf.NewLazy(func(context.Context) (string, error) {
		close(entered)
		<-release
		return "late", nil
	})
	var holder sync.WaitGroup
	holder.Go(func() {
		if got, err := slow.Get(t.Context()); got != "late" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := slow.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a waiter with an ended context got %v", err)
	}
	close(release)
	holder.Wait()
}
