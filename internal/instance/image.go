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
)

// Image is one AMI. What EC2 did not say is zero.
type Image struct {
	ID, Name, Description, OwnerID, OwnerAlias, Architecture, State string
	VirtualizationType, RootDeviceName                              string
	RootSizeGiB                                                     int32
	// RootEncrypted says that the root snapshot is encrypted already.
	RootEncrypted bool
	// Devices are the names of all EBS devices that the image brings.
	Devices                 []string
	Public                  bool
	CreatedAt, DeprecatedAt time.Time
	Tags                    map[string]string
}

// Images returns the images of these ids that exist and are visible, deprecated
// ones included. Reads at the same time share requests.
func (c *Client) Images(ctx context.Context, ids ...string) (map[string]*Image, error) {
	type answer struct {
		id    string
		image *Image
		err   error
	}
	answers := make(chan answer, len(ids))
	for _, id := range ids {
		go func() {
			shared, ok, err := c.images.get(ctx, id)
			if !ok {
				shared = nil
			}
			answers <- answer{id, shared, err}
		}()
	}
	out := make(map[string]*Image, len(ids))
	var failed error
	for range ids {
		switch a := <-answers; {
		case a.err != nil:
			failed = a.err
		case a.image != nil:
			image := *a.image
			out[a.id] = &image
		}
	}
	if failed != nil {
		return nil, failed
	}
	return out, nil
}

// Image returns one image; one that does not exist in this region, or that the
// caller may not see, is an error of kind BadReference.
func (c *Client) Image(ctx context.Context, id string) (*Image, error) {
	all, err := c.Images(ctx, id)
	if err != nil {
		return nil, err
	}
	if all[id] == nil {
		return nil, c.errorf(fault.BadReference, "DescribeImages", "the image %s does not exist in %s, or is not shared with this account", id, c.opts.Region)
	}
	return all[id], nil
}

// fetchImages answers a batch of Images.
func (c *Client) fetchImages(ctx context.Context, ids []string) (map[string]*Image, error) {
	all, err := c.describeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{filter("image-id", ids...)}})
	if err != nil {
		return nil, err
	}
	out := make(map[string]*Image, len(all))
	for _, i := range all {
		out[i.ID] = i
	}
	return out, nil
}

func (c *Client) describeImages(ctx context.Context, in *ec2.DescribeImagesInput) ([]*Image, error) {
	in.IncludeDeprecated = aws.Bool(true)
	var out []*Image
	err := c.pages(ctx, "DescribeImages", func(ctx context.Context, token *string) (*string, error) {
		in.NextToken = token
		page, err := c.api.DescribeImages(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Images {
			out = append(out, imageFromEC2(i))
		}
		return page.NextToken, nil
	})
	return out, err
}

// ImageQuery says which images SearchImages returns.
type ImageQuery struct {
	// NamePattern takes * and ?, as EC2's name filter does.
	NamePattern string
	// Owners are account ids, "self", "amazon" or "aws-marketplace". Empty means
	// "self": a pattern without owner lets a stranger publish an image that fits.
	Owners []string
	// Architecture is "x86_64" or the like; empty does not restrict.
	Architecture string
}

// SearchImages returns the available images that fit, the newest first.
func (c *Client) SearchImages(ctx context.Context, q ImageQuery) ([]*Image, error) {
	owners := q.Owners
	if len(owners) == 0 {
		owners = []string{"self"}
	}
	filters := []types.Filter{filter("state", string(types.ImageStateAvailable))}
	if q.NamePattern != "" {
		filters = append(filters, filter("name", q.NamePattern))
	}
	if q.Architecture != "" {
		filters = append(filters, filter("architecture", q.Architecture))
	}
	out, err := c.describeImages(ctx, &ec2.DescribeImagesInput{Owners: owners, Filters: filters})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b *Image) int {
		if order := b.CreatedAt.Compare(a.CreatedAt); order != 0 {
			return order
		}
		return strings.Compare(b.Name+b.ID, a.Name+a.ID)
	})
	return out, nil
}

func imageFromEC2(in types.Image) *Image {
	out := &Image{
		ID: aws.ToString(in.ImageId), Name: aws.ToString(in.Name), Description: aws.ToString(in.Description),
		OwnerID: aws.ToString(in.OwnerId), OwnerAlias: aws.ToString(in.ImageOwnerAlias),
		Architecture: string(in.Architecture), State: string(in.State),
		VirtualizationType: string(in.VirtualizationType), RootDeviceName: aws.ToString(in.RootDeviceName),
		Public: aws.ToBool(in.Public), Tags: tagsFromEC2(in.Tags),
		CreatedAt: parseTime(in.CreationDate), DeprecatedAt: parseTime(in.DeprecationTime),
	}
	for _, m := range in.BlockDeviceMappings {
		if m.Ebs == nil {
			continue
		}
		device := aws.ToString(m.DeviceName)
		out.Devices = append(out.Devices, device)
		if out.RootDeviceName == "" {
			out.RootDeviceName = device // the first device is the root one where nothing says otherwise
		}
		if device == out.RootDeviceName {
			out.RootSizeGiB, out.RootEncrypted = aws.ToInt32(m.Ebs.VolumeSize), aws.ToBool(m.Ebs.Encrypted)
		}
	}
	return out
}

// parseTime reads the times that EC2 sends as text ("2026-01-02T03:04:05.000Z").
func parseTime(s *string) time.Time {
	t, err := time.Parse(time.RFC3339, aws.ToString(s))
	if err != nil {
		return time.Time{}
	}
	return t
}
