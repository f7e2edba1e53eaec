package aws

import "strconv"

var networkOperations = map[string]operation{
	"DescribeVpcs":               {run: (*call).describeVpcs, params: "VpcId.#" + pageParams, reads: true},
	"DescribeSubnets":            {run: (*call).describeSubnets, params: "SubnetId.#" + pageParams, reads: true},
	"DescribeSecurityGroups":     {run: (*call).describeSecurityGroups, params: "GroupId.# GroupName.#" + pageParams, reads: true},
	"DescribeSecurityGroupRules": {run: (*call).describeSecurityGroupRules, params: "SecurityGroupRuleId.#" + pageParams, reads: true},
	"DescribeRouteTables":        {run: (*call).describeRouteTables, params: "RouteTableId.#" + pageParams, reads: true},
	"DescribeKeyPairs":           {run: (*call).describeKeyPairs, params: "KeyName.# KeyPairId.# IncludePublicKey" + filterParams, reads: true},
	"DescribeNetworkInterfaces":  {run: (*call).describeNetworkInterfaces, params: "NetworkInterfaceId.# IncludeManagedResources" + pageParams, reads: true},
}

// describe is the common way of the Describe operations: ids, filters, page, shape.
func describe[T any](c *call, all *table[T], kind idKind, idsName string, known filterTable[T], tags func(T) map[string]string, set string, shape func(T) []node) ([]node, *APIError) {
	found, refused := all.pick(kind, c.list(idsName))
	if refused != nil {
		return nil, refused
	}
	return describeFound(c, found, idsName, known, tags, set, shape)
}

func describeFound[T any](c *call, found []T, idsName string, known filterTable[T], tags func(T) map[string]string, set string, shape func(T) []node) ([]node, *APIError) {
	found, refused := filter(c.params, known, tags, found)
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(found), 5, 1000, idsName)
	if refused != nil {
		return nil, refused
	}
	return []node{list(set, collect(found[from:to], shape)), next}, nil
}

var vpcFilters = filterTable[*vpc]{
	"vpc-id":     func(v *vpc) []string { return []string{v.id} },
	"cidr":       func(v *vpc) []string { return []string{v.cidr.String()} },
	"is-default": func(v *vpc) []string { return boolText(v.isDefault) },
	"state":      func(*vpc) []string { return []string{"available"} },
}

func (c *call) describeVpcs() ([]node, *APIError) {
	return describe(c, &c.region.vpcs, vpcIDs, "VpcId", vpcFilters, func(v *vpc) map[string]string { return v.tags }, "vpcSet", func(v *vpc) []node {
		return []node{
			text("vpcId", v.id), text("ownerId", c.region.account.id), text("state", "available"), text("cidrBlock", v.cidr.String()),
			list("cidrBlockAssociationSet", []node{{name: "item", kids: []node{
				text("associationId", c.region.seededID("vpc-cidr-assoc", 1)), text("cidrBlock", v.cidr.String()), group("cidrBlockState", text("state", "associated"))}}}),
			list("ipv6CidrBlockAssociationSet", []node{{name: "item", kids: []node{
				text("associationId", c.region.seededID("vpc-cidr-assoc", 6)), text("ipv6CidrBlock", v.six.String()), group("ipv6CidrBlockState", text("state", "associated"))}}}),
			text("instanceTenancy", "default"), flag("isDefault", v.isDefault), tagSet(v.tags),
		}
	})
}

var subnetFilters = filterTable[*subnet]{
	"subnet-id":               func(s *subnet) []string { return []string{s.id} },
	"vpc-id":                  func(s *subnet) []string { return []string{s.vpc.id} },
	"availability-zone":       func(s *subnet) []string { return []string{s.zone} },
	"cidr-block":              func(s *subnet) []string { return one(s.range4()) },
	"map-public-ip-on-launch": func(s *subnet) []string { return boolText(s.public) },
	"ipv6-native":             func(s *subnet) []string { return boolText(s.sixOnly) },
	"default-for-az":          func(s *subnet) []string { return boolText(s.isDefault()) },
	"state":                   func(*subnet) []string { return []string{"available"} },
}

