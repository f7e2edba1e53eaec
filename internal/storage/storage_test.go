package storage_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestSetOfAllVolumes(t *testing.T) {
	l := newLab(t)
	image := aws.SeededID("ami", home, aws.SerialImage290)
	arguments := `description = "before 2.9 upgrade"` + "\n" + `tags = { Purpose = "upgrade" }`
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config: l.plain(arguments),
				ConfigPlanChecks: planned(plancheck.ResourceActionCreate,
					plancheck.ExpectKnownValue(set, tfjsonpath.New("region"), knownvalue.StringExact(home))),
				Check: resource.ComposeAggregateTestCheckFunc(
					l.calls("CreateSnapshots"),
					attr("snapshots.#", "2"), attr("snapshots.0.device_name", "/dev/sda1"),
					attr("snapshots.1.device_name", "/dev/sdf"), attr("snapshots.1.size_gib", "200"),
					resource.TestCheckResourceAttrPair(set, "root_snapshot_id", set, "snapshots.0.snapshot_id"),
					attr("ami_id", image), attr("account_id", aws.DefaultAccountID), attr("region", home),
					attr("description", "before 2.9 upgrade"), attr("tags_all.%", "1"), attr("tags_all.Purpose", "upgrade"),
					resource.TestCheckResourceAttrSet(set, "started_at"),
					resource.TestMatchResourceAttr(set, "cml_version", says("2.9.0")),
					resource.TestCheckNoResourceAttr(set, "registered_at_snapshot"),
					func(s *terraform.State) error {
						id := s.RootModule().Resources[set].Primary.ID
						existing := l.snapshots()
						ids := make([]string, 0, len(existing))
						for snapshot, found := range existing {
							ids = append(ids, snapshot)
							if found.State != types.SnapshotStateCompleted || *found.Description != "before 2.9 upgrade" {
								return fmt.Errorf("snapshot %s is %s, %q, when the apply is over", snapshot, found.State, *found.Description)
							}
							if got := tagsOf(found); got["Purpose"] != "upgrade" || got["cml:worker-id"] != l.id || got["cml:managed-by"] != "terraform-provider-cml" {
								return fmt.Errorf("tags of %s: %v", snapshot, got)
							}
						}
						slices.Sort(ids)
						if want := strings.Join(ids, ","); len(ids) != 2 || id != want {
							return fmt.Errorf("id is %q, want %q", id, want)
						}
						return nil
					}),
			},
			{
				// A refresh keeps what EC2 does not tell of snapshots.
				Config: l.plain(arguments), ConfigPlanChecks: unchanged(),
				Check: resource.ComposeAggregateTestCheckFunc(attr("snapshots.0.device_name", "/dev/sda1"), attr("snapshots.1.device_name", "/dev/sdf"),
					attr("ami_id", image), resource.TestCheckResourceAttrPair(set, "root_snapshot_id", set, "snapshots.0.snapshot_id")),
			},
			{
				// Without the argument the description stays; retain and timeouts are recorded.
				PreConfig: func() { l.Recorder.Reset() },
				Config:    l.plain("tags = { Purpose = \"upgrade\" }\nretain = false\ntimeouts {\n  create = \"2h\"\n}"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(l.calls(), attr("description", "before 2.9 upgrade")),
			},
		},
		CheckDestroy: func(s *terraform.State) error {
			if l.state(l.id) != "running" {
				return fmt.Errorf("the worker is %s", l.state(l.id))
			}
			return l.none(s)
		},
	})
}

func tagsOf(s types.Snapshot) map[string]string {
	out := map[string]string{}
	for _, t := range s.Tags {
		out[*t.Key] = *t.Value
	}
	return out
}

