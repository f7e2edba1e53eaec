package insight_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// What is null for want of something comes with one warning, that says of what; where
// nothing is missing, nobody is warned.
func TestWarnsOnce(t *testing.T) {
	refused := func(operation string) func(*lab) {
		return func(l *lab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: operation, Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "Access denied"}})
		}
	}
	denied := func(actions ...string) func(*lab) {
		return func(l *lab) { l.AWS.Deny(aws.DefaultAccountID, actions...) }
	}
	for name, c := range map[string]struct {
		kind      string
		arguments map[string]any
		before    func(*lab)
		want      string
	}{
		"health":            {kind: health},
		"health, refused":   {health, nil, refused("GET /system_health"), "tells accounts only is null: GET /system_health: HTTP 403: Access denied [health_unknown]"},
		"metrics":           {kind: metrics, arguments: map[string]any{"metrics": []any{"cpu", "system", "memory"}}},
		"metrics, denied":   {metrics, nil, denied("cloudwatch:*"), "is null: allow cloudwatch:GetMetricData, or leave all groups but `system` out of `metrics`. AWS said: "},
		"metrics, no list":  {metrics, map[string]any{"metrics": []any{"cpu", "memory"}}, denied("cloudwatch:ListMetrics"), "What a CloudWatch agent tells of the memory of worker "},
		"metrics, CML":      {metrics, map[string]any{"metrics": []any{"system"}}, refused("GET /system_stats"), "GET /system_stats: HTTP 403: Access denied [health_unknown]"},
		"idle":              {kind: idle},
		"idle, refused":     {idle, nil, refused("GET /telemetry/events"), "is idle, so it is left as it is: CML does not show its telemetry to this account"},
		"idle, load":        {idle, nil, refused("GET /system_stats"), "is idle, so it is left as it is: GET /system_stats: HTTP 403: Access denied [not_readable]"},
		"idle, an account":  {idle, map[string]any{"exclude_users": []any{"jane"}}, refused("GET /users/*"), `The id of the account "jane" could not be looked up, so its calls count as activity`},
		"idle, no such one": {kind: idle, arguments: map[string]any{"exclude_users": []any{"jane"}}},
		"cost":              {kind: cost},
		"cost, denied":      {cost, nil, denied("pricing:GetProducts"), "pricing:GetProducts"},
		"cost, volumes":     {cost, nil, denied("ec2:DescribeVolumes"), "ec2:DescribeVolumes"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			admin := cml.Credentials{Username: "terraform", Password: "a-long-password"}
			l.server().AddUser(admin, true)
			if c.before != nil {
				c.before(l)
			}
			endpoints := map[string]any{}
			for _, service := range []string{"cloudwatch", "ec2", "pricing", "sts"} {
				endpoints[service] = l.Endpoint()
			}
			server := protocol.Serve(t, l.World, map[string]any{"endpoints": []any{endpoints}, "controller": map[string]any{
				"port": l.Port(), "username": admin.Username, "password": admin.Password, "tls": map[string]any{"fingerprint": l.server().Fingerprint()}}})
			arguments := map[string]any{"worker_id": l.id}
			for k, v := range c.arguments {
				arguments[k] = v
			}
			_, diags := server.Look(c.kind, arguments)
			server.Good(diags)
			switch n := warnings(diags); {
			case c.want == "" && n > 0:
				t.Errorf("warned of nothing:\n%s", protocol.Show(diags))
			case c.want != "" && (n != 1 || !protocol.Has(diags, protocol.Warning, c.want)):
				t.Errorf("%d warnings, want one with %q:\n%s", n, c.want, protocol.Show(diags))
			}
		})
	}
}

func warnings(all []*tfprotov6.Diagnostic) (n int) {
	for _, d := range all {
		if d.Severity == protocol.Warning {
			n++
		}
	}
	return n
}
