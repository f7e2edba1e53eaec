package insight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Groups of metrics, the values of the argument `metrics`.
const (
	groupCPU           = "cpu"
	groupCPUMaximum    = "cpu_maximum"
	groupNetwork       = "network"
	groupPackets       = "packets"
	groupEBS           = "ebs"
	groupEBSOps        = "ebs_ops"
	groupBurst         = "burst"
	groupCredits       = "credits"
	groupStatus        = "status"
	groupStatusDetails = "status_details"
	groupMemory        = "memory"
	groupSystem        = "system"
)

// defaultGroups are six metrics: CloudWatch charges for each.
var defaultGroups = []string{groupCPU, groupEBS, groupNetwork, groupStatus}

// The resolution of basic and of detailed monitoring.
const (
	basicPeriod    = 5 * time.Minute
	detailedPeriod = time.Minute
)

// Namespaces of AWS.
const (
	namespaceEC2   = "AWS/EC2"
	namespaceEBS   = "AWS/EBS"
	namespaceAgent = "CWAgent"
)

// reading is where the value of an attribute comes from: a metric of the
// instance ("CloudWatch metrics that are available for your instances", EC2
// User Guide).
type reading struct {
	attribute, group, metric, statistic string
	// period is that of metrics which have their own, 0 for those that follow
	// the monitoring of the instance.
	period time.Duration
	// rate: the sum of a period is shown per second.
	rate bool
	// volume is the metric of AWS/EBS that stands in on bare metal, whose
	// instances report none of their disks themselves; it is summed.
	volume string
}

var readings = []reading{
	{attribute: "cpu_percent", group: groupCPU, metric: "CPUUtilization", statistic: monitoring.StatisticAverage},
	{attribute: "cpu_maximum_percent", group: groupCPUMaximum, metric: "CPUUtilization", statistic: monitoring.StatisticMaximum},
	{attribute: "network_in_bytes_per_second", group: groupNetwork, metric: "NetworkIn", statistic: monitoring.StatisticSum, rate: true},
	{attribute: "network_out_bytes_per_second", group: groupNetwork, metric: "NetworkOut", statistic: monitoring.StatisticSum, rate: true},
	{attribute: "network_packets_in_per_second", group: groupPackets, metric: "NetworkPacketsIn", statistic: monitoring.StatisticSum, rate: true, period: basicPeriod},
	{attribute: "network_packets_out_per_second", group: groupPackets, metric: "NetworkPacketsOut", statistic: monitoring.StatisticSum, rate: true, period: basicPeriod},
	{attribute: "ebs_read_bytes_per_second", group: groupEBS, metric: "EBSReadBytes", volume: "VolumeReadBytes", statistic: monitoring.StatisticSum, rate: true},
	{attribute: "ebs_write_bytes_per_second", group: groupEBS, metric: "EBSWriteBytes", volume: "VolumeWriteBytes", statistic: monitoring.StatisticSum, rate: true},
	{attribute: "ebs_read_ops_per_second", group: groupEBSOps, metric: "EBSReadOps", volume: "VolumeReadOps", statistic: monitoring.StatisticSum, rate: true},
	{attribute: "ebs_write_ops_per_second", group: groupEBSOps, metric: "EBSWriteOps", volume: "VolumeWriteOps", statistic: monitoring.StatisticSum, rate: true},
	{attribute: "ebs_io_balance_percent", group: groupBurst, metric: "EBSIOBalance%", statistic: monitoring.StatisticMinimum, period: basicPeriod},
	{attribute: "ebs_byte_balance_percent", group: groupBurst, metric: "EBSByteBalance%", statistic: monitoring.StatisticMinimum, period: basicPeriod},
	{attribute: "cpu_credit_balance", group: groupCredits, metric: "CPUCreditBalance", statistic: monitoring.StatisticMinimum, period: basicPeriod},
	{attribute: "cpu_credit_usage", group: groupCredits, metric: "CPUCreditUsage", statistic: monitoring.StatisticSum, period: basicPeriod},
	{attribute: "status_check_failed", group: groupStatus, metric: "StatusCheckFailed", statistic: monitoring.StatisticMaximum, period: detailedPeriod},
	{attribute: "status_check_failed_instance", group: groupStatusDetails, metric: "StatusCheckFailed_Instance", statistic: monitoring.StatisticMaximum, period: detailedPeriod},
	{attribute: "status_check_failed_system", group: groupStatusDetails, metric: "StatusCheckFailed_System", statistic: monitoring.StatisticMaximum, period: detailedPeriod},
	{attribute: "status_check_failed_attached_ebs", group: groupStatusDetails, metric: "StatusCheckFailed_AttachedEBS", statistic: monitoring.StatisticMaximum, period: detailedPeriod},
}

// metricsRequest is the arguments in plain Go.
type metricsRequest struct {
	groups []string
	// lookback is 0 for the default, which follows the longest period.
	lookback time.Duration
	// volumes: the disks are those of AWS/EBS, volume by volume.
	volumes bool
}

func (r metricsRequest) wants(group string) bool { return slices.Contains(r.groups, group) }

// needsType reports whether the answer depends on what the type of the instance is.
func (r metricsRequest) needsType() bool { return r.wants(groupEBS) || r.wants(groupEBSOps) }

// measured is a value of an attribute with the time it is of.
type measured struct {
	value float64
	at    time.Time
}

