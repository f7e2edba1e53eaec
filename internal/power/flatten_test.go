package power

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

func TestFlattenAddresses(t *testing.T) {
	defaults := controller.Defaults()
	private := defaults
	private.AddressPreference = []string{controller.PrivateIP}
	named := defaults
	named.Hostname = "lab.example.net"
	for name, c := range map[string]struct {
		in           instance.Instance
		settings     controller.Settings
		address, url string
	}{
		"running, public": {
			in:       instance.Instance{State: "running", PublicIP: "203.0.113.9", PrivateIP: "10.0.0.9"},
			settings: defaults, address: "203.0.113.9", url: "https://203.0.113.9",
		},
		"stopped, public before": {in: instance.Instance{State: "stopped", PrivateIP: "10.0.0.9"}, settings: defaults},
		"stopping counts as stopped": {
			in: instance.Instance{State: "stopping", PublicIP: "203.0.113.9", PrivateIP: "10.0.0.9"}, settings: defaults,
		},
		"stopped, Elastic IP": {
			in:       instance.Instance{State: "stopped", PublicIP: "203.0.113.9", PublicIPIsEIP: true, PrivateIP: "10.0.0.9"},
			settings: defaults, address: "203.0.113.9", url: "https://203.0.113.9",
		},
		"stopped, private first": {
			in: instance.Instance{State: "stopped", PrivateIP: "10.0.0.9"}, settings: private, address: "10.0.0.9", url: "https://10.0.0.9",
		},
		"stopped, host name": {
			in: instance.Instance{State: "stopped", PrivateIP: "10.0.0.9"}, settings: named, url: "https://lab.example.net",
		},
		"IPv6": {
			in:       instance.Instance{State: "running", IPv6: "2001:db8::9"},
			settings: controller.Settings{AddressPreference: []string{controller.IPv6}, Port: 8443},
			address:  "2001:db8::9", url: "https://[2001:db8::9]:8443",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := flatten(&c.in, c.settings, "available", types.StringNull())
			if got.Address.ValueString() != c.address || got.URL.ValueString() != c.url {
				t.Errorf("got %q and %q, want %q and %q", got.Address.ValueString(), got.URL.ValueString(), c.address, c.url)
			}
			if c.address == "" && !got.Address.IsNull() {
				t.Error("an absent address is not null")
			}
		})
	}
}

func TestFlattenTimes(t *testing.T) {
	const earlier = "2026-11-22T10:00:00Z"
	for name, c := range map[string]struct {
		in    instance.Instance
		prior types.String
		want  types.String
	}{
		"EC2 tells": {
			in:    instance.Instance{State: "stopped", StateTransitionReason: "User initiated (2026-11-23 15:00:00 GMT)"},
			prior: types.StringValue(earlier), want: types.StringValue("2026-11-23T15:00:00Z"),
		},
		"EC2 forgets with the next start": {
			in: instance.Instance{State: "running"}, prior: types.StringValue(earlier), want: types.StringValue(earlier),
		},
		"a newer stop that EC2 does not date": {
			in:    instance.Instance{State: "stopped", StateTransitionReason: "Server.SpotInstanceShutdown"},
			prior: types.StringValue(earlier), want: types.StringNull(),
		},
		"nothing known yet": {in: instance.Instance{State: "running"}, prior: types.StringUnknown(), want: types.StringNull()},
	} {
		t.Run(name, func(t *testing.T) {
			if got := flatten(&c.in, controller.Defaults(), "", c.prior).LastStoppedAt; !got.Equal(c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}

	in := instance.Instance{State: "running", LaunchTime: time.Date(2026, 11, 23, 16, 0, 0, 0, time.FixedZone("CET", 3600))}
	if got := flatten(&in, controller.Defaults(), "", types.StringNull()).LastStartedAt.ValueString(); got != "2026-11-23T15:00:00Z" {
		t.Errorf("last_started_at is %q", got)
	}
}

func TestFlattenAbsentIsNull(t *testing.T) {
	got := flatten(&instance.Instance{ID: "i-01", State: "stopped"}, controller.Defaults(), "unavailable", types.StringNull())
	for name, value := range got.strings() {
		if !value.IsNull() && value.ValueString() == "" {
			t.Errorf("%s is empty instead of null", name)
		}
	}
	if got.InterruptedBySpot.ValueBool() {
		t.Error("nobody interrupted it")
	}
	in := instance.Instance{State: "stopped", StateReasonCode: "Server.SpotInstanceShutdown"}
	if got := flatten(&in, controller.Defaults(), "", types.StringNull()); !got.InterruptedBySpot.ValueBool() {
		t.Error("a spot interruption is not told")
	}
}
