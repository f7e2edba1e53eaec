package aws

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

func newPricingService(sim *Simulator) *jsonService {
	return &jsonService{
		sim: sim, signingName: "pricing", target: "AWSPriceListService", throttled: "ThrottlingException",
		operations: map[string]func(*jsonService, *Request) (any, *APIError){
			"GetProducts": func(j *jsonService, r *Request) (any, *APIError) { return j.sim.products(r) },
		},
	}
}

// product is one line of the price list: what filters look at, and the price.
type product struct {
	family     string
	attributes map[string]string
	unit       string
	price      float64
}

// products is GetProducts. The price list is served in a few regions only, for all regions
// ("Using the AWS Price List Query API", Billing User Guide).
func (s *Simulator) products(r *Request) (any, *APIError) {
	var asked struct {
		ServiceCode, FormatVersion, NextToken string
		MaxResults                            int
		Filters                               []struct{ Type, Field, Value string }
	}
	if refused := input(r, &asked); refused != nil {
		return nil, refused
	}
	switch r.Region {
	case "us-east-1", "eu-central-1", "ap-south-1":
	default:
		return nil, refuse("InvalidSignatureException", "Credential should be scoped to a valid region.")
	}
	if asked.ServiceCode != "AmazonEC2" {
		return nil, refuse("NotFoundException", "The service code %s does not exist", asked.ServiceCode)
	}
	size := asked.MaxResults
	if size == 0 {
		size = 100
	}
	var found []product
	for _, p := range s.priceList() {
		fits := true
		for _, f := range asked.Filters {
			if f.Type != "TERM_MATCH" {
				return nil, refuse("InvalidParameterException", "Filter type %s is not known", f.Type)
			}
			value := p.attributes[f.Field]
			if f.Field == "productFamily" {
				value = p.family
			}
			fits = fits && strings.EqualFold(value, f.Value)
		}
		if fits {
			found = append(found, p)
		}
	}
	from, _ := strconv.Atoi(asked.NextToken) // a token that is none starts anew
	from = min(max(from, 0), len(found))
	to := min(from+size, len(found))
	output := map[string]any{"FormatVersion": "aws_v1"}
	lines := make([]string, 0, to-from)
	for _, p := range found[from:to] {
		lines = append(lines, p.line())
	}
	output["PriceList"] = lines
	if to < len(found) {
		output["NextToken"] = strconv.Itoa(to)
	}
	return output, nil
}

// priceList has, for each region, the types in the variants that a careless filter would
// mix up, and storage. Prices outside us-east-1 are made up: one percent more per region
// number, so that no region passes for another.
func (s *Simulator) priceList() []product {
	var out []product
	for _, g := range regions {
		factor := 1 + 0.01*float64(g.number-1)
		place := map[string]string{"regionCode": g.name, "locationType": "AWS Region", "location": g.place, "servicecode": "AmazonEC2"}
		for _, t := range InstanceTypes() {
			for _, variant := range []struct {
				system, software, tenancy, capacity string
				times                               float64
			}{
				{"Linux", "NA", "Shared", "Used", 1}, {"Linux", "NA", "Shared", "UnusedCapacityReservation", 1}, {"Linux", "NA", "Dedicated", "Used", 1.1},
				{"Linux", "SQL Std", "Shared", "Used", 3}, {"Windows", "NA", "Shared", "Used", 1.8}, {"RHEL", "NA", "Shared", "Used", 1.3},
			} {
				out = append(out, product{family: computeFamily(t), unit: "Hrs", price: t.HourlyPrice * factor * variant.times, attributes: merged(place, map[string]string{
					"instanceType": t.Name, "operatingSystem": variant.system, "preInstalledSw": variant.software, "tenancy": variant.tenancy,
					"capacitystatus": variant.capacity, "marketoption": "OnDemand", "vcpu": strconv.Itoa(t.VCPUs), "memory": fmt.Sprintf("%d GiB", t.MemoryMiB>>10),
					"licenseModel": "No License required", "operation": "RunInstances", "usagetype": "BoxUsage:" + t.Name,
				})})
			}
		}
		for kind, price := range map[string]float64{"gp3": 0.08, "gp2": 0.10, "io1": 0.125, "io2": 0.125, "st1": 0.045, "sc1": 0.015} {
			out = append(out, product{family: "Storage", unit: "GB-Mo", price: price * factor, attributes: merged(place, map[string]string{
				"volumeApiName": kind, "usagetype": "EBS:VolumeUsage." + kind})})
		}
		out = append(out,
			product{family: "System Operation", unit: "IOPS-Mo", price: 0.005 * factor, attributes: merged(place, map[string]string{
				"volumeApiName": "gp3", "usagetype": "EBS:VolumeP-IOPS.gp3", "group": "EBS IOPS"})},
			product{family: "Provisioned Throughput", unit: "GiBps-mo", price: 40.96 * factor, attributes: merged(place, map[string]string{
				"volumeApiName": "gp3", "usagetype": "EBS:VolumeP-Throughput.gp3", "group": "EBS Throughput"})})
	}
	sort.SliceStable(out, func(a, b int) bool { return out[a].sku() < out[b].sku() })
	return out
}

func computeFamily(t InstanceType) string {
	if t.BareMetal {
		return "Compute Instance (bare metal)"
	}
	return "Compute Instance"
}

func merged(maps ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range maps {
		for key, value := range m {
			out[key] = value
		}
	}
	return out
}

// sku is stable for a product.
func (p product) sku() string {
	var all strings.Builder
	for _, key := range sortedKeys(p.attributes) {
		all.WriteString(key + "=" + p.attributes[key] + ";")
	}
	return strings.ToUpper(checksum(all.String())) + "SIMSKU"
}

// line is one element of PriceList: JSON within a JSON string ("aws_v1" format).
func (p product) line() string {
	sku := p.sku()
	offer := sku + ".JRTCKXETXF"
	rate := offer + ".6YS6EN2CT7"
	line, _ := json.Marshal(map[string]any{ // maps of strings, so it cannot fail
		"product":     map[string]any{"productFamily": p.family, "attributes": p.attributes, "sku": sku},
		"serviceCode": "AmazonEC2", "version": "20260901000000", "publicationDate": "2026-09-01T00:00:00Z",
		"terms": map[string]any{"OnDemand": map[string]any{offer: map[string]any{
			"sku": sku, "offerTermCode": "JRTCKXETXF", "effectiveDate": "2026-09-01T00:00:00Z", "termAttributes": map[string]any{},
			"priceDimensions": map[string]any{rate: map[string]any{
				"rateCode": rate, "unit": p.unit, "beginRange": "0", "endRange": "Inf", "appliesTo": []string{},
				"description":  fmt.Sprintf("$%.5f per %s", p.price, p.unit),
				"pricePerUnit": map[string]string{"USD": fmt.Sprintf("%.10f", p.price)},
			}},
		}}},
	})
	return string(line)
}
