package aws

import (
	"fmt"
	"math"
	"strings"
	"time"
)

type statisticSet struct {
	SampleCount *float64 `json:",omitempty"`
	Sum         *float64 `json:",omitempty"`
	Minimum     *float64 `json:",omitempty"`
	Maximum     *float64 `json:",omitempty"`
}

type metricDatum struct {
	MetricName        *string
	Dimensions        []dimension
	Timestamp         *instant
	Value             *float64
	StatisticValues   *statisticSet
	Values, Counts    []float64
	Unit              *string
	StorageResolution *int
}

type putMetricDataInput struct {
	Namespace  *string
	MetricData []metricDatum
}

type noOutput struct{}

// units are those of StandardUnit (CloudWatch API reference, "MetricDatum").
var units = func() map[string]bool {
	out := map[string]bool{}
	for _, unit := range strings.Fields(`Seconds Microseconds Milliseconds Bytes Kilobytes Megabytes Gigabytes Terabytes
		Bits Kilobits Megabits Gigabits Terabits Percent Count Bytes/Second Kilobytes/Second Megabytes/Second
		Gigabytes/Second Terabytes/Second Bits/Second Kilobits/Second Megabits/Second Gigabits/Second Terabits/Second
		Count/Second None`) {
		out[unit] = true
	}
	return out
}()

