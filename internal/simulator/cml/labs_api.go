package cml

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// labTime is the form of lab dates: RFC 3339 with an offset, in seconds (cml-api.md 6.1).
const labTime = "2006-01-02T15:04:05-07:00"

// flag reads a boolean of the query.
func (c *call) flag(name string) (bool, *apiError) {
	switch strings.ToLower(c.query.Get(name)) {
	case "":
		return false, nil
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, invalid(problem{[]any{"query", name}, "bool_parsing", "Input should be a valid boolean"})
}

// visibleLabs are the caller's own labs, or all for an administrator who asks.
func (c *call) visibleLabs(all bool) []*lab {
	out := []*lab{}
	for _, one := range c.labs.all {
		if one.owner == c.user.id || all && c.user.admin {
			out = append(out, one)
		}
	}
	return out
}

// lab finds the lab of the path; others' labs are hidden from ordinary users.
func (c *call) lab() (*lab, *apiError) {
	one := c.labs.byID(c.params["lab_id"])
	if one == nil || one.owner != c.user.id && !c.user.admin {
		return nil, failure(http.StatusNotFound, "Lab not found: %s", c.params["lab_id"])
	}
	return one, nil
}

func (c *call) getLabs() (reply, *apiError) {
	all, err := c.flag("show_all")
	if err != nil {
		return reply{}, err
	}
	ids := []string{}
	for _, one := range c.visibleLabs(all) {
		ids = append(ids, one.id)
	}
	return ok(ids), nil
}

func (c *call) labDocument(one *lab) map[string]any {
	body := map[string]any{
		"id": one.id, "created": one.created.UTC().Format(labTime), "modified": one.modified.UTC().Format(labTime),
		"lab_title": one.title, "lab_description": "", "lab_notes": "", "owner": one.owner,
		"owner_username": "", "owner_fullname": "", "state": one.state,
		"node_count": len(one.nodes), "link_count": one.links,
		"effective_permissions": []string{"lab_admin", "lab_edit", "lab_exec", "lab_view"},
	}
	if owner := c.accounts.byID(one.owner); owner != nil {
		body["owner_username"], body["owner_fullname"] = owner.username, owner.fullname
	}
	if c.release.before(10) {
		body["groups"] = []string{}
	} else {
		body["autostart"] = map[string]any{"enabled": false, "priority": nil, "delay": nil}
		body["node_staging"] = map[string]any{"enabled": false, "start_remaining": true, "abort_on_failure": false}
	}
	return body
}

func (c *call) getLab() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	return ok(c.labDocument(one)), nil
}

func (c *call) deleteLab() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	if one.state == StateStarted {
		return reply{}, failure(http.StatusBadRequest, "Lab must be stopped and wiped before it can be removed.")
	}
	c.labs.remove(one.id)
	return noContent(), nil
}

func (c *call) getLabState() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	return ok(one.state), nil
}

func (c *call) getElementState() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	nodes := map[string]string{}
	for _, n := range one.nodes {
		nodes[n.id] = n.state
	}
	return ok(map[string]any{"nodes": nodes, "links": map[string]string{}, "interfaces": map[string]string{}}), nil
}

func (c *call) getConverged() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	return ok(!one.moving), nil
}

// getDownload sends text although the API's own description says JSON (cml-api.md 6.4).
func (c *call) getDownload() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	var out strings.Builder
	out.WriteString("lab:\n  title: " + strconv.Quote(one.title) + "\n  version: 0.3.0\nnodes:\n")
	for i, n := range one.nodes {
		out.WriteString("  - id: n" + strconv.Itoa(i) + "\n    label: " + strconv.Quote(n.label) + "\n    node_definition: " + n.definition + "\n")
	}
	out.WriteString("links: []\n")
	return reply{status: http.StatusOK, text: out.String(), contentType: "text/plain; charset=utf-8"}, nil
}

func (c *call) nodeDocument(one *lab, n *node) map[string]any {
	body := map[string]any{
		"id": n.id, "lab_id": one.id, "label": n.label, "node_definition": n.definition, "state": n.state,
		"boot_progress": n.progress(), "cpus": n.cpus, "ram": n.ram, "compute_id": nil,
	}
	if n.state != StateDefined {
		body["compute_id"] = c.computes[0].id
	}
	return body
}

func (c *call) getLabNodes() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	data, err := c.flag("data")
	if err != nil {
		return reply{}, err
	}
	out := []any{}
	for _, n := range one.nodes {
		if data {
			out = append(out, c.nodeDocument(one, n))
		} else {
			out = append(out, n.id)
		}
	}
	return ok(out), nil
}

func (c *call) node() (*lab, *node, *apiError) {
	one, err := c.lab()
	if err != nil {
		return nil, nil, err
	}
	for _, n := range one.nodes {
		if n.id == c.params["node_id"] {
			return one, n, nil
		}
	}
	return nil, nil, failure(http.StatusNotFound, "Node not found: %s", c.params["node_id"])
}

func (c *call) getNode() (reply, *apiError) {
	one, n, err := c.node()
	if err != nil {
		return reply{}, err
	}
	return ok(c.nodeDocument(one, n)), nil
}

func (c *call) getNodeState() (reply, *apiError) {
	_, n, err := c.node()
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]string{"state": n.state, "progress": n.progress()}), nil
}

func (c *call) getNodes() (reply, *apiError) {
	out := []any{}
	for _, one := range c.visibleLabs(!c.switches.HiddenOtherNodes) {
		for _, n := range one.nodes {
			out = append(out, c.nodeDocument(one, n))
		}
	}
	return ok(out), nil
}

func (c *call) getLabTiles() (reply, *apiError) {
	tiles := map[string]any{}
	for _, one := range c.visibleLabs(true) {
		body := c.labDocument(one)
		nodes := []any{}
		for _, n := range one.nodes {
			nodes = append(nodes, c.nodeDocument(one, n))
		}
		body["topology"] = map[string]any{"nodes": nodes, "links": []any{}}
		tiles[one.id] = body
	}
	return ok(map[string]any{"lab_tiles": tiles}), nil
}

func (c *call) putLabStart() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	if c.labs.running()+len(one.nodes)-one.active() > c.licence.nodeLimit() {
		return reply{}, licensingIssue(http.StatusBadRequest, "Maximum node count exceeded.")
	}
	if !c.canStartNodes() {
		return reply{}, failure(http.StatusBadRequest, "No compute host is able to start nodes.")
	}
	c.startLab(one, c.user)
	return noContent(), nil
}

func (c *call) putLabStop() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	if one.state == StateStarted {
		c.stopLab(one, c.user)
	}
	return noContent(), nil
}

func (c *call) putLabWipe() (reply, *apiError) {
	one, err := c.lab()
	if err != nil {
		return reply{}, err
	}
	if one.state == StateStarted {
		return reply{}, failure(http.StatusBadRequest, "Lab must be stopped before it can be wiped.")
	}
	for _, n := range one.nodes {
		n.state = StateDefined
		c.event("wipe_node", map[string]any{"lab_id": one.id, "node_id": n.id})
	}
	one.state, one.modified = StateDefined, c.now().Truncate(time.Second)
	return noContent(), nil
}
