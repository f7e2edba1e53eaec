package aws

import (
	"math"
	"sort"
	"time"
)

// SetMetric sets what the data points of a metric of EC2 or EBS show from now on: the value
// of each, for counters the amount of its whole period. The id is that of an instance or of
// a volume, the name one such as "CPUUtilization" or "VolumeReadBytes". NaN: none is sent.
func (r *Region) SetMetric(id, name string, value float64) {
	r.SetMetricFrom(id, name, r.sim.now(), value)
}

// SetMetricFrom is SetMetric from a time on, until that of a later change.
func (r *Region) SetMetricFrom(id, name string, from time.Time, value float64) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	key := measureKey{id, name}
	r.measures[key] = append(r.measures[key], measure{from, value})
	sort.SliceStable(r.measures[key], func(a, b int) bool { return r.measures[key][a].from.Before(r.measures[key][b].from) })
}

// StopMetric lets a metric of EC2 or EBS send nothing from now on.
func (r *Region) StopMetric(id, name string) { r.SetMetric(id, name, math.NaN()) }

// PublishMetric adds a data point to a custom metric, as PutMetricData does.
func (r *Region) PublishMetric(namespace, name string, dimensions map[string]string, when time.Time, value float64) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	m := metric{Namespace: pointer(namespace), MetricName: pointer(name)}
	for _, key := range sortedKeys(dimensions) {
		m.Dimensions = append(m.Dimensions, dimension{Name: pointer(key), Value: pointer(dimensions[key])})
	}
	r.publish(m, single(when.Truncate(time.Minute).UTC(), "None", value))
}
