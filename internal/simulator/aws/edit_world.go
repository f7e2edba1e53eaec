package aws

import (
	"fmt"
	"net/netip"
	"time"
)

// Image describes an image to add.
type Image struct {
	Name, Description string
	// Owner is the account itself when empty. OwnerAlias is for "amazon" and "aws-marketplace".
	Owner, OwnerAlias string
	// Architecture is "x86_64" when empty.
	Architecture string
	Created      time.Time
	Deprecated   time.Time
	RootGiB      int
	Public       bool
	Tags         map[string]string
}

// AddImage adds an image with a root volume on /dev/sda1 and returns its id.
func (r *Region) AddImage(i Image) string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	added := image{
		name: i.Name, description: i.Description, owner: firstText(i.Owner, r.account.id), ownerAlias: i.OwnerAlias, public: i.Public,
		architecture: firstText(i.Architecture, "x86_64"), created: i.Created, deprecated: i.Deprecated, imdsV2: true,
	}
	if added.created.IsZero() {
		added.created = r.sim.now()
	}
	serial := 0xb00 + len(r.images.order)
	r.seedImage(serial, added, orDefault(i.RootGiB, 64))
	id := r.seededID("ami", serial)
	img, _ := r.images.get(id)
	copyTags(img.tags, i.Tags)
	return id
}

// RemoveImage deregisters an image.
func (r *Region) RemoveImage(id string) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	r.images.remove(id)
}

// SetImageState sets what an image's state is, for example "disabled" or "failed".
func (r *Region) SetImageState(id, state string) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	img, ok := r.images.get(id)
	if !ok {
		panic(fmt.Sprintf("aws: no image %q", id))
	}
	img.state = state
}

// AddVPC adds a VPC, with its default security group and nothing else, and returns its id.
func (r *Region) AddVPC() string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	v := r.addVPC(0x100 + len(r.vpcs.order))
	r.addGroup(0x100+len(r.groups.order), v, "default", "default VPC security group")
	return v.id
}

// vpc finds a VPC, the default one when the id is empty.
func (r *Region) vpc(id string) *vpc {
	if id == "" {
		return r.vpcs.all()[0]
	}
	v, ok := r.vpcs.get(id)
	if !ok {
		panic(fmt.Sprintf("aws: no VPC %q in %s", id, r.geo.name))
	}
	return v
}

// Subnet describes a subnet to add.
type Subnet struct {
	// VPCID is the default VPC when empty.
	VPCID string
	Zone  string
	// Public gives instances an automatic public address.
	Public bool
	// IPv6Only has no IPv4 addresses; IPv6OnLaunch gives each instance an IPv6 address.
	IPv6Only, IPv6OnLaunch bool
	// Full leaves no free address.
	Full bool
}

// AddSubnet adds a subnet and returns its id. It shares the range of one of the seeded
// subnets of the zone, which AWS would not allow; nothing here depends on it.
func (r *Region) AddSubnet(s Subnet) string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	v := r.vpc(s.VPCID)
	n := len(r.subnets.order)
	six := v.six.Addr().As16()
	six[7] = byte(n)
	bits := 22
	if s.Full {
		bits = 30 // all four addresses are kept by AWS
	}
	added := &subnet{
		resource: newResource(r.seededID("subnet", 0x100+n)), vpc: v, zone: s.Zone, public: s.Public, sixOnly: s.IPv6Only, sixOnLaunch: s.IPv6OnLaunch,
		cidr: netip.PrefixFrom(plus(v.cidr.Addr(), n%4*subnetSize), bits), six: netip.PrefixFrom(netip.AddrFrom16(six), 64),
	}
	r.subnets.add(added.id, added)
	return added.id
}

// Rule is a rule of a security group.
type Rule struct {
	Egress bool
	// Protocol is "tcp", "udp", "icmp" or "-1" for all; ports are -1 for those without.
	Protocol string
	From, To int
	// One of these is the other side.
	CIDRv4, CIDRv6, SourceGroupID string
}

// AddSecurityGroup adds a group to the default VPC and returns its id.
func (r *Region) AddSecurityGroup(name string, rules ...Rule) string {
	return r.AddSecurityGroupIn("", name, rules...)
}

