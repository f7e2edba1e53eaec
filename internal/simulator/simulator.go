package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// defaultRegion is where things go that name no region.
const defaultRegion = "us-east-1"

// Options describe a Simulator. The zero value is usable: a free port, quick
// timing, the default world.
type Options struct {
	// Address is the TCP address of the AWS endpoint; its host must be a loopback
	// address. Empty: a free port of 127.0.0.1.
	Address string
	// Timing is one of the presets, or an own one. Zero: Quick.
	Timing Timing
	// AWS and CML are the options of the halves. Guest, Recorder, Faults, Clock
	// and Timing in them are set here.
	AWS aws.Options
	CML cml.Options
	// ClockOffset is how far the clock of the simulated world is ahead of real
	// time; a negative one lets the world begin in the past, so that Advance can
	// bring it to the present.
	ClockOffset time.Duration
	// Control serves the control API below /_simulator/.
	Control bool
	// Log takes what goes wrong without anybody to answer to, such as a CML that
	// cannot listen. Nil: it is dropped.
	Log func(string)
}

// Simulator is a running simulator.
type Simulator struct {
	// AWS and CML are the halves, for tests to look at and to change.
	AWS *aws.Simulator
	CML *cml.Fleet
	// Recorder has the requests to both halves, Faults is the script of both.
	Recorder *wire.Recorder
	Faults   *wire.Faults

	clock    *clock.Clock
	guest    *guest
	endpoint string
	server   *http.Server
	metadata metadata
	serving  sync.WaitGroup
	detach   func() bool
	once     sync.Once
	closeErr error
}

// Start starts a simulator. It runs until Close, or until the context ends.
func Start(ctx context.Context, options Options) (*Simulator, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if options.Timing == (Timing{}) {
		options.Timing = Quick()
	}
	if options.Log == nil {
		options.Log = func(string) {}
	}
	s := &Simulator{Recorder: new(wire.Recorder), Faults: new(wire.Faults), clock: clock.New(options.ClockOffset)}
	if err := s.assemble(options); err != nil {
		return nil, errors.Join(err, s.closeHalves())
	}
	if err := s.listen(ctx, options); err != nil {
		return nil, errors.Join(err, s.closeHalves())
	}
	assigned := make(chan struct{})
	s.detach = context.AfterFunc(ctx, func() {
		<-assigned
		_ = s.Close() // keeps its error for whoever calls it next
	})
	close(assigned)
	return s, nil
}

func (s *Simulator) assemble(options Options) error {
	fleetOptions := options.CML
	fleetOptions.Recorder, fleetOptions.Faults, fleetOptions.Timing = s.Recorder, s.Faults, options.Timing.CML
	fleetOptions.Clock = s.clock
	if fleetOptions.Log == nil {
		fleetOptions.Log = options.Log
	}
	var err error
	if s.CML, err = cml.New(fleetOptions); err != nil {
		return err
	}
	awsOptions := options.AWS
	awsOptions.Timing, awsOptions.Clock = options.Timing.AWS, s.clock
	awsOptions.GuestPort = s.CML.Port()
	s.guest = newGuest(s.CML, options.CML.Version, options.Log)
	awsOptions.Guest = s.guest
	if s.AWS, err = aws.New(awsOptions); err != nil {
		return err
	}
	s.AWS.Recorder, s.AWS.Faults = s.Recorder, s.Faults
	return nil
}

func (s *Simulator) listen(ctx context.Context, options Options) error {
	address := options.Address
	if address == "" {
		address = "127.0.0.1:0"
	}
	if err := onlyLoopback(address); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("the AWS endpoint: %w", err)
	}
	s.endpoint = "http://" + listener.Addr().String()
	handler := http.Handler(s.AWS)
	if options.Control {
		handler = s.withControl(s.AWS)
	}
	s.server = &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ConnState: s.track}
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		_ = s.server.Serve(listener) // always ends with ErrServerClosed
	}()
	return nil
}

// track counts connections, so that Close can wait for the last to end.
func (s *Simulator) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.serving.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.serving.Done()
	case http.StateActive, http.StateIdle:
	}
}

// onlyLoopback refuses addresses that other machines could reach.
func onlyLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("listen address %q is not on loopback; the simulator serves this machine only", address)
}

// Endpoint is the URL of the AWS endpoint, for AWS_ENDPOINT_URL.
func (s *Simulator) Endpoint() string { return s.endpoint }

// Port is the TCP port of every CML.
func (s *Simulator) Port() int { return s.CML.Port() }

// Now is the time of the simulated world.
func (s *Simulator) Now() time.Time { return s.clock.Now() }

// Advance moves the clock of the simulated world, AWS and CML together. What is due in the
// time between happens before it returns, one after the other and each at its own time:
// instances change state, CML boots, alarms are evaluated. The real clock and what goes by
// it, such as the end of credentials, are not touched.
func (s *Simulator) Advance(d time.Duration) error { return s.clock.Advance(d) }

// Close ends everything: listeners, instances, clocks. It returns when nothing
// of the simulator runs any more, and may be called again.
func (s *Simulator) Close() error {
	s.once.Do(func() {
		s.detach()
		err := errors.Join(s.server.Close(), s.metadata.close())
		s.serving.Wait()
		s.closeErr = errors.Join(err, s.closeHalves())
	})
	return s.closeErr
}

func (s *Simulator) closeHalves() error {
	var err error
	if s.AWS != nil { // first, so that it boots nothing any more
		err = s.AWS.Close()
	}
	if s.CML != nil {
		err = errors.Join(err, s.CML.Close())
	}
	return err
}
