package cml

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Tokens and logins: cml-api.md 2.

var loginMembers = map[string]schema{
	"username": {kind: stringKind, minLength: 1, maxLength: 32},
	"password": {kind: stringKind},
}

func (c *call) login() (*account, *apiError) {
	body, err := c.object(loginMembers)
	if err != nil {
		return nil, err
	}
	limit := c.switches.LoginLimit
	if limit > 0 && c.accounts.failures >= limit && c.now().Before(c.accounts.blocked) {
		return nil, failure(http.StatusTooManyRequests, "Too Many Requests")
	}
	user := c.accounts.byName(body["username"].(string))
	if user == nil || user.password != body["password"].(string) {
		c.accounts.failures++
		window := c.switches.LoginLimitWindow
		if window == 0 {
			window = time.Minute
		}
		c.accounts.blocked = c.now().Add(window)
		refused := failure(http.StatusForbidden, "Authentication failed!")
		refused.bare = c.switches.BareLoginError
		return nil, refused
	}
	c.accounts.failures = 0
	if c.maintenance.mode && !user.admin {
		return nil, failure(c.maintenanceStatus(), "System is in maintenance mode.")
	}
	return user, nil
}

func (c *call) postAuthenticate() (reply, *apiError) {
	user, err := c.login()
	if err != nil {
		return reply{}, err
	}
	return ok(c.issue(user, c.accounts.lifetime)), nil
}

// identity is the answer of auth_extended and authentication.
type identity struct {
	Username string  `json:"username"`
	ID       string  `json:"id"`
	Token    string  `json:"token"`
	Admin    bool    `json:"admin"`
	Error    *string `json:"error"`
}

func (c *call) postAuthExtended() (reply, *apiError) {
	user, err := c.login()
	if err != nil {
		return reply{}, err
	}
	return ok(identity{Username: user.username, ID: user.id, Token: c.issue(user, c.accounts.lifetime), Admin: user.admin}), nil
}

func (c *call) getAuthOK() (reply, *apiError) { return ok("OK"), nil }

func (c *call) getAuthentication() (reply, *apiError) {
	return ok(identity{Username: c.user.username, ID: c.user.id, Token: c.token, Admin: c.user.admin}), nil
}

func (c *call) deleteLogout() (reply, *apiError) {
	switch all := c.query.Get("clear_all_sessions"); all {
	case "", "false":
		delete(c.accounts.sessions, c.token)
	case "true":
		c.user.epoch++
	default:
		return reply{}, invalid(problem{[]any{"query", "clear_all_sessions"}, "bool_parsing", "Input should be a valid boolean"})
	}
	return ok(true), nil
}

func (c *call) getSessionTimeout() (reply, *apiError) {
	return ok(int(c.accounts.lifetime / time.Second)), nil
}

func (c *call) patchSessionTimeout() (reply, *apiError) {
	seconds, err := strconv.Atoi(c.params["timeout"])
	if err != nil || seconds < 300 || seconds > 604800 {
		return reply{}, invalid(problem{[]any{"path", "timeout"}, "int_range", "Input should be between 300 and 604800"})
	}
	c.accounts.lifetime = time.Duration(seconds) * time.Second
	return ok("OK"), nil
}

// authenticate finds the account of the request's token.
func (c *call) authenticate(r *http.Request) *apiError {
	text := c.switches.UnauthorizedText
	if text == "" {
		text = "401 Unauthorized"
	}
	refused := failure(http.StatusUnauthorized, "%s", text)
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if !found || !strings.EqualFold(scheme, "bearer") {
		return refused
	}
	s, known := c.accounts.sessions[token]
	if !known || !c.now().Before(s.expires) {
		return refused
	}
	user := c.accounts.byID(s.userID)
	if user == nil || user.epoch != s.epoch {
		return refused
	}
	c.token, c.user = token, user
	return nil
}

// issue makes a token: a JWT with the claims of cml-api.md 2.1. Call with mu held.
func (m *Machine) issue(user *account, lifetime time.Duration) string {
	now := m.now()
	expires := now.Add(lifetime)
	claims := map[string]any{"iss": "com.cisco.virl", "iat": now.Unix(), "exp": expires.Unix(), "sub": user.id}
	if !m.switches.IdenticalTokens {
		claims["jti"] = rand.Text()
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + encode(plainJSON(claims))
	mac := hmac.New(sha256.New, m.secret)
	mac.Write([]byte(signed)) // a hash never fails to take bytes
	token := signed + "." + encode(mac.Sum(nil))
	m.accounts.sessions[token] = &session{userID: user.id, epoch: user.epoch, expires: expires}
	return token
}
