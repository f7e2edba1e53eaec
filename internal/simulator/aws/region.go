package aws

import (
	"fmt"
)

// Region is the world of one account in one region. Its exported methods are safe for
// concurrent use; they are how a test looks at the world and changes it from outside.
type Region struct {
	sim     *Simulator
	account *account
	geo     geography

	types        table[*InstanceType]
	vpcs         table[*vpc]
	subnets      table[*subnet]
	groups       table[*securityGroup]
	rules        table[*groupRule]
	keys         table[*keyPair]
	routeTables  table[*routeTable]
	images       table[*image]
	instances    table[*instance]
	volumes      table[*volume]
	interfaces   table[*networkInterface]
	elastics     table[*elasticAddress]
	snapshots    table[*snapshot]
	spots        table[*spotRequest]
	associations table[*profileAssociation]

	launches map[string]*launch // by client token
	capacity map[capacityKey]int
	quotas   map[string]float64
	notIn    map[string]map[string]bool // type → zones that do not offer it
	// spotPrices are those that a test has set.
	spotPrices map[spotKey][]spotPrice
	endings    []ending

	secrets    map[string]*secret // by name
	parameters map[string]*parameter

	schedules        map[string]*schedule // by group and name
	scheduleGroups   map[string]*scheduleGroup
	deadLetters      []string
	quotaOfSchedules *int

	published map[metricID]*published
	measures  map[measureKey][]measure // in the order of their times

	alarms        map[string]*alarm // by name
	history       []historyItem
	notifications []Notification
}

// capacityKey is a type in a place: the name of a zone or the id of a subnet.
type capacityKey struct{ typeName, place string }

// ending is the fate of a launch to come.
type ending struct{ code, message string }

// launch is what RunInstances remembers of a client token.
type launch struct {
	request       string
	reservationID string
	instanceIDs   []string
}

// region returns the world of an account in a region and makes it at first use.
func (s *Simulator) region(accountID, name string) *Region {
	a := s.accounts[accountID]
	if r := a.regions[name]; r != nil {
		return r
	}
	geo, ok := findGeography(name)
	if !ok {
		panic(fmt.Sprintf("aws: there is no region %q", name)) // requests were checked before; a test made a slip
	}
	r := &Region{
		sim: s, account: a, geo: geo,
		launches: map[string]*launch{}, capacity: map[capacityKey]int{},
		published: map[metricID]*published{}, measures: map[measureKey][]measure{}, alarms: map[string]*alarm{},
		quotas: map[string]float64{}, notIn: map[string]map[string]bool{},
	}
	r.seed()
	a.regions[name] = r
	return r
}

func (r *Region) seededID(prefix string, serial int) string {
	return seededID(prefix, r.account.id, r.geo.name, serial)
}

func (r *Region) arn(kind, id string) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:%s/%s", r.geo.name, r.account.id, kind, id)
}

// resource finds anything that can be tagged, with the name of its kind in DescribeTags.
func (r *Region) resource(id string) (*resource, string) {
	if v, ok := r.instances.get(id); ok && r.known(v) {
		return &v.resource, "instance"
	}
	if v, ok := r.volumes.get(id); ok {
		return &v.resource, "volume"
	}
	if v, ok := r.interfaces.get(id); ok {
		return &v.resource, "network-interface"
	}
	if v, ok := r.images.get(id); ok {
		return &v.resource, "image"
	}
	if v, ok := r.snapshots.get(id); ok {
		return &v.resource, "snapshot"
	}
	if v, ok := r.elastics.get(id); ok {
		return &v.resource, "elastic-ip"
	}
	if v, ok := r.spots.get(id); ok {
		return &v.resource, "spot-instances-request"
	}
	if v, ok := r.subnets.get(id); ok {
		return &v.resource, "subnet"
	}
	if v, ok := r.vpcs.get(id); ok {
		return &v.resource, "vpc"
	}
	if v, ok := r.groups.get(id); ok {
		return &v.resource, "security-group"
	}
	if v, ok := r.rules.get(id); ok {
		return &v.resource, "security-group-rule"
	}
	if v, ok := r.routeTables.get(id); ok {
		return &v.resource, "route-table"
	}
	if v, ok := r.keys.get(id); ok {
		return &v.resource, "key-pair"
	}
	return nil, ""
}

// resourceIDs are all ids that resource finds, grouped by kind.
func (r *Region) resourceIDs() []string {
	var out []string
	for _, order := range [][]string{
		r.instances.order, r.volumes.order, r.interfaces.order, r.images.order, r.snapshots.order, r.elastics.order, r.spots.order,
		r.subnets.order, r.vpcs.order, r.groups.order, r.rules.order, r.routeTables.order, r.keys.order,
	} {
		out = append(out, order...)
	}
	return out
}

// known reports whether an instance is still described: for about an hour after its end
// ("Terminate Amazon EC2 instances", User Guide).
func (r *Region) known(i *instance) bool {
	return i.state != stateTerminated || r.sim.since(i.ended) < r.sim.options.Timing.TerminatedVisible
}

// offers reports whether a zone has a type.
func (r *Region) offers(t *InstanceType, zone string) bool {
	if r.notIn[t.Name][zone] {
		return false
	}
	if t.Everywhere {
		return true
	}
	for i, name := range r.geo.zoneNames() {
		if name == zone {
			return i < 3
		}
	}
	return false
}
