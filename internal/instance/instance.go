package instance

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The states of an EC2 instance (EC2 API, InstanceState).
const (
	StatePending      = "pending"
	StateRunning      = "running"
	StateStopping     = "stopping"
	StateStopped      = "stopped"
	StateShuttingDown = "shutting-down"
	StateTerminated   = "terminated"
)

// liveStates are those of an instance that exists and may run again.
var liveStates = []string{StatePending, StateRunning, StateStopping, StateStopped}

// Instance is one EC2 instance as read. What EC2 did not say is zero.
type Instance struct {
	ID, ARN, AccountID, Region, AvailabilityZone string
	// State is one of the State… constants.
	State string
	// StateReasonCode and StateReason say why it came there, as in
	// "Client.VolumeLimitExceeded"; StateTransitionReason is EC2's older text.
	StateReasonCode, StateReason, StateTransitionReason string

	Type, ImageID, SubnetID, VPCID, KeyName          string
	Architecture, VirtualizationType, RootDeviceName string
	// RootVolumeID is the volume on RootDeviceName.
	RootVolumeID string
	// Lifecycle is "spot" or "", SpotRequestID the request behind it.
	Lifecycle, SpotRequestID string

	// The addresses of the primary interface; PublicIP and PublicDNS are those
	// of the Elastic IP where one is associated.
	PublicIP, PublicDNS, PrivateIP, PrivateDNS, IPv6 string
	// IPv6Addresses are all of the primary interface, in EC2's order.
	IPv6Addresses []string
	// PublicIPIsEIP says that PublicIP belongs to an account, not to Amazon, and
	// so outlives a stop. EIPAllocationID is its allocation where the answer
	// names it; Client.AddressOf asks for it.
	PublicIPIsEIP   bool
	EIPAllocationID string
	// NetworkInterfaceID is the primary interface, Interfaces their number.
	NetworkInterfaceID string
	Interfaces         int
	SecurityGroupIDs   []string

	IAMInstanceProfileARN, IAMInstanceProfileName string
	// Monitoring is detailed monitoring, on or being switched on.
	Monitoring bool
	Metadata   MetadataOptions
	// NestedVirtualization is "enabled", "disabled" or "" as CpuOptions says.
	NestedVirtualization string
	Volumes              []AttachedVolume
	// LaunchTime is the last start, FirstLaunchTime the first as far as the
	// attachment of the primary interface or of the root volume tells it.
	LaunchTime, FirstLaunchTime time.Time
	// Tags are without those of AWS itself ("aws:…").
	Tags map[string]string
	// AutoScalingGroup is the group that made the instance and replaces it, ""
	// for none.
	AutoScalingGroup string
}

// groupTag is how EC2 Auto Scaling marks the instances of a group (Amazon EC2
// Auto Scaling User Guide, "Tag Auto Scaling groups and instances").
const groupTag = "aws:autoscaling:groupName"

// MetadataOptions are the settings of the instance metadata service.
type MetadataOptions struct {
	// HTTPTokens is "required" (IMDSv2 only) or "optional".
	HTTPTokens string
	// HopLimit is the hop limit of the PUT answer, 1 to 64.
	HopLimit int32
	// State is "pending" while a change is on its way, "applied" after; read only.
	State string
}

// AttachedVolume is one EBS volume of an instance.
type AttachedVolume struct {
	Device, VolumeID    string
	DeleteOnTermination bool
	AttachTime          time.Time
}

// Gone says that the instance is terminated or about to be: it never comes back.
func (i Instance) Gone() bool {
	return i.State == StateTerminated || i.State == StateShuttingDown
}

// Name is the Name tag.
func (i Instance) Name() string { return i.Tags["Name"] }

// NeverStarted says that the instance is in its very first boot or before it:
// its last start is its first.
func (i Instance) NeverStarted() bool {
	if i.State != StatePending {
		return false
	}
	// The interface is attached within seconds of the first launch.
	return i.LaunchTime.IsZero() || !i.LaunchTime.After(i.FirstLaunchTime.Add(time.Minute))
}

