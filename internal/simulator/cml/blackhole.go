package cml

import (
	"errors"
	"io"
	"net"
	"time"
)

// dig turns a listener into a black hole: connection attempts to it run into
// their time-out, as they do behind a security group without a rule.
//
// The queue of the listener is made as short as the system allows and filled
// with connections of our own that nobody accepts; a kernel with a full queue
// drops further SYN packets. Where the queue cannot be shortened, attempts
// succeed instead and then get no answer to their TLS greeting, which a client
// sees as a time-out, too.
func dig(listener net.Listener) io.Closer {
	h := &hole{Listener: listener}
	shorten(listener)
	for range maxFillers {
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), fillTimeout)
		if err != nil { // full
			break
		}
		h.fillers = append(h.fillers, conn)
	}
	return h
}

const (
	// maxFillers bounds the filling where the queue stays long.
	maxFillers = 4
	// fillTimeout tells a full queue from one with room; on loopback a connection
	// is there within microseconds.
	fillTimeout = 150 * time.Millisecond
)

type hole struct {
	net.Listener
	fillers []net.Conn
}

func (h *hole) Close() error {
	err := h.Listener.Close()
	for _, conn := range h.fillers {
		err = errors.Join(err, conn.Close())
	}
	return err
}
