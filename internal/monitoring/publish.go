package monitoring

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Units of a Datum.
const (
	UnitSeconds = "Seconds"
	UnitPercent = "Percent"
	UnitCount   = "Count"
)

// Datum is one value of a metric.
type Datum struct {
	Metric string
	// Unit is one of those above.
	Unit  string
	Value float64
}

// Publish sends values of a namespace's metrics, all of them with the same
// dimensions, in one request (PutMetricData). They get CloudWatch's own time, so
// that a clock here which is wrong does no harm. A request whose answer was lost
// is made again, after which CloudWatch may count a value twice: its average,
// minimum and maximum are the same.
func (c *Client) Publish(ctx context.Context, namespace string, dimensions map[string]string, data []Datum) error {
	in := &cloudwatch.PutMetricDataInput{Namespace: aws.String(namespace)}
	for _, d := range data {
		in.MetricData = append(in.MetricData, types.MetricDatum{
			MetricName: aws.String(d.Metric), Unit: types.StandardUnit(d.Unit), Value: aws.Float64(d.Value),
			Dimensions: dimensionsToAPI(dimensions),
		})
	}
	_, err := c.api.PutMetricData(ctx, in, unread, uncompressed)
	return c.fail(err)
}

// uncompressed sends a body as it is: a few values gain nothing, and a server
// that stands in for CloudWatch need not know gzip.
func uncompressed(o *cloudwatch.Options) { o.DisableRequestCompression = true }
