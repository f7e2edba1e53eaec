package power

import (
	"context"
	"errors"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// askLimit bounds the question for running nodes, which only a warning needs.
const askLimit = 5 * time.Second

// tagsOf returns an instance's managed tags, without prefix.
func (r *Resource) tagsOf(in *instance.Instance) map[string]string {
	return r.set.ManagedTags().Values(in.Tags)
}

// errNoCredentials says that there is nobody to ask CML as.
var errNoCredentials = errors.New("no credentials of CML are configured")

// runningNodes asks CML how many nodes run.
func (r *Resource) runningNodes(ctx context.Context, explicit controller.Settings, in *instance.Instance) (int, error) {
	s := r.set.SettingsFor(in, explicit)
	resolve := r.set.CredentialsFor(in.Region, s)
	if resolve == nil {
		return 0, errNoCredentials
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	credentials, err := resolve(ctx)
	if err != nil {
		return 0, err
	}
	client := controller.New(endpoint(in, s), s, credentials, r.set.Transport())
	defer client.Close()
	return client.NodesRunning(ctx)
}
