package insight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

// systemTypes are the members of `system`.
var systemTypes = map[string]attr.Type{
	"cpu": types.ObjectType{AttrTypes: cpuTypes}, "memory": types.ObjectType{AttrTypes: usageTypes}, "disk": types.ObjectType{AttrTypes: usageTypes},
	"nodes_running": types.Int64Type, "nodes_total": types.Int64Type, "orphans_running": types.Int64Type, "orphans_total": types.Int64Type,
}

func systemAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"cpu": cpuAttribute(), "memory": usageAttribute("Memory"), "disk": usageAttribute("Disk"),
		"nodes_running":   numberAttribute("Nodes that run, of all users."),
		"nodes_total":     numberAttribute("Nodes that exist on the compute hosts, of all users."),
		"orphans_running": numberAttribute("Virtual machines that run and belong to no lab any more."),
		"orphans_total":   numberAttribute("Virtual machines that belong to no lab any more, running or not."),
	}
}

// numbers are the attributes with a number of CloudWatch, by name.
func (m *metricsModel) numbers() map[string]*types.Float64 {
	return map[string]*types.Float64{
		"cpu_percent": &m.CPUPercent, "cpu_maximum_percent": &m.CPUMaximumPercent, "memory_percent": &m.MemoryPercent,
		"network_in_bytes_per_second": &m.NetworkIn, "network_out_bytes_per_second": &m.NetworkOut,
		"network_packets_in_per_second": &m.PacketsIn, "network_packets_out_per_second": &m.PacketsOut,
		"ebs_read_bytes_per_second": &m.ReadBytes, "ebs_write_bytes_per_second": &m.WriteBytes,
		"ebs_read_ops_per_second": &m.ReadOps, "ebs_write_ops_per_second": &m.WriteOps,
		"ebs_io_balance_percent": &m.IOBalance, "ebs_byte_balance_percent": &m.ByteBalance,
		"cpu_credit_balance": &m.CreditBalance, "cpu_credit_usage": &m.CreditUsage,
	}
}

// checks are the attributes with a status check, by name.
func (m *metricsModel) checks() map[string]*types.Bool {
	return map[string]*types.Bool{
		"status_check_failed": &m.CheckFailed, "status_check_failed_instance": &m.InstanceFailed,
		"status_check_failed_system": &m.SystemFailed, "status_check_failed_attached_ebs": &m.EBSFailed,
	}
}

// fill puts what was read into the model; what was not is null.
func (m *metricsModel) fill(s sight, settings controller.Settings, values map[string]measured, c checkup) {
	m.Region, m.InstanceState = types.StringValue(s.ec2.Region()), attribute.String(s.machine.State)
	m.Controller = attribute.FlattenController(settings)
	m.Period = types.Int64Value(int64(resolution(s.machine).Seconds()))
	m.SystemReason, m.SystemMessage = attribute.String(c.reason), attribute.String(c.message)
	m.System = types.ObjectNull(systemTypes)
	if c.stats != nil {
		m.System = flattenSystem(*c.stats)
		if used, known := c.stats.All.Memory.Percent(); known {
			// CML's figure is of this moment, and so has no time of CloudWatch's.
			delete(values, "memory_percent")
			m.MemoryPercent = attribute.Float64(used)
		}
	}
	var newest time.Time
	times := map[string]attr.Value{}
	note := func(name string) (float64, bool) {
		v, there := values[name]
		if there {
			times[name] = attribute.Time(v.at)
			if v.at.After(newest) {
				newest = v.at
			}
		}
		return v.value, there
	}
	for name, target := range m.numbers() {
		if v, there := note(name); there {
			*target = attribute.Float64(v)
		}
	}
	for name, target := range m.checks() {
		if v, there := note(name); there {
			*target = types.BoolValue(v > 0)
		}
	}
	m.CollectedAt, m.Timestamps = attribute.Time(newest), types.MapValueMust(types.StringType, times)
}

func flattenSystem(stats controller.SystemStats) types.Object {
	sum := func(n int, known bool) types.Int64 {
		if !known {
			return types.Int64Null()
		}
		return types.Int64Value(int64(n))
	}
	return types.ObjectValueMust(systemTypes, map[string]attr.Value{
		"cpu": flattenCPU(stats), "memory": flattenUsage(stats.All.Memory), "disk": flattenUsage(stats.All.Disk),
		"nodes_running": sum(stats.RunningNodes()), "nodes_total": sum(stats.TotalNodes()),
		"orphans_running": sum(stats.RunningOrphans()), "orphans_total": sum(stats.TotalOrphans()),
	})
}

// alert compares the values with the thresholds.
func (m *metricsModel) alert(ctx context.Context) diag.Diagnostics {
	var t thresholds
	if !m.Thresholds.IsNull() {
		if diags := m.Thresholds.As(ctx, &t, basetypes.ObjectAsOptions{}); diags.HasError() {
			return diags
		}
	}
	out := []attr.Value{}
	add := func(name string, value, threshold float64, message string) {
		out = append(out, types.ObjectValueMust(alertTypes, map[string]attr.Value{
			"attribute": types.StringValue(name), "value": attribute.Float64(value), "threshold": attribute.Float64(threshold), "message": types.StringValue(message),
		}))
	}
	limit := func(given types.Float64, otherwise float64) float64 {
		if given.IsNull() {
			return otherwise
		}
		return given.ValueFloat64()
	}
	high := func(name string, value types.Float64, threshold float64) {
		if !value.IsNull() && value.ValueFloat64() >= threshold {
			add(name, value.ValueFloat64(), threshold, fmt.Sprintf("%s is %.1f, at or above %g", name, value.ValueFloat64(), threshold))
		}
	}
	low := func(name string, value types.Float64, threshold float64) {
		if !value.IsNull() && value.ValueFloat64() <= threshold {
			add(name, value.ValueFloat64(), threshold, fmt.Sprintf("%s is %.1f, at or below %g", name, value.ValueFloat64(), threshold))
		}
	}
	high("cpu_percent", m.CPUPercent, limit(t.CPU, 90))
	high("disk_percent", m.diskPercent(), limit(t.Disk, 90))
	low("ebs_byte_balance_percent", m.ByteBalance, limit(t.Balance, 10))
	low("ebs_io_balance_percent", m.IOBalance, limit(t.Balance, 10))
	high("memory_percent", m.MemoryPercent, limit(t.Memory, 90))
	checks := m.checks()
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		if checks[name].ValueBool() {
			add(name, 1, 1, name+" is true")
		}
	}
	m.Alerts = types.ListValueMust(types.ObjectType{AttrTypes: alertTypes}, out)
	return nil
}

// diskPercent is the used part of CML's disk, null where it is not known.
func (m *metricsModel) diskPercent() types.Float64 {
	disk, ok := m.System.Attributes()["disk"].(types.Object)
	if !ok || disk.IsNull() {
		return types.Float64Null()
	}
	used, _ := disk.Attributes()["used"].(types.Int64)
	total, _ := disk.Attributes()["total"].(types.Int64)
	if used.IsNull() || total.IsNull() || total.ValueInt64() <= 0 {
		return types.Float64Null()
	}
	return attribute.Float64(100 * float64(used.ValueInt64()) / float64(total.ValueInt64()))
}
