package power_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// create applies a configuration that must succeed.
func (s *server) create(config map[string]any) kept {
	s.t.Helper()
	out, diags := s.apply(context.Background(), s.nothing(), s.config(config))
	s.good(diags)
	return out
}

func TestWarnsOfAutomation(t *testing.T) {
	for _, tag := range []string{"idle-policy", "schedule:office-hours"} {
		t.Run(tag, func(t *testing.T) {
			l := newLab(t)
			l.AWS.Region(home).SetTags(l.id, map[string]string{"cml:" + tag: "x"})
			s := l.serve(nil)
			config := map[string]any{"worker_id": l.id, "state": "running"}
			const code = "[external_change]"
			if diags := s.plan(s.nothing(), s.config(config)).Diagnostics; !has(diags, warning, code) {
				t.Errorf("no warning at creation:\n%s", show(diags))
			}
			created := s.create(config)
			if diags := s.plan(created, s.config(config)).Diagnostics; !has(diags, warning, code) {
				t.Errorf("no warning later on:\n%s", show(diags))
			}
			observed := maps.Clone(config)
			delete(observed, "state")
			accepted := maps.Clone(config)
			accepted["on_external_change"] = "accept"
			for name, c := range map[string]map[string]any{"observed": observed, "accepted": accepted} {
				if diags := s.plan(created, s.config(c)).Diagnostics; has(diags, warning, code) {
					t.Errorf("a warning though it is %s", name)
				}
			}
			silent := l.serve(map[string]any{"suppress_warnings": []any{"external_change"}})
			if diags := silent.plan(created, s.config(config)).Diagnostics; len(diags) > 0 {
				t.Errorf("suppress_warnings is ignored:\n%s", show(diags))
			}
		})
	}
}

func TestWarnsOfRunningNodes(t *testing.T) {
	l := newLab(t)
	admin := l.CML.Admin()
	with := func(trust string) *server {
		return l.serve(map[string]any{"controller": map[string]any{
			"port": l.Port(), "username": admin.Username, "password": admin.Password, "tls": map[string]any{"trust": trust},
		}})
	}
	if _, err := l.CML.Machine(l.id).AddLab(cml.Lab{Title: "ospf", Running: true, Nodes: []cml.Node{{Label: "r1"}, {Label: "r2"}}}); err != nil {
		t.Fatal(err)
	}
	s := with("insecure")
	running := map[string]any{"worker_id": l.id, "state": "running"}
	stopped := map[string]any{"worker_id": l.id, "state": "stopped"}
	const text = "2 nodes run on the worker"
	created := s.create(running)
	for name, diags := range map[string]bool{
		"a stop":        has(s.plan(created, s.config(stopped)).Diagnostics, warning, text),
		"a created one": has(s.plan(s.nothing(), s.config(stopped)).Diagnostics, warning, text),
		"a restart": has(s.plan(created, s.config(map[string]any{
			"worker_id": l.id, "state": "running", "triggers": map[string]any{"a": "b"},
		})).Diagnostics, warning, text),
	} {
		if !diags {
			t.Errorf("%s does not warn", name)
		}
	}
	if diags := s.plan(created, s.config(running)).Diagnostics; has(diags, warning, text) {
		t.Error("a plan that stops nothing warns")
	}
	t.Run("on_destroy", func(t *testing.T) {
		config := map[string]any{"worker_id": l.id, "state": "running", "on_destroy": map[string]any{"state": "stopped"}}
		created := s.create(config)
		if diags := s.plan(created, s.nothing().state).Diagnostics; !has(diags, warning, text) {
			t.Errorf("destroying does not warn:\n%s", show(diags))
		}
	})
	t.Run("no trust, no password", func(t *testing.T) {
		s := with("pin_first")
		logins := l.Recorder.Count("cml", "POST /authenticate")
		if diags := s.plan(created, s.config(stopped)).Diagnostics; has(diags, warning, "nodes") || has(diags, failure, "") {
			t.Errorf("got\n%s", show(diags))
		}
		if now := l.Recorder.Count("cml", "POST /authenticate"); now != logins || logins == 0 {
			t.Errorf("%d logins, %d before", now, logins)
		}
	})
}

