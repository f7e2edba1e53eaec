package monitoring_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// result is a result of GetMetricData, with values at minutes after noon.
func result(id string, pairs ...float64) cbor.Map {
	times, values := cbor.List{}, cbor.List{}
	for i := 0; i < len(pairs); i += 2 {
		at := noon.Add(time.Duration(pairs[i]) * time.Minute)
		times, values = append(times, &cbor.Tag{ID: 1, Value: cbor.Float64(at.Unix())}), append(values, cbor.Float64(pairs[i+1]))
	}
	return cbor.Map{"Id": cbor.String(id), "Timestamps": times, "Values": values}
}

func query(metric string) monitoring.Query {
	return monitoring.Query{Namespace: "AWS/EC2", Metric: metric, Dimensions: map[string]string{"InstanceId": "i-1"},
		Statistic: monitoring.StatisticSum, Period: 5 * time.Minute}
}

// Answers come in any order, on several pages and without what has no data.
func TestNewest(t *testing.T) {
	t.Parallel()
	s, client := serve(t, map[string][]answer{"GetMetricData": {
		{status: http.StatusOK, body: cbor.Map{"NextToken": cbor.String("more"), "MetricDataResults": cbor.List{
			result("m1", 0, 1, 10, 3, 5, 2), result("strange", 10, 99), result("m0", 0, 7)}}},
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m0", 5, 8), result("m3", 15, 40)}}},
	}})
	got, _, err := client.Newest(t.Context(), []monitoring.Query{query("a"), query("b"), query("c"), query("d")}, noon, noon.Add(17*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]monitoring.Value{
		0: {At: noon.Add(5 * time.Minute), Value: 8},
		1: {At: noon.Add(10 * time.Minute), Value: 3},
		3: {At: noon.Add(15 * time.Minute), Value: 40}, // not over yet, and all there is
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for n, v := range want {
		if !got[n].At.Equal(v.At) || got[n].Value != v.Value {
			t.Errorf("query %d: %v, want %v", n, got[n], v)
		}
	}
	if len(s.asked) != 2 || s.asked[1].input["NextToken"] != cbor.String("more") {
		t.Errorf("asked %v", s.asked)
	}
	if list, _ := s.asked[0].input["MetricDataQueries"].(cbor.List); len(list) != 4 {
		t.Errorf("the queries do not share a request: %v", s.asked[0].input)
	}
}

// What CloudWatch fails to read is asked for once more, and nothing else is.
func TestNewestAfterInternalError(t *testing.T) {
	t.Parallel()
	failed := result("m1")
	failed["StatusCode"] = cbor.String("InternalError")
	s, client := serve(t, map[string][]answer{"GetMetricData": {
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m0", 0, 7), failed}}},
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m1", 5, 8)}}},
	}})
	got, _, err := client.Newest(t.Context(), []monitoring.Query{query("a"), query("b")}, noon, noon.Add(17*time.Minute))
	if err != nil || got[0].Value != 7 || got[1].Value != 8 {
		t.Errorf("got %v, %v", got, err)
	}
	if len(s.asked) != 2 {
		t.Fatalf("asked %v", s.asked)
	}
	if again, _ := s.asked[1].input["MetricDataQueries"].(cbor.List); len(again) != 1 {
		t.Errorf("asked again for %v", again)
	}
}

// What it does not read at the second try either, or does not show, is told.
func TestNewestUnread(t *testing.T) {
	t.Parallel()
	said := func(id, status, message string, pairs ...float64) cbor.Map {
		r := result(id, pairs...)
		r["StatusCode"] = cbor.String(status)
		if message != "" {
			r["Messages"] = cbor.List{cbor.Map{"Code": cbor.String(status), "Value": cbor.String(message)}}
		}
		return r
	}
	failed := said("m1", "InternalError", "try later")
	s, client := serve(t, map[string][]answer{"GetMetricData": {
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{
			said("m0", "Complete", "a note", 0, 7), failed, said("m2", "Forbidden", ""), said("m3", "PartialData", ""), said("m4", "PartialData", "", 0, 9), said("m5", "Later", "", 0, 9)}}},
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{failed}}},
	}})
	got, unread, err := client.Newest(t.Context(), slices.Repeat([]monitoring.Query{query("a")}, 6), noon, noon.Add(17*time.Minute))
	if err != nil || len(got) != 3 || len(s.asked) != 2 {
		t.Errorf("got %v, %v, asked %d times", got, err, len(s.asked))
	}
	if want := map[int]string{1: "InternalError: try later", 2: "Forbidden", 3: "PartialData"}; !maps.Equal(unread, want) {
		t.Errorf("unread are %v, want %v", unread, want)
	}
}