// source is a query and the attribute whose value it is a part of.
type source struct {
	reading
	query monitoring.Query
}

// resolution is the period of the metrics that follow the monitoring of a machine.
func resolution(machine *instance.Instance) time.Duration {
	if machine.Monitoring {
		return detailedPeriod
	}
	return basicPeriod
}

// sources are the queries of a request, those of one attribute together.
func (r metricsRequest) sources(machine *instance.Instance) []source {
	var out []source
	for _, one := range readings {
		if !r.wants(one.group) {
			continue
		}
		if one.period == 0 {
			one.period = resolution(machine)
		}
		if one.volume != "" && r.volumes {
			// Five minutes hold whole points of volumes that report each minute and
			// of those that do not.
			one.period = basicPeriod
			for _, v := range machine.Volumes {
				out = append(out, source{one, monitoring.Query{
					Namespace: namespaceEBS, Metric: one.volume, Dimensions: map[string]string{"VolumeId": v.VolumeID}, Statistic: one.statistic, Period: one.period}})
			}
			continue
		}
		out = append(out, source{one, monitoring.Query{
			Namespace: namespaceEC2, Metric: one.metric, Dimensions: map[string]string{"InstanceId": machine.ID}, Statistic: one.statistic, Period: one.period}})
	}
	return out
}

// span is the time that is looked at. It begins at five minutes of the clock, so
// that periods are those in which the metrics come.
func span(lookback time.Duration, all []source, now time.Time) (from, to time.Time) {
	if lookback == 0 {
		longest := detailedPeriod
		for _, s := range all {
			longest = max(longest, s.period)
		}
		lookback = 2*longest + 5*time.Minute
	}
	return now.Add(-lookback).Truncate(basicPeriod), now
}

// combine makes the values of attributes of those of the queries. An attribute
// with several is their sum, as old as the oldest; without one of them there is
// none, since the sum would be too low.
func combine(all []source, values map[int]monitoring.Value) map[string]measured {
	out, incomplete := map[string]measured{}, map[string]bool{}
	for n, s := range all {
		v, there := values[n]
		if !there {
			incomplete[s.attribute] = true
			continue
		}
		if s.rate {
			v.Value /= s.period.Seconds()
		}
		sum, begun := out[s.attribute]
		sum.value += v.Value
		if !begun || v.At.Before(sum.at) {
			sum.at = v.At
		}
		out[s.attribute] = sum
	}
	for name := range incomplete {
		delete(out, name)
	}
	return out
}

// measure reads the newest values. What CloudWatch refuses is a warning, and
// what it does not have is left out.
func (d *Metrics) measure(ctx context.Context, s sight, r metricsRequest, now time.Time, diags *diag.Diagnostics) map[string]measured {
	client, err := d.set.Monitoring(ctx, s.ec2.Region())
	if err != nil {
		diags.Append(tfdiag.Error("Unable to read the metrics of CML worker", s.about(), err))
		return nil
	}
	sources := r.sources(s.machine)
	if r.wants(groupMemory) {
		found, err := client.Find(ctx, namespaceAgent, "mem_used_percent", map[string]string{"InstanceId": s.machine.ID})
		if !d.tolerable(err, s, "cloudwatch:ListMetrics", "What a CloudWatch agent tells of the memory", "the group `memory`", diags) {
			return nil
		}
		if len(found) > 0 {
			one := reading{attribute: "memory_percent", statistic: monitoring.StatisticAverage, period: resolution(s.machine)}
			sources = append(sources, source{one, monitoring.Query{
				Namespace: namespaceAgent, Metric: "mem_used_percent", Dimensions: found[0], Statistic: one.statistic, Period: one.period}})
		}
	}
	if len(sources) == 0 {
		return nil
	}
	from, to := span(r.lookback, sources, now)
	queries := make([]monitoring.Query, len(sources))
	for i, one := range sources {
		queries[i] = one.query
	}
	values, unread, err := client.Newest(ctx, queries, from, to)
	if !d.tolerable(err, s, "cloudwatch:GetMetricData", "What CloudWatch knows", "all groups but `system`", diags) {
		return nil
	}
	if len(unread) > 0 {
		var names []string
		for n := range unread {
			names = append(names, sources[n].attribute)
		}
		slices.Sort(names)
		tfdiag.Warn(diags, d.set, tfdiag.MetricsUnknown, fmt.Sprintf("CloudWatch did not read everything of worker %s, so that these may be null or old: %s. AWS said: %s",
			s.machine.ID, strings.Join(slices.Compact(names), ", "), unread[slices.Min(slices.Collect(maps.Keys(unread)))]))
	}
	return combine(sources, values)
}

// tolerable reports whether a look can go on: a permission that is missing is a
// warning, which says what is null and which groups need it; any other error is one.
func (d *Metrics) tolerable(err error, s sight, action, what, groups string, diags *diag.Diagnostics) bool {
	switch {
	case err == nil:
		return true
	case fault.Is(err, fault.PermissionDenied):
		tfdiag.Warn(diags, d.set, tfdiag.MetricsUnknown,
			fmt.Sprintf("%s of worker %s is null: allow %s, or leave %s out of `metrics`. AWS said: %s", what, s.machine.ID, action, groups, strings.TrimSpace(words(err))))
		return true
	}
	diags.Append(tfdiag.Error("Unable to read the metrics of CML worker", s.about(), err))
	return false
}
