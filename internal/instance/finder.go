package instance

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Find returns an instance; it is the one way to read one. Reads at the same
// time share requests, which name their instances in a filter: there, unlike in
// InstanceIds, an id that does not exist fails nobody else's read.
//
// accountID is the account the instance was seen in, "" when that is unknown.
// The errors beside those of the API are *GoneError (kind NotFound) and
// *NotVisibleError (kind NotVisible).
func (c *Client) Find(ctx context.Context, id, accountID string) (*Instance, error) {
	return c.FindFresh(ctx, id, accountID, time.Time{})
}

// FindFresh is Find for an instance made at createdAt: within the create grace
// "not found" is asked again.
func (c *Client) FindFresh(ctx context.Context, id, accountID string, createdAt time.Time) (*Instance, error) {
	grace := c.graceEnd(id, createdAt)
	var found *Instance
	err := wait.Poll(ctx, c.pace(), func(ctx context.Context) (bool, error) {
		var err error
		found, err = c.lookup(ctx, id, accountID)
		switch {
		case err != nil:
			return false, err
		case found == nil && time.Now().Before(grace):
			return false, nil
		case found == nil || found.Gone():
			return false, c.gone(ctx, id, accountID, found)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// lookup returns an instance in whatever state, or nil when it is absent: not
// in the answer to a batch, nor in that to its id alone. Where the credentials
// are those of another account the second question is spared.
func (c *Client) lookup(ctx context.Context, id, accountID string) (*Instance, error) {
	shared, ok, err := c.instances.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if ok {
		return shared.clone(), nil
	}
	if err := c.sameAccount(ctx, id, accountID); err != nil {
		return nil, err
	}
	out, err := c.api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		if err = c.fail(err); fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		return nil, err
	}
	for _, found := range c.read(ctx, out.Reservations) {
		if found.ID == id {
			return found, nil
		}
	}
	return nil, nil
}

// gone is the error for an instance that is absent (nil) or gone, unless the
// credentials cannot tell.
func (c *Client) gone(ctx context.Context, id, accountID string, last *Instance) error {
	// An owner in EC2's own answer needs no second witness.
	if last == nil || last.AccountID == "" || last.AccountID != accountID {
		if err := c.sameAccount(ctx, id, accountID); err != nil {
			return err
		}
	}
	return &GoneError{ID: id, Instance: last}
}

// sameAccount fails unless the caller's account is the one given, as far as
// both are known.
func (c *Client) sameAccount(ctx context.Context, id, accountID string) error {
	if accountID == "" {
		return nil
	}
	caller, err := c.caller(ctx)
	if err != nil {
		return err
	}
	if caller != "" && caller != accountID {
		return &NotVisibleError{ID: id, Account: accountID, Caller: caller}
	}
	return nil
}

// fetchInstances answers a batch of Find.
func (c *Client) fetchInstances(ctx context.Context, ids []string) (map[string]*Instance, error) {
	all, err := c.describe(ctx, filter("instance-id", ids...))
	if err != nil {
		return nil, err
	}
	out := make(map[string]*Instance, len(all))
	for _, i := range all {
		out[i.ID] = i
	}
	return out, nil
}

// describe reads all pages of the instances that fit the filters.
func (c *Client) describe(ctx context.Context, filters ...types.Filter) ([]*Instance, error) {
	var out []*Instance
	err := c.describePages(ctx, filters, func(page []*Instance) bool {
		out = append(out, page...)
		return true
	})
	return out, err
}

// describePages hands each page to take, and asks for no further one once that
// returns false.
func (c *Client) describePages(ctx context.Context, filters []types.Filter, take func([]*Instance) bool) error {
	return c.pages(ctx, "DescribeInstances", func(ctx context.Context, token *string) (*string, error) {
		page, err := c.api.DescribeInstances(ctx, &ec2.DescribeInstancesInput{
			Filters: filters, MaxResults: aws.Int32(1000), NextToken: token,
		})
		if err != nil || !take(c.read(ctx, page.Reservations)) {
			return nil, err
		}
		return page.NextToken, nil
	})
}

// read turns reservations into instances.
func (c *Client) read(ctx context.Context, all []types.Reservation) []*Instance {
	var out []*Instance
	for _, r := range all {
		for _, i := range r.Instances {
			out = append(out, c.fromEC2(ctx, i, aws.ToString(r.OwnerId)))
		}
	}
	return out
}

func (c *Client) fromEC2(ctx context.Context, i types.Instance, owner string) *Instance {
	if owner == "" && len(i.NetworkInterfaces) == 0 {
		// Some implementations name no owner; what the caller sees is its own.
		owner, _ = c.caller(ctx)
	}
	return fromEC2(i, place{partition: c.partition(ctx), region: c.opts.Region, owner: owner})
}

// pages calls next with the token of each page, nil first, until none follows.
func (c *Client) pages(ctx context.Context, operation string, next func(ctx context.Context, token *string) (*string, error)) error {
	seen := map[string]bool{}
	var token *string
	for {
		var err error
		token, err = next(ctx, token)
		if err != nil {
			return c.fail(err)
		}
		if aws.ToString(token) == "" {
			return nil
		}
		if seen[*token] {
			return c.errorf(fault.Server, operation, "the answer's next token leads back to a page already read")
		}
		seen[*token] = true
	}
}

// filter is one EC2 filter: any of the values fits.
func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// plainFilter appends a filter on exact values. In a filter value EC2 takes
// *, ? and \ as wildcards and escapes; values that hold one are left out, and
// the caller compares all answers with them itself.
func plainFilter(filters []types.Filter, name string, values ...string) []types.Filter {
	if len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return v == "" || strings.ContainsAny(v, `*?\`) }) {
		return filters
	}
	return append(filters, filter(name, values...))
}

// transient says that the next try of a wait may do better: the SDK has
// retried by then, but a wait has time.
func transient(err error) bool {
	return fault.Is(err, fault.Throttled, fault.Server, fault.Unreachable)
}

// clone is a copy that shares nothing, for one answer may go to several readers.
func (i *Instance) clone() *Instance {
	out := *i
	out.SecurityGroupIDs = slices.Clone(i.SecurityGroupIDs)
	out.Volumes = slices.Clone(i.Volumes)
	out.Tags = maps.Clone(i.Tags)
	return &out
}
