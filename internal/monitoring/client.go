// Package monitoring is CloudWatch, in plain Go types: the alarms that stop an
// idle worker, and the newest values of metrics. It knows nothing of Terraform and is the only importer of the
// service's client.
package monitoring

import (
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

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

// unread leaves the answer to an operation that has no output unread: the SDK
// panics over one that is not empty (smithy-go 1.28, ReadStructMember without a
// schema).
func unread(o *cloudwatch.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("unread",
			func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleDeserialize(ctx, in)
				// The header tells it from the page of a proxy.
				if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && answer.StatusCode < http.StatusMultipleChoices && answer.Header.Get("Smithy-Protocol") != "" {
					_, _ = io.Copy(io.Discard, answer.Body) // so that the connection serves the next request
					_ = answer.Body.Close()
					answer.Body = http.NoBody
				}
				return out, metadata, err
			}), middleware.After)
	})
}
