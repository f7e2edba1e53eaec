package license_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

type object = map[string]any

// bench is a world with one machine whose CML is ready, without Terraform.
type bench struct {
	*acctest.World
	t  *testing.T
	id string
}

func newBench(t *testing.T, change ...func(*instance.Launch)) *bench {
	t.Helper()
	b := &bench{World: acctest.NewWorld(t), t: t}
	b.id = b.launch(change...)
	return b
}

// launch makes one more machine.
func (b *bench) launch(change ...func(*instance.Launch)) string {
	b.t.Helper()
	l := instance.Launch{
		Name: "lab", ImageID: aws.SeededID("ami", home, aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"},
		SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)}, NestedVirtualization: instance.LaunchNestedAuto,
	}
	for _, f := range change {
		f(&l)
	}
	in, err := b.EC2(home).Launch(b.t.Context(), l, func(string) {})
	if err != nil {
		b.t.Fatal(err)
	}
	b.eventually("CML to be ready", func() bool { m := b.CML.Machine(in.ID); return m != nil && m.Phase() == cml.Ready })
	return in.ID
}

func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (b *bench) machine() *cml.Machine { return b.CML.Machine(b.id) }

// serve is cml_worker_license of a run of its own.
func (b *bench) serve(more object) *protocol.Resource {
	b.t.Helper()
	admin := b.CML.Admin()
	all := object{"controller": object{"port": b.Port(), "username": admin.Username, "password": admin.Password, "tls": object{"trust": "insecure"}}}
	for k, v := range more {
		all[k] = v
	}
	return protocol.Serve(b.t, b.World, all).Resource("cml_worker_license")
}

func (b *bench) config(r *protocol.Resource, more object) tftypes.Value {
	all := object{"worker_id": b.id, "product": "CML_Enterprise", "token_wo": token, "token_wo_version": 1}
	for k, v := range more {
		all[k] = v
	}
	return r.Config(all)
}

// times is how often the one product that is counted was registered.
func (b *bench) times(want int) {
	b.t.Helper()
	if all := b.CML.SSMS().Registrations(); len(all) != 1 || all[0].Times != want {
		b.t.Errorf("want one product registered %d times, counted: %+v", want, all)
	}
}

// A change that fails after the new token was used keeps that it was: a second
// use may be one too many.
func TestTokenIsUsedOnce(t *testing.T) {
	t.Parallel()
	for name, failing := range map[string]string{"nodes": "PATCH /licensing/features", "wait": "GET /licensing"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.CML.SSMS().AddToken(token, 1)
			b.CML.SSMS().AddToken(newToken, 1)
			r := b.serve(nil)
			k := r.Create(b.config(r, nil))
			rule := wire.Rule{Service: "cml", Operation: failing, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusForbidden}}
			if name == "wait" {
				rule.Skip = 1 // the look before the registration
			}
			b.Faults.Add(rule)
			wanted := b.config(r, object{"extra_nodes": 5, "token_wo": newToken, "token_wo_version": 2})
			k, diags := r.Apply(t.Context(), k, wanted)
			if !protocol.Has(diags, protocol.Failure, "Unable to change") {
				t.Fatal(protocol.Show(diags))
			}
			if got := protocol.Text(t, k.State, "token_wo_version") + protocol.Text(t, k.State, "extra_nodes"); got != `tftypes.Number<"2">(null)` {
				t.Errorf("the state has %s", got)
			}
			b.Faults.Clear()
			r = b.serve(nil)
			k, diags = r.Apply(t.Context(), k, wanted)
			r.Good(diags)
			b.times(2)
			if got := protocol.Text(t, k.State, "status"); got != "registered" || b.machine().License().Nodes != 5 {
				t.Errorf("%s, %d nodes", got, b.machine().License().Nodes)
			}
		})
	}
}

