package power_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const home = "us-east-1"

func TestMain(m *testing.M) { acctest.Main(m) }

// lab is a simulated account with one machine that somebody else launched.
type lab struct {
	*acctest.World
	t   *testing.T
	ec2 *ec2.Client
	// id is the machine, running.
	id string
}

// newLab launches the machine and waits until its CML is ready.
func newLab(t *testing.T, change ...func(*simulator.Options)) *lab {
	t.Helper()
	l := &lab{World: acctest.NewWorld(t, change...), t: t}
	l.ec2 = ec2.New(ec2.Options{
		Region: home, BaseEndpoint: sdk.String(l.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""),
	})
	l.id = l.launch()
	return l
}

// launch runs one more machine.
func (l *lab) launch(change ...func(*ec2.RunInstancesInput)) string {
	l.t.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: sdk.String(aws.SeededID("ami", home, aws.SerialImage290)), InstanceType: types.InstanceTypeM8i2xlarge,
		MinCount: sdk.Int32(1), MaxCount: sdk.Int32(1), SubnetId: sdk.String(aws.SeededID("subnet", home, aws.SerialSubnetA)),
		SecurityGroupIds: []string{aws.SeededID("sg", home, aws.SerialGroupCML)},
		CpuOptions:       &types.CpuOptionsRequest{NestedVirtualization: types.NestedVirtualizationSpecificationEnabled},
	}
	for _, c := range change {
		c(in)
	}
	out, err := l.ec2.RunInstances(context.Background(), in)
	if err != nil {
		l.t.Fatal(err)
	}
	id := *out.Instances[0].InstanceId
	l.await(id, "running")
	l.eventually(id+" to be ready", func() bool { return l.CML.Machine(id).Phase() == cml.Ready })
	return id
}

func (l *lab) machine() aws.Instance {
	l.t.Helper()
	in, ok := l.AWS.Region(home).Instance(l.id)
	if !ok {
		l.t.Fatalf("%s does not exist", l.id)
	}
	return in
}

func (l *lab) await(id, state string) {
	l.t.Helper()
	l.eventually(id+" to be "+state, func() bool {
		in, _ := l.AWS.Region(home).Instance(id)
		return in.State == state
	})
}

func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// stopOutside and startOutside are what other people do.
func (l *lab) stopOutside() {
	l.AWS.Region(home).StopOutside(l.id)
	l.await(l.id, "stopped")
}

func (l *lab) startOutside() {
	l.AWS.Region(home).StartOutside(l.id)
	l.await(l.id, "running")
}

// calls are the changes of power that were asked for, and tag writes.
type calls struct{ start, stop int }

func (l *lab) calls() calls {
	return calls{start: l.Recorder.Count("ec2", "StartInstances"), stop: l.Recorder.Count("ec2", "StopInstances")}
}

// wantCalls checks what was asked of EC2 since the last such check.
func (l *lab) wantCalls(start, stop int) func(*terraform.State) error {
	return func(*terraform.State) error {
		if l.Recorder.Count("ec2", "DescribeInstances") == 0 {
			return fmt.Errorf("the recorder saw nothing at all")
		}
		got := l.calls()
		l.Recorder.Reset()
		if want := (calls{start, stop}); got != want {
			return fmt.Errorf("EC2 was asked %+v, wanted %+v", got, want)
		}
		return nil
	}
}

// fail lets the next calls of an operation fail.
func (l *lab) fail(operation, code, message string, status, times int) {
	l.Faults.Add(wire.Rule{Service: "ec2", Operation: operation, Times: times, Fault: wire.Fault{
		Kind: wire.Error, Code: code, Message: message, Status: status,
	}})
}

// config is a power resource on the machine with a dependant of its URL.
func (l *lab) config(arguments string) string {
	return l.Provider(l.Controller(false)) + l.power(arguments)
}

func (l *lab) power(arguments string) string {
	return fmt.Sprintf(`
resource "cml_worker_power" "lab" {
  worker_id = %q
%s
}

resource "terraform_data" "dependant" {
  input = cml_worker_power.lab.url
}
`, l.id, arguments)
}

// aws123 is the account of the machine, stranger another one.
const (
	aws123   = aws.DefaultAccountID
	stranger = "999999999999"
)

func otherAccount(o *simulator.Options) {
	o.AWS.Accounts = append(o.AWS.Accounts, aws.Account{ID: stranger, Keys: []aws.Key{{AccessKeyID: "AKIASTRANGEREXAMPLE"}}})
}

// foreign is a provider block with the credentials of the other account.
func (l *lab) foreign() string {
	return fmt.Sprintf(`
provider "cml" {
  region     = %[1]q
  access_key = "AKIASTRANGEREXAMPLE"
  secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
  endpoints {
    ec2 = %[2]q
    sts = %[2]q
  }
  controller = { port = %[3]d }
}
`, home, l.Endpoint(), l.Port())
}

// elasticIP gives the machine an address that outlives a stop.
func (l *lab) elasticIP() {
	l.t.Helper()
	address, err := l.ec2.AllocateAddress(context.Background(), &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.ec2.AssociateAddress(context.Background(), &ec2.AssociateAddressInput{
		AllocationId: address.AllocationId, InstanceId: sdk.String(l.id),
	}); err != nil {
		l.t.Fatal(err)
	}
}
