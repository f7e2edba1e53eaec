package instance

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Volume is one EBS volume. What EC2 did not say is zero.
type Volume struct {
	ID, State, Type, AvailabilityZone, SnapshotID, KMSKeyID string
	// SizeGiB is in GiB, IOPS in operations and Throughput in MiB per second.
	SizeGiB, IOPS, Throughput int32
	Encrypted                 bool
	// EncryptionTold says that the answer spoke of encryption at all.
	EncryptionTold      bool
	InstanceID, Device  string
	DeleteOnTermination bool
	CreatedAt           time.Time
	Tags                map[string]string
}

// Volume returns a volume. Reads at the same time share requests. One that does
// not exist is an error of kind NotFound.
func (c *Client) Volume(ctx context.Context, id string) (*Volume, error) {
	shared, ok, err := c.volumes.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, c.errorf(fault.NotFound, "DescribeVolumes", "volume %s does not exist", id)
	}
	out := *shared
	return &out, nil
}

// fetchVolumes answers a batch of Volume.
func (c *Client) fetchVolumes(ctx context.Context, ids []string) (map[string]*Volume, error) {
	out := make(map[string]*Volume, len(ids))
	err := c.pages(ctx, "DescribeVolumes", func(ctx context.Context, token *string) (*string, error) {
		page, err := c.api.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{
			Filters: []types.Filter{filter("volume-id", ids...)}, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, v := range page.Volumes {
			out[aws.ToString(v.VolumeId)] = volumeFromEC2(v)
		}
		return page.NextToken, nil
	})
	return out, err
}

func volumeFromEC2(in types.Volume) *Volume {
	out := &Volume{
		ID: aws.ToString(in.VolumeId), State: string(in.State), Type: string(in.VolumeType),
		AvailabilityZone: aws.ToString(in.AvailabilityZone), SnapshotID: aws.ToString(in.SnapshotId),
		KMSKeyID: aws.ToString(in.KmsKeyId),
		SizeGiB:  aws.ToInt32(in.Size), IOPS: aws.ToInt32(in.Iops), Throughput: aws.ToInt32(in.Throughput),
		Encrypted: aws.ToBool(in.Encrypted), EncryptionTold: in.Encrypted != nil, CreatedAt: aws.ToTime(in.CreateTime), Tags: tagsFromEC2(in.Tags),
	}
	if len(in.Attachments) > 0 {
		a := in.Attachments[0]
		out.InstanceID, out.Device = aws.ToString(a.InstanceId), aws.ToString(a.Device)
		out.DeleteOnTermination = aws.ToBool(a.DeleteOnTermination)
	}
	return out
}

// VolumeChange says what of a volume is to change; nil members stay.
type VolumeChange struct {
	SizeGiB          *int32
	Type             *string
	IOPS, Throughput *int32
}

// empty says that nothing is to change.
func (v VolumeChange) empty() bool {
	return v.SizeGiB == nil && v.Type == nil && v.IOPS == nil && v.Throughput == nil
}

// shows says that a volume is as the change wants it.
func (v VolumeChange) shows(in *Volume) bool {
	return shows(in.SizeGiB, aws.ToInt32(v.SizeGiB)) && shows(in.Type, aws.ToString(v.Type)) &&
		shows(in.IOPS, aws.ToInt32(v.IOPS)) && shows(in.Throughput, aws.ToInt32(v.Throughput))
}

// ModifyVolume changes a volume in place and waits until the change can be
// used: until EC2 calls it optimizing or completed. EBS limits how often one
// volume may be modified; its refusal (kind RateLimited) says until when.
func (c *Client) ModifyVolume(ctx context.Context, id string, change VolumeChange, progress func(string)) error {
	if change.empty() {
		return nil
	}
	in := &ec2.ModifyVolumeInput{VolumeId: aws.String(id), Size: change.SizeGiB, Iops: change.IOPS, Throughput: change.Throughput}
	if change.Type != nil {
		in.VolumeType = types.VolumeType(*change.Type)
	}
	out, err := c.api.ModifyVolume(ctx, in)
	if err != nil {
		return c.fail(err)
	}
	var since time.Time
	if out.VolumeModification != nil {
		// Whole seconds: the two answers need not be equally precise.
		since = aws.ToTime(out.VolumeModification.StartTime).Truncate(time.Second)
	}
	type modification struct{ message string }
	last, err := wait.State[modification]{
		What:    "volume " + id + " to be modified",
		Pending: []string{string(types.VolumeModificationStateModifying), ""},
		Target:  []string{string(types.VolumeModificationStateOptimizing), string(types.VolumeModificationStateCompleted)},
		Find: func(ctx context.Context) (modification, string, error) {
			state, message, err := c.modification(ctx, id, since, change)
			return modification{message}, state, err
		},
		Tolerate: transient, Pace: c.pace(), Progress: states(progress, "volume "+id),
	}.Do(ctx)
	if fault.Is(err, fault.WrongState) && last.message != "" {
		return c.errorf(fault.WrongState, "ModifyVolume", "the modification of volume %s failed: %s", id, last.message)
	}
	return err
}

// modification is the state of the newest modification of a volume that is not
// older than since, "" when none shows yet. An implementation that keeps no
// record of modifications is taken at the word of the volume itself, and one
// that tells nothing of volumes at that of ModifyVolume.
func (c *Client) modification(ctx context.Context, id string, since time.Time, change VolumeChange) (state, message string, err error) {
	var newest types.VolumeModification
	err = c.pages(ctx, "DescribeVolumesModifications", func(ctx context.Context, token *string) (*string, error) {
		page, err := c.api.DescribeVolumesModifications(ctx, &ec2.DescribeVolumesModificationsInput{
			Filters: []types.Filter{filter("volume-id", id)}, NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, m := range page.VolumesModifications {
			started := aws.ToTime(m.StartTime)
			if aws.ToString(m.VolumeId) == id && !started.Before(since) && !started.Before(aws.ToTime(newest.StartTime)) {
				newest = m
			}
		}
		return page.NextToken, nil
	})
	if err != nil && !fault.Is(err, fault.Unimplemented) {
		return "", "", err
	}
	if newest.ModificationState != "" {
		return string(newest.ModificationState), aws.ToString(newest.StatusMessage), nil
	}
	v, err := c.Volume(ctx, id)
	switch {
	case fault.Is(err, fault.Unimplemented):
		// This server tells nothing of volumes, so that its consent must do.
		return string(types.VolumeModificationStateCompleted), "", nil
	case err != nil:
		return "", "", err
	case change.shows(v):
		return string(types.VolumeModificationStateCompleted), "", nil
	}
	return "", "", nil
}

// VolumesOf returns the volumes attached to an instance, the root volume first.
// That EC2 names none is an error: a type that runs CML has no other disk to start
// from.
func (c *Client) VolumesOf(ctx context.Context, i *Instance) ([]*Volume, error) {
	if len(i.Volumes) == 0 {
		return nil, c.errorf(fault.Server, "DescribeInstances", "EC2 names no volume of %s", i.ID)
	}
	type answer struct {
		v   *Volume
		err error
	}
	answers := make(chan answer, len(i.Volumes))
	for _, a := range i.Volumes { // together, so that they share a request
		go func() {
			v, err := c.Volume(ctx, a.VolumeID)
			answers <- answer{v, err}
		}()
	}
	var out []*Volume
	var failed error
	for range i.Volumes {
		a := <-answers
		if a.err != nil {
			failed = a.err
			continue
		}
		out = append(out, a.v)
	}
	if failed != nil {
		return nil, failed
	}
	rank := func(v *Volume) int {
		if v.ID == i.RootVolumeID {
			return -1
		}
		return slices.IndexFunc(i.Volumes, func(a AttachedVolume) bool { return a.VolumeID == v.ID })
	}
	slices.SortFunc(out, func(a, b *Volume) int { return rank(a) - rank(b) })
	return out, nil
}

// states makes a progress function of a wait out of one that takes text.
func states(progress func(string), what string) func(string, time.Duration) {
	if progress == nil {
		return nil
	}
	return func(state string, since time.Duration) {
		if state != "" {
			progress(what + " is " + state + " after " + since.Round(time.Second).String())
		}
	}
}
