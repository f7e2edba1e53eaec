// Package acctest runs the provider in tests: a real Terraform or OpenTofu, the
// provider in process, and the simulator on the wire.
package acctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/provider"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

// Pace is the interval of the provider's waits in tests.
const Pace = 20 * time.Millisecond

// found is the engine that Main has pinned.
var found struct {
	engine engine.Engine
	err    error
}

// Main is the TestMain of a package with tests that run an engine: it takes the
// caller's AWS_*, CML_* and TF_* variables out of the way and pins the engine.
// Without any engine the tests of a package run all the same, and those that
// need one are skipped with the reason (see Engine).
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cml-acctest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	want, err := engine.ParseKind(os.Getenv("ENGINE"))
	if err == nil {
		found.engine, err = engine.Find(context.Background(), engine.Options{Want: want})
	}
	switch found.err = err; {
	case err == nil:
		err = found.engine.Pin(dir)
	case errors.Is(err, engine.ErrNone):
		// The tests that need no engine want the same quiet.
		err = engine.Isolate(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Engine returns the engine of this run, and skips the test when the machine
// has none or the engine lacks one of the capabilities.
func Engine(t *testing.T, needs ...engine.Capability) engine.Engine {
	t.Helper()
	if found.err != nil {
		t.Skipf("no terraform and no tofu: %s", found.err)
	}
	for _, c := range needs {
		if !found.engine.Supports(c) {
			t.Skipf("%s has no %s", found.engine, c)
		}
	}
	return found.engine
}

// World is a simulator with the provider configuration that leads to it.
type World struct {
	*simulator.Simulator
}

// NewWorld starts a simulator that ends with the test. Change adjusts its
// options; the timing is simulator.Quick.
func NewWorld(t *testing.T, change ...func(*simulator.Options)) *World {
	t.Helper()
	var o simulator.Options
	for _, f := range change {
		f(&o)
	}
	sim, err := simulator.Start(context.Background(), o)
	if err != nil {
		t.Fatalf("starting the simulator: %s", err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Errorf("closing the simulator: %s", err)
		}
	})
	return &World{Simulator: sim}
}

// Provider returns a provider block for this world. extra is HCL for its body.
func (w *World) Provider(extra string) string {
	return fmt.Sprintf(`
provider "cml" {
  region     = "us-east-1"
  access_key = "AKIAIOSFODNN7EXAMPLE"
  secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
  endpoints {
    cloudwatch     = %[1]q
    ec2            = %[1]q
    scheduler      = %[1]q
    secretsmanager = %[1]q
    ssm            = %[1]q
    sts            = %[1]q
  }
  %[2]s
}
`, w.Endpoint(), extra)
}

// EC2 returns a client of this world's EC2, for machines that a test makes by
// hand.
func (w *World) EC2(region string) *instance.Client {
	return instance.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: aws.String(w.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
	}, instance.Options{Region: region, Interval: Pace})
}

// Controller returns the provider's `controller` argument with the port of this
// world's CML and, if wanted, its administrator.
func (w *World) Controller(credentials bool) string {
	if !credentials {
		return fmt.Sprintf("controller = { port = %d }", w.Port())
	}
	admin := w.CML.Admin()
	return fmt.Sprintf("controller = { port = %d, username = %q, password = %q }", w.Port(), admin.Username, admin.Password)
}

// Factories serve the provider in process, at the pace of tests. Change adjusts
// what it takes from outside.
func Factories(change ...func(*provider.Dependencies)) map[string]func() (tfprotov6.ProviderServer, error) {
	d := provider.Dependencies{Version: "test", Interval: Pace}
	for _, f := range change {
		f(&d)
	}
	served := provider.NewWith(d)()
	return map[string]func() (tfprotov6.ProviderServer, error){
		"cml": func() (tfprotov6.ProviderServer, error) { return provider.NewServer(served), nil },
	}
}

// Test runs a test case with a real engine and the provider in process.
func Test(t *testing.T, c resource.TestCase) {
	t.Helper()
	Engine(t)
	if c.ProtoV6ProviderFactories == nil {
		c.ProtoV6ProviderFactories = Factories()
	}
	resource.UnitTest(t, c)
}
