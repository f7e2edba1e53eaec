package aws

import (
	"encoding/base64"
)

var changeOperations = map[string]operation{
	"ModifyInstanceAttribute": {run: (*call).modifyInstanceAttribute, params: `InstanceId Attribute Value GroupId.#
		InstanceType.Value UserData.Value DisableApiTermination.Value DisableApiStop.Value EbsOptimized.Value
		InstanceInitiatedShutdownBehavior.Value SourceDestCheck.Value
		BlockDeviceMapping.#.DeviceName BlockDeviceMapping.#.Ebs.DeleteOnTermination BlockDeviceMapping.#.Ebs.VolumeId`},
	"ModifyInstanceMetadataOptions": {run: (*call).modifyInstanceMetadataOptions,
		params: "InstanceId HttpTokens HttpEndpoint HttpPutResponseHopLimit HttpProtocolIpv6 InstanceMetadataTags"},
	"ModifyInstanceCpuOptions": {run: (*call).modifyInstanceCPUOptions, params: "InstanceId CoreCount ThreadsPerCore NestedVirtualization"},
}

// attribute changes one attribute; stopped tells that EC2 wants the instance stopped for it.
type attributeChange struct {
	name    string
	stopped bool
	apply   func(*call, *instance, string) *APIError
}

var attributeChanges = []attributeChange{
	{"InstanceType", true, (*call).changeType},
	{"UserData", true, (*call).changeUserData},
	{"EbsOptimized", true, func(_ *call, i *instance, v string) *APIError { i.ebsOptimal = v == "true"; return nil }},
	{"DisableApiTermination", false, func(_ *call, i *instance, v string) *APIError {
		if i.spot != nil && v == "true" {
			return refuse("UnsupportedOperation", "Spot Instances do not support termination protection.")
		}
		i.noTerminate = v == "true"
		return nil
	}},
	{"DisableApiStop", false, func(_ *call, i *instance, v string) *APIError {
		if i.spot != nil && v == "true" {
			return refuse("UnsupportedOperation", "Spot Instances do not support stop protection.")
		}
		i.noStop = v == "true"
		return nil
	}},
	{"InstanceInitiatedShutdownBehavior", false, func(_ *call, i *instance, v string) *APIError {
		if v != "stop" && v != "terminate" {
			return invalidValue("instanceInitiatedShutdownBehavior", v)
		}
		i.shutdown = v
		return nil
	}},
	{"SourceDestCheck", false, func(*call, *instance, string) *APIError { return unsupported("SourceDestCheck") }},
}

