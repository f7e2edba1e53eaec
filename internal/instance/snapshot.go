package instance

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Snapshot is one EBS snapshot. What EC2 did not say is zero.
type Snapshot struct {
	ID, VolumeID, OwnerID, Description string
	// State is pending, completed, error, recoverable or recovering; Progress
	// is EC2's text, as "80%".
	State, StateMessage, Progress string
	SizeGiB                       int32
	Encrypted                     bool
	StartedAt                     time.Time
	Tags                          map[string]string
}

// CreateSnapshots makes one consistent set of snapshots of all volumes of an
// instance, and returns them pending; WaitSnapshots does the rest. nonce ties
// the set to one intention: where EC2 already has snapshots tagged with it,
// those are returned and none are made. Empty means a new one. The call has no
// client token, so the tag is also what an unclear answer is resolved by.
func (c *Client) CreateSnapshots(ctx context.Context, instanceID, description, nonce string, tags map[string]string) ([]*Snapshot, error) {
	key := c.opts.Tags.Key(MarkerRequest)
	var made []*Snapshot
	find := func(ctx context.Context) (bool, error) {
		var err error
		made, err = c.describeSnapshots(ctx, filter("tag:"+key, nonce))
		made = slices.DeleteFunc(made, func(s *Snapshot) bool { return s.Tags[key] != nonce })
		return len(made) > 0, err
	}
	if nonce == "" {
		nonce = newNonce()
	} else if found, err := find(ctx); found || err != nil {
		return made, err
	}
	all := map[string]string{key: nonce}
	for k, v := range tags {
		all[k] = v
	}
	in := &ec2.CreateSnapshotsInput{
		InstanceSpecification: &types.InstanceSpecification{InstanceId: aws.String(instanceID)},
		Description:           optional(description), TagSpecifications: tagSpecs(all, types.ResourceTypeSnapshot),
	}
	err := c.onceByTag(ctx, "CreateSnapshots", key, nonce, func(ctx context.Context) (bool, error) {
		out, err := c.api.CreateSnapshots(ctx, in, once)
		if err != nil || len(out.Snapshots) == 0 {
			return false, c.fail(err)
		}
		made = nil
		for _, s := range out.Snapshots {
			made = append(made, &Snapshot{
				ID: aws.ToString(s.SnapshotId), VolumeID: aws.ToString(s.VolumeId), OwnerID: aws.ToString(s.OwnerId),
				Description: aws.ToString(s.Description), State: string(s.State), Progress: aws.ToString(s.Progress),
				SizeGiB: aws.ToInt32(s.VolumeSize), Encrypted: aws.ToBool(s.Encrypted), StartedAt: aws.ToTime(s.StartTime),
				Tags: tagsFromEC2(s.Tags),
			})
		}
		return true, nil
	}, find)
	return made, err
}

// Snapshots returns the snapshots of these ids that exist, sorted by id.
func (c *Client) Snapshots(ctx context.Context, ids ...string) ([]*Snapshot, error) {
	var out []*Snapshot
	if len(ids) == 0 {
		return nil, nil
	}
	err := chunked(ids, func(ids []string) error {
		part, err := c.describeSnapshots(ctx, filter("snapshot-id", ids...))
		out = append(out, part...)
		return err
	})
	return out, err
}

func (c *Client) describeSnapshots(ctx context.Context, filters ...types.Filter) ([]*Snapshot, error) {
	var out []*Snapshot
	err := c.pages(ctx, "DescribeSnapshots", func(ctx context.Context, token *string) (*string, error) {
		page, err := c.api.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{
			OwnerIds: []string{"self"}, Filters: filters, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, s := range page.Snapshots {
			out = append(out, &Snapshot{
				ID: aws.ToString(s.SnapshotId), VolumeID: aws.ToString(s.VolumeId), OwnerID: aws.ToString(s.OwnerId),
				Description: aws.ToString(s.Description), State: string(s.State), StateMessage: aws.ToString(s.StateMessage),
				Progress: aws.ToString(s.Progress), SizeGiB: aws.ToInt32(s.VolumeSize), Encrypted: aws.ToBool(s.Encrypted),
				StartedAt: aws.ToTime(s.StartTime), Tags: tagsFromEC2(s.Tags),
			})
		}
		return page.NextToken, nil
	})
	slices.SortFunc(out, func(a, b *Snapshot) int { return strings.Compare(a.ID, b.ID) })
	return out, err
}

// WaitSnapshots waits until all of the snapshots are completed. One that fails
// or goes missing for longer than the create grace ends the wait.
func (c *Client) WaitSnapshots(ctx context.Context, ids []string, progress func(string)) ([]*Snapshot, error) {
	grace := time.Now().Add(c.opts.CreateGrace)
	const pending, completed = string(types.SnapshotStatePending), string(types.SnapshotStateCompleted)
	said := ""
	return wait.State[[]*Snapshot]{
		What:    "snapshots " + strings.Join(ids, ", ") + " to complete",
		Pending: []string{pending}, Target: []string{completed},
		Find: func(ctx context.Context) ([]*Snapshot, string, error) {
			all, err := c.Snapshots(ctx, ids...)
			if err != nil {
				return nil, "", err
			}
			state := completed
			var steps []string
			for _, s := range all {
				switch s.State {
				case completed:
				case string(types.SnapshotStateError):
					return all, "", c.errorf(fault.WrongState, "CreateSnapshots", "snapshot %s of volume %s failed: %s", s.ID, s.VolumeID, s.StateMessage)
				default:
					state = pending
					steps = append(steps, strings.TrimSpace(s.ID+" "+s.Progress))
				}
			}
			if missing := len(ids) - len(all); missing > 0 {
				if time.Now().After(grace) {
					return all, "", c.errorf(fault.BadReference, "DescribeSnapshots", "%d of the %d snapshots do not exist any more", missing, len(ids))
				}
				state = pending
			}
			if now := strings.Join(steps, ", "); now != "" && now != said {
				said = now
				report(progress, "snapshots pending: "+now)
			}
			return all, state, nil
		},
		Tolerate: transient, Pace: c.pace(),
	}.Do(ctx)
}

// DeleteSnapshot deletes a snapshot; one that is gone already is a success.
func (c *Client) DeleteSnapshot(ctx context.Context, id string) error {
	_, err := c.api.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: aws.String(id)})
	if err = c.fail(err); fault.Is(err, fault.BadReference, fault.NotFound) {
		return nil
	}
	return err
}
