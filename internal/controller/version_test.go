package controller_test

import (
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

func TestParseVersion(t *testing.T) {
	tests := map[string][3]int{
		"2.9.1+build.7":                {2, 9, 1},
		"2.11.0+sso":                   {2, 11, 0},
		"2.4.0.dev0+build.f904bdf8":    {2, 4, 0},
		"2.5.0-dev0+build.3.2f7875762": {2, 5, 0},
		"2.8":                          {2, 8, 0},
		"10.20.30":                     {10, 20, 30},
	}
	for text, want := range tests {
		got, err := controller.ParseVersion(text)
		if err != nil || [3]int{got.Major, got.Minor, got.Patch} != want || got.String() != text {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2", "two.nine", "v2.9.1", "2.x.1", "99999999999999999999.1.1"} {
		if got, err := controller.ParseVersion(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestVersionsCompareByTheirNumbers(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"2.10.0", "2.9.1", 1}, // not as text
		{"2.9.1+build.7", "2.9.1+build.99", 0},
		{"2.9", "2.9.0", 0},
		{"2.9.1", "2.9.10", -1},
		{"3.0.0", "2.99.99", 1},
	}
	for _, test := range tests {
		a, errA := controller.ParseVersion(test.a)
		b, errB := controller.ParseVersion(test.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if got := a.Compare(b); got != test.want || b.Compare(a) != -test.want || a.AtLeast(b) != (test.want >= 0) {
			t.Errorf("%s to %s: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
