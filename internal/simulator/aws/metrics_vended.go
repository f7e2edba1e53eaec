package aws

import (
	"math"
	"sort"
	"strings"
	"time"
)

// EC2 and EBS send metrics by themselves ("CloudWatch metrics that are available for your
// instances", EC2 User Guide; "Amazon CloudWatch metrics for Amazon EBS", EBS User Guide).
// They are not stored but computed when they are asked for, from when a machine ran.

// span is a time of running; to is zero while it goes on.
type span struct{ from, to time.Time }

// ran notes that an instance stops to run.
func (i *instance) ran() {
	if n := len(i.runs) - 1; n >= 0 && i.runs[n].to.IsZero() {
		i.runs[n].to = i.region.sim.now()
	}
}

// runsWithin reports whether it ran at some moment from one time up to before another.
func (i *instance) runsWithin(from, to time.Time) bool {
	for _, s := range i.runs {
		if s.from.Before(to) && (s.to.IsZero() || s.to.After(from)) {
			return true
		}
	}
	return false
}

// vendedMetric describes a metric of EC2 or EBS.
type vendedMetric struct {
	unit string
	// period of the data points; 0: a minute with detailed monitoring, else five.
	period time.Duration
	// normal is what a data point shows unless SetMetric says otherwise; perSecond tells that
	// it is an amount for each second of the period.
	normal    float64
	perSecond bool
}

const (
	basicPeriod    = 5 * time.Minute
	detailedPeriod = time.Minute
)

// Packets and credits come every five minutes whatever the monitoring, status checks every
// minute ("Instance metrics", "CPU credit metrics", "Status check metrics").
var instanceMetrics = map[string]vendedMetric{
	"CPUUtilization":    {unit: "Percent", normal: 4},
	"NetworkIn":         {unit: "Bytes", normal: 1200, perSecond: true},
	"NetworkOut":        {unit: "Bytes", normal: 900, perSecond: true},
	"NetworkPacketsIn":  {unit: "Count", normal: 4, perSecond: true, period: basicPeriod},
	"NetworkPacketsOut": {unit: "Count", normal: 3, perSecond: true, period: basicPeriod},
}

// nitroDiskMetrics are those of virtualised Nitro instances, not of bare metal ("Amazon EBS
// metrics for Nitro-based instances").
var nitroDiskMetrics = map[string]vendedMetric{
	"EBSReadOps":    {unit: "Count", normal: 0.2, perSecond: true},
	"EBSWriteOps":   {unit: "Count", normal: 1, perSecond: true},
	"EBSReadBytes":  {unit: "Bytes", normal: 2048, perSecond: true},
	"EBSWriteBytes": {unit: "Bytes", normal: 16384, perSecond: true},
}

// balanceMetrics are those of sizes up to 4xlarge, which burst.
var balanceMetrics = map[string]vendedMetric{
	"EBSIOBalance%":   {unit: "Percent", normal: 100},
	"EBSByteBalance%": {unit: "Percent", normal: 100},
}

var creditMetrics = map[string]vendedMetric{
	"CPUCreditBalance":        {unit: "Count", normal: 864, period: basicPeriod},
	"CPUCreditUsage":          {unit: "Count", normal: 0.4, period: basicPeriod},
	"CPUSurplusCreditBalance": {unit: "Count", period: basicPeriod},
	"CPUSurplusCreditsCharged": {
		unit: "Count", period: basicPeriod},
}

var checkMetrics = map[string]vendedMetric{
	"StatusCheckFailed":             {unit: "Count", period: detailedPeriod},
	"StatusCheckFailed_Instance":    {unit: "Count", period: detailedPeriod},
	"StatusCheckFailed_System":      {unit: "Count", period: detailedPeriod},
	"StatusCheckFailed_AttachedEBS": {unit: "Count", period: detailedPeriod},
}

var volumeMetrics = map[string]vendedMetric{
	"VolumeReadBytes":      {unit: "Bytes", normal: 1024, perSecond: true, period: detailedPeriod},
	"VolumeWriteBytes":     {unit: "Bytes", normal: 8192, perSecond: true, period: detailedPeriod},
	"VolumeReadOps":        {unit: "Count", normal: 0.1, perSecond: true, period: detailedPeriod},
	"VolumeWriteOps":       {unit: "Count", normal: 0.5, perSecond: true, period: detailedPeriod},
	"VolumeTotalReadTime":  {unit: "Seconds", period: detailedPeriod},
	"VolumeTotalWriteTime": {unit: "Seconds", period: detailedPeriod},
	"VolumeIdleTime":       {unit: "Seconds", normal: 0.9, perSecond: true, period: detailedPeriod},
	"VolumeQueueLength":    {unit: "Count", period: detailedPeriod},
}

// burstMetrics are those of volume types with a bucket of credits.
var burstMetrics = map[string]vendedMetric{"BurstBalance": {unit: "Percent", normal: 100, period: basicPeriod}}

// metrics are all that an instance sends.
func (i *instance) metrics() []map[string]vendedMetric {
	out := []map[string]vendedMetric{instanceMetrics, checkMetrics}
	if !i.typ.BareMetal {
		out = append(out, nitroDiskMetrics)
		_, size, _ := strings.Cut(i.typ.Name, ".")
		if size == "medium" || size == "large" || size == "xlarge" || size == "2xlarge" || size == "4xlarge" {
			out = append(out, balanceMetrics)
		}
	}
	if i.typ.Burstable {
		out = append(out, creditMetrics)
	}
	return out
}

