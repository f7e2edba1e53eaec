package instance

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Launch says what instance to make.
type Launch struct {
	Name, ImageID, KeyName string
	// IAMInstanceProfile is a name or an ARN.
	IAMInstanceProfile string
	// InstanceTypes are tried in order, for each of them SubnetIDs in order. No
	// subnet means the default one.
	InstanceTypes, SubnetIDs, SecurityGroupIDs []string
	// PublicIP is nil where the subnet decides.
	PublicIP  *bool
	PrivateIP string
	IPv6Count int32

	RootVolume RootVolume
	// Metadata defaults to tokens required and a hop limit of 1.
	Metadata   MetadataOptions
	Monitoring bool
	// UserData is raw; what EC2 would find too large is compressed. It is never
	// logged and in no error.
	UserData []byte
	// NestedVirtualization is "enabled", "disabled", "" for EC2's own default,
	// or "auto": enabled on each type that has it and needs it.
	NestedVirtualization string
	Protection           Protection
	Spot                 *Spot
	// Tags are all tags, Name and markers included, of the instance, its volumes
	// and its interface.
	Tags map[string]string
}

// RootVolume says what the root volume is to be; nil members are decided here,
// once: gp3, encrypted, deleted with the instance, and as large as the image's.
type RootVolume struct {
	SizeGiB             *int32
	Type                *string
	IOPS, Throughput    *int32
	Encrypted           *bool
	KMSKeyID            *string
	DeleteOnTermination *bool
}

// Spot asks for a spot instance.
type Spot struct {
	// MaxPrice is in dollars per hour; empty means the on-demand price.
	MaxPrice string
	// Interruption is "terminate" (a one-time request) or "stop" (a persistent
	// one). Empty means terminate.
	Interruption string
}

// LaunchNestedAuto decides nested virtualisation by the type.
const LaunchNestedAuto = "auto"

// Launch makes one instance and returns it as soon as its id is known, mostly
// pending; WaitRunning does the rest. For lack of capacity, and for nothing
// else, the next candidate is tried; *CapacityError lists them all when none is
// left. While it is unclear whether an attempt made an instance nothing else is
// tried; *UnresolvedLaunchError (kind Ambiguous) tells what to look for.
func (c *Client) Launch(ctx context.Context, l Launch, progress func(string)) (*Instance, error) {
	build, err := c.prepare(ctx, l)
	if err != nil {
		return nil, err
	}
	subnets := l.SubnetIDs
	if len(subnets) == 0 {
		subnets = []string{""}
	}
	failed := &CapacityError{}
	for _, instanceType := range l.InstanceTypes {
		for _, subnet := range subnets {
			report(progress, strings.TrimSuffix("launching "+instanceType+" in "+subnet, " in "))
			made, err := c.attempt(ctx, build(instanceType, subnet), l)
			switch {
			case err == nil:
				c.launched(made.ID)
				report(progress, "launched "+made.ID)
				return made, nil
			case !fault.Is(err, fault.Capacity):
				return nil, err
			}
			failed.Attempts = append(failed.Attempts, CapacityAttempt{Type: instanceType, SubnetID: subnet, Err: err})
			report(progress, "no capacity: "+err.Error())
		}
	}
	if len(failed.Attempts) == 0 {
		return nil, c.errorf(fault.Invalid, "RunInstances", "no instance type is given")
	}
	return nil, failed
}

// Preflight asks EC2 whether it would launch the first candidate, without
// launching it: permissions, references and quotas, but not capacity. nil means
// that it would.
func (c *Client) Preflight(ctx context.Context, l Launch) error {
	build, err := c.prepare(ctx, l)
	if err != nil {
		return err
	}
	if len(l.InstanceTypes) == 0 {
		return c.errorf(fault.Invalid, "RunInstances", "no instance type is given")
	}
	subnet := ""
	if len(l.SubnetIDs) > 0 {
		subnet = l.SubnetIDs[0]
	}
	in := build(l.InstanceTypes[0], subnet)
	in.DryRun = aws.Bool(true)
	_, err = c.api.RunInstances(ctx, in)
	if err = c.fail(err); fault.Is(err, fault.DryRunOK) {
		return nil
	}
	return err
}

// attempt makes an instance of one type in one subnet.
func (c *Client) attempt(ctx context.Context, in *ec2.RunInstancesInput, l Launch) (*Instance, error) {
	profile := time.Now().Add(c.opts.Propagation)
	in.ClientToken = aws.String(newNonce())
	for tokens, n := 1, 0; ; n++ {
		made, err := c.run(ctx, in, l)
		switch {
		case err == nil:
			return made, nil
		case code(err) == "IdempotentInstanceTerminated" && tokens < 3:
			tokens++
			in.ClientToken = aws.String(newNonce())
			continue
		case !profileUnknown(err) || time.Now().After(profile):
			return nil, err
		}
		if err := wait.Sleep(ctx, c.pace().Next(n)); err != nil {
			return nil, err
		}
	}
}

// run sends one request, and after an unclear answer the identical one once
// more; then the client token tells whether there is an instance.
func (c *Client) run(ctx context.Context, in *ec2.RunInstancesInput, l Launch) (*Instance, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	made, first := c.send(ctx, in)
	if made != nil || !fault.MayHaveTakenEffect(first) {
		return made, first
	}
	last := first
	if ctx.Err() == nil {
		if made, last = c.send(ctx, in); made != nil {
			return made, nil
		}
	}
	found, err := c.lookUp(ctx, func(ctx context.Context) (bool, error) {
		all, err := c.describe(ctx, filter("client-token", *in.ClientToken))
		if len(all) > 0 {
			made = all[0]
		}
		return made != nil, err
	})
	switch {
	case found:
		return made, nil
	case !fault.MayHaveTakenEffect(last) && err == nil:
		// EC2 refused the very same token, and shows nothing made with it.
		return nil, last
	}
	return nil, &UnresolvedLaunchError{
		Token: *in.ClientToken, Type: string(in.InstanceType), SubnetID: subnetOf(in),
		Tags: c.opts.Tags.Markers(l.Name, ""), Err: last, LookupErr: err,
	}
}

// send calls RunInstances once. An answer without an instance is as unclear as
// none: a proxy's page with status 200 reads like that.
func (c *Client) send(ctx context.Context, in *ec2.RunInstancesInput) (*Instance, error) {
	out, err := c.api.RunInstances(ctx, in)
	if err != nil {
		return nil, c.fail(err)
	}
	if len(out.Instances) == 0 || aws.ToString(out.Instances[0].InstanceId) == "" {
		return nil, c.errorf(fault.Ambiguous, "RunInstances", "the answer holds no instance; something between here and EC2 may have answered instead")
	}
	return c.fromEC2(ctx, out.Instances[0], aws.ToString(out.OwnerId)), nil
}

// profileUnknown says that EC2 does not know yet an instance profile that IAM
// has just made, or its role. Every other InvalidParameterValue is final.
func profileUnknown(err error) bool {
	e := fault.As(err)
	return e != nil && e.Code == "InvalidParameterValue" &&
		(strings.Contains(e.Message, "Invalid IAM Instance Profile") || strings.Contains(e.Message, "has no associated IAM Roles"))
}

// code is the AWS error code in a chain, "" without one.
func code(err error) string {
	if e := fault.As(err); e != nil {
		return e.Code
	}
	return ""
}
