package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

const (
	// telemetryTimeout limits the reading of all events; a server may have
	// thousands (cml-api.md 7.1).
	telemetryTimeout = time.Minute
	// maxEvent bounds the memory: one event is kept at a time.
	maxEvent = 1 << 20
)

// TelemetryEvent is one entry of CML's telemetry (cml-api.md 7.1).
type TelemetryEvent struct {
	// Category is one of the documented words, such as "start_lab".
	Category string
	At       time.Time
	// UserID is who did it, "" where the entry does not tell; only
	// user_activity does so reliably.
	UserID string
}

// Telemetry is what NewestEvent read.
type Telemetry struct {
	// Newest is the newest event of interest, nil when there is none.
	Newest *TelemetryEvent
	// Empty says that there was no event of any kind.
	Empty bool
	// Now is the server's clock, from the Date header of the answer, to the second.
	Now time.Time
}

// NewestEvent reads the whole telemetry, which has no filter and no pages, as a
// stream, and keeps the newest event that wanted accepts. Either everything
// that matters was read, or there is an error: an answer that breaks off, an
// event of interest without a time that can be read, and an answer without a
// date are no telemetry. fault.NotFound: the release has none.
func (c *Client) NewestEvent(ctx context.Context, wanted func(category, userID string) bool) (Telemetry, error) {
	var out Telemetry
	call := Call{Method: http.MethodGet, Path: "/telemetry/events", Timeout: telemetryTimeout}
	err := c.stream(ctx, call, func(header http.Header, body io.Reader) error {
		out = Telemetry{Empty: true}
		var err error
		if out.Now, err = http.ParseTime(header.Get("Date")); err != nil {
			return &oddStream{"no Date header that can be read"}
		}
		return eachEvent(body, func(e rawEvent) error {
			out.Empty = false
			id := e.userID()
			if !wanted(e.Category, id) {
				return nil
			}
			at, ok := e.at()
			if !ok {
				return &oddStream{fmt.Sprintf("an event %s with the timestamp %s", e.Category, shorten(string(e.Timestamp)))}
			}
			if out.Newest == nil || at.After(out.Newest.At) {
				out.Newest = &TelemetryEvent{Category: e.Category, At: at, UserID: id}
			}
			return nil
		})
	})
	if err != nil {
		return Telemetry{}, err
	}
	return out, nil
}

// rawEvent is an event as it is sent.
type rawEvent struct {
	Category  string          `json:"category"`
	Timestamp json.RawMessage `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// userID is the only known member of the free object data (cml-api.md 7.1).
func (e rawEvent) userID() string {
	var data struct {
		UserID any `json:"user_id"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return ""
	}
	id, _ := data.UserID.(string)
	return id
}

// oddStream says what is wrong with an answer that is no telemetry.
type oddStream struct{ what string }

func (e *oddStream) Error() string { return e.what }

// eachEvent calls do with each element of a JSON array, one after the other.
func eachEvent(body io.Reader, do func(rawEvent) error) error {
	meter := &metered{from: body, left: maxEvent}
	decoder := json.NewDecoder(meter)
	if start, err := decoder.Token(); err != nil {
		return broken(err)
	} else if start != json.Delim('[') {
		return &oddStream{"no list of events"}
	}
	for decoder.More() {
		var e rawEvent
		if err := decoder.Decode(&e); err != nil {
			return broken(err)
		}
		if e.Category == "" {
			return &oddStream{"an event without category"}
		}
		if err := do(e); err != nil {
			return err
		}
		meter.left = maxEvent
	}
	if _, err := decoder.Token(); err != nil {
		return broken(err)
	}
	return nil
}

// broken tells JSON that is wrong from a stream that ended early.
func broken(err error) error {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF):
		return &oddStream{"no JSON"}
	case errors.As(err, &shape):
		return &oddStream{"JSON of another shape: " + shape.Error()}
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// metered is a reader that gives at most left bytes before somebody raises left.
type metered struct {
	from io.Reader
	left int
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, &oddStream{fmt.Sprintf("an event of more than %d KiB", maxEvent>>10)}
	}
	n, err := m.from.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// timestampLayouts are the shapes in which telemetry's times were met; a
// fraction of a second may follow in each (cml-api.md 7.1).
var timestampLayouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05-0700"}

// A number is a time in seconds since 1970 from epochBegin, the year 2001, until
// epochEnd, the year 2286; in milliseconds it is a thousand times that. Any other
// would make an event so old that a worker looks idle.
const (
	epochBegin = 1e9
	epochEnd   = 1e10
)

// at is when it was.
func (e rawEvent) at() (time.Time, bool) {
	var text string
	if json.Unmarshal(e.Timestamp, &text) == nil {
		return parseTimestamp(text)
	}
	var seconds float64
	if json.Unmarshal(e.Timestamp, &seconds) != nil {
		return time.Time{}, false
	}
	if seconds >= epochBegin*1000 {
		seconds /= 1000
	}
	if seconds < epochBegin || seconds >= epochEnd {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC(), true
}

// parseTimestamp reads a time of the telemetry; without a zone it is UTC.
func parseTimestamp(text string) (time.Time, bool) {
	text = strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	for _, layout := range timestampLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// stream is Do for an answer that is read while it comes.
func (c *Client) stream(ctx context.Context, call Call, read func(http.Header, io.Reader) error) error {
	token, err := c.token(ctx, "")
	if err != nil {
		return err
	}
	reply, err := c.streamOnce(ctx, call, token, read)
	if err == nil && reply.status == http.StatusUnauthorized && c.credentials.Token == "" {
		if token, err = c.token(ctx, token); err != nil {
			return err
		}
		reply, err = c.streamOnce(ctx, call, token, read)
	}
	switch {
	case err != nil:
		return err
	case reply.status == http.StatusUnauthorized:
		return c.deadToken(call, reply)
	case !reply.success():
		return c.statusError(call.operation(), reply)
	}
	return nil
}

// streamOnce makes one request. The body of an answer that is no success comes
// back in the answer.
func (c *Client) streamOnce(ctx context.Context, call Call, token string, read func(http.Header, io.Reader) error) (answer, error) {
	if c.configErr != nil {
		return answer{}, c.configErr
	}
	if err := c.addressed(call.operation()); err != nil {
		return answer{}, err
	}
	limited, cancel := context.WithTimeout(ctx, call.Timeout)
	defer cancel()
	request, err := c.request(limited, call, token)
	if err != nil {
		return answer{}, fault.New(fault.Bug, "%s: %w", call.operation(), err)
	}
	response, err := c.secret.Do(request)
	if err != nil {
		return answer{}, c.transportError(ctx, call.operation(), err)
	}
	defer func() { _ = response.Body.Close() }()
	reply := answer{status: response.StatusCode, contentType: response.Header.Get("Content-Type"), location: response.Header.Get("Location")}
	if !reply.success() {
		if reply.body, err = io.ReadAll(io.LimitReader(response.Body, maxEvent)); err != nil {
			return answer{}, c.transportError(ctx, call.operation(), err)
		}
		return reply, nil
	}
	err = read(response.Header, response.Body)
	var odd *oddStream
	switch {
	case errors.As(err, &odd):
		return answer{}, c.notCML(call.operation(), reply, odd.what)
	case err != nil:
		return answer{}, c.transportError(ctx, call.operation(), err)
	}
	return reply, nil
}
