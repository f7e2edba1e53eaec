package permissions_test

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// invocations are rows that invoke actions, of a provider in process, since few
// engines can.
var invocations = map[string]row{
	"reboot": {[]string{"read", "power"}, func(w *world) []resource.TestStep {
		return w.invokes(w.machine(nil), "cml_worker_reboot", map[string]any{"readiness": map[string]any{"until": "status_ok"}})
	}},
	"publish metrics": {[]string{"read", "publish_metrics"}, func(w *world) []resource.TestStep {
		return w.invokes(w.machine(nil), "cml_worker_publish_metrics", nil)
	}},
	"snapshot": {[]string{"read", "snapshot"}, func(w *world) []resource.TestStep {
		return w.invokes(w.machine(nil), "cml_worker_snapshot", map[string]any{"quiesce": "stop", "tags": map[string]any{"A": "1"}})
	}},
	"renewal": {[]string{"read"}, func(w *world) []resource.TestStep {
		id := w.machine(nil)
		w.register(id)
		return w.invokes(id, "cml_worker_license_renew", nil)
	}},
	"de-registration": {[]string{"read", "delete"}, func(w *world) []resource.TestStep {
		id := w.machine(nil)
		w.register(id)
		w.stop(id)
		return w.invokes(id, "cml_worker_license_deregister", nil)
	}},
}

// register gives a machine a licence that is soon to be renewed.
func (w *world) register(id string) {
	machine := w.CML.Machine(id)
	machine.RegisterNow("CML_Enterprise", w.Now())
	soon := w.Now().AddDate(0, 0, 10)
	machine.SetLicenseExpiry(soon, soon)
}

// invokes lets an action act on the machine, and wants no error.
func (w *world) invokes(id, action string, arguments map[string]any) []resource.TestStep {
	w.invoke = append(w.invoke, func() {
		w.t.Helper()
		admin := w.CML.Admin()
		server := protocol.Serve(w.t, w.World, map[string]any{
			"assume_role": []any{map[string]any{"role_arn": fmt.Sprintf("arn:aws:iam::%s:role/cml-admin", aws.DefaultAccountID)}},
			"endpoints":   []any{map[string]any{"ec2": w.Endpoint(), "sts": w.Endpoint(), "cloudwatch": w.Endpoint()}},
			"controller":  map[string]any{"port": w.Port(), "username": admin.Username, "password": admin.Password, "tls": map[string]any{"trust": "insecure"}},
		})
		config := map[string]any{"worker_id": id}
		for name, v := range arguments {
			config[name] = v
		}
		server.Good(server.Action(action).Plan(config).Diagnostics)
		server.Good(server.Action(action).Invoke(w.t.Context(), config, nil).Diagnostics)
	})
	return nil
}
