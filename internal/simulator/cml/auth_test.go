package cml_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// machine is a ready machine of a fleet of its own, with an administrator's client.
func machine(t *testing.T, version string) (*cml.Machine, *client) {
	t.Helper()
	fleet := newFleet(t, cml.Options{Timing: instant, Version: version})
	m, c := ready(t, fleet, cml.Boot{})
	return m, c.login(cml.DefaultAdmin())
}

func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q has %d parts", token, len(parts))
	}
	decode := func(part string) map[string]any {
		data, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	same(t, "header", decode(parts[0]), map[string]any{"typ": "JWT", "alg": "HS256"})
	return decode(parts[1])
}

func TestTokenIsAJWTThatLastsADay(t *testing.T) {
	_, c := machine(t, "")
	got := claims(t, c.token)
	same(t, "iss", got["iss"], "com.cisco.virl")
	same(t, "sub", got["sub"], cml.BuiltinAdminID)
	same(t, "lifetime", got["exp"].(float64)-got["iat"].(float64), float64(86400))
	same(t, "web_session_timeout", c.get("/web_session_timeout"), float64(86400))
	same(t, "answer", c.want(200, "PATCH", "/web_session_timeout/300", nil).body, `"OK"`)
	again := claims(t, c.login(cml.DefaultAdmin()).token)
	same(t, "lifetime afterwards", again["exp"].(float64)-again["iat"].(float64), float64(300))
	for _, bad := range []string{"299", "604801", "soon"} {
		c.want(400, "PATCH", "/web_session_timeout/"+bad, nil).refusal(t)
	}
}

func TestOnlyFourOperationsNeedNoToken(t *testing.T) {
	_, c := machine(t, "")
	c.token = ""
	c.want(200, "GET", "/system_information", nil)
	c.want(200, "GET", "/system/maintenance_mode", nil)
	c.want(200, "POST", "/authenticate", cml.DefaultAdmin())
	c.want(200, "POST", "/auth_extended", cml.DefaultAdmin())
	for _, path := range []string{"/authok", "/system_health", "/system_stats", "/licensing", "/labs", "/users", "/telemetry/events"} {
		c.want(401, "GET", path, nil).refusal(t)
	}
	for _, token := range []string{"nonsense", "eyJ.eyJ.x"} {
		c.token = token
		c.want(401, "GET", "/authok", nil).refusal(t)
	}
}

func TestWrongCredentialsAreForbidden(t *testing.T) {
	m, c := machine(t, "")
	for _, path := range []string{"/authenticate", "/auth_extended"} {
		for _, who := range []cml.Credentials{{Username: "admin", Password: "wrong"}, {Username: "nobody", Password: "cml-simulator-admin"}} {
			c.want(403, "POST", path, who).refusal(t)
		}
	}
	m.Switch(func(s *cml.Switches) { s.BareLoginError = true })
	same(t, "bare error", c.want(403, "POST", "/authenticate", cml.Credentials{Username: "admin", Password: "wrong"}).body, `"Authentication failed!"`)
}

func TestWhoAmI(t *testing.T) {
	m, c := machine(t, "")
	extended := c.json("POST", "/auth_extended", cml.DefaultAdmin())
	same(t, "admin", pick(t, extended, "admin"), true)
	same(t, "error", pick(t, extended, "error"), nil)
	same(t, "authok", c.want(200, "GET", "/authok", nil).body, `"OK"`)
	c.want(404, "GET", "/authentication", nil).refusal(t)
	if err := m.SetVersion("2.10.0+build.2"); err != nil {
		t.Fatal(err)
	}
	me := c.get("/authentication")
	same(t, "id", pick(t, me, "id"), cml.BuiltinAdminID)
	same(t, "token", pick(t, me, "token"), c.token)
	c.want(200, "GET", "/authok", nil)
	if err := m.SetVersion("two"); err == nil {
		t.Error("a version that is none was taken")
	}
}

