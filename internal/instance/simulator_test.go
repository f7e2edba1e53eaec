package instance_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const region = "us-east-1"

// world is a simulated AWS with a client of ours before it.
type world struct {
	*instance.Client
	sim *simulator.Simulator
	url string
}

var (
	subnetA  = simulator.SeededID("subnet", region, simulator.SerialSubnetA)
	subnetB  = simulator.SeededID("subnet", region, simulator.SerialSubnetB)
	private  = simulator.SeededID("subnet", region, simulator.SerialSubnetPrivate)
	groupCML = simulator.SeededID("sg", region, simulator.SerialGroupCML)
	closed   = simulator.SeededID("sg", region, simulator.SerialGroupClosed)
	image291 = simulator.SeededID("ami", region, simulator.SerialImage291)
	vpcID    = simulator.SeededID("vpc", region, simulator.SerialVPC)
)

// options of a client in tests: it asks often and repeats nothing by itself.
func options() instance.Options {
	return instance.Options{
		Interval: 5 * time.Millisecond, Gather: 2 * time.Millisecond,
		CreateGrace: 10 * time.Second, Propagation: 10 * time.Second,
		TokenLookup: 200 * time.Millisecond, Settle: 10 * time.Second, CapacityInterval: 5 * time.Millisecond,
		AccountID: func(context.Context) (string, error) { return simulator.DefaultAccountID, nil },
		Tags:      instance.ManagedTags{Enabled: true},
	}
}

func newWorld(t *testing.T, so simulator.Options, change ...func(*instance.Options)) *world {
	t.Helper()
	sim, err := simulator.New(so)
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
	w := &world{sim: sim, url: server.URL}
	w.Client = w.client(change...)
	return w
}

// client is one more client of the same world, as another run of Terraform has it.
func (w *world) client(change ...func(*instance.Options)) *instance.Client {
	return clientOf(w.url, change...)
}

func clientOf(url string, change ...func(*instance.Options)) *instance.Client {
	o := options()
	for _, f := range change {
		f(&o)
	}
	return instance.NewFromConfig(configOf(url), o)
}

func configOf(url string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
		HTTPClient:  &http.Client{},
		// What is repeated here is repeated by this package.
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// asks are the operations that were asked since the mark, those of reading left out.
func (w *world) acts() []string {
	return slices.DeleteFunc(w.sim.Recorder.Operations("ec2"), func(op string) bool {
		return strings.HasPrefix(op, "Describe") || strings.HasPrefix(op, "Get")
	})
}

func (w *world) count(operation string) int { return w.sim.Recorder.Count("ec2", operation) }

// sent are the records of an operation.
func (w *world) sent(operation string) []wire.Record {
	return w.sim.Recorder.Filter(func(r wire.Record) bool { return r.Operation == operation })
}

// last is the newest record of an operation.
func (w *world) last(t *testing.T, operation string) wire.Record {
	t.Helper()
	all := w.sent(operation)
	if len(all) == 0 {
		t.Fatalf("%s was never asked; these were: %v", operation, w.sim.Recorder.Operations(""))
	}
	return all[len(all)-1]
}

func (w *world) fail(rules ...wire.Rule) { w.sim.Faults.Add(rules...) }

func refusal(operation, code, message string, times int) wire.Rule {
	return wire.Rule{Service: "ec2", Operation: operation, Times: times, Fault: wire.Fault{Kind: wire.Error, Code: code, Message: message}}
}

// plain is a launch without anything special.
func plain() instance.Launch {
	return instance.Launch{
		Name: "lab", ImageID: image291, InstanceTypes: []string{"m8i.2xlarge"}, SubnetIDs: []string{subnetA},
		SecurityGroupIDs: []string{groupCML},
		Tags: map[string]string{
			"Name": "lab", "Owner": "netops", "cml:managed-by": instance.ManagedByValue, "cml:worker-name": "lab",
		},
	}
}

func (w *world) launch(t *testing.T, l instance.Launch) *instance.Instance {
	t.Helper()
	made, err := w.Launch(t.Context(), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// run launches and waits until the instance runs.
func (w *world) run(t *testing.T, l instance.Launch) *instance.Instance {
	t.Helper()
	made := w.launch(t, l)
	running, err := w.WaitRunning(t.Context(), made.ID, made.AccountID, time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return running
}

// stopped launches, waits and stops.
func (w *world) stopped(t *testing.T, l instance.Launch) *instance.Instance {
	t.Helper()
	made := w.run(t, l)
	out, err := w.Stop(t.Context(), made.ID, made.AccountID, instance.StopGraceful, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// many launches n instances at once.
func (w *world) many(t *testing.T, n int) []string {
	t.Helper()
	ids := make([]string, n)
	var wg sync.WaitGroup
	limit := make(chan struct{}, 20)
	for i := range n {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			l := plain()
			l.Name = fmt.Sprintf("lab-%d", i)
			made, err := w.Launch(t.Context(), l, nil)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = made.ID
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return ids
}

// together calls do for each of the values, at most 50 at a time as a refresh
// with -parallelism=50 does.
func together(values []string, do func(string)) {
	work := make(chan string)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for v := range work {
				do(v)
			}
		})
	}
	for _, v := range values {
		work <- v
	}
	close(work)
	wg.Wait()
}
