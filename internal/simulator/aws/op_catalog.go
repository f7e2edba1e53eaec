package aws

import (
	"fmt"
	"strconv"
	"time"
)

var catalogOperations = map[string]operation{
	"DescribeImages":                {run: (*call).describeImages, params: "ImageId.# Owner.# ExecutableBy.# IncludeDeprecated IncludeDisabled" + pageParams, reads: true},
	"DescribeInstanceTypes":         {run: (*call).describeInstanceTypes, params: "InstanceType.# IncludeUnsupportedInRegion" + pageParams, reads: true},
	"DescribeInstanceTypeOfferings": {run: (*call).describeInstanceTypeOfferings, params: "LocationType" + pageParams, reads: true},
	"DescribeRegions":               {run: (*call).describeRegions, params: "AllRegions RegionName.#" + filterParams, reads: true},
	"DescribeAvailabilityZones":     {run: (*call).describeAvailabilityZones, params: "AllAvailabilityZones ZoneName.# ZoneId.#" + filterParams, reads: true},
}

var imageFilters = filterTable[*image]{
	"image-id":            func(i *image) []string { return []string{i.id} },
	"name":                func(i *image) []string { return []string{i.name} },
	"description":         func(i *image) []string { return one(i.description) },
	"architecture":        func(i *image) []string { return []string{i.architecture} },
	"state":               func(i *image) []string { return []string{i.state} },
	"owner-id":            func(i *image) []string { return []string{i.owner} },
	"owner-alias":         func(i *image) []string { return one(i.ownerAlias) },
	"is-public":           func(i *image) []string { return boolText(i.public) },
	"image-type":          func(*image) []string { return []string{"machine"} },
	"root-device-type":    func(*image) []string { return []string{"ebs"} },
	"root-device-name":    func(i *image) []string { return []string{i.rootDevice} },
	"virtualization-type": func(*image) []string { return []string{"hvm"} },
	"hypervisor":          func(*image) []string { return []string{"xen"} },
	"creation-date":       func(i *image) []string { return []string{stamp(i.created)} },
}

// describeImages leaves deprecated images out, except for their owner and where they are
// named or asked for (EC2 API reference, "DescribeImages").
func (c *call) describeImages() ([]node, *APIError) {
	ids := c.list("ImageId")
	found, refused := c.region.images.pick(imageIDs, ids)
	if refused != nil {
		return nil, refused
	}
	owners := c.list("Owner")
	var kept []*image
	for _, i := range found {
		mine := i.owner == c.region.account.id
		old := !i.deprecated.IsZero() && c.sim.now().After(i.deprecated)
		if old && !mine && len(ids) == 0 && !c.bool("IncludeDeprecated") {
			continue
		}
		if !mine && !i.public {
			continue
		}
		if len(owners) > 0 && !i.ownedBy(owners, c.region.account.id) {
			continue
		}
		kept = append(kept, i)
	}
	return describeFound(c, kept, "ImageId", imageFilters, func(i *image) map[string]string { return i.tags }, "imagesSet", imageNode)
}

func (i *image) ownedBy(owners []string, self string) bool {
	for _, owner := range owners {
		if owner == i.owner || owner == i.ownerAlias || (owner == "self" && i.owner == self) {
			return true
		}
	}
	return false
}

// imageNode is the shape "Image"; its tags are called tagSet, its id of the owner imageOwnerId.
func imageNode(i *image) []node {
	support := ""
	if i.imdsV2 {
		support = "v2.0"
	}
	return []node{
		text("imageId", i.id), text("imageLocation", i.owner+"/"+i.name), text("imageState", i.state), text("imageOwnerId", i.owner),
		text("creationDate", stamp(i.created)), text("deprecationTime", zeroless(i.deprecated)), flag("isPublic", i.public),
		text("architecture", i.architecture), text("imageType", "machine"), text("imageOwnerAlias", i.ownerAlias), text("name", i.name), text("description", i.description),
		text("rootDeviceType", "ebs"), text("rootDeviceName", i.rootDevice),
		list("blockDeviceMapping", collect(i.disks, func(d imageDisk) []node {
			return []node{text("deviceName", d.device), group("ebs", text("snapshotId", d.snapshot), number("volumeSize", d.size), text("volumeType", d.kind),
				amount("iops", d.iops), amount("throughput", d.throughput), flag("encrypted", d.encrypted), flag("deleteOnTermination", !d.keep))}
		})),
		text("virtualizationType", "hvm"), tagSet(i.tags), text("hypervisor", "xen"), flag("enaSupport", true), text("sriovNetSupport", "simple"),
		text("platformDetails", "Linux/UNIX"), text("usageOperation", "RunInstances"), text("bootMode", "uefi-preferred"), text("imdsSupport", support),
	}
}

