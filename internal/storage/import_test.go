package storage_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

func TestImport(t *testing.T) {
	l := newLab(t)
	arguments := "description = \"before\"\ntags = { Purpose = \"upgrade\" }"
	reversed := func(region string) resource.ImportStateIdFunc {
		return func(s *terraform.State) (string, error) {
			ids := strings.Split(s.RootModule().Resources[set].Primary.ID, ",")
			return ids[1] + "," + ids[0] + region, nil
		}
	}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.admin(arguments)},
		{
			ResourceName: set, ImportState: true, ImportStateIdFunc: reversed(""), ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"controller"}, // an argument that no machine tells
		},
		{
			ResourceName: set, ImportState: true, ImportStateIdFunc: reversed("@us-east-1"), ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"controller"},
		},
		{ResourceName: set, ImportState: true, ImportStateIdFunc: reversed("@us-west-2"), ExpectError: says("Snapshots to import not found")},
		{ResourceName: set, ImportState: true, ImportStateId: "snap-0123456789abcdef0", ExpectError: says("snap-0123456789abcdef0")},
		{ResourceName: set, ImportState: true, ImportStateId: "i-0123456789abcdef0", ExpectError: says("Invalid import id")},
		{ResourceName: set, ImportState: true, ImportStateId: "@us-east-1", ExpectError: says("Invalid import id")},
		{ResourceName: set, ImportState: true, ImportStateId: "snap-0123456789abcdef0@mars", ExpectError: says("Invalid import id")},
	}})
}

func TestImportBlockByIdentity(t *testing.T) {
	acctest.Engine(t, engine.Identity)
	l := newLab(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{Config: l.plain("description = \"before\"\ntags = { Purpose = \"upgrade\" }")},
		{ResourceName: set, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
	}})
}

// made takes a set as another tool would.
func (l *lab) made() []string {
	l.t.Helper()
	out, err := l.ec2.CreateSnapshots(context.Background(), &ec2.CreateSnapshotsInput{
		InstanceSpecification: &types.InstanceSpecification{InstanceId: &l.id}, Description: sdk.String("by hand"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: []types.Tag{{Key: sdk.String("Purpose"), Value: sdk.String("test")}}}},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	var ids []string
	for _, s := range out.Snapshots {
		ids = append(ids, *s.SnapshotId)
	}
	return ids
}

// Snapshots that this provider did not take are adopted, whatever the
// configuration says beyond what EC2 tells; nothing is taken anew.
func TestImportOfForeignSnapshots(t *testing.T) {
	l := newLab(t)
	ids := l.made()
	acctest.Engine(t)
	block := func(ids ...string) string {
		return fmt.Sprintf("\nimport {\n  to = %s\n  id = %q\n}\n", set, strings.Join(ids, ","))
	}
	l.Recorder.Reset()
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{
				Config:           l.plain("tags = { Purpose = \"test\" }\nquiesce = \"stop\"\nretain = true") + block(ids...),
				ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(l.calls(), attr("worker_id", l.id), attr("snapshots.#", "2"), attr("quiesce", "stop"),
					attr("description", "by hand"), resource.TestCheckNoResourceAttr(set, "ami_id"), resource.TestCheckNoResourceAttr(set, "root_snapshot_id")),
			},
			{Config: l.plain("tags = { Purpose = \"test\" }\nquiesce = \"stop\"\nretain = true"), ConfigPlanChecks: unchanged()},
			{
				// Once recorded they are as binding as after a creation.
				Config:           l.plain("tags = { Purpose = \"test\" }\nquiesce = \"none\"\nretain = true"),
				ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate),
			},
		},
		CheckDestroy: func(*terraform.State) error {
			if n := len(l.snapshots()); n != 4 {
				return fmt.Errorf("%d snapshots are left, want the retained four", n)
			}
			return nil
		},
	})
}

// A single snapshot is that of the root volume.
func TestImportOfOneSnapshot(t *testing.T) {
	l := newLab(t)
	ids := l.made()
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: l.plain(`tags = { Purpose = "test" }`) + fmt.Sprintf("\nimport {\n  to = %s\n  id = %q\n}\n", set, ids[0]),
		Check:  resource.ComposeAggregateTestCheckFunc(attr("snapshots.#", "1"), attr("root_snapshot_id", ids[0]), attr("id", ids[0])),
	}}})
	if _, left := l.snapshots()[ids[1]]; !left {
		t.Error("the destroy deleted a snapshot that it did not know")
	}
}
