package instance

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// SecurityGroup is one security group. What EC2 did not say is zero.
type SecurityGroup struct{ ID, Name, VPCID string }

// SecurityGroups returns the security groups of these ids that exist.
func (c *Client) SecurityGroups(ctx context.Context, ids ...string) (map[string]*SecurityGroup, error) {
	out := map[string]*SecurityGroup{}
	if len(ids) == 0 {
		return out, nil
	}
	err := chunked(ids, func(ids []string) error {
		return c.pages(ctx, "DescribeSecurityGroups", func(ctx context.Context, token *string) (*string, error) {
			page, err := c.api.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
				Filters: []types.Filter{filter("group-id", ids...)}, NextToken: token,
			})
			if err != nil {
				return nil, err
			}
			for _, g := range page.SecurityGroups {
				out[aws.ToString(g.GroupId)] = &SecurityGroup{ID: aws.ToString(g.GroupId), Name: aws.ToString(g.GroupName), VPCID: aws.ToString(g.VpcId)}
			}
			return page.NextToken, nil
		})
	})
	return out, err
}
