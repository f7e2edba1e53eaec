package aws

import (
	"strconv"
	"time"
)

var volumeOperations = map[string]operation{
	"DescribeVolumes":              {run: (*call).describeVolumes, params: "VolumeId.# IncludeManagedResources" + pageParams, reads: true},
	"ModifyVolume":                 {run: (*call).modifyVolume, params: "VolumeId Size VolumeType Iops Throughput"},
	"DescribeVolumesModifications": {run: (*call).describeVolumesModifications, params: "VolumeId.# IncludeManagedResources" + pageParams, reads: true},
}

func attachedTo(offers func(*attachment) string) func(*volume) []string {
	return func(v *volume) []string {
		if v.attached == nil {
			return nil
		}
		return []string{offers(v.attached)}
	}
}

// volumeFilters are those of "DescribeVolumes" (EC2 API reference).
var volumeFilters = filterTable[*volume]{
	"volume-id":              func(v *volume) []string { return []string{v.id} },
	"volume-type":            func(v *volume) []string { return []string{v.kind} },
	"size":                   func(v *volume) []string { return []string{strconv.Itoa(v.size)} },
	"status":                 func(v *volume) []string { return []string{v.status()} },
	"encrypted":              func(v *volume) []string { return boolText(v.encrypted) },
	"snapshot-id":            func(v *volume) []string { return one(v.snapshot) },
	"availability-zone":      func(v *volume) []string { return []string{v.zone} },
	"create-time":            func(v *volume) []string { return []string{stamp(v.created)} },
	"attachment.instance-id": attachedTo(func(a *attachment) string { return a.instance.id }),
	"attachment.device":      attachedTo(func(a *attachment) string { return a.device }),
	"attachment.status":      attachedTo(func(*attachment) string { return "attached" }),
	"attachment.delete-on-termination": attachedTo(func(a *attachment) string {
		return strconv.FormatBool(a.deleteOnTermination)
	}),
}

func (v *volume) status() string {
	if v.attached == nil {
		return "available"
	}
	return "in-use"
}

func (c *call) describeVolumes() ([]node, *APIError) {
	found, refused := c.region.volumes.pick(volumeIDs, c.list("VolumeId"))
	if refused != nil {
		return nil, refused
	}
	found, refused = filter(c.params, volumeFilters, func(v *volume) map[string]string { return v.tags }, found)
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(found), 5, 1000, "VolumeId")
	if refused != nil {
		return nil, refused
	}
	return []node{list("volumeSet", collect(found[from:to], c.region.volumeNode)), next}, nil
}

// volumeNode is the shape "Volume".
func (r *Region) volumeNode(v *volume) []node {
	var attachments []node
	if a := v.attached; a != nil {
		attachments = collect([]*attachment{a}, func(a *attachment) []node {
			return []node{text("volumeId", v.id), text("instanceId", a.instance.id), text("device", a.device), text("status", "attached"),
				moment("attachTime", a.at), flag("deleteOnTermination", a.deleteOnTermination)}
		})
	}
	return []node{
		text("volumeId", v.id), number("size", v.size), {name: "snapshotId", text: v.snapshot, keep: true},
		text("availabilityZone", v.zone), text("availabilityZoneId", r.geo.zoneID(v.zone)), text("status", v.status()), moment("createTime", v.created),
		list("attachmentSet", attachments), tagSet(v.tags), text("volumeType", v.kind), amount("iops", v.iops), amount("throughput", v.throughput),
		flag("encrypted", v.encrypted), text("kmsKeyId", v.kmsKey), flag("multiAttachEnabled", false),
	}
}

