package controller_test

import (
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

func TestVersionFromName(t *testing.T) {
	for name, want := range map[string]string{
		"CML-2.7.0-Ubuntu-22.04":                   "2.7.0",
		"CML-2.9.1-Ubuntu-24.04":                   "2.9.1",
		"cml2_2.9.0-3_amd64-3.pkg":                 "2.9.0",
		"cml2.9.0":                                 "2.9.0",
		"CML 2.10":                                 "2.10",
		"cml_2.9.1+build.7":                        "2.9.1",
		"ubuntu-24.04-cml-2.8.1":                   "2.8.1",
		"cml-ubuntu-24.04-2.8.1":                   "2.8.1",
		"cml-ubuntu-24.10-2.8.1":                   "2.8.1",
		"cml-2026.01.15-2.9.0":                     "2.9.0",
		"virl2-controller-2.8.1":                   "2.8.1",
		"Cisco Modeling Labs 2.9.0":                "2.9.0",
		"cisco-modelling-labs-2.9.0":               "2.9.0",
		"my.account/CML-2.9.0@2026-09-01":          "2.9.0",
		"ubuntu-noble-24.04-amd64-server-20260901": "",
		"labs-1.2.3":                               "",
		"CML-Ubuntu-22.04":                         "",
		"CML-latest":                               "",
		"CML-10.0.1.20":                            "",
		"CML-2":                                    "",
		"":                                         "",
	} {
		if got := controller.VersionFromName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestImageVersion(t *testing.T) {
	const name = "CML-2.7.0-Ubuntu-22.04"
	for _, tc := range []struct {
		name string
		tags map[string]string
		want string
	}{
		{name, nil, "2.7.0"},
		{name, map[string]string{"cml:version": "2.9.1+build.7"}, "2.9.1+build.7"},
		{name, map[string]string{"cml:version": " "}, "2.7.0"},
		{"golden", map[string]string{"cml:version": "2.9.1"}, "2.9.1"},
		{"golden", map[string]string{"version": "2.9.1"}, ""},
	} {
		if got := controller.ImageVersion(tc.name, tc.tags); got != tc.want {
			t.Errorf("%q with %v: %q, want %q", tc.name, tc.tags, got, tc.want)
		}
	}
}
