package license_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	renewAction      = "cml_worker_license_renew"
	deregisterAction = "cml_worker_license_deregister"
)

// actor is an action in a run of its own.
func (b *bench) actor(name string, more object) *protocol.Action {
	b.t.Helper()
	return b.serve(more).Action(name)
}

// on is a configuration of an action on the machine.
func (b *bench) on(more object) object {
	all := object{"worker_id": b.id}
	for k, v := range more {
		all[k] = v
	}
	return all
}

// registered is a machine that was registered a while ago.
func registered(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-10*time.Second))
	b.good(20 * 24 * time.Hour)
	b.Recorder.Reset()
	return b
}

// good sets how long registration and authorization are good for: less than what
// a renewal gives, so that it shows.
func (b *bench) good(left time.Duration) {
	b.machine().SetLicenseExpiry(time.Now().Add(left), time.Now().Add(left))
}

// counted are the products that Cisco counts.
func (b *bench) counted() int { return len(b.CML.SSMS().Registrations()) }

func (b *bench) stop() {
	b.t.Helper()
	b.AWS.Region(home).StopOutside(b.id)
	b.eventually("stopped", func() bool { return b.state() == "stopped" })
	b.Recorder.Reset()
}

func (b *bench) state() string {
	in, _ := b.AWS.Region(home).Instance(b.id)
	return in.State
}

// fault adds a fault of CML for the first times requests, 0 for all.
func (b *bench) fault(operation string, times int, f wire.Fault) {
	b.Faults.Add(wire.Rule{Service: "cml", Operation: operation, Times: times, Fault: f})
}

// interrupted invokes and cancels once an operation of CML is asked, which takes
// long.
func (b *bench) interrupted(a *protocol.Action, config object, operation string) protocol.Invoked {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	b.fault(operation, 1, wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil && b.Faults.Pending() > 0 {
			<-time.After(time.Millisecond)
		}
		cancel()
	}()
	got := a.Invoke(ctx, config, nil)
	cancel()
	<-ended
	b.Faults.Clear()
	return got
}

const (
	putAuthorization = "PUT /licensing/authorization/renew"
	putRegistration  = "PUT /licensing/registration/renew"
	deregistration   = "DELETE /licensing/deregistration"
)

// Both parts are renewed, and the resource has nothing to do after it but to
// show the new date.
func TestRenewAction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	config := b.config(r, nil)
	k := r.Create(config)
	b.good(60 * 24 * time.Hour)
	b.Recorder.Reset()
	got := b.actor(renewAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Fine(t)
	end := b.machine().License().Expires
	got.Told(t, "renewing the licence's authorization", "the authorization of the licence was renewed and is good until",
		"renewing the licence's registration", "the registration of the licence was renewed and is good until",
		"the licence of worker "+b.id+" is good until "+end.UTC().Format(time.RFC3339))
	if len(got.Progress) != 5 || b.Recorder.Count("cml", putAuthorization) != 1 || b.Recorder.Count("cml", putRegistration) != 1 || b.Recorder.Count("cml", "POST /authenticate") != 1 {
		t.Errorf("said %q, asked %q", got.Progress, b.Recorder.Operations("cml"))
	}
	k, diags := b.serve(nil).Read(k)
	r.Good(diags)
	if at := protocol.Text(t, k.State, "expires_at"); at != end.UTC().Format(time.RFC3339) {
		t.Errorf("the state has %s, want %s", at, end)
	}
	if diffs, err := k.State.Diff(r.Planned(k, config)); err != nil || len(diffs) > 0 {
		t.Errorf("the plan after it: %v, %v", diffs, err)
	}
}

// With renew_before only what ends within that time is renewed.
func TestRenewActionBefore(t *testing.T) {
	t.Parallel()
	b := registered(t)
	b.machine().SetLicenseExpiry(time.Now().Add(200*24*time.Hour), time.Now().Add(5*24*time.Hour))
	config := b.on(object{"renew_before": "336h"})
	got := b.actor(renewAction, nil).Invoke(t.Context(), config, nil)
	got.Fine(t)
	if b.Recorder.Count("cml", putAuthorization) != 1 || b.Recorder.Count("cml", putRegistration) != 0 {
		t.Errorf("asked %q", b.Recorder.Operations("cml"))
	}
	b.Recorder.Reset()
	got = b.actor(renewAction, nil).Invoke(t.Context(), config, nil)
	got.Fine(t)
	got.Told(t, "is good until")
	if b.Recorder.Count("cml", "PUT *") != 0 {
		t.Errorf("asked %q", b.Recorder.Operations("cml"))
	}
}