func TestTagsChangeInPlace(t *testing.T) {
	l := newLab(t)
	provider := func(extra string) string { return l.Controller(false) + "\n" + extra }
	defaults := `default_tags { tags = { Team = "net", Stage = "lab" } }`
	var ids []string
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			Config: l.config(provider(defaults), `tags = { Stage = "prod", Purpose = "upgrade" }`),
			Check: resource.ComposeAggregateTestCheckFunc(attr("tags_all.%", "3"), attr("tags_all.Stage", "prod"), attr("tags.%", "2"), func(*terraform.State) error {
				for id := range l.snapshots() {
					ids = append(ids, id)
				}
				l.Recorder.Reset()
				return nil
			}),
		},
		{
			Config: l.config(provider(defaults), `tags = { Stage = "prod", Owner = "ops" }`), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(l.calls("DeleteTags", "CreateTags"), attr("tags_all.%", "3"), func(*terraform.State) error {
				for id, s := range l.snapshots() {
					got := tagsOf(s)
					if got["Owner"] != "ops" || got["Team"] != "net" || got["cml:worker-id"] != l.id {
						return fmt.Errorf("tags of %s: %v", id, got)
					}
					if _, left := got["Purpose"]; left {
						return fmt.Errorf("%s still has the tag that was taken away", id)
					}
				}
				return nil
			}),
		},
		{
			// A change of default_tags alone.
			Config:           l.config(provider(`default_tags { tags = { Team = "lab" } }`), `tags = { Stage = "prod", Owner = "ops" }`),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check:            resource.ComposeAggregateTestCheckFunc(l.calls("CreateTags"), attr("tags_all.Team", "lab")),
		},
		{
			// Somebody changes one of the two, and adds a tag that is none of our business.
			PreConfig: func() {
				if _, err := l.ec2.CreateTags(context.Background(), &ec2.CreateTagsInput{Resources: ids[1:], Tags: []types.Tag{
					{Key: sdk.String("Owner"), Value: sdk.String("else")}, {Key: sdk.String("Extra"), Value: sdk.String("yes")},
					{Key: sdk.String("Ignored"), Value: sdk.String("yes")},
				}}); err != nil {
					t.Fatal(err)
				}
				l.Recorder.Reset()
			},
			Config: l.config(provider("default_tags { tags = { Team = \"lab\" } }\n ignore_tags { keys = [\"Ignored\"] }"),
				`tags = { Stage = "prod", Owner = "ops" }`),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(l.calls("DeleteTags", "CreateTags"), func(*terraform.State) error {
				got := tagsOf(l.snapshots()[ids[1]])
				if _, left := got["Extra"]; left || got["Owner"] != "ops" || got["Ignored"] != "yes" {
					return fmt.Errorf("tags: %v", got)
				}
				return nil
			}),
		},
	}})
}

// What EC2 cannot change takes new snapshots, and deletes these.
func TestReplacement(t *testing.T) {
	l := newLab(t)
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: l.plain(`description = "one"`)},
			{
				PreConfig: func() { l.Recorder.Reset() },
				Config:    l.plain(`description = "two"`), ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate),
				Check: l.calls("DeleteSnapshot", "DeleteSnapshot", "CreateSnapshots"),
			},
			{Config: l.plain("description = \"two\"\nquiesce = \"none\"\nregion = \"us-east-1\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate)},
			{
				Config:           l.plain("description = \"two\"\nquiesce = \"stop\""),
				ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate),
			},
			{
				Config:           l.plain("description = \"two\"\nquiesce = \"none\""),
				ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate),
			},
			{
				// Another default region of the provider moves nothing.
				Config:           strings.Replace(l.plain(`description = "two"`), `"us-east-1"`, `"us-west-2"`, 1),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), // quiesce = "none" is left out
				Check:            attr("region", home),
			},
		},
		CheckDestroy: l.none,
	})
}

