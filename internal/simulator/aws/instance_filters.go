package aws

import "strconv"

// instanceFilters are those of "DescribeInstances" (EC2 API reference) that have a meaning
// here. An unknown name is refused, so a filter that is missing here cannot pass for "fits".
var instanceFilters = filterTable[*instance]{
	"instance-id":         func(i *instance) []string { return []string{i.id} },
	"instance-state-name": func(i *instance) []string { return []string{i.state} },
	"instance-state-code": func(i *instance) []string { return []string{strconv.Itoa(stateCodes[i.state])} },
	"instance-type":       func(i *instance) []string { return []string{i.typ.Name} },
	"client-token":        func(i *instance) []string { return one(i.clientToken) },
	"image-id":            func(i *instance) []string { return []string{i.imageID} },
	"key-name":            func(i *instance) []string { return one(i.keyName) },
	"architecture":        func(i *instance) []string { return []string{i.architecture} },
	"availability-zone":   func(i *instance) []string { return []string{i.zone} },
	"reservation-id":      func(i *instance) []string { return []string{i.reservationID} },
	"owner-id":            func(i *instance) []string { return []string{i.region.account.id} },
	"root-device-name":    func(i *instance) []string { return []string{i.rootDevice} },
	"root-device-type":    func(*instance) []string { return []string{"ebs"} },
	"virtualization-type": func(*instance) []string { return []string{"hvm"} },
	"tenancy":             func(*instance) []string { return []string{"default"} },
	"launch-time":         func(i *instance) []string { return []string{stamp(i.launched)} },
	"monitoring-state":    func(i *instance) []string { return []string{i.region.monitoringState(i)} },
	"state-reason-code":   func(i *instance) []string { return one(i.reason.code) },
	"reason":              func(i *instance) []string { return one(i.transitionReason) },
	"vpc-id":              fromPrimary(func(n *networkInterface) []string { return []string{n.subnet.vpc.id} }),
	"subnet-id":           fromPrimary(func(n *networkInterface) []string { return []string{n.subnet.id} }),
	"instance.group-id":   fromPrimary(interfaceGroupIDs),
	"instance.group-name": fromPrimary(interfaceGroupNames),
	"private-ip-address":  fromPrimary(func(n *networkInterface) []string { return one(ipText(n.private)) }),
	"ip-address":          fromPrimary(func(n *networkInterface) []string { return one(ipText(n.address())) }),
	"private-dns-name":    fromPrimary(func(n *networkInterface) []string { return one(n.instance.region.privateDNS(n.private)) }),
	"dns-name":            fromPrimary(func(n *networkInterface) []string { return one(n.instance.region.publicDNS(n.address())) }),
	"ipv6-address":        fromAll(func(n *networkInterface) []string { return ipTexts(n.sixes) }),
	"spot-instance-request-id": func(i *instance) []string {
		if i.spot == nil {
			return nil
		}
		return []string{i.spot.id}
	},
	"instance-lifecycle": func(i *instance) []string {
		if i.spot == nil {
			return nil
		}
		return []string{"spot"}
	},
	"iam-instance-profile.arn": func(i *instance) []string {
		if a := i.association; a != nil {
			return []string{a.profile.arn}
		}
		return nil
	},
	"metadata-options.http-tokens":     func(i *instance) []string { return []string{i.metadata.value.tokens} },
	"block-device-mapping.volume-id":   fromDisks(func(v *volume) string { return v.id }),
	"block-device-mapping.device-name": fromDisks(func(v *volume) string { return v.attached.device }),

	"network-interface.network-interface-id":             fromAll(func(n *networkInterface) []string { return []string{n.id} }),
	"network-interface.subnet-id":                        fromAll(func(n *networkInterface) []string { return []string{n.subnet.id} }),
	"network-interface.vpc-id":                           fromAll(func(n *networkInterface) []string { return []string{n.subnet.vpc.id} }),
	"network-interface.availability-zone":                fromAll(func(n *networkInterface) []string { return []string{n.subnet.zone} }),
	"network-interface.group-id":                         fromAll(interfaceGroupIDs),
	"network-interface.group-name":                       fromAll(interfaceGroupNames),
	"network-interface.mac-address":                      fromAll(func(n *networkInterface) []string { return []string{n.mac} }),
	"network-interface.private-dns-name":                 fromAll(func(n *networkInterface) []string { return one(n.instance.region.privateDNS(n.private)) }),
	"network-interface.addresses.private-ip-address":     fromAll(func(n *networkInterface) []string { return one(ipText(n.private)) }),
	"network-interface.addresses.association.public-ip":  fromAll(func(n *networkInterface) []string { return one(ipText(n.address())) }),
	"network-interface.addresses.primary":                fromAll(func(*networkInterface) []string { return boolText(true) }),
	"network-interface.attachment.device-index":          fromAll(func(n *networkInterface) []string { return []string{strconv.Itoa(n.deviceIndex)} }),
	"network-interface.attachment.attachment-id":         fromAll(func(n *networkInterface) []string { return []string{n.attachmentID} }),
	"network-interface.attachment.delete-on-termination": fromAll(func(n *networkInterface) []string { return boolText(n.deleteOnTermination) }),
	"network-interface.ipv6-addresses.ipv6-address":      fromAll(func(n *networkInterface) []string { return ipTexts(n.sixes) }),
	"network-interface.status":                           fromAll(func(*networkInterface) []string { return []string{"in-use"} }),
	"network-interface.association.public-ip":            fromAll(func(n *networkInterface) []string { return one(ipText(n.address())) }),
	"network-interface.association.allocation-id": fromAll(func(n *networkInterface) []string {
		if n.elastic == nil {
			return nil
		}
		return []string{n.elastic.id}
	}),
}

func fromPrimary(offers func(*networkInterface) []string) func(*instance) []string {
	return func(i *instance) []string {
		if n := i.primary(); n != nil {
			return offers(n)
		}
		return nil
	}
}

func fromAll(offers func(*networkInterface) []string) func(*instance) []string {
	return func(i *instance) []string {
		var out []string
		for _, n := range i.interfaces {
			out = append(out, offers(n)...)
		}
		return out
	}
}

func fromDisks(offers func(*volume) string) func(*instance) []string {
	return func(i *instance) []string {
		var out []string
		for _, v := range i.disks() {
			out = append(out, offers(v))
		}
		return out
	}
}

func interfaceGroupIDs(n *networkInterface) []string {
	var out []string
	for _, g := range n.groups {
		out = append(out, g.id)
	}
	return out
}

func interfaceGroupNames(n *networkInterface) []string {
	var out []string
	for _, g := range n.groups {
		out = append(out, g.name)
	}
	return out
}
