package instance_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// The newest price of each zone counts, over all pages, and that of Linux alone.
func TestSpotPrices(t *testing.T) {
	w := newWorld(t, simulator.Options{PageSize: 2})
	w.sim.Region(region).SetSpotPrice("m8i.2xlarge", region+"b", "0.111")
	w.sim.Region(region).SetSpotPrice("m8i.2xlarge", region+"b", "0.222")
	all, err := w.SpotPrices(t.Context(), "m8i.2xlarge", "m8i.never")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b instance.SpotPrice) int { return cmp.Compare(a.Zone, b.Zone) })
	var got []string
	for _, p := range all {
		got = append(got, p.Type+" "+p.Zone+" "+p.Price)
		if p.Since.IsZero() {
			t.Errorf("%+v", p)
		}
	}
	if want := "[m8i.2xlarge us-east-1a 0.169344 m8i.2xlarge us-east-1b 0.222 m8i.2xlarge us-east-1c 0.203213]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	w.sim.Deny(simulator.DefaultAccountID, "ec2:DescribeSpotPriceHistory")
	if _, err := w.SpotPrices(t.Context(), "m8i.2xlarge"); !fault.Is(err, fault.PermissionDenied) || fault.As(err).MissingAction != "ec2:DescribeSpotPriceHistory" {
		t.Errorf("%v", err)
	}
}

// Servers that filter nothing, and leave out what is optional, are read with care.
func TestSpotPricesOfOthers(t *testing.T) {
	entry := func(zone, price, day, more string) string {
		return `<item><availabilityZone>` + zone + `</availabilityZone><spotPrice>` + price + `</spotPrice><timestamp>2026-11-` + day + `T00:00:00.000Z</timestamp>` + more + `</item>`
	}
	const kind, linux = `<instanceType>m8i.2xlarge</instanceType>`, `<productDescription>Linux/UNIX</productDescription>`
	url := answering(t, func(action string) string {
		return "<" + action + "Response><spotPriceHistorySet>" +
			entry("a", "0.9", "01", kind+linux) + entry("a", "0.1", "20", kind+`<productDescription>Linux/UNIX (Amazon VPC)</productDescription>`) + entry("a", "0.5", "10", kind) +
			entry("a", "0.7", "28", kind+`<productDescription>Windows</productDescription>`) + entry("a", "0.8", "28", `<instanceType>m8i.4xlarge</instanceType>`+linux) +
			`<item>` + kind + linux + `<availabilityZone>b</availabilityZone></item></spotPriceHistorySet><nextToken></nextToken></` + action + "Response>"
	})
	got, err := clientOf(url).SpotPrices(t.Context(), "m8i.2xlarge")
	if err != nil || len(got) != 1 || got[0].Zone != "a" || got[0].Price != "0.1" {
		t.Errorf("got %+v, %v", got, err)
	}
}
