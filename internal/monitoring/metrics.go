package monitoring

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Statistics of a Query, beside those of a Trigger.
const (
	StatisticMaximum = "Maximum"
	StatisticSum     = "Sum"
)

// MaxQueries is how many queries one request may hold (CloudWatch API
// reference, GetMetricData).
const MaxQueries = 500

// Query asks for one statistic of one metric.
type Query struct {
	Namespace, Metric string
	Dimensions        map[string]string
	Statistic         string
	// Period is what one value covers: whole minutes.
	Period time.Duration
}

// Value is a statistic of one period.
type Value struct {
	// At is the beginning of the period.
	At    time.Time
	Value float64
}

// Newest returns the newest value of each query between two times, by the
// number of the query; one without a value in that time is left out
// (GetMetricData). A period that is not over yet counts only where there is no
// older one, since a sum over it is not complete. All queries share a request,
// or as few as they fit into; AWS charges for each metric.
//
// It relies on no order of the answer, nor on one page. A query that CloudWatch
// reports an internal error for is asked once more, as its API reference wants.
func (c *Client) Newest(ctx context.Context, queries []Query, from, to time.Time) (map[int]Value, error) {
	found := map[int]Value{}
	all := make([]int, len(queries))
	for n := range queries {
		all[n] = n
	}
	for some := range slices.Chunk(all, MaxQueries) {
		failed, err := c.newest(ctx, queries, some, from, to, found)
		if err == nil && len(failed) > 0 {
			_, err = c.newest(ctx, queries, failed, from, to, found)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// newest asks for the queries with these numbers, and returns those of them
// that CloudWatch has failed to read.
func (c *Client) newest(ctx context.Context, queries []Query, some []int, from, to time.Time, found map[int]Value) (failed []int, err error) {
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(from), EndTime: aws.Time(to), ScanBy: types.ScanByTimestampDescending}
	numbers := map[string]int{}
	for _, n := range some {
		q, id := queries[n], fmt.Sprintf("m%d", n)
		numbers[id] = n
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String(q.Namespace), MetricName: aws.String(q.Metric), Dimensions: dimensionsToAPI(q.Dimensions)},
			Period: aws.Int32(int32(q.Period / time.Second)), Stat: aws.String(q.Statistic),
		}})
	}
	status := map[int]types.StatusCode{}
	pages := cloudwatch.NewGetMetricDataPaginator(c.api, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.fail(err)
		}
		for _, r := range page.MetricDataResults {
			n, asked := numbers[aws.ToString(r.Id)]
			if !asked {
				continue
			}
			status[n] = r.StatusCode // that of the last page counts
			for i := range min(len(r.Timestamps), len(r.Values)) {
				v := Value{At: r.Timestamps[i], Value: r.Values[i]}
				if old, known := found[n]; !known || v.beats(old, queries[n].Period, to) {
					found[n] = v
				}
			}
		}
	}
	for _, n := range some {
		if status[n] == types.StatusCodeInternalError {
			failed = append(failed, n)
		}
	}
	return failed, nil
}

// beats reports whether a value is the better answer at a time than another of
// the same query.
func (v Value) beats(old Value, period time.Duration, now time.Time) bool {
	over, oldOver := !v.At.Add(period).After(now), !old.At.Add(period).After(now)
	if over != oldOver {
		return over
	}
	return v.At.After(old.At)
}

// Find returns the sets of dimensions under which a metric was published in the
// last three hours with these dimensions among them, those with the fewest
// first (ListMetrics).
func (c *Client) Find(ctx context.Context, namespace, metric string, dimensions map[string]string) ([]map[string]string, error) {
	in := &cloudwatch.ListMetricsInput{Namespace: aws.String(namespace), MetricName: aws.String(metric), RecentlyActive: types.RecentlyActivePt3h}
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		in.Dimensions = append(in.Dimensions, types.DimensionFilter{Name: aws.String(name), Value: aws.String(dimensions[name])})
	}
	var found []map[string]string
	pages := cloudwatch.NewListMetricsPaginator(c.api, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.fail(err)
		}
		for _, m := range page.Metrics {
			set := map[string]string{}
			for _, d := range m.Dimensions {
				set[aws.ToString(d.Name)] = aws.ToString(d.Value)
			}
			if aws.ToString(m.MetricName) == metric && contains(set, dimensions) {
				found = append(found, set)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b map[string]string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) // maps are printed in the order of their keys
	})
	return found, nil
}

func contains(set, part map[string]string) bool {
	for name, value := range part {
		if set[name] != value {
			return false
		}
	}
	return true
}

func dimensionsToAPI(dimensions map[string]string) []types.Dimension {
	var out []types.Dimension
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		out = append(out, types.Dimension{Name: aws.String(name), Value: aws.String(dimensions[name])})
	}
	return out
}