// canceled applies and cancels once an operation is asked, which takes long.
func (b *bench) canceled(r *protocol.Resource, from protocol.Kept, config tftypes.Value, operation string) (protocol.Kept, []*tfprotov6.Diagnostic) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	b.Faults.Add(wire.Rule{Service: "cml", Operation: operation, Times: 1, Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)}})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil && b.Faults.Pending() > 0 {
			<-time.After(time.Millisecond)
		}
		cancel()
	}()
	k, diags := r.Apply(ctx, from, config)
	cancel()
	<-ended
	b.Faults.Clear()
	return k, diags
}

// An interruption before the new token was sent leaves it to the next apply.
func TestInterruptedBeforeTheToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	k := r.Create(b.config(r, nil))
	wanted := b.config(r, object{"token_wo": newToken, "token_wo_version": 2, "transport": object{"ssms": "https://ssm.example.net/x"}})
	k, diags := b.canceled(r, k, wanted, "PUT /licensing/transport")
	if !protocol.Has(diags, protocol.Failure, "Unable to change") || protocol.Text(t, k.State, "token_wo_version") != `tftypes.Number<"1">` {
		t.Fatalf("%s\n%s", protocol.Text(t, k.State, "token_wo_version"), protocol.Show(diags))
	}
	b.times(1)
	r = b.serve(nil)
	k, diags = r.Apply(t.Context(), k, wanted)
	r.Good(diags)
	b.times(2)
	if b.machine().License().Token != newToken || protocol.Text(t, k.State, "token_wo_version") != `tftypes.Number<"2">` {
		t.Error("the new token was not used")
	}
}

// An interruption while the token is on its way is gone on with, in a creation
// as well as in a change, without using the token again.
func TestInterruptedWithTheToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.CML.SSMS().AddToken(token, 1)
	b.CML.SSMS().AddToken(newToken, 1)
	r := b.serve(nil)
	const post = "POST /licensing/registration"
	goesOn := func(k protocol.Kept, wanted tftypes.Value, diags []*tfprotov6.Diagnostic, times int) protocol.Kept {
		t.Helper()
		if !protocol.Has(diags, protocol.Warning, "[license_unfinished]") || protocol.Has(diags, protocol.Failure, "") || k.State.IsNull() {
			t.Fatalf("%s\n%s", k.State, protocol.Show(diags))
		}
		r = b.serve(nil)
		if planned := r.Planned(k, wanted); protocol.Text(t, planned, "status") != "(unknown)" {
			t.Error("nothing is left to do")
		}
		k, diags = r.Apply(t.Context(), k, wanted)
		r.Good(diags)
		b.times(times)
		if got := protocol.Text(t, k.State, "status"); got != "registered" {
			t.Errorf("it is %s", got)
		}
		return k
	}
	first := b.config(r, nil)
	k, diags := b.canceled(r, r.Nothing(), first, post)
	k = goesOn(k, first, diags, 1)
	second := b.config(r, object{"token_wo": newToken, "token_wo_version": 2})
	k, diags = b.canceled(r, k, second, post)
	goesOn(k, second, diags, 2)
}

