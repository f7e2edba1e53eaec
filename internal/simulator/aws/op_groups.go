package aws

import "strconv"

var groupFilters = filterTable[*securityGroup]{
	"group-id":    func(g *securityGroup) []string { return []string{g.id} },
	"group-name":  func(g *securityGroup) []string { return []string{g.name} },
	"description": func(g *securityGroup) []string { return []string{g.description} },
	"vpc-id":      func(g *securityGroup) []string { return []string{g.vpc.id} },
}

func (c *call) describeSecurityGroups() ([]node, *APIError) {
	found, refused := c.region.groups.pick(groupIDs, c.list("GroupId"))
	if refused != nil {
		return nil, refused
	}
	if names := c.list("GroupName"); len(names) > 0 {
		var named []*securityGroup
		for _, name := range names {
			before := len(named)
			for _, g := range found {
				if g.name == name {
					named = append(named, g)
				}
			}
			if len(named) == before {
				return nil, groupIDs.notFound(name)
			}
		}
		found = named
	}
	return describeFound(c, found, "GroupId", groupFilters, func(g *securityGroup) map[string]string { return g.tags }, "securityGroupInfo", c.region.groupNode)
}

// groupNode is the shape "SecurityGroup".
func (r *Region) groupNode(g *securityGroup) []node {
	return []node{
		text("ownerId", r.account.id), text("groupName", g.name), text("groupId", g.id), text("groupDescription", g.description),
		text("securityGroupArn", r.arn("security-group", g.id)), text("vpcId", g.vpc.id),
		list("ipPermissions", r.permissions(g, false)), list("ipPermissionsEgress", r.permissions(g, true)), tagSet(g.tags),
	}
}

// permissions merges rules of the same protocol and ports, as EC2 does ("IpPermission").
func (r *Region) permissions(g *securityGroup, egress bool) []node {
	type ports struct {
		protocol string
		from, to int
	}
	var order []ports
	merged := map[ports][]*groupRule{}
	for _, rule := range g.rules {
		if rule.egress != egress {
			continue
		}
		key := ports{rule.protocol, rule.from, rule.to}
		if merged[key] == nil {
			order = append(order, key)
		}
		merged[key] = append(merged[key], rule)
	}
	return collect(order, func(key ports) []node {
		var four, six, groups []node
		for _, rule := range merged[key] {
			about := text("description", rule.description)
			switch {
			case rule.cidr4 != "":
				four = append(four, node{name: "item", kids: []node{text("cidrIp", rule.cidr4), about}})
			case rule.cidr6 != "":
				six = append(six, node{name: "item", kids: []node{text("cidrIpv6", rule.cidr6), about}})
			default:
				groups = append(groups, node{name: "item", kids: []node{text("userId", r.account.id), text("groupId", rule.source), about}})
			}
		}
		nodes := []node{text("ipProtocol", key.protocol)}
		if key.protocol != "-1" { // no ports where all protocols are meant
			nodes = append(nodes, number("fromPort", key.from), number("toPort", key.to))
		}
		return append(nodes, list("groups", groups), list("ipRanges", four), list("ipv6Ranges", six), list("prefixListIds", nil))
	})
}

var ruleFilters = filterTable[*groupRule]{
	"group-id":               func(g *groupRule) []string { return []string{g.group.id} },
	"security-group-rule-id": func(g *groupRule) []string { return []string{g.id} },
}

// describeSecurityGroupRules answers rule by rule; its ports are -1 where all are meant.
func (c *call) describeSecurityGroupRules() ([]node, *APIError) {
	return describe(c, &c.region.rules, ruleIDs, "SecurityGroupRuleId", ruleFilters, func(g *groupRule) map[string]string { return g.tags }, "securityGroupRuleSet", func(g *groupRule) []node {
		referenced := node{}
		if g.source != "" {
			referenced = group("referencedGroupInfo", text("groupId", g.source), text("userId", c.region.account.id), text("vpcId", g.group.vpc.id))
		}
		return []node{
			text("securityGroupRuleId", g.id), text("securityGroupRuleArn", c.region.arn("security-group-rule", g.id)),
			text("groupId", g.group.id), text("groupOwnerId", c.region.account.id), flag("isEgress", g.egress), text("ipProtocol", g.protocol),
			text("fromPort", strconv.Itoa(g.from)), text("toPort", strconv.Itoa(g.to)), text("cidrIpv4", g.cidr4), text("cidrIpv6", g.cidr6),
			referenced, text("description", g.description), tagSet(g.tags),
		}
	})
}
