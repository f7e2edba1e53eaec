package insight

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

// computeAttributes are the members of a compute host.
func computeAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id":                       textAttribute("CML's id of the host."),
		"hostname":                 textAttribute("Name of the host."),
		"is_controller":            flagAttribute("Whether it is the controller itself."),
		"admission_state":          textAttribute("`UNREGISTERED`, `REGISTERED`, `ONLINE` (drained: runs what runs, starts nothing) or `READY`."),
		"valid":                    flagAttribute("CML's verdict of the host."),
		"kvm_vmx_enabled":          flagAttribute("Whether it has hardware virtualisation; without, no node starts."),
		"enough_cpus":              flagAttribute("Whether it has enough processors."),
		"lld_connected":            flagAttribute("Whether its low-level driver is connected."),
		"lld_synced":               flagAttribute("Whether that driver is in step with the controller."),
		"libvirt":                  flagAttribute("Whether libvirt works."),
		"fabric":                   flagAttribute("Whether the network fabric works."),
		"device_mux":               flagAttribute("Whether the console multiplexer works."),
		"refplat_images_available": flagAttribute("Whether reference platform images are there."),
		"docker_shim":              flagAttribute("Whether the container service works."),
	}
}

// cpuAttribute and usageAttribute are the load of all compute hosts.
func cpuAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{Computed: true, MarkdownDescription: "Processors of all compute hosts together.",
		Attributes: map[string]schema.Attribute{
			"count":   numberAttribute("How many there are."),
			"percent": schema.Float64Attribute{Computed: true, MarkdownDescription: "How busy the processors are, 0 to 100."},
			"load":    schema.ListAttribute{Computed: true, ElementType: types.Float64Type, MarkdownDescription: "Load averages of the processors over one, five and fifteen minutes, the sums of all compute hosts."},
		}}
}

func usageAttribute(what string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{Computed: true, MarkdownDescription: what + " of all compute hosts together, in bytes.",
		Attributes: map[string]schema.Attribute{
			"used": numberAttribute("Bytes in use."), "free": numberAttribute("Bytes free."), "total": numberAttribute("Bytes in all."),
		}}
}

// computeTypes are the types of computeAttributes.
var computeTypes = func() map[string]attr.Type {
	out := map[string]attr.Type{}
	for name, a := range computeAttributes() {
		out[name] = a.GetType()
	}
	return out
}()

// fill puts what CML said into the model; what it did not say is null.
func (m *healthModel) fill(s sight, settings controller.Settings, c checkup) {
	m.Region, m.InstanceState = types.StringValue(s.ec2.Region()), attribute.String(s.machine.State)
	m.Controller = attribute.FlattenController(settings)
	m.Reachable, m.Reason, m.Message = types.BoolValue(c.info != nil), attribute.String(c.reason), attribute.String(c.message)
	m.TLSFingerprint = attribute.String(c.fingerprint)
	if c.info != nil {
		m.Version, m.Ready = attribute.String(c.info.Version), types.BoolValue(c.info.Ready)
	}
	m.Computes = types.ListNull(types.ObjectType{AttrTypes: computeTypes})
	if h := c.health; h != nil {
		m.Valid, m.IsLicensed, m.IsEnterprise = types.BoolPointerValue(h.Valid), types.BoolPointerValue(h.IsLicensed), types.BoolPointerValue(h.IsEnterprise)
		m.ControllerValid = types.BoolPointerValue(h.Controller.Valid)
		if h.Computes != nil {
			m.Computes = flattenComputes(h.Computes)
		}
	}
	m.LabsTotal, m.LabsStarted = count(c.labsTotal), count(c.labsStarted)
	m.CPU, m.Memory, m.Disk = types.ObjectNull(cpuTypes), types.ObjectNull(usageTypes), types.ObjectNull(usageTypes)
	if c.stats == nil {
		return
	}
	if n, known := c.stats.RunningNodes(); known {
		m.NodesRunning = types.Int64Value(int64(n))
	}
	if n, known := c.stats.TotalNodes(); known {
		m.NodesTotal = types.Int64Value(int64(n))
	}
	m.CPU = flattenCPU(*c.stats)
	m.Memory, m.Disk = flattenUsage(c.stats.All.Memory), flattenUsage(c.stats.All.Disk)
}

func flattenComputes(all map[string]controller.ComputeHealth) types.List {
	ids := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[a].Hostname, all[b].Hostname), cmp.Compare(a, b))
	})
	out := []attr.Value{}
	for _, id := range ids {
		h := all[id]
		out = append(out, types.ObjectValueMust(computeTypes, map[string]attr.Value{
			"id": types.StringValue(id), "hostname": attribute.String(h.Hostname), "is_controller": types.BoolPointerValue(h.IsController),
			"admission_state": attribute.String(h.AdmissionState), "valid": types.BoolPointerValue(h.Valid),
			"kvm_vmx_enabled": types.BoolPointerValue(h.KVMVMXEnabled), "enough_cpus": types.BoolPointerValue(h.EnoughCPUs),
			"lld_connected": types.BoolPointerValue(h.LLDConnected), "lld_synced": types.BoolPointerValue(h.LLDSynced),
			"libvirt": types.BoolPointerValue(h.Libvirt), "fabric": types.BoolPointerValue(h.Fabric),
			"device_mux": types.BoolPointerValue(h.DeviceMux), "refplat_images_available": types.BoolPointerValue(h.RefplatImagesAvailable),
			"docker_shim": types.BoolPointerValue(h.DockerShim),
		}))
	}
	return types.ListValueMust(types.ObjectType{AttrTypes: computeTypes}, out)
}

func flattenCPU(stats controller.SystemStats) types.Object {
	cpu, averages := stats.All.CPU, stats.LoadAverage()
	if cpu.Count == nil && cpu.Percent == nil && averages == nil {
		return types.ObjectNull(cpuTypes)
	}
	percent, load := types.Float64Null(), types.ListNull(types.Float64Type)
	if cpu.Percent != nil {
		percent = attribute.Float64(float64(*cpu.Percent))
	}
	if averages != nil {
		var all []attr.Value
		for _, one := range averages {
			all = append(all, attribute.Float64(math.Round(one*100)/100))
		}
		load = types.ListValueMust(types.Float64Type, all)
	}
	return types.ObjectValueMust(cpuTypes, map[string]attr.Value{"count": whole(cpu.Count), "percent": percent, "load": load})
}

func flattenUsage(u controller.Usage) types.Object {
	if u.Used == nil && u.Free == nil && u.Total == nil {
		return types.ObjectNull(usageTypes)
	}
	return types.ObjectValueMust(usageTypes, map[string]attr.Value{"used": whole(u.Used), "free": whole(u.Free), "total": whole(u.Total)})
}

// whole is a number that CML may send with a fraction (cml-api.md 4.2).
func whole(f *controller.Number) types.Int64 {
	if f == nil {
		return types.Int64Null()
	}
	return types.Int64Value(int64(*f))
}

func count(n *int) types.Int64 {
	if n == nil {
		return types.Int64Null()
	}
	return types.Int64Value(int64(*n))
}
