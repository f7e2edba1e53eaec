package instance

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Protection is what keeps an instance from being ended or stopped. Either
// member blocks TerminateInstances.
type Protection struct{ Termination, Stop bool }

// Protection reads both attributes, which EC2 serves one by one: it is called
// only for workers that configure them, and before a destroy.
func (c *Client) Protection(ctx context.Context, id string) (Protection, error) {
	var out Protection
	for _, a := range []struct {
		name types.InstanceAttributeName
		read func(*ec2.DescribeInstanceAttributeOutput)
	}{
		{types.InstanceAttributeNameDisableApiTermination, func(o *ec2.DescribeInstanceAttributeOutput) {
			out.Termination = o.DisableApiTermination != nil && aws.ToBool(o.DisableApiTermination.Value)
		}},
		{types.InstanceAttributeNameDisableApiStop, func(o *ec2.DescribeInstanceAttributeOutput) {
			out.Stop = o.DisableApiStop != nil && aws.ToBool(o.DisableApiStop.Value)
		}},
	} {
		answer, err := c.api.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(id), Attribute: a.name})
		if err != nil {
			return Protection{}, c.fail(err)
		}
		a.read(answer)
	}
	return out, nil
}

// SetProtection changes the attributes that are not nil; EC2 takes one a call.
func (c *Client) SetProtection(ctx context.Context, id string, termination, stop *bool) error {
	if termination != nil {
		if err := c.setAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
			InstanceId: aws.String(id), DisableApiTermination: &types.AttributeBooleanValue{Value: termination},
		}); err != nil {
			return err
		}
	}
	if stop != nil {
		return c.setAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
			InstanceId: aws.String(id), DisableApiStop: &types.AttributeBooleanValue{Value: stop},
		})
	}
	return nil
}
