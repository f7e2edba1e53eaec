// Package clients holds what the provider's Configure hands to resources, data
// sources and actions: lazily made clients, one per region, and the
// provider-wide settings.
package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/secrets"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Identity is who the AWS credentials belong to.
type Identity = awsconf.Identity

// Options are the provider's arguments in plain Go.
type Options struct {
	AWS         awsconf.Options
	Controller  controller.Settings
	Credentials controller.Credentials
	Transport   controller.Transport
	ManagedTags instance.ManagedTags
	DefaultTags map[string]string
	// IgnoredKeys and IgnoredPrefixes are those of `ignore_tags`.
	IgnoredKeys, IgnoredPrefixes []string
	RefreshProbe                 bool
	RefreshPrices                bool
	SuppressedWarnings           []string
	// UnknownArguments are the arguments whose values come with the apply.
	UnknownArguments []string
	WorkerDefaults   Defaults
	RegionDefaults   RegionDefaults
	Guardrails       Guardrails
	// Interval is the pace of waits where the configuration says nothing; 0
	// means the usual one.
	Interval time.Duration
}

// Set is the provider's configuration in use. It is safe for concurrent use.
type Set struct {
	opts     Options
	factory  *awsconf.Factory
	secrets  *secrets.Store
	budget   *ProbeBudget
	locks    locks
	licenses licenses
	stops    stops
	answers  awsconf.Answers

	mu        sync.Mutex
	instances map[string]*awsconf.Lazy[*instance.Client]
	verdicts  map[string]*awsconf.Lazy[error]
	prices    map[string]*awsconf.Lazy[*pricing.Client] // by the region of the list
	told      map[string]bool
}

// New returns a set. It makes no request and looks nothing up.
func New(o Options) *Set {
	s := &Set{
		opts:      o,
		budget:    newProbeBudget(),
		instances: map[string]*awsconf.Lazy[*instance.Client]{},
		verdicts:  map[string]*awsconf.Lazy[error]{},
		prices:    map[string]*awsconf.Lazy[*pricing.Client]{},
		told:      map[string]bool{},
	}
	if s.opts.Transport.Sessions == nil {
		s.opts.Transport.Sessions = controller.NewSessions()
	}
	o.AWS.ExplainRegion = s.explainRegion
	s.factory = awsconf.New(o.AWS)
	s.secrets = secrets.New(s.factory)
	return s
}

// From returns the set that Configure of a resource, data source or action
// got, nil before the provider is configured.
func From(providerData any) (*Set, diag.Diagnostics) {
	if providerData == nil {
		return nil, nil
	}
	if set, ok := providerData.(*Set); ok {
		return set, nil
	}
	return nil, diag.Diagnostics{diag.NewErrorDiagnostic("Unexpected provider data",
		fmt.Sprintf("Wanted *clients.Set, got %T. Please report this as a defect of the provider.", providerData))}
}

// DefaultRegion returns the provider's region: its argument, or what the AWS
// environment and profile say. It usually makes no request. The error names
// the argument to set.
func (s *Set) DefaultRegion(ctx context.Context) (string, error) {
	region, err := s.factory.Region(ctx)
	if err != nil {
		return "", err
	}
	return region, s.checkRegion(region)
}

