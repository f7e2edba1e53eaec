package cml_test

import (
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func TestMaintenanceMode(t *testing.T) {
	m, c := machine(t, "")
	jane := cml.Credentials{Username: "jane", Password: "correct horse"}
	m.AddUser(jane, false)
	hers := c.login(jane)
	same(t, "fresh", c.get("/system/maintenance_mode"), any(map[string]any{"maintenance_mode": false, "notice": nil, "resolved_notice": nil}))
	notice := pick(t, c.json("POST", "/system/notices", `{"level":"WARNING","label":"Down at six","content":"soon","enabled":true,"groups":[]}`), "id").(string)
	got := c.json("PATCH", "/system/maintenance_mode", `{"maintenance_mode":true,"notice":"`+notice+`"}`)
	same(t, "mode", pick(t, got, "maintenance_mode"), true)
	same(t, "label", pick(t, got, "resolved_notice", "label"), "Down at six")
	same(t, "in maintenance", m.InMaintenance(), true)

	hers.want(503, "GET", "/labs", nil).refusal(t)
	hers.want(503, "POST", "/authenticate", jane).refusal(t)
	m.Switch(func(s *cml.Switches) { s.MaintenanceStatus = 403 })
	hers.want(403, "GET", "/labs", nil).refusal(t)
	c.want(200, "GET", "/labs", nil)

	c.want(400, "PATCH", "/system/maintenance_mode", `{}`).refusal(t)
	c.want(404, "PATCH", "/system/maintenance_mode", `{"notice":"none"}`).refusal(t)
	c.want(204, "DELETE", "/system/notices/"+notice, nil)
	same(t, "notice", c.get("/system/maintenance_mode", "notice"), nil)
	c.want(200, "PATCH", "/system/maintenance_mode", `{"maintenance_mode":false,"notice":null}`)
	hers.want(200, "GET", "/labs", nil)
	same(t, "events", len(of(events(t, c), "maintenance_state_change")), 2)
}

func TestNotices(t *testing.T) {
	m, c := machine(t, "")
	for _, body := range []string{`{"level":"INFO"}`, `{"level":"LOUD","label":"a"}`, `{"level":"INFO","label":""}`, `{"level":"INFO","label":"a","groups":[1]}`} {
		c.want(400, "POST", "/system/notices", body).refusal(t)
	}
	created := c.json("POST", "/system/notices", `{"level":"INFO","label":"a"}`)
	path := "/system/notices/" + pick(t, created, "id").(string)
	same(t, "enabled", pick(t, created, "enabled"), false)
	same(t, "activated", pick(t, created, "activated"), nil)
	changed := c.json("PATCH", path, `{"enabled":true,"content":"more","groups":["g"]}`)
	same(t, "content", pick(t, changed, "content"), "more")
	same(t, "groups", pick(t, changed, "groups"), any([]any{"g"}))
	if pick(t, changed, "activated") == nil {
		t.Error("an enabled notice has no activation time")
	}
	same(t, "get", c.get(path), changed)
	same(t, "list", c.get("/system/notices"), any([]any{changed}))
	if err := m.SetVersion("2.8.0"); err != nil {
		t.Fatal(err)
	}
	if _, has := c.get(path).(map[string]any)["activated"]; has {
		t.Error("2.8 has no activated")
	}
	c.want(204, "DELETE", path, nil)
	for _, method := range []string{"GET", "DELETE"} {
		c.want(404, method, path, nil).refusal(t)
	}
	c.want(404, "PATCH", path, `{}`).refusal(t)
}
