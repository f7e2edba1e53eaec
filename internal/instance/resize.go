package instance

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// SetType changes the type of a stopped instance.
func (c *Client) SetType(ctx context.Context, id, instanceType string) error {
	err := c.setAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
		InstanceId: aws.String(id), InstanceType: &types.AttributeValue{Value: aws.String(instanceType)},
	})
	if err != nil {
		return err
	}
	// A start would find the old type otherwise ("LaunchPlan").
	return c.settle(ctx, id, func(i *Instance) bool { return i.Type == instanceType })
}

// SetNestedVirtualization switches nested virtualisation of a stopped instance;
// setting is "enabled" or "disabled". A type that does not have it refuses
// "enabled": leaving such a type it is disabled first, entering one enabled last.
func (c *Client) SetNestedVirtualization(ctx context.Context, id, setting string) error {
	err := c.stable(ctx, id, func(ctx context.Context) error {
		_, err := c.api.ModifyInstanceCpuOptions(ctx, &ec2.ModifyInstanceCpuOptionsInput{
			InstanceId: aws.String(id), NestedVirtualization: types.NestedVirtualizationSpecification(setting),
		})
		return c.fail(err)
	})
	if err != nil {
		return err
	}
	return c.settle(ctx, id, func(i *Instance) bool { return i.NestedVirtualization == setting })
}
