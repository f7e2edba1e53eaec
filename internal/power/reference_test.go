package power_test

import (
	"context"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// The account of CML is where a tag of the worker says, and the password in no
// text.
func TestCredentialsByTag(t *testing.T) {
	l := newLab(t)
	admin := l.CML.Admin()
	l.AWS.Region(home).SetTags(l.id, map[string]string{
		"cml:credentials-ref": "secretsmanager:cml/lab", "cml:tls-sha256": l.CML.Machine(l.id).Fingerprint(),
	})
	labID, err := l.CML.Machine(l.id).AddLab(cml.Lab{Title: "ospf", Nodes: []cml.Node{{Label: "r1"}}})
	if err != nil {
		t.Fatal(err)
	}
	serve := func() *server {
		return l.serve(map[string]any{"endpoints": []any{map[string]any{
			"ec2": l.Endpoint(), "sts": l.Endpoint(), "secretsmanager": l.Endpoint(), "ssm": l.Endpoint(),
		}}})
	}
	running := map[string]any{"worker_id": l.id, "state": "running"}
	stopped := map[string]any{"worker_id": l.id, "state": "stopped"}
	healthy := map[string]any{"worker_id": l.id, "state": "running", "start": map[string]any{"readiness": map[string]any{"until": "healthy"}}}

	// Nothing is stored there yet: a refresh warns, a wait fails.
	s := serve()
	created := s.create(running)
	_, diags := s.read(created)
	s.good(diags)
	if !has(diags, warning, "[health_unknown]") || !has(diags, warning, `the Secrets Manager secret "cml/lab"`) {
		t.Errorf("the refresh does not tell:\n%s", show(diags))
	}
	_, diags = serve().apply(context.Background(), created, s.config(healthy))
	if has(diags, failure, "") {
		t.Errorf("a change of readiness alone did something:\n%s", show(diags))
	}
	l.stopOutside()
	_, diags = serve().apply(context.Background(), s.nothing(), s.config(healthy))
	if !has(diags, failure, "ResourceNotFoundException") || !has(diags, failure, "an ARN finds a secret of another region") {
		t.Errorf("the wait does not tell:\n%s", show(diags))
	}

	l.AWS.Region(home).SetSecret("cml/lab", aws.Secret{Text: `{"username": "` + admin.Username + `", "password": "` + admin.Password + `"}`})
	s = serve()
	created = s.create(healthy)
	if err := l.CML.Machine(l.id).StartLab(labID, admin.Username); err != nil {
		t.Fatal(err)
	}
	l.eventually("a running node", func() bool { return l.CML.Machine(l.id).RunningNodes() == 1 })
	if got := attribute(t, created.state, "service_status"); got != "available" {
		t.Errorf("service_status is %s", got)
	}
	const text = "1 node runs on the worker"
	if diags := s.plan(created, s.config(stopped)).Diagnostics; !has(diags, warning, text) {
		t.Errorf("a stop does not warn:\n%s", show(diags))
	}
	if diags := s.plan(s.nothing(), s.config(stopped)).Diagnostics; !has(diags, warning, text) {
		t.Errorf("a created one does not warn:\n%s", show(diags))
	}
}
