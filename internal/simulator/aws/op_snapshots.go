package aws

import (
	"fmt"
	"strconv"
)

var snapshotOperations = map[string]operation{
	"CreateSnapshots": {run: (*call).createSnapshots, params: `Description CopyTagsFromSource InstanceSpecification.InstanceId
		InstanceSpecification.ExcludeBootVolume InstanceSpecification.ExcludeDataVolumeId.#
		TagSpecification.#.ResourceType TagSpecification.#.Tag.#.Key TagSpecification.#.Tag.#.Value`},
	"DescribeSnapshots": {run: (*call).describeSnapshots, params: "SnapshotId.# Owner.# RestorableBy.#" + pageParams, reads: true},
	"DeleteSnapshot":    {run: (*call).deleteSnapshot, params: "SnapshotId"},
}

// state and progress of a snapshot at this moment ("Snapshot", EC2 API reference).
func (s *snapshot) state() (string, string) {
	if s.failed {
		return "error", "0%"
	}
	passed := s.clock.Since(s.began)
	if passed >= s.duration {
		return "completed", "100%"
	}
	return "pending", fmt.Sprintf("%d%%", 100*passed/s.duration)
}

var snapshotFilters = filterTable[*snapshot]{
	"snapshot-id": func(s *snapshot) []string { return []string{s.id} },
	"volume-id":   func(s *snapshot) []string { return []string{s.volumeID} },
	"volume-size": func(s *snapshot) []string { return []string{strconv.Itoa(s.size)} },
	"description": func(s *snapshot) []string { return one(s.description) },
	"encrypted":   func(s *snapshot) []string { return boolText(s.encrypted) },
	"status":      func(s *snapshot) []string { state, _ := s.state(); return []string{state} },
	"progress":    func(s *snapshot) []string { _, progress := s.state(); return []string{progress} },
	"start-time":  func(s *snapshot) []string { return []string{stamp(s.began)} },
}

// createSnapshots takes all attached volumes at one moment; it has no client token, so a
// repeated call makes further snapshots (EC2 API reference, "CreateSnapshots").
func (c *call) createSnapshots() ([]node, *APIError) {
	spec := c.sub("InstanceSpecification")
	id := spec.get("InstanceId")
	if id == "" {
		return nil, missingParameter("InstanceSpecification.InstanceId")
	}
	found, refused := c.instances([]string{id})
	if refused != nil {
		return nil, refused
	}
	i := found[0]
	if i.state != stateRunning && i.state != stateStopped {
		return nil, refuse("IncorrectInstanceState", "The instance '%s' is not in the 'running' or 'stopped' states.", i.id)
	}
	tags, refused := c.tagSpecifications("snapshot")
	if refused != nil {
		return nil, refused
	}
	if refused := c.choice("CopyTagsFromSource", "volume"); refused != nil {
		return nil, refused
	}
	excluded := map[string]bool{}
	for _, volumeID := range spec.list("ExcludeDataVolumeId") {
		excluded[volumeID] = true
	}
	var made []*snapshot
	for _, v := range i.disks() {
		if excluded[v.id] || (spec.bool("ExcludeBootVolume") && v.attached.device == i.rootDevice) {
			continue
		}
		s := &snapshot{
			resource: newResource(newID("snap-")), volumeID: v.id, description: c.get("Description"), size: v.size,
			encrypted: v.encrypted, kmsKey: v.kmsKey, clock: c.sim.clock, began: c.sim.now(), duration: c.sim.options.Timing.Snapshot,
		}
		if c.has("CopyTagsFromSource") {
			copyTags(s.tags, v.tags)
		}
		copyTags(s.tags, tags["snapshot"])
		c.region.snapshots.add(s.id, s)
		made = append(made, s)
	}
	// SnapshotInfo calls "state" what Snapshot calls "status"
	return []node{list("snapshotSet", collect(made, func(s *snapshot) []node {
		return append(c.region.snapshotNode(s), text("state", "pending"))
	}))}, nil
}

func (c *call) describeSnapshots() ([]node, *APIError) {
	found, refused := c.region.snapshots.pick(snapshotIDs, c.list("SnapshotId"))
	if refused != nil {
		return nil, refused
	}
	for _, owner := range c.list("Owner") {
		if owner != "self" && owner != c.region.account.id {
			found = nil // nobody shares snapshots here
		}
	}
	return describeFound(c, found, "SnapshotId", snapshotFilters, func(s *snapshot) map[string]string { return s.tags }, "snapshotSet", func(s *snapshot) []node {
		state, _ := s.state()
		return append(c.region.snapshotNode(s), text("status", state), text("kmsKeyId", s.kmsKey), text("storageTier", "standard"))
	})
}

// snapshotNode is what the shapes "Snapshot" and "SnapshotInfo" share.
func (r *Region) snapshotNode(s *snapshot) []node {
	_, progress := s.state()
	return []node{
		text("snapshotId", s.id), text("volumeId", s.volumeID), text("ownerId", r.account.id), number("volumeSize", s.size),
		moment("startTime", s.began), text("progress", progress), {name: "description", text: s.description, keep: true},
		flag("encrypted", s.encrypted), tagSet(s.tags),
	}
}

func (c *call) deleteSnapshot() ([]node, *APIError) {
	if refused := c.required("SnapshotId"); refused != nil {
		return nil, refused
	}
	s, refused := c.region.snapshots.one(snapshotIDs, c.get("SnapshotId"))
	if refused != nil {
		return nil, refused
	}
	for _, img := range c.region.images.all() {
		for _, d := range img.disks {
			if d.snapshot == s.id {
				return nil, refuse("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", s.id, img.id)
			}
		}
	}
	c.region.snapshots.remove(s.id)
	return done()
}
