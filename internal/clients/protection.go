package clients

import (
	"context"
	"sync"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// stops is what the plans of one run tell each other about stop protection.
type stops struct {
	mu sync.Mutex
	// planned are the instances whose stop protection the run changes; nil where
	// only apply will tell to what.
	planned map[string]*bool
}

// PlanStopProtection records that the plan of a worker switches its stop
// protection on or off; nil means that only apply will tell. Terraform plans a
// resource after those that it refers to, so that whoever names the worker by
// reference is planned later.
func (s *Set) PlanStopProtection(instanceID string, on *bool) {
	s.stops.mu.Lock()
	defer s.stops.mu.Unlock()
	if s.stops.planned == nil {
		s.stops.planned = map[string]*bool{}
	}
	s.stops.planned[instanceID] = on
}

// WillProtectStop reports whether EC2 will refuse to stop a worker once the plan
// of this run is applied: what PlanStopProtection recorded, else what EC2 has
// now. It is false where that cannot be known, which is for apply to find out.
// It is for diagnostics of a plan, never for planned values.
func (s *Set) WillProtectStop(ctx context.Context, ec2 *instance.Client, instanceID string) bool {
	s.stops.mu.Lock()
	on, changes := s.stops.planned[instanceID]
	s.stops.mu.Unlock()
	if changes {
		return on != nil && *on
	}
	now, err := ec2.StopProtection(ctx, instanceID)
	return err == nil && now
}
