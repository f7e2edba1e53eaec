package aws

import (
	"encoding/base64"
)

var readOperations = map[string]operation{
	"DescribeInstances":         {run: (*call).describeInstances, params: "InstanceId.# IncludeManagedResources" + pageParams, reads: true},
	"DescribeInstanceStatus":    {run: (*call).describeInstanceStatus, params: "InstanceId.# IncludeAllInstances IncludeManagedResources" + pageParams, reads: true},
	"GetConsoleOutput":          {run: (*call).getConsoleOutput, params: "InstanceId Latest", reads: true},
	"DescribeInstanceAttribute": {run: (*call).describeInstanceAttribute, params: "InstanceId Attribute", reads: true},
}

// readable takes away the instances that eventual consistency still hides, and counts the
// reads that would have shown them.
func readable(all []*instance) []*instance {
	var out []*instance
	for _, i := range all {
		if i.hiddenReads > 0 {
			i.hiddenReads--
			continue
		}
		if i.region.sim.now().Before(i.hiddenUntil) {
			continue
		}
		out = append(out, i)
	}
	return out
}

// readInstances finds the instances that a Describe operation is about. Ids that are
// unknown fail the call; ids of other accounts are unknown here, since worlds are separate.
func (c *call) readInstances(keep func(*instance) bool) ([]*instance, *APIError) {
	ids := c.list("InstanceId")
	found, refused := c.region.instances.pick(instanceIDs, ids)
	if refused != nil {
		return nil, refused
	}
	var known []*instance
	for _, i := range found {
		if c.region.known(i) && keep(i) {
			known = append(known, i)
		} else if len(ids) > 0 && !c.region.known(i) {
			return nil, instanceIDs.notFound(i.id)
		}
	}
	if len(ids) > 0 {
		shown := readable(known)
		var hidden []string
		for _, i := range known {
			if !containsInstance(shown, i) {
				hidden = append(hidden, i.id)
			}
		}
		if len(hidden) > 0 {
			return nil, instanceIDs.notFound(hidden...)
		}
		return filter(c.params, instanceFilters, instanceTags, shown)
	}
	matching, refused := filter(c.params, instanceFilters, instanceTags, known)
	if refused != nil {
		return nil, refused
	}
	return readable(matching), nil
}

func containsInstance(all []*instance, one *instance) bool {
	for _, i := range all {
		if i == one {
			return true
		}
	}
	return false
}

func instanceTags(i *instance) map[string]string { return i.tags }

// describeInstances answers by reservation (EC2 API reference, "DescribeInstances").
func (c *call) describeInstances() ([]node, *APIError) {
	all, refused := c.readInstances(func(*instance) bool { return true })
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(all), 5, 1000, "InstanceId")
	if refused != nil {
		return nil, refused
	}
	var order []string
	byReservation := map[string][]*instance{}
	for _, i := range all[from:to] {
		if byReservation[i.reservationID] == nil {
			order = append(order, i.reservationID)
		}
		byReservation[i.reservationID] = append(byReservation[i.reservationID], i)
	}
	return []node{list("reservationSet", collect(order, func(id string) []node {
		return c.region.reservationNode(id, byReservation[id])
	})), next}, nil
}

// describeInstanceStatus shows running instances only, unless all are asked for (EC2 API
// reference, "DescribeInstanceStatus").
func (c *call) describeInstanceStatus() ([]node, *APIError) {
	everything := c.bool("IncludeAllInstances")
	all, refused := c.readStatus(func(i *instance) bool { return everything || i.state == stateRunning })
	if refused != nil {
		return nil, refused
	}
	from, to, next, refused := c.sim.page(c.params, len(all), 5, 1000, "InstanceId")
	if refused != nil {
		return nil, refused
	}
	return []node{list("instanceStatusSet", collect(all[from:to], c.region.statusNode)), next}, nil
}

func (c *call) readStatus(keep func(*instance) bool) ([]*instance, *APIError) {
	found, refused := c.region.instances.pick(instanceIDs, c.list("InstanceId"))
	if refused != nil {
		return nil, refused
	}
	var known []*instance
	for _, i := range found {
		switch {
		case c.region.known(i) && keep(i):
			known = append(known, i)
		case !c.region.known(i) && c.hasAny("InstanceId"):
			return nil, instanceIDs.notFound(i.id)
		}
	}
	return filter(c.params, statusFilters, nil, known)
}

// getConsoleOutput: the guest's console or, without one, what a test has set; base64 as
// EC2 has it. Latest is for Nitro instances only, and all here are.
func (c *call) getConsoleOutput() ([]node, *APIError) {
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	output := i.console
	if guest, ok := c.sim.options.Guest.(ConsoleGuest); ok && output == "" {
		output = guest.Console(i.id)
	}
	return []node{
		text("instanceId", i.id), moment("timestamp", c.sim.now()),
		text("output", base64.StdEncoding.EncodeToString([]byte(output))),
	}, nil
}