func TestWhatKillsTokens(t *testing.T) {
	m, c := machine(t, "")
	other := c.login(cml.DefaultAdmin())
	same(t, "logout", c.want(200, "DELETE", "/logout", nil).body, "true")
	c.want(401, "GET", "/authok", nil)
	other.want(200, "GET", "/authok", nil)
	c.want(401, "DELETE", "/logout", nil)

	third := c.login(cml.DefaultAdmin())
	other.want(200, "DELETE", "/logout?clear_all_sessions=true", nil)
	third.want(401, "GET", "/authok", nil)
	same(t, "sessions", m.Sessions(), 0)

	m.AddUser(cml.Credentials{Username: "jane", Password: "correct horse"}, true)
	c = c.login(cml.DefaultAdmin())
	jane := c.login(cml.Credentials{Username: "jane", Password: "correct horse"})
	id := c.get("/users/jane/id").(string)
	for what, kill := range map[string]func(){
		"password": func() {
			c.want(200, "PATCH", "/users/"+id, `{"password":{"old_password":"","new_password":"battery staple"}}`)
		},
		"admin flag": func() { c.want(200, "PATCH", "/users/"+id, `{"admin":false}`) },
		"revocation": m.RevokeTokens,
	} {
		t.Run(what, func(t *testing.T) {
			token, err := m.IssueToken("jane", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			jane.token = token
			jane.want(200, "GET", "/authok", nil)
			if c.try("GET", "/authok", nil).status != 200 {
				c = c.login(cml.DefaultAdmin())
			}
			kill()
			jane.want(401, "GET", "/authok", nil).refusal(t)
		})
	}
	c = c.login(cml.DefaultAdmin())
	token, err := m.IssueToken("jane", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	jane.token = token
	c.want(204, "DELETE", "/users/"+id, nil)
	jane.want(401, "GET", "/authok", nil)
	if _, err := m.IssueToken("jane", time.Hour); err == nil {
		t.Error("a deleted user got a token")
	}
}

func TestTokensExpire(t *testing.T) {
	m, c := machine(t, "")
	m.SetClockSkew(24*time.Hour + time.Minute)
	c.want(401, "GET", "/authok", nil)
	m.SetTokenLifetime(time.Minute)
	c = c.login(cml.DefaultAdmin())
	m.SetClockSkew(24*time.Hour + 3*time.Minute)
	c.want(401, "GET", "/authok", nil)
}

func TestTokensSurviveAStopOrNot(t *testing.T) {
	for _, die := range []bool{false, true} {
		fleet := newFleet(t, cml.Options{Timing: instant, Switches: cml.Switches{TokensDieOnBoot: die}})
		boot := cml.Boot{InstanceID: "i-1", Addresses: []string{address()}}
		_, c := ready(t, fleet, boot)
		c = c.login(cml.DefaultAdmin())
		fleet.Shutdown("i-1")
		ready(t, fleet, boot)
		same(t, "works", c.try("GET", "/authok", nil).status == 200, !die)
	}
}

func TestIdenticalTokens(t *testing.T) {
	fixed := time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC)
	fleet := newFleet(t, cml.Options{Timing: instant, Now: func() time.Time { return fixed }})
	m, c := ready(t, fleet, cml.Boot{})
	one, two := c.login(cml.DefaultAdmin()), c.login(cml.DefaultAdmin())
	if one.token == two.token {
		t.Error("two logins of one second got the same token")
	}
	m.Switch(func(s *cml.Switches) { s.IdenticalTokens = true })
	one, two = c.login(cml.DefaultAdmin()), c.login(cml.DefaultAdmin())
	if one.token != two.token {
		t.Error("the switch does nothing")
	}
	one.want(200, "DELETE", "/logout", nil)
	two.want(401, "GET", "/authok", nil)
}

func TestLoginLimit(t *testing.T) {
	m, c := machine(t, "")
	wrong := cml.Credentials{Username: "admin", Password: "wrong"}
	for range 30 { // must not yet yield 429 (cml-api.md 1)
		c.want(403, "POST", "/authenticate", wrong)
	}
	c.want(200, "POST", "/authenticate", cml.DefaultAdmin())
	m.Switch(func(s *cml.Switches) { s.LoginLimit = 2 })
	c.want(403, "POST", "/authenticate", wrong)
	c.want(403, "POST", "/authenticate", wrong)
	c.want(429, "POST", "/authenticate", cml.DefaultAdmin()).refusal(t)
	m.SetClockSkew(2 * time.Minute)
	c.want(200, "POST", "/authenticate", cml.DefaultAdmin())
}

func TestUnauthorizedText(t *testing.T) {
	m, c := machine(t, "")
	c.token = ""
	same(t, "text", c.want(401, "GET", "/authok", nil).refusal(t), "401 Unauthorized")
	m.Switch(func(s *cml.Switches) { s.UnauthorizedText = "No authorization token provided." })
	same(t, "text", c.want(401, "GET", "/authok", nil).refusal(t), "No authorization token provided.")
}

func TestStrictBodies(t *testing.T) {
	m, c := machine(t, "")
	for _, bad := range []struct{ body, location, kind string }{
		{`{"username":"admin"}`, "password", "missing"},
		{`{"username":"admin","password":"x","domain":"y"}`, "domain", "extra_forbidden"},
		{`{"username":7,"password":"x"}`, "username", "string_type"},
		{`{"username":"","password":"x"}`, "username", "string_too_short"},
		{`{"username":"` + strings.Repeat("a", 33) + `","password":"x"}`, "username", "string_too_long"},
		{`[]`, "body", "dict_type"},
		{`{"username":`, "body", "json_invalid"},
		{`{} {}`, "body", "json_invalid"},
		{``, "body", "json_invalid"},
	} {
		var document map[string][]struct {
			Location []any
			Type     string
			Message  string
		}
		text := c.want(400, "POST", "/authenticate", bad.body).refusal(t)
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("%s: the description %q is not JSON", bad.body, text)
		}
		problems := document["Input validation failed"]
		if len(problems) != 1 || problems[0].Type != bad.kind || problems[0].Message == "" ||
			problems[0].Location[len(problems[0].Location)-1] != bad.location {
			t.Errorf("%s: got %+v", bad.body, problems)
		}
	}
	m.Switch(func(s *cml.Switches) { s.StructuredDescription = true })
	got := c.want(400, "POST", "/authenticate", `{}`).decode(t)
	if problems := pick(t, got, "description", "Input validation failed").([]any); len(problems) != 2 {
		t.Errorf("structured description: %v", got)
	}
}

