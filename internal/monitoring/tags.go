package monitoring

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// MaxTags is how many tags an alarm may have.
const MaxTags = 50

// Tags returns the tags of an alarm, without those of AWS itself
// (ListTagsForResource).
func (c *Client) Tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := c.api.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: aws.String(arn)})
	if err != nil {
		return nil, c.fail(err)
	}
	tags := make(map[string]string, len(out.Tags))
	for _, t := range out.Tags {
		if k := aws.ToString(t.Key); k != "" && !isAWSTag(k) {
			tags[k] = aws.ToString(t.Value)
		}
	}
	return tags, nil
}

// SyncTags sets and removes tags of an alarm (TagResource, UntagResource).
// Nothing to do calls nothing. Tags of AWS itself are never touched.
func (c *Client) SyncTags(ctx context.Context, arn string, set map[string]string, remove []string) error {
	gone := slices.DeleteFunc(slices.Clone(remove), func(k string) bool {
		_, kept := set[k]
		return kept || isAWSTag(k)
	})
	slices.Sort(gone)
	// Removal first, so that an exchange at the limit of tags passes.
	if len(gone) > 0 {
		if _, err := c.api.UntagResource(ctx, &cloudwatch.UntagResourceInput{ResourceARN: aws.String(arn), TagKeys: gone}); err != nil {
			return c.fail(err)
		}
	}
	if tags := tagsToAPI(set); len(tags) > 0 {
		if _, err := c.api.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: aws.String(arn), Tags: tags}); err != nil {
			return c.fail(err)
		}
	}
	return nil
}

func isAWSTag(key string) bool { return strings.HasPrefix(key, "aws:") }

// tagsToAPI is sorted, so that a repeated request is the identical one.
func tagsToAPI(in map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if !isAWSTag(k) {
			out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(in[k])})
		}
	}
	return out
}
