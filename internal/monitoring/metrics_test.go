package monitoring_test

import (
	"fmt"
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
	got, err := client.Newest(t.Context(), []monitoring.Query{query("a"), query("b"), query("c"), query("d")}, noon, noon.Add(17*time.Minute))
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

// A sum over a period that is not over is too low.
// What CloudWatch fails to read is asked for once more, and nothing else is.
func TestNewestAfterInternalError(t *testing.T) {
	t.Parallel()
	failed := result("m1")
	failed["StatusCode"] = cbor.String("InternalError")
	s, client := serve(t, map[string][]answer{"GetMetricData": {
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m0", 0, 7), failed}}},
		{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m1", 5, 8)}}},
	}})
	got, err := client.Newest(t.Context(), []monitoring.Query{query("a"), query("b")}, noon, noon.Add(17*time.Minute))
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

func TestNewestPrefersPeriodsThatAreOver(t *testing.T) {
	t.Parallel()
	for _, pairs := range [][]float64{{15, 1, 10, 30}, {10, 30, 15, 1}} {
		_, client := serve(t, map[string][]answer{"GetMetricData": {{status: http.StatusOK, body: cbor.Map{"MetricDataResults": cbor.List{result("m0", pairs...)}}}}})
		got, err := client.Newest(t.Context(), []monitoring.Query{query("a")}, noon, noon.Add(17*time.Minute))
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
	got, err := client.Newest(t.Context(), slices.Repeat([]monitoring.Query{query("a")}, monitoring.MaxQueries+1), noon, noon.Add(time.Hour))
	if err != nil || len(s.asked) != 2 || got[0].Value != 1 || got[monitoring.MaxQueries].Value != 2 {
		t.Errorf("%v, %d requests, %v", got, len(s.asked), err)
	}
	_, client = serve(t, map[string][]answer{"GetMetricData": {refused("AccessDeniedException", "AccessDenied;Sender")}})
	if _, err := client.Newest(t.Context(), []monitoring.Query{query("a")}, noon, noon.Add(time.Hour)); !fault.Is(err, fault.PermissionDenied) {
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