// modifyInstanceAttribute changes one attribute at a time, named either by a parameter of
// its own or by Attribute and Value (EC2 API reference, "ModifyInstanceAttribute").
func (c *call) modifyInstanceAttribute() ([]node, *APIError) {
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	if !i.alive() {
		return nil, wrongState(i, "modified")
	}
	var asked []func() *APIError
	for _, change := range attributeChanges {
		value, given := c.get(change.name+".Value"), c.has(change.name+".Value")
		if lowerFirst(change.name) == c.get("Attribute") && c.has("Value") {
			value, given = c.get("Value"), true
		}
		if given {
			asked = append(asked, func() *APIError {
				if change.stopped && i.state != stateStopped {
					return refuse("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.id)
				}
				return change.apply(c, i, value)
			})
		}
	}
	if c.hasAny("GroupId") {
		asked = append(asked, func() *APIError { return c.changeGroups(i) })
	}
	if c.hasAny("BlockDeviceMapping") {
		asked = append(asked, func() *APIError { return c.changeDisks(i) })
	}
	switch len(asked) {
	case 0:
		return nil, refuse("InvalidParameterCombination", "No attributes specified.")
	case 1:
		if refused := asked[0](); refused != nil {
			return nil, refused
		}
		return done()
	}
	return nil, refuse("InvalidParameterCombination", "Fields for multiple attribute types specified")
}

func lowerFirst(s string) string { return string(s[0]|0x20) + s[1:] }

// changeType: the new type must suit the image, and an enabled nested virtualisation that
// the new type does not know stands in the way. Defaults of the CPU options start anew.
func (c *call) changeType(i *instance, name string) *APIError {
	t, ok := c.region.types.get(name)
	if !ok {
		return refuse("InvalidInstanceAttributeValue", "'%s' is not a valid value for 'instanceType'.", name)
	}
	if i.spot != nil {
		return refuse("UnsupportedOperation", "The instance type of a Spot Instance cannot be modified.")
	}
	if t.Architecture != i.architecture {
		return refuse("InvalidInstanceAttributeValue", "The architecture '%s' of the specified instance type does not match the architecture '%s' of the instance.", t.Architecture, i.architecture)
	}
	if i.nested == "enabled" && !t.NestedVirtualization {
		return refuse("InvalidInstanceAttributeValue", "The instance type '%s' does not support nested virtualization, which is enabled for the instance '%s'.", name, i.id)
	}
	if t == i.typ {
		return nil
	}
	i.typ, i.cores, i.threads = t, t.cores(), t.ThreadsPerCore
	switch {
	case !t.NestedVirtualization:
		i.nested = ""
	case i.nested == "":
		i.nested = "disabled"
	}
	return nil
}

func (c *call) changeUserData(i *instance, value string) *APIError {
	decoded, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return refuse("InvalidParameterValue", "Invalid BASE64 encoding of user data.")
	}
	if len(decoded) > 16<<10 {
		return refuse("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	i.userData = value
	return nil
}

// changeGroups replaces the groups of the only interface; an instance with several needs
// ModifyNetworkInterfaceAttribute ("Change the security groups", User Guide).
func (c *call) changeGroups(i *instance) *APIError {
	if len(i.interfaces) > 1 {
		return refuse("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", i.id)
	}
	groups, refused := c.securityGroups(c.list("GroupId"), i.primary().subnet)
	if refused != nil {
		return refused
	}
	i.primary().groups = groups
	return nil
}

func (c *call) changeDisks(i *instance) *APIError {
	byDevice := map[string]*volume{}
	for _, v := range i.disks() {
		byDevice[v.attached.device] = v
	}
	for _, spec := range c.structs("BlockDeviceMapping") {
		v := byDevice[spec.get("DeviceName")]
		if v == nil {
			return refuse("InvalidInstanceAttributeValue", "No device is currently mapped at %s", spec.get("DeviceName"))
		}
		v.attached.deleteOnTermination = spec.bool("Ebs.DeleteOnTermination")
	}
	return nil
}

// modifyInstanceMetadataOptions needs no stop; the answer is the state pending.
func (c *call) modifyInstanceMetadataOptions() ([]node, *APIError) {
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	if !i.alive() {
		return nil, wrongState(i, "modified")
	}
	options := i.metadata.value
	if refused := options.apply(c.params); refused != nil {
		return nil, refused
	}
	i.metadata.set(options, c.sim.now())
	return []node{text("instanceId", i.id), c.region.metadataNode("instanceMetadataOptions", i)}, nil
}

// modifyInstanceCPUOptions needs a stopped instance (EC2 API reference, "ModifyInstanceCpuOptions").
func (c *call) modifyInstanceCPUOptions() ([]node, *APIError) {
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	if i.state != stateStopped {
		return nil, refuse("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.id)
	}
	cores, threads, nested := i.cores, i.threads, i.nested
	if refused := i.typ.applyCPU(c.params, &cores, &threads, &nested); refused != nil {
		return nil, refused
	}
	i.cores, i.threads, i.nested = cores, threads, nested
	return []node{
		text("instanceId", i.id), number("coreCount", i.cores), number("threadsPerCore", i.threads), text("nestedVirtualization", i.nested),
	}, nil
}

// describeInstanceAttribute answers one attribute (EC2 API reference, "DescribeInstanceAttribute").
func (c *call) describeInstanceAttribute() ([]node, *APIError) {
	i, refused := c.instance("InstanceId")
	if refused != nil {
		return nil, refused
	}
	value := func(name, v string) node { return node{name: name, kids: []node{text("value", v)}, keep: true} }
	truth := func(name string, b bool) node { return group(name, flag("value", b)) }
	name := c.get("Attribute")
	answers := map[string]func() node{
		"instanceType":                      func() node { return value(name, i.typ.Name) },
		"userData":                          func() node { return value(name, i.userData) },
		"disableApiTermination":             func() node { return truth(name, i.noTerminate) },
		"disableApiStop":                    func() node { return truth(name, i.noStop) },
		"ebsOptimized":                      func() node { return truth(name, i.ebsOptimal) },
		"enaSupport":                        func() node { return truth(name, true) },
		"sourceDestCheck":                   func() node { return truth(name, true) },
		"instanceInitiatedShutdownBehavior": func() node { return value(name, i.shutdown) },
		"rootDeviceName":                    func() node { return value(name, i.rootDevice) },
		"groupSet":                          func() node { return list(name, collect(i.groups(), groupIdentifier)) },
		"blockDeviceMapping":                func() node { return list(name, collect(i.disks(), diskNode)) },
	}
	answer, ok := answers[name]
	if !ok {
		return nil, invalidValue("attribute", name)
	}
	return []node{text("instanceId", i.id), answer()}, nil
}