func TestGoneSnapshots(t *testing.T) {
	l := newLab(t)
	var root, data string
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.plain(""), Check: func(s *terraform.State) error {
			a := s.RootModule().Resources[set].Primary.Attributes
			root, data = a["snapshots.0.snapshot_id"], a["snapshots.1.snapshot_id"]
			return nil
		}},
		{
			PreConfig: func() { l.deleteOutside(root) }, RefreshState: true,
			Check: resource.ComposeAggregateTestCheckFunc(attr("snapshots.#", "1"), resource.TestCheckResourceAttrPtr(set, "snapshots.0.snapshot_id", &data),
				resource.TestCheckNoResourceAttr(set, "root_snapshot_id")),
		},
		// The one that is left is no root, also at the next look.
		{Config: l.plain(""), ConfigPlanChecks: unchanged(), Check: resource.TestCheckNoResourceAttr(set, "root_snapshot_id")},
		{
			PreConfig: func() { l.deleteOutside(data); l.Recorder.Reset() },
			Config:    l.plain(""), ConfigPlanChecks: planned(plancheck.ResourceActionCreate), Check: l.calls("CreateSnapshots"),
		},
	}})
}

const stranger = "999999999999"

// Other credentials see no snapshots, which proves nothing.
func TestWrongAccountKeepsTheState(t *testing.T) {
	l := newLab(t, func(o *simulator.Options) {
		o.AWS.Accounts = append(o.AWS.Accounts, aws.Account{ID: stranger, Keys: []aws.Key{{AccessKeyID: "AKIASTRANGEREXAMPLE"}}})
	})
	foreign := strings.Replace(l.plain(""), "AKIAIOSFODNN7EXAMPLE", "AKIASTRANGEREXAMPLE", 1)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.plain("")},
		{Config: foreign, ExpectError: says("not visible with these credentials")},
		{Config: foreign, Destroy: true, ExpectError: says("not visible with these credentials")},
		{Config: l.plain(""), ConfigPlanChecks: unchanged(), Check: attr("snapshots.#", "2")},
	}})
}

func TestRetain(t *testing.T) {
	l := newLab(t)
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: l.plain("")},
			{
				PreConfig: func() { l.Recorder.Reset() },
				Config:    l.plain("retain = true"), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: l.calls(),
			},
		},
		CheckDestroy: func(*terraform.State) error {
			if n := len(l.snapshots()); n != 2 {
				return fmt.Errorf("%d snapshots are left, want both", n)
			}
			return nil
		},
	})
}

func TestSnapshotInUse(t *testing.T) {
	l := newLab(t)
	var image *string
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: l.plain(""), Check: func(s *terraform.State) error {
				var err error
				image, err = l.register(s.RootModule().Resources[set].Primary.Attributes["root_snapshot_id"])
				return err
			}},
			{Config: l.plain(""), Destroy: true, ExpectError: says("deregister the image that was registered from this snapshot")},
			{
				PreConfig: func() {
					if _, err := l.ec2.DeregisterImage(context.Background(), &ec2.DeregisterImageInput{ImageId: image}); err != nil {
						t.Fatal(err)
					}
				},
				Config: l.plain(""), Destroy: true,
			},
		},
		CheckDestroy: l.none,
	})
}

// register is what the documentation says about restoring.
func (l *lab) register(snapshot string) (*string, error) {
	out, err := l.ec2.RegisterImage(context.Background(), &ec2.RegisterImageInput{
		Name: sdk.String("restored-CML-2.9.0"), Architecture: types.ArchitectureValuesX8664, VirtualizationType: sdk.String("hvm"),
		RootDeviceName: sdk.String("/dev/sda1"), EnaSupport: sdk.Bool(true), ImdsSupport: types.ImdsSupportValuesV20,
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: sdk.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{
			SnapshotId: &snapshot, VolumeType: types.VolumeTypeGp3, DeleteOnTermination: sdk.Bool(true),
		}}},
	})
	if err != nil {
		return nil, err
	}
	return out.ImageId, nil
}