// A token that leads in a circle ends, or the plan would not.
func TestNewestInCircles(t *testing.T) {
	t.Parallel()
	page := answer{status: http.StatusOK, body: cbor.Map{"NextToken": cbor.String("again"), "MetricDataResults": cbor.List{result("m0", 0, 7)}}}
	s, client := serve(t, map[string][]answer{"GetMetricData": slices.Repeat([]answer{page}, 50), "ListMetrics": slices.Repeat([]answer{page}, 50)})
	if got, _, err := client.Newest(t.Context(), []monitoring.Query{query("a")}, noon, noon.Add(17*time.Minute)); err != nil || got[0].Value != 7 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := client.Find(t.Context(), "N", "M", nil); err != nil || len(s.asked) != 4 {
		t.Errorf("%v, asked %d times", err, len(s.asked))
	}
}

// A sum over a period that is not over is too low.
func TestNewestPrefersPeriodsThatAreOver(t *testing.T) {
	t.Parallel()
	for _, pairs := range [][]float64{{15, 1, 10, 30}, {10, 30, 15, 1}} {
		_, client := serve(t, map[string][]answer{"GetMetricData": {{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m0", pairs...)}}}}})
		got, _, err := client.Newest(t.Context(), []monitoring.Query{query("a")}, noon, noon.Add(17*time.Minute))
		if err != nil || got[0].Value != 30 {
			t.Errorf("%v: %v, %v", pairs, got, err)
		}
	}
}

func TestNewestInSeveralRequests(t *testing.T) {
	t.Parallel()
	last := fmt.Sprintf("m%d", monitoring.MaxQueries)
	s, client := serve(t, map[string][]answer{"GetMetricData": {
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m0", 0, 1)}}},
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result(last, 0, 2)}}},
	}})
	got, _, err := client.Newest(t.Context(), slices.Repeat([]monitoring.Query{query("a")}, monitoring.MaxQueries+1), noon, noon.Add(time.Hour))
	if err != nil || len(s.asked) != 2 || got[0].Value != 1 || got[monitoring.MaxQueries].Value != 2 {
		t.Errorf("%v, %d requests, %v", got, len(s.asked), err)
	}
	_, client = serve(t, map[string][]answer{"GetMetricData": {refused("AccessDeniedException", "AccessDenied;Sender")}})
	if _, _, err := client.Newest(t.Context(), []monitoring.Query{query("a")}, noon, noon.Add(time.Hour)); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("got %v", err)
	}
}

// Servers differ in how they filter, so what does not fit is left out here too.
func TestFind(t *testing.T) {
	t.Parallel()
	listed := func(name string, pairs ...string) cbor.Map {
		all := cbor.List{}
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, cbor.Map{"Name": cbor.String(pairs[i]), "Value": cbor.String(pairs[i+1])})
		}
		return cbor.Map{"Namespace": cbor.String("CWAgent"), "MetricName": cbor.String(name), "Dimensions": all}
	}
	_, client := serve(t, map[string][]answer{"ListMetrics": {
		{status: http.StatusOK, body: cbor.Map{"NextToken": cbor.String("more"), "Metrics": cbor.List{
			listed("mem_used_percent", "InstanceId", "i-1", "ImageId", "ami-1"), listed("mem_used", "InstanceId", "i-1"), listed("mem_used_percent", "InstanceId", "i-2")}}},
		{status: http.StatusOK, body: cbor.Map{"Metrics": cbor.List{listed("mem_used_percent", "InstanceId", "i-1")}}},
	}})
	got, err := client.Find(t.Context(), "CWAgent", "mem_used_percent", map[string]string{"InstanceId": "i-1"})
	if err != nil || len(got) != 2 || len(got[0]) != 1 || got[0]["InstanceId"] != "i-1" || got[1]["ImageId"] != "ami-1" {
		t.Errorf("%v, %v", got, err)
	}
}