func (v *volume) metrics() []map[string]vendedMetric {
	out := []map[string]vendedMetric{volumeMetrics}
	if v.kind == "gp2" || v.kind == "st1" || v.kind == "sc1" {
		out = append(out, burstMetrics)
	}
	return out
}

func lookUp(all []map[string]vendedMetric, name string) (vendedMetric, bool) {
	for _, some := range all {
		if m, known := some[name]; known {
			return m, true
		}
	}
	return vendedMetric{}, false
}

// vended returns what computes the samples of a metric of EC2 or EBS, nil for any other.
func (r *Region) vended(m metric) func(from, to time.Time) []sample {
	switch deref(m.Namespace) {
	case "AWS/EC2":
		id, _ := m.only("InstanceId")
		if i, ok := r.instances.get(id); ok {
			if kind, known := lookUp(i.metrics(), deref(m.MetricName)); known {
				return r.generate(id, deref(m.MetricName), kind, i, time.Time{})
			}
		}
	case "AWS/EBS":
		id, _ := m.only("VolumeId")
		if v, ok := r.volumes.get(id); ok && v.attached != nil {
			if kind, known := lookUp(v.metrics(), deref(m.MetricName)); known {
				return r.generate(id, deref(m.MetricName), kind, v.attached.instance, v.attached.at)
			}
		}
	default:
		return nil
	}
	return func(time.Time, time.Time) []sample { return nil }
}

// generate computes data points while an instance runs: each is there at the end of its
// period, carries the time of its beginning, and exists when the instance ran at any time of
// the period and after since.
func (r *Region) generate(id, name string, kind vendedMetric, i *instance, since time.Time) func(from, to time.Time) []sample {
	return func(from, to time.Time) []sample {
		now := r.sim.now()
		var out []sample
		if len(i.runs) == 0 {
			return nil
		}
		begin := from
		if first := i.runs[0].from; first.After(begin) {
			begin = first
		}
		for at := begin.Truncate(basicPeriod); at.Before(to); {
			period := kind.period
			if period == 0 {
				period = i.resolution(at)
			}
			end := at.Add(period)
			if end.After(now) {
				break
			}
			if !at.Before(from) && end.After(since) && i.runsWithin(at, end) {
				if value, sent := r.measured(id, name, kind, i, end, period); sent {
					out = append(out, single(at, kind.unit, value))
				}
			}
			at = end
		}
		return out
	}
}

// resolution is the period of an instance's metrics at a time; a change counts from the next
// five minutes on.
func (i *instance) resolution(at time.Time) time.Duration {
	detailed := i.monitoring.value
	if at.Before(i.monitoring.changed) && at.After(i.launched) {
		detailed = !detailed
	}
	if detailed {
		return detailedPeriod
	}
	return basicPeriod
}

// measured is what a data point that ends at a time shows, and whether it is sent at all.
func (r *Region) measured(id, name string, kind vendedMetric, i *instance, end time.Time, period time.Duration) (float64, bool) {
	value := kind.normal
	if kind.perSecond {
		value *= period.Seconds()
	}
	if _, check := checkMetrics[name]; check {
		value = i.failedChecks(name)
	}
	if changes := r.measures[measureKey{id, name}]; len(changes) > 0 {
		n := sort.Search(len(changes), func(n int) bool { return !changes[n].from.Before(end) })
		if n > 0 {
			value = changes[n-1].value
		}
	}
	if name == "CPUUtilization" { // Nitro reports whole percents
		value = math.Round(value)
	}
	return value, !math.IsNaN(value)
}

// failedChecks is 1 when a status check is impaired.
func (i *instance) failedChecks(name string) float64 {
	failed := map[string]bool{
		"StatusCheckFailed_System": i.health.System == "impaired", "StatusCheckFailed_Instance": i.health.Instance == "impaired",
		"StatusCheckFailed_AttachedEBS": i.health.AttachedEBS == "impaired",
	}
	for check, bad := range failed {
		if bad && (name == check || name == "StatusCheckFailed") {
			return 1
		}
	}
	return 0
}

type measureKey struct{ id, name string }

// measure is a value that data points show from a time on; NaN: none is sent.
type measure struct {
	from  time.Time
	value float64
}

// vendedList are the metrics of EC2 and EBS that have data since a time, as ListMetrics tells them.
func (r *Region) vendedList(since time.Time) []metric {
	var out []metric
	now := r.sim.now()
	add := func(namespace, dimensionName, id string, all []map[string]vendedMetric) {
		for _, some := range all {
			for _, name := range sortedKeys(some) {
				m := metric{Namespace: pointer(namespace), MetricName: pointer(name), Dimensions: []dimension{{Name: pointer(dimensionName), Value: pointer(id)}}}
				if len(r.samples(m, since, now, "")) > 0 {
					out = append(out, m)
				}
			}
		}
	}
	for _, i := range r.instances.all() {
		add("AWS/EC2", "InstanceId", i.id, i.metrics())
	}
	for _, v := range r.volumes.all() {
		add("AWS/EBS", "VolumeId", v.id, v.metrics())
	}
	return out
}
