package aws

import (
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// dimension is a dimension of a metric, as the API has it.
type dimension struct {
	Name  *string `json:",omitempty"`
	Value *string `json:",omitempty"`
}

// metric is the identity of a metric, as the API has it.
type metric struct {
	Namespace  *string     `json:",omitempty"`
	MetricName *string     `json:",omitempty"`
	Dimensions []dimension `json:",omitempty"`
}

// metricID identifies a metric: dimensions are a set ("Dimensions", CloudWatch User Guide).
type metricID struct{ namespace, name, dimensions string }

func (m metric) id() metricID {
	var pairs []string
	for _, d := range m.Dimensions {
		pairs = append(pairs, deref(d.Name)+"\x00"+deref(d.Value))
	}
	sort.Strings(pairs)
	return metricID{deref(m.Namespace), deref(m.MetricName), strings.Join(pairs, "\x01")}
}

// only returns the value of the dimension when the metric has that one alone.
func (m metric) only(name string) (string, bool) {
	if len(m.Dimensions) == 1 && deref(m.Dimensions[0].Name) == name {
		return deref(m.Dimensions[0].Value), true
	}
	return "", false
}

func deref[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// sample is a data point as it was published: one value, or a set of them.
type sample struct {
	at                   time.Time
	unit                 string
	sum, count, min, max float64
	// values are those of a percentile with how often each came; nil for a statistic set.
	values map[float64]float64
}

func single(at time.Time, unit string, value float64) sample {
	return sample{at: at, unit: unit, sum: value, count: 1, min: value, max: value, values: map[float64]float64{value: 1}}
}

// published is a custom metric.
type published struct {
	metric  metric
	samples []sample // in the order of their times
}

func (p *published) add(s sample) {
	i, _ := slices.BinarySearchFunc(p.samples, s, func(a, b sample) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1 // after those of the same time
	})
	p.samples = slices.Insert(p.samples, i, s)
}

// samples are those of a metric from one time up to before another; with a unit, only those
// that were published with it.
func (r *Region) samples(m metric, from, to time.Time, unit string) []sample {
	var out []sample
	if generate := r.vended(m); generate != nil {
		out = generate(from, to)
	} else if p := r.published[m.id()]; p != nil {
		for _, s := range p.samples {
			if !s.at.Before(from) && s.at.Before(to) {
				out = append(out, s)
			}
		}
	}
	if unit == "" {
		return out
	}
	return slices.DeleteFunc(out, func(s sample) bool { return s.unit != unit })
}

// bucket is a period with the statistics of its samples.
type bucket struct {
	at time.Time
	sample
}

// buckets gathers samples by periods that begin at the start; periods without are left out.
func buckets(samples []sample, start time.Time, period time.Duration) []bucket {
	var out []bucket
	for _, s := range samples {
		at := start.Add(s.at.Sub(start).Truncate(period))
		if len(out) == 0 || !out[len(out)-1].at.Equal(at) {
			s.at = at
			if s.values != nil {
				s.values = copyCounts(map[float64]float64{}, s.values)
			}
			out = append(out, bucket{at, s})
			continue
		}
		b := &out[len(out)-1]
		b.sum, b.count, b.min, b.max = b.sum+s.sum, b.count+s.count, min(b.min, s.min), max(b.max, s.max)
		if b.values == nil || s.values == nil {
			b.values = nil
		} else {
			copyCounts(b.values, s.values)
		}
	}
	return out
}

func copyCounts(into, from map[float64]float64) map[float64]float64 {
	for value, count := range from {
		into[value] += count
	}
	return into
}

// statistics are the names that Statistic and Stat know beside percentiles ("CloudWatch
// statistics definitions", User Guide).
var statistics = map[string]func(sample) float64{
	"SampleCount": func(s sample) float64 { return s.count },
	"Average":     func(s sample) float64 { return s.sum / s.count },
	"Sum":         func(s sample) float64 { return s.sum },
	"Minimum":     func(s sample) float64 { return s.min },
	"Maximum":     func(s sample) float64 { return s.max },
}

// percentile reads "p99.9".
func percentile(stat string) (float64, bool) {
	digits, isOne := strings.CutPrefix(stat, "p")
	p, err := strconv.ParseFloat(digits, 64)
	return p, isOne && err == nil && p >= 0 && p <= 100
}

// statistic computes one; it is absent for percentiles of a statistic set.
func (s sample) statistic(stat string) (float64, bool) {
	if of, known := statistics[stat]; known {
		return of(s), true
	}
	p, _ := percentile(stat)
	if s.values == nil {
		return 0, false
	}
	values := make([]float64, 0, len(s.values))
	for value := range s.values {
		values = append(values, value)
	}
	sort.Float64s(values)
	rank, seen := math.Ceil(p/100*s.count), 0.0
	for _, value := range values {
		if seen += s.values[value]; seen >= rank {
			return value, true
		}
	}
	return values[len(values)-1], true
}
