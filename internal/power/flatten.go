package power

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
)

// flatten returns the computed attributes of an instance that is reached by
// the settings. lastStopped is what the state knew: EC2 forgets the time of a
// stop with the next start.
func flatten(in *instance.Instance, s controller.Settings, serviceStatus string, lastStopped types.String) *model {
	address := endpoint(in, s)
	out := &model{
		ID:                attribute.String(in.ID),
		Region:            attribute.String(in.Region),
		InstanceState:     attribute.String(in.State),
		Status:            attribute.String(in.Status()),
		ServiceStatus:     attribute.String(serviceStatus),
		PublicIP:          attribute.String(in.PublicIP),
		PublicDNS:         attribute.String(in.PublicDNS),
		PrivateIP:         attribute.String(in.PrivateIP),
		IPv6Address:       attribute.String(in.IPv6),
		Address:           attribute.String(address),
		URL:               attribute.String(s.URL(address)),
		LastStartedAt:     attribute.Time(in.LaunchTime),
		LastStoppedAt:     types.StringNull(),
		StateReason:       attribute.String(in.Why()),
		InterruptedBySpot: types.BoolValue(in.InterruptedBySpot()),
	}
	if at, ok := in.StoppedAt(); ok {
		out.LastStoppedAt = attribute.Time(at)
	} else if settled(in.State) == stateRunning && !lastStopped.IsUnknown() {
		out.LastStoppedAt = lastStopped
	}
	return out
}

// endpoint is the address that is dialled; of a worker that does not run only
// one that a start does not change.
func endpoint(in *instance.Instance, s controller.Settings) string {
	a := readiness.Addresses(in)
	if settled(in.State) != stateRunning && !s.AddressIsFixed(a) {
		return ""
	}
	return s.Pick(a)
}
