package aws

import (
	"slices"
	"strings"
)

// question is one thing that IAM is asked about a request: may this action be done to this
// resource, under these condition keys? A request is allowed when each of its questions is
// (Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2").
type question struct {
	action, resource string
	keys             map[string]string
}

// questions are those of a request.
func (s *Simulator) questions(r *Request) []question {
	prefix := r.Service
	if other := iamPrefixes[r.Service]; other != "" {
		prefix = other
	}
	action := prefix + ":" + r.Operation
	switch r.Service {
	case "ec2":
	case "scheduler":
		return s.askScheduler(r, action)
	case "monitoring":
		return s.askMonitoring(r, action)
	default:
		return []question{{action, s.resourceARN(r), nil}}
	}
	if strings.HasPrefix(r.Operation, "Describe") {
		return []question{{action, "*", nil}}
	}
	c := &call{Request: r, params: params{values: r.Params}, sim: s, region: s.region(r.Caller.AccountID, r.Region)}
	out, tagged := c.madeHere(action)
	if out = append(out, c.touched(action)...); len(out) == 0 {
		out = append(out, question{action, "*", nil})
	}
	out = append(out, tagged...)
	if c.hasAny("IamInstanceProfile") {
		if p, _ := c.profile(); p != nil { // the console gives role and profile one name
			out = append(out, question{"iam:PassRole", "arn:aws:iam::" + c.region.account.id + ":role/" + p.name, map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}})
		}
	}
	return out
}

// kindsMade are what an action makes.
var kindsMade = map[string][]string{
	"RunInstances":    {"instance", "volume", "network-interface"},
	"AllocateAddress": {"elastic-ip"},
	"CreateSnapshots": {"snapshot"},
}

// madeHere are the questions about resources that a request makes, and those about the tags
// that it gives them at once, which take the permission CreateTags, too ("Grant permission to
// tag Amazon EC2 resources during creation", EC2 User Guide).
func (c *call) madeHere(action string) (made, tagged []question) {
	kinds := kindsMade[c.Operation]
	if c.Operation == "RunInstances" && c.get("InstanceMarketOptions.MarketType") == "spot" {
		kinds = append(slices.Clone(kinds), "spot-instances-request")
	}
	for _, kind := range kinds {
		keys := map[string]string{}
		for _, spec := range c.structs("TagSpecification") {
			if spec.get("ResourceType") != kind {
				continue
			}
			requestTags(keys, spec.structs("Tag"))
			with := map[string]string{"ec2:CreateAction": c.Operation}
			copyTags(with, keys)
			tagged = append(tagged, question{"ec2:CreateTags", c.region.arn(kind, "*"), with})
		}
		made = append(made, question{action, c.region.arn(kind, "*"), keys})
	}
	return made, tagged
}

func requestTags(keys map[string]string, tags []params) {
	for _, tag := range tags {
		keys["aws:RequestTag/"+tag.get("Key")] = tag.get("Value")
	}
}

// touched are the questions about resources that exist already.
func (c *call) touched(action string) []question {
	var ids []string
	for _, name := range []string{"InstanceId", "VolumeId", "AllocationId", "NetworkInterfaceId", "SnapshotId", "ImageId", "SubnetId", "InstanceSpecification.InstanceId"} {
		ids = append(ids, c.get(name))
	}
	for _, name := range []string{"InstanceId", "ResourceId", "SpotInstanceRequestId", "SecurityGroupId", "GroupId"} {
		ids = append(ids, c.list(name)...)
	}
	for _, n := range c.structs("NetworkInterface") {
		ids = append(ids, n.get("SubnetId"))
		ids = append(ids, n.list("SecurityGroupId")...)
	}
	if association := c.get("AssociationId"); association != "" {
		if a, ok := c.region.associations.get(association); ok {
			ids = append(ids, a.instance.id)
		}
		for _, a := range c.region.elastics.all() {
			if a.associationID == association {
				ids = append(ids, a.id)
			}
		}
	}
	if i, ok := c.region.instances.get(c.get("InstanceSpecification.InstanceId")); ok {
		for _, v := range i.disks() {
			ids = append(ids, v.id)
		}
	}
	var out []question
	for _, id := range ids {
		found, kind := c.region.resource(id)
		if found == nil {
			continue // what does not exist is refused as such later
		}
		keys := map[string]string{}
		requestTags(keys, c.structs("Tag"))
		for key, value := range found.tags {
			keys["aws:ResourceTag/"+key] = value
		}
		out = append(out, question{action, c.region.arn(kind, id), keys})
	}
	return out
}
