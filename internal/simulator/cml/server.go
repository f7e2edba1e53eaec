package cml

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	basePath = "/api/v0"
	// bodyLimit is what the proxy lets through (cml-api.md 1).
	bodyLimit = 100 << 10
	jsonType  = "application/json"
)

// ServeHTTP answers one request as CML does, records it under the service "cml"
// and lets the fault script have its way.
func (m *Machine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit+1))
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away in the middle
	}
	m.mu.Lock()
	hit := m.match(r.Method, r.URL.EscapedPath())
	m.mu.Unlock()
	params := parameters(r.URL.Query(), hit.params, m.id)
	operation := r.Method + " " + hit.template
	seq := m.fleet.options.Recorder.Begin(wire.Record{
		Service: "cml", Operation: operation, Target: m.id,
		Params: params, Header: r.Header.Clone(), Body: body,
	})
	fault := m.fleet.options.Faults.Take("cml", operation, params)
	out := &statusWriter{ResponseWriter: w}
	defer func() {
		m.fleet.options.Recorder.Finish(seq, func(record *wire.Record) {
			record.StatusCode = out.status
			if fault != nil {
				record.Fault = fault.Kind
			}
		})
	}()
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.answer(w, r, hit, body) })
	fault.Serve(out, r, answer, m.fail)
}

// parameters are those of the URL and of the route, under which faults find a request.
func parameters(query url.Values, route map[string]string, target string) url.Values {
	params := url.Values{}
	maps.Copy(params, query)
	for name, value := range route {
		params.Set(name, value)
	}
	params.Set("Target", target)
	return params
}

// statusWriter remembers the status for the record.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap gives http.ResponseController access to the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// call is a request on its way to an operation.
type call struct {
	*Machine
	params map[string]string
	query  url.Values
	body   []byte
	token  string
	user   *account // nil for an operation without authentication
}

// reply is an answer. A nil body is no body.
type reply struct {
	status int
	body   any
	// text is sent instead of body, in this content type.
	text, contentType string
	// hold, then: the operation takes this long, and its effect and answer come after it.
	hold time.Duration
	then func() reply
}

func ok(body any) reply          { return reply{status: http.StatusOK, body: body} }
func noContent() reply           { return reply{status: http.StatusNoContent} }
func refuse(err *apiError) reply { return reply{status: err.status, body: err} }

func (m *Machine) answer(w http.ResponseWriter, r *http.Request, hit match, body []byte) {
	out, power := m.dispatch(r, hit, body)
	if out.then != nil {
		// A client that gives up does not stop the operation; a power cut does.
		if !rest(power, out.hold) {
			panic(http.ErrAbortHandler)
		}
		out = m.finish(power, out.then)
	}
	m.write(w, out)
}

// finish runs the end of an operation that took a while.
func (m *Machine) finish(power context.Context, then func() reply) reply {
	m.mu.Lock()
	defer m.mu.Unlock()
	if power.Err() != nil { // the power went at the last moment
		panic(http.ErrAbortHandler)
	}
	return then()
}

// dispatch decides the answer and tells in which boot it did so.
func (m *Machine) dispatch(r *http.Request, hit match, body []byte) (reply, context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.visible().serves() {
		panic(http.ErrAbortHandler) // the phase changed while the request was on its way
	}
	return m.decide(r, hit, body), m.power
}

// decide is called with mu held.
func (m *Machine) decide(r *http.Request, hit match, body []byte) reply {
	readiness := hit.route != nil && hit.route.path == "/system_information"
	switch phase := m.visible(); {
	case phase == BadGateway, phase == NotReady && m.switches.NotReadyBadGateway && !readiness:
		return nginx(http.StatusBadGateway)
	case len(body) > bodyLimit:
		return nginx(http.StatusRequestEntityTooLarge)
	}
	if hit.route == nil {
		if hit.otherMethod {
			return refuse(failure(http.StatusMethodNotAllowed, "Method Not Allowed"))
		}
		return refuse(failure(http.StatusNotFound, "Not Found"))
	}
	c := &call{Machine: m, params: hit.params, query: r.URL.Query(), body: body}
	if hit.route.access != public {
		if err := c.authenticate(r); err != nil {
			return refuse(err)
		}
		if hit.route.access == admin && !c.user.admin {
			return refuse(failure(http.StatusForbidden, "User does not have permission to perform this action."))
		}
		if m.maintenance.mode && !c.user.admin {
			return refuse(failure(m.maintenanceStatus(), "System is in maintenance mode."))
		}
		m.observe(c.user)
	}
	if len(body) > 0 && m.release.from(9) && !m.switches.AnyContentType && !isJSON(r) {
		return refuse(invalid(problem{[]any{"header", "content-type"}, "value_error", "Content-Type must be application/json"}))
	}
	out, err := hit.route.handle(c)
	if err != nil {
		return refuse(err)
	}
	return out
}

func isJSON(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), jsonType)
}

func (m *Machine) write(w http.ResponseWriter, out reply) {
	header := w.Header()
	header.Set("Server", "nginx")
	m.mu.Lock()
	header.Set("Date", m.now().UTC().Format(http.TimeFormat))
	body, contentType := []byte(out.text), out.contentType
	if out.contentType == "" && out.body != nil {
		body, contentType = m.encode(out.body), jsonType
	}
	m.mu.Unlock()
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(body) // the client may have gone; there is nobody else to tell
}

// encode is JSON as CML writes it: compact and without escaping for HTML.
func (m *Machine) encode(body any) []byte {
	if refused, isError := body.(*apiError); isError {
		m.reordered = !m.reordered
		body = refused.envelope(m.reordered, m.switches)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // every body is made of plain values; this is a mistake in this package
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// fail answers an injected error in CML's form; statuses that come from the
// proxy in reality come as its HTML page (cml-api.md 1.2).
func (m *Machine) fail(w http.ResponseWriter, fault wire.Fault) {
	status := fault.Status
	if status == 0 {
		status = http.StatusInternalServerError
		if fault.Kind == wire.Throttle {
			status = http.StatusTooManyRequests
		}
	}
	text := fault.Message
	if text == "" {
		text = fault.Code
	}
	if text == "" {
		text = http.StatusText(status)
	}
	if fault.Message == "" && fault.Code == "" && status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout {
		m.write(w, nginx(status))
		return
	}
	m.write(w, refuse(failure(status, "%s", text)))
}

// nginx is an answer of the proxy instead of the application.
func nginx(status int) reply {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	page := "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	return reply{status: status, contentType: "text/html", text: page}
}

// rest waits for d; it reports false when the power went before.
func rest(power context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-power.Done():
		return false
	}
}
