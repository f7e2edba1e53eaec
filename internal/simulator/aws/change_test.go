package aws_test

import (
	"context"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestAttributes(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	id := w.running(func(in *ec2.RunInstancesInput) {
		in.CpuOptions = &types.CpuOptionsRequest{NestedVirtualization: "enabled"}
	})
	modify := func(change ec2.ModifyInstanceAttributeInput) error {
		change.InstanceId = &id
		_, err := client.ModifyInstanceAttribute(ctx, &change)
		return err
	}
	kind := func(name string) ec2.ModifyInstanceAttributeInput {
		return ec2.ModifyInstanceAttributeInput{InstanceType: &types.AttributeValue{Value: &name}}
	}
	wantCode(t, modify(kind("m8i.4xlarge")), "IncorrectInstanceState")
	wantCode(t, modify(ec2.ModifyInstanceAttributeInput{UserData: &types.SecureBlobAttributeValue{Value: []byte("x")}}), "IncorrectInstanceState")
	wantCode(t, modify(ec2.ModifyInstanceAttributeInput{Groups: []string{aws.SeededID("sg", home, aws.SerialGroupClosed)}}), "")
	_, err := client.ModifyInstanceCpuOptions(ctx, &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &id, NestedVirtualization: "disabled"})
	wantCode(t, err, "IncorrectInstanceState")

	w.Region(home).StopOutside(id)
	w.await(id, "stopped")
	wantCode(t, modify(kind("m7g.large")), "InvalidInstanceAttributeValue")
	wantCode(t, modify(kind("c5.2xlarge")), "InvalidInstanceAttributeValue") // nested virtualisation is on
	wantCode(t, modify(kind("m8i.4xlarge")), "")
	both := kind("m8i.2xlarge")
	both.DisableApiStop = &types.AttributeBooleanValue{Value: sdk.Bool(true)}
	wantCode(t, modify(both), "InvalidParameterCombination")
	_, err = client.ModifyInstanceCpuOptions(ctx, &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &id, NestedVirtualization: "disabled"})
	wantCode(t, err, "")
	wantCode(t, modify(kind("c5.2xlarge")), "")
	_, err = client.ModifyInstanceCpuOptions(ctx, &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &id, NestedVirtualization: "enabled"})
	wantCode(t, err, "UnsupportedOperation")
	wantCode(t, modify(ec2.ModifyInstanceAttributeInput{UserData: &types.SecureBlobAttributeValue{Value: []byte("x")}}), "")

	got, _ := w.Region(home).Instance(id)
	want := []string{aws.SeededID("sg", home, aws.SerialGroupClosed)}
	if got.Type != "c5.2xlarge" || got.UserData != "eA==" || got.NestedVirtualization != "" || !cmp.Equal(got.SecurityGroupIDs, want) {
		t.Errorf("instance %+v", got)
	}
	data, err := client.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: &id, Attribute: "userData"})
	if err != nil || *data.UserData.Value != "eA==" {
		t.Errorf("user data: %v, %+v", err, data)
	}
	protection, err := client.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: &id, Attribute: "disableApiStop"})
	if err != nil || *protection.DisableApiStop.Value {
		t.Errorf("stop protection: %v, %+v", err, protection)
	}
}

