package aws

import (
	"fmt"
	"net/netip"
	"time"
)

// Serials of the default world; SeededID turns them into ids.
const (
	SerialVPC           = 0x001
	SerialSubnetA       = 0x00a
	SerialSubnetB       = 0x00b
	SerialSubnetC       = 0x00c
	SerialSubnetPrivate = 0x00d
	SerialGroupDefault  = 0x001
	SerialGroupCML      = 0x002
	SerialGroupClosed   = 0x003
	SerialImage280      = 0x280
	SerialImage290      = 0x290
	SerialImage291      = 0x291
	SerialImageArm      = 0xa64
)

// SeededKeyPair is the name of the key pair of the default world, SeededProfile that of
// its instance profile.
const (
	SeededKeyPair = "cml"
	SeededProfile = "cml-worker"
)

// seed builds the default world that the package comment describes.
func (r *Region) seed() {
	for _, t := range InstanceTypes() {
		r.types.add(t.Name, &t)
	}
	r.quotas = defaultQuotas()
	v := r.seedNetwork()
	r.seedGroups(v)
	key := &keyPair{resource: newResource(r.seededID("key", 1)), name: SeededKeyPair, created: worldBegan}
	r.keys.add(key.id, key)
	for _, cml := range []struct {
		serial  int
		version string
		age     int // days before the newest
	}{{SerialImage280, "2.8.1", 300}, {SerialImage290, "2.9.0", 90}, {SerialImage291, "2.9.1", 0}} {
		r.seedImage(cml.serial, image{
			name: "CML-" + cml.version + "-Ubuntu-24.04", description: "Cisco Modeling Labs " + cml.version,
			owner: r.account.id, architecture: "x86_64", created: worldBegan.AddDate(0, 0, -cml.age), imdsV2: true,
		}, 64)
	}
	r.seedImage(SerialImageArm, image{
		name: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20260901", owner: "099720109477", public: true,
		architecture: "arm64", created: worldBegan, imdsV2: true,
	}, 8)
}

// worldBegan is when everything seeded was created: fixed, so that answers are stable.
var worldBegan = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

func (r *Region) seedImage(serial int, img image, gib int) {
	snap := &snapshot{resource: newResource(r.seededID("snap", serial)), volumeID: "vol-ffffffff", size: gib, clock: r.sim.clock, began: img.created, description: "root of " + img.name}
	r.snapshots.add(snap.id, snap)
	img.resource = newResource(r.seededID("ami", serial))
	img.state = "available"
	img.rootDevice = "/dev/sda1"
	img.disks = []imageDisk{{device: "/dev/sda1", snapshot: snap.id, kind: "gp3", size: gib, iops: 3000, throughput: 125}}
	r.images.add(img.id, &img)
}

func (r *Region) seedNetwork() *vpc {
	v := r.addVPC(SerialVPC)
	v.isDefault = true
	zones := r.geo.zoneNames()
	for i, serial := range []int{SerialSubnetA, SerialSubnetB, SerialSubnetC, SerialSubnetPrivate} {
		zone := zones[i%3%len(zones)]
		six := v.six.Addr().As16()
		six[7] = byte(i)
		sub := &subnet{
			resource: newResource(r.seededID("subnet", serial)), vpc: v, zone: zone, public: serial != SerialSubnetPrivate,
			cidr: netip.PrefixFrom(plus(v.cidr.Addr(), i*subnetSize), 22), six: netip.PrefixFrom(netip.AddrFrom16(six), 64),
		}
		r.subnets.add(sub.id, sub)
	}
	rtb := &routeTable{resource: newResource(r.seededID("rtb", 1)), vpc: v, gateway: r.seededID("igw", 1)}
	r.routeTables.add(rtb.id, rtb)
	return v
}

func (r *Region) addVPC(serial int) *vpc {
	v := &vpc{
		resource: newResource(r.seededID("vpc", serial)), cidr: r.sim.pool.vpc(),
		// a range of the documentation prefix; nothing ever listens there
		six: netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x:%s00::/56", r.geo.number<<4+len(r.vpcs.order), checksum(r.account.id)[:2])),
	}
	r.vpcs.add(v.id, v)
	return v
}

func (r *Region) seedGroups(v *vpc) {
	def := r.addGroup(SerialGroupDefault, v, "default", "default VPC security group")
	r.addRule(def, groupRule{protocol: "-1", from: -1, to: -1, source: def.id})
	cml := r.addGroup(SerialGroupCML, v, "cml", "Cisco Modeling Labs")
	open := [][2]int{{22, 22}, {443, 443}, {1122, 1122}, {2002, 2003}, {9090, 9090}}
	if port := r.sim.options.GuestPort; port > 0 {
		open = append(open, [2]int{port, port})
	}
	for _, ports := range open {
		r.addRule(cml, groupRule{protocol: "tcp", from: ports[0], to: ports[1], cidr4: "0.0.0.0/0"})
	}
	r.addRule(cml, groupRule{protocol: "tcp", from: 443, to: 443, cidr6: "::/0"})
	r.addGroup(SerialGroupClosed, v, "closed", "Nothing may enter")
}

func (r *Region) addGroup(serial int, v *vpc, name, description string) *securityGroup {
	g := &securityGroup{resource: newResource(r.seededID("sg", serial)), vpc: v, name: name, description: description}
	r.groups.add(g.id, g)
	r.addRule(g, groupRule{egress: true, protocol: "-1", from: -1, to: -1, cidr4: "0.0.0.0/0"})
	return g
}

// addRule gives a rule to a group, with an id that is stable in the default world.
func (r *Region) addRule(g *securityGroup, rule groupRule) *groupRule {
	rule.resource = newResource(r.seededID("sgr", len(r.rules.order)+1))
	rule.group = g
	g.rules = append(g.rules, &rule)
	r.rules.add(rule.id, &rule)
	return &rule
}

// Codes of the quotas that exist (Service Quotas, service "ec2").
const (
	QuotaStandardVCPUs = "L-1216C47A"
	QuotaSpotVCPUs     = "L-34B43A08"
	QuotaElasticIPs    = "L-0263D0A3"
)

// defaultQuotas are wide enough for a thousand workers; tests narrow them.
func defaultQuotas() map[string]float64 {
	return map[string]float64{QuotaStandardVCPUs: 65536, QuotaSpotVCPUs: 65536, QuotaElasticIPs: 5}
}
