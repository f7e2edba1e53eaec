package aws

import (
	"net/netip"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

// resource is what everything that has an id and tags shares.
type resource struct {
	id   string
	tags map[string]string
}

func newResource(id string) resource { return resource{id: id, tags: map[string]string{}} }

type vpc struct {
	resource
	cidr, six netip.Prefix
	isDefault bool
}

type subnet struct {
	resource
	vpc       *vpc
	zone      string
	cidr, six netip.Prefix
	// public gives instances an automatic public address (MapPublicIpOnLaunch).
	public bool
	// sixOnly has no IPv4 range (Ipv6Native); sixOnLaunch assigns an IPv6 address by itself.
	sixOnly, sixOnLaunch bool
}

type securityGroup struct {
	resource
	name, description string
	vpc               *vpc
	rules             []*groupRule
}

// groupRule has one of the sources; ports are -1 for protocols without any.
type groupRule struct {
	resource
	group        *securityGroup
	egress       bool
	protocol     string
	from, to     int
	cidr4, cidr6 string
	source       string // another group's id
	description  string
}

type keyPair struct {
	resource
	name    string
	created time.Time
}

type routeTable struct {
	resource
	vpc     *vpc
	gateway string
}

type image struct {
	resource
	name, description, owner, ownerAlias string
	architecture, state                  string
	created, deprecated                  time.Time
	rootDevice                           string
	disks                                []imageDisk
	public                               bool
	// tokens required tells that instances get HttpTokens "required" (ImdsSupport v2.0).
	imdsV2 bool
}

// imageDisk is a block device of an image.
type imageDisk struct {
	device, snapshot, kind string
	size, iops, throughput int
	encrypted, keep        bool
	kms                    string
}

type volume struct {
	resource
	zone                   string
	kind                   string
	size, iops, throughput int
	encrypted              bool
	kmsKey, snapshot       string
	created                time.Time
	attached               *attachment
	change                 *volumeChange
}

type attachment struct {
	instance            *instance
	device              string
	at                  time.Time
	deleteOnTermination bool
}

// volumeChange is the last modification of a volume.
type volumeChange struct {
	clock                 *clock.Clock
	began                 time.Time
	before                volumeShape
	after                 volumeShape
	modifying, optimizing time.Duration
	failed                string
}

// volumeShape is what ModifyVolume can change.
type volumeShape struct {
	kind                   string
	size, iops, throughput int
}

func (v *volume) shape() volumeShape {
	return volumeShape{kind: v.kind, size: v.size, iops: v.iops, throughput: v.throughput}
}

type networkInterface struct {
	resource
	subnet      *subnet
	groups      []*securityGroup
	private     netip.Addr
	sixes       []netip.Addr
	mac         string
	description string
	created     time.Time

	instance            *instance
	attachmentID        string
	deviceIndex         int
	deleteOnTermination bool

	// wantsPublic is AssociatePublicIpAddress, by request or from the subnet.
	wantsPublic bool
	// public is the automatic address, invalid while there is none.
	public  netip.Addr
	elastic *elasticAddress
}

// address is the public address that counts: the Elastic IP address before the automatic one.
func (n *networkInterface) address() netip.Addr {
	if n.elastic != nil {
		return n.elastic.ip
	}
	return n.public
}

type elasticAddress struct {
	resource
	ip            netip.Addr
	associationID string
	attached      *networkInterface
}

type snapshot struct {
	resource
	volumeID, description string
	size                  int
	encrypted             bool
	kmsKey                string
	clock                 *clock.Clock
	began                 time.Time
	duration              time.Duration
	failed                bool
}

type spotRequest struct {
	resource
	instance     *instance
	kind         string // one-time or persistent
	interruption string
	maxPrice     string
	created      time.Time
	validUntil   time.Time
	state        string
	code         string
	updated      time.Time
	typeName     string
	zone         string
	imageID      string
}

type profileAssociation struct {
	id       string
	instance *instance
	profile  *profile
	began    time.Time
}

// table keeps resources by id and in the order in which they came.
type table[T any] struct {
	byID  map[string]T
	order []string
}

func (t *table[T]) add(id string, v T) {
	if t.byID == nil {
		t.byID = map[string]T{}
	}
	if _, known := t.byID[id]; !known {
		t.order = append(t.order, id)
	}
	t.byID[id] = v
}

func (t *table[T]) get(id string) (T, bool) {
	v, ok := t.byID[id]
	return v, ok
}

func (t *table[T]) remove(id string) {
	delete(t.byID, id)
	for i, other := range t.order {
		if other == id {
			t.order = append(t.order[:i:i], t.order[i+1:]...)
			return
		}
	}
}

func (t *table[T]) all() []T {
	out := make([]T, 0, len(t.order))
	for _, id := range t.order {
		out = append(out, t.byID[id])
	}
	return out
}

// pick returns the named resources, or all when none is named. Ids that are unknown are
// an error that names them all, as EC2 does.
func (t *table[T]) pick(kind idKind, ids []string) ([]T, *APIError) {
	if len(ids) == 0 {
		return t.all(), nil
	}
	for _, id := range ids {
		if refused := kind.check(id); refused != nil {
			return nil, refused
		}
	}
	var out []T
	var missing []string
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		if v, ok := t.byID[id]; ok {
			out = append(out, v)
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, kind.notFound(missing...)
	}
	return out, nil
}

// one returns a single resource by id.
func (t *table[T]) one(kind idKind, id string) (T, *APIError) {
	found, refused := t.pick(kind, []string{id})
	if refused != nil {
		var none T
		return none, refused
	}
	return found[0], nil
}