// modifyVolume grows a volume or changes its type in use. The volume has its new size at
// once ("Monitor the progress of EBS volume modifications": changes take effect when the
// state is optimizing; the answer to DescribeVolumes shows the target).
func (c *call) modifyVolume() ([]node, *APIError) {
	if refused := c.required("VolumeId"); refused != nil {
		return nil, refused
	}
	v, refused := c.region.volumes.one(volumeIDs, c.get("VolumeId"))
	if refused != nil {
		return nil, refused
	}
	if refused := c.checkChangeRate(v); refused != nil {
		return nil, refused
	}
	target := v.shape()
	if target.size, refused = c.number("Size", v.size); refused != nil {
		return nil, refused
	}
	if target.size < v.size {
		return nil, refuse("InvalidParameterValue", "New size cannot be smaller than existing size")
	}
	if kind := c.get("VolumeType"); kind != "" && kind != v.kind {
		target.kind, target.iops, target.throughput = kind, 0, 0
	}
	if target, refused = target.with(c.params); refused != nil {
		return nil, refused
	}
	timing := c.sim.options.Timing
	v.change = &volumeChange{clock: c.sim.clock, began: c.sim.now(), before: v.shape(), after: target, modifying: timing.VolumeModifying, optimizing: timing.VolumeOptimizing}
	v.kind, v.size, v.iops, v.throughput = target.kind, target.size, target.iops, target.throughput
	return []node{group("volumeModification", v.changeNode()...)}, nil
}

// checkChangeRate: one change at a time, and not again before the limit has passed
// ("VolumeModificationRateExceeded", EC2 API error codes).
func (c *call) checkChangeRate(v *volume) *APIError {
	if v.change == nil {
		return nil
	}
	if state, _ := v.change.progress(); state == "modifying" {
		return refuse("IncorrectModificationState", "Volume %s in state 'modifying' cannot be modified.", v.id)
	}
	if limit := c.sim.options.RateLimitVolumeChanges; c.sim.since(v.change.began) < limit {
		return refuse("VolumeModificationRateExceeded",
			"You've reached the maximum modification rate per volume limit. Wait at least %s between modifications per EBS volume. You can next modify this volume at %s",
			limit, v.change.began.Add(limit).UTC().Format(time.RFC3339))
	}
	return nil
}

// progress is the state and the percentage of a change at this moment.
func (v *volumeChange) progress() (state string, percent int) {
	if v.failed != "" {
		return "failed", 0
	}
	passed := v.clock.Since(v.began)
	switch {
	case passed < v.modifying:
		return "modifying", 0
	case passed < v.modifying+v.optimizing:
		return "optimizing", int(100 * (passed - v.modifying) / v.optimizing)
	}
	return "completed", 100
}

// changeNode is the shape "VolumeModification".
func (v *volume) changeNode() []node {
	change := v.change
	state, percent := change.progress()
	ended := node{}
	if state == "completed" {
		ended = moment("endTime", change.began.Add(change.modifying+change.optimizing))
	}
	return []node{
		text("volumeId", v.id), text("modificationState", state), text("statusMessage", change.failed),
		number("targetSize", change.after.size), text("targetVolumeType", change.after.kind),
		amount("targetIops", change.after.iops), amount("targetThroughput", change.after.throughput), flag("targetMultiAttachEnabled", false),
		number("originalSize", change.before.size), text("originalVolumeType", change.before.kind),
		amount("originalIops", change.before.iops), amount("originalThroughput", change.before.throughput), flag("originalMultiAttachEnabled", false),
		number("progress", percent), moment("startTime", change.began), ended,
	}
}

var modificationFilters = filterTable[*volume]{
	"volume-id":          func(v *volume) []string { return []string{v.id} },
	"modification-state": func(v *volume) []string { s, _ := v.change.progress(); return []string{s} },
	"target-size":        func(v *volume) []string { return []string{strconv.Itoa(v.change.after.size)} },
	"target-volume-type": func(v *volume) []string { return []string{v.change.after.kind} },
	"original-size":      func(v *volume) []string { return []string{strconv.Itoa(v.change.before.size)} },
}

// describeVolumesModifications: a volume that was never changed is an error when it is named.
func (c *call) describeVolumesModifications() ([]node, *APIError) {
	ids := c.list("VolumeId")
	found, refused := c.region.volumes.pick(volumeIDs, ids)
	if refused != nil {
		return nil, refused
	}
	var changed []*volume
	for _, v := range found {
		if v.change != nil {
			changed = append(changed, v)
		} else if len(ids) > 0 {
			return nil, refuse("InvalidVolumeModification.NotFound", "Modification for volume '%s' does not exist.", v.id)
		}
	}
	changed, refused = filter(c.params, modificationFilters, nil, changed)
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(changed), 1, 500, "VolumeId")
	if refused != nil {
		return nil, refused
	}
	return []node{list("volumeModificationSet", collect(changed[from:to], (*volume).changeNode)), next}, nil
}