// AddSecurityGroupIn adds a group to a VPC and returns its id.
func (r *Region) AddSecurityGroupIn(vpcID, name string, rules ...Rule) string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	g := r.addGroup(0x100+len(r.groups.order), r.vpc(vpcID), name, name)
	for _, rule := range rules {
		r.addRule(g, groupRule{
			egress: rule.Egress, protocol: rule.Protocol, from: rule.From, to: rule.To,
			cidr4: rule.CIDRv4, cidr6: rule.CIDRv6, source: rule.SourceGroupID,
		})
	}
	return g.id
}

// AddInstanceType adds a type to the region, or replaces the one with that name.
func (r *Region) AddInstanceType(t InstanceType) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	r.types.add(t.Name, &t)
}

// RemoveOffering makes a zone not offer a type.
func (r *Region) RemoveOffering(typeName, zone string) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	if r.notIn[typeName] == nil {
		r.notIn[typeName] = map[string]bool{}
	}
	r.notIn[typeName][zone] = true
}

// SetCapacity limits how many more machines of a type get power in a zone or a subnet, by
// launch or start. A negative number takes the limit away.
func (r *Region) SetCapacity(typeName, zoneOrSubnet string, machines int) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	key := capacityKey{typeName, zoneOrSubnet}
	if machines < 0 {
		delete(r.capacity, key)
		return
	}
	r.capacity[key] = machines
}

// SetQuota sets a quota by its code.
func (r *Region) SetQuota(code string, value float64) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	r.quotas[code] = value
}

// EndNextLaunches lets the next n instances go from pending to terminated, with the code
// and the message of their StateReason, for example "Client.VolumeLimitExceeded".
func (r *Region) EndNextLaunches(n int, code, message string) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	for range n {
		r.endings = append(r.endings, ending{code, message})
	}
}

// Volume is a volume as it is at one moment.
type Volume struct {
	ID, Type            string
	SizeGiB, IOPS       int
	Throughput          int
	Encrypted           bool
	KMSKeyARN           string
	InstanceID          string
	DeleteOnTermination bool
	Tags                map[string]string
}

// Volumes returns all volumes, oldest first.
func (r *Region) Volumes() []Volume {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	var out []Volume
	for _, v := range r.volumes.all() {
		view := Volume{ID: v.id, Type: v.kind, SizeGiB: v.size, IOPS: v.iops, Throughput: v.throughput, Encrypted: v.encrypted, KMSKeyARN: v.kmsKey, Tags: map[string]string{}}
		copyTags(view.Tags, v.tags)
		if v.attached != nil {
			view.InstanceID, view.DeleteOnTermination = v.attached.instance.id, v.attached.deleteOnTermination
		}
		out = append(out, view)
	}
	return out
}

// AttachVolume adds a volume to an instance as another user would and returns its id. Such
// a volume survives the instance.
func (r *Region) AttachVolume(instanceID, device string, gib int) string {
	var id string
	r.edit(instanceID, func(i *instance) {
		r.attachDisk(i, imageDisk{device: device, kind: "gp3", size: gib, iops: 3000, throughput: 125, keep: true}, nil)
		id = r.volumes.order[len(r.volumes.order)-1]
	})
	return id
}

// Deny makes IAM refuse actions of an account: "ec2:RunInstances", "iam:PassRole",
// "ec2:Describe*". It replaces what was denied before; without actions all is allowed.
func (s *Simulator) Deny(accountID string, actions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[accountID].denied = actions
}

// AddInstanceProfile adds an instance profile that the first tries of EC2 do not find, as
// happens right after its creation.
func (s *Simulator) AddInstanceProfile(accountID, name string, hiddenTries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[accountID].addProfile(name, hiddenTries)
}

// OptIn enables an opt-in region for an account.
func (s *Simulator) OptIn(accountID, region string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[accountID].optedIn[region] = true
}

// ExpireSessions lets all temporary credentials that STS gave out end now.
func (s *Simulator) ExpireSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.credentials {
		if c.SessionToken != "" {
			c.Expires = time.Now().Add(-time.Second)
		}
	}
}