// Status is the state in the words of the provider: pending, starting,
// running, stopping, stopped, terminating or terminated.
func (i Instance) Status() string {
	switch i.State {
	case StatePending:
		if i.NeverStarted() {
			return "pending"
		}
		return "starting"
	case StateShuttingDown:
		return "terminating"
	}
	return i.State
}

var transitionTime = regexp.MustCompile(`\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)`)

// StoppedAt is the time of the last stop, which EC2 tells only in
// StateTransitionReason: "User initiated (2026-01-02 03:04:05 GMT)".
func (i Instance) StoppedAt() (time.Time, bool) {
	m := transitionTime.FindStringSubmatch(i.StateTransitionReason)
	if m == nil {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateTime, m[1])
	return t, err == nil
}

// InterruptedBySpot says that AWS took a spot instance back.
func (i Instance) InterruptedBySpot() bool {
	return i.StateReasonCode == "Server.SpotInstanceShutdown" || i.StateReasonCode == "Server.SpotInstanceTermination"
}

// Why is the reason of the state in one phrase, "" when EC2 gave none.
func (i Instance) Why() string {
	code, text := i.StateReasonCode, i.StateReason
	switch {
	case code == "" && text == "":
		return i.StateTransitionReason
	case text == "":
		return code
	case code == "" || strings.HasPrefix(text, code):
		// EC2's text often begins with the code itself.
		return text
	}
	return code + ": " + text
}

// place is what an instance's own answer does not hold.
type place struct{ partition, region, owner string }

// fromEC2 reads an EC2 instance. It takes every element as optional, since
// other implementations of the API leave many of them out.
func fromEC2(in types.Instance, at place) *Instance {
	out := &Instance{
		ID: aws.ToString(in.InstanceId), AccountID: at.owner, Region: at.region,
		StateTransitionReason: aws.ToString(in.StateTransitionReason),
		Type:                  string(in.InstanceType),
		ImageID:               aws.ToString(in.ImageId),
		SubnetID:              aws.ToString(in.SubnetId),
		VPCID:                 aws.ToString(in.VpcId),
		KeyName:               aws.ToString(in.KeyName),
		Architecture:          string(in.Architecture),
		VirtualizationType:    string(in.VirtualizationType),
		RootDeviceName:        aws.ToString(in.RootDeviceName),
		Lifecycle:             string(in.InstanceLifecycle),
		SpotRequestID:         aws.ToString(in.SpotInstanceRequestId),
		PublicIP:              aws.ToString(in.PublicIpAddress),
		PublicDNS:             aws.ToString(in.PublicDnsName),
		PrivateIP:             aws.ToString(in.PrivateIpAddress),
		PrivateDNS:            aws.ToString(in.PrivateDnsName),
		IPv6:                  aws.ToString(in.Ipv6Address),
		LaunchTime:            aws.ToTime(in.LaunchTime),
		Tags:                  tagsFromEC2(in.Tags),
	}
	if in.State != nil {
		out.State = string(in.State.Name)
	}
	if in.StateReason != nil {
		out.StateReasonCode, out.StateReason = aws.ToString(in.StateReason.Code), aws.ToString(in.StateReason.Message)
	}
	if in.Placement != nil {
		out.AvailabilityZone = aws.ToString(in.Placement.AvailabilityZone)
	}
	if p := in.IamInstanceProfile; p != nil {
		out.IAMInstanceProfileARN = aws.ToString(p.Arn)
		out.IAMInstanceProfileName = profileName(out.IAMInstanceProfileARN)
	}
	if in.Monitoring != nil {
		out.Monitoring = in.Monitoring.State == types.MonitoringStateEnabled || in.Monitoring.State == types.MonitoringStatePending
	}
	if m := in.MetadataOptions; m != nil {
		out.Metadata = MetadataOptions{
			HTTPTokens: string(m.HttpTokens), HopLimit: aws.ToInt32(m.HttpPutResponseHopLimit), State: string(m.State),
		}
	}
	if in.CpuOptions != nil {
		out.NestedVirtualization = string(in.CpuOptions.NestedVirtualization)
	}
	for _, t := range in.Tags {
		if aws.ToString(t.Key) == groupTag {
			out.AutoScalingGroup = aws.ToString(t.Value)
		}
	}
	for _, g := range in.SecurityGroups {
		out.SecurityGroupIDs = append(out.SecurityGroupIDs, aws.ToString(g.GroupId))
	}
	attached := readInterfaces(out, in.NetworkInterfaces)
	rootAttached := readVolumes(out, in.BlockDeviceMappings)
	for _, t := range []time.Time{attached, rootAttached, out.LaunchTime} {
		if !t.IsZero() {
			out.FirstLaunchTime = t
			break
		}
	}
	if out.AccountID != "" {
		out.ARN = fmt.Sprintf("arn:%s:ec2:%s:%s:instance/%s", at.partition, at.region, out.AccountID, out.ID)
	}
	return out
}