// A provider that was killed has left no state, and the next run finds the
// registration that it made and does not use the token again: after a new
// token, after one for another product, and after taking over a server of
// somebody else.
func TestKilledAfterTheToken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reregister bool
		second     object
		times      int
	}{
		"new token":         {second: object{"token_wo_version": 2}, times: 2},
		"and a new product": {second: object{"token_wo_version": 2, "product": "CML_Personal"}, times: 1},
		"taken over":        {reregister: true, second: object{"reregister": true}, times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.CML.SSMS().AddToken(token, 1)
			b.CML.SSMS().AddToken(newToken, 1)
			b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-10*time.Second))
			r := b.serve(nil)
			k := r.Nothing()
			if !c.reregister {
				k = r.Create(b.config(r, nil)) // takes it over
			}
			c.second["token_wo"] = newToken
			wanted := b.config(r, c.second)
			if _, diags := r.Apply(t.Context(), k, wanted); protocol.Has(diags, protocol.Failure, "") {
				t.Fatal(protocol.Show(diags))
			} // which never got to Terraform
			b.times(c.times)
			r = b.serve(nil)
			if !k.State.IsNull() {
				var diags []*tfprotov6.Diagnostic
				k, diags = r.Read(k)
				r.Good(diags)
			}
			k, diags := r.Apply(t.Context(), k, wanted)
			r.Good(diags)
			b.times(c.times)
			if got := protocol.Text(t, k.State, "status"); got != "registered" || b.machine().License().Token != newToken {
				t.Errorf("it is %s by %q", got, b.machine().License().Token)
			}
			// What is raised afterwards is a token of its own.
			b.CML.SSMS().AddToken(token, 2)
			c.second["token_wo"], c.second["token_wo_version"] = token, 3
			_, diags = r.Apply(t.Context(), k, b.config(r, c.second))
			r.Good(diags)
			if b.machine().License().Token != token {
				t.Error("the next token was not used")
			}
		})
	}
}

// A registration that somebody else has made in the meantime is not taken for
// that of an earlier run.
func TestSomebodyElsesRegistration(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	config := b.config(r, object{"reregister": true, "on_destroy": object{"release": "skip"}})
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-10*time.Second))
	r.Create(config)
	b.times(2)
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-5*time.Second))
	b.Recorder.Reset()
	b.serve(nil).Create(config)
	if b.Recorder.Count("cml", "POST /licensing/registration") != 1 {
		t.Error("the registration of somebody else was taken over as it is")
	}
}

// Two workers under one UDI are refused also where the first was registered by
// another run, until it is given back.
func TestSharedUDIOfAnotherRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.launch()
	b.CML.Machine(other).SetUDI(b.machine().License().UDI)
	r := b.serve(nil)
	k := r.Create(b.config(r, object{"on_destroy": object{"release": "required"}}))
	second := b.config(r, object{"worker_id": other})
	_, diags := b.serve(nil).Apply(t.Context(), r.Nothing(), second)
	if !protocol.Has(diags, protocol.Failure, "have the same UDI") || !protocol.Has(diags, protocol.Failure, "`cml:license-udi`") || !protocol.Has(diags, protocol.Failure, b.id) {
		t.Errorf("the second worker under the UDI was taken:\n%s", protocol.Show(diags))
	}
	if got := b.CML.Machine(other).License().Registration; got != "NOT_REGISTERED" {
		t.Errorf("it is %s", got)
	}
	if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 {
		t.Fatal(protocol.Show(diags))
	}
	if tags := b.AWS.Region(home).Tags(b.id); tags["cml:license-udi"] != "" {
		t.Errorf("tags %v", tags)
	}
	b.serve(nil).Create(second)
}

// Without managed tags nothing is written, and nothing is known of other runs.
func TestWithoutManagedTags(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(object{"managed_tags": object{"enabled": false}})
	b.Recorder.Reset()
	k := r.Create(b.config(r, nil))
	k, diags := r.Apply(t.Context(), k, b.config(r, object{"token_wo_version": 2}))
	r.Good(diags)
	if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 {
		t.Error(protocol.Show(diags))
	}
	if n := b.Recorder.Count("ec2", "CreateTags") + b.Recorder.Count("ec2", "DeleteTags"); n != 0 {
		t.Errorf("%d writes of tags", n)
	}
}

