package aws

import (
	"encoding/base64"
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

// priceListPlaces are where the price list is served, each for all regions of its partition
// ("AWS Price List Query API endpoints", Billing User Guide).
var priceListPlaces = map[string][]priceRegion{
	"us-east-1": worldPrices, "eu-central-1": worldPrices, "ap-south-1": worldPrices,
	"cn-northwest-1": chinaPrices,
}

// priceFilter is the shape "Filter".
type priceFilter struct{ Type, Field, Value string }

// fits tells whether a value passes the filter ("Filter", Price List API reference). Letters
// count only for EQUALS.
func (f priceFilter) fits(value string) (bool, *APIError) {
	switch f.Type {
	case "TERM_MATCH":
		return strings.EqualFold(value, f.Value), nil
	case "EQUALS":
		return value == f.Value, nil
	case "CONTAINS":
		return strings.Contains(value, f.Value), nil
	}
	return false, refuse("InvalidParameterException", "Filter type %s is not simulated", f.Type)
}

// products is GetProducts.
func (s *Simulator) products(r *Request) (any, *APIError) {
	var asked struct {
		ServiceCode, FormatVersion, NextToken string
		MaxResults                            *int
		Filters                               []priceFilter
	}
	if refused := input(r, &asked); refused != nil {
		return nil, refused
	}
	places, served := priceListPlaces[r.Region]
	if !served {
		return nil, refuse("InvalidSignatureException", "Credential should be scoped to a valid region.")
	}
	if asked.ServiceCode != serviceEC2 && asked.ServiceCode != serviceVPC {
		return nil, refuse("NotFoundException", "The service code %s does not exist", asked.ServiceCode)
	}
	size := 100
	if asked.MaxResults != nil {
		size = *asked.MaxResults
	}
	if size < 1 || size > 100 {
		return nil, refuse("InvalidParameterException", "Value %d at 'maxResults' failed to satisfy constraint: between 1 and 100", size)
	}
	size = min(size, s.options.PageSize)
	var found []product
	for _, p := range s.priceList(places) {
		fits := p.service == asked.ServiceCode
		for _, f := range asked.Filters {
			value := p.attributes[f.Field]
			if f.Field == "productFamily" {
				value = p.family
			}
			passes, refused := f.fits(value)
			if refused != nil {
				return nil, refused
			}
			fits = fits && passes
		}
		if fits {
			found = append(found, p)
		}
	}
	from := 0
	if asked.NextToken != "" {
		decoded, err := base64.StdEncoding.DecodeString(asked.NextToken)
		if from, _ = strconv.Atoi(string(decoded)); err != nil || from <= 0 || from > len(found) {
			return nil, refuse("InvalidNextTokenException", "The pagination token is invalid. Try again without a pagination token.")
		}
	}
	to := min(from+size, len(found))
	output := map[string]any{"FormatVersion": "aws_v1"}
	lines := make([]string, 0, to-from)
	for _, p := range found[from:to] {
		lines = append(lines, p.line())
	}
	output["PriceList"] = lines
	if to < len(found) {
		output["NextToken"] = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return output, nil
}

// sku is stable for a product.
func sku(attributes map[string]string) string {
	var all strings.Builder
	for _, key := range sortedKeys(attributes) {
		all.WriteString(key + "=" + attributes[key] + ";")
	}
	return strings.ToUpper(checksum(all.String())) + "SIMSKU"
}

// line is one element of PriceList: JSON within a JSON string ("aws_v1" format). A machine
// can be reserved as well as bought on demand, and both terms stand side by side.
func (p product) line() string {
	sku := p.sku
	offer := sku + ".JRTCKXETXF"
	dimensions := map[string]any{}
	for n, t := range p.tiers {
		rate := fmt.Sprintf("%s.6YS6EN2CT%d", offer, 7+n)
		dimensions[rate] = map[string]any{
			"rateCode": rate, "unit": p.unit, "beginRange": t.begin, "endRange": t.end, "appliesTo": []string{},
			"description":  fmt.Sprintf("%.5f %s per %s", t.price, p.currency, p.unit),
			"pricePerUnit": map[string]string{p.currency: fmt.Sprintf("%.10f", t.price)},
		}
	}
	terms := map[string]any{"OnDemand": map[string]any{offer: map[string]any{
		"sku": sku, "offerTermCode": "JRTCKXETXF", "effectiveDate": "2026-09-01T00:00:00Z", "termAttributes": map[string]any{},
		"priceDimensions": dimensions,
	}}}
	if strings.HasPrefix(p.family, "Compute") {
		reserved := sku + ".4NA7Y494T4"
		rate := reserved + ".6YS6EN2CT7"
		terms["Reserved"] = map[string]any{reserved: map[string]any{
			"sku": sku, "offerTermCode": "4NA7Y494T4", "effectiveDate": "2026-09-01T00:00:00Z",
			"termAttributes": map[string]string{"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "No Upfront"},
			"priceDimensions": map[string]any{rate: map[string]any{
				"rateCode": rate, "unit": "Hrs", "beginRange": "0", "endRange": "Inf", "appliesTo": []string{}, "description": "reserved",
				"pricePerUnit": map[string]string{p.currency: fmt.Sprintf("%.10f", p.tiers[0].price*0.6)},
			}},
		}}
	}
	described := map[string]any{"attributes": p.attributes, "sku": sku}
	if p.family != "" {
		described["productFamily"] = p.family
	}
	line, _ := json.Marshal(map[string]any{ // maps of strings, so it cannot fail
		"product": described, "serviceCode": p.service, "version": "20260901000000", "publicationDate": "2026-09-01T00:00:00Z", "terms": terms,
	})
	return string(line)
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

func bySKU(all []product) []product {
	sort.SliceStable(all, func(a, b int) bool { return all[a].sku < all[b].sku })
	return all
}