func TestMetadataAndMonitoring(t *testing.T) {
	w := newWorld(t, aws.Options{Timing: aws.Timing{Setting: 30 * time.Millisecond}})
	client, ctx := w.ec2(home), context.Background()
	id := w.running()
	out, err := client.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id, HttpTokens: "optional", HttpPutResponseHopLimit: sdk.Int32(3)})
	if err != nil || out.InstanceMetadataOptions.State != "pending" || *out.InstanceMetadataOptions.HttpPutResponseHopLimit != 3 {
		t.Errorf("%v, %+v", err, out)
	}
	monitored, err := client.MonitorInstances(ctx, &ec2.MonitorInstancesInput{InstanceIds: []string{id}})
	if err != nil || monitored.InstanceMonitorings[0].Monitoring.State != "pending" {
		t.Errorf("%v, %+v", err, monitored)
	}
	eventually(t, "both in effect", func() bool {
		i := w.describe(id)
		return i.Monitoring.State == "enabled" && i.MetadataOptions.State == "applied"
	})
	unmonitored, err := client.UnmonitorInstances(ctx, &ec2.UnmonitorInstancesInput{InstanceIds: []string{id}})
	if err != nil || unmonitored.InstanceMonitorings[0].Monitoring.State != "disabling" {
		t.Errorf("%v, %+v", err, unmonitored)
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	id := w.launch(tag("kept"))
	volume := w.Region(home).Volumes()[0].ID
	set := func(ids []string, key, value string) error {
		_, err := client.CreateTags(ctx, &ec2.CreateTagsInput{Resources: ids, Tags: []types.Tag{{Key: &key, Value: &value}}})
		return err
	}
	if err := set([]string{id, volume}, "a", "1"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, set([]string{id, "vol-0123456789abcdef0"}, "b", "2"), "InvalidVolume.NotFound")
	if diff := cmp.Diff(map[string]string{"kept": "v", "a": "1"}, w.Region(home).Tags(id)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	out, err := client.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{by("key", "a"), by("resource-type", "volume")}})
	if err != nil || len(out.Tags) != 1 || *out.Tags[0].ResourceId != volume {
		t.Errorf("%v, %+v", err, out)
	}
	remove := func(tag types.Tag) {
		t.Helper()
		if _, err := client.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{id}, Tags: []types.Tag{tag}}); err != nil {
			t.Fatal(err)
		}
	}
	remove(types.Tag{Key: sdk.String("a"), Value: sdk.String("other")})
	remove(types.Tag{Key: sdk.String("kept")})
	if diff := cmp.Diff(map[string]string{"a": "1"}, w.Region(home).Tags(id)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestModifyVolume(t *testing.T) {
	w := newWorld(t, aws.Options{RateLimitVolumeChanges: time.Hour, Timing: aws.Timing{VolumeModifying: 30 * time.Millisecond}})
	client, ctx := w.ec2(home), context.Background()
	w.running()
	id := w.Region(home).Volumes()[0].ID
	_, err := client.DescribeVolumesModifications(ctx, &ec2.DescribeVolumesModificationsInput{VolumeIds: []string{id}})
	wantCode(t, err, "InvalidVolumeModification.NotFound")
	_, err = client.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: &id, Size: sdk.Int32(32)})
	wantCode(t, err, "InvalidParameterValue")
	out, err := client.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: &id, Size: sdk.Int32(100), Iops: sdk.Int32(6000)})
	if err != nil || out.VolumeModification.ModificationState != "modifying" || *out.VolumeModification.OriginalSize != 64 || *out.VolumeModification.TargetIops != 6000 {
		t.Fatalf("%v, %+v", err, out)
	}
	_, err = client.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: &id, Size: sdk.Int32(110)})
	wantCode(t, err, "IncorrectModificationState")
	var states []types.VolumeModificationState
	eventually(t, "completed", func() bool {
		progress, err := client.DescribeVolumesModifications(ctx, &ec2.DescribeVolumesModificationsInput{VolumeIds: []string{id}})
		if err != nil {
			t.Fatal(err)
		}
		state := progress.VolumesModifications[0].ModificationState
		if len(states) == 0 || states[len(states)-1] != state {
			states = append(states, state)
		}
		return state == "completed"
	})
	if len(states) == 0 || states[0] == "completed" {
		t.Errorf("states %v", states)
	}
	volumes, err := client.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{Filters: []types.Filter{by("volume-id", id)}})
	if err != nil || *volumes.Volumes[0].Size != 100 || *volumes.Volumes[0].Iops != 6000 || *volumes.Volumes[0].Attachments[0].Device != "/dev/sda1" {
		t.Errorf("%v, %+v", err, volumes)
	}
	_, err = client.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: &id, Size: sdk.Int32(110)})
	wantCode(t, err, "VolumeModificationRateExceeded")
}

func TestProfileAssociations(t *testing.T) {
	w := newWorld(t, aws.Options{Accounts: []aws.Account{{ID: aws.DefaultAccountID, InstanceProfiles: []string{"second"}}}})
	client, ctx := w.ec2(home), context.Background()
	id := w.running()
	named := func(name string) *types.IamInstanceProfileSpecification {
		return &types.IamInstanceProfileSpecification{Name: &name}
	}
	first, err := client.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: &id, IamInstanceProfile: named("cml-worker")})
	if err != nil || first.IamInstanceProfileAssociation.State != "associating" {
		t.Fatalf("%v, %+v", err, first)
	}
	_, err = client.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: &id, IamInstanceProfile: named("second")})
	wantCode(t, err, "IncorrectState")
	second, err := client.ReplaceIamInstanceProfileAssociation(ctx, &ec2.ReplaceIamInstanceProfileAssociationInput{
		AssociationId: first.IamInstanceProfileAssociation.AssociationId, IamInstanceProfile: named("second")})
	if err != nil || *second.IamInstanceProfileAssociation.AssociationId == *first.IamInstanceProfileAssociation.AssociationId {
		t.Fatalf("%v, %+v", err, second)
	}
	w.Region(home).StopOutside(id)
	w.await(id, "stopped")
	_, err = client.ReplaceIamInstanceProfileAssociation(ctx, &ec2.ReplaceIamInstanceProfileAssociationInput{
		AssociationId: second.IamInstanceProfileAssociation.AssociationId, IamInstanceProfile: named("cml-worker")})
	wantCode(t, err, "IncorrectInstanceState")
	if _, err = client.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: second.IamInstanceProfileAssociation.AssociationId}); err != nil {
		t.Fatal(err)
	}
	out, err := client.DescribeIamInstanceProfileAssociations(ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{Filters: []types.Filter{by("instance-id", id)}})
	if err != nil || len(out.IamInstanceProfileAssociations) != 0 || w.describe(id).IamInstanceProfile != nil {
		t.Errorf("%v, %+v", err, out)
	}
}