// Instances returns the EC2 client of a region, "" being the provider's. The
// first call looks the credentials up, asks STS whose they are and holds the
// account against allowed_account_ids and forbidden_account_ids; what it finds
// is kept, errors included unless they were the network's.
func (s *Set) Instances(ctx context.Context, region string) (*instance.Client, error) {
	if region == "" {
		var err error
		if region, err = s.DefaultRegion(ctx); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	lazy, ok := s.instances[region]
	if !ok {
		lazy = awsconf.NewLazy(func(ctx context.Context) (*instance.Client, error) { return s.newInstances(ctx, region) })
		s.instances[region] = lazy
	}
	s.mu.Unlock()
	return lazy.Get(ctx)
}

func (s *Set) newInstances(ctx context.Context, region string) (*instance.Client, error) {
	if err := s.checkRegion(region); err != nil {
		return nil, err
	}
	cfg, err := s.factory.Config(ctx, region)
	if err != nil {
		return nil, err
	}
	if _, err := s.factory.Identity(ctx); err != nil {
		return nil, err
	}
	return instance.NewFromConfig(cfg, instance.Options{
		Region:   region,
		Endpoint: s.factory.Endpoint(awsconf.EC2),
		AccountID: func(ctx context.Context) (string, error) {
			id, err := s.factory.Identity(ctx)
			return id.AccountID, err
		},
		Partition: func(ctx context.Context) (string, error) {
			id, err := s.factory.Identity(ctx)
			return id.Partition, err
		},
		Interval: s.opts.Interval, CapacityInterval: s.opts.Interval,
		Tags: s.opts.ManagedTags,
	}), nil
}

// Identity returns whose credentials these are, from one request per run.
// AccountID is empty where the provider was told not to ask.
func (s *Set) Identity(ctx context.Context) (Identity, error) { return s.factory.Identity(ctx) }

// AWS returns the factory of SDK configurations, for clients of other
// services.
func (s *Set) AWS() *awsconf.Factory { return s.factory }

// checkRegion refuses what cannot be the name of a region.
func (s *Set) checkRegion(region string) error {
	if s.opts.AWS.SkipRegionValidation {
		return nil
	}
	if problem := validators.RegionProblem(region); problem != "" {
		return awsconf.NewError("region", fault.BadReference,
			"correct the region of the resource, of the provider or of AWS_REGION; `skip_region_validation = true` lets other names pass.", "%q %s", region, problem)
	}
	return nil
}

// Controller returns the provider's layer of how CML is reached.
func (s *Set) Controller() controller.Settings { return s.opts.Controller }

// Credentials returns the provider's account of CML.
func (s *Set) Credentials() controller.Credentials { return s.opts.Credentials }

// Transport returns how requests to CML are carried; all clients of a run
// share its sessions.
func (s *Set) Transport() controller.Transport { return s.opts.Transport }

// ManagedTags returns the prefix and switch of the marker tags.
func (s *Set) ManagedTags() instance.ManagedTags { return s.opts.ManagedTags }

// DefaultTags returns a copy of `default_tags`.
func (s *Set) DefaultTags() map[string]string { return maps.Clone(s.opts.DefaultTags) }

// Ignored reports whether a tag is none of the configuration's business: one
// of `ignore_tags`, a marker of this provider, or one of AWS itself.
func (s *Set) Ignored(key string) bool {
	if strings.HasPrefix(key, "aws:") || strings.HasPrefix(key, s.opts.ManagedTags.Key("")) || slices.Contains(s.opts.IgnoredKeys, key) {
		return true
	}
	return slices.ContainsFunc(s.opts.IgnoredPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// RefreshProbe reports whether a refresh asks CML.
func (s *Set) RefreshProbe() bool { return s.opts.RefreshProbe }

// UnknownArguments returns the arguments of the provider whose values are not
// known yet, such as "controller.password". While there are any, a read keeps
// the state and a data source fails.
func (s *Set) UnknownArguments() []string { return slices.Clone(s.opts.UnknownArguments) }

// Suppressed reports whether warnings of a code are silenced. A nil set
// silences none.
func (s *Set) Suppressed(code string) bool {
	return s != nil && slices.Contains(s.opts.SuppressedWarnings, code)
}

// Interval returns the pace of waits; 0 is the usual one.
func (s *Set) Interval() time.Duration { return s.opts.Interval }

// ProbeBudget returns the budget of CML probes that all reads share.
func (s *Set) ProbeBudget() *ProbeBudget { return s.budget }

// Lock waits for its turn on one instance and returns what gives it back:
// resources of one worker that Terraform runs side by side must not act at
// once.
func (s *Set) Lock(instanceID string) (unlock func()) { return s.locks.lock(instanceID) }
