package instance

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// MaxUserData is how many bytes of user data EC2 takes, before base64
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html).
const MaxUserData = 16 << 10

// defaultRootType is the type of a root volume where none is asked for.
const defaultRootType = types.VolumeTypeGp3

// prepare asks what the request needs to know of the image and the types, and
// returns the request for a type and a subnet, without token.
func (c *Client) prepare(ctx context.Context, l Launch) (func(instanceType, subnet string) *ec2.RunInstancesInput, error) {
	userData, err := encodeUserData(l.UserData)
	if err != nil {
		return nil, err
	}
	root, err := c.rootMapping(ctx, l.ImageID, l.RootVolume)
	if err != nil {
		return nil, err
	}
	nested, err := c.nestedFor(ctx, l)
	if err != nil {
		return nil, err
	}
	return func(instanceType, subnet string) *ec2.RunInstancesInput {
		in := &ec2.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			ImageId: aws.String(l.ImageID), InstanceType: types.InstanceType(instanceType),
			KeyName: optional(l.KeyName), UserData: userData,
			BlockDeviceMappings: []types.BlockDeviceMapping{root},
			MetadataOptions:     metadataRequest(l.Metadata),
			Monitoring:          &types.RunInstancesMonitoringEnabled{Enabled: aws.Bool(l.Monitoring)},
			IamInstanceProfile:  profileSpec(l.IAMInstanceProfile),
			// A power-off inside CML must not delete the server.
			InstanceInitiatedShutdownBehavior: types.ShutdownBehaviorStop,
			TagSpecifications: tagSpecs(l.Tags,
				types.ResourceTypeInstance, types.ResourceTypeVolume, types.ResourceTypeNetworkInterface),
		}
		if l.Protection.Termination {
			in.DisableApiTermination = aws.Bool(true)
		}
		if l.Protection.Stop {
			in.DisableApiStop = aws.Bool(true)
		}
		if n := nested(instanceType); n != "" {
			in.CpuOptions = &types.CpuOptionsRequest{NestedVirtualization: types.NestedVirtualizationSpecification(n)}
		}
		setNetwork(in, l, subnet)
		setSpot(in, l)
		return in
	}, nil
}

// setNetwork puts subnet, groups and addresses on the request, or on its one
// interface where the automatic public address is chosen: EC2 takes that
// choice only there, and then takes the others only there as well.
func setNetwork(in *ec2.RunInstancesInput, l Launch, subnet string) {
	var ipv6 *int32
	if l.IPv6Count > 0 {
		ipv6 = aws.Int32(l.IPv6Count)
	}
	if l.PublicIP == nil {
		in.SubnetId, in.SecurityGroupIds = optional(subnet), l.SecurityGroupIDs
		in.PrivateIpAddress, in.Ipv6AddressCount = optional(l.PrivateIP), ipv6
		return
	}
	in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{
		DeviceIndex: aws.Int32(0), AssociatePublicIpAddress: l.PublicIP, DeleteOnTermination: aws.Bool(true),
		SubnetId: optional(subnet), Groups: l.SecurityGroupIDs,
		PrivateIpAddress: optional(l.PrivateIP), Ipv6AddressCount: ipv6,
	}}
}

func subnetOf(in *ec2.RunInstancesInput) string {
	if len(in.NetworkInterfaces) > 0 {
		return aws.ToString(in.NetworkInterfaces[0].SubnetId)
	}
	return aws.ToString(in.SubnetId)
}

// setSpot asks for a spot instance: persistent where it is to be stopped and
// come back, for only such a request can be; one-time otherwise.
func setSpot(in *ec2.RunInstancesInput, l Launch) {
	if l.Spot == nil {
		return
	}
	spot := &types.SpotMarketOptions{
		MaxPrice: optional(l.Spot.MaxPrice), SpotInstanceType: types.SpotInstanceTypeOneTime,
		InstanceInterruptionBehavior: types.InstanceInterruptionBehaviorTerminate,
	}
	if l.Spot.Interruption == string(types.InstanceInterruptionBehaviorStop) {
		spot.SpotInstanceType = types.SpotInstanceTypePersistent
		spot.InstanceInterruptionBehavior = types.InstanceInterruptionBehaviorStop
	} else {
		// A one-time spot instance cannot be stopped: EC2's default is left.
		in.InstanceInitiatedShutdownBehavior = ""
	}
	in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot, SpotOptions: spot}
	in.TagSpecifications = append(in.TagSpecifications, tagSpecs(l.Tags, types.ResourceTypeSpotInstancesRequest)...)
}

