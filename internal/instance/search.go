package instance

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Query says which instances Search returns. Empty members do not restrict.
type Query struct {
	IDs []string
	// Name is the exact Name tag; Tags are exact keys and values.
	Name string
	Tags map[string]string
	// States are of the live ones: pending, running, stopping, stopped.
	States                              []string
	Types, ImageIDs, SubnetIDs, VPCIDs  []string
	AvailabilityZones, SecurityGroupIDs []string
	// ManagedOnly asks for the marker tag of this provider.
	ManagedOnly bool
}

// Search returns the live instances that fit, sorted by id. Terminated ones,
// which EC2 shows for about an hour, are left out.
func (c *Client) Search(ctx context.Context, q Query) ([]*Instance, error) {
	var out []*Instance
	err := c.SearchPages(ctx, q, func(page []*Instance) bool {
		out = append(out, page...)
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, byID)
	return slices.CompactFunc(out, func(a, b *Instance) bool { return a.ID == b.ID }), nil
}

func byID(a, b *Instance) int { return strings.Compare(a.ID, b.ID) }

// SearchPages hands the instances that Search returns to take, a page at a time
// as EC2 sends them: sorted by id within a page, and in no order between pages,
// of which two may hold the same instance. Once take returns false no further
// page is asked for.
func (c *Client) SearchPages(ctx context.Context, q Query, take func([]*Instance) bool) error {
	if q.ManagedOnly && !c.opts.Tags.Enabled {
		return c.errorf(fault.Invalid, "", "instances of this provider cannot be told from others while marker tags are off (managed_tags)")
	}
	tags := maps.Clone(q.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	if q.Name != "" {
		tags["Name"] = q.Name
	}
	if q.ManagedOnly {
		tags[c.opts.Tags.Key(MarkerManagedBy)] = ManagedByValue
	}
	states := liveStates
	if len(q.States) > 0 {
		states = q.States
	}
	filters := []types.Filter{filter("instance-state-name", states...)}
	for _, k := range sortedKeys(tags) {
		filters = plainFilter(filters, "tag:"+k, tags[k])
	}
	filters = plainFilter(filters, "instance-type", q.Types...)
	filters = plainFilter(filters, "subnet-id", q.SubnetIDs...)
	filters = plainFilter(filters, "vpc-id", q.VPCIDs...)
	filters = plainFilter(filters, "availability-zone", q.AvailabilityZones...)
	filters = plainFilter(filters, "instance.group-id", q.SecurityGroupIDs...)

	more := true
	// Ids and images may be many; a filter takes 200 values.
	return chunked(q.IDs, func(ids []string) error {
		return chunked(q.ImageIDs, func(images []string) error {
			if !more {
				return nil
			}
			fs := plainFilter(slices.Clone(filters), "instance-id", ids...)
			fs = plainFilter(fs, "image-id", images...)
			return c.describePages(ctx, fs, func(page []*Instance) bool {
				page = slices.DeleteFunc(page, func(i *Instance) bool { return !q.fits(i, tags, states) })
				slices.SortFunc(page, byID)
				more = len(page) == 0 || take(page)
				return more
			})
		})
	})
}

// fits compares an answer with the whole question, since not everything of it
// can be said in a filter, and servers leave out filters that they do not know.
func (q Query) fits(i *Instance, tags map[string]string, states []string) bool {
	return !i.Gone() && hasTags(i.Tags, tags) && slices.Contains(states, i.State) &&
		anyOf(q.IDs, i.ID) && anyOf(q.ImageIDs, i.ImageID) && anyOf(q.Types, i.Type) &&
		anyOf(q.SubnetIDs, i.SubnetID) && anyOf(q.VPCIDs, i.VPCID) &&
		anyOf(q.AvailabilityZones, i.AvailabilityZone) && anyOf(q.SecurityGroupIDs, i.SecurityGroupIDs...)
}

// anyOf says that one of the values is wanted; nothing wanted is no restriction.
func anyOf(wanted []string, values ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(values, func(v string) bool { return slices.Contains(wanted, v) })
}

// chunked calls do with at most batchLimit values at a time, and once with
// none when there are none.
func chunked(values []string, do func([]string) error) error {
	if len(values) == 0 {
		return do(nil)
	}
	for part := range slices.Chunk(values, batchLimit) {
		if err := do(part); err != nil {
			return err
		}
	}
	return nil
}

// Orphans returns the live instances that carry this provider's marker tags
// and this worker name: what an earlier run may have launched without living to
// write it down. With marker tags off there is nothing to ask for.
func (c *Client) Orphans(ctx context.Context, name string) ([]*Instance, error) {
	if !c.opts.Tags.Enabled || name == "" {
		return nil, nil
	}
	return c.Search(ctx, Query{
		ManagedOnly: true, Tags: map[string]string{c.opts.Tags.Key(MarkerWorkerName): name},
	})
}
