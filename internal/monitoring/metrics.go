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
// Those that it has not read to the end all the same are in unread, with what it
// says about that; a value of theirs may not be the newest.
func (c *Client) Newest(ctx context.Context, queries []Query, from, to time.Time) (found map[int]Value, unread map[int]string, err error) {
	found, unread = map[int]Value{}, map[int]string{}
	all := make([]int, len(queries))
	for n := range queries {
		all[n] = n
	}
	for some := range slices.Chunk(all, MaxQueries) {
		results, err := c.newest(ctx, queries, some, from, to, found)
		if err != nil {
			return nil, nil, err
		}
		var again []int
		for n, r := range results {
			if r.status == types.StatusCodeInternalError {
				again = append(again, n)
			}
		}
		slices.Sort(again)
		if len(again) > 0 {
			more, err := c.newest(ctx, queries, again, from, to, found)
			if err != nil {
				return nil, nil, err
			}
			maps.Copy(results, more)
		}
		for n, r := range results {
			// An answer without a status, or with one that is not known yet, counts as
			// complete. One in parts has the newest value first, if it has any.
			_, there := found[n]
			if r.status == types.StatusCodeInternalError || r.status == types.StatusCodeForbidden || r.status == types.StatusCodePartialData && !there {
				unread[n] = r.String()
			}
		}
	}
	return found, unread, nil
}

// result is what CloudWatch says of a query beside its values.
type result struct {
	status   types.StatusCode
	messages []string
}

// String is the status with CloudWatch's words about it.
func (r result) String() string {
	return strings.Join(append([]string{string(r.status)}, r.messages...), ": ")
}

// newest asks for the queries with these numbers, and returns how CloudWatch has
// fared with each.
func (c *Client) newest(ctx context.Context, queries []Query, some []int, from, to time.Time, found map[int]Value) (map[int]result, error) {
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
	results := map[int]result{}
	pages := cloudwatch.NewGetMetricDataPaginator(c.api, in, func(o *cloudwatch.GetMetricDataPaginatorOptions) { o.StopOnDuplicateToken = true })
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
			results[n] = result{r.StatusCode, messages(r.Messages)} // those of the last page count
			for i := range min(len(r.Timestamps), len(r.Values)) {
				v := Value{At: r.Timestamps[i], Value: r.Values[i]}
				if old, known := found[n]; !known || v.beats(old, queries[n].Period, to) {
					found[n] = v
				}
			}
		}
	}
	return results, nil
}

// messages are the texts of messages, without those that say nothing.
func messages(all []types.MessageData) []string {
	var out []string
	for _, m := range all {
		if text := strings.TrimSpace(aws.ToString(m.Value)); text != "" {
			out = append(out, text)
		}
	}
	return out
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
	pages := cloudwatch.NewListMetricsPaginator(c.api, in, func(o *cloudwatch.ListMetricsPaginatorOptions) { o.StopOnDuplicateToken = true })
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
