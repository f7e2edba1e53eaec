package aws

import (
	"encoding/base64"
	"net/http"
	"strings"
)

var launchOperations = map[string]operation{
	"RunInstances": {run: (*call).runInstances, check: (*call).checkLaunch, params: `
		ImageId InstanceType MinCount MaxCount ClientToken KeyName UserData EbsOptimized DisableApiTermination DisableApiStop
		InstanceInitiatedShutdownBehavior SubnetId SecurityGroupId.# PrivateIpAddress Ipv6AddressCount
		IamInstanceProfile.Name IamInstanceProfile.Arn Monitoring.Enabled Placement.AvailabilityZone Placement.Tenancy
		CpuOptions.CoreCount CpuOptions.ThreadsPerCore CpuOptions.NestedVirtualization
		MetadataOptions.HttpTokens MetadataOptions.HttpEndpoint MetadataOptions.HttpPutResponseHopLimit
		MetadataOptions.HttpProtocolIpv6 MetadataOptions.InstanceMetadataTags
		InstanceMarketOptions.MarketType InstanceMarketOptions.SpotOptions.MaxPrice InstanceMarketOptions.SpotOptions.SpotInstanceType
		InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior InstanceMarketOptions.SpotOptions.ValidUntil
		TagSpecification.#.ResourceType TagSpecification.#.Tag.#.Key TagSpecification.#.Tag.#.Value ` + interfaceParams + diskParams},
}

// plan is a launch that was found valid.
type plan struct {
	image      *image
	typ        *InstanceType
	key        string
	interfaces []interfacePlan
	disks      []imageDisk
	profile    *profile
	tags       map[string]map[string]string // by resource type
	metadata   metadataOptions
	cores      int
	threads    int
	nested     string
	spot       *spotRequest
	count      int
}

func (p *plan) subnet() *subnet { return p.interfaces[0].subnet }

// runInstances launches, once for each client token (EC2 API reference, "RunInstances" and
// "Ensuring idempotency").
func (c *call) runInstances() ([]node, *APIError) {
	token := c.get("ClientToken")
	if len(token) > 64 {
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter clientToken is invalid. Client token is limited to 64 ASCII characters", token)
	}
	if earlier := c.region.launches[token]; token != "" && earlier != nil {
		return c.repeat(earlier)
	}
	p, refused := c.planLaunch()
	if refused != nil {
		return nil, refused
	}
	if refused := c.region.checkQuota(p.typ, p.count, p.spot != nil); refused != nil {
		return nil, refused
	}
	if p.count, refused = c.region.takeCapacity(p.typ, p.subnet(), p.count, mustNumber(c.params, "MinCount")); refused != nil {
		return nil, refused
	}
	reservation := newID("r-")
	remembered := &launch{request: c.Params.Encode(), reservationID: reservation}
	var made []*instance
	for range p.count {
		i := c.build(p, reservation)
		made = append(made, i)
		remembered.instanceIDs = append(remembered.instanceIDs, i.id)
		c.region.powerOn(i)
	}
	if token != "" {
		c.region.launches[token] = remembered
	}
	return c.region.reservationNode(reservation, made), nil
}

// repeat answers a request whose token is known: the same instances as they are now, or an
// error when the request differs or they are gone ("IdempotentParameterMismatch",
// "IdempotentInstanceTerminated").
func (c *call) repeat(earlier *launch) ([]node, *APIError) {
	if earlier.request != c.Params.Encode() {
		return nil, refuse("IdempotentParameterMismatch",
			"The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests, unless the requests are identical.")
	}
	var made []*instance
	for _, id := range earlier.instanceIDs {
		if i, ok := c.region.instances.get(id); ok && i.alive() {
			made = append(made, i)
		}
	}
	if len(made) == 0 {
		return nil, refuse("IdempotentInstanceTerminated",
			"The request to launch an instance uses the same client token as a previous request for which the instance has been terminated.")
	}
	return c.region.reservationNode(earlier.reservationID, made), nil
}

