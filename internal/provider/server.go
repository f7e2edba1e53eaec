package provider

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// stopPatience is how long an interrupt waits for actions to tell how they
// ended. It exceeds what an action does after its context has ended, in parts of
// 15 s: whether the machine still runs, the end of what its users were told, the
// tag where that fails, and one look at the worker.
const stopPatience = 75 * time.Second

// Serve serves the provider to the Terraform that has started this program.
// debug serves for a debugger instead.
func Serve(version string, debug bool) error {
	var options []tf6server.ServeOpt
	if debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	return tf6server.Serve(Address, func() tfprotov6.ProviderServer { return NewServer(New(version)()) }, options...)
}

// NewServer returns the server of an instance of the provider. An action that is
// interrupted tells how it ended: terraform-plugin-go drops every event of an
// invocation once the answer to StopProvider is under way, the end with its
// errors among them, and Terraform then takes the action for a success
// (tf6server.InvokeAction in v0.31.0). So that answer waits for the actions,
// whose contexts the framework has ended.
func NewServer(p provider.Provider) tfprotov6.ProviderServer {
	server := providerserver.NewProtocol6(p)()
	inner, ok := server.(frameworkServer)
	if !ok {
		return server
	}
	return &stoppingServer{frameworkServer: inner, patience: stopPatience, invocations: map[chan struct{}]bool{}}
}

// frameworkServer is all that the server of the framework can do for this
// provider.
type frameworkServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ActionServer
	tfprotov6.ListResourceServer
}

type stoppingServer struct {
	frameworkServer

	patience time.Duration

	mu          sync.Mutex
	invocations map[chan struct{}]bool
}

// InvokeAction implements tfprotov6.ActionServer.
func (s *stoppingServer) InvokeAction(ctx context.Context, req *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	stream, err := s.frameworkServer.InvokeAction(ctx, req)
	if err != nil {
		return nil, err
	}
	return &tfprotov6.InvokeActionServerStream{Events: func(push func(tfprotov6.InvokeActionEvent) bool) {
		defer s.begin()()
		stream.Events(push)
	}}, nil
}

// begin notes an invocation; the function that it returns notes its end.
func (s *stoppingServer) begin() func() {
	ended := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invocations[ended] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.invocations, ended)
		close(ended)
	}
}

// StopProvider implements tfprotov6.ProviderServer.
func (s *stoppingServer) StopProvider(ctx context.Context, req *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	resp, err := s.frameworkServer.StopProvider(ctx, req)
	s.mu.Lock()
	running := make([]chan struct{}, 0, len(s.invocations))
	for ended := range s.invocations {
		running = append(running, ended)
	}
	s.mu.Unlock()
	limit := time.NewTimer(s.patience)
	defer limit.Stop()
	for _, ended := range running {
		select {
		case <-ended:
		case <-limit.C:
			return resp, err
		}
	}
	return resp, err
}
