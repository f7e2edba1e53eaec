package aws

import (
	"net/netip"
)

var interfaceOperations = map[string]operation{
	"DescribeNetworkInterfaceAttribute": {run: (*call).describeInterfaceAttribute, params: "NetworkInterfaceId Attribute", reads: true},
	"ModifyNetworkInterfaceAttribute":   {run: (*call).modifyInterface, params: "NetworkInterfaceId AssociatePublicIpAddress SecurityGroupId.# Description.Value"},
	"AssignIpv6Addresses":               {run: (*call).assignSixes, params: "NetworkInterfaceId Ipv6AddressCount Ipv6Addresses.#"},
	"UnassignIpv6Addresses":             {run: (*call).unassignSixes, params: "NetworkInterfaceId Ipv6Addresses.#"},
}

// noAddress is the invalid address.
var noAddress netip.Addr

// modifyInterface: one attribute a call; whether a public address is associated takes
// effect at once on a running instance (EC2 API reference, "ModifyNetworkInterfaceAttribute").
func (c *call) modifyInterface() ([]node, *APIError) {
	if refused := c.required("NetworkInterfaceId"); refused != nil {
		return nil, refused
	}
	n, refused := c.region.interfaces.one(interfaceIDs, c.get("NetworkInterfaceId"))
	if refused != nil {
		return nil, refused
	}
	asked := 0
	for _, name := range []string{"AssociatePublicIpAddress", "SecurityGroupId", "Description"} {
		if c.hasAny(name) {
			asked++
		}
	}
	if asked != 1 {
		return nil, refuse("InvalidParameterCombination", "Exactly one attribute must be specified")
	}
	switch {
	case c.has("AssociatePublicIpAddress"):
		if n.subnet.sixOnly {
			return nil, refuse("InvalidParameterCombination", "A public IPv4 address cannot be associated in the IPv6-only subnet %s", n.subnet.id)
		}
		n.wantsPublic = c.bool("AssociatePublicIpAddress")
		c.region.automatic(n)
		c.region.readdress(n.instance)
	case c.hasAny("SecurityGroupId"):
		groups, refused := c.securityGroups(c.list("SecurityGroupId"), n.subnet)
		if refused != nil {
			return nil, refused
		}
		n.groups = groups
	default:
		n.description = c.get("Description.Value")
	}
	return done()
}

// describeInterfaceAttribute answers one attribute (EC2 API reference,
// "DescribeNetworkInterfaceAttribute").
func (c *call) describeInterfaceAttribute() ([]node, *APIError) {
	if refused := c.required("NetworkInterfaceId", "Attribute"); refused != nil {
		return nil, refused
	}
	n, refused := c.region.interfaces.one(interfaceIDs, c.get("NetworkInterfaceId"))
	if refused != nil {
		return nil, refused
	}
	out := []node{text("networkInterfaceId", n.id)}
	switch name := c.get("Attribute"); name {
	case "associatePublicIpAddress":
		out = append(out, flag(name, n.wantsPublic))
	case "description":
		out = append(out, group(name, text("value", n.description)))
	case "sourceDestCheck":
		out = append(out, group(name, flag("value", true)))
	case "groupSet":
		out = append(out, list(name, collect(n.groups, groupIdentifier)))
	default:
		return nil, invalidValue("attribute", name)
	}
	return out, nil
}

func (c *call) interfaceForSixes() (*networkInterface, *APIError) {
	if refused := c.required("NetworkInterfaceId"); refused != nil {
		return nil, refused
	}
	n, refused := c.region.interfaces.one(interfaceIDs, c.get("NetworkInterfaceId"))
	if refused != nil {
		return nil, refused
	}
	if !n.subnet.six.IsValid() {
		return nil, refuse("InvalidParameterValue", "The subnet %s has no IPv6 CIDR block", n.subnet.id)
	}
	return n, nil
}

func (c *call) assignSixes() ([]node, *APIError) {
	n, refused := c.interfaceForSixes()
	if refused != nil {
		return nil, refused
	}
	count, refused := c.number("Ipv6AddressCount", 0)
	if refused != nil {
		return nil, refused
	}
	var added []netip.Addr
	for _, asked := range c.list("Ipv6Addresses") {
		address, err := netip.ParseAddr(asked)
		if err != nil || !n.subnet.six.Contains(address) {
			return nil, refuse("InvalidParameterValue", "Address %s does not fall within the subnet's address range", asked)
		}
		added = append(added, address)
	}
	if (count > 0) == (len(added) > 0) {
		return nil, refuse("InvalidParameterCombination", "Either Ipv6AddressCount or Ipv6Addresses must be specified")
	}
	for range count {
		added = append(added, c.sim.pool.six(n.subnet.six))
	}
	n.sixes = append(n.sixes, added...)
	c.region.readdress(n.instance)
	return []node{text("networkInterfaceId", n.id), list("assignedIpv6Addresses", texts(ipTexts(added)))}, nil
}

func (c *call) unassignSixes() ([]node, *APIError) {
	n, refused := c.interfaceForSixes()
	if refused != nil {
		return nil, refused
	}
	drop := map[string]bool{}
	for _, address := range c.list("Ipv6Addresses") {
		drop[address] = true
	}
	var kept, gone []netip.Addr
	for _, address := range n.sixes {
		if drop[address.String()] {
			gone = append(gone, address)
			delete(drop, address.String())
		} else {
			kept = append(kept, address)
		}
	}
	if len(drop) > 0 {
		return nil, refuse("InvalidParameterValue", "Address %s is not assigned to %s", sortedKeys(drop)[0], n.id)
	}
	n.sixes = kept
	c.region.readdress(n.instance)
	return []node{text("networkInterfaceId", n.id), list("unassignedIpv6Addresses", texts(ipTexts(gone)))}, nil
}
