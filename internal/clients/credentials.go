package clients

import (
	"context"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// SettingsFor merges the layers that say how CML on an instance is reached: the
// configuration, the instance's managed tags, the provider, the defaults.
func (s *Set) SettingsFor(in *instance.Instance, explicit controller.Settings) controller.Settings {
	tags := controller.SettingsFromTags(s.ManagedTags().Values(in.Tags))
	return controller.Merge(explicit, tags, s.Controller(), controller.Defaults())
}

// CredentialsFor returns what gets the credentials for the CML of a worker in
// a region: those that the settings refer to, which are read when they are
// needed first and once in a run, else the provider's own. It is nil when
// there are neither. settings are the merged ones.
func (s *Set) CredentialsFor(region string, settings controller.Settings) func(context.Context) (controller.Credentials, error) {
	own := s.opts.Credentials
	switch {
	case !settings.CredentialsRef.IsZero():
		return func(ctx context.Context) (controller.Credentials, error) {
			return s.secrets.Credentials(ctx, settings.CredentialsRef, region, own.Username)
		}
	case own.IsZero():
		return nil
	}
	return func(context.Context) (controller.Credentials, error) { return own, nil }
}