// What there is nothing to renew of, and a worker that does not run.
func TestRenewNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.actor(renewAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Blames(t, "worker_id", "is not registered (NOT_REGISTERED)", "`cml_worker_license`")
	b.stop()
	got = b.actor(renewAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Blames(t, "worker_id", "the worker is stopped", "`cml_worker_start`")
	if b.state() != "stopped" || b.Recorder.Count("cml", "") != 0 {
		t.Errorf("it is %s, asked %q", b.state(), b.Recorder.Operations(""))
	}
}

func TestRenewFaults(t *testing.T) {
	t.Parallel()
	refused := func(status int, code string) wire.Fault {
		return wire.Fault{Kind: wire.Error, Status: status, Message: code}
	}
	for name, c := range map[string]struct {
		prepare func(*bench)
		config  object
		// words are in the error, none for an invocation that works.
		words    []string
		argument string
		// asked is how often the authorization is to be renewed, -1 for any number:
		// after a lost answer it depends on how soon the renewal shows.
		asked int
	}{
		"lost answer": {prepare: func(b *bench) {
			b.fault(putAuthorization, 1, wire.Fault{Kind: wire.Reset, AfterEffect: true})
		}, asked: -1},
		"session ended": {prepare: func(b *bench) { b.fault(putRegistration, 1, refused(http.StatusUnauthorized, "expired")) }, asked: 1},
		"busy":          {prepare: func(b *bench) { b.fault(putAuthorization, 2, refused(http.StatusConflict, "busy")) }, asked: 3},
		"busy for good": {prepare: func(b *bench) { b.fault(putRegistration, 0, refused(http.StatusConflict, "not at this time")) },
			words: []string{"the authorization of the licence was renewed", "but not its registration", "not at this time"}, asked: 1},
		"no administrator": {prepare: func(b *bench) { b.fault("GET /licensing", 0, refused(http.StatusForbidden, "User is not an admin")) },
			words: []string{"Unable to renew the licence of CML worker", "not an admin", "administrator rights"}},
		"licence servers out of reach": {prepare: func(b *bench) { b.CML.SSMS().SetReachable(false) },
			words: []string{"the authorization of the licence was to be renewed, and still ends at", "reaches Cisco's licence servers"}, asked: 1},
		"time is up": {prepare: func(b *bench) {
			b.fault("GET /licensing", 0, wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)})
		}, config: object{"timeout": "1s"}, words: []string{"CML goes on with a renewal", "Worker", "is running now"}, argument: "timeout"},
		"no date": {prepare: func(b *bench) { b.machine().SetLicenseExpiry(time.Time{}, time.Time{}) }, config: object{"renew_before": "24h"},
			words: []string{"does not tell when the licence ends"}, argument: "renew_before"},
		"no date, renewed at once": {prepare: func(b *bench) { b.machine().SetLicenseExpiry(time.Time{}, time.Time{}) }, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := registered(t)
			c.prepare(b)
			got := b.actor(renewAction, nil).Invoke(t.Context(), b.on(c.config), nil)
			if c.words == nil {
				got.Fine(t)
			} else {
				got.Blames(t, c.argument, c.words...)
			}
			got.Hides(t, b.CML.Admin().Password)
			if n := b.Recorder.Count("cml", putAuthorization); c.asked >= 0 && n != c.asked {
				t.Errorf("renewed %d times, want %d: %q", n, c.asked, b.Recorder.Operations("cml"))
			}
		})
	}
}

// Whoever interrupts a renewal is told that CML goes on with it.
func TestRenewInterrupted(t *testing.T) {
	t.Parallel()
	b := registered(t)
	got := b.interrupted(b.actor(renewAction, nil), b.on(nil), putAuthorization)
	got.Blames(t, "", "CML goes on with a renewal that it was asked for", "`data.cml_worker_license`", "Worker "+b.id+" is running now")
}

// A licence of an account that lacks some, and one that came with the image.
func TestRenewWarns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-time.Hour))
	b.good(24 * time.Hour)
	got := b.actor(renewAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Warns(t, "came with its image")
	b = registered(t)
	b.machine().SetAuthorizationStatus("OUT_OF_COMPLIANCE")
	got = b.actor(renewAction, nil).Invoke(t.Context(), b.on(object{"renew_before": "1h"}), nil)
	got.Warns(t, "[license_out_of_compliance]")
}

