package storage_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	home = "us-east-1"
	set  = "cml_worker_snapshot.set"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// lab is a simulated account with one machine of two volumes that somebody else
// launched.
type lab struct {
	*acctest.World
	t   *testing.T
	ec2 *ec2.Client
	// id is the machine, running.
	id string
	// before are the snapshots that images are made of.
	before map[string]types.Snapshot
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
	l.AWS.Region(home).AttachVolume(l.id, "/dev/sdf", 200)
	l.before = l.snapshots()
	l.Recorder.Reset()
	return l
}

func (l *lab) launch() string {
	l.t.Helper()
	out, err := l.ec2.RunInstances(context.Background(), &ec2.RunInstancesInput{
		ImageId: sdk.String(aws.SeededID("ami", home, aws.SerialImage290)), InstanceType: types.InstanceTypeM8i2xlarge,
		MinCount: sdk.Int32(1), MaxCount: sdk.Int32(1), SubnetId: sdk.String(aws.SeededID("subnet", home, aws.SerialSubnetA)),
		SecurityGroupIds: []string{aws.SeededID("sg", home, aws.SerialGroupCML)},
		CpuOptions:       &types.CpuOptionsRequest{NestedVirtualization: types.NestedVirtualizationSpecificationEnabled},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	id := *out.Instances[0].InstanceId
	l.await(id, "running")
	l.eventually(id+" to be ready", func() bool { return l.CML.Machine(id).Phase() == cml.Ready })
	return id
}

func (l *lab) await(id, state string) {
	l.t.Helper()
	l.eventually(id+" to be "+state, func() bool { return l.state(id) == state })
}

func (l *lab) state(id string) string {
	in, _ := l.AWS.Region(home).Instance(id)
	return in.State
}

func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (l *lab) stopOutside() {
	l.AWS.Region(home).StopOutside(l.id)
	l.await(l.id, "stopped")
}

// snapshots are those that were taken and still exist, by id.
func (l *lab) snapshots() map[string]types.Snapshot {
	l.t.Helper()
	page, err := l.ec2.DescribeSnapshots(context.Background(), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	if err != nil {
		l.t.Fatal(err)
	}
	out := map[string]types.Snapshot{}
	for _, s := range page.Snapshots {
		if _, old := l.before[*s.SnapshotId]; !old {
			out[*s.SnapshotId] = s
		}
	}
	return out
}

func (l *lab) deleteOutside(id string) {
	l.t.Helper()
	if _, err := l.ec2.DeleteSnapshot(context.Background(), &ec2.DeleteSnapshotInput{SnapshotId: &id}); err != nil {
		l.t.Fatal(err)
	}
}

// changes are the operations that change something at EC2, in their order,
// since the last reset. There must have been requests at all.
func (l *lab) changes() []string {
	l.t.Helper()
	if len(l.Recorder.All()) == 0 {
		l.t.Error("the recorder saw no request at all")
	}
	out := []string{}
	for _, r := range l.Recorder.All() {
		if r.Service == "ec2" && !strings.HasPrefix(r.Operation, "Describe") {
			out = append(out, r.Operation)
		}
	}
	return out
}

// calls checks the changing operations since the last such check: these, in
// this order, and no others.
func (l *lab) calls(want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got := l.changes()
		l.Recorder.Reset()
		if !slices.Equal(got, want) {
			return fmt.Errorf("EC2 was asked %q, wanted %q", got, want)
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

// config is a set of the machine, with arguments of the provider and its own.
func (l *lab) config(provider, arguments string) string {
	return l.Provider(provider) + l.set(arguments)
}

func (l *lab) set(arguments string) string {
	return fmt.Sprintf("\nresource \"cml_worker_snapshot\" \"set\" {\n  worker_id = %q\n%s\n}\n", l.id, arguments)
}

// plain is a set with the port of this world's CML and no credentials.
func (l *lab) plain(arguments string) string { return l.config(l.Controller(false), arguments) }

// admin is a set with the administrator's credentials, which travel over any
// certificate.
func (l *lab) admin(arguments string) string {
	return l.config(l.Controller(true), "controller = { tls = { trust = \"insecure\" } }\n"+arguments)
}

func planned(action plancheck.ResourceActionType, more ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: append(more, plancheck.ExpectResourceAction(set, action))}
}

func unchanged() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

func attr(name, want string) resource.TestCheckFunc {
	return resource.TestCheckResourceAttr(set, name, want)
}

// says is a text in Terraform's output, wherever its lines are broken.
func says(text string) *regexp.Regexp {
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = regexp.QuoteMeta(word)
	}
	return regexp.MustCompile(strings.Join(words, `[\s│|]+`))
}

// none checks that no snapshot is left.
func (l *lab) none(*terraform.State) error {
	if left := l.snapshots(); len(left) > 0 {
		return fmt.Errorf("%d snapshots are left", len(left))
	}
	return nil
}
