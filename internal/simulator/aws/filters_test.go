package aws

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Every filter must be able to look at an instance in every state, also at one that has
// lost its interfaces and volumes. Which ones there are only this package knows.
func TestEveryFilter(t *testing.T) {
	sim, err := New(Options{Timing: Timing{TerminatedVisible: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	ask := func(form url.Values) (int, string) {
		form.Set("Version", "2016-11-15")
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0")
		answer := httptest.NewRecorder()
		sim.ServeHTTP(answer, request)
		return answer.Code, answer.Body.String()
	}
	launch := url.Values{"Action": {"RunInstances"}, "ImageId": {SeededID("ami", "us-east-1", SerialImage290)}, "InstanceType": {"m8i.2xlarge"},
		"MinCount": {"2"}, "MaxCount": {"2"}, "IamInstanceProfile.Name": {SeededProfile}, "InstanceMarketOptions.MarketType": {"spot"}}
	if status, body := ask(launch); status != http.StatusOK {
		t.Fatal(body)
	}
	region := sim.Region("us-east-1")
	gone := region.Instances()[1].ID
	region.TerminateOutside(gone)
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if i, _ := region.Instance(gone); i.State == stateTerminated {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("the instance did not end")
		}
	}

	each := func(action string, names []string) {
		for _, name := range names {
			if status, body := ask(url.Values{"Action": {action}, "Filter.1.Name": {name}, "Filter.1.Value.1": {"*"}}); status != http.StatusOK {
				t.Errorf("%s by %s: %s", action, name, body)
			}
		}
	}
	each("DescribeInstances", sortedKeys(instanceFilters))
	each("DescribeInstanceStatus", sortedKeys(statusFilters))
	each("DescribeVolumes", sortedKeys(volumeFilters))
	each("DescribeVolumesModifications", sortedKeys(modificationFilters))
	each("DescribeImages", sortedKeys(imageFilters))
	each("DescribeSnapshots", sortedKeys(snapshotFilters))
	each("DescribeSpotInstanceRequests", sortedKeys(spotFilters))
	each("DescribeNetworkInterfaces", sortedKeys(interfaceFilters))
	each("DescribeAddresses", sortedKeys(addressFilters))
	each("DescribeVpcs", sortedKeys(vpcFilters))
	each("DescribeSubnets", sortedKeys(subnetFilters))
	each("DescribeSecurityGroups", sortedKeys(groupFilters))
	each("DescribeSecurityGroupRules", sortedKeys(ruleFilters))
	each("DescribeRouteTables", sortedKeys(routeTableFilters))
	each("DescribeKeyPairs", sortedKeys(keyFilters))
	each("DescribeInstanceTypes", sortedKeys(typeFilters))
	each("DescribeInstanceTypeOfferings", sortedKeys(offeringFilters))
	each("DescribeTags", sortedKeys(tagFilters))
}
