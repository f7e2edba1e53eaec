package instance

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// SetDeleteOnTermination chooses whether the volume on a device goes with the
// instance (ModifyInstanceAttribute, BlockDeviceMappings).
func (c *Client) SetDeleteOnTermination(ctx context.Context, id, device string, goes bool) error {
	return c.setAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
		InstanceId: aws.String(id),
		BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{{
			DeviceName: aws.String(device), Ebs: &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(goes)},
		}},
	})
}
