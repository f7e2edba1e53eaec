package instance

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

const (
	// ManagedByValue is the value of the managed-by marker.
	ManagedByValue = "terraform-provider-cml"
	// DefaultTagPrefix is the prefix of the marker tags where none is set.
	DefaultTagPrefix = "cml:"
	// MaxTags is how many tags a resource of EC2 may have.
	MaxTags = 50
)

// The names of the marker tags, without prefix.
const (
	MarkerManagedBy  = "managed-by"
	MarkerWorkerName = "worker-name"
	MarkerCreatedBy  = "created_by"
	// MarkerRequest carries the nonce of a request that has no client token. It
	// is written also while markers are off.
	MarkerRequest = "request"
	// MarkerIdlePolicy says that an idle policy stops the worker.
	MarkerIdlePolicy = "idle-policy"
	// MarkerSchedule, with the name of a cml_worker_schedule after it, says that
	// its schedules start or stop the worker; the value is their group.
	MarkerSchedule = "schedule:"
)

// ManagedTags says whether and under which prefix marker tags are written.
type ManagedTags struct {
	Enabled bool
	// Prefix is DefaultTagPrefix when empty.
	Prefix string
}

// Key is the tag key of a marker: Key("managed-by") is "cml:managed-by".
func (m ManagedTags) Key(name string) string {
	if m.Prefix == "" {
		return DefaultTagPrefix + name
	}
	return m.Prefix + name
}

// Markers returns the marker tags of a new worker, none while they are off.
// createdBy may be empty.
func (m ManagedTags) Markers(name, createdBy string) map[string]string {
	if !m.Enabled {
		return nil
	}
	out := map[string]string{m.Key(MarkerManagedBy): ManagedByValue}
	if name != "" {
		out[m.Key(MarkerWorkerName)] = name
	}
	if createdBy != "" {
		out[m.Key(MarkerCreatedBy)] = createdBy
	}
	return out
}

// Owns says that a tag key is a marker of this provider: under its prefix, or
// under another one that it had when the tags were written, which shows in
// their managed-by tag.
func (m ManagedTags) Owns(key string, all map[string]string) bool {
	if strings.HasPrefix(key, m.Key("")) {
		return true
	}
	for k, v := range all {
		prefix, ok := strings.CutSuffix(k, MarkerManagedBy)
		if ok && prefix != "" && v == ManagedByValue && strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// Values returns what the marker tags of a resource say, without prefix.
func (m ManagedTags) Values(all map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range all {
		if name, ok := strings.CutPrefix(k, m.Key("")); ok {
			out[name] = v
		}
	}
	return out
}

// SyncTags sets and removes tags on several resources, with one call for each.
// Nothing to do calls nothing. Tags of AWS itself are never touched.
func (c *Client) SyncTags(ctx context.Context, resourceIDs []string, set map[string]string, remove []string) error {
	resourceIDs = slices.DeleteFunc(slices.Clone(resourceIDs), func(id string) bool { return id == "" })
	if len(resourceIDs) == 0 {
		return nil
	}
	var gone []types.Tag
	for _, k := range slices.Sorted(slices.Values(remove)) {
		if _, kept := set[k]; !kept && !isAWSTag(k) {
			gone = append(gone, types.Tag{Key: aws.String(k)})
		}
	}
	tags := tagsToEC2(set)
	if len(tags) > MaxTags {
		return c.errorf(fault.Invalid, "CreateTags", "%d tags are more than the %d that a resource may have", len(tags), MaxTags)
	}
	// Removal first, so that an exchange at the limit of tags passes.
	if len(gone) > 0 {
		if _, err := c.api.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: resourceIDs, Tags: gone}); err != nil {
			return c.fail(err)
		}
	}
	if len(tags) > 0 {
		if _, err := c.api.CreateTags(ctx, &ec2.CreateTagsInput{Resources: resourceIDs, Tags: tags}); err != nil {
			return c.fail(err)
		}
	}
	return nil
}

func isAWSTag(key string) bool { return strings.HasPrefix(key, "aws:") }

func tagsFromEC2(in []types.Tag) map[string]string {
	out := make(map[string]string, len(in))
	for _, t := range in {
		if k := aws.ToString(t.Key); k != "" && !isAWSTag(k) {
			out[k] = aws.ToString(t.Value)
		}
	}
	return out
}

// tagsToEC2 is sorted, so that a repeated request is the identical one.
func tagsToEC2(in map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range sortedKeys(in) {
		if !isAWSTag(k) {
			out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(in[k])})
		}
	}
	return out
}

// tagSpecs tags all resources that a request makes; nil without tags.
func tagSpecs(tags map[string]string, of ...types.ResourceType) []types.TagSpecification {
	list := tagsToEC2(tags)
	if len(list) == 0 {
		return nil
	}
	var out []types.TagSpecification
	for _, t := range of {
		out = append(out, types.TagSpecification{ResourceType: t, Tags: list})
	}
	return out
}

func hasTags(all, wanted map[string]string) bool {
	for k, v := range wanted {
		if got, ok := all[k]; !ok || got != v {
			return false
		}
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
