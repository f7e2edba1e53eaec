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
	answer, err := c.attribute(ctx, id, types.InstanceAttributeNameDisableApiTermination)
	if err != nil {
		return Protection{}, err
	}
	out := Protection{Termination: answer.DisableApiTermination != nil && aws.ToBool(answer.DisableApiTermination.Value)}
	if out.Stop, err = c.StopProtection(ctx, id); err != nil {
		return Protection{}, err
	}
	return out, nil
}

// StopProtection reads whether EC2 refuses to stop an instance: one request.
func (c *Client) StopProtection(ctx context.Context, id string) (bool, error) {
	answer, err := c.attribute(ctx, id, types.InstanceAttributeNameDisableApiStop)
	if err != nil {
		return false, err
	}
	return answer.DisableApiStop != nil && aws.ToBool(answer.DisableApiStop.Value), nil
}

func (c *Client) attribute(ctx context.Context, id string, name types.InstanceAttributeName) (*ec2.DescribeInstanceAttributeOutput, error) {
	out, err := c.api.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(id), Attribute: name})
	if err != nil {
		return nil, c.fail(err)
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
