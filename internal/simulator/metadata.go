package simulator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// metadata are the listeners of instances' metadata services.
type metadata struct {
	mu      sync.Mutex
	closed  bool
	servers map[string]*http.Server // by instance id, with the address that it listens on
}

// MetadataEndpoint is the URL of an instance's metadata service, for
// AWS_EC2_METADATA_SERVICE_ENDPOINT of what is to run as if on that instance.
func (s *Simulator) MetadataEndpoint(ctx context.Context, instanceID string) (string, error) {
	m := &s.metadata
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return "", errors.New("the simulator is closed")
	}
	server, known := m.servers[instanceID]
	if !known {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		server = &http.Server{
			Addr: listener.Addr().String(), Handler: s.AWS.Metadata(instanceID), ReadHeaderTimeout: time.Minute, ConnState: s.track,
		}
		if m.servers == nil {
			m.servers = map[string]*http.Server{}
		}
		m.servers[instanceID] = server
		s.serving.Add(1)
		go func() {
			defer s.serving.Done()
			_ = server.Serve(listener) // always ends with ErrServerClosed
		}()
	}
	return "http://" + server.Addr, nil
}

func (m *metadata) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	var err error
	for _, server := range m.servers {
		err = errors.Join(err, server.Close())
	}
	return err
}
