package aws_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestSpotPriceHistory(t *testing.T) {
	w := newWorld(t, aws.Options{PageSize: 2})
	client, ctx := w.ec2(home), context.Background()
	history := func(in ec2.DescribeSpotPriceHistoryInput) (all []types.SpotPrice, pages int) {
		t.Helper()
		for {
			out, err := client.DescribeSpotPriceHistory(ctx, &in)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			all = append(all, out.SpotPriceHistory...)
			if in.NextToken = out.NextToken; sdk.ToString(out.NextToken) == "" {
				if out.NextToken == nil {
					t.Error("the token of the last page is absent, not empty")
				}
				return all, pages
			}
		}
	}
	all, pages := history(ec2.DescribeSpotPriceHistoryInput{InstanceTypes: []types.InstanceType{"m8i.2xlarge"}})
	if len(all) != 9 || pages != 5 {
		t.Fatalf("%d prices on %d pages", len(all), pages)
	}
	for n := range all[1:] {
		if all[n].Timestamp.Before(*all[n+1].Timestamp) {
			t.Errorf("not the newest first: %v", all)
		}
	}
	w.Region(home).SetSpotPrice("m8i.2xlarge", home+"b", "0.222000")
	now, _ := history(ec2.DescribeSpotPriceHistoryInput{
		ProductDescriptions: []string{"Linux/UNIX"}, Filters: []types.Filter{by("instance-type", "m8i.2xlarge")}, StartTime: sdk.Time(time.Now().Add(time.Minute)),
	})
	got := map[string]string{}
	for _, p := range now {
		got[*p.AvailabilityZone] = string(p.ProductDescription) + " " + *p.SpotPrice
	}
	if want := "map[us-east-1a:Linux/UNIX 0.169344 us-east-1b:Linux/UNIX 0.222000 us-east-1c:Linux/UNIX 0.203213]"; fmt.Sprint(got) != want || len(now) != 3 {
		t.Errorf("got %v, want %s", got, want)
	}
	zone, _ := history(ec2.DescribeSpotPriceHistoryInput{AvailabilityZone: sdk.String(home + "a"), InstanceTypes: []types.InstanceType{"m8i.2xlarge"}, ProductDescriptions: []string{"Windows (Amazon VPC)"}})
	if len(zone) != 1 || zone[0].ProductDescription != "Windows" {
		t.Errorf("%v", zone)
	}
}