// build makes the objects of one instance.
func (c *call) build(p *plan, reservation string) *instance {
	r, s := c.region, c.sim
	i := &instance{
		resource: newResource(newID("i-")), region: r, reservationID: reservation, clientToken: c.get("ClientToken"),
		imageID: p.image.id, imageName: p.image.name, architecture: p.image.architecture, rootDevice: p.image.rootDevice,
		typ: p.typ, keyName: p.key, subnet: p.subnet(), zone: p.subnet().zone,
		cores: p.cores, threads: p.threads, nested: p.nested,
		ebsOptimal: c.bool("EbsOptimized"), noStop: c.bool("DisableApiStop"), noTerminate: c.bool("DisableApiTermination"),
		shutdown: c.get("InstanceInitiatedShutdownBehavior"), userData: c.get("UserData"),
		hiddenReads: s.options.Consistency.Reads, hiddenUntil: s.now().Add(s.options.Consistency.Delay),
	}
	if i.shutdown == "" {
		i.shutdown = "stop"
	}
	copyTags(i.tags, p.tags["instance"])
	i.monitoring.set(c.bool("Monitoring.Enabled"), s.now())
	i.metadata.set(p.metadata, s.now())
	r.instances.add(i.id, i)
	for index, n := range p.interfaces {
		r.attachInterface(i, n, index, p.tags["network-interface"])
	}
	for _, d := range p.disks {
		r.attachDisk(i, d, p.tags["volume"])
	}
	if p.profile != nil {
		r.associate(i, p.profile)
	}
	if p.spot != nil {
		r.openSpot(i, *p.spot, p.tags["spot-instances-request"])
	}
	if len(r.endings) > 0 {
		fate := r.endings[0]
		i.fate, r.endings = &fate, r.endings[1:]
	}
	return i
}

// planLaunch checks everything that EC2 checks before it looks for capacity.
func (c *call) planLaunch() (*plan, *APIError) {
	if refused := c.required("ImageId", "InstanceType", "MinCount", "MaxCount"); refused != nil {
		return nil, refused
	}
	p := &plan{key: c.get("KeyName")}
	steps := []func(*plan) *APIError{
		c.planCount, c.planImage, c.planTags, c.planInterfaces, c.planPlace, c.planDisks, c.planKey,
		c.planProfile, c.planUserData, c.planMetadata, c.planCPU, c.planSpot,
	}
	for _, step := range steps {
		if refused := step(p); refused != nil {
			return nil, refused
		}
	}
	return p, nil
}

// checkLaunch finds references that do not exist in a dry run, but neither capacity nor quota.
func (c *call) checkLaunch() *APIError {
	_, refused := c.planLaunch()
	return refused
}

func (c *call) planCount(p *plan) *APIError {
	smallest, refused := c.number("MinCount", 1)
	if refused != nil {
		return refused
	}
	p.count, refused = c.number("MaxCount", 1)
	if refused != nil {
		return refused
	}
	if smallest < 1 || p.count < smallest {
		return refuse("InvalidParameterValue", "Value (%s) for parameter minCount is invalid.", c.get("MinCount"))
	}
	return c.choice("InstanceInitiatedShutdownBehavior", "stop", "terminate")
}

func (c *call) planImage(p *plan) *APIError {
	var refused *APIError
	if p.image, refused = c.region.images.one(imageIDs, c.get("ImageId")); refused != nil {
		return refused
	}
	if p.image.state != "available" {
		return refuse("InvalidAMIID.Unavailable", "The image ID '%s' is not available", p.image.id)
	}
	if p.typ, refused = c.instanceType(c.get("InstanceType")); refused != nil {
		return refused
	}
	return p.typ.checkArchitecture(p.image.architecture)
}

