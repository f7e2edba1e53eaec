package instance

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// SetInstanceProfile changes the instance profile of an instance; it takes a
// name or an ARN, and "" for none. EC2 replaces the profile only of a running
// instance; on another the old one is taken off, waited for, and the new one
// put on. A profile that IAM has just made is tried again for a while.
func (c *Client) SetInstanceProfile(ctx context.Context, id, nameOrARN string) error {
	found, err := c.Find(ctx, id, "")
	if err != nil {
		return err
	}
	current, err := c.profileAssociation(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case current == "" && nameOrARN == "":
		return nil
	case current != "" && nameOrARN != "" && found.State == StateRunning:
		err = c.profileCall(ctx, func(ctx context.Context) error {
			_, err := c.api.ReplaceIamInstanceProfileAssociation(ctx, &ec2.ReplaceIamInstanceProfileAssociationInput{
				AssociationId: aws.String(current), IamInstanceProfile: profileSpec(nameOrARN),
			})
			return c.fail(err)
		})
	default:
		if current != "" {
			if err := c.dropProfile(ctx, id, current); err != nil {
				return err
			}
		}
		if nameOrARN == "" {
			break
		}
		err = c.profileCall(ctx, func(ctx context.Context) error {
			_, err := c.api.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{
				InstanceId: aws.String(id), IamInstanceProfile: profileSpec(nameOrARN),
			})
			return c.fail(err)
		})
	}
	if err != nil {
		return err
	}
	return c.settle(ctx, id, func(i *Instance) bool {
		if strings.HasPrefix(nameOrARN, "arn:") {
			return i.IAMInstanceProfileARN == nameOrARN
		}
		return i.IAMInstanceProfileName == nameOrARN
	})
}

// dropProfile takes a profile off and waits until it is off.
func (c *Client) dropProfile(ctx context.Context, id, association string) error {
	_, err := c.api.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: aws.String(association)})
	if err = c.fail(err); err != nil && !fault.Is(err, fault.NotFound, fault.BadReference) {
		return err
	}
	return wait.Poll(ctx, c.pace(), func(ctx context.Context) (bool, error) {
		left, err := c.profileAssociation(ctx, id)
		if transient(err) {
			return false, nil
		}
		return left == "", err
	})
}

// profileAssociation is the id of the association of an instance with a
// profile, "" without one. One that is being taken off still counts.
func (c *Client) profileAssociation(ctx context.Context, id string) (string, error) {
	var out string
	err := c.pages(ctx, "DescribeIamInstanceProfileAssociations", func(ctx context.Context, token *string) (*string, error) {
		page, err := c.api.DescribeIamInstanceProfileAssociations(ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{
			Filters: []types.Filter{filter("instance-id", id)}, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, a := range page.IamInstanceProfileAssociations {
			if aws.ToString(a.InstanceId) == id && a.State != types.IamInstanceProfileAssociationStateDisassociated {
				out = aws.ToString(a.AssociationId)
			}
		}
		return page.NextToken, nil
	})
	return out, err
}

// profileCall repeats a call while EC2 does not know the profile yet, for as
// long as IAM may take to spread it.
func (c *Client) profileCall(ctx context.Context, call func(context.Context) error) error {
	deadline := time.Now().Add(c.opts.Propagation)
	return wait.Poll(ctx, c.pace(), func(ctx context.Context) (bool, error) {
		err := call(ctx)
		if profileUnknown(err) && time.Now().Before(deadline) {
			return false, nil
		}
		return err == nil, err
	})
}
