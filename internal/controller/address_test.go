package controller_test

import (
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

func TestPickFollowsThePreference(t *testing.T) {
	lent := controller.Addresses{PublicIP: "203.0.113.9", PrivateIP: "10.0.0.9", IPv6: "2001:db8::9"}
	elastic := controller.Addresses{EIP: "198.51.100.7", PublicIP: "198.51.100.7", PrivateIP: "10.0.0.9"}
	tests := map[string]struct {
		preference []string
		addresses  controller.Addresses
		expected   []string
		want       string
	}{
		"default, Elastic IP":             {nil, elastic, nil, "198.51.100.7"},
		"default, lent address":           {nil, lent, nil, "203.0.113.9"},
		"default, private only":           {nil, controller.Addresses{PrivateIP: "10.0.0.9"}, nil, "10.0.0.9"},
		"default, none":                   {nil, controller.Addresses{IPv6: "2001:db8::9"}, nil, ""},
		"private first":                   {[]string{"private_ip", "public_ip"}, lent, nil, "10.0.0.9"},
		"only what is named":              {[]string{"eip"}, lent, nil, ""},
		"ipv6":                            {[]string{"ipv6"}, lent, nil, "2001:db8::9"},
		"promised and missing: wait":      {nil, lent, []string{"eip"}, ""},
		"promised and there":              {nil, elastic, []string{"eip"}, "198.51.100.7"},
		"promised but not preferred":      {[]string{"private_ip"}, lent, []string{"eip"}, "10.0.0.9"},
		"promised after one that is here": {[]string{"private_ip", "eip"}, lent, []string{"eip"}, "10.0.0.9"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := controller.Settings{AddressPreference: test.preference}
			if _, got := s.PickExpecting(test.addresses, test.expected...); got != test.want {
				t.Errorf("PickExpecting: got %q, want %q", got, test.want)
			}
			if got := s.Pick(test.addresses); len(test.expected) == 0 && got != test.want {
				t.Errorf("Pick: got %q, want %q", got, test.want)
			}
		})
	}
}

func TestURL(t *testing.T) {
	tests := map[string]struct {
		settings controller.Settings
		ip, want string
	}{
		"default port":     {controller.Settings{}, "203.0.113.9", "https://203.0.113.9"},
		"443":              {controller.Settings{Port: 443}, "203.0.113.9", "https://203.0.113.9"},
		"another port":     {controller.Settings{Port: 8443}, "203.0.113.9", "https://203.0.113.9:8443"},
		"ipv6":             {controller.Settings{}, "2001:db8::9", "https://[2001:db8::9]"},
		"ipv6 and port":    {controller.Settings{Port: 8443}, "2001:db8::9", "https://[2001:db8::9]:8443"},
		"host name wins":   {controller.Settings{Hostname: "lab.example.net", Port: 8443}, "203.0.113.9", "https://lab.example.net:8443"},
		"name, no address": {controller.Settings{Hostname: "lab.example.net"}, "", "https://lab.example.net"},
		"nothing":          {controller.Settings{}, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.settings.URL(test.ip); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestWhatIsKnownWhileStopped(t *testing.T) {
	stopped := controller.Addresses{PrivateIP: "10.0.0.9", IPv6: "2001:db8::9"}
	elastic := controller.Addresses{EIP: "198.51.100.7", PublicIP: "198.51.100.7", PrivateIP: "10.0.0.9"}
	lent := controller.Addresses{PublicIP: "203.0.113.9", PrivateIP: "10.0.0.9"}
	tests := map[string]struct {
		settings  controller.Settings
		addresses controller.Addresses
		address   bool
		url       bool
	}{
		"Elastic IP":                      {controller.Settings{}, elastic, true, true},
		"Elastic IP as public address":    {controller.Settings{AddressPreference: []string{"public_ip"}}, elastic, true, true},
		"lent address":                    {controller.Settings{}, lent, false, false},
		"stopped, a public one may come":  {controller.Settings{}, stopped, false, false},
		"private first":                   {controller.Settings{AddressPreference: []string{"private_ip", "public_ip"}}, stopped, true, true},
		"no Elastic IP, private next":     {controller.Settings{AddressPreference: []string{"eip", "private_ip"}}, stopped, true, true},
		"ipv6":                            {controller.Settings{AddressPreference: []string{"ipv6"}}, stopped, true, true},
		"a host name fixes the URL alone": {controller.Settings{Hostname: "lab.example.net"}, lent, false, true},
		"nothing":                         {controller.Settings{AddressPreference: []string{"private_ip"}}, controller.Addresses{}, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.settings.AddressIsFixed(test.addresses); got != test.address {
				t.Errorf("address: got %v, want %v", got, test.address)
			}
			if got := test.settings.URLIsFixed(test.addresses); got != test.url {
				t.Errorf("URL: got %v, want %v", got, test.url)
			}
		})
	}
}