func (s *subnet) isDefault() bool { return s.vpc.isDefault && s.public }

// range4 is empty for a subnet without IPv4.
func (s *subnet) range4() string {
	if s.sixOnly {
		return ""
	}
	return s.cidr.String()
}

func (c *call) describeSubnets() ([]node, *APIError) {
	return describe(c, &c.region.subnets, subnetIDs, "SubnetId", subnetFilters, func(s *subnet) map[string]string { return s.tags }, "subnetSet", c.region.subnetNode)
}

// subnetNode is the shape "Subnet".
func (r *Region) subnetNode(s *subnet) []node {
	free := 0
	if !s.sixOnly {
		free = r.sim.pool.free(s.cidr)
	}
	six := node{}
	if s.six.IsValid() {
		six = list("ipv6CidrBlockAssociationSet", []node{{name: "item", kids: []node{
			text("associationId", "subnet-cidr-assoc-"+s.id[len("subnet-"):]), text("ipv6CidrBlock", s.six.String()), group("ipv6CidrBlockState", text("state", "associated"))}}})
	}
	return []node{
		text("subnetId", s.id), text("subnetArn", r.arn("subnet", s.id)), text("state", "available"), text("ownerId", r.account.id), text("vpcId", s.vpc.id),
		text("cidrBlock", s.range4()), six, number("availableIpAddressCount", free),
		text("availabilityZone", s.zone), text("availabilityZoneId", r.geo.zoneID(s.zone)),
		flag("defaultForAz", s.isDefault()), flag("mapPublicIpOnLaunch", s.public), flag("assignIpv6AddressOnCreation", s.sixOnLaunch),
		flag("ipv6Native", s.sixOnly), flag("enableDns64", false), tagSet(s.tags),
	}
}

var routeTableFilters = filterTable[*routeTable]{
	"route-table-id":   func(t *routeTable) []string { return []string{t.id} },
	"vpc-id":           func(t *routeTable) []string { return []string{t.vpc.id} },
	"association.main": func(*routeTable) []string { return boolText(true) },
	// every subnet of the default world uses the main table without saying so
	"association.subnet-id": func(*routeTable) []string { return nil },
}

func (c *call) describeRouteTables() ([]node, *APIError) {
	return describe(c, &c.region.routeTables, routeTableIDs, "RouteTableId", routeTableFilters, func(t *routeTable) map[string]string { return t.tags }, "routeTableSet", func(t *routeTable) []node {
		route := func(member, destination, gateway, origin string) node {
			return node{name: "item", kids: []node{text(member, destination), text("gatewayId", gateway), text("state", "active"), text("origin", origin)}}
		}
		return []node{
			text("routeTableId", t.id), text("vpcId", t.vpc.id), text("ownerId", c.region.account.id),
			list("routeSet", []node{
				route("destinationCidrBlock", t.vpc.cidr.String(), "local", "CreateRouteTable"),
				route("destinationIpv6CidrBlock", t.vpc.six.String(), "local", "CreateRouteTable"),
				route("destinationCidrBlock", "0.0.0.0/0", t.gateway, "CreateRoute"),
				route("destinationIpv6CidrBlock", "::/0", t.gateway, "CreateRoute"),
			}),
			list("associationSet", []node{{name: "item", kids: []node{
				text("routeTableAssociationId", c.region.seededID("rtbassoc", 1)), text("routeTableId", t.id), flag("main", true),
				group("associationState", text("state", "associated"))}}}),
			tagSet(t.tags),
		}
	})
}

var keyFilters = filterTable[*keyPair]{
	"key-name":    func(k *keyPair) []string { return []string{k.name} },
	"key-pair-id": func(k *keyPair) []string { return []string{k.id} },
}

