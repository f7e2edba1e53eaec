package aws

import (
	"strconv"
	"time"
)

// Health overrides the status checks of an instance. Empty members follow the clock:
// "initializing" at first, then "ok". The words are those of EC2's SummaryStatus: ok,
// impaired, insufficient-data, not-applicable, initializing.
type Health struct {
	System, Instance, AttachedEBS string
	Events                        []ScheduledEvent
}

// ScheduledEvent is a scheduled event of an instance (EC2 API reference, "InstanceStatusEvent").
type ScheduledEvent struct {
	// ID is made up when it is empty.
	ID string
	// Code is instance-reboot, system-reboot, system-maintenance, instance-retirement or instance-stop.
	Code        string
	Description string
	NotBefore   time.Time
	NotAfter    time.Time
}

// checks returns the three status checks. Those of an instance that does not run are not
// applicable ("Status checks for Amazon EC2 instances", User Guide).
func (i *instance) checks() (system, inside, disks string) {
	if i.state != stateRunning {
		return "not-applicable", "not-applicable", "not-applicable"
	}
	now := "ok"
	if i.region.sim.since(i.runningSince) < i.region.sim.options.Timing.StatusInitializing {
		now = "initializing"
	}
	return firstText(i.health.System, now), firstText(i.health.Instance, now), firstText(i.health.AttachedEBS, now)
}

func firstText(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// statusNode is the shape "InstanceStatus". Attached EBS status has no details while it is
// not applicable.
func (r *Region) statusNode(i *instance) []node {
	system, inside, disks := i.checks()
	return []node{
		text("instanceId", i.id),
		text("availabilityZone", i.zone),
		text("availabilityZoneId", r.geo.zoneID(i.zone)),
		stateNode("instanceState", i.state),
		checkNode("systemStatus", system, i.runningSince),
		checkNode("instanceStatus", inside, i.runningSince),
		checkNode("attachedEbsStatus", disks, i.runningSince),
		list("eventsSet", collect(i.health.Events, func(e ScheduledEvent) []node {
			return []node{text("instanceEventId", e.ID), text("code", e.Code), text("description", e.Description),
				moment("notBefore", e.NotBefore), moment("notAfter", e.NotAfter)}
		})),
	}
}

func checkNode(name, status string, since time.Time) node {
	detail := map[string]string{"ok": "passed", "impaired": "failed", "initializing": "initializing", "insufficient-data": "insufficient-data"}[status]
	if detail == "" {
		return group(name, text("status", status))
	}
	impaired := node{}
	if status == "impaired" {
		impaired = moment("impairedSince", since)
	}
	return group(name, text("status", status), group("details", node{name: "item", kids: []node{
		text("name", "reachability"), text("status", detail), impaired,
	}}))
}

// statusFilters are those of "DescribeInstanceStatus" (EC2 API reference); it has no tag filters.
var statusFilters = filterTable[*instance]{
	"availability-zone":          func(i *instance) []string { return []string{i.zone} },
	"instance-state-name":        func(i *instance) []string { return []string{i.state} },
	"instance-state-code":        func(i *instance) []string { return []string{strconv.Itoa(stateCodes[i.state])} },
	"system-status.status":       func(i *instance) []string { s, _, _ := i.checks(); return []string{s} },
	"instance-status.status":     func(i *instance) []string { _, s, _ := i.checks(); return []string{s} },
	"attached-ebs-status.status": func(i *instance) []string { _, _, s := i.checks(); return []string{s} },
	"event.code": func(i *instance) []string {
		var out []string
		for _, e := range i.health.Events {
			out = append(out, e.Code)
		}
		return out
	},
}
