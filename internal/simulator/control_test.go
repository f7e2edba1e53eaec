package simulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// control sends a request of the control API and returns the body of the answer.
func control(t *testing.T, sim *simulator.Simulator, want int, method, path, body string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, sim.Endpoint()+"/_simulator/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	status, answer := do(t, request)
	if status != want {
		t.Fatalf("%s %s: got %d %s, want %d", method, path, status, answer, want)
	}
	return answer
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

func TestControlIsOffUnlessAskedFor(t *testing.T) {
	sim := start(t, simulator.Options{})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sim.Endpoint()+"/_simulator/state", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := do(t, request); status == http.StatusOK {
		t.Errorf("got %s", body)
	}
}

func TestControlRefusesForeignNames(t *testing.T) {
	sim := start(t, simulator.Options{Control: true})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sim.Endpoint()+"/_simulator/state", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"rebound.example.net": 403, "localhost:1": 200, "127.0.0.1": 200, "[::1]:80": 200} {
		request.Host = host
		if status, _ := do(t, request); status != want {
			t.Errorf("Host %s: got %d, want %d", host, status, want)
		}
	}
}

func TestControlStateAndActions(t *testing.T) {
	sim := start(t, simulator.Options{Control: true})
	if text := control(t, sim, 200, "GET", "", ""); string(text) != simulator.ControlHelp {
		t.Errorf("the root answers %q", text)
	}
	id := launch(t, sim)
	i := running(t, sim, id)
	m := sim.CML.Machine(id)

	var state simulator.State
	decode(t, control(t, sim, 200, "GET", "state", ""), &state)
	if len(state.Instances) != 1 || state.CMLPort != sim.Port() || state.Endpoint != sim.Endpoint() {
		t.Fatalf("state is %+v", state)
	}
	if got := state.Instances[0]; got.ID != id || got.State != "running" || got.Region != "us-east-1" || got.PublicIP != i.PublicIP ||
		got.CML.Phase != cml.Ready || got.CML.Admin != "admin" || len(got.CML.URLs) != 2 || got.CML.Fingerprint != m.Fingerprint() {
		t.Errorf("the instance is %+v", got)
	}

	on := "instances/" + id
	control(t, sim, 204, "POST", on+"/black-hole", "")
	same(t, "phase", m.Phase(), cml.BlackHole)
	control(t, sim, 204, "POST", on+"/hold?phase=not_ready", "")
	same(t, "phase", m.Phase(), cml.NotReady)
	control(t, sim, 400, "POST", on+"/hold?phase=asleep", "")
	control(t, sim, 204, "POST", on+"/release", "")
	same(t, "phase", m.Phase(), cml.Ready)
	control(t, sim, 204, "POST", on+"/advance", "")
	before := m.Fingerprint()
	control(t, sim, 204, "POST", on+"/replace-certificate", "")
	if m.Fingerprint() == before {
		t.Error("the certificate is the same")
	}
	control(t, sim, 204, "POST", on+"/register?product=CML_Personal", "")
	same(t, "product", m.License().Product, "CML_Personal")
	if _, err := m.IssueToken("admin", time.Hour); err != nil {
		t.Fatal(err)
	}
	control(t, sim, 204, "POST", on+"/revoke-tokens", "")
	same(t, "sessions", m.Sessions(), 0)
	control(t, sim, 200, "POST", on+"/users", `{"username":"jane","password":"correct horse"}`)
	var lab struct{ ID string }
	decode(t, control(t, sim, 200, "POST", on+"/labs", `{"title":"one","owner":"jane","nodes":[{"label":"r1"}]}`), &lab)
	control(t, sim, 204, "POST", on+"/labs/"+lab.ID+"/start", "")
	same(t, "running nodes", m.RunningNodes(), 1)
	control(t, sim, 204, "POST", on+"/labs/"+lab.ID+"/stop", "")
	eventually(t, "the lab stops", func() bool { return m.RunningNodes() == 0 })
	control(t, sim, 400, "POST", on+"/labs/"+lab.ID+"/paint", "")
	control(t, sim, 400, "POST", on+"/labs", `{"title":"one","owner":"nobody"}`)
	control(t, sim, 204, "POST", on+"/events", `{"category":"user_activity","time":"2026-01-01T00:00:00Z","data":{"user_id":"x"}}`)
	control(t, sim, 400, "POST", on+"/events", `{}`)
	control(t, sim, 204, "PATCH", on, `{"version":"2.10.0","admin":{"username":"root","password":"x"},"clock_skew":"1h","ssms_reachable":false,
		"registration_status":"EXPIRED","authorization_status":"EVAL_EXPIRED","switches":{"LoginLimit":3}}`)
	same(t, "version", m.Version(), "2.10.0")
	same(t, "admin", m.Admin().Username, "root")
	same(t, "registration", m.License().Registration, "EXPIRED")
	same(t, "authorization", m.License().Authorization, "EVAL_EXPIRED")
	control(t, sim, 204, "PATCH", on, `{"virtualization":false}`)
	same(t, "phase", m.Phase(), cml.NotReady)
	for _, bad := range []string{`{"colour":"red"}`, `{"version":"two"}`, `{"switches":{"Colour":1}}`, `{`, `{} {}`} {
		control(t, sim, 400, "PATCH", on, bad)
	}
	control(t, sim, 204, "POST", on+"/reboot", "")
	control(t, sim, 400, "POST", on+"/dance", "")
	control(t, sim, 404, "POST", "instances/i-unknown/stop", "")

	region := sim.AWS.Region("us-east-1")
	becomes := func(want string) {
		t.Helper()
		eventually(t, "the instance is "+want, func() bool { i, _ := region.Instance(id); return i.State == want })
	}
	control(t, sim, 204, "POST", on+"/stop", "")
	becomes("stopped")
	control(t, sim, 204, "POST", on+"/start", "")
	becomes("running")
	control(t, sim, 204, "POST", on+"/shutdown", "")
	becomes("stopped")
	control(t, sim, 204, "POST", on+"/terminate", "")
	becomes("terminated")
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestControlRecordAndFaults(t *testing.T) {
	sim := start(t, simulator.Options{Control: true})
	running(t, sim, launch(t, sim))
	var records []wire.Record
	decode(t, control(t, sim, 200, "GET", "requests?service=ec2&operation=Run*", ""), &records)
	if len(records) != 1 || records[0].Operation != "RunInstances" {
		t.Errorf("recorded %+v", records)
	}
	control(t, sim, 204, "DELETE", "requests", "")
	if answer := control(t, sim, 200, "GET", "requests", ""); strings.TrimSpace(string(answer)) != "[]" {
		t.Errorf("left %s", answer)
	}
	control(t, sim, 204, "POST", "faults", `[{"service":"sts","kind":"throttle","times":1}]`)
	control(t, sim, 400, "POST", "faults", `[{"kind":"explode"}]`)
	var faults map[string]int
	decode(t, control(t, sim, 200, "GET", "faults", ""), &faults)
	same(t, "pending", faults["pending"], 1)
	control(t, sim, 204, "DELETE", "faults", "")
	same(t, "pending", sim.Faults.Pending(), 0)
}

const worldFile = `{
  "cml":  {"version": "2.10.1", "admin": {"username": "root", "password": "secret-enough"},
           "users": [{"username": "jane", "password": "correct horse", "admin": true}],
           "labs": [{"title": "Branch", "owner": "jane", "running": true, "nodes": [{"label": "r1"}]}],
           "registered": "CML_Enterprise", "switches": {"BadTokenRetries": true}},
  "ssms": {"tokens": {"good": 2}, "rejected": ["bad"], "products": 0, "nodes": 5, "reachable": true},
  "regions": {"us-east-1": {"images": [{"name": "CML-2.10.0-Ubuntu-24.04"}], "security_groups": [{"name": "open", "ports": [443]}],
           "capacity": [{"type": "m8i.4xlarge", "place": "us-east-1a", "machines": 0}], "quotas": {"L-1216C47A": 64}}},
  "instances": [{"name": "existing", "region": "us-east-1", "type": "m8i.2xlarge", "tags": {"team": "net"}}],
  "faults": [{"service": "sts", "kind": "throttle", "times": 1}]
}`

func TestWorld(t *testing.T) {
	sim := start(t, simulator.Options{Control: true})
	control(t, sim, 204, "POST", "world", worldFile)
	instances := sim.AWS.Region("us-east-1").Instances()
	if len(instances) != 1 || instances[0].Tags["Name"] != "existing" || instances[0].Tags["team"] != "net" {
		t.Fatalf("instances are %+v", instances)
	}
	id := instances[0].ID
	i := running(t, sim, id)
	m := sim.CML.Machine(id)
	same(t, "version", information(t, sim, i.PublicIP)["version"], any("2.10.1"))
	same(t, "admin", m.Admin(), cml.Credentials{Username: "root", Password: "secret-enough"})
	same(t, "environment", sim.Environment()[5], simulator.Variable{Name: "CML_USERNAME", Value: "root"})
	same(t, "nodes", m.RunningNodes(), 1)
	same(t, "registration", m.License().Registration, "COMPLETED")
	same(t, "authorization beyond the capacity", m.License().Authorization, "OUT_OF_COMPLIANCE")
	same(t, "faults", sim.Faults.Pending(), 1)
	products, nodes := sim.CML.SSMS().Capacity()
	same(t, "capacity", [2]int{products, nodes}, [2]int{0, 5})
	if images := ec2(t, sim, "us-east-1", "DescribeImages", "Owner.1", "self"); !strings.Contains(string(images), "CML-2.10.0-Ubuntu-24.04") {
		t.Error("the image is missing")
	}
	if groups := ec2(t, sim, "us-east-1", "DescribeSecurityGroups"); !strings.Contains(string(groups), "<groupName>open</groupName>") {
		t.Error("the group is missing")
	}
	if _, err := m.IssueToken("jane", time.Hour); err != nil {
		t.Error(err)
	}
}

func TestBadWorlds(t *testing.T) {
	sim := start(t, simulator.Options{Control: true})
	for _, bad := range []string{
		`{"colour":1}`, `{"cml":{"switches":{"Colour":1}}}`, `{"cml":{"version":"two"}}`, `{"cml":{"labs":[{"title":"a","owner":"nobody"}]}}`,
		`{"regions":{"mars-north-1":{}}}`, `{"faults":[{"kind":"explode"}]}`, `{"instances":[{"type":"x9.huge"}]}`, `{"instances":[{"region":"mars-north-1"}]}`,
	} {
		control(t, sim, 400, "POST", "world", bad)
	}
	if _, err := simulator.ReadWorld([]byte(`{"colour":1}`)); err == nil {
		t.Error("an unknown member was taken")
	}
	if n := len(sim.AWS.Region("us-east-1").Instances()); n != 0 {
		t.Errorf("%d instances came of bad worlds", n)
	}
}

func TestSSMSByControl(t *testing.T) {
	sim := start(t, simulator.Options{Control: true})
	control(t, sim, 204, "PATCH", "ssms", `{"products":3}`)
	products, nodes := sim.CML.SSMS().Capacity()
	same(t, "capacity", [2]int{products, nodes}, [2]int{3, -1})
	control(t, sim, 400, "PATCH", "ssms", `{"colour":1}`)
}

func TestEveryInstanceTypeOfTheWorldCanBeSeeded(t *testing.T) {
	sim := start(t, simulator.Options{})
	for _, kind := range aws.InstanceTypes() {
		if kind.Architecture != "x86_64" {
			continue
		}
		world := simulator.World{Instances: []simulator.InstanceWorld{{Name: kind.Name, Type: kind.Name}}}
		if err := sim.Apply(t.Context(), world); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
}
