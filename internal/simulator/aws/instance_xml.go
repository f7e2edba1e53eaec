package aws

import (
	"net/netip"
)

// reservationNode renders instances of one reservation (EC2 API reference, "Reservation").
func (r *Region) reservationNode(id string, instances []*instance) []node {
	return []node{
		text("reservationId", id),
		text("ownerId", r.account.id),
		list("groupSet", nil), // only EC2-Classic had groups here
		list("instancesSet", collect(instances, r.instanceNode)),
	}
}

func stateNode(name, state string) node {
	return group(name, number("code", stateCodes[state]), text("name", state))
}

// instanceNode renders an instance in the shape "Instance" of the EC2 API reference. What
// a terminated instance no longer has is left out, as EC2 does.
func (r *Region) instanceNode(i *instance) []node {
	lifecycle, spotID := "", ""
	if i.spot != nil {
		lifecycle, spotID = "spot", i.spot.id
	}
	nodes := []node{
		text("instanceId", i.id),
		text("imageId", i.imageID),
		stateNode("instanceState", i.state),
		{name: "privateDnsName", text: r.privateDNS(i.privateIP()), keep: true},
		{name: "dnsName", text: r.publicDNS(i.publicIP()), keep: true},
		{name: "reason", text: i.transitionReason, keep: true},
		text("keyName", i.keyName),
		number("amiLaunchIndex", 0),
		list("productCodes", nil),
		text("instanceType", i.typ.Name),
		moment("launchTime", i.launched),
		group("placement", text("availabilityZone", i.zone), text("availabilityZoneId", r.geo.zoneID(i.zone)),
			node{name: "groupName", keep: true}, text("tenancy", "default")),
		group("monitoring", text("state", r.monitoringState(i))),
		text("privateIpAddress", ipText(i.privateIP())),
		text("ipAddress", ipText(i.publicIP())),
		list("groupSet", collect(i.groups(), groupIdentifier)),
		group("stateReason", text("code", i.reason.code), text("message", i.reason.message)),
		text("architecture", i.architecture),
		text("rootDeviceType", "ebs"),
		text("rootDeviceName", i.rootDevice),
		list("blockDeviceMapping", collect(i.disks(), diskNode)),
		text("virtualizationType", "hvm"),
		text("instanceLifecycle", lifecycle),
		text("spotInstanceRequestId", spotID),
		text("clientToken", i.clientToken),
		tagSet(i.tags),
		text("hypervisor", "xen"), // for Nitro and bare metal instances too
		list("networkInterfaceSet", collect(i.interfaces, r.attachedInterfaceNode)),
		flag("ebsOptimized", i.ebsOptimal),
		flag("enaSupport", true),
		group("cpuOptions", number("coreCount", i.cores), number("threadsPerCore", i.threads), text("nestedVirtualization", i.nested)),
		group("capacityReservationSpecification", text("capacityReservationPreference", "open")),
		group("hibernationOptions", flag("configured", false)),
		group("enclaveOptions", flag("enabled", false)),
		r.metadataNode("metadataOptions", i),
		group("maintenanceOptions", text("autoRecovery", "default"), text("rebootMigration", "default")),
		text("bootMode", "uefi-preferred"),
		text("currentInstanceBootMode", "uefi"),
		text("platformDetails", "Linux/UNIX"),
		text("usageOperation", "RunInstances"),
		moment("usageOperationUpdateTime", i.launched),
	}
	if n := i.primary(); n != nil {
		nodes = append(nodes,
			text("subnetId", n.subnet.id), text("vpcId", n.subnet.vpc.id), flag("sourceDestCheck", true),
			text("ipv6Address", firstIP(n.sixes)),
			group("privateDnsNameOptions", text("hostnameType", "ip-name"),
				flag("enableResourceNameDnsARecord", false), flag("enableResourceNameDnsAAAARecord", false)))
	}
	if a := i.association; a != nil {
		nodes = append(nodes, profileNode(a.profile))
	}
	return nodes
}

func firstIP(ips []netip.Addr) string {
	if len(ips) == 0 {
		return ""
	}
	return ips[0].String()
}