// readInterfaces takes the addresses of the primary interface, which are more
// exact than those of the instance itself, and returns when it was attached.
func readInterfaces(out *Instance, all []types.InstanceNetworkInterface) (attached time.Time) {
	out.Interfaces = len(all)
	primary, ok := primaryInterface(all)
	if !ok {
		return time.Time{}
	}
	set := func(to *string, from *string) {
		if v := aws.ToString(from); v != "" {
			*to = v
		}
	}
	set(&out.NetworkInterfaceID, primary.NetworkInterfaceId)
	set(&out.SubnetID, primary.SubnetId)
	set(&out.VPCID, primary.VpcId)
	set(&out.PrivateIP, primary.PrivateIpAddress)
	set(&out.PrivateDNS, primary.PrivateDnsName)
	if out.AccountID == "" {
		set(&out.AccountID, primary.OwnerId)
	}
	if a := primary.Association; a != nil {
		set(&out.PublicIP, a.PublicIp)
		set(&out.PublicDNS, a.PublicDnsName)
		owner := aws.ToString(a.IpOwnerId)
		out.PublicIPIsEIP = out.PublicIP != "" && owner != "" && owner != "amazon"
	}
	for _, a := range primary.Ipv6Addresses {
		if v := aws.ToString(a.Ipv6Address); v != "" {
			out.IPv6Addresses = append(out.IPv6Addresses, v)
		}
		if aws.ToBool(a.IsPrimaryIpv6) || out.IPv6 == "" {
			set(&out.IPv6, a.Ipv6Address)
		}
	}
	if len(primary.Groups) > 0 {
		out.SecurityGroupIDs = nil
		for _, g := range primary.Groups {
			out.SecurityGroupIDs = append(out.SecurityGroupIDs, aws.ToString(g.GroupId))
		}
	}
	if primary.Attachment != nil {
		attached = aws.ToTime(primary.Attachment.AttachTime)
	}
	return attached
}

// primaryInterface is the one at device index 0 of network card 0. An
// interface without attachment counts as such only when it is the only one.
func primaryInterface(all []types.InstanceNetworkInterface) (types.InstanceNetworkInterface, bool) {
	for _, n := range all {
		if n.Attachment != nil && aws.ToInt32(n.Attachment.DeviceIndex) == 0 && aws.ToInt32(n.Attachment.NetworkCardIndex) == 0 {
			return n, true
		}
	}
	if len(all) == 1 {
		return all[0], true
	}
	return types.InstanceNetworkInterface{}, false
}

// readVolumes takes the EBS volumes and returns when the root one was attached.
func readVolumes(out *Instance, all []types.InstanceBlockDeviceMapping) (attached time.Time) {
	for _, m := range all {
		if m.Ebs == nil || aws.ToString(m.Ebs.VolumeId) == "" {
			continue
		}
		v := AttachedVolume{
			Device: aws.ToString(m.DeviceName), VolumeID: aws.ToString(m.Ebs.VolumeId),
			DeleteOnTermination: aws.ToBool(m.Ebs.DeleteOnTermination), AttachTime: aws.ToTime(m.Ebs.AttachTime),
		}
		out.Volumes = append(out.Volumes, v)
		if v.Device == out.RootDeviceName || (out.RootDeviceName == "" && len(all) == 1) {
			out.RootVolumeID, attached = v.VolumeID, v.AttachTime
		}
	}
	return attached
}

// profileName is the name in the ARN of an instance profile, which may have a
// path: arn:aws:iam::111122223333:instance-profile/path/name.
func profileName(arn string) string {
	return arn[strings.LastIndex(arn, "/")+1:]
}
