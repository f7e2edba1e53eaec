package wire

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Serve answers a request by next, altered by the fault; a nil fault alters nothing.
// fail writes an error answer in the form of the service; Code, Message and Status of the
// fault it gets may be empty, and it fills them with what the service uses for the Kind.
//
// Note that Go's HTTP transport repeats a GET by itself when a reused connection breaks
// before the answer, so one Drop or Reset of a GET may stay invisible to its client.
func (f *Fault) Serve(w http.ResponseWriter, r *http.Request, next http.Handler, fail func(http.ResponseWriter, Fault)) {
	if f == nil {
		next.ServeHTTP(w, r)
		return
	}
	if f.AfterEffect {
		next.ServeHTTP(newBuffer(), r)
	}
	switch f.Kind {
	case Error, Throttle:
		fail(w, *f)
	case Drop:
		if !f.AfterEffect {
			next.ServeHTTP(newBuffer(), r)
		}
		panic(http.ErrAbortHandler)
	case Reset:
		reset(w)
	case Garbage:
		f.garbage(w)
	case Delay:
		pause(r, time.Duration(f.Delay))
		next.ServeHTTP(w, r)
	case SlowBody:
		f.slow(w, r, next)
	default:
		next.ServeHTTP(w, r)
	}
}

const garbagePage = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in to the network.</body></html>\n"

func (f *Fault) garbage(w http.ResponseWriter) {
	body, contentType, status := f.Body, f.ContentType, f.Status
	if body == "" {
		body = garbagePage
	}
	if contentType == "" {
		contentType = "text/html; charset=utf-8"
	}
	if status == 0 {
		status = http.StatusOK
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the client may have gone; there is nobody else to tell
}

// slow sends the body in pieces, so that a client sees progress and yet no end.
func (f *Fault) slow(w http.ResponseWriter, r *http.Request, next http.Handler) {
	answer := newBuffer()
	next.ServeHTTP(answer, r)
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.status)
	const pieces = 10
	body := answer.body.Bytes()
	for i := range pieces {
		_ = http.NewResponseController(w).Flush() // a writer that cannot flush sends all at the end
		pause(r, time.Duration(f.Delay)/pieces)
		from, to := len(body)*i/pieces, len(body)*(i+1)/pieces
		if _, err := w.Write(body[from:to]); err != nil {
			return
		}
	}
}

// pause waits for d, but no longer than the client does.
func pause(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// reset closes the connection so that the client sees "connection reset by peer".
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 connections cannot be taken over; end the stream instead
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST; without it the client sees EOF, which is as good
	}
	_ = raw.Close()
}

// buffer takes an answer that is sent later, or never.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newBuffer() *buffer { return &buffer{header: http.Header{}, status: http.StatusOK} }

func (b *buffer) Header() http.Header         { return b.header }
func (b *buffer) WriteHeader(status int)      { b.status = status }
func (b *buffer) Write(p []byte) (int, error) { return b.body.Write(p) }