// A creation that fails with something to give back is kept, tells what becomes
// of it, and is given back.
func TestFailedCreationIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Faults.Add(wire.Rule{Service: "cml", Operation: "PATCH /licensing/features", Fault: wire.Fault{Kind: wire.Error, Status: http.StatusForbidden}})
	r := b.serve(nil)
	k, diags := r.Apply(t.Context(), r.Nothing(), b.config(r, object{"extra_nodes": 5}))
	if !protocol.Has(diags, protocol.Failure, "terraform untaint") || k.State.IsNull() {
		t.Fatalf("%s\n%s", k.State, protocol.Show(diags))
	}
	if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 || len(b.CML.SSMS().Registrations()) != 0 {
		t.Errorf("%d counted\n%s", len(b.CML.SSMS().Registrations()), protocol.Show(diags))
	}
	// Where nothing came about, nothing is kept.
	b.Faults.Clear()
	b.CML.SSMS().RejectToken(token)
	k, diags = r.Apply(t.Context(), r.Nothing(), b.config(r, nil))
	if !protocol.Has(diags, protocol.Failure, "is not valid") || protocol.Has(diags, protocol.Failure, "untaint") || !k.State.IsNull() {
		t.Errorf("%s\n%s", k.State, protocol.Show(diags))
	}
	for _, d := range diags {
		if strings.Contains(d.Summary+d.Detail, "ZmFrZS10b2tlbi1vZi1hLXRlc3Qt") {
			t.Error("the token is shown")
		}
	}
}

// What CML does not take is blamed on the argument that it comes from, with
// what to write instead.
func TestRefusalsPointAtTheArgument(t *testing.T) {
	t.Parallel()
	for argument, c := range map[string]struct {
		operation string
		more      object
		prepare   func(*bench)
	}{
		"transport":   {operation: "PUT /licensing/transport", more: object{"transport": object{"ssms": "https://ssm.example.net/x"}}},
		"product":     {operation: "PUT /licensing/product_license", more: object{"product": "CML_Lab"}},
		"token_wo":    {operation: "POST /licensing/registration"},
		"extra_nodes": {operation: "PATCH /licensing/features", more: object{"extra_nodes": 5}},
	} {
		t.Run(argument, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			r := b.serve(nil)
			b.Faults.Add(wire.Rule{Service: "cml", Operation: c.operation, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusBadRequest, Message: "not " + token}})
			_, diags := r.Apply(t.Context(), r.Nothing(), b.config(r, c.more))
			for _, d := range diags {
				if d.Attribute == nil || d.Attribute.String() != `AttributeName("`+argument+`")` || !strings.Contains(d.Detail, "Next step: ") || !strings.Contains(d.Detail, "`"+argument+"`") {
					t.Errorf("it points at %v:\n%s", d.Attribute, protocol.Show(diags))
				}
				if strings.Contains(d.Detail, token) {
					t.Error("the token is shown")
				}
			}
			if len(diags) != 1 {
				t.Error(protocol.Show(diags))
			}
		})
	}
}