// A worker from an image of the root snapshot.
func TestRestore(t *testing.T) {
	l := newLab(t)
	var image, snapshot string
	restored := func() string {
		return l.plain("retain = true") + fmt.Sprintf(`
resource "cml_worker" "restored" {
  name               = "restored"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
}
`, image, aws.SeededID("subnet", home, aws.SerialSubnetA), aws.SeededID("sg", home, aws.SerialGroupCML))
	}
	// The configuration has to name the image, which exists only after the first step.
	l.taken(t, func(s *terraform.State) error {
		snapshot = s.RootModule().Resources[set].Primary.Attributes["root_snapshot_id"]
		id, err := l.register(snapshot)
		if err == nil {
			image = *id
		}
		return err
	})
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: restored(),
		Check: resource.ComposeAggregateTestCheckFunc(
			resource.TestCheckResourceAttr("cml_worker.restored", "ami_id", image),
			resource.TestCheckResourceAttr("cml_worker.restored", "service_status", "available"),
			func(s *terraform.State) error {
				volume := s.RootModule().Resources["cml_worker.restored"].Primary.Attributes["root_volume_id"]
				page, err := l.ec2.DescribeVolumes(context.Background(), &ec2.DescribeVolumesInput{VolumeIds: []string{volume}})
				if err != nil {
					return err
				}
				if got := sdk.ToString(page.Volumes[0].SnapshotId); got != snapshot {
					return fmt.Errorf("the root volume comes from %q, want %s", got, snapshot)
				}
				return nil
			}),
	}}})
}

// taken takes a set that outlives its test case.
func (l *lab) taken(t *testing.T, check resource.TestCheckFunc) {
	t.Helper()
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{Config: l.plain("retain = true"), Check: check}}})
}

// A wait that fails leaves the set in the state, tainted, and deletes nothing by
// itself: only the destroy does.
func TestWaitTimesOut(t *testing.T) {
	l := newLab(t, func(o *simulator.Options) {
		o.Timing = simulator.Quick()
		o.Timing.AWS.Snapshot = time.Hour
	})
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: l.plain("timeouts {\n  create = \"2s\"\n}"), ExpectError: says("the snapshots snap-")},
			{
				PreConfig: func() {
					if err := l.calls("CreateSnapshots")(nil); err != nil {
						t.Error(err)
					}
					if n := len(l.snapshots()); n != 2 {
						t.Errorf("%d snapshots after the failure, want both", n)
					}
				},
				Config: l.plain(""), Destroy: true, Check: l.calls("DeleteSnapshot", "DeleteSnapshot"),
			},
		},
		CheckDestroy: l.none,
	})
}

func TestBadInput(t *testing.T) {
	l := newLab(t)
	for name, c := range map[string]struct{ arguments, want string }{
		"quiesce":     {`quiesce = "pause"`, `value must be one of`},
		"description": {fmt.Sprintf("description = %q", strings.Repeat("x", 256)), "must be between 1 and 255"},
		"region":      {`region = "us-east-1a"`, "is an availability zone"},
		"timeouts":    {"timeouts {\n create = \"-5m\"\n}", "Invalid duration"},
		"tags":        {`tags = { "cml:mine" = "x" }`, "Reserved tag"},
		"aws tags":    {`tags = { "aws:mine" = "x" }`, "aws:"},
	} {
		t.Run(name, func(t *testing.T) {
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{Config: l.plain(c.arguments), PlanOnly: true, ExpectError: says(c.want)}}})
		})
	}
	t.Run("worker_id", func(t *testing.T) {
		acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
			Config: strings.Replace(l.plain(""), l.id, "vol-0123", 1), PlanOnly: true, ExpectError: says("is not an instance id"),
		}}})
	})
	t.Run("no such worker", func(t *testing.T) {
		acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
			Config: strings.Replace(l.plain(""), l.id, "i-0123456789abcdef0", 1), ExpectError: says("Unable to take snapshots of CML worker"),
		}}})
	})
	if n := l.Recorder.Count("ec2", "CreateSnapshots"); n > 0 {
		t.Errorf("%d sets were taken", n)
	}
}
