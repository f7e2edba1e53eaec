package aws

import (
	"net/netip"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

// DefaultAccountID is the account of access keys that no account names.
const DefaultAccountID = "123456789012"

// Options describe the world that a Simulator starts with. The zero value is a world with
// one account, tolerant credentials and times of tens of milliseconds.
type Options struct {
	// Accounts that exist. The default account is added when it is not among them.
	Accounts []Account
	// StrictCredentials refuses access keys that no account names, instead of taking them for
	// the default account's.
	StrictCredentials bool
	// Timing holds the delays; members that are zero take the value of DefaultTiming.
	Timing Timing
	// Consistency delays the moment at which a new instance appears in reads.
	Consistency Consistency
	// PageSize limits every page of every paginated answer, also where the caller asks for more
	// or for nothing. EC2 promises no page size to a caller that names none. 0 means 1000.
	PageSize int
	// RateLimitVolumeChanges refuses a second ModifyVolume of a volume until this time has passed
	// since the first began. EC2's own limit has been six hours; 0 means none.
	RateLimitVolumeChanges time.Duration
	// GuestPort is opened in the seeded security group "cml", beside the ports
	// that CML has by default; 0: no further one.
	GuestPort int
	// Guest is told when instances get and lose power. Nil runs instances without a guest.
	Guest Guest
	// Clock is the time of this world. Nil: a clock of its own that shows real time.
	Clock *clock.Clock
}

// defaultPageSize is the page of answers whose service allows larger ones.
const defaultPageSize = 1000

// Timing holds the delays of everything that takes time.
type Timing struct {
	// Pending is the time from launch or start to running.
	Pending time.Duration
	// Stopping and ShuttingDown end in stopped and terminated.
	Stopping     time.Duration
	ShuttingDown time.Duration
	// StatusInitializing is the time from running until the status checks leave "initializing".
	StatusInitializing time.Duration
	// TerminatedVisible is the time for which a terminated instance is still described.
	TerminatedVisible time.Duration
	// VolumeModifying and VolumeOptimizing are the phases of a volume modification.
	VolumeModifying  time.Duration
	VolumeOptimizing time.Duration
	// Snapshot is the time from pending to completed.
	Snapshot time.Duration
	// Setting is the time for which metadata options, monitoring and profile associations are pending.
	Setting time.Duration
	// Latency is the time that every request is on its way, a millisecond by default. An answer
	// that comes sooner than any network could bring it meets a race of the SDK for Go: it
	// closes the body of the request when the answer begins, which breaks the connection if the
	// transport has not yet seen the end of that body.
	Latency time.Duration
}

// DefaultTiming is what tests use: every state can be observed, none holds anything up.
func DefaultTiming() Timing {
	return Timing{
		Pending:            20 * time.Millisecond,
		Stopping:           20 * time.Millisecond,
		ShuttingDown:       20 * time.Millisecond,
		StatusInitializing: 20 * time.Millisecond,
		TerminatedVisible:  time.Hour,
		VolumeModifying:    20 * time.Millisecond,
		VolumeOptimizing:   20 * time.Millisecond,
		Snapshot:           30 * time.Millisecond,
		Setting:            10 * time.Millisecond,
		Latency:            time.Millisecond,
	}
}

func (t Timing) withDefaults() Timing {
	d := DefaultTiming()
	for _, pair := range []struct{ have, want *time.Duration }{
		{&t.Pending, &d.Pending}, {&t.Stopping, &d.Stopping}, {&t.ShuttingDown, &d.ShuttingDown},
		{&t.StatusInitializing, &d.StatusInitializing}, {&t.TerminatedVisible, &d.TerminatedVisible},
		{&t.VolumeModifying, &d.VolumeModifying}, {&t.VolumeOptimizing, &d.VolumeOptimizing},
		{&t.Snapshot, &d.Snapshot}, {&t.Setting, &d.Setting}, {&t.Latency, &d.Latency},
	} {
		if *pair.have == 0 {
			*pair.have = *pair.want
		}
	}
	return t
}

// Consistency makes a new instance invisible to reads at first, as EC2's eventual
// consistency may (EC2 Developer Guide, "Ensuring eventual consistency"). Both limits must
// have passed before the instance appears.
type Consistency struct {
	// Reads is the number of Describe calls that would have shown the instance and do not.
	Reads int
	// Delay is the time since the launch.
	Delay time.Duration
}

// Guest is what runs inside the instances. Calls for one instance never overlap; Shutdown
// has returned before the instance is shown as stopped or terminated, and Boot before it
// is shown as running.
type Guest interface {
	// Boot tells that an instance got power: after launch, start and reboot.
	Boot(event BootEvent)
	// Shutdown tells that an instance lost power: by stop, terminate, reboot or from outside.
	Shutdown(instanceID string)
}

// AddressGuest is a Guest that also wants to know when the addresses of a running instance
// change, by an Elastic IP address for example.
type AddressGuest interface {
	Guest
	// Readdress carries the new addresses of an instance that keeps running.
	Readdress(event BootEvent)
}

// ConsoleGuest is a Guest that knows what its instances printed on their console.
type ConsoleGuest interface {
	Guest
	// Console returns the text, empty when nothing was printed.
	Console(instanceID string) string
}

// BootEvent describes a machine at the moment of power on.
type BootEvent struct {
	InstanceID string
	AccountID  string
	Region     string
	// ImageID and ImageName tell what is on the root volume: "CML-2.9.0-Ubuntu-24.04".
	ImageID      string
	ImageName    string
	InstanceType string
	VCPUs        int
	MemoryMiB    int
	// Virtualization tells whether KVM works: on bare metal, or with nested virtualisation enabled.
	Virtualization bool
	// PrivateIP and PublicIP are loopback addresses; PublicIP is invalid when there is none.
	PrivateIP netip.Addr
	PublicIP  netip.Addr
	// IPv6 addresses are not loopback addresses and cannot be listened on.
	IPv6 []netip.Addr
	// UserData is decoded.
	UserData []byte
	Tags     map[string]string
	// FirstBoot is false after stop and start and after a reboot.
	FirstBoot bool
}
