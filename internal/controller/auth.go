package controller

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Sessions keeps the tokens of one run, so that the many resources that look
// at one server log in once. The zero value and nil are ready for use; nil
// shares nothing.
type Sessions struct {
	mu     sync.Mutex
	byUser map[sessionKey]*session
}

// NewSessions returns an empty store.
func NewSessions() *Sessions { return &Sessions{} }

// sessionKey has the password in it so that a wrong one does not profit from a
// session that the right one opened.
type sessionKey struct{ authority, username, password string }

func (s *Sessions) get(key sessionKey) *session {
	if s == nil {
		return &session{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byUser == nil {
		s.byUser = map[sessionKey]*session{}
	}
	if s.byUser[key] == nil {
		s.byUser[key] = &session{}
	}
	return s.byUser[key]
}

// refusalRest is how long a refused login speaks for all clients of a session.
// CML slows down, or shuts out, accounts that try again and again.
const refusalRest = 10 * time.Second

// session is a token and the login under way, if there is one.
type session struct {
	mu     sync.Mutex
	token  string
	flight *flight
	// refused is the last login if CML refused its user name or password, at
	// refusedAt; nil after another outcome.
	refused   *flight
	refusedAt time.Time
}

// flight is a login that several callers wait for.
type flight struct {
	done  chan struct{}
	token string
	err   error
}

func (s *session) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// get returns a token other than the stale one. Of the callers that need a new
// one at the same time a single one logs in and all share what comes of it,
// unless it is canceled: that is its own affair, and the next one tries.
//
// heard is the caller's own memory of the last refusal, which the session
// guards. A fresh one that it has not heard of is its answer; asking once more
// after that is a decision of the caller's, and logs in.
func (s *session) get(ctx context.Context, stale string, heard **flight, login func(context.Context) (string, error)) (string, error) {
	for {
		token, own, other, err := s.join(stale, heard)
		switch {
		case token != "":
			return token, nil
		case err != nil:
			return "", err
		case own != nil:
			s.run(ctx, own, heard, login)
			return own.token, own.err
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-other.done:
		}
		if other.err == nil || !fault.Is(other.err, fault.Canceled, fault.Timeout) {
			s.mu.Lock()
			*heard = other
			s.mu.Unlock()
			return other.token, other.err
		}
	}
}

// join returns a token, or the error of a refusal that the caller has not heard
// of, or a flight of the caller's own to run, or one under way to wait for.
func (s *session) join(stale string, heard **flight) (token string, own, other *flight, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.token != "" && s.token != stale:
		return s.token, nil, nil, nil
	case s.flight != nil:
		return "", nil, s.flight, nil
	case s.refused != nil && s.refused != *heard && time.Since(s.refusedAt) < refusalRest:
		*heard = s.refused
		return "", nil, nil, s.refused.err
	}
	s.flight = &flight{done: make(chan struct{})}
	return "", s.flight, nil, nil
}

func (s *session) run(ctx context.Context, own *flight, heard **flight, login func(context.Context) (string, error)) {
	own.err = errors.New("login did not return")
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.token, s.flight, s.refused = own.token, nil, nil
		if fault.Is(own.err, fault.Credentials) {
			s.refused, s.refusedAt, *heard = own, time.Now(), own
		}
		close(own.done)
	}()
	own.token, own.err = login(ctx)
}

// Authenticate makes sure that there is a session, logging in if there is
// none yet. fault.Credentials: CML refused name and password (403), or there
// are none. fault.Untrusted: the certificate does not allow credentials to be
// sent, and none were.
//
// A token of the configuration is not tried here: the first call shows whether
// it is alive.
func (c *Client) Authenticate(ctx context.Context) error {
	if c.credentials.Token != "" {
		return c.Trusted(ctx)
	}
	_, err := c.token(ctx, "")
	return err
}

// token returns a token other than the stale one.
func (c *Client) token(ctx context.Context, stale string) (string, error) {
	if c.credentials.Token != "" {
		return c.credentials.Token, nil
	}
	if c.configErr != nil {
		return "", c.configErr
	}
	if c.credentials.IsZero() {
		return "", &fault.Error{
			Kind:      fault.Credentials,
			Service:   serviceName,
			Operation: loginOperation,
			Message:   "there are no credentials for CML: set user name and password, or a token, in the provider's controller block or by controller.credentials",
		}
	}
	token, err := c.session.get(ctx, stale, &c.heard, c.login)
	if err != nil && fault.As(err) == nil {
		return "", c.transportError(ctx, loginOperation, err)
	}
	return token, err
}

const loginOperation = "POST /authenticate"

// login asks for a token (cml-api.md 2.1).
func (c *Client) login(ctx context.Context) (string, error) {
	call := Call{
		Method: http.MethodPost,
		Path:   "/authenticate",
		Body: struct {
			Username string `json:"username"`
			Password string `json:"password"`
		}{c.credentials.Username, c.credentials.Password},
	}
	reply, err := c.send(ctx, c.secret, call, "")
	if err != nil {
		return "", err
	}
	if reply.status == http.StatusForbidden || reply.status == http.StatusUnauthorized {
		refused := c.statusError(call.operation(), reply)
		refused.Kind = fault.Credentials
		refused.Message = "CML refused user name or password"
		if text := c.description(reply); text != "" {
			refused.Message += ": " + text
		}
		return "", refused
	}
	var token string
	call.Out = &token
	if err := c.decode(call, reply); err != nil {
		// The answer may hold the token in another shape.
		if reply.success() {
			reply.body = nil
			return "", c.notCML(call.operation(), reply, "no token in its answer")
		}
		return "", err
	}
	if token == "" {
		return "", c.notCML(call.operation(), answer{status: reply.status}, "no token in its answer")
	}
	return token, nil
}

// deadToken is for a 401 that logging in cannot or did not help.
func (c *Client) deadToken(call Call, reply answer) error {
	dead := c.statusError(call.operation(), reply, call.Secrets...)
	text := dead.Message
	dead.Message = "CML does not accept the token it gave out a moment ago"
	if c.credentials.Token != "" {
		dead.Message = "CML does not accept the token of the configuration: it has expired or was revoked (a change of the account's password revokes it, too)"
	}
	if text != "" {
		dead.Message += ": " + text
	}
	return dead
}