// rootMapping is the root volume of the image with what the launch changes.
func (c *Client) rootMapping(ctx context.Context, imageID string, v RootVolume) (types.BlockDeviceMapping, error) {
	none := types.BlockDeviceMapping{}
	all, err := c.describeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{imageID}})
	if fault.Is(err, fault.Unimplemented) {
		all, err = []*Image{{}}, nil
	}
	if err != nil {
		return none, err
	}
	if len(all) == 0 {
		return none, c.errorf(fault.BadReference, "DescribeImages", "the image %s does not exist in %s, or is not shared with this account", imageID, c.opts.Region)
	}
	image := all[0]
	if v.SizeGiB != nil && *v.SizeGiB < image.RootSizeGiB {
		return none, c.errorf(fault.Invalid, "RunInstances", "a root volume of %d GiB is smaller than that of the image %s, which needs %d GiB", *v.SizeGiB, imageID, image.RootSizeGiB)
	}
	ebs := &types.EbsBlockDevice{
		VolumeSize: v.SizeGiB, Iops: v.IOPS, Throughput: v.Throughput, KmsKeyId: v.KMSKeyID,
		VolumeType: defaultRootType, DeleteOnTermination: aws.Bool(true),
	}
	if v.SizeGiB == nil && image.RootSizeGiB > 0 {
		// What EC2 would take by itself, for servers that want to be told.
		ebs.VolumeSize = aws.Int32(image.RootSizeGiB)
	}
	if v.Type != nil {
		ebs.VolumeType = types.VolumeType(*v.Type)
	}
	if v.DeleteOnTermination != nil {
		ebs.DeleteOnTermination = v.DeleteOnTermination
	}
	switch {
	case v.Encrypted != nil:
		ebs.Encrypted = v.Encrypted
	case !image.RootEncrypted || v.KMSKeyID != nil:
		ebs.Encrypted = aws.Bool(true)
	}
	device := image.RootDeviceName
	if device == "" {
		device = "/dev/sda1" // that of every HVM image of Ubuntu, which CML is built on
	}
	return types.BlockDeviceMapping{DeviceName: aws.String(device), Ebs: ebs}, nil
}

// nestedFor returns what to ask of nested virtualisation for each type.
func (c *Client) nestedFor(ctx context.Context, l Launch) (func(instanceType string) string, error) {
	if l.NestedVirtualization != LaunchNestedAuto {
		return func(string) string { return l.NestedVirtualization }, nil
	}
	facts, err := c.InstanceTypes(ctx, l.InstanceTypes...)
	if err != nil && !fault.Is(err, fault.Unimplemented) {
		return nil, err
	}
	return func(instanceType string) string {
		if t := facts[instanceType]; t != nil && t.NestedVirtualization && !t.BareMetal {
			return string(types.NestedVirtualizationSpecificationEnabled)
		}
		return ""
	}, nil
}

func metadataRequest(m MetadataOptions) *types.InstanceMetadataOptionsRequest {
	out := &types.InstanceMetadataOptionsRequest{
		HttpEndpoint: types.InstanceMetadataEndpointStateEnabled,
		HttpTokens:   types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1),
	}
	if m.HTTPTokens != "" {
		out.HttpTokens = types.HttpTokensState(m.HTTPTokens)
	}
	if m.HopLimit > 0 {
		out.HttpPutResponseHopLimit = aws.Int32(m.HopLimit)
	}
	return out
}

// profileSpec takes a name or an ARN; nil without either.
func profileSpec(nameOrARN string) *types.IamInstanceProfileSpecification {
	switch {
	case nameOrARN == "":
		return nil
	case strings.HasPrefix(nameOrARN, "arn:"):
		return &types.IamInstanceProfileSpecification{Arn: aws.String(nameOrARN)}
	}
	return &types.IamInstanceProfileSpecification{Name: aws.String(nameOrARN)}
}

// PackUserData is user data as EC2 gets it: as it is up to MaxUserData bytes,
// compressed above, which cloud-init undoes. What is too large even so is an
// error that names the sizes.
func PackUserData(raw []byte) ([]byte, error) {
	if len(raw) <= MaxUserData {
		return raw, nil
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(raw)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	if packed.Len() > MaxUserData {
		return nil, fault.New(fault.Invalid, "the user data is too large: %d bytes, %d compressed; EC2 takes %d", len(raw), packed.Len(), MaxUserData)
	}
	return packed.Bytes(), nil
}

// encodeUserData is what RunInstances takes: the SDK does not encode there.
func encodeUserData(raw []byte) (*string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	packed, err := PackUserData(raw)
	if err != nil {
		return nil, err
	}
	return aws.String(base64.StdEncoding.EncodeToString(packed)), nil
}

// optional is nil for an empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
