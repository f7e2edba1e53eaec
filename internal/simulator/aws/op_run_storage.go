package aws

import (
	"fmt"
)

const diskParams = `
	BlockDeviceMapping.#.DeviceName BlockDeviceMapping.#.NoDevice BlockDeviceMapping.#.Ebs.VolumeSize BlockDeviceMapping.#.Ebs.VolumeType
	BlockDeviceMapping.#.Ebs.Iops BlockDeviceMapping.#.Ebs.Throughput BlockDeviceMapping.#.Ebs.Encrypted BlockDeviceMapping.#.Ebs.KmsKeyId
	BlockDeviceMapping.#.Ebs.DeleteOnTermination BlockDeviceMapping.#.Ebs.SnapshotId `

// planDisks lays the request's mapping over that of the image ("Block device mappings for
// volumes", User Guide).
func (c *call) planDisks(p *plan) *APIError {
	p.disks = append([]imageDisk(nil), p.image.disks...)
	for _, spec := range c.structs("BlockDeviceMapping") {
		device := spec.get("DeviceName")
		if device == "" {
			return missingParameter("BlockDeviceMapping.DeviceName")
		}
		at := -1
		for n, d := range p.disks {
			if d.device == device {
				at = n
			}
		}
		if spec.has("NoDevice") {
			if at >= 0 {
				p.disks = append(p.disks[:at:at], p.disks[at+1:]...)
			}
			continue
		}
		disk := imageDisk{device: device, kind: "gp2"} // EC2's own default for an added volume
		if at >= 0 {
			disk = p.disks[at]
		}
		if refused := c.overlay(&disk, spec.sub("Ebs")); refused != nil {
			return refused
		}
		if at >= 0 {
			p.disks[at] = disk
		} else {
			p.disks = append(p.disks, disk)
		}
	}
	return nil
}

