package instance

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// SpotRequest is one spot instance request. What EC2 did not say is zero.
type SpotRequest struct {
	ID, InstanceID string
	// State is open, active, closed, cancelled, failed or disabled.
	State string
	// StatusCode and StatusMessage say more, as "instance-stopped-no-capacity".
	StatusCode, StatusMessage string
	// Persistent requests may be stopped and start again by themselves.
	Persistent bool
	// Interruption is terminate, stop or hibernate; MaxPrice in dollars per hour.
	Interruption, MaxPrice string
}

// SpotRequest returns a spot request, nil when it does not exist any more.
func (c *Client) SpotRequest(ctx context.Context, id string) (*SpotRequest, error) {
	var out *SpotRequest
	err := c.pages(ctx, "DescribeSpotInstanceRequests", func(ctx context.Context, token *string) (*string, error) {
		page, err := c.api.DescribeSpotInstanceRequests(ctx, &ec2.DescribeSpotInstanceRequestsInput{
			Filters: []types.Filter{filter("spot-instance-request-id", id)}, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, r := range page.SpotInstanceRequests {
			if aws.ToString(r.SpotInstanceRequestId) != id {
				continue
			}
			out = &SpotRequest{
				ID: id, InstanceID: aws.ToString(r.InstanceId), State: string(r.State),
				Persistent:   r.Type == types.SpotInstanceTypePersistent,
				Interruption: string(r.InstanceInterruptionBehavior), MaxPrice: aws.ToString(r.SpotPrice),
			}
			if r.Status != nil {
				out.StatusCode, out.StatusMessage = aws.ToString(r.Status.Code), aws.ToString(r.Status.Message)
			}
		}
		return page.NextToken, nil
	})
	return out, err
}

// CancelSpotRequest ends a spot request, so that it does not bring its instance
// back; the instance itself goes on. One that does not exist is a success.
func (c *Client) CancelSpotRequest(ctx context.Context, id string) error {
	_, err := c.api.CancelSpotInstanceRequests(ctx, &ec2.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}})
	if err = c.fail(err); fault.Is(err, fault.BadReference, fault.NotFound) {
		return nil
	}
	return err
}
