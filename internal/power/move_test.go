package power_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/stub"
)

func TestMoveFromInstanceState(t *testing.T) {
	for name, c := range map[string]struct {
		was       string
		arguments string
		action    plancheck.ResourceActionType
	}{
		"running":               {"running", `state = "running"`, plancheck.ResourceActionNoop},
		"stopped":               {"stopped", `state = "stopped"`, plancheck.ResourceActionNoop},
		"with what is recorded": {"running", "state = \"running\"\n  triggers = { a = \"1\" }\n  on_external_change = \"accept\"\n  stop = { mode = \"force\" }", plancheck.ResourceActionUpdate},
	} {
		t.Run(name, func(t *testing.T) {
			acctest.Engine(t, engine.MoveState)
			l := newLab(t)
			if c.was == "stopped" {
				l.stopOutside()
			}
			// Both providers go by the namespace of the other one here.
			t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "hashicorp")
			providers := maps.Clone(acctest.Factories())
			providers["aws"] = stub.AWS().Factory()
			const address = "cml_worker_power.lab"
			acctest.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: providers,
				Steps: []resource.TestStep{
					{Config: l.Provider("") + fmt.Sprintf("\nresource \"aws_ec2_instance_state\" \"old\" {\n  id          = %[1]q\n  instance_id = %[1]q\n  state       = %[2]q\n  force       = true\n}\n", l.id, c.was)},
					{
						PreConfig:        l.Recorder.Reset,
						Config:           l.config(c.arguments) + "\nmoved {\n  from = aws_ec2_instance_state.old\n  to   = cml_worker_power.lab\n}\n",
						ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, c.action)}},
						Check: resource.ComposeAggregateTestCheckFunc(
							l.wantCalls(0, 0),
							resource.TestCheckResourceAttr(address, "id", l.id), resource.TestCheckResourceAttr(address, "worker_id", l.id),
							resource.TestCheckResourceAttr(address, "region", home), resource.TestCheckResourceAttr(address, "state", c.was),
							resource.TestCheckResourceAttr(address, "instance_state", c.was),
						),
					},
					{
						Config:           l.config(c.arguments),
						ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
					},
				},
			})
		})
	}
}

func TestMoveOfRealStates(t *testing.T) {
	for name, c := range map[string]struct {
		address, state            string
		region, wished, wantError string
	}{
		"version 5":      {state: `{"force": false, "id": "i-0123456789abcdef0", "instance_id": "i-0123456789abcdef0", "state": "stopped", "timeouts": null}`, region: "(null)", wished: "stopped"},
		"version 6":      {state: `{"force": true, "id": "i-0123456789abcdef0", "instance_id": "i-0123456789abcdef0", "region": "eu-west-1", "state": "running", "timeouts": {"create": null, "delete": null, "update": "20m"}}`, region: "eu-west-1", wished: "running"},
		"in between":     {state: `{"id": "i-0123456789abcdef0", "instance_id": "i-0123456789abcdef0", "state": "pending"}`, region: "(null)", wished: "(null)"},
		"id alone":       {state: `{"id": "i-0123456789abcdef0"}`, region: "(null)", wished: "(null)"},
		"no instance":    {state: `{"id": "", "instance_id": ""}`, wantError: "names no instance id"},
		"another shape":  {state: `{"id": 7}`, wantError: "names no instance id"},
		"another source": {address: "registry.terraform.io/someone/aws", state: `{"id": "i-0123456789abcdef0"}`, wantError: "Unable to Move Resource State"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.address == "" {
				c.address = "registry.terraform.io/hashicorp/aws"
			}
			s := protocol.Unconfigured(t)
			resp, err := s.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{
				SourceProviderAddress: c.address, SourceTypeName: "aws_ec2_instance_state", TargetTypeName: "cml_worker_power",
				SourceState:   &tfprotov6.RawState{JSON: []byte(c.state)},
				SourcePrivate: []byte(`{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":600000000000,"delete":60000000000,"update":600000000000}}`),
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.wantError != "" {
				if !protocol.Has(resp.Diagnostics, protocol.Failure, c.wantError) {
					t.Errorf("wanted the error %q, got:\n%s", c.wantError, protocol.Show(resp.Diagnostics))
				}
				return
			}
			s.Good(resp.Diagnostics)
			state := s.Resource("cml_worker_power").Value(resp.TargetState)
			for name, want := range map[string]string{
				"id": "i-0123456789abcdef0", "worker_id": "i-0123456789abcdef0", "region": c.region, "state": c.wished, "instance_state": "(null)",
			} {
				if got := attribute(t, state, name); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			if resp.TargetIdentity != nil && resp.TargetIdentity.IdentityData != nil {
				t.Error("an identity without account was given, which may not change later")
			}
		})
	}
}

// What was moved can be read with the private state and without the identity of
// the move. `accept` goes by what was wished for before the move.
func TestReadAfterMove(t *testing.T) {
	l := newLab(t)
	s := protocol.Serve(t, l.World, nil)
	r := s.Resource("cml_worker_power")
	resp, err := s.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{
		SourceProviderAddress: "registry.terraform.io/hashicorp/aws", SourceTypeName: "aws_ec2_instance_state", TargetTypeName: "cml_worker_power",
		SourceState: &tfprotov6.RawState{JSON: fmt.Appendf(nil, `{"id": %[1]q, "instance_id": %[1]q, "state": "running"}`, l.id)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Good(resp.Diagnostics)
	l.stopOutside()
	read, diags := r.Read(protocol.Kept{State: r.Value(resp.TargetState), Private: resp.TargetPrivate, Identity: resp.TargetIdentity})
	s.Good(diags)
	if read.Identity == nil || read.Identity.IdentityData == nil {
		t.Error("the read gave no identity")
	}
	if got := attribute(t, read.State, "state") + " " + attribute(t, read.State, "region"); got != "stopped "+home {
		t.Errorf("read: %s", got)
	}
	l.Recorder.Reset()
	out, diags := r.Apply(t.Context(), read, r.Config(map[string]any{"worker_id": l.id, "state": "running", "on_external_change": "accept"}))
	s.Good(diags)
	if got := l.calls(); got != (calls{}) {
		t.Errorf("accepting what somebody did made calls: %+v", got)
	}
	if got := attribute(t, out.State, "instance_state"); got != "stopped" {
		t.Errorf("instance_state is %s", got)
	}
	_, diags = r.Apply(t.Context(), read, r.Config(map[string]any{"worker_id": l.id, "state": "running"}))
	s.Good(diags)
	if got := l.calls(); got != (calls{start: 1}) {
		t.Errorf("correcting made %+v", got)
	}
}
