package aws

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// States with their codes (EC2 API reference, "InstanceState").
const (
	statePending      = "pending"
	stateRunning      = "running"
	stateShuttingDown = "shutting-down"
	stateTerminated   = "terminated"
	stateStopping     = "stopping"
	stateStopped      = "stopped"
)

var stateCodes = map[string]int{
	statePending: 0, stateRunning: 16, stateShuttingDown: 32, stateTerminated: 48, stateStopping: 64, stateStopped: 80,
}

type instance struct {
	resource
	region        *Region
	reservationID string
	clientToken   string
	imageID       string
	imageName     string
	architecture  string
	rootDevice    string
	typ           *InstanceType
	keyName       string
	zone          string
	subnet        *subnet
	interfaces    []*networkInterface
	volumes       []*volume
	association   *profileAssociation

	state            string
	reason           ending // StateReason
	transitionReason string
	launched         time.Time // last start
	runningSince     time.Time
	runs             []span
	ended            time.Time
	booted           int // number of boots so far

	// generation counts orders for power; a transition that finds another one was overtaken.
	generation int
	fate       *ending

	hiddenReads int
	hiddenUntil time.Time

	monitoring  setting[bool]
	metadata    setting[metadataOptions]
	cores       int
	threads     int
	nested      string
	ebsOptimal  bool
	noStop      bool
	noTerminate bool
	shutdown    string
	userData    string // base64, as EC2 keeps it
	spot        *spotRequest
	health      Health
	console     string

	// guest orders calls of the guest; powered tells whether it has been booted. Neither is
	// guarded by the simulator's lock, and guest is never taken while holding that.
	guest   sync.Mutex
	powered bool
}

// setting is a value that takes effect some time after it was set.
type setting[T any] struct {
	value   T
	changed time.Time
}

func (s *setting[T]) set(value T, now time.Time) { s.value, s.changed = value, now }

type metadataOptions struct {
	tokens, endpoint, ipv6, tags string
	hops                         int
}

func (i *instance) primary() *networkInterface {
	for _, n := range i.interfaces {
		if n.deviceIndex == 0 {
			return n
		}
	}
	return nil
}

func (i *instance) alive() bool { return i.state != stateShuttingDown && i.state != stateTerminated }

// virtualization tells whether KVM works inside ("Nested virtualization", User Guide).
func (i *instance) virtualization() bool { return i.typ.BareMetal || i.nested == "enabled" }

func (i *instance) privateIP() netip.Addr {
	if n := i.primary(); n != nil {
		return n.private
	}
	return netip.Addr{}
}

func (i *instance) publicIP() netip.Addr {
	if n := i.primary(); n != nil {
		return n.address()
	}
	return netip.Addr{}
}

func (i *instance) sixes() []netip.Addr {
	var out []netip.Addr
	for _, n := range i.interfaces {
		out = append(out, n.sixes...)
	}
	return out
}

// disks are the attached volumes, in the order of their devices.
func (i *instance) disks() []*volume {
	out := slices.Clone(i.volumes)
	slices.SortFunc(out, func(a, b *volume) int { return strings.Compare(a.attached.device, b.attached.device) })
	return out
}

// groups are the security groups of the primary interface.
func (i *instance) groups() []*securityGroup {
	if n := i.primary(); n != nil {
		return n.groups
	}
	return nil
}

func (i *instance) bootEvent() BootEvent {
	userData, _ := base64.StdEncoding.DecodeString(i.userData) // was checked when it came
	tags := map[string]string{}
	for key, value := range i.tags {
		tags[key] = value
	}
	return BootEvent{
		InstanceID: i.id, AccountID: i.region.account.id, Region: i.region.geo.name,
		ImageID: i.imageID, ImageName: i.imageName,
		InstanceType: i.typ.Name, VCPUs: i.cores * i.threads, MemoryMiB: i.typ.MemoryMiB, Virtualization: i.virtualization(),
		PrivateIP: i.privateIP(), PublicIP: i.publicIP(), IPv6: i.sixes(),
		UserData: userData, Tags: tags, FirstBoot: i.booted == 1,
	}
}

// privateDNS and publicDNS follow "Amazon EC2 instance hostnames" (User Guide); the first
// region has names of its own.
func (r *Region) privateDNS(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	if r.geo.name == "us-east-1" {
		return "ip-" + dashed(ip) + ".ec2.internal"
	}
	return fmt.Sprintf("ip-%s.%s.compute.internal", dashed(ip), r.geo.name)
}

func (r *Region) publicDNS(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	if r.geo.name == "us-east-1" {
		return "ec2-" + dashed(ip) + ".compute-1.amazonaws.com"
	}
	return fmt.Sprintf("ec2-%s.%s.compute.amazonaws.com", dashed(ip), r.geo.name)
}

func dashed(ip netip.Addr) string { return strings.ReplaceAll(ip.String(), ".", "-") }

// ipText is empty for the invalid address.
func ipText(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func ipTexts(ips []netip.Addr) []string {
	out := make([]string, 0, len(ips))
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return out
}
