package clients

import (
	"context"
	"sync"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
)

// licenses is what the resources of one run tell each other about licences.
type licenses struct {
	mu sync.Mutex
	// free are the instances whose licence was given back in this run.
	free map[string]bool
	// holders are the instances by the UDI of their CML.
	holders map[string]string
}

// SetLicenseFree records whether the licence of a worker was given back in this
// run, so that nothing starts the worker to look for it once more.
func (s *Set) SetLicenseFree(instanceID string, free bool) {
	s.licenses.mu.Lock()
	defer s.licenses.mu.Unlock()
	if s.licenses.free == nil {
		s.licenses.free = map[string]bool{}
	}
	s.licenses.free[instanceID] = free
}

// LicenseFree reports what SetLicenseFree recorded last.
func (s *Set) LicenseFree(instanceID string) bool {
	s.licenses.mu.Lock()
	defer s.licenses.mu.Unlock()
	return s.licenses.free[instanceID]
}

// HoldUDI records under which UDI a worker is registered. Two workers under
// one UDI are one product to Cisco's licence servers, as clones of a registered
// machine are: other is the one that came first, "" when there is none.
func (s *Set) HoldUDI(udi, instanceID string) (other string) {
	if udi == "" {
		return ""
	}
	s.licenses.mu.Lock()
	defer s.licenses.mu.Unlock()
	if s.licenses.holders == nil {
		s.licenses.holders = map[string]string{}
	}
	if first, ok := s.licenses.holders[udi]; ok && first != instanceID {
		return first
	}
	s.licenses.holders[udi] = instanceID
	return ""
}

// SharedUDI records the UDI of a worker that is registered, as HoldUDI does; one
// that is not is counted nowhere.
func (s *Set) SharedUDI(l controller.Licensing, instanceID string) (other string) {
	if !l.Registered() {
		return ""
	}
	return s.HoldUDI(l.UDI.ProductUUID, instanceID)
}

// License returns the worker that a licence is for. explicit is what the
// resource itself says about the way to CML; the managed tags of the instance
// and the provider fill it.
func (s *Set) License(ec2 *instance.Client, instanceID, accountID string, explicit controller.Settings, progress func(string)) *licensing.Worker {
	return &licensing.Worker{
		Instances: ec2, InstanceID: instanceID, AccountID: accountID,
		Settings: func(in *instance.Instance) controller.Settings {
			return s.SettingsFor(in, explicit)
		},
		Credentials: func(settings controller.Settings) func(context.Context) (controller.Credentials, error) {
			return s.CredentialsFor(ec2.Region(), settings)
		},
		Transport: s.Transport(), Interval: s.Interval(), Progress: progress,
	}
}
