// Package quotas reads the quotas of an account (Service Quotas), in plain Go
// types. It knows nothing of Terraform.
package quotas

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// maxAttempts is how often a request is tried: what is asked for a warning is
// not worth the patience of a launch.
const maxAttempts = 3

// Client is the Service Quotas of one region and account. It is safe for
// concurrent use.
type Client struct {
	api    *servicequotas.Client
	region string
}

// NewFromConfig returns a client. endpoint replaces that of the service when it
// is not empty. It makes no request.
func NewFromConfig(cfg aws.Config, endpoint string) *Client {
	return &Client{region: cfg.Region, api: servicequotas.NewFromConfig(cfg, func(o *servicequotas.Options) {
		o.RetryMaxAttempts = maxAttempts
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})}
}

// EC2 returns the value of a quota of EC2 by its code (GetServiceQuota). Errors
// are classified by fault.FromAWS.
func (c *Client) EC2(ctx context.Context, code string) (float64, error) {
	out, err := c.api.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{
		ServiceCode: aws.String("ec2"), QuotaCode: aws.String(code),
	})
	if err != nil {
		return 0, fault.FromAWS(err, c.region)
	}
	if out.Quota == nil || out.Quota.Value == nil {
		e := fault.New(fault.Server, "the answer holds no value of the quota %s", code)
		e.Service, e.Operation, e.Region = "servicequotas", "GetServiceQuota", c.region
		return 0, e
	}
	return *out.Quota.Value, nil
}

// pool is one quota of vCPUs that several families share.
type pool struct{ name, onDemand, spot string }

var (
	standard   = pool{"Standard (A, C, D, H, I, M, R, T, Z)", "L-1216C47A", "L-34B43A08"}
	f          = pool{"F", "L-74FC7D96", "L-88CF9481"}
	g          = pool{"G and VT", "L-DB2E81BA", "L-3819A6DF"}
	x          = pool{"X", "L-7295265B", "L-E3A00192"}
	highMemory = pool{"High Memory", "L-43DA4232", ""}
)

// pools are the vCPU quotas of the families that have types for CML (EC2 user
// guide, "Amazon EC2 instance type quotas").
var pools = map[string]pool{
	"a": standard, "c": standard, "d": standard, "h": standard, "i": standard, "im": standard, "is": standard,
	"m": standard, "r": standard, "t": standard, "z": standard,
	"f": f, "g": g, "gr": g, "vt": g, "x": x, "u": highMemory,
}

// VCPUs returns the code of the quota that counts the vCPUs of an instance
// type, and its name; "" for a family that is not known here.
func VCPUs(instanceType string, spot bool) (code, name string) {
	family, _, _ := strings.Cut(instanceType, ".")
	if i := strings.IndexFunc(family, func(r rune) bool { return r < 'a' || r > 'z' }); i >= 0 {
		family = family[:i]
	}
	p, ok := pools[family]
	if !ok {
		return "", ""
	}
	if spot {
		return p.spot, "All " + p.name + " Spot Instance Requests"
	}
	return p.onDemand, "Running On-Demand " + p.name + " instances"
}