func zeroless(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

func (t *InstanceType) features() []string {
	if t.NestedVirtualization {
		return []string{"nested-virtualization"}
	}
	return nil
}

var typeFilters = filterTable[*InstanceType]{
	"instance-type":                         func(t *InstanceType) []string { return []string{t.Name} },
	"bare-metal":                            func(t *InstanceType) []string { return boolText(t.BareMetal) },
	"burstable-performance-supported":       func(t *InstanceType) []string { return boolText(t.Burstable) },
	"current-generation":                    func(*InstanceType) []string { return boolText(true) },
	"hypervisor":                            func(t *InstanceType) []string { return one(t.hypervisor()) },
	"memory-info.size-in-mib":               func(t *InstanceType) []string { return []string{strconv.Itoa(t.MemoryMiB)} },
	"vcpu-info.default-vcpus":               func(t *InstanceType) []string { return []string{strconv.Itoa(t.VCPUs)} },
	"vcpu-info.default-cores":               func(t *InstanceType) []string { return []string{strconv.Itoa(t.cores())} },
	"processor-info.supported-architecture": func(t *InstanceType) []string { return []string{t.Architecture} },
	"processor-info.supported-features":     func(t *InstanceType) []string { return t.features() },
	"supported-usage-class":                 func(*InstanceType) []string { return []string{"on-demand", "spot"} },
	"supported-root-device-type":            func(*InstanceType) []string { return []string{"ebs"} },
	"supported-virtualization-type":         func(*InstanceType) []string { return []string{"hvm"} },
	"instance-storage-supported":            func(*InstanceType) []string { return boolText(false) },
}

func (t *InstanceType) hypervisor() string {
	if t.BareMetal {
		return ""
	}
	return "nitro"
}

// describeInstanceTypes: an unknown name is an error that lists all unknown ones, at most
// 100 may be named (EC2 API reference, "DescribeInstanceTypes").
func (c *call) describeInstanceTypes() ([]node, *APIError) {
	found := c.region.types.all()
	if names := c.list("InstanceType"); len(names) > 0 {
		found = nil
		var unknown []string
		for _, name := range names {
			if t, ok := c.region.types.get(name); ok {
				found = append(found, t)
			} else {
				unknown = append(unknown, name)
			}
		}
		if len(unknown) > 0 {
			return nil, refuse("InvalidInstanceType", "The following supplied instance types do not exist: %s", fmt.Sprint(unknown))
		}
	}
	found, refused := filter(c.params, typeFilters, nil, found)
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(found), 5, 100, "InstanceType")
	if refused != nil {
		return nil, refused
	}
	return []node{list("instanceTypeSet", collect(found[from:to], typeNode)), next}, nil
}

// typeNode is the shape "InstanceTypeInfo".
func typeNode(t *InstanceType) []node {
	threads := []string{"1"}
	if t.ThreadsPerCore == 2 {
		threads = append(threads, "2")
	}
	return []node{
		text("instanceType", t.Name), flag("currentGeneration", true), flag("freeTierEligible", false),
		list("supportedUsageClasses", texts([]string{"on-demand", "spot"})), list("supportedRootDeviceTypes", texts([]string{"ebs"})),
		list("supportedVirtualizationTypes", texts([]string{"hvm"})), flag("bareMetal", t.BareMetal), text("hypervisor", t.hypervisor()),
		group("processorInfo", list("supportedArchitectures", texts([]string{t.Architecture})), list("supportedFeatures", texts(t.features()))),
		group("vCpuInfo", number("defaultVCpus", t.VCPUs), number("defaultCores", t.cores()), number("defaultThreadsPerCore", t.ThreadsPerCore),
			list("validThreadsPerCore", texts(threads))),
		group("memoryInfo", number("sizeInMiB", t.MemoryMiB)), flag("instanceStorageSupported", false),
		group("ebsInfo", text("ebsOptimizedSupport", "default"), text("encryptionSupport", "supported"), text("nvmeSupport", "required")),
		group("networkInfo", text("networkPerformance", t.NetworkPerformance), number("maximumNetworkInterfaces", 4), number("ipv4AddressesPerInterface", 15),
			number("ipv6AddressesPerInterface", 15), flag("ipv6Supported", true), text("enaSupport", "required"), flag("efaSupported", false)),
		group("placementGroupInfo", list("supportedStrategies", texts([]string{"cluster", "partition", "spread"}))),
		flag("hibernationSupported", false), flag("burstablePerformanceSupported", t.Burstable), flag("dedicatedHostsSupported", true),
		flag("autoRecoverySupported", !t.BareMetal), list("supportedBootModes", texts([]string{"legacy-bios", "uefi"})),
	}
}

type offering struct{ typeName, location string }

var offeringFilters = filterTable[offering]{
	"instance-type": func(o offering) []string { return []string{o.typeName} },
	"location":      func(o offering) []string { return []string{o.location} },
}

func (c *call) describeInstanceTypeOfferings() ([]node, *APIError) {
	if refused := c.choice("LocationType", "region", "availability-zone", "availability-zone-id"); refused != nil {
		return nil, refused
	}
	kind := firstText(c.get("LocationType"), "region")
	var all []offering
	for _, t := range c.region.types.all() {
		seen := map[string]bool{}
		for _, zone := range c.region.geo.zoneNames() {
			place := map[string]string{"region": c.region.geo.name, "availability-zone": zone, "availability-zone-id": c.region.geo.zoneID(zone)}[kind]
			if c.region.offers(t, zone) && !seen[place] {
				seen[place] = true
				all = append(all, offering{t.Name, place})
			}
		}
	}
	return describeFound(c, all, "", offeringFilters, nil, "instanceTypeOfferingSet", func(o offering) []node {
		return []node{text("instanceType", o.typeName), text("locationType", kind), text("location", o.location)}
	})
}