// putMetricData: all data of a call are taken or none ("PutMetricData", CloudWatch API
// reference, for the limits).
func (c *monitoringCall) putMetricData(in *putMetricDataInput) (any, *APIError) {
	switch name := deref(in.Namespace); {
	case name == "":
		return nil, required("Namespace")
	case len(in.MetricData) == 0:
		return nil, required("MetricData")
	case strings.HasPrefix(name, "AWS/"):
		return nil, refuse("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
	case len(name) > 255 || strings.HasPrefix(name, ":"):
		return nil, refuse("InvalidParameterValue", "The value %s for parameter Namespace is invalid.", name)
	case len(in.MetricData) > 1000:
		return nil, refuse("InvalidParameterValue", "The collection MetricData must not have a size greater than 1000.")
	}
	samples := make([]sample, len(in.MetricData))
	for i, d := range in.MetricData {
		var refused *APIError
		if samples[i], refused = c.readDatum(fmt.Sprintf("MetricData.member.%d.", i+1), d); refused != nil {
			return nil, refused
		}
	}
	for i, d := range in.MetricData {
		m := metric{Namespace: in.Namespace, MetricName: d.MetricName, Dimensions: d.Dimensions}
		c.region.publish(m, samples[i])
	}
	return noOutput{}, nil
}

// publish stores a data point of a custom metric.
func (r *Region) publish(m metric, s sample) {
	p := r.published[m.id()]
	if p == nil {
		p = &published{metric: m}
		r.published[m.id()] = p
	}
	p.add(s)
}

// required is the error for a member that is missing.
func required(name string) *APIError {
	return refuse("MissingParameter", "The parameter %s is required.", name)
}

// badValue is the error for a member whose value is not possible.
func badValue(name, format string, args ...any) *APIError {
	return refuse("InvalidParameterValue", "The value for parameter %s is invalid: %s", name, fmt.Sprintf(format, args...))
}

// checkMetric refuses a metric without a name and dimensions that could not be.
func checkMetric(prefix string, name *string, dimensions []dimension) *APIError {
	switch n := deref(name); {
	case n == "":
		return required(prefix + "MetricName")
	case len(n) > 255:
		return badValue(prefix+"MetricName", "it is longer than 255")
	case len(dimensions) > 30:
		return badValue(prefix+"Dimensions", "there are more than 30")
	}
	seen := map[string]bool{}
	for i, d := range dimensions {
		name, value := deref(d.Name), deref(d.Value)
		at := fmt.Sprintf("%sDimensions.member.%d.", prefix, i+1)
		switch {
		case strings.TrimSpace(name) == "":
			return required(at + "Name")
		case strings.TrimSpace(value) == "":
			return required(at + "Value")
		case strings.HasPrefix(name, ":"), len(name) > 255, !ascii(name):
			return badValue(at+"Name", "%q", name)
		case len(value) > 1024, !ascii(value):
			return badValue(at+"Value", "%q", value)
		case seen[name]:
			return badValue(at+"Name", "%q is there twice", name)
		}
		seen[name] = true
	}
	return nil
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// readDatum makes a sample of a datum.
func (c *monitoringCall) readDatum(prefix string, d metricDatum) (s sample, refused *APIError) {
	if refused := checkMetric(prefix, d.MetricName, d.Dimensions); refused != nil {
		return s, refused
	}
	if d.Unit != nil && !units[*d.Unit] {
		return s, badValue(prefix+"Unit", "%q", *d.Unit)
	}
	resolution := time.Minute
	if d.StorageResolution != nil {
		if resolution = time.Duration(*d.StorageResolution) * time.Second; resolution != time.Second && resolution != time.Minute {
			return s, badValue(prefix+"StorageResolution", "it is neither 1 nor 60")
		}
	}
	when := c.sim.now()
	if d.Timestamp != nil {
		now := when
		when = d.Timestamp.Time
		if when.Before(now.AddDate(0, 0, -14)) || when.After(now.Add(2*time.Hour)) {
			return s, badValue(prefix+"Timestamp", "it must be at most two weeks in the past and two hours in the future")
		}
	}
	s = sample{at: when.Truncate(resolution).UTC(), unit: firstText(deref(d.Unit), "None")}
	switch given := countTrue(d.Value != nil, d.StatisticValues != nil, d.Values != nil); {
	case given == 0:
		return s, required(prefix + "Value")
	case given > 1:
		return s, refuse("InvalidParameterCombination", "The parameters %[1]sValue, %[1]sValues and %[1]sStatisticValues are mutually exclusive and you have specified more than one.", prefix)
	}
	refused = s.fill(prefix, d)
	return s, refused
}

func countTrue(all ...bool) int {
	n := 0
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// fill sets the values of a sample.
func (s *sample) fill(prefix string, d metricDatum) *APIError {
	switch {
	case d.Value != nil:
		*s = single(s.at, s.unit, *d.Value)
	case d.StatisticValues != nil:
		set := d.StatisticValues
		for name, member := range map[string]*float64{"SampleCount": set.SampleCount, "Sum": set.Sum, "Minimum": set.Minimum, "Maximum": set.Maximum} {
			if member == nil {
				return required(prefix + "StatisticValues." + name)
			}
		}
		s.sum, s.count, s.min, s.max = *set.Sum, *set.SampleCount, *set.Minimum, *set.Maximum
		if s.count == 1 || s.min == s.max {
			s.values = map[float64]float64{s.min: s.count}
		}
	default:
		if len(d.Values) == 0 || len(d.Values) > 150 {
			return badValue(prefix+"Values", "there are %d", len(d.Values))
		}
		if d.Counts != nil && len(d.Counts) != len(d.Values) {
			return badValue(prefix+"Counts", "there are not as many as Values")
		}
		s.min, s.max, s.values = math.Inf(1), math.Inf(-1), map[float64]float64{}
		for i, value := range d.Values {
			count := 1.0
			if d.Counts != nil {
				count = d.Counts[i]
			}
			s.sum, s.count, s.min, s.max = s.sum+value*count, s.count+count, min(s.min, value), max(s.max, value)
			s.values[value] += count
		}
	}
	limit := math.Pow(2, 360)
	for _, v := range []float64{s.sum, s.min, s.max, s.count} {
		if math.IsNaN(v) || math.Abs(v) > limit {
			return badValue(prefix+"Value", "it is not within 2^360 of zero")
		}
	}
	return nil
}
