package instance

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// The budgets of this package where Options says nothing else.
const (
	// DefaultCreateGrace is how long a new instance may still be unknown to reads.
	DefaultCreateGrace = 2 * time.Minute
	// DefaultPropagation is how long EC2 may take to know what another call has
	// just made: an instance profile of IAM, or the type set before a start.
	DefaultPropagation = 2 * time.Minute
	// DefaultTokenLookup is how long a launch with a lost answer is looked for
	// by its client token.
	DefaultTokenLookup = 60 * time.Second
	// DefaultSettle is how long an accepted change may take to show in reads.
	DefaultSettle = 30 * time.Second
	// DefaultCapacityInterval is the pause between two starts while EC2 has no
	// capacity.
	DefaultCapacityInterval = time.Minute
	// CleanUp is the budget of what is still done after the user canceled.
	CleanUp = 15 * time.Second
)

// Options are what a Client needs beside the AWS configuration.
type Options struct {
	// Region is the region of all calls; empty means that of the configuration.
	Region string
	// Endpoint replaces the endpoint of EC2, as `endpoints { ec2 = … }` does.
	Endpoint string
	// AccountID returns the account of the caller. It is asked only where an
	// instance is absent or has no owner in its answer. nil, or "" as its
	// answer, means that nobody knows: then accounts are not compared.
	AccountID func(context.Context) (string, error)
	// Partition returns the partition of the caller's ARN ("aws", "aws-cn", …).
	// nil, an error or "" means the partition that the region's name tells.
	Partition func(context.Context) (string, error)
	// Interval is the settled pace of waits; 0 means wait.DefaultInterval.
	Interval time.Duration
	// Gather is how long a read waits for others to share its request; 0 means
	// DefaultGather.
	Gather time.Duration
	// CreateGrace, Propagation, TokenLookup, Settle and CapacityInterval replace
	// the constants of the same names; 0 means the constant.
	CreateGrace, Propagation, TokenLookup, Settle, CapacityInterval time.Duration
	// Tags are the marker tags.
	Tags ManagedTags
}

// Client is the EC2 of one region and account. All resources of a run share
// it, so that their reads are coalesced. It is safe for concurrent use.
type Client struct {
	api  API
	opts Options

	instances *coalescer[*Instance]
	volumes   *coalescer[*Volume]
	statuses  *coalescer[Status]
	images    *coalescer[*Image]
	addresses *coalescer[*Address]

	mu sync.Mutex
	// born remembers what this client launched: until the grace is over, that
	// such an instance is not found says nothing.
	born map[string]time.Time
}

// NewFromConfig returns a client of the region. It makes no request.
func NewFromConfig(cfg aws.Config, o Options) *Client {
	if o.Region == "" {
		o.Region = cfg.Region
	}
	api := ec2.NewFromConfig(cfg, func(eo *ec2.Options) {
		eo.Region = o.Region
		eo.APIOptions = append(eo.APIOptions, awsconf.PlainBodies)
		if o.Endpoint != "" {
			eo.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	return New(api, o)
}

// New returns a client on an EC2 API that is configured already.
func New(api API, o Options) *Client {
	o.CreateGrace = orDefault(o.CreateGrace, DefaultCreateGrace)
	o.Propagation = orDefault(o.Propagation, DefaultPropagation)
	o.TokenLookup = orDefault(o.TokenLookup, DefaultTokenLookup)
	o.Settle = orDefault(o.Settle, DefaultSettle)
	o.CapacityInterval = orDefault(o.CapacityInterval, DefaultCapacityInterval)
	c := &Client{api: api, opts: o, born: map[string]time.Time{}}
	c.instances = newCoalescer(o.Gather, c.fetchInstances)
	c.volumes = newCoalescer(o.Gather, c.fetchVolumes)
	c.statuses = newCoalescer(o.Gather, c.fetchStatuses)
	c.images = newCoalescer(o.Gather, c.fetchImages)
	c.addresses = newCoalescer(o.Gather, c.fetchAddresses)
	return c
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Region is the region of this client.
func (c *Client) Region() string { return c.opts.Region }

// ManagedTags are the marker tags of this client.
func (c *Client) ManagedTags() ManagedTags { return c.opts.Tags }

func (c *Client) pace() wait.Pace { return wait.Pace{Interval: c.opts.Interval} }

// fail classifies an error of the API.
func (c *Client) fail(err error) error { return fault.FromAWS(err, c.opts.Region) }

// errorf is an error of our own in this region.
func (c *Client) errorf(kind fault.Kind, operation, format string, args ...any) *fault.Error {
	e := fault.New(kind, format, args...)
	e.Service, e.Operation, e.Region = "ec2", operation, c.opts.Region
	return e
}

// caller is the account of the caller, "" when it cannot be known.
func (c *Client) caller(ctx context.Context) (string, error) {
	if c.opts.AccountID == nil {
		return "", nil
	}
	return c.opts.AccountID(ctx)
}

// partition is that of the caller's ARN, or the one the region's name tells.
func (c *Client) partition(ctx context.Context) string {
	if c.opts.Partition != nil {
		if p, err := c.opts.Partition(ctx); err == nil && p != "" {
			return p
		}
	}
	return partitionOf(c.opts.Region)
}

// partitionOf is the partition of a region after the prefixes of AWS's
// partition list (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
func partitionOf(region string) string {
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"us-isob-", "aws-iso-b"},
		{"us-isof-", "aws-iso-f"},
		{"eu-isoe-", "aws-iso-e"},
		{"us-iso-", "aws-iso"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// launched remembers an instance that was made now.
func (c *Client) launched(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.born[id] = time.Now()
}

// graceEnd is when the create grace of an instance is over; createdAt may be
// zero when the caller does not know it.
func (c *Client) graceEnd(id string, createdAt time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if born, ok := c.born[id]; ok && born.After(createdAt) {
		createdAt = born
	}
	if createdAt.IsZero() {
		return time.Time{}
	}
	return createdAt.Add(c.opts.CreateGrace)
}

func report(progress func(string), text string) {
	if progress != nil {
		progress(text)
	}
}
