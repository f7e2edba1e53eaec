package aws

import "strings"

var tagOperations = map[string]operation{
	"CreateTags":   {run: (*call).createTags, params: "ResourceId.# Tag.#.Key Tag.#.Value"},
	"DeleteTags":   {run: (*call).deleteTags, params: "ResourceId.# Tag.#.Key Tag.#.Value"},
	"DescribeTags": {run: (*call).describeTags, params: pageParams, reads: true},
}

// maxTags is the limit of a resource ("Tag restrictions", User Guide).
const maxTags = 50

func copyTags(to, from map[string]string) {
	for key, value := range from {
		to[key] = value
	}
}

// planTags reads TagSpecification; the kinds are those that RunInstances can tag.
func (c *call) planTags(p *plan) *APIError {
	var refused *APIError
	p.tags, refused = c.tagSpecifications("instance", "volume", "network-interface", "spot-instances-request")
	if refused != nil {
		return refused
	}
	if len(p.tags["spot-instances-request"]) > 0 && c.get("InstanceMarketOptions.MarketType") != "spot" {
		return refuse("InvalidParameterValue", "'spot-instances-request' is not a valid taggable resource type for this operation.")
	}
	if len(p.tags) > 0 {
		return c.authorize("ec2:CreateTags", c.region.arn("instance", "*"))
	}
	return nil
}

// tagSpecifications returns tags by kind of resource.
func (c *call) tagSpecifications(kinds ...string) (map[string]map[string]string, *APIError) {
	out := map[string]map[string]string{}
	for _, spec := range c.structs("TagSpecification") {
		kind := spec.get("ResourceType")
		known := false
		for _, k := range kinds {
			known = known || k == kind
		}
		if !known {
			return nil, refuse("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", kind)
		}
		if out[kind] != nil {
			return nil, refuse("InvalidParameterValue", "Duplicate tag specification for resource type '%s'", kind)
		}
		tags, refused := readTags(spec.structs("Tag"))
		if refused != nil {
			return nil, refused
		}
		if len(tags) > maxTags {
			return nil, tooManyTags(kind)
		}
		out[kind] = tags
	}
	return out, nil
}

func tooManyTags(of string) *APIError {
	return refuse("TagLimitExceeded", "More than %d tags specified for %s", maxTags, of)
}

// readTags checks the restrictions of "Tag restrictions" (User Guide).
func readTags(specs []params) (map[string]string, *APIError) {
	tags := map[string]string{}
	for _, spec := range specs {
		key, value := spec.get("Key"), spec.get("Value")
		switch _, twice := tags[key]; {
		case key == "":
			return nil, missingParameter("Tag.Key")
		case twice:
			return nil, refuse("InvalidParameterValue", "Duplicate tag key '%s' specified.", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		case len([]rune(key)) > 128:
			return nil, refuse("InvalidParameterValue", "Tag key exceeds the maximum length of 128 characters")
		case len([]rune(value)) > 256:
			return nil, refuse("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")
		}
		tags[key] = value
	}
	return tags, nil
}

// tagTargets finds all resources or fails for all, since the operation is atomic.
func (c *call) tagTargets() ([]*resource, *APIError) {
	ids := c.list("ResourceId")
	if len(ids) == 0 {
		return nil, missingParameter("resourceIdSet")
	}
	var out []*resource
	for _, id := range ids {
		found, _ := c.region.resource(id)
		if found == nil {
			return nil, notFoundByPrefix(id)
		}
		out = append(out, found)
	}
	return out, nil
}

func notFoundByPrefix(id string) *APIError {
	for _, kind := range []idKind{
		instanceIDs, imageIDs, subnetIDs, vpcIDs, ruleIDs, groupIDs, volumeIDs, snapshotIDs, interfaceIDs, allocationIDs, routeTableIDs, spotIDs, keyPairIDs,
	} {
		if strings.HasPrefix(id, kind.prefix) {
			if refused := kind.check(id); refused != nil {
				return refused
			}
			return kind.notFound(id)
		}
	}
	return refuse("InvalidID", "The ID '%s' is not valid", id)
}

func (c *call) createTags() ([]node, *APIError) {
	targets, refused := c.tagTargets()
	if refused != nil {
		return nil, refused
	}
	tags, refused := readTags(c.structs("Tag"))
	if refused != nil {
		return nil, refused
	}
	if len(tags) == 0 {
		return nil, missingParameter("tagSet")
	}
	for _, target := range targets {
		merged := map[string]string{}
		copyTags(merged, target.tags)
		copyTags(merged, tags)
		if len(merged) > maxTags {
			return nil, tooManyTags(target.id)
		}
	}
	for _, target := range targets {
		copyTags(target.tags, tags)
	}
	return done()
}

// deleteTags: a tag without value goes by its key, one with a value only when it is equal;
// without any tag, all go (EC2 API reference, "DeleteTags").
func (c *call) deleteTags() ([]node, *APIError) {
	targets, refused := c.tagTargets()
	if refused != nil {
		return nil, refused
	}
	specs := c.structs("Tag")
	for _, target := range targets {
		if len(specs) == 0 {
			clear(target.tags)
		}
		for _, spec := range specs {
			key := spec.get("Key")
			if !spec.has("Value") || target.tags[key] == spec.get("Value") {
				delete(target.tags, key)
			}
		}
	}
	return done()
}

type tagRow struct{ key, value, id, kind string }

var tagFilters = filterTable[tagRow]{
	"key":           func(t tagRow) []string { return []string{t.key} },
	"value":         func(t tagRow) []string { return []string{t.value} },
	"resource-id":   func(t tagRow) []string { return []string{t.id} },
	"resource-type": func(t tagRow) []string { return []string{t.kind} },
}

func (c *call) describeTags() ([]node, *APIError) {
	var rows []tagRow
	for _, id := range c.region.resourceIDs() {
		target, kind := c.region.resource(id)
		if target == nil {
			continue // terminated long ago
		}
		for _, key := range sortedKeys(target.tags) {
			rows = append(rows, tagRow{key, target.tags[key], id, kind})
		}
	}
	rows, refused := filter(c.params, tagFilters, nil, rows)
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(rows), 5, 1000, "")
	if refused != nil {
		return nil, refused
	}
	return []node{list("tagSet", collect(rows[from:to], func(t tagRow) []node {
		return []node{text("resourceId", t.id), text("resourceType", t.kind), text("key", t.key), {name: "value", text: t.value, keep: true}}
	})), next}, nil
}