func groupIdentifier(g *securityGroup) []node {
	return []node{text("groupId", g.id), text("groupName", g.name)}
}

func profileNode(p *profile) node {
	return group("iamInstanceProfile", text("arn", p.arn), text("id", p.id))
}

func diskNode(v *volume) []node {
	return []node{
		text("deviceName", v.attached.device),
		group("ebs", text("volumeId", v.id), text("status", "attached"), moment("attachTime", v.attached.at),
			flag("deleteOnTermination", v.attached.deleteOnTermination)),
	}
}

// monitoringState is pending and disabling for a moment ("Monitoring", EC2 API reference).
func (r *Region) monitoringState(i *instance) string {
	settled := r.sim.since(i.monitoring.changed) >= r.sim.options.Timing.Setting
	switch {
	case i.monitoring.value && settled:
		return "enabled"
	case i.monitoring.value:
		return "pending"
	case settled:
		return "disabled"
	}
	return "disabling"
}

func (r *Region) metadataNode(name string, i *instance) node {
	m := i.metadata.value
	state := "applied"
	if r.sim.since(i.metadata.changed) < r.sim.options.Timing.Setting {
		state = "pending"
	}
	return group(name, text("state", state), text("httpTokens", m.tokens), number("httpPutResponseHopLimit", m.hops),
		text("httpEndpoint", m.endpoint), text("httpProtocolIpv6", m.ipv6), text("instanceMetadataTags", m.tags))
}

// attachedInterfaceNode is the shape "InstanceNetworkInterface". The owner in an
// association tells an automatic address ("amazon") from an Elastic IP address (the account).
func (r *Region) attachedInterfaceNode(n *networkInterface) []node {
	association := r.interfaceAssociation(n, false)
	return []node{
		text("networkInterfaceId", n.id),
		text("subnetId", n.subnet.id),
		text("vpcId", n.subnet.vpc.id),
		{name: "description", text: n.description, keep: true},
		text("ownerId", r.account.id),
		text("status", "in-use"),
		text("macAddress", n.mac),
		text("privateIpAddress", ipText(n.private)),
		text("privateDnsName", r.privateDNS(n.private)),
		flag("sourceDestCheck", true),
		list("groupSet", collect(n.groups, groupIdentifier)),
		group("attachment", text("attachmentId", n.attachmentID), number("deviceIndex", n.deviceIndex), text("status", "attached"),
			moment("attachTime", n.created), flag("deleteOnTermination", n.deleteOnTermination), number("networkCardIndex", 0)),
		association,
		list("privateIpAddressesSet", r.privateAddresses(n, association)),
		list("ipv6AddressesSet", collect(ipTexts(n.sixes), func(ip string) []node {
			return []node{text("ipv6Address", ip), flag("isPrimaryIpv6", false)}
		})),
		text("interfaceType", "interface"),
	}
}

func (r *Region) privateAddresses(n *networkInterface, association node) []node {
	if !n.private.IsValid() {
		return nil
	}
	return collect([]netip.Addr{n.private}, func(ip netip.Addr) []node {
		return []node{text("privateIpAddress", ip.String()), text("privateDnsName", r.privateDNS(ip)), flag("primary", true), association}
	})
}

// interfaceAssociation is the public address of an interface; DescribeNetworkInterfaces
// adds the ids of an Elastic IP address, DescribeInstances does not have them.
func (r *Region) interfaceAssociation(n *networkInterface, withIDs bool) node {
	ip := n.address()
	if !ip.IsValid() {
		return node{}
	}
	owner, ids := "amazon", []node(nil)
	if n.elastic != nil {
		owner = r.account.id
		if withIDs {
			ids = []node{text("allocationId", n.elastic.id), text("associationId", n.elastic.associationID)}
		}
	}
	return group("association", append(ids, text("publicIp", ip.String()), text("publicDnsName", r.publicDNS(ip)), text("ipOwnerId", owner))...)
}

// associationState of an instance profile ("IamInstanceProfileAssociation").
func (r *Region) associationState(a *profileAssociation) string {
	if r.sim.since(a.began) < r.sim.options.Timing.Setting {
		return "associating"
	}
	return "associated"
}
