package aws

// optInStatus of a region for an account (EC2 API reference, "Region").
func (a *account) optInStatus(g geography) string {
	switch {
	case !g.optIn:
		return "opt-in-not-required"
	case a.optedIn[g.name]:
		return "opted-in"
	}
	return "not-opted-in"
}

// describeRegions shows enabled regions only, unless all are asked for.
func (c *call) describeRegions() ([]node, *APIError) {
	a := c.region.account
	var found []geography
	if names := c.list("RegionName"); len(names) > 0 {
		for _, name := range names {
			g, ok := findGeography(name)
			if !ok {
				return nil, refuse("InvalidParameterValue", "Invalid region provided: '%s'", name)
			}
			found = append(found, g)
		}
	} else {
		for _, g := range regions {
			if c.bool("AllRegions") || a.optInStatus(g) != "not-opted-in" {
				found = append(found, g)
			}
		}
	}
	found, refused := filter(c.params, filterTable[geography]{
		"region-name":   func(g geography) []string { return []string{g.name} },
		"opt-in-status": func(g geography) []string { return []string{a.optInStatus(g)} },
		"endpoint":      func(g geography) []string { return []string{"ec2." + g.name + ".amazonaws.com"} },
	}, nil, found)
	if refused != nil {
		return nil, refused
	}
	return []node{list("regionInfo", collect(found, func(g geography) []node {
		return []node{text("regionName", g.name), text("regionEndpoint", "ec2."+g.name+".amazonaws.com"), text("optInStatus", a.optInStatus(g))}
	}))}, nil
}

type zone struct{ name, id string }

func (c *call) describeAvailabilityZones() ([]node, *APIError) {
	geo := c.region.geo
	var found []zone
	for _, name := range geo.zoneNames() {
		found = append(found, zone{name, geo.zoneID(name)})
	}
	for parameter, get := range map[string]func(zone) string{
		"ZoneName": func(z zone) string { return z.name }, "ZoneId": func(z zone) string { return z.id },
	} {
		wanted := c.list(parameter)
		if len(wanted) == 0 {
			continue
		}
		var kept []zone
		for _, w := range wanted {
			before := len(kept)
			for _, z := range found {
				if get(z) == w {
					kept = append(kept, z)
				}
			}
			if len(kept) == before {
				return nil, refuse("InvalidParameterValue", "Invalid availability zone: [%s]", w)
			}
		}
		found = kept
	}
	found, refused := filter(c.params, filterTable[zone]{
		"zone-name":     func(z zone) []string { return []string{z.name} },
		"zone-id":       func(z zone) []string { return []string{z.id} },
		"region-name":   func(zone) []string { return []string{geo.name} },
		"state":         func(zone) []string { return []string{"available"} },
		"zone-type":     func(zone) []string { return []string{"availability-zone"} },
		"opt-in-status": func(zone) []string { return []string{"opt-in-not-required"} },
	}, nil, found)
	if refused != nil {
		return nil, refused
	}
	return []node{list("availabilityZoneInfo", collect(found, func(z zone) []node {
		return []node{text("zoneState", "available"), text("optInStatus", "opt-in-not-required"), text("regionName", geo.name), text("zoneName", z.name),
			text("zoneId", z.id), text("groupName", geo.name+"-zg-1"), text("networkBorderGroup", geo.name), text("zoneType", "availability-zone"), list("messageSet", nil)}
	}))}, nil
}