// The licence is given back, and a licence of the same worker in the state of
// Terraform leaves it and is planned anew.
func TestDeregisterAction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	config := b.config(r, nil)
	k := r.Create(config)
	udi := b.machine().License().UDI
	if b.AWS.Region(home).Tags(b.id)["cml:license-udi"] != udi {
		t.Fatal("the registration is not noted")
	}
	b.Recorder.Reset()
	run := b.serve(nil)
	got := run.Action(deregisterAction).Invoke(t.Context(), b.on(nil), nil)
	got.Fine(t)
	got.Told(t, "giving the licence back", "the licence of worker "+b.id+" was given back")
	if b.counted() != 0 || b.Recorder.Count("cml", deregistration) != 1 || b.Recorder.Count("cml", "POST /authenticate") != 1 {
		t.Errorf("%d counted, asked %q", b.counted(), b.Recorder.Operations("cml"))
	}
	// No other worker is refused for a UDI that is free.
	if tag, there := b.AWS.Region(home).Tags(b.id)["cml:license-udi"]; there {
		t.Errorf("the worker still has the tag of the UDI %s", tag)
	}
	// In this run it is known who gave it back.
	if out, diags := run.Resource("cml_worker_license").Read(k); !out.State.IsNull() || len(diags) > 0 {
		t.Errorf("%s\n%s", out.State, protocol.Show(diags))
	}
	out, diags := b.serve(nil).Read(k)
	if !out.State.IsNull() || !protocol.Has(diags, protocol.Warning, "[license_not_released]") || !protocol.Has(diags, protocol.Warning, udi) {
		t.Errorf("%s\n%s", out.State, protocol.Show(diags))
	}
	r.Create(config)
	b.times(1)
	// Once more, where there is nothing to give back.
	b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(nil), nil).Fine(t)
	b.Recorder.Reset()
	again := b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(nil), nil)
	again.Fine(t)
	again.Told(t, "is not registered, so that there is nothing to give back")
	if b.Recorder.Count("cml", deregistration) != 0 {
		t.Error("it was asked for all the same")
	}
}

// Nodes that run are left alone unless the configuration says otherwise, and the
// error names their labs and the argument.
func TestDeregisterBusy(t *testing.T) {
	t.Parallel()
	b := registered(t)
	if _, err := b.machine().AddLab(cml.Lab{Title: "Branch", Nodes: []cml.Node{{Label: "r1"}}, Running: true}); err != nil {
		t.Fatal(err)
	}
	got := b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Blames(t, "stop_labs", "1 run", `"Branch"`, "set `stop_labs = true`", b.machine().License().UDI)
	if protocol.Has(got.Diagnostics, protocol.Failure, "apply that first") {
		t.Errorf("the advice of a destroy:\n%s", protocol.Show(got.Diagnostics))
	}
	if b.counted() != 1 || b.machine().RunningNodes() != 1 {
		t.Errorf("%d counted, %d nodes", b.counted(), b.machine().RunningNodes())
	}
	got = b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(object{"stop_labs": true}), nil)
	got.Fine(t)
	got.Told(t, "stopped the labs", "was given back")
	if b.counted() != 0 || b.machine().RunningNodes() != 0 {
		t.Errorf("%d counted, %d nodes", b.counted(), b.machine().RunningNodes())
	}
}

// A stopped worker is started for it, and stopped again.
func TestDeregisterStopped(t *testing.T) {
	t.Parallel()
	b := registered(t)
	udi := b.machine().License().UDI
	tags := b.AWS.Region(home).Tags(b.id)
	tags["cml:license-udi"] = udi
	b.AWS.Region(home).SetTags(b.id, tags)
	b.stop()
	got := b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(object{"start_if_stopped": false}), nil)
	got.Blames(t, "start_if_stopped", "the worker is stopped", "leave `start_if_stopped` out", udi)
	if b.state() != "stopped" || b.counted() != 1 {
		t.Fatalf("it is %s, %d counted", b.state(), b.counted())
	}
	got = b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Fine(t)
	got.Told(t, "starting the worker", "giving the licence back", "stopping the worker again", "was given back")
	if b.state() != "stopped" || b.counted() != 0 || b.Recorder.Count("ec2", "StartInstances") != 1 {
		t.Errorf("it is %s, %d counted", b.state(), b.counted())
	}
}

// What was given back is not noted any more, also where the worker that was
// started for it stays on.
func TestDeregisterStaysOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	r.Create(b.config(r, nil))
	b.stop()
	b.Faults.Add(wire.Rule{Service: "ec2", Operation: "StopInstances", Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "no"}})
	got := b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Blames(t, "", "could not be stopped again")
	if _, there := b.AWS.Region(home).Tags(b.id)["cml:license-udi"]; there || b.counted() != 0 {
		t.Errorf("%d counted, noted is %v", b.counted(), b.AWS.Region(home).Tags(b.id))
	}
}

