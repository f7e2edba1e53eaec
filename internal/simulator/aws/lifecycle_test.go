package aws_test

import (
	"context"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestLifecycle(t *testing.T) {
	g := &guest{}
	w := newWorld(t, aws.Options{Guest: g})
	client, ctx := w.ec2(home), context.Background()

	input := launchInput()
	input.UserData = sdk.String(base64.StdEncoding.EncodeToString([]byte("#cloud-config\n")))
	input.KeyName = sdk.String(aws.SeededKeyPair)
	input.ClientToken = sdk.String("token")
	input.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: sdk.String(aws.SeededProfile)}
	input.CpuOptions = &types.CpuOptionsRequest{NestedVirtualization: types.NestedVirtualizationSpecificationEnabled}
	input.TagSpecifications = []types.TagSpecification{
		{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: sdk.String("Name"), Value: sdk.String("lab")}}},
		{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{{Key: sdk.String("on"), Value: sdk.String("volume")}}},
		{ResourceType: types.ResourceTypeNetworkInterface, Tags: []types.Tag{{Key: sdk.String("on"), Value: sdk.String("interface")}}},
	}
	launched, err := client.RunInstances(ctx, input)
	if err != nil {
		t.Fatal(err)
	}
	first := launched.Instances[0]
	id := *first.InstanceId
	if first.State.Name != types.InstanceStateNamePending || first.PublicIpAddress != nil || *launched.OwnerId != aws.DefaultAccountID {
		t.Errorf("launched: state %s, public address %v, owner %s", first.State.Name, first.PublicIpAddress, *launched.OwnerId)
	}

	up := w.await(id, "running")
	private, public := netip.MustParseAddr(*up.PrivateIpAddress), netip.MustParseAddr(*up.PublicIpAddress)
	loopback := netip.MustParsePrefix("127.64.0.0/10")
	if !loopback.Contains(private) || !loopback.Contains(public) || private == public {
		t.Errorf("addresses %s and %s", private, public)
	}
	if got := up.NetworkInterfaces[0]; *got.Association.PublicIp != public.String() || *got.Association.IpOwnerId != "amazon" || *got.SubnetId != *up.SubnetId {
		t.Errorf("interface = %+v", got)
	}
	if up.CpuOptions.NestedVirtualization != "enabled" || *up.CpuOptions.CoreCount != 4 || up.MetadataOptions.HttpTokens != "required" {
		t.Errorf("CPU %+v, metadata %+v", up.CpuOptions, up.MetadataOptions)
	}
	if !strings.HasSuffix(*up.IamInstanceProfile.Arn, ":instance-profile/cml-worker") || *up.RootDeviceName != "/dev/sda1" {
		t.Errorf("profile %s, root %s", *up.IamInstanceProfile.Arn, *up.RootDeviceName)
	}

	stopped, err := client.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	if err != nil || stopped.StoppingInstances[0].CurrentState.Name != "stopping" || stopped.StoppingInstances[0].PreviousState.Name != "running" {
		t.Fatalf("stop: %v, %+v", err, stopped)
	}
	_, err = client.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	wantCode(t, err, "IncorrectInstanceState")
	down := w.await(id, "stopped")
	if down.PublicIpAddress != nil || *down.PrivateIpAddress != private.String() {
		t.Errorf("stopped: public %v, private %s", down.PublicIpAddress, *down.PrivateIpAddress)
	}
	if *down.StateReason.Code != "Client.UserInitiatedShutdown" || !strings.HasPrefix(*down.StateTransitionReason, "User initiated (20") {
		t.Errorf("stopped: %s, %s", *down.StateReason.Code, *down.StateTransitionReason)
	}

	if _, err = client.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	again := w.await(id, "running")
	if *again.PublicIpAddress == public.String() || *again.PrivateIpAddress != private.String() || !again.LaunchTime.After(*up.LaunchTime) {
		t.Errorf("started: public %s (was %s), private %s, launch time %s (was %s)",
			*again.PublicIpAddress, public, *again.PrivateIpAddress, again.LaunchTime, up.LaunchTime)
	}
	if again.StateReason != nil || *again.StateTransitionReason != "" {
		t.Errorf("started: reasons %+v and %q are left over", again.StateReason, *again.StateTransitionReason)
	}

	if _, err = client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	gone := w.await(id, "terminated")
	if gone.PrivateIpAddress != nil || gone.SubnetId != nil || len(gone.NetworkInterfaces) != 0 || len(gone.BlockDeviceMappings) != 0 {
		t.Errorf("terminated instance still has %+v", gone)
	}
	if len(w.Region(home).Volumes()) != 0 {
		t.Error("the root volume outlived its instance")
	}
	if diff := cmp.Diff([]string{"boot", "shutdown", "boot", "shutdown"}, g.seen()); diff != "" {
		t.Errorf("guest (-want +got):\n%s", diff)
	}
	boot := g.boots[0]
	if !boot.Virtualization || !boot.FirstBoot || g.boots[1].FirstBoot || string(boot.UserData) != "#cloud-config\n" ||
		boot.PublicIP != public || boot.ImageName != "CML-2.9.0-Ubuntu-24.04" || boot.Tags["Name"] != "lab" || boot.VCPUs != 8 {
		t.Errorf("boot event %+v", boot)
	}
	w.Region(home).Forget(id)
	_, err = client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	wantCode(t, err, "InvalidInstanceID.NotFound")
}