func TestWarnsOfSkippedShutdown(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	config := func(state string) map[string]any {
		return map[string]any{"worker_id": l.id, "state": state, "stop": map[string]any{"mode": "skip_os_shutdown"}}
	}
	created := s.create(config("running"))
	if diags := s.plan(created, s.config(config("stopped"))).Diagnostics; !has(diags, warning, "[skip_os_shutdown]") {
		t.Errorf("no warning:\n%s", show(diags))
	}
	if diags := s.plan(created, s.config(config("running"))).Diagnostics; len(diags) > 0 {
		t.Errorf("a plan that stops nothing warns:\n%s", show(diags))
	}
}

func TestWarnsOfAnotherRegion(t *testing.T) {
	l := newLab(t)
	config := map[string]any{"worker_id": l.id, "state": "running"}
	created := l.serve(nil).create(config)
	s := l.serve(map[string]any{"region": "us-west-2"})
	read, diags := s.read(created)
	s.good(diags)
	plan := s.plan(read, s.config(config))
	if !has(plan.Diagnostics, warning, "[region_differs]") || len(plan.RequiresReplace) > 0 {
		t.Errorf("replaced for %v:\n%s", plan.RequiresReplace, show(plan.Diagnostics))
	}
	l.settled(s, read, config)
	config["region"] = "us-west-2"
	if plan := s.plan(read, s.config(config)); len(plan.RequiresReplace) == 0 {
		t.Error("an explicit other region does not replace")
	}
}

func TestUnknownProviderConfiguration(t *testing.T) {
	l := newLab(t)
	config := map[string]any{"worker_id": l.id, "state": "running"}
	created := l.serve(nil).create(config)
	s := l.serve(map[string]any{"access_key": unknown{}})
	l.stopOutside()
	l.Recorder.Reset()
	read, diags := s.read(created)
	s.good(diags)
	if !has(diags, warning, "[unknown_configuration]") || !has(diags, warning, "access_key") {
		t.Errorf("no warning names the argument:\n%s", show(diags))
	}
	if !read.state.Equal(created.state) {
		t.Errorf("the state changed to %s", read.state)
	}
	plan := s.plan(s.nothing(), s.config(config))
	s.good(plan.Diagnostics)
	if got := attribute(t, s.value(plan.PlannedState), "address"); got != "(unknown)" {
		t.Errorf("address of a creation is planned as %s", got)
	}
	if got := l.Recorder.Operations(""); len(got) > 0 {
		t.Errorf("somebody was asked %q", got)
	}
}

func TestOneTimeSpot(t *testing.T) {
	l := newLab(t)
	l.id = l.launch(func(in *ec2.RunInstancesInput) {
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{
			MarketType: types.MarketTypeSpot, SpotOptions: &types.SpotMarketOptions{SpotInstanceType: types.SpotInstanceTypeOneTime},
		}
	})
	s := l.serve(nil)
	const text = "a one-time spot instance can only run or be terminated"
	l.refusesStop(s, text)
	// Who may not read the request finds out in apply.
	l.AWS.Deny(aws123, "ec2:DescribeSpotInstanceRequests")
	_, diags := s.apply(context.Background(), s.nothing(), s.config(stopping(l.id)))
	if !has(diags, failure, text) {
		t.Errorf("the error does not explain it:\n%s", show(diags))
	}
	if tag, ok := l.machine().Tags["cml:last-stop-reason"]; ok {
		t.Errorf("a stop that did not happen left the tag %q", tag)
	}
}

