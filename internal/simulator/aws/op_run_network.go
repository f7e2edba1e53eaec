package aws

import (
	"net/netip"
)

const interfaceParams = `
	NetworkInterface.#.DeviceIndex NetworkInterface.#.SubnetId NetworkInterface.#.SecurityGroupId.# NetworkInterface.#.Description
	NetworkInterface.#.AssociatePublicIpAddress NetworkInterface.#.PrivateIpAddress NetworkInterface.#.DeleteOnTermination
	NetworkInterface.#.Ipv6AddressCount NetworkInterface.#.NetworkCardIndex NetworkInterface.#.InterfaceType `

// interfacePlan is a network interface of a launch that was found valid.
type interfacePlan struct {
	subnet      *subnet
	groups      []*securityGroup
	private     netip.Addr
	wantsPublic bool
	sixes       int
	keep        bool
	description string
}

// planInterfaces takes the interfaces from NetworkInterface or from the parameters of the
// instance; EC2 refuses a mixture.
func (c *call) planInterfaces(p *plan) *APIError {
	specs := c.structs("NetworkInterface")
	if len(specs) == 0 {
		n, refused := c.planInterface(c.params, false)
		p.interfaces = []interfacePlan{n}
		return refused
	}
	if c.has("SubnetId") {
		return refuse("InvalidParameterCombination", "Network interfaces and an instance-level subnet ID may not be specified on the same request")
	}
	if c.hasAny("SecurityGroupId") {
		return refuse("InvalidParameterCombination", "Network interfaces and an instance-level security groups may not be specified on the same request")
	}
	if c.has("PrivateIpAddress") || c.has("Ipv6AddressCount") {
		return refuse("InvalidParameterCombination", "Network interfaces and instance-level addresses may not be specified on the same request")
	}
	byIndex := map[int]params{}
	for _, spec := range specs {
		index, refused := spec.number("DeviceIndex", -1)
		if refused != nil {
			return refused
		}
		if index < 0 {
			return missingParameter("NetworkInterface.DeviceIndex")
		}
		byIndex[index] = spec
		if spec.bool("AssociatePublicIpAddress") && len(specs) > 1 {
			return refuse("InvalidParameterCombination", "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.")
		}
	}
	for index := range len(specs) {
		spec, ok := byIndex[index]
		if !ok {
			return refuse("InvalidParameterValue", "Each network interface requires a unique device index, beginning with 0.")
		}
		n, refused := c.planInterface(spec, true)
		if refused != nil {
			return refused
		}
		p.interfaces = append(p.interfaces, n)
	}
	return nil
}

func (c *call) planInterface(spec params, explicit bool) (interfacePlan, *APIError) {
	n := interfacePlan{description: spec.get("Description"), keep: explicit && spec.get("DeleteOnTermination") == "false"}
	var refused *APIError
	if id := spec.get("SubnetId"); id != "" {
		n.subnet, refused = c.region.subnets.one(subnetIDs, id)
	} else {
		n.subnet, refused = c.defaultSubnet()
	}
	if refused != nil {
		return n, refused
	}
	if n.groups, refused = c.securityGroups(spec.list("SecurityGroupId"), n.subnet); refused != nil {
		return n, refused
	}
	n.wantsPublic = n.subnet.public && !n.subnet.sixOnly
	if explicit && spec.has("AssociatePublicIpAddress") {
		n.wantsPublic = spec.bool("AssociatePublicIpAddress")
		if n.wantsPublic && n.subnet.sixOnly {
			return n, refuse("InvalidParameterCombination", "A public IPv4 address cannot be associated in the IPv6-only subnet %s", n.subnet.id)
		}
	}
	n.sixes, refused = spec.number("Ipv6AddressCount", 0)
	if refused != nil {
		return n, refused
	}
	if n.sixes == 0 && (n.subnet.sixOnLaunch || n.subnet.sixOnly) {
		n.sixes = 1
	}
	if n.sixes > 0 && !n.subnet.six.IsValid() {
		return n, refuse("InvalidParameterValue", "The subnet %s has no IPv6 CIDR block", n.subnet.id)
	}
	refused = c.planPrivate(spec, &n)
	return n, refused
}

// planPrivate checks an address that was asked for; others are given at launch.
func (c *call) planPrivate(spec params, n *interfacePlan) *APIError {
	asked := spec.get("PrivateIpAddress")
	if asked == "" {
		if !n.subnet.sixOnly && c.sim.pool.free(n.subnet.cidr) < 1 {
			return refuse("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request.")
		}
		return nil
	}
	address, err := netip.ParseAddr(asked)
	if err != nil {
		return refuse("InvalidParameterValue", "Invalid IPv4 address: %s", asked)
	}
	if !n.subnet.cidr.Contains(address) {
		return refuse("InvalidParameterValue", "Address %s does not fall within the subnet's address range", asked)
	}
	if c.sim.pool.privates[address] {
		return refuse("InvalidIPAddress.InUse", "Address %s is in use.", asked)
	}
	n.private = address
	return nil
}

// defaultSubnet is where a launch without subnet goes: the first of the default VPC.
func (c *call) defaultSubnet() (*subnet, *APIError) {
	zone := c.get("Placement.AvailabilityZone")
	for _, s := range c.region.subnets.all() {
		if s.isDefault() && (zone == "" || s.zone == zone) {
			return s, nil
		}
	}
	return nil, refuse("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
}

// securityGroups finds groups and checks their VPC; without any, the default group is taken.
func (c *call) securityGroups(ids []string, in *subnet) ([]*securityGroup, *APIError) {
	if len(ids) == 0 {
		for _, g := range c.region.groups.all() {
			if g.vpc == in.vpc && g.name == "default" {
				return []*securityGroup{g}, nil
			}
		}
		return nil, nil
	}
	groups, refused := c.region.groups.pick(groupIDs, ids)
	if refused != nil {
		return nil, refused
	}
	for _, g := range groups {
		if g.vpc != in.vpc {
			return nil, refuse("InvalidParameter", "Security group %s and subnet %s belong to different networks.", g.id, in.id)
		}
	}
	return groups, nil
}

// attachInterface makes the interface of a new instance.
func (r *Region) attachInterface(i *instance, p interfacePlan, index int, tags map[string]string) {
	n := &networkInterface{
		resource: newResource(newID("eni-")), subnet: p.subnet, groups: p.groups, description: p.description, created: r.sim.now(),
		mac:      "0a:" + pairs(randomHex(10)),
		instance: i, attachmentID: newID("eni-attach-"), deviceIndex: index, deleteOnTermination: !p.keep, wantsPublic: p.wantsPublic,
	}
	switch {
	case p.private.IsValid():
		n.private = p.private
		r.sim.pool.reserve(p.private)
	case !p.subnet.sixOnly:
		n.private, _ = r.sim.pool.private(p.subnet.cidr) // room was checked
	}
	for range p.sixes {
		n.sixes = append(n.sixes, r.sim.pool.six(p.subnet.six))
	}
	copyTags(n.tags, tags)
	i.interfaces = append(i.interfaces, n)
	r.interfaces.add(n.id, n)
}

// pairs writes hexadecimal digits as the bytes of a MAC address.
func pairs(digits string) string {
	out := digits[:2]
	for n := 2; n < len(digits); n += 2 {
		out += ":" + digits[n:n+2]
	}
	return out
}
