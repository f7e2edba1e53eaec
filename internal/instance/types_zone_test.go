package instance_test

import "testing"

// A server that answers with the region, whatever was asked, says nothing about
// zones: no zone may be taken as one that lacks the type.
func TestOfferingsOfARegionAreNoZones(t *testing.T) {
	c := clientOf(answering(t, func(action string) string {
		return "<" + action + "Response><instanceTypeOfferingSet>" +
			"<item><instanceType>m8i.2xlarge</instanceType><location>us-east-1</location><locationType>region</locationType></item>" +
			"<item><instanceType>c8i.2xlarge</instanceType><location>us-east-1a</location><locationType>availability-zone</locationType></item>" +
			"</instanceTypeOfferingSet></" + action + "Response>"
	}))
	got, err := c.Offerings(t.Context())
	if err != nil || len(got["m8i.2xlarge"]) != 0 || len(got["c8i.2xlarge"]) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