// Each warning comes when it should, once, and is silenced by its code.
func TestWarnings(t *testing.T) {
	t.Parallel()
	read := func(b *bench, r *protocol.Resource, k protocol.Kept) []*tfprotov6.Diagnostic {
		_, diags := r.Read(k)
		return diags
	}
	plan := func(b *bench, r *protocol.Resource, k protocol.Kept) []*tfprotov6.Diagnostic {
		return r.Plan(k, b.config(r, nil)).Diagnostics
	}
	for code, c := range map[string]struct {
		create  object
		launch  func(*instance.Launch)
		prepare func(*bench)
		ask     func(*bench, *protocol.Resource, protocol.Kept) []*tfprotov6.Diagnostic
		words   string
	}{
		"license_expires": {prepare: func(b *bench) {
			soon := time.Now().Add(13 * 24 * time.Hour)
			b.machine().SetLicenseExpiry(soon, soon)
		}, ask: plan, words: "ends at"},
		"spot_license": {launch: func(l *instance.Launch) { l.Spot = &instance.Spot{} }, ask: plan, words: "spot machine"},
		"license_reregister": {ask: func(b *bench, r *protocol.Resource, k protocol.Kept) []*tfprotov6.Diagnostic {
			return r.Plan(k, b.config(r, object{"worker_id": "i-0123456789abcdef0"})).Diagnostics
		}, words: "another worker is registered"},
		"license_out_of_compliance": {prepare: func(b *bench) { b.machine().SetAuthorizationStatus("OUT_OF_COMPLIANCE") }, ask: read, words: "Lab VA"},
		"license_udi_changed":       {prepare: func(b *bench) { b.machine().SetUDI("another-udi") }, ask: read, words: "another-udi"},
		"license_udi_shared": {prepare: func(b *bench) {
			other := b.launch()
			b.CML.Machine(other).SetUDI(b.machine().License().UDI)
			b.CML.Machine(other).RegisterNow("CML_Enterprise", time.Time{})
		}, ask: func(b *bench, r *protocol.Resource, k protocol.Kept) []*tfprotov6.Diagnostic {
			_, first := r.Read(k)
			for _, i := range b.AWS.Region(home).Instances() {
				if i.ID == b.id {
					continue
				}
				_, second := r.Apply(b.t.Context(), r.Nothing(), b.config(r, object{"worker_id": i.ID}))
				if !protocol.Has(second, protocol.Failure, "have the same UDI") {
					b.t.Errorf("the second worker under the UDI was taken:\n%s", protocol.Show(second))
				}
				// As a refresh of both sees it.
				imported := k
				imported.State = r.Config(object{"id": i.ID, "worker_id": i.ID, "product": "CML_Enterprise", "region": home, "inherited": false, "status": "registered"})
				_, second = r.Read(imported)
				first = append(first, second...)
			}
			return first
		}, words: "under one UDI"},
		"license_not_released": {prepare: func(b *bench) {
			b.AWS.Region(home).TerminateOutside(b.id)
			b.eventually("terminated", func() bool { i, _ := b.AWS.Region(home).Instance(b.id); return i.State == "terminated" })
		}, ask: read, words: "Lab VA"},
		"inherited_license": {create: object{"adopt_inherited": true}, launch: func(*instance.Launch) {}, prepare: func(b *bench) {
			b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-time.Hour))
		}, ask: func(b *bench, r *protocol.Resource, _ protocol.Kept) []*tfprotov6.Diagnostic {
			_, diags := r.Apply(b.t.Context(), r.Nothing(), b.config(r, object{"adopt_inherited": true}))
			return diags
		}, words: "never released from here"},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			var launch []func(*instance.Launch)
			if c.launch != nil {
				launch = append(launch, c.launch)
			}
			b := newBench(t, launch...)
			r := b.serve(nil)
			k := r.Create(b.config(r, c.create))
			if c.prepare != nil {
				c.prepare(b)
			}
			if code == "license_expires" {
				k, _ = r.Read(k) // a plan knows what the refresh saw
			}
			for _, silenced := range []bool{false, true} {
				quiet := "clock_skew"
				if silenced {
					quiet = code
				}
				n := 0
				diags := c.ask(b, b.serve(object{"suppress_warnings": []any{quiet}}), k)
				for _, d := range diags {
					if strings.HasSuffix(d.Detail, "["+code+"]") && strings.Contains(d.Detail, c.words) {
						n++
					}
				}
				if want := map[bool]int{false: 1, true: 0}[silenced]; n != want {
					t.Errorf("silenced %t: said %d times, wanted %d:\n%s", silenced, n, want, protocol.Show(diags))
				}
			}
		})
	}
}

// A registration that was given up elsewhere leaves the state, and somebody is
// told whom Cisco may count still; not where this run gave it back.
func TestGivenUpElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.serve(nil)
	k := r.Create(b.config(r, nil))
	udi := b.machine().License().UDI
	b.machine().SetRegistrationStatus("NOT_REGISTERED")
	out, diags := b.serve(nil).Read(k)
	if !out.State.IsNull() || !protocol.Has(diags, protocol.Warning, udi) || !protocol.Has(diags, protocol.Warning, "[license_not_released]") {
		t.Errorf("%s\n%s", out.State, protocol.Show(diags))
	}
	b.machine().SetRegistrationStatus("COMPLETED")
	if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 {
		t.Fatal(protocol.Show(diags))
	}
	if out, diags := r.Read(k); !out.State.IsNull() || len(diags) > 0 {
		t.Errorf("%s\n%s", out.State, protocol.Show(diags))
	}
}

