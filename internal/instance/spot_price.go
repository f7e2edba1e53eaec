package instance

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// SpotPrice is the price of a type on the spot market of one zone, per hour in
// the currency that AWS bills the region in: a decimal text.
type SpotPrice struct {
	Type, Zone, Price string
	Since             time.Time
}

// SpotPrices returns the present spot prices of instance types for Linux, one
// for each zone that has one. A history that starts now has the prices that are
// valid now, and may have older ones (EC2 API reference,
// "DescribeSpotPriceHistory"): the newest of a zone counts.
func (c *Client) SpotPrices(ctx context.Context, names ...string) ([]SpotPrice, error) {
	newest := map[[2]string]SpotPrice{}
	now := time.Now()
	err := chunked(names, func(names []string) error {
		filters := plainFilter(nil, "instance-type", names...)
		return c.pages(ctx, "DescribeSpotPriceHistory", func(ctx context.Context, token *string) (*string, error) {
			page, err := c.api.DescribeSpotPriceHistory(ctx, &ec2.DescribeSpotPriceHistoryInput{
				Filters: filters, ProductDescriptions: []string{string(types.RIProductDescriptionLinuxUnix)}, StartTime: aws.Time(now), NextToken: token,
			})
			if err != nil {
				return nil, err
			}
			for _, p := range page.SpotPriceHistory {
				found := SpotPrice{Type: string(p.InstanceType), Zone: aws.ToString(p.AvailabilityZone), Price: aws.ToString(p.SpotPrice), Since: aws.ToTime(p.Timestamp)}
				if found.Price == "" || !anyOf(names, found.Type) || !isLinux(p.ProductDescription) {
					continue
				}
				key := [2]string{found.Type, found.Zone}
				if has, ok := newest[key]; !ok || found.Since.After(has.Since) {
					newest[key] = found
				}
			}
			return page.NextToken, nil
		})
	})
	out := make([]SpotPrice, 0, len(newest))
	for _, p := range newest {
		out = append(out, p)
	}
	return out, err
}

// isLinux takes a price at its word, and one that says nothing for what was
// asked for.
func isLinux(d types.RIProductDescription) bool {
	return d == "" || strings.HasPrefix(string(d), string(types.RIProductDescriptionLinuxUnix))
}
