package aws

import (
	"fmt"
	"strconv"
)

// Service codes of the price list.
const (
	serviceEC2 = "AmazonEC2"
	serviceVPC = "AmazonVPC"
)

// product is one line of the price list: what filters look at, and the price.
type product struct {
	service, family, sku string
	attributes           map[string]string
	unit, currency       string
	tiers                []tier
}

// tier is a price from one quantity to another ("0", "3000", "Inf").
type tier struct {
	begin, end string
	price      float64
}

func flat(price float64) []tier { return []tier{{"0", "Inf", price}} }

// priceRegion is a region as the price list has it.
type priceRegion struct {
	name, place string
	// prefix begins its usage types; those of us-east-1 mostly have none.
	prefix   string
	currency string
	// factor lifts the prices of us-east-1, so that no region passes for another: they are
	// made up elsewhere.
	factor float64
}

// usagePrefixes are those of the usage types ("AWS Region billing codes", Amazon S3 User
// Guide, "Understanding your AWS billing and usage reports").
var usagePrefixes = map[string]string{
	"us-east-1": "", "us-east-2": "USE2-", "us-west-1": "USW1-", "us-west-2": "USW2-", "eu-central-1": "EUC1-", "eu-west-1": "EU-",
	"eu-west-2": "EUW2-", "eu-west-3": "EUW3-", "eu-north-1": "EUN1-", "ca-central-1": "CAN1-", "sa-east-1": "SAE1-", "ap-south-1": "APS3-",
	"ap-southeast-1": "APS1-", "ap-southeast-2": "APS2-", "ap-northeast-1": "APN1-", "ap-northeast-2": "APN2-", "ap-northeast-3": "APN3-",
	"af-south-1": "AFS1-", "ap-east-1": "APE1-", "ap-southeast-3": "APS4-", "eu-central-2": "EUC2-", "eu-south-1": "EUS1-",
	"il-central-1": "ILC1-", "me-central-1": "MEC1-", "me-south-1": "MES1-",
}

// The regions of the two price lists.
var (
	worldPrices = func() []priceRegion {
		out := make([]priceRegion, len(regions))
		for i, g := range regions {
			out[i] = priceRegion{name: g.name, place: g.place, prefix: usagePrefixes[g.name], currency: "USD", factor: 1 + 0.01*float64(i)}
		}
		return out
	}()
	chinaPrices = []priceRegion{
		{name: "cn-north-1", place: "Beijing", prefix: "CNN1-", currency: "CNY", factor: 7},
		{name: "cn-northwest-1", place: "Ningxia", prefix: "CNW1-", currency: "CNY", factor: 6},
	}
)

// priceList has, for each region, the types in the variants that a careless filter would
// mix up, storage, and public addresses.
func (s *Simulator) priceList(places []priceRegion) []product {
	var out []product
	for _, p := range places {
		out = append(out, p.machines(s.pricedTypes())...)
		out = append(out, p.storage()...)
		out = append(out, p.addresses()...)
	}
	return bySKU(out)
}

// pricedTypes are the types of the default world with those that a test added.
func (s *Simulator) pricedTypes() []InstanceType {
	all := InstanceTypes()
	seen := map[string]bool{}
	for _, t := range all {
		seen[t.Name] = true
	}
	for _, id := range sortedKeys(s.accounts) {
		for _, name := range sortedKeys(s.accounts[id].regions) {
			for _, t := range s.accounts[id].regions[name].types.all() {
				if !seen[t.Name] && t.HourlyPrice > 0 {
					seen[t.Name] = true
					all = append(all, *t)
				}
			}
		}
	}
	return all
}

func (p priceRegion) product(service, family, unit string, tiers []tier, attributes map[string]string) product {
	all := merged(map[string]string{
		"regionCode": p.name, "locationType": "AWS Region", "location": p.place, "servicecode": service,
	}, attributes)
	return product{service: service, family: family, sku: sku(all), attributes: all, unit: unit, currency: p.currency, tiers: tiers}
}

