package aws

var addressFilters = filterTable[*elasticAddress]{
	"allocation-id":  func(a *elasticAddress) []string { return []string{a.id} },
	"public-ip":      func(a *elasticAddress) []string { return []string{a.ip.String()} },
	"association-id": func(a *elasticAddress) []string { return one(a.associationID) },
	"domain":         func(*elasticAddress) []string { return []string{"vpc"} },
	"instance-id": func(a *elasticAddress) []string {
		if a.attached == nil || a.attached.instance == nil {
			return nil
		}
		return []string{a.attached.instance.id}
	},
	"network-interface-id": func(a *elasticAddress) []string {
		if a.attached == nil {
			return nil
		}
		return []string{a.attached.id}
	},
}

// describeAddresses has no pages (EC2 API reference, "DescribeAddresses").
func (c *call) describeAddresses() ([]node, *APIError) {
	found, refused := c.region.elastics.pick(allocationIDs, c.list("AllocationId"))
	if refused != nil {
		return nil, refused
	}
	if ips := c.list("PublicIp"); len(ips) > 0 {
		var kept []*elasticAddress
		for _, ip := range ips {
			before := len(kept)
			for _, a := range found {
				if a.ip.String() == ip {
					kept = append(kept, a)
				}
			}
			if len(kept) == before {
				return nil, refuse("InvalidAddress.NotFound", "Address '%s' not found.", ip)
			}
		}
		found = kept
	}
	found, refused = filter(c.params, addressFilters, func(a *elasticAddress) map[string]string { return a.tags }, found)
	if refused != nil {
		return nil, refused
	}
	return []node{list("addressesSet", collect(found, c.region.addressNode))}, nil
}

// addressNode is the shape "Address".
func (r *Region) addressNode(a *elasticAddress) []node {
	nodes := []node{
		text("publicIp", a.ip.String()), text("allocationId", a.id), text("domain", "vpc"),
		text("publicIpv4Pool", "amazon"), text("networkBorderGroup", r.geo.name), tagSet(a.tags),
	}
	if n := a.attached; n != nil {
		nodes = append(nodes, text("associationId", a.associationID), text("networkInterfaceId", n.id), text("networkInterfaceOwnerId", r.account.id),
			text("privateIpAddress", ipText(n.private)))
		if n.instance != nil {
			nodes = append(nodes, text("instanceId", n.instance.id))
		}
	}
	return nodes
}
