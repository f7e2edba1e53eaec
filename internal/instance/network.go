package instance

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Region is one region of AWS as this account sees it.
type Region struct {
	Name string
	// OptIn is "opt-in-not-required", "opted-in" or "not-opted-in".
	OptIn string
}

// Usable says that the account may work there.
func (r Region) Usable() bool { return r.OptIn != "not-opted-in" }

// Regions returns all regions of the partition, also those that the account
// has not opted in to.
func (c *Client) Regions(ctx context.Context) ([]Region, error) {
	page, err := c.api.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if err != nil {
		return nil, c.fail(err)
	}
	var out []Region
	for _, r := range page.Regions {
		out = append(out, Region{Name: aws.ToString(r.RegionName), OptIn: aws.ToString(r.OptInStatus)})
	}
	slices.SortFunc(out, func(a, b Region) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Subnet is one subnet. What EC2 did not say is zero, save PublicIPByDefault.
type Subnet struct {
	ID, VPCID, AvailabilityZone string
	// PublicIPByDefault says that interfaces get a public address where nobody
	// chooses, or that EC2 does not tell, so that nobody is warned of a guess;
	// IPv6Only that there is no IPv4 at all.
	PublicIPByDefault, IPv6Only bool
	// FreeAddresses is the number of IPv4 addresses left.
	FreeAddresses int32
}

// Subnets returns the subnets of these ids that exist.
func (c *Client) Subnets(ctx context.Context, ids ...string) (map[string]*Subnet, error) {
	out := map[string]*Subnet{}
	if len(ids) == 0 {
		return out, nil
	}
	err := chunked(ids, func(ids []string) error {
		return c.pages(ctx, "DescribeSubnets", func(ctx context.Context, token *string) (*string, error) {
			page, err := c.api.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{
				Filters: []types.Filter{filter("subnet-id", ids...)}, NextToken: token,
			})
			if err != nil {
				return nil, err
			}
			for _, s := range page.Subnets {
				out[aws.ToString(s.SubnetId)] = &Subnet{
					ID: aws.ToString(s.SubnetId), VPCID: aws.ToString(s.VpcId), AvailabilityZone: aws.ToString(s.AvailabilityZone),
					PublicIPByDefault: s.MapPublicIpOnLaunch == nil || *s.MapPublicIpOnLaunch, IPv6Only: aws.ToBool(s.Ipv6Native),
					FreeAddresses: aws.ToInt32(s.AvailableIpAddressCount),
				}
			}
			return page.NextToken, nil
		})
	})
	return out, err
}

// AutomaticPublicIP says whether an instance gets a public address of its own
// when it is started: by its primary interface (EC2 API reference,
// "DescribeNetworkInterfaceAttribute") or, on a server that does not tell, by its
// subnet. With a second interface there is none ("Public IPv4 addresses", EC2
// User Guide).
func (c *Client) AutomaticPublicIP(ctx context.Context, i *Instance) (bool, error) {
	if i.Interfaces > 1 {
		return false, nil
	}
	if i.NetworkInterfaceID != "" {
		out, err := c.api.DescribeNetworkInterfaceAttribute(ctx, &ec2.DescribeNetworkInterfaceAttributeInput{
			NetworkInterfaceId: aws.String(i.NetworkInterfaceID), Attribute: types.NetworkInterfaceAttributeAssociatePublicIpAddress})
		switch {
		case err != nil:
			if err = c.fail(err); !fault.Is(err, fault.Unimplemented) {
				return false, err
			}
		case out.AssociatePublicIpAddress != nil:
			return *out.AssociatePublicIpAddress, nil
		}
	}
	subnets, err := c.Subnets(ctx, i.SubnetID)
	if err != nil {
		return false, err
	}
	if subnets[i.SubnetID] == nil {
		return false, c.errorf(fault.Server, "DescribeNetworkInterfaceAttribute", "EC2 does not tell whether %s gets a public address when it starts", i.ID)
	}
	return subnets[i.SubnetID].PublicIPByDefault, nil
}

// ReachableGroups returns those of the security groups that let TCP in on a
// port, from wherever.
func (c *Client) ReachableGroups(ctx context.Context, groupIDs []string, port int) ([]string, error) {
	var out []string
	if len(groupIDs) == 0 {
		return nil, nil
	}
	err := chunked(groupIDs, func(ids []string) error {
		return c.pages(ctx, "DescribeSecurityGroupRules", func(ctx context.Context, token *string) (*string, error) {
			page, err := c.api.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{
				Filters: []types.Filter{filter("group-id", ids...)}, NextToken: token,
			})
			if err != nil {
				return nil, err
			}
			for _, r := range page.SecurityGroupRules {
				if id := aws.ToString(r.GroupId); opens(r, port) && slices.Contains(ids, id) && !slices.Contains(out, id) {
					out = append(out, id)
				}
			}
			return page.NextToken, nil
		})
	})
	slices.Sort(out)
	return out, err
}

// opens says that a rule lets TCP in on a port. Protocol -1 is all protocols,
// and then, as with port -1, all ports.
func opens(r types.SecurityGroupRule, port int) bool {
	if aws.ToBool(r.IsEgress) {
		return false
	}
	switch aws.ToString(r.IpProtocol) {
	case "-1":
		return true
	case "tcp", "6":
	default:
		return false
	}
	from, to := int(aws.ToInt32(r.FromPort)), int(aws.ToInt32(r.ToPort))
	return from == -1 || (from <= port && port <= to)
}
