package simulator

import (
	"net/netip"
	"regexp"
	"strings"
	"sync"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// guest runs CML inside the instances of the simulated AWS.
type guest struct {
	fleet *cml.Fleet
	// version, when set, is what every image has, whatever its name says.
	version string
	log     func(string)

	mu     sync.Mutex
	places map[string]place
}

// place is where an instance was launched.
type place struct{ account, region string }

func newGuest(fleet *cml.Fleet, version string, log func(string)) *guest {
	return &guest{fleet: fleet, version: version, log: log, places: map[string]place{}}
}

// place tells where an instance that has booted once was launched.
func (g *guest) place(instanceID string) (place, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	where, known := g.places[instanceID]
	return where, known
}

var _ aws.AddressGuest = (*guest)(nil)
var _ aws.ConsoleGuest = (*guest)(nil)

func (g *guest) Boot(event aws.BootEvent) {
	g.mu.Lock()
	g.places[event.InstanceID] = place{account: event.AccountID, region: event.Region}
	g.mu.Unlock()
	boot := cml.Boot{
		InstanceID:       event.InstanceID,
		Addresses:        listenOn(event),
		ImageID:          event.ImageID,
		UserData:         event.UserData,
		NoVirtualization: !event.Virtualization,
		CPUs:             event.VCPUs,
		Memory:           int64(event.MemoryMiB) << 20,
		NoCML:            plain(event.ImageName),
	}
	if g.version == "" {
		boot.Version = installed(event.ImageName)
	}
	if err := g.fleet.Boot(boot); err != nil {
		g.log(event.InstanceID + ": " + err.Error())
	}
}

func (g *guest) Shutdown(instanceID string) { g.fleet.Shutdown(instanceID) }

func (g *guest) Readdress(event aws.BootEvent) {
	if err := g.fleet.Machine(event.InstanceID).Readdress(listenOn(event)...); err != nil {
		g.log(event.InstanceID + ": " + err.Error())
	}
}

func (g *guest) Console(instanceID string) string { return g.fleet.Machine(instanceID).Console() }

// listenOn are the addresses of the instance that exist on this machine.
func listenOn(event aws.BootEvent) []string {
	var out []string
	for _, address := range []netip.Addr{event.PublicIP, event.PrivateIP} {
		if address.IsValid() {
			out = append(out, address.String())
		}
	}
	return out
}

var imageVersion = regexp.MustCompile(`(?i)\bcml\D{0,3}(\d+\.\d+\.\d+)`)

// installed is the release that an image's name tells, such as 2.9.0 of
// "CML-2.9.0-Ubuntu-24.04"; empty when it tells none.
func installed(imageName string) string {
	if match := imageVersion.FindStringSubmatch(imageName); match != nil {
		return match[1] + "+build.1"
	}
	return ""
}

// plain reports whether an image is a bare operating system by its vendor's
// naming; only a provisioning script puts CML on it.
func plain(imageName string) bool {
	for _, prefix := range []string{"ubuntu/", "ubuntu-minimal/", "amzn2-ami-", "al2023-ami-", "debian-", "RHEL-", "Windows_Server-"} {
		if strings.HasPrefix(imageName, prefix) {
			return true
		}
	}
	return false
}
