package controller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

const (
	// basePath is the only one that any release has (cml-api.md 1).
	basePath = "/api/v0"
	// maxBody bounds the answers that are read; lab lists of a large server
	// stay far below it.
	maxBody = 16 << 20
	// maxRedirects within the same host; CML itself has none.
	maxRedirects = 3
	// shortestKey is the length from which a header's value may be a key.
	shortestKey = 8
	// idleConnTimeout is how long a connection with a checked certificate is kept.
	idleConnTimeout = 30 * time.Second
)

// Client speaks to one CML server at one address. It is safe for concurrent
// use. It repeats no request but the one that a dead token failed; who waits
// for a server decides about the rest.
type Client struct {
	ip          string
	settings    Settings
	credentials Credentials
	transport   Transport
	trust       trust
	configErr   error
	session     *session
	heard       *flight // the refused login that this client knows of; guarded by the session
	seen        atomic.Pointer[string]
	// Requests without a secret and those with one never share a connection.
	open, secret *http.Client
}

// New returns a client for the server at an IP address. It does no I/O;
// settings that make no sense show as fault.Invalid in the first call.
func New(ip string, s Settings, cr Credentials, t Transport) *Client {
	c := &Client{ip: ip, settings: s, credentials: cr, transport: t}
	c.trust, c.configErr = newTrust(ip, s)
	if err := checkVia(s, t); err != nil {
		c.configErr = err
	}
	c.session = t.Sessions.get(sessionKey{c.authority(), cr.Username, cr.Password})
	c.open, c.secret = c.httpClient(false), c.httpClient(true)
	return c
}

func (c *Client) httpClient(secret bool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dialTLS(ctx, secret) },
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("CML is asked over TLS only")
			},
			IdleConnTimeout: idleConnTimeout,
			// A probe always connects anew: whether that works is what it asks,
			// and a machine that reboots leaves dead connections behind.
			DisableKeepAlives: !secret,
		},
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			first := via[0].URL
			if request.URL.Scheme != first.Scheme || request.URL.Host != first.Host || len(via) > maxRedirects {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// Close gives back the connections that are kept for further requests. The
// client can be used on.
func (c *Client) Close() {
	c.open.CloseIdleConnections()
	c.secret.CloseIdleConnections()
}

// authority is the host and port of the URLs that are asked: the host name if
// there is one, so that a server that goes by names sees the right one.
func (c *Client) authority() string {
	host := c.settings.Hostname
	if host == "" {
		host = c.ip
	}
	return authority(host, c.settings.port())
}

// where names the server in texts.
func (c *Client) where() string {
	if c.ip == "" {
		return "CML"
	}
	address := net.JoinHostPort(c.ip, strconv.Itoa(c.settings.port()))
	if c.settings.Hostname != "" {
		return c.settings.Hostname + " (" + address + ")"
	}
	return address
}

// redact removes what this client keeps secret, and the further secrets, from a text.
func (c *Client) redact(text string, secrets ...string) string {
	secrets = append(secrets, c.credentials.Secrets()...)
	secrets = append(secrets, c.session.current())
	for _, value := range c.transport.Headers {
		// A header may hold a key, but "1" or "on" would spoil every text.
		if len(value) >= shortestKey {
			secrets = append(secrets, value)
		}
	}
	if proxy, err := url.Parse(c.transport.ProxyURL); err == nil && proxy.User != nil {
		if password, set := proxy.User.Password(); set {
			secrets = append(secrets, password)
		}
	}
	return Redact(text, secrets...)
}

// Call is one authenticated request.
type Call struct {
	Method string
	// Path comes after /api/v0 and begins with a slash.
	Path  string
	Query url.Values
	// Body, unless nil, is sent as JSON; scalars are legal bodies of CML.
	Body any
	// Out, unless nil, receives the JSON of the answer; an answer without a
	// body leaves it as it is, since what a change answers depends on the
	// release (cml-api.md 5.2).
	Out any
	// Timeout limits this request; 0 means Transport.RequestTimeout.
	Timeout time.Duration
	// Secrets are parts of Body that no error text may show.
	Secrets []string
}

func (call Call) operation() string { return call.Method + " " + call.Path }

// Do sends an authenticated request over a connection whose certificate is
// trusted, logging in before it when there is no session and once more when
// the session turns out to be dead. It returns the HTTP status, 0 when there
// was no answer. Every 2xx is success.
func (c *Client) Do(ctx context.Context, call Call) (status int, err error) {
	token, err := c.token(ctx, "")
	if err != nil {
		return 0, err
	}
	reply, err := c.send(ctx, c.secret, call, token)
	if err == nil && reply.status == http.StatusUnauthorized && c.credentials.Token == "" {
		if token, err = c.token(ctx, token); err != nil {
			return http.StatusUnauthorized, err
		}
		reply, err = c.send(ctx, c.secret, call, token)
	}
	if err != nil {
		return 0, err
	}
	if reply.status == http.StatusUnauthorized {
		return reply.status, c.deadToken(call, reply)
	}
	return reply.status, c.decode(call, reply)
}

// Get reads a document of the API.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	reply := &required{into: out}
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: path, Query: query, Out: reply})
	if err == nil && !reply.seen {
		return &fault.Error{Kind: fault.NotReady, Service: serviceName, Operation: "GET " + path, Message: c.where() + " sent an empty answer to GET " + path}
	}
	return err
}

