package cml_test

import (
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

func TestUserDocuments(t *testing.T) {
	m, c := machine(t, "")
	id := m.AddUser(cml.Credentials{Username: "jane", Password: "correct horse"}, false)
	lab, err := m.AddLab(cml.Lab{Title: "hers", Owner: "jane"})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "id", c.want(200, "GET", "/users/jane/id", nil).body, `"`+id+`"`)
	same(t, "unknown", c.want(404, "GET", "/users/nobody/id", nil).refusal(t), "User does not exist: nobody.")
	c.want(404, "GET", "/users/nobody", nil)
	same(t, "users", len(c.get("/users").([]any)), 2)
	user := c.get("/users/" + id).(map[string]any)
	same(t, "labs", user["labs"], any([]any{lab}))
	same(t, "opt_in", user["opt_in"], nil)
	same(t, "email", user["email"], nil)
	if err := m.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	user = c.get("/users/" + id).(map[string]any)
	same(t, "opt_in", user["opt_in"], "unset")
	same(t, "auth_source", user["auth_source"], "local")
}

func TestCreateUsers(t *testing.T) {
	_, c := machine(t, "")
	got := c.want(201, "POST", "/users", `{"username":"svc","password":"battery staple","admin":true,"fullname":"Service","email":"svc@example.net"}`).decode(t)
	same(t, "admin", pick(t, got, "admin"), true)
	same(t, "email", pick(t, got, "email"), "svc@example.net")
	c.want(422, "POST", "/users", `{"username":"svc","password":"battery staple"}`).refusal(t)
	c.want(400, "POST", "/users", `{"username":"svc2"}`).refusal(t)
	if text := c.want(403, "POST", "/users", `{"username":"svc2","password":"short"}`).refusal(t); !strings.HasPrefix(text, "Password validation failure! Reason: Length") {
		t.Errorf("got %q", text)
	}
	same(t, "common", c.want(403, "POST", "/users", `{"username":"svc2","password":"changeme"}`).refusal(t),
		"Password validation failure! Reason: password in common word list")
	svc := c.login(cml.Credentials{Username: "svc", Password: "battery staple"})
	svc.want(400, "DELETE", "/users/"+pick(t, got, "id").(string), nil).refusal(t)
	svc.want(404, "DELETE", "/users/none", nil).refusal(t)
}

func TestChangePasswordAndName(t *testing.T) {
	m, c := machine(t, "")
	path := "/users/" + cml.BuiltinAdminID
	// Up to 2.9 an administrator may give any old password.
	c.want(200, "PATCH", path, `{"username":"root","password":{"old_password":"","new_password":"correct horse"}}`)
	c.want(401, "GET", "/authok", nil)
	c = c.login(cml.Credentials{Username: "root", Password: "correct horse"})
	if err := m.SetVersion("2.10.0"); err != nil {
		t.Fatal(err)
	}
	c.want(400, "PATCH", path, `{"password":{"new_password":"battery staple"}}`).refusal(t)
	c.want(403, "PATCH", path, `{"password":{"old_password":"wrong","new_password":"battery staple"}}`).refusal(t)
	c.want(403, "PATCH", path, `{"password":{"old_password":"correct horse","new_password":"short"}}`).refusal(t)
	c.want(200, "PATCH", path, `{"description":"still logged in","email":null}`)
	c.want(200, "PATCH", path, `{"password":{"old_password":"correct horse","new_password":"battery staple"}}`)
	c.want(401, "GET", "/authok", nil)
	c = c.login(cml.Credentials{Username: "root", Password: "battery staple"})

	id := m.AddUser(cml.Credentials{Username: "jane", Password: "correct horse"}, false)
	c.want(422, "PATCH", "/users/"+id, `{"username":"root"}`).refusal(t)
	jane := c.login(cml.Credentials{Username: "jane", Password: "correct horse"})
	jane.want(403, "PATCH", "/users/"+id, `{"admin":true}`).refusal(t)
	c.want(200, "PATCH", "/users/"+id, `{"password":{"new_password":"battery staple"}}`) // of another user: the old one is optional
	jane.want(401, "GET", "/authok", nil)
	jane = c.login(cml.Credentials{Username: "jane", Password: "battery staple"})
	if err := m.SetVersion("2.9.0"); err != nil {
		t.Fatal(err)
	}
	jane.want(403, "PATCH", "/users/"+id, `{"password":{"old_password":"","new_password":"correct horse"}}`).refusal(t)
}
