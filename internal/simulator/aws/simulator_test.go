package aws_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const home = "us-east-1"

// world is a simulator on loopback with clients that never retry, so that one call is one
// request.
type world struct {
	*aws.Simulator
	t   *testing.T
	url string
}

func newWorld(t *testing.T, options aws.Options) *world {
	t.Helper()
	sim, err := aws.New(options)
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
	return &world{Simulator: sim, t: t, url: server.URL}
}

func (w *world) ec2(region string, key ...string) *ec2.Client {
	return ec2.New(ec2.Options{
		Region: region, BaseEndpoint: sdk.String(w.url), Credentials: static(key...), Retryer: sdk.NopRetryer{}, HTTPClient: w.http(),
	})
}

func (w *world) sts(key ...string) *sts.Client {
	return sts.New(sts.Options{
		Region: home, BaseEndpoint: sdk.String(w.url), Credentials: static(key...), Retryer: sdk.NopRetryer{}, HTTPClient: w.http(),
	})
}

// http is a client of its own, so that connections do not outlive the test.
func (w *world) http() *http.Client {
	transport := &http.Transport{}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// static takes key id, secret and session token, or something that nobody knows.
func static(key ...string) sdk.CredentialsProvider {
	all := append(append([]string{}, key...), []string{"test", "test", ""}[min(len(key), 3):]...)
	return credentials.NewStaticCredentialsProvider(all[0], all[1], all[2])
}

// launchInput is a plain valid launch.
func launchInput() *ec2.RunInstancesInput {
	return &ec2.RunInstancesInput{
		ImageId: sdk.String(aws.SeededID("ami", home, aws.SerialImage290)), InstanceType: types.InstanceTypeM8i2xlarge,
		MinCount: sdk.Int32(1), MaxCount: sdk.Int32(1), SubnetId: sdk.String(aws.SeededID("subnet", home, aws.SerialSubnetA)),
		SecurityGroupIds: []string{aws.SeededID("sg", home, aws.SerialGroupCML)},
	}
}

// launch runs an instance of the default region and returns its id.
func (w *world) launch(change ...func(*ec2.RunInstancesInput)) string {
	w.t.Helper()
	input := launchInput()
	for _, c := range change {
		c(input)
	}
	out, err := w.ec2(home).RunInstances(context.Background(), input)
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.Instances[0].InstanceId
}

// running launches and waits for running.
func (w *world) running(change ...func(*ec2.RunInstancesInput)) string {
	w.t.Helper()
	id := w.launch(change...)
	w.await(id, "running")
	return id
}

// await waits for a state of an instance.
func (w *world) await(id, state string) types.Instance {
	w.t.Helper()
	var i types.Instance
	eventually(w.t, "state "+state, func() bool {
		i = w.describe(id)
		return string(i.State.Name) == state
	})
	return i
}

// eventually waits for something that happens by itself. The limit is for what never
// happens, not for what is slow.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !happened(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

func (w *world) describe(id string) types.Instance {
	w.t.Helper()
	out, err := w.ec2(home).DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Reservations[0].Instances[0]
}

// code is the code of an API error, empty for none.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return "not an API error: " + err.Error()
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("error code %q (%v), want %q", got, err, want)
	}
}

// guest notes what happened to the machines.
type guest struct {
	mu     sync.Mutex
	events []string
	boots  []aws.BootEvent
	down   func(id string)
}

func (g *guest) Boot(e aws.BootEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, "boot")
	g.boots = append(g.boots, e)
}

func (g *guest) Shutdown(id string) {
	if g.down != nil {
		g.down(id)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, "shutdown")
}

func (g *guest) Readdress(e aws.BootEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, "readdress "+e.PublicIP.String())
}

func (g *guest) seen() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string{}, g.events...)
}