// The guest is down before an instance counts as stopped.
func TestStoppedMeansDown(t *testing.T) {
	release := make(chan struct{})
	g := &guest{down: func(string) { <-release }}
	w := newWorld(t, aws.Options{Guest: g})
	id := w.running()
	if _, err := w.ec2(home).StopInstances(context.Background(), &ec2.StopInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(60 * time.Millisecond) // three times the time of stopping
	if state := w.describe(id).State.Name; state != "stopping" {
		t.Errorf("state = %s while the guest is still up", state)
	}
	close(release)
	w.await(id, "stopped")
}

// Terminating while pending must leave no guest behind.
func TestTerminatePending(t *testing.T) {
	g := &guest{}
	w := newWorld(t, aws.Options{Guest: g})
	id := w.launch()
	if _, err := w.ec2(home).TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	w.await(id, "terminated")
	if up := slices.Index(g.seen(), "boot"); up >= 0 && slices.Index(g.seen(), "shutdown") < up {
		t.Errorf("guest saw %v", g.seen())
	}
}

func TestReboot(t *testing.T) {
	g := &guest{}
	w := newWorld(t, aws.Options{Guest: g})
	id := w.running()
	before := w.describe(id)
	if _, err := w.ec2(home).RebootInstances(context.Background(), &ec2.RebootInstancesInput{InstanceIds: []string{id}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "second boot", func() bool { return len(g.seen()) == 3 })
	after := w.describe(id)
	if *after.PublicIpAddress != *before.PublicIpAddress || !after.LaunchTime.Equal(*before.LaunchTime) {
		t.Errorf("a reboot changed %s to %s, %s to %s", *before.PublicIpAddress, *after.PublicIpAddress, before.LaunchTime, after.LaunchTime)
	}
	if diff := cmp.Diff([]string{"boot", "shutdown", "boot"}, g.seen()); diff != "" {
		t.Errorf("guest (-want +got):\n%s", diff)
	}
}

func TestChangesFromOutside(t *testing.T) {
	w := newWorld(t, aws.Options{})
	id, region := w.running(), w.Region(home)
	region.StopOutside(id)
	w.await(id, "stopped")
	region.StartOutside(id)
	w.await(id, "running")
	region.ShutdownInside(id)
	if reason := *w.await(id, "stopped").StateReason.Code; reason != "Client.InstanceInitiatedShutdown" {
		t.Errorf("reason = %s", reason)
	}
	region.TerminateOutside(id)
	w.await(id, "terminated")

	region.EndNextLaunches(1, "Client.VolumeLimitExceeded", "Client.VolumeLimitExceeded: Volume limit exceeded")
	early := w.launch()
	if reason := *w.await(early, "terminated").StateReason.Code; reason != "Client.VolumeLimitExceeded" {
		t.Errorf("reason = %s", reason)
	}
	w.await(w.launch(), "running")
}

func TestProtection(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	id := w.running(func(in *ec2.RunInstancesInput) {
		in.DisableApiTermination, in.DisableApiStop = sdk.Bool(true), sdk.Bool(true)
	})
	_, err := client.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
	wantCode(t, err, "OperationNotPermitted")
	for _, input := range []*ec2.ModifyInstanceAttributeInput{
		{InstanceId: &id, DisableApiTermination: &types.AttributeBooleanValue{Value: sdk.Bool(false)}},
		{InstanceId: &id, DisableApiStop: &types.AttributeBooleanValue{Value: sdk.Bool(false)}},
	} {
		_, err = client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
		wantCode(t, err, "OperationNotPermitted")
		if _, err = client.ModifyInstanceAttribute(ctx, input); err != nil {
			t.Fatal(err)
		}
	}
	_, err = client.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	wantCode(t, err, "")
}

func TestEventualConsistency(t *testing.T) {
	w := newWorld(t, aws.Options{Consistency: aws.Consistency{Reads: 2}})
	client, ctx := w.ec2(home), context.Background()
	id := w.launch()
	_, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	wantCode(t, err, "InvalidInstanceID.NotFound")
	out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	if err != nil || len(out.Reservations) != 0 {
		t.Errorf("second read: %v, %d reservations", err, len(out.Reservations))
	}
	w.describe(id)
}

func TestInterruption(t *testing.T) {
	g := &guest{}
	w := newWorld(t, aws.Options{Guest: g})
	id, region := w.running(), w.Region(home)
	moved := netip.MustParseAddr("127.79.255.1")
	region.SetPublicIP(id, moved)
	if got := *w.describe(id).PublicIpAddress; got != moved.String() {
		t.Errorf("public address %s", got)
	}
	eventually(t, "guest told", func() bool { return slices.Contains(g.seen(), "readdress "+moved.String()) })

	region.Interrupt(id, "Server.SpotInstanceShutdown", "Server.SpotInstanceShutdown: Spot instance shutdown", true)
	if reason := *w.await(id, "stopped").StateReason.Code; reason != "Server.SpotInstanceShutdown" {
		t.Errorf("reason %s", reason)
	}
	region.SetType(id, "t3.large")
	region.SetProtection(id, true, false)
	if got, _ := region.Instance(id); got.Type != "t3.large" || !got.TerminationProtection || got.StopProtection {
		t.Errorf("instance %+v", got)
	}
	region.Interrupt(id, "Server.InternalError", "Server.InternalError: Internal error on launch", false)
	w.await(id, "terminated")
}

func TestInvisibleForAWhile(t *testing.T) {
	w := newWorld(t, aws.Options{Consistency: aws.Consistency{Delay: 300 * time.Millisecond}})
	began := time.Now()
	id := w.launch()
	eventually(t, "visible", func() bool {
		ids, err := w.found(&ec2.DescribeInstancesInput{Filters: []types.Filter{by("instance-id", id)}})
		return err == nil && len(ids) == 1
	})
	if passed := time.Since(began); passed < 300*time.Millisecond {
		t.Errorf("visible after %s", passed)
	}
}