// reregister lets a creation take a server over that somebody else registered,
// for another product or another account; without it the same product is taken
// over as it is, and another one is an error.
func TestReregister(t *testing.T) {
	t.Parallel()
	for product, want := range map[string]struct{ plain, again int }{"CML_Enterprise": {1, 2}, "CML_Personal": {0, 1}} {
		t.Run(product, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.machine().RegisterNow(product, time.Now().Add(-10*time.Second))
			r := b.serve(nil)
			_, diags := r.Apply(t.Context(), r.Nothing(), b.config(r, nil))
			if failed := protocol.Has(diags, protocol.Failure, "reregister = true"); failed != (want.plain == 0) {
				t.Errorf("without it:\n%s", protocol.Show(diags))
			}
			b.times(1)
			r.Create(b.config(r, object{"reregister": true}))
			b.times(want.again)
			if got := b.machine().License(); got.Product != "CML_Enterprise" || got.Token != token {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A registration that fails in the place of another one leaves something that
// may be counted, and is kept.
func TestFailedReregistrationIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.machine().RegisterNow("CML_Enterprise", time.Now().Add(-10*time.Second))
	b.CML.SSMS().RejectToken(token)
	r := b.serve(nil)
	k, diags := r.Apply(t.Context(), r.Nothing(), b.config(r, object{"reregister": true}))
	if !protocol.Has(diags, protocol.Failure, "is not valid") || k.State.IsNull() {
		t.Errorf("%s\n%s", k.State, protocol.Show(diags))
	}
}

// What this run gave back and registered again is no longer given back: a
// destroy in the same run looks for it.
func TestGivenBackAndRegisteredAgain(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(*bench, *protocol.Resource, protocol.Kept){
		"created": func(b *bench, r *protocol.Resource, _ protocol.Kept) { r.Create(b.config(r, nil)) },
		"changed": func(b *bench, r *protocol.Resource, k protocol.Kept) {
			_, diags := r.Apply(b.t.Context(), k, b.config(r, object{"token_wo_version": 2}))
			r.Good(diags)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			r := b.serve(nil)
			k := r.Create(b.config(r, object{"on_destroy": object{"release": "required"}}))
			if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 {
				t.Fatal(protocol.Show(diags))
			}
			again(b, r, k)
			b.AWS.Region(home).StopOutside(b.id)
			b.eventually("stopped", func() bool { i, _ := b.AWS.Region(home).Instance(b.id); return i.State == "stopped" })
			if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 || len(b.CML.SSMS().Registrations()) != 0 {
				t.Errorf("%d counted\n%s", len(b.CML.SSMS().Registrations()), protocol.Show(diags))
			}
		})
	}
}

// A worker that does not run is an error at apply, and one that is starting is
// waited for; nothing is asked of its CML before.
func TestWorkerThatDoesNotRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.AWS.Region(home).StopOutside(b.id)
	b.eventually("stopped", func() bool { i, _ := b.AWS.Region(home).Instance(b.id); return i.State == "stopped" })
	b.Recorder.Reset()
	r := b.serve(nil)
	k, diags := r.Apply(t.Context(), r.Nothing(), b.config(r, nil))
	if !k.State.IsNull() || !protocol.Has(diags, protocol.Failure, "the worker is stopped") || b.Recorder.Count("cml", "") != 0 {
		t.Errorf("%s\n%s", k.State, protocol.Show(diags))
	}
	b.AWS.Region(home).StartOutside(b.id)
	r.Create(b.config(r, nil))
	b.times(1)
	// A second licence of it in one run, as two configurations would have it.
	r.Create(b.config(r, nil))
	b.times(1)
}
