package controller

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Reasons that Reason returns.
const (
	ReasonTimeout = "timeout"  // no answer in time
	ReasonRefused = "refused"  // the machine answers, nothing listens
	ReasonNoRoute = "no_route" // the network says that it cannot get there
	ReasonReset   = "reset"    // the connection broke
	ReasonDNS     = "dns"      // a name did not resolve (a proxy's: CML is dialled by address)
	ReasonTLS     = "tls"      // the handshake failed, or the certificate is not trusted
	ReasonProxy   = "proxy"    // the proxy refused to connect
	ReasonHTTP    = "http"     // an HTTP status that is no success
	ReasonNotCML  = "not_cml"  // something answers, but not as CML does
)

// failure marks an error with its reason.
type failure struct {
	reason string
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// Reason says in one word why a call to CML failed, for those who tell a
// missing route from a server that is still booting. "" for errors of
// another origin.
func Reason(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.reason
	}
	if e := fault.As(err); e != nil && e.Service == serviceName && e.StatusCode != 0 {
		return ReasonHTTP
	}
	return ""
}

// Answered reports whether the error is an HTTP answer all the same, so that
// TCP and TLS work.
func Answered(err error) bool {
	reason := Reason(err)
	return reason == ReasonHTTP || reason == ReasonNotCML
}

// serviceName is fault.Error's Service for calls to CML.
const serviceName = "cml"

// transportError classifies an error that came instead of an HTTP answer.
func (c *Client) transportError(ctx context.Context, operation string, err error) error {
	out := &fault.Error{Kind: fault.Unreachable, Service: serviceName, Operation: operation}
	var classified *fault.Error
	switch {
	case ctx.Err() != nil:
		// The caller's context, not the limit of this request.
		out.Kind, out.Err = fault.Canceled, context.Cause(ctx)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			out.Kind, out.Err = fault.Timeout, &failure{ReasonTimeout, context.Cause(ctx)}
		}
		out.Message = "no answer from " + c.where() + " before the operation ended"
		return out
	case errors.As(err, &classified):
		// From the handshake or the proxy, complete but for the operation.
		out := *classified
		out.Service, out.Operation = serviceName, operation
		return &out
	}
	reason, words := c.words(err)
	out.Message = c.redact(c.where() + " " + words)
	out.Err = &failure{reason, errors.New(c.redact(err.Error()))}
	return out
}

