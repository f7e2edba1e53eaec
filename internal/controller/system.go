package controller

import (
	"context"
	"net/http"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// SystemInformation is what CML tells everybody (cml-api.md 3).
type SystemInformation struct {
	// Version is the release, such as "2.9.1+build.7".
	Version string `json:"version"`
	// Ready says that at least one compute host is able to start nodes. It
	// says nothing about the licence.
	Ready bool `json:"ready"`
}

// SystemInformation asks for version and readiness, without a secret and
// without verifying the certificate; it notes the certificate's fingerprint
// and, if one is pinned, refuses any other (fault.Untrusted).
// fault.Unreachable: no answer. fault.NotReady: an answer, but not yet, or
// not, that of CML.
func (c *Client) SystemInformation(ctx context.Context) (SystemInformation, error) {
	var info SystemInformation
	call := Call{Method: http.MethodGet, Path: "/system_information", Out: &info}
	reply, err := c.send(ctx, c.open, call, "")
	if err != nil {
		return SystemInformation{}, err
	}
	if !reply.success() {
		failed := c.statusError(call.operation(), reply)
		if failed.Kind != fault.NotReady && failed.Kind != fault.Server && failed.Kind != fault.Throttled {
			// This call needs no token and exists in every release.
			return SystemInformation{}, c.notCML(call.operation(), reply, http.StatusText(reply.status))
		}
		return SystemInformation{}, failed
	}
	if err := c.decode(call, reply); err != nil {
		return SystemInformation{}, err
	}
	if info.Version == "" {
		return SystemInformation{}, c.notCML(call.operation(), reply, "no version in its answer")
	}
	return info, nil
}

// SystemHealth is what CML tells accounts about itself (cml-api.md 4.1). A nil
// flag is not known, or not shown to this account: that is not false. So are nil
// Computes.
type SystemHealth struct {
	Valid        *bool                    `json:"valid"`
	IsLicensed   *bool                    `json:"is_licensed"`
	IsEnterprise *bool                    `json:"is_enterprise"`
	Computes     map[string]ComputeHealth `json:"computes"`
	Controller   ServicesHealth           `json:"controller"`
}

// ComputeHealth is the health of one compute host.
type ComputeHealth struct {
	Hostname     string `json:"hostname"`
	IsController *bool  `json:"is_controller"`
	// AdmissionState is UNREGISTERED, REGISTERED, ONLINE or READY.
	AdmissionState         string `json:"admission_state"`
	Valid                  *bool  `json:"valid"`
	KVMVMXEnabled          *bool  `json:"kvm_vmx_enabled"`
	EnoughCPUs             *bool  `json:"enough_cpus"`
	LLDConnected           *bool  `json:"lld_connected"`
	LLDSynced              *bool  `json:"lld_synced"`
	Libvirt                *bool  `json:"libvirt"`
	Fabric                 *bool  `json:"fabric"`
	DeviceMux              *bool  `json:"device_mux"`
	RefplatImagesAvailable *bool  `json:"refplat_images_available"`
	DockerShim             *bool  `json:"docker_shim"`
}

// ServicesHealth is the health of the controller's own services.
type ServicesHealth struct {
	Valid         *bool `json:"valid"`
	CoreConnected *bool `json:"core_connected"`
	NodesLoaded   *bool `json:"nodes_loaded"`
	ImagesLoaded  *bool `json:"images_loaded"`
}

// admissionReady is the state of a compute host that may start nodes.
const admissionReady = "READY"

// ReadyComputes counts the compute hosts that may start nodes.
func (h SystemHealth) ReadyComputes() int {
	n := 0
	for _, compute := range h.Computes {
		if compute.AdmissionState == admissionReady {
			n++
		}
	}
	return n
}

// NoVirtualization reports whether every compute host says that it cannot run
// virtual machines: an instance type without /dev/kvm.
func (h SystemHealth) NoVirtualization() bool {
	for _, compute := range h.Computes {
		if compute.KVMVMXEnabled == nil || *compute.KVMVMXEnabled {
			return false
		}
	}
	return len(h.Computes) > 0
}

// Healthy reports whether the system, its controller and every compute host
// that may start nodes are well. False includes "not known"; Ailments says
// what is wrong or hidden.
func (h SystemHealth) Healthy() bool { return len(h.Ailments()) == 0 }

// SystemHealth asks for the health of the server.
func (c *Client) SystemHealth(ctx context.Context) (SystemHealth, error) {
	var health SystemHealth
	err := c.Get(ctx, "/system_health", nil, &health)
	return health, err
}
