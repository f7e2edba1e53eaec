package aws

var addressOperations = map[string]operation{
	"DescribeAddresses":   {run: (*call).describeAddresses, params: "AllocationId.# PublicIp.#" + filterParams, reads: true},
	"AllocateAddress":     {run: (*call).allocateAddress, params: "Domain NetworkBorderGroup PublicIpv4Pool TagSpecification.#.ResourceType TagSpecification.#.Tag.#.Key TagSpecification.#.Tag.#.Value"},
	"AssociateAddress":    {run: (*call).associateAddress, params: "AllocationId InstanceId NetworkInterfaceId AllowReassociation PrivateIpAddress"},
	"DisassociateAddress": {run: (*call).disassociateAddress, params: "AssociationId"},
	"ReleaseAddress":      {run: (*call).releaseAddress, params: "AllocationId NetworkBorderGroup"},
}

var addressFilters = filterTable[*elasticAddress]{
	"allocation-id":  func(a *elasticAddress) []string { return []string{a.id} },
	"public-ip":      func(a *elasticAddress) []string { return []string{a.ip.String()} },
	"association-id": func(a *elasticAddress) []string { return one(a.associationID) },
	"domain":         func(*elasticAddress) []string { return []string{"vpc"} },
	"instance-id": func(a *elasticAddress) []string {
		if a.attached == nil {
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
			text("privateIpAddress", ipText(n.private)), text("instanceId", n.instance.id))
	}
	return nodes
}

// allocateAddress has no client token: each call allocates (EC2 API reference, "AllocateAddress").
func (c *call) allocateAddress() ([]node, *APIError) {
	if refused := c.choice("Domain", "vpc"); refused != nil {
		return nil, refused
	}
	tags, refused := c.tagSpecifications("elastic-ip")
	if refused != nil {
		return nil, refused
	}
	if float64(len(c.region.elastics.order)) >= c.region.quotas[QuotaElasticIPs] {
		return nil, refuse("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	a := &elasticAddress{resource: newResource(newID("eipalloc-")), ip: c.sim.pool.public()}
	copyTags(a.tags, tags["elastic-ip"])
	c.region.elastics.add(a.id, a)
	return []node{
		text("publicIp", a.ip.String()), text("allocationId", a.id), text("domain", "vpc"),
		text("publicIpv4Pool", "amazon"), text("networkBorderGroup", c.region.geo.name),
	}, nil
}

// associateAddress moves an address that is in use, unless AllowReassociation is false. The
// automatic public address of the interface goes back to its pool ("Elastic IP addresses",
// User Guide).
func (c *call) associateAddress() ([]node, *APIError) {
	if refused := c.required("AllocationId"); refused != nil {
		return nil, refused
	}
	a, refused := c.region.elastics.one(allocationIDs, c.get("AllocationId"))
	if refused != nil {
		return nil, refused
	}
	n, refused := c.associationTarget()
	if refused != nil {
		return nil, refused
	}
	if a.attached == n {
		return []node{flag("return", true), text("associationId", a.associationID)}, nil
	}
	if c.get("AllowReassociation") == "false" {
		if a.attached != nil {
			return nil, refuse("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", a.id, a.associationID)
		}
		if n.elastic != nil {
			return nil, refuse("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", n.id, n.elastic.associationID)
		}
	}
	if n.elastic != nil {
		c.region.detachAddress(n.elastic)
	}
	if a.attached != nil {
		from := a.attached.instance
		c.region.detachAddress(a)
		c.region.readdress(from)
	}
	a.attached, a.associationID = n, newID("eipassoc-")
	n.elastic = a
	n.public = noAddress
	c.region.readdress(n.instance)
	return []node{flag("return", true), text("associationId", a.associationID)}, nil
}

func (c *call) associationTarget() (*networkInterface, *APIError) {
	if id := c.get("NetworkInterfaceId"); id != "" {
		return c.region.interfaces.one(interfaceIDs, id)
	}
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	if i.state == statePending || !i.alive() {
		return nil, refuse("InvalidInstanceID", "The %s instance '%s' is not in a valid state for this operation.", i.state, i.id)
	}
	if len(i.interfaces) > 1 {
		return nil, refuse("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", i.id)
	}
	return i.primary(), nil
}

// detachAddress takes an address from its interface, which then gets an automatic one if
// its instance runs and it wants one.
func (r *Region) detachAddress(a *elasticAddress) {
	n := a.attached
	a.attached, a.associationID = nil, ""
	n.elastic = nil
	r.automatic(n)
}

// automatic gives an interface the automatic address that it should have at this moment.
func (r *Region) automatic(n *networkInterface) {
	switch {
	case !n.wantsPublic || n.elastic != nil:
		n.public = noAddress
	case n.instance.state == stateRunning && !n.public.IsValid():
		n.public = r.sim.pool.public()
	}
}

func (c *call) disassociateAddress() ([]node, *APIError) {
	if refused := c.required("AssociationId"); refused != nil {
		return nil, refused
	}
	for _, a := range c.region.elastics.all() {
		if a.associationID == c.get("AssociationId") {
			i := a.attached.instance
			c.region.detachAddress(a)
			c.region.readdress(i)
			return done()
		}
	}
	return nil, associateIDs.notFound(c.get("AssociationId"))
}

func (c *call) releaseAddress() ([]node, *APIError) {
	if refused := c.required("AllocationId"); refused != nil {
		return nil, refused
	}
	a, refused := c.region.elastics.one(allocationIDs, c.get("AllocationId"))
	if refused != nil {
		return nil, refused
	}
	if a.attached != nil {
		return nil, refuse("InvalidIPAddress.InUse", "Address %s is in use.", a.ip)
	}
	c.region.elastics.remove(a.id)
	return done()
}
