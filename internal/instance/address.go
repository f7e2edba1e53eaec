package instance

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Address is one Elastic IP address. What EC2 did not say is zero.
type Address struct {
	AllocationID, AssociationID, PublicIP     string
	InstanceID, NetworkInterfaceID, PrivateIP string
	Tags                                      map[string]string
}

// AddressOf returns the Elastic IP of an instance, nil when it has none. Reads
// at the same time share requests. It is asked only for workers that configure
// an address, or where Instance.PublicIPIsEIP says that there is one.
func (c *Client) AddressOf(ctx context.Context, instanceID string) (*Address, error) {
	shared, ok, err := c.addresses.get(ctx, instanceID)
	if err != nil || !ok {
		return nil, err
	}
	out := *shared
	return &out, nil
}

// fetchAddresses answers a batch of AddressOf.
func (c *Client) fetchAddresses(ctx context.Context, instanceIDs []string) (map[string]*Address, error) {
	all, err := c.describeAddresses(ctx, filter("instance-id", instanceIDs...))
	if err != nil {
		return nil, err
	}
	out := make(map[string]*Address, len(all))
	for _, a := range all {
		out[a.InstanceID] = a
	}
	return out, nil
}

func (c *Client) describeAddresses(ctx context.Context, filters ...types.Filter) ([]*Address, error) {
	page, err := c.api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters})
	if err != nil {
		return nil, c.fail(err)
	}
	var out []*Address
	for _, a := range page.Addresses {
		out = append(out, &Address{
			AllocationID: aws.ToString(a.AllocationId), AssociationID: aws.ToString(a.AssociationId),
			PublicIP: aws.ToString(a.PublicIp), InstanceID: aws.ToString(a.InstanceId),
			NetworkInterfaceID: aws.ToString(a.NetworkInterfaceId), PrivateIP: aws.ToString(a.PrivateIpAddress),
			Tags: tagsFromEC2(a.Tags),
		})
	}
	return out, nil
}

// Address returns an Elastic IP by its allocation; one that does not exist is
// an error of kind BadReference.
func (c *Client) Address(ctx context.Context, allocationID string) (*Address, error) {
	all, err := c.describeAddresses(ctx, filter("allocation-id", allocationID))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(a *Address) bool { return a.AllocationID == allocationID })
	if i < 0 {
		return nil, c.errorf(fault.BadReference, "DescribeAddresses", "the Elastic IP allocation %s does not exist in %s", allocationID, c.opts.Region)
	}
	return all[i], nil
}

// newNonce is a value that no other request has: for client tokens and for the
// tags of requests that take none.
func newNonce() string { return "cml-" + strings.ToLower(rand.Text()) }

// once keeps the SDK from repeating a request that has no client token.
func once(o *ec2.Options) { o.Retryer = aws.NopRetryer{} }

// AllocateAddress makes an Elastic IP with these tags. The call has no client
// token, so the request is tagged with a nonce, sent once, and looked up by
// that tag before it is sent again.
func (c *Client) AllocateAddress(ctx context.Context, tags map[string]string) (*Address, error) {
	key, nonce := c.opts.Tags.Key(MarkerRequest), newNonce()
	all := map[string]string{key: nonce}
	for k, v := range tags {
		all[k] = v
	}
	in := &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc, TagSpecifications: tagSpecs(all, types.ResourceTypeElasticIp)}
	var made *Address
	err := c.onceByTag(ctx, "AllocateAddress", key, nonce, func(ctx context.Context) (bool, error) {
		out, err := c.api.AllocateAddress(ctx, in, once)
		if err != nil || aws.ToString(out.AllocationId) == "" {
			return false, c.fail(err)
		}
		made = &Address{AllocationID: aws.ToString(out.AllocationId), PublicIP: aws.ToString(out.PublicIp), Tags: all}
		return true, nil
	}, func(ctx context.Context) (bool, error) {
		found, err := c.describeAddresses(ctx, filter("tag:"+key, nonce))
		for _, a := range found {
			if a.Tags[key] == nonce {
				made = a
			}
		}
		return made != nil, err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// onceByTag sends a request that has no client token; send says whether the
// answer holds the thing made, find looks for it by its tag. After an unclear
// answer it is looked for, sent once more if it is nowhere, and looked for
// again. A throttled request made nothing and is just sent later.
func (c *Client) onceByTag(ctx context.Context, operation, key, nonce string, send, find func(context.Context) (bool, error)) error {
	const tries = 8
	unclear := 0
	var last error
	for n := 0; unclear < 2; n++ {
		done, err := send(ctx)
		switch last = err; {
		case done:
			return nil
		case fault.Is(err, fault.Throttled) && n < tries:
			if err := wait.Sleep(ctx, c.pace().Next(n)); err != nil {
				return err
			}
			continue
		case err != nil && !fault.MayHaveTakenEffect(err):
			return err
		}
		unclear++
		if done, err = c.lookUp(ctx, find); done {
			return nil
		}
		if err != nil {
			last = err
			break
		}
	}
	if last == nil {
		last = errors.New("an answer without what was to be made")
	}
	return c.errorf(fault.Ambiguous, operation, "nothing tagged %s=%s was found, but it may exist all the same, for no clear answer came: %w", key, nonce, last)
}

// lookUp calls find until it finds, for the time that EC2 may take to show
// what it made. Where ctx ends, some time is left for one more look all the
// same. The error is that of a last look that failed.
func (c *Client) lookUp(ctx context.Context, find func(context.Context) (bool, error)) (bool, error) {
	var last error
	if ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, c.opts.TokenLookup)
		defer cancel()
		err := wait.Poll(limited, c.pace(), func(ctx context.Context) (bool, error) {
			done, err := find(ctx)
			if err == nil || ctx.Err() == nil {
				last = err
			}
			if err != nil && ctx.Err() == nil && !transient(err) {
				return false, err
			}
			return done, nil
		})
		if err == nil {
			return true, nil
		}
		if ctx.Err() == nil {
			return false, last
		}
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(c.opts.TokenLookup, CleanUp))
	defer cancel()
	return find(limited)
}

// AssociateAddress gives an Elastic IP to the primary interface of an instance,
// taking it from where it is. The interface loses its automatic address.
func (c *Client) AssociateAddress(ctx context.Context, allocationID, instanceID string) error {
	return c.stable(ctx, instanceID, func(ctx context.Context) error {
		_, err := c.api.AssociateAddress(ctx, &ec2.AssociateAddressInput{
			AllocationId: aws.String(allocationID), InstanceId: aws.String(instanceID), AllowReassociation: aws.Bool(true),
		})
		return c.fail(err)
	})
}

// DisassociateAddress takes an Elastic IP off its instance. One that is free or
// gone already is a success.
func (c *Client) DisassociateAddress(ctx context.Context, allocationID string) error {
	a, err := c.Address(ctx, allocationID)
	if fault.Is(err, fault.BadReference) || (err == nil && a.AssociationID == "") {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.api.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String(a.AssociationID)})
	if err = c.fail(err); fault.Is(err, fault.BadReference) {
		return nil
	}
	return err
}

// ReleaseAddress gives an Elastic IP back to AWS. One that is gone already is a
// success; one in use is taken off first.
func (c *Client) ReleaseAddress(ctx context.Context, allocationID string) error {
	if err := c.DisassociateAddress(ctx, allocationID); err != nil {
		return err
	}
	_, err := c.api.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: aws.String(allocationID)})
	if err = c.fail(err); fault.Is(err, fault.BadReference) {
		return nil
	}
	return err
}
