//go:build unix

package cml

import (
	"net"
	"syscall"
)

// shorten sets the listener's queue of not yet accepted connections to the minimum.
func shorten(listener net.Listener) {
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// On failure the queue stays long, which dig allows for.
	_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), 0) })
}