// machines: a capacity reservation has prices of its own, nothing while it is used and the
// full one while it is not.
func (p priceRegion) machines(all []InstanceType) []product {
	var out []product
	for _, t := range all {
		for _, variant := range []struct {
			system, software, tenancy, capacity, usage string
			times                                      float64
		}{
			{"Linux", "NA", "Shared", "Used", "BoxUsage", 1}, {"Linux", "NA", "Shared", "UnusedCapacityReservation", "UnusedBox", 1},
			{"Linux", "NA", "Shared", "AllocatedCapacityReservation", "Reservation", 0}, {"Linux", "NA", "Dedicated", "Used", "DedicatedUsage", 1.1},
			{"Linux", "SQL Std", "Shared", "Used", "BoxUsage", 3}, {"Windows", "NA", "Shared", "Used", "BoxUsage", 1.8}, {"RHEL", "NA", "Shared", "Used", "BoxUsage", 1.3},
		} {
			out = append(out, p.product(serviceEC2, computeFamily(t), "Hrs", flat(t.HourlyPrice*p.factor*variant.times), map[string]string{
				"instanceType": t.Name, "operatingSystem": variant.system, "preInstalledSw": variant.software, "tenancy": variant.tenancy,
				"capacitystatus": variant.capacity, "marketoption": "OnDemand", "vcpu": strconv.Itoa(t.VCPUs), "memory": fmt.Sprintf("%d GiB", t.MemoryMiB>>10),
				"licenseModel": "No License required", "operation": "RunInstances", "usagetype": p.prefix + variant.usage + ":" + t.Name,
			}))
		}
	}
	return out
}

func computeFamily(t InstanceType) string {
	if t.BareMetal {
		return "Compute Instance (bare metal)"
	}
	return "Compute Instance"
}

// storage ("Amazon EBS pricing"): gp3 includes 3000 IOPS and 125 MiB/s, the IOPS of io2 grow
// cheaper in three steps, each a usage type of its own, and throughput is sold by the GiB/s.
func (p priceRegion) storage() []product {
	var out []product
	add := func(family, kind, unit, usage string, tiers []tier) {
		out = append(out, p.product(serviceEC2, family, unit, tiers, map[string]string{"volumeApiName": kind, "usagetype": p.prefix + "EBS:" + usage}))
	}
	for _, v := range []struct {
		kind, usage, unit string
		price             float64
	}{
		{"gp2", "VolumeUsage.gp2", "GB-Mo", 0.10}, {"gp3", "VolumeUsage.gp3", "GB-Mo", 0.08}, {"io1", "VolumeUsage.piops", "GB-Mo", 0.125},
		{"io2", "VolumeUsage.io2", "GB-month", 0.125}, {"st1", "VolumeUsage.st1", "GB-Mo", 0.045}, {"sc1", "VolumeUsage.sc1", "GB-Mo", 0.015},
		{"standard", "VolumeUsage", "GB-Mo", 0.05},
	} {
		add("Storage", v.kind, v.unit, v.usage, flat(v.price*p.factor))
	}
	add("System Operation", "gp3", "IOPS-Mo", "VolumeP-IOPS.gp3", []tier{{"3000", "Inf", 0.005 * p.factor}})
	add("System Operation", "io1", "IOPS-Mo", "VolumeP-IOPS.piops", flat(0.065*p.factor))
	add("System Operation", "io2", "IOPS-Mo", "VolumeP-IOPS.io2", flat(0.065*p.factor))
	add("System Operation", "io2", "IOPS-Mo", "VolumeP-IOPS.io2.tier2", flat(0.0455*p.factor))
	add("System Operation", "io2", "IOPS-Mo", "VolumeP-IOPS.io2.tier3", flat(0.03185*p.factor))
	add("System Operation", "standard", "IOs", "VolumeIOUsage", flat(0.00000005*p.factor))
	add("Provisioned Throughput", "gp3", "GiBps-mo", "VolumeP-Throughput.gp3", flat(40.96*p.factor))
	return out
}

// addresses are those of AmazonVPC, which have no product family; the price is one for all
// regions ("Amazon VPC pricing"). The list of China has none.
func (p priceRegion) addresses() []product {
	if p.currency != "USD" {
		return nil
	}
	prefix := p.prefix
	if prefix == "" {
		prefix = "USE1-"
	}
	var out []product
	for _, a := range []struct {
		group, usage string
		price        float64
	}{
		{"VPCPublicIPv4Address", "PublicIPv4:InUseAddress", 0.005}, {"VPCPublicIPv4Address", "PublicIPv4:IdleAddress", 0.005},
		{"VPCPublicIPv4Address", "PublicIPv4:ContiguousBlock", 0.008}, {"AWSVPCIPAddressManager", "IPAddressManager-IP-Hours", 0.00027},
	} {
		out = append(out, p.product(serviceVPC, "", "Hrs", flat(a.price), map[string]string{"group": a.group, "usagetype": prefix + a.usage}))
	}
	return out
}
