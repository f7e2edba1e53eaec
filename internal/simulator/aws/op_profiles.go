package aws

import (
	"strings"
)

var profileOperations = map[string]operation{
	"AssociateIamInstanceProfile": {run: (*call).associateProfile,
		params: "InstanceId IamInstanceProfile.Name IamInstanceProfile.Arn"},
	"DisassociateIamInstanceProfile": {run: (*call).disassociateProfile, params: "AssociationId"},
	"ReplaceIamInstanceProfileAssociation": {run: (*call).replaceProfile,
		params: "AssociationId IamInstanceProfile.Name IamInstanceProfile.Arn"},
	"DescribeIamInstanceProfileAssociations": {run: (*call).describeProfileAssociations, params: "AssociationId.#" + pageParams, reads: true},
}

func (c *call) planProfile(p *plan) *APIError {
	if !c.hasAny("IamInstanceProfile") {
		return nil
	}
	var refused *APIError
	p.profile, refused = c.profile()
	return refused
}

// profile finds the instance profile of a request. A new one is not found for a while (IAM
// User Guide, "Changes that I make are not always immediately visible"); EC2 then answers
// as for one that does not exist. Passing its role needs a permission of its own.
func (c *call) profile() (*profile, *APIError) {
	name, arn := c.get("IamInstanceProfile.Name"), c.get("IamInstanceProfile.Arn")
	if (name == "") == (arn == "") {
		return nil, refuse("InvalidParameterCombination", "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
	}
	if refused := c.authorize("iam:PassRole", "arn:aws:iam::"+c.region.account.id+":role/"+firstText(name, arn[strings.LastIndex(arn, "/")+1:])); refused != nil {
		return nil, refused
	}
	for _, known := range c.region.account.profiles {
		if known.name != name && known.arn != arn {
			continue
		}
		if known.hidden > 0 {
			known.hidden--
			break
		}
		return known, nil
	}
	if name != "" {
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", name)
	}
	return nil, refuse("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", arn)
}

// associateProfile refuses a second profile (EC2 API reference, "AssociateIamInstanceProfile").
func (c *call) associateProfile() ([]node, *APIError) {
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	if i.state != stateRunning && i.state != stateStopped {
		return nil, refuse("IncorrectInstanceState", "The instance '%s' is not in the 'running' or 'stopped' states.", i.id)
	}
	if i.association != nil {
		return nil, refuse("IncorrectState", "There is an existing association for instance %s", i.id)
	}
	p, refused := c.profile()
	if refused != nil {
		return nil, refused
	}
	a := c.region.associate(i, p)
	return []node{group("iamInstanceProfileAssociation", c.region.associationNode(a)...)}, nil
}

func (r *Region) associate(i *instance, p *profile) *profileAssociation {
	a := &profileAssociation{id: newID("iip-assoc-"), instance: i, profile: p, began: r.sim.now()}
	i.association = a
	r.associations.add(a.id, a)
	return a
}

func (r *Region) dissociate(a *profileAssociation) {
	a.instance.association = nil
	r.associations.remove(a.id)
}

func (c *call) disassociateProfile() ([]node, *APIError) {
	a, refused := c.region.associations.one(profileAssocs, c.get("AssociationId"))
	if refused != nil {
		return nil, refused
	}
	c.region.dissociate(a)
	return []node{group("iamInstanceProfileAssociation", associationIn(a, "disassociating")...)}, nil
}

// replaceProfile needs a running instance and makes a new association (EC2 API reference,
// "ReplaceIamInstanceProfileAssociation").
func (c *call) replaceProfile() ([]node, *APIError) {
	a, refused := c.region.associations.one(profileAssocs, c.get("AssociationId"))
	if refused != nil {
		return nil, refused
	}
	if a.instance.state != stateRunning {
		return nil, refuse("IncorrectInstanceState", "The instance '%s' is not in the 'running' state.", a.instance.id)
	}
	p, refused := c.profile()
	if refused != nil {
		return nil, refused
	}
	c.region.dissociate(a)
	replaced := c.region.associate(a.instance, p)
	return []node{group("iamInstanceProfileAssociation", c.region.associationNode(replaced)...)}, nil
}

func (r *Region) associationNode(a *profileAssociation) []node {
	return associationIn(a, r.associationState(a))
}

func associationIn(a *profileAssociation, state string) []node {
	return []node{text("associationId", a.id), text("instanceId", a.instance.id), profileNode(a.profile), text("state", state)}
}

func (c *call) describeProfileAssociations() ([]node, *APIError) {
	found, refused := c.region.associations.pick(profileAssocs, c.list("AssociationId"))
	if refused != nil {
		return nil, refused
	}
	found, refused = filter(c.params, filterTable[*profileAssociation]{
		"instance-id": func(a *profileAssociation) []string { return []string{a.instance.id} },
		"state":       func(a *profileAssociation) []string { return []string{c.region.associationState(a)} },
	}, nil, found)
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(found), 5, 1000, "AssociationId")
	if refused != nil {
		return nil, refused
	}
	return []node{list("iamInstanceProfileAssociationSet", collect(found[from:to], c.region.associationNode)), next}, nil
}
