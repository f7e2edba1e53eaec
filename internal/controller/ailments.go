package controller

import (
	"fmt"
	"slices"
	"strings"
)

// Ailments lists in words what keeps the system from being healthy, in a
// stable order; empty when it is. A flag that is null is reported as not shown,
// with the advice that helps.
func (h SystemHealth) Ailments() []string {
	var out []string
	switch {
	case h.Valid == nil:
		out = append(out, "valid is null (not known, or not shown to this account: use an admin account)")
	case !*h.Valid:
		out = append(out, "valid is false")
	}
	// An old or foreign server may leave the controller out: valid covers it.
	if isFalse(h.Controller.Valid) {
		out = append(out, "controller.valid is false"+parenthesis(h.Controller.broken()))
	}
	for _, id := range h.ids() {
		compute := h.Computes[id]
		if compute.AdmissionState != admissionReady {
			continue
		}
		if isFalse(compute.Valid) {
			out = append(out, fmt.Sprintf("compute %s is not valid%s", compute.name(id), parenthesis(compute.broken())))
		}
		if isFalse(compute.KVMVMXEnabled) {
			out = append(out, fmt.Sprintf("compute %s has no virtualisation (kvm_vmx_enabled is false)", compute.name(id)))
		}
	}
	return out
}

func (h SystemHealth) ids() []string {
	ids := make([]string, 0, len(h.Computes))
	for id := range h.Computes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if c := strings.Compare(h.Computes[a].Hostname, h.Computes[b].Hostname); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return ids
}

func (c ComputeHealth) name(id string) string {
	if c.Hostname != "" {
		return c.Hostname
	}
	return id
}

func (c ComputeHealth) broken() []string {
	return falseOnes([]flag{
		{"enough_cpus", c.EnoughCPUs}, {"lld_connected", c.LLDConnected}, {"lld_synced", c.LLDSynced},
		{"libvirt", c.Libvirt}, {"fabric", c.Fabric}, {"device_mux", c.DeviceMux},
		{"refplat_images_available", c.RefplatImagesAvailable}, {"docker_shim", c.DockerShim},
	})
}

func (c ServicesHealth) broken() []string {
	return falseOnes([]flag{
		{"core_connected", c.CoreConnected}, {"nodes_loaded", c.NodesLoaded}, {"images_loaded", c.ImagesLoaded},
	})
}

type flag struct {
	name  string
	value *bool
}

func falseOnes(flags []flag) []string {
	var out []string
	for _, f := range flags {
		if isFalse(f.value) {
			out = append(out, f.name)
		}
	}
	return out
}

func isFalse(b *bool) bool { return b != nil && !*b }

func parenthesis(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + " false)"
}
