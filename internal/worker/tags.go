package worker

import (
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// markers returns the managed tags of a worker: prior ones, with those that
// follow from its name and its controller settings put over them.
func markers(m instance.ManagedTags, prior map[string]string, name string, s controller.Settings) map[string]string {
	out := maps.Clone(prior)
	if out == nil {
		out = map[string]string{}
	}
	if !m.Enabled {
		return out
	}
	out[m.Key(instance.MarkerManagedBy)] = instance.ManagedByValue
	out[m.Key(instance.MarkerWorkerName)] = name
	for _, key := range []string{"hostname", "port", "address-preference", "tls-sha256", "credentials-ref"} {
		delete(out, m.Key(key))
	}
	for key, value := range s.Tags() {
		out[m.Key(key)] = value
	}
	return out
}

// splitTags sorts the tags of an instance: its own without Name, and the
// managed ones. Ignored tags are left out of both. A key that the state knows
// as managed stays so after the prefix was changed.
func splitTags(set *clients.Set, tags map[string]string, wasManaged types.Map) (own, managed map[string]string) {
	own, managed = map[string]string{}, map[string]string{}
	before := attribute.Map(wasManaged)
	prefix := set.ManagedTags().Key("")
	for k, v := range tags {
		_, known := before[k]
		switch {
		case k == "Name":
		case known, strings.HasPrefix(k, prefix):
			managed[k] = v
		case set.Ignored(k):
		default:
			own[k] = v
		}
	}
	return own, managed
}

// allTags is everything that stands on the instance for this model.
func allTags(m *model) map[string]string {
	out := attribute.Map(m.TagsAll)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, attribute.Map(m.Managed))
	out["Name"] = m.Name.ValueString()
	return out
}
