package storage

import (
	"context"
	"maps"
	"strconv"

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

// differing are the own tags of the first snapshot whose tags are not those
// that are wished for, else of any: all carry the same, unless somebody
// changed one of them.
func differing(set *clients.Set, found []*instance.Snapshot, wished map[string]string) map[string]string {
	var out map[string]string
	for _, s := range found {
		if out = attribute.OwnTags(set, s.Tags); !maps.Equal(out, wished) {
			break
		}
	}
	return out
}
