package license_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const login = "POST /authenticate"

// Worker, power and licence of one run log in once, replace a session that died
// once, and ask an account that CML refuses once for all of them: the refresh of
// each, and the release of the licence and of the worker.
func TestOneLoginForARun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	account := func(password string) object {
		admin := b.CML.Admin()
		return object{"controller": object{"port": b.Port(), "username": admin.Username, "password": password, "tls": object{"trust": "insecure"}}}
	}
	s := protocol.Serve(t, b.World, account(b.CML.Admin().Password))
	license, power, worker := s.Resource("cml_worker_license"), s.Resource("cml_worker_power"), s.Resource("cml_worker")
	imported := func(r *protocol.Resource, arguments object) protocol.Kept {
		return protocol.Kept{State: r.Config(arguments)}
	}
	w := imported(worker, object{"id": b.id, "name": "lab", "region": home, "account_id": b.owner(), "license_status": "registered",
		"on_destroy": object{"deregister_license": "required"}})
	p := imported(power, object{"id": b.id, "worker_id": b.id, "region": home, "state": "running"})
	k := license.Create(b.config(license, object{"on_destroy": object{"release": "required"}}))
	if n := b.Recorder.Count("cml", login); n != 1 {
		t.Errorf("%d logins for a registration", n)
	}
	refresh := func(license, power, worker *protocol.Resource) {
		for r, kept := range map[*protocol.Resource]protocol.Kept{license: k, power: p, worker: w} {
			if _, diags := r.Read(kept); protocol.Has(diags, protocol.Failure, "") && r != license {
				t.Error(protocol.Show(diags))
			}
		}
	}
	refresh(license, power, worker)
	if n := b.Recorder.Count("cml", login); n != 1 {
		t.Errorf("%d logins for the registration and the refresh of three", n)
	}
	b.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /licensing", Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: http.StatusUnauthorized}})
	refresh(license, power, worker)
	if n := b.Recorder.Count("cml", login); n != 2 {
		t.Errorf("%d logins with a session that died once", n)
	}

	b.Recorder.Reset()
	began := time.Now()
	s = protocol.Serve(t, b.World, account("wrong"))
	license, power, worker = s.Resource("cml_worker_license"), s.Resource("cml_worker_power"), s.Resource("cml_worker")
	refresh(license, power, worker)
	if out, diags := license.Destroy(t.Context(), k); out.State.IsNull() || !protocol.Has(diags, protocol.Failure, "refused user name or password") {
		t.Errorf("the release without an account: %s", protocol.Show(diags))
	}
	if out, diags := worker.Destroy(t.Context(), w); out.State.IsNull() || !protocol.Has(diags, protocol.Failure, "refused user name or password") {
		t.Errorf("the destroy without an account: %s", protocol.Show(diags))
	}
	// A refusal speaks for all for ten seconds.
	if n, most := b.Recorder.Count("cml", login), 1+int(time.Since(began)/(10*time.Second)); n < 1 || n > most {
		t.Errorf("%d logins with a wrong password, wanted %d at most", n, most)
	}
	if n := b.Recorder.Count("ec2", "TerminateInstances"); n != 0 {
		t.Error("the worker was terminated")
	}
	if all := b.CML.SSMS().Registrations(); len(all) != 1 {
		t.Errorf("counted %+v", all)
	}
}

// owner is the account of the machine.
func (b *bench) owner() string {
	b.t.Helper()
	in, err := b.EC2(home).Find(b.t.Context(), b.id, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return in.AccountID
}

// Delete has what the state says and no more: the account comes from the
// provider, or from where the worker's settings refer to, as JSON or plain.
func TestDeleteByReference(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	admin := b.CML.Admin()
	b.AWS.Region(home).SetSecret("cml/lab", aws.Secret{Text: `{"username": "` + admin.Username + `", "password": "` + admin.Password + `"}`})
	b.AWS.Region(home).SetParameter("/cml/lab", admin.Password, true)
	for name, reference := range map[string]object{
		"secret":    {"secretsmanager_secret_id": "cml/lab"},
		"parameter": {"ssm_parameter_name": "/cml/lab"},
	} {
		r := protocol.Serve(t, b.World, object{
			"controller": object{"port": b.Port(), "username": admin.Username, "tls": object{"trust": "insecure"}},
			"endpoints":  []any{object{"ec2": b.Endpoint(), "sts": b.Endpoint(), "ssm": b.Endpoint(), "secretsmanager": b.Endpoint()}},
		}).Resource("cml_worker_license")
		k := r.Create(b.config(r, object{"controller": object{"credentials": reference}, "on_destroy": object{"release": "required"}}))
		b.times(1)
		if _, diags := r.Destroy(t.Context(), k); len(diags) > 0 || len(b.CML.SSMS().Registrations()) != 0 {
			t.Errorf("%s: %s", name, protocol.Show(diags))
		}
	}
}
