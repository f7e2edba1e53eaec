package aws_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestClientToken(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	input := launchInput()
	input.ClientToken = sdk.String("same")
	first, err := client.RunInstances(ctx, input)
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.RunInstances(ctx, input)
	if err != nil {
		t.Fatal(err)
	}
	id := *first.Instances[0].InstanceId
	if *second.Instances[0].InstanceId != id || *second.ReservationId != *first.ReservationId || len(w.Region(home).Instances()) != 1 {
		t.Error("the same token launched twice")
	}
	other := launchInput()
	other.ClientToken, other.InstanceType = sdk.String("same"), types.InstanceTypeC8i2xlarge
	_, err = client.RunInstances(ctx, other)
	wantCode(t, err, "IdempotentParameterMismatch")

	w.Region(home).TerminateOutside(id)
	_, err = client.RunInstances(ctx, input)
	wantCode(t, err, "IdempotentInstanceTerminated")
	if len(w.Region(home).Instances()) != 1 {
		t.Error("a used token launched")
	}
}

func TestLaunchRefusals(t *testing.T) {
	w := newWorld(t, aws.Options{})
	region := w.Region(home)
	fourth := region.AddSubnet(aws.Subnet{Zone: "us-east-1d", Public: true})
	full := region.AddSubnet(aws.Subnet{Zone: "us-east-1a", Full: true})
	six := region.AddSubnet(aws.Subnet{Zone: "us-east-1a", IPv6Only: true})
	foreign := region.AddSecurityGroupIn(region.AddVPC(), "elsewhere")
	pending := region.AddImage(aws.Image{Name: "not yet"})
	region.SetImageState(pending, "pending")

	for name, test := range map[string]struct {
		change func(*ec2.RunInstancesInput)
		code   string
		text   string
	}{
		"image unknown": {func(in *ec2.RunInstancesInput) { in.ImageId = sdk.String("ami-0123456789abcdef0") }, "InvalidAMIID.NotFound", "The image id '[ami-0123456789abcdef0]' does not exist"},
		"image of another region": {func(in *ec2.RunInstancesInput) {
			in.ImageId = sdk.String(aws.SeededID("ami", "eu-west-1", aws.SerialImage290))
		}, "InvalidAMIID.NotFound", ""},
		"image malformed":      {func(in *ec2.RunInstancesInput) { in.ImageId = sdk.String("cml") }, "InvalidAMIID.Malformed", `expecting "ami-..."`},
		"image unavailable":    {func(in *ec2.RunInstancesInput) { in.ImageId = &pending }, "InvalidAMIID.Unavailable", ""},
		"architecture":         {func(in *ec2.RunInstancesInput) { in.InstanceType = "m7g.large" }, "InvalidParameterValue", "The architecture 'arm64' of the specified instance type"},
		"type unknown":         {func(in *ec2.RunInstancesInput) { in.InstanceType = "m9z.large" }, "InvalidParameterValue", "Invalid value 'm9z.large' for InstanceType."},
		"zone without type":    {func(in *ec2.RunInstancesInput) { in.SubnetId = &fourth }, "Unsupported", "choosing us-east-1a, us-east-1b, us-east-1c."},
		"subnet unknown":       {func(in *ec2.RunInstancesInput) { in.SubnetId = sdk.String("subnet-0123456789abcdef0") }, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist"},
		"subnet full":          {func(in *ec2.RunInstancesInput) { in.SubnetId = &full }, "InsufficientFreeAddressesInSubnet", ""},
		"group unknown":        {func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{"sg-0123456789abcdef0"} }, "InvalidGroup.NotFound", "The security group 'sg-0123456789abcdef0' does not exist"},
		"group malformed":      {func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{"web"} }, "InvalidGroupId.Malformed", ""},
		"group of another VPC": {func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{foreign} }, "InvalidParameter", "belong to different networks"},
		"key unknown":          {func(in *ec2.RunInstancesInput) { in.KeyName = sdk.String("mine") }, "InvalidKeyPair.NotFound", "The key pair 'mine' does not exist"},
		"profile unknown": {func(in *ec2.RunInstancesInput) {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: sdk.String("none")}
		}, "InvalidParameterValue", "Value (none) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"},
		"user data too long": {func(in *ec2.RunInstancesInput) {
			in.UserData = sdk.String(base64.StdEncoding.EncodeToString(make([]byte, 16<<10+1)))
		}, "InvalidParameterValue", "User data is limited to 16384 bytes"},
		"user data plain": {func(in *ec2.RunInstancesInput) { in.UserData = sdk.String("#cloud-config") }, "InvalidParameterValue", "BASE64"},
		"nested on old type": {func(in *ec2.RunInstancesInput) {
			in.InstanceType = "c5.2xlarge"
			in.CpuOptions = &types.CpuOptionsRequest{NestedVirtualization: "enabled"}
		}, "UnsupportedOperation", "nested virtualization"},
		"volume too small": {disk(types.EbsBlockDevice{VolumeSize: sdk.Int32(8)}), "InvalidBlockDeviceMapping", "expect size >= 64GB"},
		"iops on gp2":      {disk(types.EbsBlockDevice{VolumeType: "gp2", Iops: sdk.Int32(4000)}), "InvalidParameterCombination", "iops"},
		"throughput ratio": {disk(types.EbsBlockDevice{Throughput: sdk.Int32(1000)}), "InvalidParameterValue", "ratio"},
		"io2 without iops": {disk(types.EbsBlockDevice{VolumeType: "io2"}), "MissingParameter", "iops"},
		"groups twice": {func(in *ec2.RunInstancesInput) {
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: sdk.Int32(0), SubnetId: in.SubnetId}}
			in.SubnetId = nil
		}, "InvalidParameterCombination", "instance-level security groups"},
		"public on IPv6 only": {nic(types.InstanceNetworkInterfaceSpecification{SubnetId: &six, AssociatePublicIpAddress: sdk.Bool(true)}), "InvalidParameterCombination", ""},
		"private outside":     {func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = sdk.String("10.0.0.1") }, "InvalidParameterValue", "does not fall within"},
		"reserved tag":        {tag("aws:thing"), "InvalidParameterValue", "reserved for internal use"},
		"spot tags on demand": {func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: "spot-instances-request", Tags: []types.Tag{{Key: sdk.String("a"), Value: sdk.String("b")}}}}
		}, "InvalidParameterValue", ""},
		"stop behaviour of one-time spot": {func(in *ec2.RunInstancesInput) {
			in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: "spot", SpotOptions: &types.SpotMarketOptions{InstanceInterruptionBehavior: "stop"}}
		}, "InvalidParameterCombination", "persistent"},
		"what is not simulated": {func(in *ec2.RunInstancesInput) { in.RamdiskId = sdk.String("ari-1") }, "UnknownParameter", "RamdiskId"},
		"dry run, bad image": {func(in *ec2.RunInstancesInput) {
			in.DryRun, in.ImageId = sdk.Bool(true), sdk.String("ami-0123456789abcdef0")
		}, "InvalidAMIID.NotFound", ""},
		"dry run": {func(in *ec2.RunInstancesInput) { in.DryRun = sdk.Bool(true) }, "DryRunOperation", ""},
	} {
		t.Run(name, func(t *testing.T) {
			input := launchInput()
			test.change(input)
			_, err := w.ec2(home).RunInstances(context.Background(), input)
			wantCode(t, err, test.code)
			if err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %q does not say %q", err, test.text)
			}
		})
	}
	if n := len(region.Instances()); n != 0 {
		t.Errorf("refused launches left %d instances", n)
	}
}

