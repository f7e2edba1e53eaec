package cml

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// network is what a machine has on the wire. It changes between nothing, a TLS
// server and a black hole; the last setting wins.
type network struct {
	port        int
	handler     http.Handler
	certificate func() *tls.Certificate

	mu        sync.Mutex
	addresses []string
	mode      mode
	server    *http.Server
	holes     []io.Closer
	running   sync.WaitGroup
}

type mode int

const (
	silent mode = iota // nothing listens: connections are refused
	serving
	swallowing // connection attempts get no answer
)

func (p Phase) mode() mode {
	switch {
	case p.serves():
		return serving
	case p == BlackHole:
		return swallowing
	}
	return silent
}

// set moves the machine to the addresses and the mode; what is already so stays
// untouched, so that connections survive a change of phase behind the proxy.
func (n *network) set(addresses []string, to mode) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mode == to && slices.Equal(n.addresses, addresses) {
		return nil
	}
	n.clear()
	n.addresses = slices.Clone(addresses)
	var err error
	switch to {
	case serving:
		err = n.serve()
	case swallowing:
		err = n.swallow()
	case silent:
	}
	if err != nil {
		n.clear()
		return err
	}
	n.mode = to
	return nil
}

// restart ends all connections; the listeners come back at once.
func (n *network) restart() error {
	n.mu.Lock()
	addresses, current := n.addresses, n.mode
	n.clear()
	n.mu.Unlock()
	return n.set(addresses, current)
}

// wait returns when all connections have ended.
func (n *network) wait() { n.running.Wait() }

func (n *network) clear() {
	if n.server != nil {
		_ = n.server.Close() // what it could report is that a connection was gone already
	}
	for _, hole := range n.holes {
		_ = hole.Close()
	}
	n.server, n.holes, n.mode = nil, nil, silent
}

func (n *network) serve() error {
	listeners, err := n.listen()
	if err != nil {
		return err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // a reset needs a connection of its own
	n.server = &http.Server{
		Handler:           n.handler,
		ConnState:         n.track,
		Protocols:         protocols,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes that clients give up are their business
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return n.certificate(), nil
			},
			// A resumed session shows no certificate, and a test that changes the
			// certificate wants it seen.
			SessionTicketsDisabled: true,
		},
	}
	server := n.server
	for _, listener := range listeners {
		n.running.Add(1)
		go func() {
			defer n.running.Done()
			_ = server.ServeTLS(listener, "", "") // always ends with ErrServerClosed
		}()
	}
	return nil
}

// track counts connections, so that wait can tell when the last has ended.
func (n *network) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		n.running.Add(1)
	case http.StateClosed, http.StateHijacked:
		n.running.Done()
	case http.StateActive, http.StateIdle:
	}
}

func (n *network) swallow() error {
	listeners, err := n.listen()
	if err != nil {
		return err
	}
	for _, listener := range listeners {
		n.holes = append(n.holes, dig(listener))
	}
	return nil
}

func (n *network) listen() ([]net.Listener, error) {
	var listeners []net.Listener
	for _, address := range n.addresses {
		listener, err := listenOn(net.JoinHostPort(address, strconv.Itoa(n.port)))
		if err != nil {
			for _, open := range listeners {
				err = errors.Join(err, open.Close())
			}
			return nil, fmt.Errorf("CML cannot listen on %s (outside Linux each loopback address must be configured first): %w", address, err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

// listenOn tries for a moment, because an address may have just been left by
// another instance.
func listenOn(address string) (net.Listener, error) {
	ip, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	if !ip.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address", ip.IP)
	}
	for try := 0; ; try++ {
		listener, err := net.Listen("tcp", address)
		if err == nil || try == 20 {
			return listener, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
