// Package pricing reads AWS's price list (Price List Query API) and adds up
// what a machine costs, in plain Go types. It is the only importer of the
// client of that service, and knows nothing of Terraform.
//
// Prices are those of the public list: without discounts, credits and taxes.
package pricing

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/pricing/types"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

const (
	// maxAttempts is how often a request is tried: an estimate is not worth the
	// patience of a launch.
	maxAttempts = 3
	// answerLimit is how long the answer to one question may take.
	answerLimit = 10 * time.Second
	// listLimit is the same for all instance types of a region, some ten pages.
	listLimit = 30 * time.Second
)

// Client is the price list of one partition. Each question is asked once,
// whatever the answer; after a failure that any other question would meet too,
// nothing more is asked. It is safe for concurrent use.
type Client struct {
	api      *pricing.Client
	region   string
	currency string
	answers  awsconf.Answers
	broken   atomic.Pointer[error]
}

// NewFromConfig returns a client. cfg is that of the region which serves the
// list (ListRegion); endpoint replaces the service's when it is not empty. It
// makes no request.
func NewFromConfig(cfg aws.Config, endpoint string) *Client {
	return &Client{region: cfg.Region, currency: Currency(cfg.Region), api: pricing.NewFromConfig(cfg, func(o *pricing.Options) {
		o.RetryMaxAttempts = maxAttempts
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})}
}

// ListRegion returns the region that serves the price list for a region, "" where
// no list is served: in GovCloud and in the isolated partitions of the United
// States and Europe ("AWS Price List Query API endpoints", Billing User Guide,
// and the endpoints of the SDK). Of three that serve the same list, it is one
// on the same side of the world.
func ListRegion(region string) string {
	switch area, _, _ := strings.Cut(region, "-"); {
	case area == "cn":
		return "cn-northwest-1"
	case area == "eusc":
		return "eusc-de-east-1"
	case strings.HasPrefix(region, "us-gov-"), strings.HasPrefix(region, "us-iso"), strings.HasPrefix(region, "eu-iso"):
		return ""
	case area == "eu", area == "me", area == "il", area == "af":
		return "eu-central-1"
	case area == "ap":
		return "ap-south-1"
	}
	return "us-east-1"
}

// Currency is the currency that AWS bills a region in, unless the price list
// says otherwise.
func Currency(region string) string {
	switch area, _, _ := strings.Cut(region, "-"); area {
	case "cn":
		return "CNY"
	case "eusc":
		return "EUR"
	}
	return "USD"
}

// products returns the lines of the price list that pass all filters. What the
// list holds but cannot be read is left out.
func (c *Client) products(ctx context.Context, service string, filters map[string]string) ([]*line, error) {
	if broken := c.broken.Load(); broken != nil {
		return nil, *broken
	}
	in := &pricing.GetProductsInput{ServiceCode: aws.String(service), FormatVersion: aws.String("aws_v1"), MaxResults: aws.Int32(100)}
	for field, value := range filters {
		in.Filters = append(in.Filters, types.Filter{Field: aws.String(field), Type: types.FilterTypeTermMatch, Value: aws.String(value)})
	}
	var out []*line
	seen := map[string]bool{}
	for {
		page, err := c.api.GetProducts(ctx, in)
		if err != nil {
			cause := context.Cause(ctx)
			if cause == nil {
				return nil, c.failed(fault.FromAWS(err, c.region))
			}
			if fault.As(cause) == nil {
				return nil, cause // the caller's own end
			}
			return nil, c.failed(c.errorf(fault.Timeout, "%w", cause))
		}
		for _, text := range page.PriceList {
			// Not every server filters by every attribute.
			if l := read(text); l != nil && l.fits(filters) {
				out = append(out, l)
			}
		}
		token := aws.ToString(page.NextToken)
		if token == "" {
			return out, nil
		}
		if seen[token] {
			return nil, c.errorf(fault.Server, "the answer's next token leads back to a page already read")
		}
		seen[token], in.NextToken = true, page.NextToken
	}
}

// failed remembers what any other question would meet too. A service that failed
// at every try is among that.
func (c *Client) failed(err error) error {
	if fault.Is(err, fault.PermissionDenied, fault.Credentials, fault.Account, fault.Unreachable, fault.Timeout, fault.Server, fault.Unimplemented) {
		c.broken.CompareAndSwap(nil, &err)
	}
	return err
}

func (c *Client) errorf(kind fault.Kind, format string, args ...any) error {
	e := fault.New(kind, format, args...)
	e.Service, e.Operation, e.Region = "pricing", "GetProducts", c.region
	return e
}
