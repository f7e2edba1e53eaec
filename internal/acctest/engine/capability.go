package engine

// Capability is something of the plugin protocol or of the language that came
// with some release. Tests gate on it and not on a version number, since
// OpenTofu 1.10 is not Terraform 1.10.
type Capability string

// The capabilities that the provider has a use for.
const (
	Functions          Capability = "provider-defined functions"
	MoveState          Capability = "moved blocks across resource types"
	EphemeralResources Capability = "ephemeral resources"
	WriteOnly          Capability = "write-only arguments"
	Identity           Capability = "resource identity"
	ListResources      Capability = "list resources"
	Actions            Capability = "actions"
)

// since holds the minor release of 1.x in which each engine got a capability;
// absent: not at all so far. Sources: the change logs of Terraform 1.8 to 1.14
// and of OpenTofu 1.7 to 1.12.
var since = map[Kind]map[Capability]int{
	Terraform: {
		Functions:          8,
		MoveState:          8,
		EphemeralResources: 10,
		WriteOnly:          11,
		Identity:           12,
		ListResources:      14,
		Actions:            14,
	},
	OpenTofu: {
		Functions:          7,
		MoveState:          10,
		EphemeralResources: 11,
		WriteOnly:          11,
		Identity:           12,
	},
}

// Supports reports whether the engine has the capability.
func (e Engine) Supports(c Capability) bool {
	minor, ok := since[e.Kind][c]
	return ok && e.Version.AtLeast(1, minor)
}
