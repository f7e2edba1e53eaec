package cml_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// branch is a lab with two routers.
func branch(t *testing.T, m *cml.Machine, l cml.Lab) string {
	t.Helper()
	l.Title = "Branch"
	l.Nodes = []cml.Node{{Label: "r1"}, {Label: "r2", Definition: "iosxr", CPUs: 2, RAM: 4096}}
	id, err := m.AddLab(l)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestLabDocuments(t *testing.T) {
	m, c := machine(t, "")
	id := branch(t, m, cml.Lab{})
	same(t, "labs", c.get("/labs"), any([]any{id}))
	lab := c.get("/labs/" + id)
	same(t, "title", pick(t, lab, "lab_title"), "Branch")
	same(t, "state", pick(t, lab, "state"), "DEFINED_ON_CORE")
	same(t, "nodes", pick(t, lab, "node_count"), float64(2))
	same(t, "owner", pick(t, lab, "owner_username"), "admin")
	same(t, "groups", pick(t, lab, "groups"), any([]any{}))
	if created := pick(t, lab, "created").(string); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$`).MatchString(created) {
		t.Errorf("created is %q", created)
	}
	same(t, "state", c.want(200, "GET", "/labs/"+id+"/state", nil).body, `"DEFINED_ON_CORE"`)
	ids := c.get("/labs/" + id + "/nodes").([]any)
	nodes := c.get("/labs/" + id + "/nodes?data=true&exclude_configurations=true").([]any)
	same(t, "node", pick(t, nodes[1], "id"), ids[1])
	same(t, "definition", pick(t, nodes[1], "node_definition"), "iosxr")
	same(t, "progress", pick(t, nodes[0], "boot_progress"), "Not running")
	node := ids[0].(string)
	same(t, "one", c.get("/labs/"+id+"/nodes/"+node, "label"), "r1")
	same(t, "state of one", c.get("/labs/"+id+"/nodes/"+node+"/state"), any(map[string]any{"state": "DEFINED_ON_CORE", "progress": "Not running"}))
	same(t, "elements", len(c.get("/labs/"+id+"/lab_element_state", "nodes").(map[string]any)), 2)
	same(t, "tiles", len(c.get("/populate_lab_tiles", "lab_tiles", id, "topology", "nodes").([]any)), 2)
	if text := c.want(200, "GET", "/labs/"+id+"/download", nil); !strings.HasPrefix(text.header.Get("Content-Type"), "text/plain") || !strings.Contains(text.body, `label: "r2"`) {
		t.Errorf("download is %q", text.body)
	}
	for _, path := range []string{"/labs/none", "/labs/none/state", "/labs/none/nodes", "/labs/none/lab_element_state", "/labs/none/check_if_converged", "/labs/none/download"} {
		same(t, path, c.want(404, "GET", path, nil).refusal(t), "Lab not found: none")
	}
	c.want(404, "GET", "/labs/"+id+"/nodes/none/state", nil).refusal(t)
	c.want(400, "GET", "/labs?show_all=perhaps", nil).refusal(t)
	if err := m.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	lab = c.get("/labs/" + id)
	same(t, "autostart", pick(t, lab, "autostart", "enabled"), false)
	if _, has := lab.(map[string]any)["groups"]; has {
		t.Error("2.10 has no groups")
	}
}

func TestLabsOfOthers(t *testing.T) {
	m, c := machine(t, "")
	jane := cml.Credentials{Username: "jane", Password: "correct horse"}
	m.AddUser(jane, false)
	own, hers := branch(t, m, cml.Lab{}), branch(t, m, cml.Lab{Owner: "jane"})
	same(t, "own", c.get("/labs"), any([]any{own}))
	same(t, "all", c.get("/labs?show_all=true"), any([]any{own, hers}))
	same(t, "nodes of all", len(c.get("/nodes").([]any)), 4)
	m.Switch(func(s *cml.Switches) { s.HiddenOtherNodes = true })
	same(t, "own nodes", len(c.get("/nodes").([]any)), 2)
	c = c.login(jane)
	same(t, "hers", c.get("/labs?show_all=true"), any([]any{hers}))
	c.want(404, "GET", "/labs/"+own, nil)
	if _, err := m.AddLab(cml.Lab{Owner: "nobody"}); err == nil {
		t.Error("a lab of nobody was added")
	}
}

func TestStartAndStopTakeTime(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: cml.Timing{NodeStep: 60 * time.Millisecond}})
	m, c := ready(t, fleet, cml.Boot{})
	c = c.login(cml.DefaultAdmin())
	id := branch(t, m, cml.Lab{})
	nodeStates := func() []string {
		var out []string
		for _, state := range c.get("/labs/"+id+"/lab_element_state", "nodes").(map[string]any) {
			out = append(out, state.(string))
		}
		return out
	}
	converged := func() bool { return c.get("/labs/" + id + "/check_if_converged").(bool) }

	c.want(204, "PUT", "/labs/"+id+"/start", nil)
	same(t, "state", c.get("/labs/"+id+"/state"), "STARTED")
	var met []string
	eventually(t, "the nodes are booted", func() bool {
		now := nodeStates()[0]
		if len(met) == 0 || met[len(met)-1] != now {
			met = append(met, now)
		}
		return now == "BOOTED"
	})
	if !subsequence(met, []string{"QUEUED", "STARTED", "BOOTED"}) {
		t.Errorf("met %v", met)
	}
	eventually(t, "the lab has converged", converged)
	same(t, "running", m.RunningNodes(), 2)
	c.want(400, "PUT", "/labs/"+id+"/wipe", nil).refusal(t)
	c.want(400, "DELETE", "/labs/"+id, nil).refusal(t)

	c.want(204, "PUT", "/labs/"+id+"/stop", nil)
	eventually(t, "the lab is stopped", func() bool { return c.get("/labs/"+id+"/state") == "STOPPED" })
	same(t, "nodes", nodeStates(), []string{"STOPPED", "STOPPED"})
	eventually(t, "the lab has converged", converged)
	c.want(204, "PUT", "/labs/"+id+"/stop", nil)
	c.want(204, "PUT", "/labs/"+id+"/wipe", nil)
	same(t, "wiped", c.get("/labs/"+id+"/state"), "DEFINED_ON_CORE")
	c.want(204, "DELETE", "/labs/"+id, nil)
	for _, operation := range []string{"start", "stop", "wipe"} {
		c.want(404, "PUT", "/labs/"+id+"/"+operation, nil).refusal(t)
	}
	c.want(404, "DELETE", "/labs/"+id, nil)

	var categories []string
	for _, event := range c.get("/telemetry/events").([]any) {
		categories = append(categories, pick(t, event, "category").(string))
	}
	for _, want := range []string{"start_lab", "queue_node", "start_node", "boot_node", "stop_lab", "stop_node", "wipe_node"} {
		if !slices.Contains(categories, want) {
			t.Errorf("telemetry has no %s in %v", want, categories)
		}
	}
}

func TestStopDuringStartWins(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: cml.Timing{NodeStep: 50 * time.Millisecond}})
	m, c := ready(t, fleet, cml.Boot{})
	c = c.login(cml.DefaultAdmin())
	id := branch(t, m, cml.Lab{})
	c.want(204, "PUT", "/labs/"+id+"/start", nil)
	same(t, "converged", c.get("/labs/"+id+"/check_if_converged"), false)
	c.want(204, "PUT", "/labs/"+id+"/stop", nil)
	eventually(t, "the lab is stopped", func() bool { return c.get("/labs/"+id+"/state") == "STOPPED" })
	time.Sleep(120 * time.Millisecond) // beyond the steps of the start
	same(t, "running", m.RunningNodes(), 0)
}

func TestStubbornLab(t *testing.T) {
	m, c := machine(t, "")
	id := branch(t, m, cml.Lab{Running: true, Stubborn: true})
	c.want(204, "PUT", "/labs/"+id+"/stop", nil)
	same(t, "converged", c.get("/labs/"+id+"/check_if_converged"), false)
	same(t, "running", m.RunningNodes(), 2)
}

func TestPowerCutStopsNodes(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	boot := cml.Boot{InstanceID: "i-1", Addresses: []string{address()}}
	m, c := ready(t, fleet, boot)
	id := branch(t, m, cml.Lab{Running: true})
	fleet.Shutdown("i-1")
	if err := m.StartLab(id, ""); err == nil {
		t.Error("a lab was started on a machine that is off")
	}
	ready(t, fleet, boot)
	same(t, "running", m.RunningNodes(), 0)
	same(t, "state", c.login(cml.DefaultAdmin()).get("/labs/"+id+"/state"), "STOPPED")
}

func TestNodeLimit(t *testing.T) {
	m, c := machine(t, "")
	full := cml.Lab{Title: "full", Running: true}
	for range 19 {
		full.Nodes = append(full.Nodes, cml.Node{Label: "n"})
	}
	if _, err := m.AddLab(full); err != nil {
		t.Fatal(err)
	}
	id := branch(t, m, cml.Lab{})
	same(t, "text", c.want(400, "PUT", "/labs/"+id+"/start", nil).refusal(t), "Licensing issue: Maximum node count exceeded.")
	c.want(204, "PATCH", "/licensing/features", `[{"id":"`+nodeCount+`","count":1}]`)
	c.want(204, "PUT", "/labs/"+id+"/start", nil)
	m.SetNodeState(id, "STARTING")
	same(t, "running", m.RunningNodes(), 21)
	if err := m.SetVirtualization(false); err != nil {
		t.Fatal(err)
	}
	other := branch(t, m, cml.Lab{})
	m.RemoveLab(id)
	c.want(400, "PUT", "/labs/"+other+"/start", nil).refusal(t)
}