func TestEnvelopeMembersComeInBothOrders(t *testing.T) {
	_, c := machine(t, "")
	first, second := c.want(404, "GET", "/nothing", nil).body, c.want(404, "GET", "/nothing", nil).body
	if strings.HasPrefix(first, `{"code"`) == strings.HasPrefix(second, `{"code"`) {
		t.Errorf("got %s and %s", first, second)
	}
}

func TestProxyAndRouting(t *testing.T) {
	_, c := machine(t, "")
	c.want(405, "DELETE", "/system_information", nil).refusal(t)
	c.want(404, "GET", "/licensing/status", nil).refusal(t)
	big := c.want(413, "POST", "/authenticate", `"`+strings.Repeat("x", 101<<10)+`"`)
	if !strings.Contains(big.body, "<html>") {
		t.Errorf("413 is %q", big.body)
	}
	got := c.want(200, "GET", "/system_information", nil)
	same(t, "Server", got.header.Get("Server"), "nginx")
	same(t, "Content-Type", got.header.Get("Content-Type"), "application/json")
}

func TestContentTypeIsRequiredFrom29(t *testing.T) {
	m, c := machine(t, "")
	post := func() int {
		body, err := json.Marshal(cml.DefaultAdmin())
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequest("POST", c.base+"/api/v0/authenticate", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		return c.send(request).status
	}
	same(t, "2.9", post(), 400)
	m.Switch(func(s *cml.Switches) { s.AnyContentType = true })
	same(t, "2.9 with the switch", post(), 200)
	m.Switch(func(s *cml.Switches) { s.AnyContentType = false })
	if err := m.SetVersion("2.8.1"); err != nil {
		t.Fatal(err)
	}
	same(t, "2.8", post(), 200)
}

func TestOrdinaryUsersAreKeptOut(t *testing.T) {
	m, c := machine(t, "")
	bob := cml.Credentials{Username: "bob", Password: "correct horse"}
	m.AddUser(bob, false)
	c = c.login(bob)
	for _, operation := range [][2]string{
		{"GET", "/licensing"}, {"PUT", "/licensing/product_license"}, {"POST", "/licensing/registration"}, {"DELETE", "/licensing/deregistration"},
		{"GET", "/licensing/features"}, {"PATCH", "/licensing/features"}, {"GET", "/licensing/tech_support"}, {"PUT", "/licensing/transport"},
		{"GET", "/users"}, {"POST", "/users"}, {"GET", "/users/" + cml.BuiltinAdminID}, {"PATCH", "/users/" + cml.BuiltinAdminID},
		{"GET", "/system/compute_hosts"}, {"GET", "/diagnostics/licensing"}, {"PATCH", "/system/maintenance_mode"},
		{"POST", "/system/notices"}, {"PATCH", "/web_session_timeout/300"},
	} {
		c.want(403, operation[0], operation[1], nil).refusal(t)
	}
	c.want(200, "GET", "/system_stats", nil)
	c.want(200, "GET", "/labs", nil)
}