// refusesStop checks that no plan stops the machine, whatever asks for it.
func (l *lab) refusesStop(s *server, text string) {
	l.t.Helper()
	running := map[string]any{"worker_id": l.id, "state": "running", "on_destroy": map[string]any{"state": "stopped"}}
	restart := maps.Clone(running)
	restart["triggers"] = map[string]any{"a": "b"}
	created := s.create(running)
	for name, diags := range map[string][]*tfprotov6.Diagnostic{
		"a stop":     s.plan(created, s.config(stopping(l.id))).Diagnostics,
		"a creation": s.plan(s.nothing(), s.config(stopping(l.id))).Diagnostics,
		"a restart":  s.plan(created, s.config(restart)).Diagnostics,
		"a destroy":  s.plan(created, s.nothing().state).Diagnostics,
	} {
		if !has(diags, failure, text) {
			l.t.Errorf("%s is planned:\n%s", name, show(diags))
		}
	}
	if diags := s.plan(created, s.config(running)).Diagnostics; has(diags, failure, "") {
		l.t.Errorf("what stops nothing is refused:\n%s", show(diags))
	}
}

func TestStopProtection(t *testing.T) {
	l := newLab(t)
	l.AWS.Region(home).SetProtection(l.id, false, true)
	s := l.serve(nil)
	l.refusesStop(s, "stop protection is on")
	// A machine that is stopped already needs no stop.
	l.AWS.Region(home).SetProtection(l.id, false, false)
	l.stopOutside()
	l.AWS.Region(home).SetProtection(l.id, false, true)
	if diags := s.plan(s.nothing(), s.config(stopping(l.id))).Diagnostics; has(diags, failure, "") {
		t.Errorf("got\n%s", show(diags))
	}
	// Who may not read the protection finds out in apply.
	l.AWS.Region(home).SetProtection(l.id, false, false)
	l.startOutside()
	l.AWS.Region(home).SetProtection(l.id, false, true)
	l.AWS.Deny(aws123, "ec2:DescribeInstanceAttribute")
	_, diags := s.apply(context.Background(), s.nothing(), s.config(stopping(l.id)))
	if !has(diags, failure, "protection") || l.machine().State != "running" {
		t.Errorf("the machine is %s:\n%s", l.machine().State, show(diags))
	}
}

func TestSpotInterruption(t *testing.T) {
	l := newLab(t)
	s := l.serve(nil)
	created := s.create(map[string]any{"worker_id": l.id})
	l.AWS.Region(home).Interrupt(l.id, "Server.SpotInstanceShutdown", "Server.SpotInstanceShutdown: Instance shut down.", true)
	l.await(l.id, "stopped")
	read, diags := s.read(created)
	s.good(diags)
	if got := attribute(t, read.state, "state_reason"); got == "(null)" {
		t.Error("there is no reason")
	}
	var interrupted bool
	if err := member(t, read.state, "interrupted_by_spot").As(&interrupted); err != nil || !interrupted {
		t.Errorf("the state does not tell of the interruption: %s", read.state)
	}
}

// The settings of a worker in another configuration come by its tags.
func TestSettingsFromTags(t *testing.T) {
	l := newLab(t)
	l.AWS.Region(home).SetTags(l.id, map[string]string{
		"cml:hostname": "tagged.example.net", "cml:port": fmt.Sprint(l.Port()), "cml:address-preference": "private_ip",
	})
	s := l.serve(map[string]any{"controller": nil})
	created := s.create(map[string]any{"worker_id": l.id, "state": "running"})
	if got, want := attribute(t, created.state, "url"), fmt.Sprintf("https://tagged.example.net:%d", l.Port()); got != want {
		t.Errorf("url is %q, wanted %q", got, want)
	}
	if got, want := attribute(t, created.state, "address"), l.machine().PrivateIP; got != want {
		t.Errorf("address is %q, wanted %q", got, want)
	}
	// Both outlive a stop, so a plan that stops knows them.
	plan := s.value(s.plan(created, s.config(map[string]any{"worker_id": l.id, "state": "stopped"})).PlannedState)
	for _, name := range []string{"url", "address"} {
		if got, want := attribute(t, plan, name), attribute(t, created.state, name); got != want {
			t.Errorf("%s is planned as %q, wanted %q", name, got, want)
		}
	}
}
