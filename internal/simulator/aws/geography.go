package aws

import (
	"fmt"
	"strings"
)

// geography is what DescribeRegions and DescribeAvailabilityZones tell of a region.
type geography struct {
	name string
	// zonePrefix begins the ids of the zones: use1-az1.
	zonePrefix string
	zones      int
	// optIn tells that an account must enable the region first ("AWS Regions", User Guide).
	optIn bool
	// number is part of the seeded ids.
	number int
	place  string
}

// regions are the commercial regions with the number of zones that a new account sees.
// Their order gives their number in seeded ids, so new ones go to the end.
var regions = func() []geography {
	all := []geography{
		{name: "us-east-1", zonePrefix: "use1", zones: 6, place: "N. Virginia"},
		{name: "us-east-2", zonePrefix: "use2", zones: 3, place: "Ohio"},
		{name: "us-west-1", zonePrefix: "usw1", zones: 2, place: "N. California"},
		{name: "us-west-2", zonePrefix: "usw2", zones: 4, place: "Oregon"},
		{name: "eu-central-1", zonePrefix: "euc1", zones: 3, place: "Frankfurt"},
		{name: "eu-west-1", zonePrefix: "euw1", zones: 3, place: "Ireland"},
		{name: "eu-west-2", zonePrefix: "euw2", zones: 3, place: "London"},
		{name: "eu-west-3", zonePrefix: "euw3", zones: 3, place: "Paris"},
		{name: "eu-north-1", zonePrefix: "eun1", zones: 3, place: "Stockholm"},
		{name: "ca-central-1", zonePrefix: "cac1", zones: 3, place: "Central"},
		{name: "sa-east-1", zonePrefix: "sae1", zones: 3, place: "Sao Paulo"},
		{name: "ap-south-1", zonePrefix: "aps1", zones: 3, place: "Mumbai"},
		{name: "ap-southeast-1", zonePrefix: "apse1", zones: 3, place: "Singapore"},
		{name: "ap-southeast-2", zonePrefix: "apse2", zones: 3, place: "Sydney"},
		{name: "ap-northeast-1", zonePrefix: "apne1", zones: 3, place: "Tokyo"},
		{name: "ap-northeast-2", zonePrefix: "apne2", zones: 4, place: "Seoul"},
		{name: "ap-northeast-3", zonePrefix: "apne3", zones: 3, place: "Osaka"},
		{name: "af-south-1", zonePrefix: "afs1", zones: 3, optIn: true, place: "Cape Town"},
		{name: "ap-east-1", zonePrefix: "ape1", zones: 3, optIn: true, place: "Hong Kong"},
		{name: "ap-southeast-3", zonePrefix: "apse3", zones: 3, optIn: true, place: "Jakarta"},
		{name: "eu-central-2", zonePrefix: "euc2", zones: 3, optIn: true, place: "Zurich"},
		{name: "eu-south-1", zonePrefix: "eus1", zones: 3, optIn: true, place: "Milan"},
		{name: "il-central-1", zonePrefix: "ilc1", zones: 3, optIn: true, place: "Tel Aviv"},
		{name: "me-central-1", zonePrefix: "mec1", zones: 3, optIn: true, place: "UAE"},
		{name: "me-south-1", zonePrefix: "mes1", zones: 3, optIn: true, place: "Bahrain"},
	}
	for i := range all {
		all[i].number = i + 1
	}
	return all
}()

func findGeography(name string) (geography, bool) {
	for _, g := range regions {
		if g.name == name {
			return g, true
		}
	}
	return geography{}, false
}

// RegionNumber is the number of a region in seeded ids, 0 for a region that does not exist.
func RegionNumber(region string) int {
	g, _ := findGeography(region)
	return g.number
}

// zoneNames are us-east-1a, us-east-1b, ….
func (g geography) zoneNames() []string {
	out := make([]string, g.zones)
	for i := range out {
		out[i] = g.name + string(rune('a'+i))
	}
	return out
}

// zoneID is the id of a zone of the region. In a real account names and ids are shuffled
// against each other; here use1-az1 is us-east-1b and so on, so that nobody takes one for
// the other.
func (g geography) zoneID(zone string) string {
	letter := int(strings.TrimPrefix(zone, g.name)[0] - 'a')
	return fmt.Sprintf("%s-az%d", g.zonePrefix, (letter+g.zones-1)%g.zones+1)
}