func disk(d types.EbsBlockDevice) func(*ec2.RunInstancesInput) {
	return func(in *ec2.RunInstancesInput) {
		in.BlockDeviceMappings = []types.BlockDeviceMapping{{DeviceName: sdk.String("/dev/sda1"), Ebs: &d}}
	}
}

func nic(n types.InstanceNetworkInterfaceSpecification) func(*ec2.RunInstancesInput) {
	return func(in *ec2.RunInstancesInput) {
		n.DeviceIndex = sdk.Int32(0)
		if n.SubnetId == nil {
			n.SubnetId = in.SubnetId
		}
		n.Groups = in.SecurityGroupIds
		in.SubnetId, in.SecurityGroupIds = nil, nil
		in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{n}
	}
}

func tag(key string) func(*ec2.RunInstancesInput) {
	return func(in *ec2.RunInstancesInput) {
		in.TagSpecifications = []types.TagSpecification{{ResourceType: "instance", Tags: []types.Tag{{Key: &key, Value: sdk.String("v")}}}}
	}
}

func TestCapacityAndQuota(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx, region := w.ec2(home), context.Background(), w.Region(home)
	region.SetCapacity("m8i.2xlarge", "us-east-1a", 1)
	id := w.running()
	_, err := client.RunInstances(ctx, launchInput())
	wantCode(t, err, "InsufficientInstanceCapacity")
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() != http.StatusInternalServerError {
		t.Errorf("error %v has not the status 500 that EC2 sends", err)
	}
	// a stopped instance must find capacity again, and stays stopped without
	region.StopOutside(id)
	w.await(id, "stopped")
	_, err = client.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	wantCode(t, err, "InsufficientInstanceCapacity")
	w.await(id, "stopped")
	// another subnet of another zone has room
	w.launch(func(in *ec2.RunInstancesInput) {
		in.SubnetId = sdk.String(aws.SeededID("subnet", home, aws.SerialSubnetB))
	})

	region.SetCapacity("m8i.2xlarge", "us-east-1a", -1)
	region.SetQuota(aws.QuotaStandardVCPUs, 15) // one of eight vCPUs is used
	_, err = client.RunInstances(ctx, launchInput())
	wantCode(t, err, "VcpuLimitExceeded")
	region.SetQuota(aws.QuotaStandardVCPUs, 16)
	w.launch()
}