// Warnings as those of the resource.
func TestDeregisterWarns(t *testing.T) {
	t.Parallel()
	b := registered(t)
	b.CML.SSMS().SetReachable(false)
	udi := b.machine().License().UDI
	got := b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Warns(t, "could not tell Cisco's licence servers")
	if !protocol.Has(got.Diagnostics, protocol.Warning, udi) || !protocol.Has(got.Diagnostics, protocol.Warning, "[license_not_released]") {
		t.Error(protocol.Show(got.Diagnostics))
	}
	b = newBench(t)
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-time.Hour))
	got = b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(nil), nil)
	got.Warns(t, "[inherited_license]")
	if b.counted() != 1 {
		t.Error("a registration that came with the image was given back")
	}
}

func TestDeregisterFaults(t *testing.T) {
	t.Parallel()
	refused := func(status int, text string) wire.Fault {
		return wire.Fault{Kind: wire.Error, Status: status, Message: text}
	}
	for name, c := range map[string]struct {
		prepare  func(*bench)
		config   object
		words    []string
		argument string
		// warning is in a warning, "" for none.
		warning string
		counted int
	}{
		"lost answer": {prepare: func(b *bench) { b.fault(deregistration, 1, wire.Fault{Kind: wire.Reset, AfterEffect: true}) },
			warning: "its answer was lost"},
		"session ended":    {prepare: func(b *bench) { b.fault(deregistration, 1, refused(http.StatusUnauthorized, "expired")) }},
		"busy":             {prepare: func(b *bench) { b.fault(deregistration, 2, refused(http.StatusConflict, "busy")) }},
		"no administrator": {prepare: func(b *bench) { b.fault("GET /licensing", 0, refused(http.StatusForbidden, "User is not an admin")) }, words: []string{"the licence was not given back", "not an admin"}, counted: 1},
		"forbidden":        {prepare: func(b *bench) { b.fault(deregistration, 0, refused(http.StatusForbidden, "no")) }, words: []string{"the licence was not given back (smart account", "UDI"}, counted: 1},
		"reservation": {prepare: func(b *bench) {
			b.machine().Switch(func(*cml.Switches) {})
			b.fault(deregistration, 0, refused(http.StatusBadRequest, "reserved"))
		}, words: []string{"reserved"}, counted: 1},
		"time is up": {prepare: func(b *bench) {
			b.fault("GET /licensing", 0, wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)})
		}, config: object{"timeout": "1s"}, argument: "timeout", words: []string{"before CML was asked for it, so that the licence is counted as before", "is running now"}, counted: 1},
		"may not start": {prepare: func(b *bench) { b.stop(); b.AWS.Deny(aws.DefaultAccountID, "ec2:StartInstances") }, words: []string{"ec2:StartInstances"}, counted: 1},
		"may not look":  {prepare: func(b *bench) { b.AWS.Deny(aws.DefaultAccountID, "ec2:DescribeInstances") }, words: []string{"ec2:DescribeInstances"}, counted: 1},
		"throttled": {prepare: func(b *bench) {
			b.stop()
			b.Faults.Add(wire.Rule{Service: "ec2", Operation: "StartInstances", Times: 2, Fault: wire.Fault{Kind: wire.Throttle}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := registered(t)
			c.prepare(b)
			got := b.actor(deregisterAction, nil).Invoke(t.Context(), b.on(c.config), nil)
			switch {
			case c.words != nil:
				got.Blames(t, c.argument, c.words...)
			case c.warning != "":
				got.Warns(t, c.warning)
			default:
				got.Fine(t)
			}
			got.Hides(t, b.CML.Admin().Password)
			if b.counted() != c.counted {
				t.Errorf("%d counted, want %d", b.counted(), c.counted)
			}
		})
	}
}

// Interrupted before CML was asked, and while it is.
func TestDeregisterInterrupted(t *testing.T) {
	t.Parallel()
	b := registered(t)
	got := b.interrupted(b.actor(deregisterAction, nil), b.on(nil), "GET /licensing")
	got.Blames(t, "", "before CML was asked for it, so that the licence is counted as before", "Worker "+b.id+" is running now", "invoke the action again")
	udi := b.machine().License().UDI
	got = b.interrupted(b.actor(deregisterAction, nil), b.on(nil), deregistration)
	got.Blames(t, "", "Unable to give the licence of CML worker back")
	if !protocol.Has(got.Diagnostics, protocol.Warning, "nobody knows how it ended") || !protocol.Has(got.Diagnostics, protocol.Warning, udi) {
		t.Error(protocol.Show(got.Diagnostics))
	}
	// One that was started for it is stopped again.
	b = registered(t)
	b.stop()
	got = b.interrupted(b.actor(deregisterAction, nil), b.on(nil), "GET /licensing")
	got.Blames(t, "", "counted as before")
	b.eventually("stopped again", func() bool { return b.state() == "stopped" })
}

