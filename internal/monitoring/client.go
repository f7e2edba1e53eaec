// Package monitoring is CloudWatch, in plain Go types: the alarms that stop an
// idle worker, and the newest values of metrics. It knows nothing of Terraform and is the only importer of the
// service's client.
package monitoring

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Client is the CloudWatch of one region and account. It is safe for
// concurrent use.
type Client struct {
	api    *cloudwatch.Client
	region string
}

// NewFromConfig returns a client. endpoint replaces that of the service when it
// is not empty. It makes no request.
func NewFromConfig(cfg aws.Config, endpoint string) *Client {
	return &Client{region: cfg.Region, api: cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})}
}

// Region is the region of this client.
func (c *Client) Region() string { return c.region }

// fail classifies an error of the API.
func (c *Client) fail(err error) error { return fault.FromAWS(err, c.region) }
