package aws

var imageOperations = map[string]operation{
	"RegisterImage": {run: (*call).registerImage, params: `Name Description Architecture RootDeviceName VirtualizationType EnaSupport BootMode ImdsSupport SriovNetSupport
		TagSpecification.#.ResourceType TagSpecification.#.Tag.#.Key TagSpecification.#.Tag.#.Value ` + diskParams},
	"CreateImage": {run: (*call).createImage, params: `InstanceId Name Description NoReboot
		TagSpecification.#.ResourceType TagSpecification.#.Tag.#.Key TagSpecification.#.Tag.#.Value`},
	"DeregisterImage": {run: (*call).deregisterImage, params: "ImageId DeleteAssociatedSnapshots"},
}

// newImage checks what both ways to an image share.
func (c *call) newImage() (*image, map[string]map[string]string, *APIError) {
	if refused := c.required("Name"); refused != nil {
		return nil, nil, refused
	}
	tags, refused := c.tagSpecifications("image", "snapshot")
	if refused != nil {
		return nil, nil, refused
	}
	for _, known := range c.region.images.all() {
		if known.name == c.get("Name") && known.owner == c.region.account.id {
			return nil, nil, refuse("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", known.name, known.id)
		}
	}
	img := &image{
		resource: newResource(newID("ami-")), name: c.get("Name"), description: c.get("Description"), owner: c.region.account.id,
		created: c.sim.now(), state: "pending",
	}
	copyTags(img.tags, tags["image"])
	return img, tags, nil
}

// registerImage makes an image of snapshots; the root device needs one (EC2 API reference,
// "RegisterImage").
func (c *call) registerImage() ([]node, *APIError) {
	img, _, refused := c.newImage()
	if refused != nil {
		return nil, refused
	}
	img.architecture = firstText(c.get("Architecture"), "i386") // EC2's default for EBS-backed images
	img.rootDevice = c.get("RootDeviceName")
	img.imdsV2 = c.get("ImdsSupport") == "v2.0"
	if img.rootDevice == "" {
		return nil, refuse("InvalidRequest", "The request received was invalid.")
	}
	p := &plan{image: &image{}}
	if refused := c.planDisks(p); refused != nil {
		return nil, refused
	}
	img.disks = p.disks
	for _, d := range img.disks {
		if d.device == img.rootDevice && d.snapshot != "" {
			img.state = "available"
		}
	}
	if img.state != "available" {
		return nil, refuse("InvalidBlockDeviceMapping", "A snapshotId is required for the root device %s", img.rootDevice)
	}
	c.region.images.add(img.id, img)
	return []node{text("imageId", img.id)}, nil
}

// createImage reboots the instance unless it is told not to; the image is pending until its
// snapshots are complete (EC2 API reference, "CreateImage").
func (c *call) createImage() ([]node, *APIError) {
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	if i.state != stateRunning && i.state != stateStopped {
		return nil, refuse("IncorrectState", "Instance '%s' is not in the 'running' or 'stopped' states.", i.id)
	}
	img, tags, refused := c.newImage()
	if refused != nil {
		return nil, refused
	}
	img.architecture, img.rootDevice = i.architecture, i.rootDevice
	for _, v := range i.disks() {
		s := &snapshot{
			resource: newResource(newID("snap-")), volumeID: v.id, size: v.size, encrypted: v.encrypted, kmsKey: v.kmsKey,
			description: "Created by CreateImage(" + i.id + ") for " + img.id, clock: c.sim.clock, began: c.sim.now(), duration: c.sim.options.Timing.Snapshot,
		}
		copyTags(s.tags, tags["snapshot"])
		c.region.snapshots.add(s.id, s)
		img.disks = append(img.disks, imageDisk{
			device: v.attached.device, snapshot: s.id, kind: v.kind, size: v.size, iops: v.iops, throughput: v.throughput,
			encrypted: v.encrypted, keep: !v.attached.deleteOnTermination, kms: v.kmsKey,
		})
	}
	c.region.images.add(img.id, img)
	c.sim.after(c.sim.options.Timing.Snapshot, func() { img.state = "available" })
	if i.state == stateRunning && !c.bool("NoReboot") {
		c.region.reboot(i)
	}
	return []node{text("imageId", img.id)}, nil
}

func (c *call) deregisterImage() ([]node, *APIError) {
	img, refused := c.region.images.one(imageIDs, c.get("ImageId"))
	if refused != nil {
		return nil, refused
	}
	if img.owner != c.region.account.id {
		return nil, &APIError{Status: 403, Code: "AuthFailure", Message: "Not authorized for images: [" + img.id + "]"}
	}
	c.region.images.remove(img.id)
	if c.bool("DeleteAssociatedSnapshots") {
		for _, d := range img.disks {
			c.region.snapshots.remove(d.snapshot)
		}
	}
	return done()
}