// words turns a transport error into a reason and the rest of a sentence that
// begins with the address.
func (c *Client) words(err error) (reason, text string) {
	var (
		dns       *net.DNSError
		netErr    net.Error
		record    tls.RecordHeaderError
		alert     tls.AlertError
		authority x509.UnknownAuthorityError
	)
	var marked *failure
	if errors.As(err, &marked) {
		return marked.reason, "cannot be reached: " + marked.err.Error()
	}
	switch {
	case errors.As(err, &dns):
		return ReasonDNS, fmt.Sprintf("cannot be reached: the name %s does not resolve (%s)", dns.Name, dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return ReasonRefused, "refused the connection"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return ReasonNoRoute, "cannot be reached: no route to it"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &netErr) && netErr.Timeout():
		return ReasonTimeout, "did not answer in time"
	case errors.As(err, &record):
		return ReasonTLS, "does not speak TLS on this port"
	case errors.As(err, &alert), errors.As(err, &authority), strings.Contains(err.Error(), "tls: "):
		return ReasonTLS, "failed the TLS handshake: " + innermost(err).Error()
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return ReasonReset, "closed the connection before it answered"
	}
	return ReasonReset, "broke the connection: " + innermost(err).Error()
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// statusKinds maps HTTP statuses (cml-api.md 1.2). 401 and 403 depend on the
// call and are treated where it is made.
var statusKinds = map[int]fault.Kind{
	http.StatusBadRequest:            fault.Invalid,
	http.StatusUnauthorized:          fault.Credentials,
	http.StatusForbidden:             fault.PermissionDenied,
	http.StatusNotFound:              fault.NotFound,
	http.StatusMethodNotAllowed:      fault.Invalid,
	http.StatusConflict:              fault.WrongState,
	http.StatusRequestEntityTooLarge: fault.Invalid,
	http.StatusUnprocessableEntity:   fault.Invalid,
	http.StatusTooManyRequests:       fault.Throttled,
	http.StatusBadGateway:            fault.NotReady,
	http.StatusServiceUnavailable:    fault.NotReady,
	http.StatusGatewayTimeout:        fault.NotReady,
}

// statusError classifies an answer that is no success.
func (c *Client) statusError(operation string, r answer, secrets ...string) *fault.Error {
	kind, known := statusKinds[r.status]
	switch {
	case known:
	case r.status >= 500:
		kind = fault.Server
	case r.status >= 300 && r.status < 400:
		return c.notCML(operation, r, "redirects to "+r.location, secrets...)
	default:
		kind = fault.Invalid
	}
	return &fault.Error{
		Kind:       kind,
		Service:    serviceName,
		Operation:  operation,
		StatusCode: r.status,
		Code:       fmt.Sprintf("HTTP %d", r.status),
		Message:    c.description(r, secrets...),
	}
}

// notCML is for an answer that CML would not have given: a login page, another
// service on the port. It is no final error, since a machine that is being
// set up shows such pages, too.
func (c *Client) notCML(operation string, r answer, what string, secrets ...string) *fault.Error {
	text := fmt.Sprintf("%s answers, but not as CML does: HTTP %d, %s", c.where(), r.status, what)
	if page := c.description(r, secrets...); page != "" {
		text += " (" + page + ")"
	}
	return &fault.Error{
		Kind:       fault.NotReady,
		Service:    serviceName,
		Operation:  operation,
		StatusCode: r.status,
		Message:    c.redact(text, secrets...),
		Err:        &failure{ReasonNotCML, errors.New(what)},
	}
}

// maxDescription is how many bytes of a page are shown.
const maxDescription = 300

// description is the text of CML's error envelope on one line or, where the
// body is something else, its beginning without markup.
func (c *Client) description(r answer, secrets ...string) string {
	return shorten(c.redact(describe(r.body), secrets...))
}

func describe(body []byte) string {
	var envelope struct {
		Description json.RawMessage `json:"description"`
	}
	if json.Unmarshal(body, &envelope) == nil && len(envelope.Description) > 0 {
		return flatten(envelope.Description)
	}
	// Up to 2.7 a refused login may be a bare string (cml-api.md 1.2).
	var bare string
	if json.Unmarshal(body, &bare) == nil {
		return oneLine(bare)
	}
	page := invisible.ReplaceAllString(string(body), " ")
	if text := withoutMarkup(head.ReplaceAllString(page, " ")); text != "" {
		return text
	}
	return withoutMarkup(page) // a page that only has a title
}

func withoutMarkup(page string) string { return oneLine(markup.ReplaceAllString(page, " ")) }

var (
	head      = regexp.MustCompile(`(?is)<head\b.*?</head\s*>`)
	invisible = regexp.MustCompile(`(?is)<(script|style)\b.*?</(script|style)\s*>|<!--.*?-->`)
	markup    = regexp.MustCompile(`<[^>]*>`)
)

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func shorten(text string) string {
	if len(text) <= maxDescription {
		return text
	}
	return strings.ToValidUTF8(text[:maxDescription], "") + "…"
}

// flatten makes one line of a description, which is a string, a JSON document
// in a string, an object or an array (cml-api.md 1.2).
func flatten(raw json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return oneLine(string(raw))
	}
	if text, ok := value.(string); ok {
		if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[") {
			if json.Valid([]byte(trimmed)) {
				return flatten(json.RawMessage(trimmed))
			}
		}
		return oneLine(text)
	}
	return oneLine(plain(value))
}

func plain(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, 0, len(v))
		for _, item := range v {
			if text := plain(item); text != "" {
				parts = append(parts, text)
			}
		}
		return strings.Join(parts, "; ")
	case map[string]any:
		if message, ok := v["message"].(string); ok {
			return violation(v, message)
		}
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		parts := make([]string, 0, len(v))
		for _, key := range keys {
			parts = append(parts, key+": "+plain(v[key]))
		}
		return strings.Join(parts, "; ")
	}
	return fmt.Sprint(value)
}

// violation is one entry of "Input validation failed": location and message.
func violation(v map[string]any, message string) string {
	location, _ := v["location"].([]any)
	parts := make([]string, 0, len(location))
	for _, step := range location {
		parts = append(parts, fmt.Sprint(step))
	}
	if len(parts) == 0 {
		return message
	}
	return strings.Join(parts, ".") + ": " + message
}