// required is a document that must not be missing.
type required struct {
	into any
	seen bool
}

// UnmarshalJSON implements json.Unmarshaler. null is no document: a list of
// which nothing is known is not an empty one.
func (r *required) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	r.seen = true
	return json.Unmarshal(data, r.into)
}

// answer is an HTTP answer read to its end.
type answer struct {
	status      int
	contentType string
	location    string
	body        []byte
}

func (a answer) success() bool { return a.status >= 200 && a.status < 300 }

// send makes one request, with a token unless it is "".
func (c *Client) send(ctx context.Context, client *http.Client, call Call, token string) (answer, error) {
	if c.configErr != nil {
		return answer{}, c.configErr
	}
	if err := c.addressed(call.operation()); err != nil {
		return answer{}, err
	}
	timeout := call.Timeout
	if timeout <= 0 {
		timeout = c.transport.requestTimeout()
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := c.request(limited, call, token)
	if err != nil {
		return answer{}, fault.New(fault.Bug, "%s: %w", call.operation(), err)
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, c.transportError(ctx, call.operation(), err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return answer{}, c.transportError(ctx, call.operation(), err)
	}
	reply := answer{
		status:      response.StatusCode,
		contentType: response.Header.Get("Content-Type"),
		location:    response.Header.Get("Location"),
		body:        body,
	}
	if len(body) > maxBody {
		reply.body = nil
		return answer{}, c.notCML(call.operation(), reply, fmt.Sprintf("a body of more than %d MiB", maxBody>>20))
	}
	return reply, nil
}

// addressed fails without an address: an empty one would mean this machine.
func (c *Client) addressed(operation string) error {
	if c.ip != "" {
		return nil
	}
	err := errors.New("CML has no address yet")
	return &fault.Error{
		Kind: fault.Unreachable, Service: serviceName, Operation: operation, Message: err.Error(), Err: &failure{ReasonNoRoute, err},
	}
}

func (c *Client) request(ctx context.Context, call Call, token string) (*http.Request, error) {
	target := url.URL{Scheme: "https", Host: c.authority(), Path: basePath + call.Path, RawQuery: call.Query.Encode()}
	var body io.Reader
	if call.Body != nil {
		raw, err := json.Marshal(call.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	request, err := http.NewRequestWithContext(ctx, call.Method, target.String(), body)
	if err != nil {
		return nil, err
	}
	for name, value := range c.transport.Headers {
		if http.CanonicalHeaderKey(name) == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "terraform-provider-cml")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return request, nil
}

// decode turns an answer into call.Out or an error.
func (c *Client) decode(call Call, reply answer) error {
	if !reply.success() {
		return c.statusError(call.operation(), reply, call.Secrets...)
	}
	body := bytes.TrimSpace(reply.body)
	switch {
	case len(body) == 0:
		return nil
	case call.Out == nil && body[0] == '<':
		// A login page in the place of CML's answer is no success.
		return c.notCML(call.operation(), reply, "a page", call.Secrets...)
	case call.Out == nil:
		return nil
	}
	if err := json.Unmarshal(reply.body, call.Out); err != nil {
		what := "no JSON"
		if json.Valid(reply.body) {
			what = "JSON of another shape" + misfit(err)
		} else if reply.contentType != "" {
			what = reply.contentType
		}
		return c.notCML(call.operation(), reply, what, call.Secrets...)
	}
	return nil
}

// misfit says where JSON is not of the shape of CML's, without Go's words for it.
func misfit(err error) string {
	var at *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &at):
		return ": " + err.Error()
	case at.Field == "":
		return " (" + at.Value + ")"
	}
	return fmt.Sprintf(" (%s: %s)", at.Field, at.Value)
}
