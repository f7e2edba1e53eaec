package cml

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// Options describe a Fleet. The zero value is usable.
type Options struct {
	// Port is the TCP port on which every CML listens, each on addresses of its
	// own. Zero: a free one is chosen.
	Port int
	// Recorder keeps the requests, Faults is the script they meet. Nil: own ones.
	Recorder *wire.Recorder
	Faults   *wire.Faults
	// Timing, Version, Admin and Switches are what new machines start with.
	// Zero values: DefaultTiming, DefaultVersion, DefaultAdmin and the readings
	// that the reference recommends.
	Timing   Timing
	Version  string
	Admin    Credentials
	Switches Switches
	// Clock is what everything that takes time goes by. Nil: a clock of its own
	// that shows real time.
	Clock *clock.Clock
	// Now is what the machines take for the time. Nil: that of Clock.
	Now func() time.Time
	// Log takes what goes wrong without anybody to answer to: a machine that
	// cannot listen. Nil: it is dropped.
	Log func(string)
}

// Credentials are an account's name and password.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// DefaultAdmin is the administrator of a machine whose user data name none.
func DefaultAdmin() Credentials {
	return Credentials{Username: "admin", Password: "cml-simulator-admin"}
}

// Boot describes an instance that starts.
type Boot struct {
	// InstanceID names the machine. A second boot with the same id finds what
	// the first one left: accounts, labs, licence and certificate.
	InstanceID string
	// Addresses are the loopback addresses on which CML listens.
	Addresses []string
	// Version is the release that is installed on the image; a version set with
	// SetVersion or found in a saved image wins. Empty: that of the Options.
	Version string
	// NoCML is true for an image without CML: nothing will ever listen.
	NoCML bool
	// ImageID is what SaveImage stored a machine under, if it did.
	ImageID string
	// UserData is read on the first boot only, for /etc/virl2-base-config.yml
	// (cml-api.md 8.2). Plain, gzip, and MIME multipart forms are understood.
	UserData []byte
	// NoVirtualization is true for an instance type on which KVM cannot run: the
	// machine never gets ready (cml-api.md 4.1).
	NoVirtualization bool
	// CPUs and Memory (bytes) show in system_stats. Zero: 8 and 32 GiB.
	CPUs   int
	Memory int64
}

// Fleet holds the CML servers of all instances. It is safe for concurrent use.
type Fleet struct {
	options Options
	release release
	ssms    *SSMS
	holder  net.Listener

	mu       sync.Mutex
	machines map[string]*Machine
	images   map[string]*saved
	prepare  []func(*Machine)
	closed   bool
}

// New returns a Fleet without machines.
func New(options Options) (*Fleet, error) {
	if options.Recorder == nil {
		options.Recorder = new(wire.Recorder)
	}
	if options.Faults == nil {
		options.Faults = new(wire.Faults)
	}
	if options.Timing == (Timing{}) {
		options.Timing = DefaultTiming()
	}
	if options.Version == "" {
		options.Version = DefaultVersion
	}
	if options.Admin.Username == "" {
		options.Admin.Username = DefaultAdmin().Username
	}
	if options.Admin.Password == "" {
		options.Admin.Password = DefaultAdmin().Password
	}
	if options.Clock == nil {
		options.Clock = clock.New(0)
	}
	if options.Now == nil {
		options.Now = options.Clock.Now
	}
	if options.Log == nil {
		options.Log = func(string) {}
	}
	r, err := parseRelease(options.Version)
	if err != nil {
		return nil, err
	}
	f := &Fleet{
		options:  options,
		release:  r,
		ssms:     newSSMS(options.Now),
		machines: map[string]*Machine{},
		images:   map[string]*saved{},
	}
	if options.Port == 0 {
		// The port stays taken on this address for as long as the fleet lives, so
		// that no other process chooses it for the same machine addresses.
		f.holder, err = net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("choosing a port for CML: %w", err)
		}
		f.options.Port = f.holder.Addr().(*net.TCPAddr).Port
	}
	return f, nil
}

// Port is the TCP port of every machine.
func (f *Fleet) Port() int { return f.options.Port }

// Admin is the administrator of machines whose user data name none.
func (f *Fleet) Admin() Credentials {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.options.Admin
}

// SetAdmin changes the administrator of machines that are created from now on.
func (f *Fleet) SetAdmin(admin Credentials) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.options.Admin = admin
}

// SSMS is the licence server that all machines talk to.
func (f *Fleet) SSMS() *SSMS { return f.ssms }

// Prepare calls setup for every machine that is created from now on, before it boots.
func (f *Fleet) Prepare(setup func(*Machine)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.prepare = append(f.prepare, setup)
}

// Machine returns the machine of an instance. One that has not booted yet is
// created switched off, so that it can be arranged beforehand.
func (f *Fleet) Machine(instanceID string) *Machine {
	f.mu.Lock()
	m, known := f.machines[instanceID]
	if known {
		f.mu.Unlock()
		return m
	}
	m = newMachine(f, instanceID)
	f.machines[instanceID] = m
	prepare := slices.Clone(f.prepare)
	f.mu.Unlock()
	for _, setup := range prepare {
		setup(m)
	}
	return m
}

// Machines returns all machines, ordered by instance id.
func (f *Fleet) Machines() []*Machine {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*Machine, 0, len(f.machines))
	for _, m := range f.machines {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *Machine) int { return strings.Compare(a.id, b.id) })
	return out
}

// Boot starts the machine of an instance; one that runs already is shut down first.
func (f *Fleet) Boot(b Boot) error {
	f.mu.Lock()
	image, closed := f.images[b.ImageID], f.closed
	f.mu.Unlock()
	if closed {
		return errors.New("the CML fleet is closed")
	}
	return f.Machine(b.InstanceID).start(b, image)
}

// Shutdown takes the machine's CML off the network at once, as a power cut does.
func (f *Fleet) Shutdown(instanceID string) { f.Machine(instanceID).stop() }

// SaveImage stores accounts, labs and licence of a machine under an image id;
// machines that first boot from that image start with a copy (an AMI made of a
// configured system).
func (f *Fleet) SaveImage(imageID, instanceID string) {
	s := f.Machine(instanceID).save()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.images[imageID] = s
}

// Close shuts all machines down and releases the port. It returns when every
// goroutine of the fleet has ended.
func (f *Fleet) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	for _, m := range f.Machines() {
		m.close()
	}
	if f.holder != nil {
		return f.holder.Close()
	}
	return nil
}
