package aws

import (
	"fmt"
	"strings"
)

// planCPU checks CPU options at launch ("Specify CPU options", User Guide).
func (c *call) planCPU(p *plan) *APIError {
	p.cores, p.threads = p.typ.cores(), p.typ.ThreadsPerCore
	if p.typ.NestedVirtualization {
		p.nested = "disabled" // off until it is asked for ("Nested virtualization", User Guide)
	}
	return p.typ.applyCPU(c.sub("CpuOptions"), &p.cores, &p.threads, &p.nested)
}

func (t *InstanceType) applyCPU(p params, cores, threads *int, nested *string) *APIError {
	if refused := p.choice("NestedVirtualization", "enabled", "disabled"); refused != nil {
		return refused
	}
	if p.has("NestedVirtualization") {
		if !t.NestedVirtualization {
			// the code is what karpenter-provider-aws met in production (its pull request 9043)
			return refuse("UnsupportedOperation", "The specified instance type %s does not support nested virtualization.", t.Name)
		}
		*nested = p.get("NestedVirtualization")
	}
	if p.has("CoreCount") != p.has("ThreadsPerCore") {
		return refuse("InvalidParameterCombination", "CoreCount and ThreadsPerCore must both be specified.")
	}
	askedCores, refused := p.number("CoreCount", *cores)
	if refused != nil {
		return refused
	}
	askedThreads, refused := p.number("ThreadsPerCore", *threads)
	if refused != nil {
		return refused
	}
	if askedCores < 1 || askedCores > t.cores() || askedThreads < 1 || askedThreads > t.ThreadsPerCore || (t.BareMetal && p.has("CoreCount")) {
		return refuse("InvalidParameterValue", "CpuOptions with %d cores and %d threads per core is not valid for %s.", askedCores, askedThreads, t.Name)
	}
	*cores, *threads = askedCores, askedThreads
	return nil
}

// checkQuota compares vCPUs in use with the quota ("Amazon EC2 service quotas": on-demand
// quotas count vCPUs of running instances by family).
func (r *Region) checkQuota(t *InstanceType, count int, spot bool) *APIError {
	if !t.standard() {
		return nil
	}
	code := QuotaStandardVCPUs
	if spot {
		code = QuotaSpotVCPUs
	}
	used := t.VCPUs * count
	for _, i := range r.instances.all() {
		if (i.state == statePending || i.state == stateRunning) && i.typ.standard() && (i.spot != nil) == spot {
			used += i.typ.VCPUs
		}
	}
	if float64(used) <= r.quotas[code] {
		return nil
	}
	if spot {
		return refuse("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
	}
	return refuse("VcpuLimitExceeded",
		"You have requested more vCPU capacity than your current vCPU limit of %.0f allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
		r.quotas[code])
}

// takeCapacity takes machines of the script of SetCapacity: as many as wanted, at least
// smallest. EC2 answers with status 500, so an SDK takes it for worth a retry.
func (r *Region) takeCapacity(t *InstanceType, place *subnet, wanted, smallest int) (int, *APIError) {
	granted := wanted
	keys := []capacityKey{{t.Name, place.zone}, {t.Name, place.id}}
	for _, key := range keys {
		if left, limited := r.capacity[key]; limited {
			granted = min(granted, left)
		}
	}
	if granted < smallest {
		return 0, serverError("InsufficientInstanceCapacity", r.capacityText(t, place.zone))
	}
	for _, key := range keys {
		if _, limited := r.capacity[key]; limited {
			r.capacity[key] -= granted
		}
	}
	return granted, nil
}

func (r *Region) capacityText(t *InstanceType, zone string) string {
	var others []string
	for _, name := range r.geo.zoneNames() {
		if name != zone && r.offers(t, name) {
			others = append(others, name)
		}
	}
	return fmt.Sprintf("We currently do not have sufficient %s capacity in the Availability Zone you requested (%s). Our system will be working on provisioning additional capacity. You can currently get %s capacity by not specifying an Availability Zone in your request or choosing %s.",
		t.Name, zone, t.Name, strings.Join(others, ", "))
}