// describeKeyPairs knows names beside ids; an unknown name is an error.
func (c *call) describeKeyPairs() ([]node, *APIError) {
	found, refused := c.region.keys.pick(keyPairIDs, c.list("KeyPairId"))
	if refused != nil {
		return nil, refused
	}
	if names := c.list("KeyName"); len(names) > 0 {
		found = nil
		for _, name := range names {
			key := c.region.keyNamed(name)
			if key == nil {
				return nil, refuse("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
			}
			found = append(found, key)
		}
	}
	found, refused = filter(c.params, keyFilters, func(k *keyPair) map[string]string { return k.tags }, found)
	if refused != nil {
		return nil, refused
	}
	return []node{list("keySet", collect(found, func(k *keyPair) []node {
		return []node{text("keyPairId", k.id), text("keyName", k.name), text("keyType", "ed25519"),
			text("keyFingerprint", "c3"+checksum(k.id)+"simulatedFingerprint="), moment("createTime", k.created), tagSet(k.tags)}
	}))}, nil
}

func (r *Region) keyNamed(name string) *keyPair {
	for _, k := range r.keys.all() {
		if k.name == name {
			return k
		}
	}
	return nil
}

var interfaceFilters = filterTable[*networkInterface]{
	"network-interface-id":    func(n *networkInterface) []string { return []string{n.id} },
	"subnet-id":               func(n *networkInterface) []string { return []string{n.subnet.id} },
	"vpc-id":                  func(n *networkInterface) []string { return []string{n.subnet.vpc.id} },
	"group-id":                interfaceGroupIDs,
	"private-ip-address":      func(n *networkInterface) []string { return one(ipText(n.private)) },
	"mac-address":             func(n *networkInterface) []string { return []string{n.mac} },
	"status":                  func(*networkInterface) []string { return []string{"in-use"} },
	"attachment.instance-id":  func(n *networkInterface) []string { return []string{n.instance.id} },
	"attachment.device-index": func(n *networkInterface) []string { return []string{strconv.Itoa(n.deviceIndex)} },
	"association.public-ip":   func(n *networkInterface) []string { return one(ipText(n.address())) },
}

func (c *call) describeNetworkInterfaces() ([]node, *APIError) {
	return describe(c, &c.region.interfaces, interfaceIDs, "NetworkInterfaceId", interfaceFilters, func(n *networkInterface) map[string]string { return n.tags },
		"networkInterfaceSet", c.region.interfaceNode)
}

// interfaceNode is the shape "NetworkInterface", whose tags are called tagSet as elsewhere.
func (r *Region) interfaceNode(n *networkInterface) []node {
	association := r.interfaceAssociation(n, true)
	return []node{
		text("networkInterfaceId", n.id), text("subnetId", n.subnet.id), text("vpcId", n.subnet.vpc.id),
		text("availabilityZone", n.subnet.zone), {name: "description", text: n.description, keep: true}, text("ownerId", r.account.id),
		flag("requesterManaged", false), text("status", "in-use"), text("macAddress", n.mac),
		text("privateIpAddress", ipText(n.private)), text("privateDnsName", r.privateDNS(n.private)), flag("sourceDestCheck", true),
		list("groupSet", collect(n.groups, groupIdentifier)),
		group("attachment", text("attachmentId", n.attachmentID), text("instanceId", n.instance.id), text("instanceOwnerId", r.account.id),
			number("deviceIndex", n.deviceIndex), text("status", "attached"), moment("attachTime", n.created), flag("deleteOnTermination", n.deleteOnTermination)),
		association, tagSet(n.tags), list("privateIpAddressesSet", r.privateAddresses(n, association)),
		list("ipv6AddressesSet", collect(ipTexts(n.sixes), func(ip string) []node { return []node{text("ipv6Address", ip)} })),
		text("interfaceType", "interface"),
	}
}