// instanceType finds a type. EC2 refuses unknown ones as a bad value, not as missing.
func (c *call) instanceType(name string) (*InstanceType, *APIError) {
	t, ok := c.region.types.get(name)
	if !ok {
		return nil, refuse("InvalidParameterValue", "Invalid value '%s' for InstanceType.", name)
	}
	return t, nil
}

func (t *InstanceType) checkArchitecture(architecture string) *APIError {
	if t.Architecture == architecture {
		return nil
	}
	return refuse("InvalidParameterValue",
		"The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.",
		t.Architecture, architecture)
}

// planPlace checks that the zone of the subnet offers the type.
func (c *call) planPlace(p *plan) *APIError {
	zone := p.subnet().zone
	if asked := c.get("Placement.AvailabilityZone"); asked != "" && asked != zone {
		return refuse("InvalidParameterValue", "The availability zone '%s' and the subnet '%s' do not match", asked, p.subnet().id)
	}
	if tenancy := c.get("Placement.Tenancy"); tenancy != "" && tenancy != "default" {
		return unsupported("tenancy %s", tenancy)
	}
	if c.region.offers(p.typ, zone) {
		return nil
	}
	var others []string
	for _, name := range c.region.geo.zoneNames() {
		if c.region.offers(p.typ, name) {
			others = append(others, name)
		}
	}
	return refuse("Unsupported",
		"Your requested instance type (%s) is not supported in your requested Availability Zone (%s). Please retry your request by not specifying an Availability Zone or choosing %s.",
		p.typ.Name, zone, strings.Join(others, ", "))
}

func (c *call) planKey(p *plan) *APIError {
	if p.key == "" {
		return nil
	}
	for _, key := range c.region.keys.all() {
		if key.name == p.key {
			return nil
		}
	}
	return refuse("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", p.key)
}

// planUserData: at most 16 KB before encoding ("Run commands at launch", User Guide).
func (c *call) planUserData(*plan) *APIError {
	decoded, err := base64.StdEncoding.DecodeString(c.get("UserData"))
	if err != nil {
		return refuse("InvalidParameterValue", "Invalid BASE64 encoding of user data.")
	}
	if len(decoded) > 16<<10 {
		return refuse("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	return nil
}

// planMetadata: without a request the image decides whether IMDSv2 is required.
func (c *call) planMetadata(p *plan) *APIError {
	p.metadata = metadataOptions{tokens: "optional", endpoint: "enabled", ipv6: "disabled", tags: "disabled", hops: 1}
	if p.image.imdsV2 {
		p.metadata.tokens, p.metadata.hops = "required", 2
	}
	return p.metadata.apply(c.sub("MetadataOptions"))
}

func (m *metadataOptions) apply(p params) *APIError {
	for _, option := range []struct {
		name    string
		target  *string
		allowed []string
	}{
		{"HttpTokens", &m.tokens, []string{"optional", "required"}},
		{"HttpEndpoint", &m.endpoint, []string{"enabled", "disabled"}},
		{"HttpProtocolIpv6", &m.ipv6, []string{"enabled", "disabled"}},
		{"InstanceMetadataTags", &m.tags, []string{"enabled", "disabled"}},
	} {
		if refused := p.choice(option.name, option.allowed...); refused != nil {
			return refused
		}
		if p.has(option.name) {
			*option.target = p.get(option.name)
		}
	}
	hops, refused := p.number("HttpPutResponseHopLimit", m.hops)
	if refused != nil {
		return refused
	}
	if hops < 1 || hops > 64 {
		return refuse("InvalidParameterValue", "Value (%d) for parameter HttpPutResponseHopLimit is invalid. Expecting a value between 1 and 64.", hops)
	}
	m.hops = hops
	return nil
}

// mustNumber reads a number that was checked before.
func mustNumber(p params, name string) int {
	n, _ := p.number(name, 1)
	return n
}

// serverError is an error of EC2's own side, with the status that the SDK may retry.
func serverError(code, message string) *APIError {
	return &APIError{Status: http.StatusInternalServerError, Code: code, Message: message}
}
