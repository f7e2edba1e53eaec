package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// Names of the managed tags, without prefix, by which an import knows what EC2
// does not tell of a snapshot. The version has the name that images have it
// under.
const (
	tagWorkerID   = "worker-id"
	tagRootVolume = "root-volume"
	tagAMI        = "ami-id"
	tagVersion    = "version"
	tagRegistered = "registered"
)

// longestTag is how long the value of a tag may be.
const longestTag = 256

// tagsAll is default_tags with tags over them, member by member, so that one
// unknown value leaves the others known.
func tagsAll(set *clients.Set, tags types.Map) types.Map {
	if tags.IsUnknown() || slices.Contains(set.UnknownArguments(), "default_tags") {
		return types.MapUnknown(types.StringType)
	}
	all := map[string]attr.Value{}
	for k, v := range set.DefaultTags() {
		all[k] = types.StringValue(v)
	}
	maps.Copy(all, tags.Elements())
	maps.DeleteFunc(all, func(k string, _ attr.Value) bool { return set.Ignored(k) })
	return types.MapValueMust(types.StringType, all)
}

// checkTags refuses tags that would be taken for the provider's own.
func checkTags(set *clients.Set, tags types.Map, diags *diag.Diagnostics) {
	prefix := set.ManagedTags().Key("")
	for key := range tags.Elements() {
		if strings.HasPrefix(key, prefix) {
			diags.AddAttributeError(path.Root("tags").AtMapKey(key), "Reserved tag", fmt.Sprintf(
				"Tag keys that begin with %q are kept by this provider: use another key, or another managed_tags.prefix in the provider block.", prefix))
		}
	}
}

// managed are the marker tags of a set.
func managed(ctx context.Context, set *clients.Set, in *instance.Instance, seen seen) (map[string]string, error) {
	m := set.ManagedTags()
	if !m.Enabled {
		return map[string]string{}, nil
	}
	identity, err := set.Identity(ctx)
	if err != nil {
		return nil, err
	}
	out := m.Markers("", identity.ARN)
	out[m.Key(tagWorkerID)] = in.ID
	out[m.Key(tagRootVolume)] = in.RootVolumeID
	out[m.Key(tagAMI)] = in.ImageID
	out[m.Key(tagVersion)] = seen.version
	if seen.registered != nil {
		out[m.Key(tagRegistered)] = strconv.FormatBool(*seen.registered)
	}
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	for k, v := range out {
		out[k] = v[:min(len(v), longestTag)]
	}
	return out, nil
}

// ownTags are the tags of a snapshot that are the configuration's business. A
// prefix that the marker tags had before stays ignored.
func ownTags(set *clients.Set, tags map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range tags {
		if !set.Ignored(k) && !set.ManagedTags().Owns(k, tags) {
			out[k] = v
		}
	}
	return out
}

// differing are the own tags of the first snapshot whose tags are not those
// that are wished for, else of any: all carry the same, unless somebody
// changed one of them.
func differing(set *clients.Set, found []*instance.Snapshot, wished map[string]string) map[string]string {
	var out map[string]string
	for _, s := range found {
		if out = ownTags(set, s.Tags); !maps.Equal(out, wished) {
			break
		}
	}
	return out
}

// withoutDefaults drops the tags that only repeat default_tags, unless the
// configuration names them itself.
func withoutDefaults(own, defaults map[string]string, configured types.Map) map[string]string {
	named := attribute.Map(configured)
	out := maps.Clone(own)
	maps.DeleteFunc(out, func(k, v string) bool {
		_, ours := named[k]
		d, isDefault := defaults[k]
		return !ours && isDefault && d == v
	})
	return out
}
