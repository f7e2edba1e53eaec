package cml

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Machine is the CML server of one instance. All methods are safe for concurrent use.
type Machine struct {
	id    string
	fleet *Fleet
	net   *network

	// gate orders changes of the network, so that the last state wins.
	gate sync.Mutex

	mu       sync.Mutex
	release  release
	timing   Timing
	switches Switches

	addresses []string
	power     context.Context // of the present boot; nil while off
	cutPower  context.CancelFunc
	alarms    *alarms
	boots     int
	round     int  // counts passes through the phases; alarms of an earlier one are void
	flapped   bool // the one extra round of Timing.FlapAfter is over
	bootedAt  time.Time
	phase     Phase
	held      Phase
	// networkError is why CML could not listen when it last should have.
	networkError error
	noKVM        bool
	noCML        bool
	versionSet   bool     // by a test, so that images do not decide it
	printed      []string // on the console
	hardware     hardware

	certificate *tls.Certificate
	secret      []byte // signs tokens
	reordered   bool   // alternates the order of the members of an error

	accounts    accounts
	licence     licence
	labs        labs
	telemetry   telemetry
	maintenance maintenance
	overrides   overrides
	computes    []*compute
	skew        time.Duration
}

func newMachine(f *Fleet, id string) *Machine {
	m := &Machine{
		id:       id,
		fleet:    f,
		release:  f.release,
		timing:   f.options.Timing,
		switches: f.options.Switches,
		phase:    Off,
		secret:   []byte(rand.Text()),
		hardware: defaultHardware(),
	}
	certificate, err := (*CA)(nil).issue(hostname)
	if err != nil {
		// Only a broken random source makes this happen; nothing works without one.
		panic(fmt.Sprintf("cml simulator: %v", err))
	}
	m.certificate = certificate
	m.computes = []*compute{newCompute(hostname, true)}
	m.accounts = newAccounts(f.options.Admin, m.now())
	m.licence = newLicence()
	m.labs = newLabs()
	m.net = &network{port: f.options.Port, handler: m, certificate: m.tlsCertificate}
	return m
}

// hostname is the name CML gives itself in a fresh installation (cml-api.md 4.1).
const hostname = "cml-controller"

// ID is the instance id.
func (m *Machine) ID() string { return m.id }

// now is the machine's own idea of the time.
func (m *Machine) now() time.Time { return m.fleet.options.Now().Add(m.skew) }

func (m *Machine) tlsCertificate() *tls.Certificate {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.certificate
}

// start boots the machine; image is what it finds on its disk on the first boot.
func (m *Machine) start(b Boot, image *saved) error {
	m.stop()
	m.mu.Lock()
	if m.boots == 0 {
		if image != nil {
			m.restore(image)
		} else if err := m.install(b); err != nil {
			m.mu.Unlock()
			return err
		}
		m.provision(b.UserData)
	}
	m.boots++
	m.addresses = slices.Clone(b.Addresses)
	m.noKVM = b.NoVirtualization
	m.hardware.fit(b)
	m.power, m.cutPower = context.WithCancel(context.Background())
	m.alarms = newAlarms(m.fleet.options.Clock)
	m.begin()
	m.resumeLicence()
	m.noise()
	m.mu.Unlock()
	return m.apply()
}

// provision is what cloud-init makes of the user data on the first boot. A
// mistake in them does not keep the machine from booting; its console tells.
// Call with mu held.
func (m *Machine) provision(userData []byte) {
	admin, err := adminOf(userData)
	switch {
	case err != nil:
		m.printed = append(m.printed, "cloud-init: "+err.Error())
	case admin != nil:
		m.accounts.setAdmin(*admin)
		m.noCML = false // the script that comes with the file installs it
		m.printed = append(m.printed, "cloud-init: wrote "+baseConfig)
	}
}

// install is what a new machine finds on an image that was not made of another machine.
func (m *Machine) install(b Boot) error {
	m.noCML = b.NoCML
	if b.Version == "" || m.versionSet {
		return nil
	}
	r, err := parseRelease(b.Version)
	if err != nil {
		return err
	}
	m.release = r
	return nil
}

// stop is a power cut. It returns when nothing of the boot happens any more.
func (m *Machine) stop() {
	m.mu.Lock()
	last := m.alarms
	if m.power != nil {
		m.cutPower()
		last.stop()
		m.power = nil
		m.lostPower()
	}
	m.phase = Off
	m.mu.Unlock()
	_ = m.apply() // closing listeners cannot fail in a way that matters
	if last != nil {
		last.wait()
	}
}

// lostPower is what a machine forgets when it stops.
func (m *Machine) lostPower() {
	m.labs.halt(m.now())
	if m.switches.TokensDieOnBoot {
		m.accounts.sessions = map[string]*session{}
	}
	if m.switches.MaintenanceLostOnBoot {
		m.maintenance = maintenance{}
	}
	if m.switches.TelemetryLostOnBoot {
		m.telemetry.events = nil
	}
}

