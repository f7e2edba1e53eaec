package attribute

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
)

// TagsAll is `tags_all` of a plan: default_tags with tags over them, member by
// member, so that one unknown value leaves the others known.
func TagsAll(set *clients.Set, tags types.Map) types.Map {
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

// CheckTags refuses `tags` that would be taken for the provider's own.
func CheckTags(set *clients.Set, tags types.Map, diags *diag.Diagnostics) {
	prefix := set.ManagedTags().Key("")
	for key := range tags.Elements() {
		if strings.HasPrefix(key, prefix) {
			diags.AddAttributeError(path.Root("tags").AtMapKey(key), "Reserved tag", fmt.Sprintf(
				"Tag keys that begin with %q are kept by this provider: use another key, or another managed_tags.prefix in the provider block.", prefix))
		}
	}
}

// OwnTags are those tags of something in AWS that are the configuration's
// business. A prefix that the marker tags had before stays ignored.
func OwnTags(set *clients.Set, tags map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range tags {
		if !set.Ignored(k) && !set.ManagedTags().Owns(k, tags) {
			out[k] = v
		}
	}
	return out
}

// WithoutDefaults drops the tags that only repeat default_tags, unless the
// configuration names them itself.
func WithoutDefaults(own, defaults, configured map[string]string) map[string]string {
	out := maps.Clone(own)
	maps.DeleteFunc(out, func(k, v string) bool {
		_, named := configured[k]
		d, isDefault := defaults[k]
		return !named && isDefault && d == v
	})
	return out
}