func TestProfilePropagation(t *testing.T) {
	w := newWorld(t, aws.Options{})
	w.AddInstanceProfile(aws.DefaultAccountID, "fresh", 2)
	input := launchInput()
	input.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: sdk.String("fresh")}
	for range 2 {
		_, err := w.ec2(home).RunInstances(context.Background(), input)
		wantCode(t, err, "InvalidParameterValue")
	}
	_, err := w.ec2(home).RunInstances(context.Background(), input)
	wantCode(t, err, "")
}

func TestLaunchStorageAndNetwork(t *testing.T) {
	w := newWorld(t, aws.Options{})
	subnets, err := w.ec2(home).DescribeSubnets(context.Background(), &ec2.DescribeSubnetsInput{SubnetIds: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)}})
	if err != nil {
		t.Fatal(err)
	}
	private := netip.MustParsePrefix(*subnets.Subnets[0].CidrBlock).Addr().Next().Next().Next().Next().Next().Next().String()
	id := w.running(
		disk(types.EbsBlockDevice{VolumeSize: sdk.Int32(128), VolumeType: "gp3", Iops: sdk.Int32(4000), Throughput: sdk.Int32(250), Encrypted: sdk.Bool(true), DeleteOnTermination: sdk.Bool(false)}),
		nic(types.InstanceNetworkInterfaceSpecification{AssociatePublicIpAddress: sdk.Bool(false), Ipv6AddressCount: sdk.Int32(2), PrivateIpAddress: &private}),
	)
	i := w.describe(id)
	if *i.PrivateIpAddress != private {
		t.Errorf("private address %s, want %s", *i.PrivateIpAddress, private)
	}
	_, err = w.ec2(home).RunInstances(context.Background(), func() *ec2.RunInstancesInput {
		in := launchInput()
		in.PrivateIpAddress = &private
		return in
	}())
	wantCode(t, err, "InvalidIPAddress.InUse")
	if i.PublicIpAddress != nil || len(i.NetworkInterfaces[0].Ipv6Addresses) != 2 || i.Ipv6Address == nil {
		t.Errorf("public %v, IPv6 %v", i.PublicIpAddress, i.NetworkInterfaces[0].Ipv6Addresses)
	}
	v := w.Region(home).Volumes()[0]
	if v.SizeGiB != 128 || v.IOPS != 4000 || v.Throughput != 250 || !v.Encrypted || v.KMSKeyARN == "" {
		t.Errorf("volume %+v", v)
	}
	w.Region(home).TerminateOutside(id)
	w.await(id, "terminated")
	if left := w.Region(home).Volumes(); len(left) != 1 || left[0].InstanceID != "" {
		t.Errorf("volumes left: %+v", left)
	}
}

func TestSpot(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	spot := func(kind types.SpotInstanceType) string {
		return w.running(func(in *ec2.RunInstancesInput) {
			in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: "spot", SpotOptions: &types.SpotMarketOptions{SpotInstanceType: kind}}
			in.TagSpecifications = []types.TagSpecification{{ResourceType: "spot-instances-request", Tags: []types.Tag{{Key: sdk.String("a"), Value: sdk.String("b")}}}}
		})
	}
	once := spot("one-time")
	_, err := client.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{once}})
	wantCode(t, err, "UnsupportedOperation")
	kept := w.describe(spot("persistent"))
	requests, err := client.DescribeSpotInstanceRequests(ctx, &ec2.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{*kept.SpotInstanceRequestId}})
	if err != nil || kept.InstanceLifecycle != "spot" {
		t.Fatal(err, kept.InstanceLifecycle)
	}
	if r := requests.SpotInstanceRequests[0]; r.State != "active" || *r.InstanceId != *kept.InstanceId || *r.Tags[0].Value != "b" || r.Type != "persistent" {
		t.Errorf("request %+v", r)
	}
	cancelled, err := client.CancelSpotInstanceRequests(ctx, &ec2.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{*kept.SpotInstanceRequestId}})
	if err != nil || cancelled.CancelledSpotInstanceRequests[0].State != "cancelled" {
		t.Errorf("cancelled: %v %+v", err, cancelled)
	}
	w.await(*kept.InstanceId, "running")
}
