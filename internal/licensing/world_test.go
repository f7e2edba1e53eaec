package licensing_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

const (
	region = "us-east-1"
	// token is what must never be shown, in the form that the portal gives it.
	token      = "ZmFrZS10b2tlbi1vZi1hLXRlc3Qt%0AMTIzNDU2Nzg5MA%3D%3D"
	enterprise = "CML_Enterprise"
)

// lab is a simulated account with one machine whose CML is ready.
type lab struct {
	*acctest.World
	t      *testing.T
	ec2    *instance.Client
	id     string
	said   []string
	worker *licensing.Worker
}

func newLab(t *testing.T, change ...func(*simulator.Options)) *lab {
	t.Helper()
	l := &lab{World: acctest.NewWorld(t, change...), t: t}
	l.ec2 = l.EC2(region)
	in, err := l.ec2.Launch(t.Context(), instance.Launch{
		Name: "lab", ImageID: aws.SeededID("ami", region, aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"},
		SubnetIDs: []string{aws.SeededID("subnet", region, aws.SerialSubnetA)}, SecurityGroupIDs: []string{aws.SeededID("sg", region, aws.SerialGroupCML)},
		NestedVirtualization: instance.LaunchNestedAuto,
	}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	l.id = in.ID
	if _, err := l.ec2.WaitRunning(t.Context(), l.id, "", time.Time{}, nil); err != nil {
		t.Fatal(err)
	}
	l.eventually("CML to be ready", func() bool { return l.machine().Phase() == cml.Ready })
	settings := controller.Settings{Port: l.Port(), TLS: controller.TLS{Trust: controller.TrustInsecure}}
	admin := l.CML.Admin()
	l.worker = &licensing.Worker{
		Instances: l.ec2, InstanceID: l.id,
		Settings: func(*instance.Instance) controller.Settings { return controller.Merge(settings, controller.Defaults()) },
		Credentials: func(controller.Settings) func(context.Context) (controller.Credentials, error) {
			return func(context.Context) (controller.Credentials, error) {
				return controller.Credentials{Username: admin.Username, Password: admin.Password}, nil
			}
		},
		Interval: acctest.Pace, Progress: func(s string) { l.said = append(l.said, s) },
	}
	l.Recorder.Reset()
	return l
}

func (l *lab) machine() *cml.Machine { return l.CML.Machine(l.id) }

func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (l *lab) instance() *instance.Instance {
	l.t.Helper()
	in, err := l.ec2.Find(context.WithoutCancel(l.t.Context()), l.id, "")
	if err != nil {
		l.t.Fatal(err)
	}
	return in
}

func (l *lab) register(req licensing.Request) (licensing.Result, error) {
	l.t.Helper()
	if req.Product == "" {
		req.Product = enterprise
	}
	return l.worker.Register(l.t.Context(), l.instance(), req)
}

// registered registers and fails the test where that fails.
func (l *lab) registered(req licensing.Request) licensing.Result {
	l.t.Helper()
	if req.Token == "" {
		req.Token = token
	}
	result, err := l.register(req)
	if err != nil {
		l.t.Fatalf("registering: %s", err)
	}
	return result
}

func (l *lab) release(r licensing.Release) (licensing.Outcome, error) {
	l.t.Helper()
	if r.Mode == "" {
		r.Mode = licensing.Required
	}
	return l.worker.Release(l.t.Context(), l.instance(), r)
}

// counted are the products that Cisco counts.
func (l *lab) counted() int { return len(l.CML.SSMS().Registrations()) }

// asked counts the requests to CML of one operation.
func (l *lab) asked(operation string) int { return l.Recorder.Count("cml", operation) }

func (l *lab) stop() {
	l.t.Helper()
	if _, err := l.ec2.Stop(l.t.Context(), l.id, "", instance.StopForce, nil); err != nil {
		l.t.Fatal(err)
	}
}

// addLab makes a lab with running nodes.
func (l *lab) addLab() {
	l.t.Helper()
	if _, err := l.machine().AddLab(cml.Lab{Title: "Branch", Nodes: []cml.Node{{Label: "r1"}}, Running: true}); err != nil {
		l.t.Fatal(err)
	}
	if l.machine().RunningNodes() == 0 {
		l.t.Fatal("no node runs")
	}
}

func wantText(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q lacks %q", err, word)
		}
	}
}

// silent checks that nothing that was said or returned holds the token.
func (l *lab) silent(result licensing.Result, err error) {
	l.t.Helper()
	texts := slices.Clone(l.said)
	for _, n := range result.Notes {
		texts = append(texts, n.Text)
	}
	if err != nil {
		texts = append(texts, err.Error())
	}
	plain := strings.TrimSuffix(token, "%3D%3D")
	for _, text := range texts {
		if strings.Contains(text, plain) || strings.Contains(text, "ZmFrZS10b2tlbi1vZi1hLXRlc3Qt") {
			l.t.Errorf("the token is shown: %s", text)
		}
	}
}

func (l *lab) tick() <-chan time.Time { return time.After(time.Millisecond) }

// marking is a client that writes marker tags.
func (l *lab) marking() *instance.Client {
	return instance.NewFromConfig(sdk.Config{
		Region: region, BaseEndpoint: sdk.String(l.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
	}, instance.Options{Region: region, Interval: acctest.Pace, Tags: instance.ManagedTags{Enabled: true}})
}
