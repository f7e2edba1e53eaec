package aws

import "time"

// planSpot checks spot market options at launch ("Spot request status" and "Create a Spot
// Instance request", User Guide).
func (c *call) planSpot(p *plan) *APIError {
	market := c.sub("InstanceMarketOptions")
	if market.get("MarketType") == "" && !c.hasAny("InstanceMarketOptions") {
		return nil
	}
	if market.get("MarketType") != "spot" {
		return invalidValue("InstanceMarketOptions.MarketType", market.get("MarketType"))
	}
	options := market.sub("SpotOptions")
	if refused := options.choice("SpotInstanceType", "one-time", "persistent"); refused != nil {
		return refused
	}
	if refused := options.choice("InstanceInterruptionBehavior", "stop", "terminate", "hibernate"); refused != nil {
		return refused
	}
	spot := &spotRequest{
		kind: firstText(options.get("SpotInstanceType"), "one-time"), interruption: firstText(options.get("InstanceInterruptionBehavior"), "terminate"),
		maxPrice: options.get("MaxPrice"),
	}
	if spot.interruption != "terminate" && spot.kind != "persistent" {
		return refuse("InvalidParameterCombination", "Spot Instances with interruption behavior '%s' require a persistent request.", spot.interruption)
	}
	if until := options.get("ValidUntil"); until != "" {
		t, err := time.Parse(time.RFC3339, until)
		if err != nil {
			return invalidValue("validUntil", until)
		}
		spot.validUntil = t
	}
	if c.bool("DisableApiTermination") || c.bool("DisableApiStop") {
		return refuse("InvalidParameterCombination", "Spot Instances do not support termination or stop protection.")
	}
	p.spot = spot
	return nil
}

// openSpot makes the request of a new spot instance, fulfilled at once.
func (r *Region) openSpot(i *instance, s spotRequest, tags map[string]string) {
	s.resource = newResource("sir-" + randomHex(8))
	s.instance, s.created = i, r.sim.now()
	s.typeName, s.zone, s.imageID = i.typ.Name, i.zone, i.imageID
	s.setStatus("active", "fulfilled")
	copyTags(s.tags, tags)
	i.spot = &s
	r.spots.add(s.id, &s)
}

func (s *spotRequest) setStatus(state, code string) {
	s.state, s.code, s.updated = state, code, s.instance.region.sim.now()
}

// close ends a request whose instance was terminated; a persistent one opens again and
// would launch anew, which is why it must be cancelled first.
func (s *spotRequest) close() {
	if s.kind == "persistent" && s.state != "cancelled" {
		s.setStatus("open", "instance-terminated-by-user")
		return
	}
	if s.state == "active" {
		s.setStatus("closed", "instance-terminated-by-user")
	}
}

var spotOperations = map[string]operation{
	"DescribeSpotInstanceRequests": {run: (*call).describeSpotRequests, params: "SpotInstanceRequestId.#" + pageParams, reads: true},
	"CancelSpotInstanceRequests":   {run: (*call).cancelSpotRequests, params: "SpotInstanceRequestId.#"},
	"DescribeSpotPriceHistory":     {run: (*call).describeSpotPriceHistory, params: "AvailabilityZone InstanceType.# ProductDescription.# StartTime EndTime" + pageParams, reads: true},
}

var spotFilters = filterTable[*spotRequest]{
	"spot-instance-request-id": func(s *spotRequest) []string { return []string{s.id} },
	"instance-id":              func(s *spotRequest) []string { return []string{s.instance.id} },
	"state":                    func(s *spotRequest) []string { return []string{s.state} },
	"status-code":              func(s *spotRequest) []string { return []string{s.code} },
	"type":                     func(s *spotRequest) []string { return []string{s.kind} },
}

func (c *call) describeSpotRequests() ([]node, *APIError) {
	return describe(c, &c.region.spots, spotIDs, "SpotInstanceRequestId", spotFilters, func(s *spotRequest) map[string]string { return s.tags },
		"spotInstanceRequestSet", func(s *spotRequest) []node {
			return []node{
				text("spotInstanceRequestId", s.id), text("spotPrice", s.maxPrice), text("type", s.kind), text("state", s.state),
				group("status", text("code", s.code), text("message", s.code), moment("updateTime", s.updated)),
				text("instanceId", s.instance.id), moment("createTime", s.created), moment("validUntil", s.validUntil), text("productDescription", "Linux/UNIX"),
				text("launchedAvailabilityZone", s.zone), text("instanceInterruptionBehavior", s.interruption),
				group("launchSpecification", text("imageId", s.imageID), text("instanceType", s.typeName)), tagSet(s.tags),
			}
		})
}

// cancelSpotRequests leaves the instances as they are; cancelling twice is no error (EC2 API
// reference, "CancelSpotInstanceRequests").
func (c *call) cancelSpotRequests() ([]node, *APIError) {
	ids := c.list("SpotInstanceRequestId")
	if len(ids) == 0 {
		return nil, missingParameter("SpotInstanceRequestId")
	}
	found, refused := c.region.spots.pick(spotIDs, ids)
	if refused != nil {
		return nil, refused
	}
	for _, s := range found {
		code := "canceled-before-fulfillment"
		if s.instance.alive() {
			code = "request-canceled-and-instance-running"
		}
		s.setStatus("cancelled", code)
	}
	return []node{list("spotInstanceRequestSet", collect(found, func(s *spotRequest) []node {
		return []node{text("spotInstanceRequestId", s.id), text("state", s.state)}
	}))}, nil
}