func (c *call) overlay(disk *imageDisk, ebs params) *APIError {
	if id := ebs.get("SnapshotId"); id != "" {
		snap, refused := c.region.snapshots.one(snapshotIDs, id)
		if refused != nil {
			return refused
		}
		disk.snapshot = snap.id
		disk.size = max(disk.size, snap.size)
	}
	smallest := 1
	if snap, ok := c.region.snapshots.get(disk.snapshot); ok {
		smallest = snap.size
	}
	size, refused := ebs.number("VolumeSize", disk.size)
	if refused != nil {
		return refused
	}
	if size == 0 {
		return missingParameter("size or snapshotId")
	}
	if size < smallest && disk.snapshot != "" {
		return refuse("InvalidBlockDeviceMapping", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", size, disk.snapshot, smallest)
	}
	// A changed type starts from the defaults of that type.
	shape := volumeShape{kind: disk.kind, size: size, iops: disk.iops, throughput: disk.throughput}
	if kind := ebs.get("VolumeType"); kind != "" && kind != disk.kind {
		shape = volumeShape{kind: kind, size: size}
	}
	if shape, refused = shape.with(ebs); refused != nil {
		return refused
	}
	disk.kind, disk.size, disk.iops, disk.throughput = shape.kind, shape.size, shape.iops, shape.throughput
	disk.encrypted = disk.encrypted || ebs.bool("Encrypted")
	if ebs.has("KmsKeyId") && !disk.encrypted {
		return refuse("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	if ebs.has("DeleteOnTermination") {
		disk.keep = !ebs.bool("DeleteOnTermination")
	} else if !ebs.has("DeleteOnTermination") && disk.device != "/dev/sda1" && disk.snapshot == "" {
		disk.keep = true // volumes that a launch adds survive it, unless told otherwise
	}
	disk.kms = ebs.get("KmsKeyId")
	return nil
}

// volumeLimits are those of "Amazon EBS volume types" (EBS User Guide).
var volumeLimits = map[string]struct{ smallest, largest, minIOPS, maxIOPS, maxThroughput, perGiB int }{
	"gp3":      {smallest: 1, largest: 65536, minIOPS: 3000, maxIOPS: 80000, maxThroughput: 2000, perGiB: 500},
	"gp2":      {smallest: 1, largest: 16384},
	"io1":      {smallest: 4, largest: 16384, minIOPS: 100, maxIOPS: 64000, perGiB: 50},
	"io2":      {smallest: 4, largest: 65536, minIOPS: 100, maxIOPS: 256000, perGiB: 1000},
	"st1":      {smallest: 125, largest: 16384},
	"sc1":      {smallest: 125, largest: 16384},
	"standard": {smallest: 1, largest: 1024},
}

// with returns the shape with what Iops and Throughput ask for, completed by the defaults
// of the type, or the refusal.
func (v volumeShape) with(p params) (volumeShape, *APIError) {
	limits, ok := volumeLimits[v.kind]
	if !ok {
		return v, refuse("InvalidParameterValue", "Value (%s) for parameter volumeType is invalid.", v.kind)
	}
	if v.size < limits.smallest || v.size > limits.largest {
		return v, refuse("InvalidParameterValue", "Volume of %dGiB is invalid for volume type '%s'; the size must be between %d and %d GiB", v.size, v.kind, limits.smallest, limits.largest)
	}
	if p.has("Iops") && limits.minIOPS == 0 {
		return v, refuse("InvalidParameterCombination", "The parameter iops is not supported for %s volumes.", v.kind)
	}
	if p.has("Throughput") && limits.maxThroughput == 0 {
		return v, refuse("InvalidParameterCombination", "The parameter throughput is not supported for %s volumes.", v.kind)
	}
	var refused *APIError
	if v.iops, refused = p.number("Iops", v.iops); refused != nil {
		return v, refused
	}
	if v.throughput, refused = p.number("Throughput", v.throughput); refused != nil {
		return v, refused
	}
	switch v.kind {
	case "gp3":
		v.iops, v.throughput = orDefault(v.iops, 3000), orDefault(v.throughput, 125)
	case "gp2":
		v.iops, v.throughput = min(max(100, 3*v.size), 16000), 0
	case "io1", "io2":
		v.throughput = 0
		if v.iops == 0 {
			return v, missingParameter("iops")
		}
	default:
		v.iops, v.throughput = 0, 0
	}
	return v, v.check(limits.minIOPS, limits.maxIOPS, limits.perGiB, limits.maxThroughput)
}

func (v volumeShape) check(minIOPS, maxIOPS, perGiB, maxThroughput int) *APIError {
	if minIOPS == 0 {
		return nil
	}
	if v.iops < minIOPS || v.iops > maxIOPS {
		return refuse("InvalidParameterValue", "Volume iops of %d is out of bounds; the range for %s is %d to %d.", v.iops, v.kind, minIOPS, maxIOPS)
	}
	if v.iops > minIOPS && v.iops > perGiB*v.size {
		return refuse("InvalidParameterValue", "Iops to volume size ratio of %f is too high; maximum is %f.", float64(v.iops)/float64(v.size), float64(perGiB))
	}
	if maxThroughput == 0 {
		return nil
	}
	if v.throughput < 125 || v.throughput > maxThroughput {
		return refuse("InvalidParameterValue", "Throughput of %d MiBps is out of bounds; the range for %s is 125 to %d.", v.throughput, v.kind, maxThroughput)
	}
	if v.throughput*4 > v.iops {
		return refuse("InvalidParameterValue", "Throughput (MiBps) to iops ratio of %f is too high; maximum is 0.250000 MiBps per iops.", float64(v.throughput)/float64(v.iops))
	}
	return nil
}

func orDefault(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

// attachDisk makes the volume of a new instance.
func (r *Region) attachDisk(i *instance, d imageDisk, tags map[string]string) {
	v := &volume{
		resource: newResource(newID("vol-")), zone: i.zone, kind: d.kind, size: d.size, iops: d.iops, throughput: d.throughput,
		encrypted: d.encrypted, snapshot: d.snapshot, created: r.sim.now(),
		attached: &attachment{instance: i, device: d.device, at: r.sim.now(), deleteOnTermination: !d.keep},
	}
	if v.encrypted {
		v.kmsKey = d.kms
		if v.kmsKey == "" {
			v.kmsKey = fmt.Sprintf("arn:aws:kms:%s:%s:key/%s", r.geo.name, r.account.id, "00000000-0000-4000-8000-0000000eb5ff")
		}
	}
	copyTags(v.tags, tags)
	i.volumes = append(i.volumes, v)
	r.volumes.add(v.id, v)
}