func (m *Machine) close() {
	m.stop()
	m.net.wait()
}

// begin enters the first phase. Call with mu held.
func (m *Machine) begin() {
	m.bootedAt = m.now()
	m.phase = Refused
	m.schedulePhase()
}

// schedulePhase arranges the step out of the present phase. Call with mu held.
func (m *Machine) schedulePhase() {
	next, wait := m.timing.next(m.phase)
	m.round++
	round := m.round
	m.alarms.after(wait, func() {
		m.mu.Lock()
		if m.round != round || m.power == nil {
			m.mu.Unlock()
			return
		}
		m.enter(next)
		m.mu.Unlock()
		_ = m.apply() // reported by NetworkError
	})
}

// enter moves the present boot to a phase and arranges what follows. Call with mu held.
func (m *Machine) enter(next Phase) {
	m.phase = next
	switch {
	case next != Ready:
		m.schedulePhase()
	case m.timing.FlapAfter > 0 && !m.flapped:
		m.flapped = true
		m.round++
		round := m.round
		m.alarms.after(m.timing.FlapAfter, func() { m.replay(round) })
	}
}

// replay goes through the phases again without a power cut of the instance.
func (m *Machine) replay(round int) {
	m.mu.Lock()
	if m.round != round || m.power == nil {
		m.mu.Unlock()
		return
	}
	m.lostPower()
	m.begin()
	m.mu.Unlock()
	_ = m.apply() // reported by NetworkError
}

// visible is the phase that the outside sees. Call with mu held.
func (m *Machine) visible() Phase {
	switch {
	case m.power == nil:
		return Off
	case m.held != "":
		return m.held
	case m.noCML:
		return Refused
	case m.phase == Ready && !m.canStartNodes():
		return NotReady
	}
	return m.phase
}

// apply brings the network in line with the state.
func (m *Machine) apply() error {
	_, err := m.settle()
	return err
}

// settle is apply, and tells the phase that the network is now in line with.
func (m *Machine) settle() (Phase, error) {
	m.gate.Lock()
	defer m.gate.Unlock()
	m.mu.Lock()
	addresses, phase := m.addresses, m.visible()
	m.mu.Unlock()
	err := m.net.set(addresses, phase.mode())
	m.mu.Lock()
	known := m.networkError
	m.networkError = err
	m.mu.Unlock()
	if err != nil && (known == nil || known.Error() != err.Error()) {
		m.fleet.options.Log(m.id + ": " + err.Error())
	}
	return phase, err
}

// HoldPhase keeps the machine in a phase, whatever the time, until ReleasePhase.
// BlackHole makes connection attempts time out. It takes effect while the
// instance runs; one that is off stays off.
func (m *Machine) HoldPhase(p Phase) error {
	if _, known := ParsePhase(string(p)); !known {
		return fmt.Errorf("unknown phase %q", p)
	}
	m.mu.Lock()
	m.held = p
	m.mu.Unlock()
	return m.apply()
}

// ReleasePhase ends HoldPhase: the machine shows the phase its boot has reached.
func (m *Machine) ReleasePhase() error {
	m.mu.Lock()
	m.held = ""
	m.mu.Unlock()
	return m.apply()
}

// Advance moves a booting machine to its next phase at once.
func (m *Machine) Advance() error {
	m.mu.Lock()
	if m.power == nil {
		m.mu.Unlock()
		return errors.New("the instance does not run")
	}
	if m.phase != Ready {
		next, _ := m.timing.next(m.phase)
		m.round++
		m.enter(next)
	}
	m.mu.Unlock()
	return m.apply()
}

// Reboot goes through the phases again, as after a reboot inside the machine.
func (m *Machine) Reboot() error {
	m.mu.Lock()
	if m.power == nil {
		m.mu.Unlock()
		return errors.New("the instance does not run")
	}
	m.round++
	round := m.round
	m.mu.Unlock()
	m.replay(round)
	return m.NetworkError()
}

// Readdress moves the running CML to other addresses, as an Elastic IP does.
func (m *Machine) Readdress(addresses ...string) error {
	m.mu.Lock()
	m.addresses = slices.Clone(addresses)
	m.mu.Unlock()
	return m.apply()
}

// Phase is what the outside sees now; by the time it returns, the network is so.
func (m *Machine) Phase() Phase {
	phase, _ := m.settle() // reported by NetworkError
	return phase
}

// Console is what the machine printed on its console so far.
func (m *Machine) Console() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.boots == 0 {
		return ""
	}
	lines := append([]string{"[    0.000000] Linux version 6.8.0-simulated"}, m.printed...)
	if m.visible().serves() {
		lines = append(lines, "Cisco Modeling Labs "+m.release.text, hostname+" login: ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// Print adds a line to the console.
func (m *Machine) Print(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.printed = append(m.printed, line)
}

// Addresses are those on which CML listens, or would.
func (m *Machine) Addresses() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.addresses)
}

// NetworkError is why CML could not listen, or nil.
func (m *Machine) NetworkError() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.networkError
}
