package instance

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// setAttribute changes one attribute of an instance; EC2 takes one a call.
func (c *Client) setAttribute(ctx context.Context, in *ec2.ModifyInstanceAttributeInput) error {
	return c.stable(ctx, aws.ToString(in.InstanceId), func(ctx context.Context) error {
		_, err := c.api.ModifyInstanceAttribute(ctx, in)
		return c.fail(err)
	})
}

// settle waits until reads show a change that EC2 has accepted, but not for
// longer than the settle time: the change is made, only the answers are old.
// It fails only with the context and by what reads answer for good.
func (c *Client) settle(ctx context.Context, id string, shows func(*Instance) bool) error {
	limited, cancel := context.WithTimeout(ctx, c.opts.Settle)
	defer cancel()
	err := wait.Poll(limited, c.pace(), func(ctx context.Context) (bool, error) {
		found, err := c.Find(ctx, id, "")
		if err != nil {
			if transient(err) {
				err = nil
			}
			return false, err
		}
		return shows(found), nil
	})
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return nil
	}
	return err
}

// SetSecurityGroups replaces the groups of the primary interface.
func (c *Client) SetSecurityGroups(ctx context.Context, id string, groups []string) error {
	found, err := c.Find(ctx, id, "")
	if err != nil {
		return err
	}
	if found.Interfaces > 1 {
		// EC2 does not know then which one the instance's attribute means.
		_, err = c.api.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
			NetworkInterfaceId: aws.String(found.NetworkInterfaceID), Groups: groups,
		})
		err = c.fail(err)
	} else {
		err = c.setAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: aws.String(id), Groups: groups})
	}
	if err != nil {
		return err
	}
	wanted := slices.Sorted(slices.Values(groups))
	return c.settle(ctx, id, func(i *Instance) bool {
		return slices.Equal(slices.Sorted(slices.Values(i.SecurityGroupIDs)), wanted)
	})
}

// SetMonitoring switches detailed monitoring, one value a minute.
func (c *Client) SetMonitoring(ctx context.Context, id string, detailed bool) error {
	var err error
	if detailed {
		_, err = c.api.MonitorInstances(ctx, &ec2.MonitorInstancesInput{InstanceIds: []string{id}})
	} else {
		_, err = c.api.UnmonitorInstances(ctx, &ec2.UnmonitorInstancesInput{InstanceIds: []string{id}})
	}
	if err != nil {
		return c.fail(err)
	}
	return c.settle(ctx, id, func(i *Instance) bool { return i.Monitoring == detailed })
}

// SetMetadataOptions changes the members that are set.
func (c *Client) SetMetadataOptions(ctx context.Context, id string, m MetadataOptions) error {
	in := &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: aws.String(id), HttpTokens: types.HttpTokensState(m.HTTPTokens)}
	if m.HopLimit > 0 {
		in.HttpPutResponseHopLimit = aws.Int32(m.HopLimit)
	}
	err := c.stable(ctx, id, func(ctx context.Context) error {
		_, err := c.api.ModifyInstanceMetadataOptions(ctx, in)
		return c.fail(err)
	})
	if err != nil {
		return err
	}
	return c.settle(ctx, id, func(i *Instance) bool {
		return i.Metadata.State != string(types.InstanceMetadataOptionsStatePending) &&
			shows(i.Metadata.HTTPTokens, m.HTTPTokens) && shows(i.Metadata.HopLimit, m.HopLimit)
	})
}

// shows says that a read gives a change no lie: it tells the new value, or none
// at all, as implementations without this member do.
func shows[T comparable](told, want T) bool {
	var none T
	return told == want || told == none || want == none
}

// SetAssociatePublicIP chooses whether an interface has an automatic public
// address. It can be changed since April 2024, on the primary interface.
func (c *Client) SetAssociatePublicIP(ctx context.Context, networkInterfaceID string, associate bool) error {
	_, err := c.api.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: aws.String(networkInterfaceID), AssociatePublicIpAddress: aws.Bool(associate),
	})
	return c.fail(err)
}

// SetIPv6Count brings the number of IPv6 addresses of the primary interface to
// count, adding EC2's choice or removing the last ones.
func (c *Client) SetIPv6Count(ctx context.Context, networkInterfaceID string, have []string, count int) error {
	switch n := count - len(have); {
	case n > 0:
		_, err := c.api.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{
			NetworkInterfaceId: aws.String(networkInterfaceID), Ipv6AddressCount: aws.Int32(int32(n)),
		})
		return c.fail(err)
	case n < 0:
		_, err := c.api.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{
			NetworkInterfaceId: aws.String(networkInterfaceID), Ipv6Addresses: have[count:],
		})
		return c.fail(err)
	}
	return nil
}

// SetUserData replaces the user data of a stopped instance; raw as in Launch.
// cloud-init does not run it again.
func (c *Client) SetUserData(ctx context.Context, id string, raw []byte) error {
	packed, err := PackUserData(raw)
	if err != nil {
		return err
	}
	if packed == nil {
		packed = []byte{} // an absent value would be no change
	}
	return c.setAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
		InstanceId: aws.String(id), UserData: &types.SecureBlobAttributeValue{Value: packed},
	})
}

// UserData returns the user data of an instance as it was given, uncompressed.
// EC2 serves it one by one: it is read only for workers that configure it.
func (c *Client) UserData(ctx context.Context, id string) ([]byte, error) {
	out, err := c.api.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{
		InstanceId: aws.String(id), Attribute: types.InstanceAttributeNameUserData,
	})
	if err != nil {
		return nil, c.fail(err)
	}
	if out.UserData == nil {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(aws.ToString(out.UserData.Value))
	if err != nil {
		return nil, c.errorf(fault.Server, "DescribeInstanceAttribute", "the user data of %s is not base64", id)
	}
	return unpackUserData(raw), nil
}

// unpackUserData undoes what PackUserData does; anything else stays as it is.
func unpackUserData(raw []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return raw
	}
	const most = 16 << 20 // far above what MaxUserData can honestly hold
	text, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return raw
	}
	return text
}