// Nobody to ask CML as, by either way to say so.
func TestActionsWithoutCredentials(t *testing.T) {
	t.Parallel()
	b := registered(t)
	for _, name := range []string{renewAction, deregisterAction} {
		got := b.actor(name, object{"controller": object{"port": b.Port()}}).Invoke(t.Context(), b.on(nil), nil)
		got.Blames(t, "", "there are no credentials for CML")
		got = b.actor(name, object{"controller": object{"port": b.Port(), "username": "admin", "password": "not-the-password", "tls": object{"trust": "insecure"}}}).Invoke(t.Context(), b.on(nil), nil)
		got.Blames(t, "", "CML refused user name or password")
		got.Hides(t, "not-the-password")
	}
	if b.counted() != 1 {
		t.Error("given back all the same")
	}
}

// Credentials by reference, from the action's own argument.
func TestActionCredentialsByReference(t *testing.T) {
	t.Parallel()
	b := registered(t)
	admin := b.CML.Admin()
	b.AWS.RegionOf(aws.DefaultAccountID, home).SetParameter("/cml/lab", `{"username": "`+admin.Username+`", "password": "`+admin.Password+`"}`, true)
	more := object{"controller": object{"port": b.Port()}, "endpoints": []any{object{"ec2": b.Endpoint(), "sts": b.Endpoint(), "ssm": b.Endpoint()}}}
	config := b.on(object{"controller": object{"tls": object{"trust": "insecure"}, "credentials": object{"ssm_parameter_name": "/cml/lab"}}})
	for _, name := range []string{renewAction, deregisterAction} {
		got := b.actor(name, more).Invoke(t.Context(), config, nil)
		got.Fine(t)
		got.Hides(t, admin.Password)
	}
	if b.counted() != 0 {
		t.Error("it was not given back")
	}
}

// What is not known yet is no reason to fail, and nobody is asked.
func TestActionsOfUnknownValues(t *testing.T) {
	t.Parallel()
	b := registered(t)
	for _, name := range []string{renewAction, deregisterAction} {
		for when, c := range map[string]struct{ provider, config object }{
			"worker":     {nil, object{"worker_id": protocol.Unknown{}}},
			"region":     {nil, b.on(object{"region": protocol.Unknown{}})},
			"controller": {nil, b.on(object{"controller": protocol.Unknown{}})},
			"timeout":    {nil, b.on(object{"timeout": protocol.Unknown{}})},
			"provider":   {object{"access_key": protocol.Unknown{}}, b.on(nil)},
		} {
			t.Run(name+" "+when, func(t *testing.T) { b.actor(name, c.provider).Waits(t, b.World, c.config) })
		}
		b.actor(name, object{"access_key": protocol.Unknown{}}).Invoke(t.Context(), b.on(nil), nil).Blames(t, "", "access_key", "no value yet")
		b.actor(name, nil).Invoke(t.Context(), object{"worker_id": "i-0fedcba9876543210"}, nil).Blames(t, "worker_id", "i-0fedcba9876543210")
	}
}

func TestActionsValidate(t *testing.T) {
	t.Parallel()
	s := protocol.Unconfigured(t)
	const id = "i-0123456789abcdef0"
	for _, name := range []string{renewAction, deregisterAction} {
		for at, config := range map[string]object{
			"worker_id":       {"worker_id": "lab"},
			"region":          {"worker_id": id, "region": "here"},
			"timeout":         {"worker_id": id, "timeout": "-5m"},
			"controller.port": {"worker_id": id, "controller": object{"port": 0}},
		} {
			protocol.Invoked{Diagnostics: s.Action(name).Validate(config)}.Blames(t, at)
		}
		if diags := s.Action(name).Validate(object{"worker_id": id}); len(diags) > 0 {
			t.Errorf("the least configuration: %s", protocol.Show(diags))
		}
	}
	for _, span := range []string{"5m", "2000h", "soon"} {
		protocol.Invoked{Diagnostics: s.Action(renewAction).Validate(object{"worker_id": id, "renew_before": span})}.Blames(t, "renew_before")
	}
}
