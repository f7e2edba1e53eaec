package monitoring_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
)

// script is a CloudWatch that answers from a list, for what no CloudWatch that
// keeps to itself would say.
type script struct {
	mu      sync.Mutex
	answers map[string][]answer
	asked   []question
}

type question struct {
	operation string
	input     cbor.Map
}

type answer struct {
	status int
	body   cbor.Map
	// query is the header by which a service that spoke the query protocol
	// before tells the code of old.
	query string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, operation, _ := strings.Cut(r.URL.Path, "/operation/")
	body, _ := io.ReadAll(r.Body)
	input, _ := cbor.Decode(body)
	asMap, _ := input.(cbor.Map)
	s.asked = append(s.asked, question{operation, asMap})
	a := answer{status: http.StatusOK}
	if left := s.answers[operation]; len(left) > 0 {
		a, s.answers[operation] = left[0], left[1:]
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	if a.query != "" {
		w.Header().Set("X-Amzn-Query-Error", a.query)
	}
	w.WriteHeader(a.status)
	if a.body == nil {
		a.body = cbor.Map{}
	}
	_, _ = w.Write(cbor.Encode(a.body))
}

func serve(t *testing.T, answers map[string][]answer) (*script, *monitoring.Client) {
	t.Helper()
	s := &script{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, client(server.URL)
}

func client(url string) *monitoring.Client {
	cfg := sdk.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIALABS", "x", ""), RetryMaxAttempts: 1}
	return monitoring.NewFromConfig(cfg, url)
}

func refused(code, query string) answer {
	return answer{status: http.StatusBadRequest, query: query, body: cbor.Map{"__type": cbor.String("com.amazonaws.cloudwatch#" + code), "message": cbor.String("no")}}
}

func TestErrorsInBothWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code, query string
		want        fault.Kind
	}{
		{"LimitExceededFault", "LimitExceeded;Sender", fault.Quota},
		{"LimitExceededFault", "", fault.Quota},
		{"AccessDenied", "", fault.PermissionDenied},
		{"AccessDeniedException", "", fault.PermissionDenied},
		{"InvalidParameterValueException", "InvalidParameterValue;Sender", fault.Invalid},
		{"InvalidFormatFault", "", fault.Invalid},
		{"ThrottlingException", "Throttling;Sender", fault.Throttled},
		{"InternalServiceFault", "InternalServiceError;Receiver", fault.Server},
		{"ConcurrentModificationException", "", fault.WrongState},
	} {
		_, client := serve(t, map[string][]answer{"PutMetricAlarm": {refused(tc.code, tc.query)}})
		err := client.PutAlarm(t.Context(), &monitoring.Alarm{Name: "a"}, nil)
		if !fault.Is(err, tc.want) {
			t.Errorf("%s (%s) is %q: %v", tc.code, tc.query, fault.KindOf(err), err)
		}
		if f := fault.As(err); f == nil || f.Service != "cloudwatch" || f.Region != "us-east-1" {
			t.Errorf("%s: %+v", tc.code, f)
		}
	}
}

// An alarm that is missing is deleted, whichever word the server has for it.
func TestDeleteMissing(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ResourceNotFound", "ResourceNotFoundException"} {
		for _, query := range []string{"", code + ";Sender"} {
			_, client := serve(t, map[string][]answer{"DeleteAlarms": {refused(code, query)}})
			if err := client.DeleteAlarm(t.Context(), "a"); err != nil {
				t.Errorf("%s (%s): %v", code, query, err)
			}
		}
	}
	_, client := serve(t, map[string][]answer{"DeleteAlarms": {refused("AccessDenied", "")}})
	if err := client.DeleteAlarm(t.Context(), "a"); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("%v", err)
	}
}

func alarm(name string, more cbor.Map) cbor.Map {
	out := cbor.Map{"AlarmName": cbor.String(name), "AlarmArn": cbor.String("arn:aws:cloudwatch:us-east-1:1:alarm:" + name)}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// All pages are read, members that are left out have the meaning of a put
// without them, and names that only resemble the asked ones are no answer.
func TestAlarms(t *testing.T) {
	t.Parallel()
	s, client := serve(t, map[string][]answer{"DescribeAlarms": {
		{status: http.StatusOK, body: cbor.Map{"NextToken": cbor.String("more"), "MetricAlarms": cbor.List{alarm("other", nil)}}},
		{status: http.StatusOK, body: cbor.Map{"MetricAlarms": cbor.List{alarm("mine", cbor.Map{
			"Namespace": cbor.String("CML/Worker"), "MetricName": cbor.String("IdleSeconds"), "EvaluationPeriods": cbor.Uint(2), "Period": cbor.Uint(300),
			"Threshold": cbor.Float64(1800), "StateValue": cbor.String("OK"),
			"Dimensions": cbor.List{cbor.Map{"Name": cbor.String("InstanceId"), "Value": cbor.String("i-1")}},
			"OKActions":  cbor.List{cbor.String("arn:ok")}, "InsufficientDataActions": cbor.List{cbor.String("arn:unknown")},
			"WarmUpConfiguration": cbor.Map{"WarmUpPeriodDurationInMinutes": cbor.Uint(30), "OnlyStartEvaluatingAfterWarmUpPeriodEnds": cbor.Bool(true)},
		})}}},
	}})
	found, err := client.Alarms(t.Context(), "mine", "absent")
	if err != nil || len(found) != 1 || found["mine"] == nil {
		t.Fatalf("%v, %v", found, err)
	}
	got := found["mine"]
	want := monitoring.Trigger{
		Namespace: "CML/Worker", Metric: "IdleSeconds", Dimensions: map[string]string{"InstanceId": "i-1"},
		Threshold: 1800, Period: 5 * time.Minute, Periods: 2, Breaching: 2,
	}
	if !got.Trigger.Equal(want) || !got.Plain || !got.ActionsEnabled || got.WarmUp != 30*time.Minute || got.State != monitoring.StateOK || !slices.Equal(got.OtherActions, []string{"arn:ok", "arn:unknown"}) {
		t.Errorf("%+v", got)
	}
	if len(s.asked) != 2 {
		t.Errorf("asked %d times", len(s.asked))
	}
}

// What no Trigger can say makes an alarm not plain, and any difference in what
// it can say shows.
func TestNotPlain(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]cbor.Map{
		"expression":  {"Metrics": cbor.List{cbor.Map{"Id": cbor.String("e"), "Expression": cbor.String("m1*2")}}},
		"percentile":  {"ExtendedStatistic": cbor.String("p99")},
		"anomaly":     {"ThresholdMetricId": cbor.String("ad1")},
		"unit":        {"Unit": cbor.String("Seconds")},
		"PromQL":      {"EvaluationCriteria": cbor.Map{"PromQLCriteria": cbor.Map{"Query": cbor.String("up")}}},
		"wall clock":  {"EvaluationWindow": cbor.Map{"WallClockWindow": cbor.Map{"Timezone": cbor.String("UTC")}}},
		"sliding:":    {"EvaluationWindow": cbor.Map{"SlidingWindow": cbor.Map{}}},
		"no warm-up:": {"WarmUpConfiguration": cbor.Map{"WarmUpPeriodDurationInMinutes": cbor.Uint(30)}},
	} {
		_, client := serve(t, map[string][]answer{"DescribeAlarms": {{status: http.StatusOK, body: cbor.Map{"MetricAlarms": cbor.List{alarm("a", more)}}}}})
		found, err := client.Alarms(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if plain := strings.HasSuffix(name, ":"); found["a"].Plain != plain || found["a"].WarmUp != 0 {
			t.Errorf("%s: %+v", name, found["a"])
		}
	}
	same := monitoring.Trigger{Dimensions: map[string]string{"InstanceId": "i-1"}, Threshold: 1, Periods: 1}
	for name, change := range map[string]func(*monitoring.Trigger){
		"dimension":  func(t *monitoring.Trigger) { t.Dimensions = map[string]string{"InstanceId": "i-1", "Host": "x"} },
		"namespace":  func(t *monitoring.Trigger) { t.Namespace = "N" },
		"metric":     func(t *monitoring.Trigger) { t.Metric = "M" },
		"statistic":  func(t *monitoring.Trigger) { t.Statistic = monitoring.StatisticMinimum },
		"comparison": func(t *monitoring.Trigger) { t.Comparison = monitoring.LessThan },
		"threshold":  func(t *monitoring.Trigger) { t.Threshold = 2 },
		"period":     func(t *monitoring.Trigger) { t.Period = time.Minute },
		"periods":    func(t *monitoring.Trigger) { t.Periods = 2 },
		"breaching":  func(t *monitoring.Trigger) { t.Breaching = 1 },
		"missing":    func(t *monitoring.Trigger) { t.MissingData = "breaching" },
	} {
		other := same
		change(&other)
		if same.Equal(other) {
			t.Errorf("another %s is taken for the same", name)
		}
	}
}

func TestPut(t *testing.T) {
	t.Parallel()
	s, client := serve(t, nil)
	err := client.PutAlarm(t.Context(), &monitoring.Alarm{
		Name: "a", Description: "text", Actions: []string{"arn:stop"}, WarmUp: 30 * time.Minute,
		Trigger: monitoring.Trigger{
			Namespace: "N", Metric: "M", Dimensions: map[string]string{"InstanceId": "i-1"}, Statistic: monitoring.StatisticMinimum,
			Comparison: monitoring.AtLeast, Threshold: 1800, Period: 5 * time.Minute, Periods: 1, Breaching: 1, MissingData: monitoring.MissingNotBreaching,
		},
	}, map[string]string{"aws:x": "no", "b": "2", "a": "1"})
	if err != nil {
		t.Fatal(err)
	}
	in := s.asked[0].input
	if enabled, ok := in["ActionsEnabled"].(cbor.Bool); !ok || bool(enabled) {
		t.Errorf("ActionsEnabled is %v", in["ActionsEnabled"])
	}
	if _, there := in["OKActions"]; there || len(in["Tags"].(cbor.List)) != 2 || len(in["Dimensions"].(cbor.List)) != 1 {
		t.Errorf("input %v", in)
	}
	warm := in["WarmUpConfiguration"].(cbor.Map)
	minutes, _ := cbor.AsInt32(warm["WarmUpPeriodDurationInMinutes"])
	if whole, ok := warm["OnlyStartEvaluatingAfterWarmUpPeriodEnds"].(cbor.Bool); minutes != 30 || !ok || !bool(whole) {
		t.Errorf("warm-up %v", warm)
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	s, client := serve(t, nil)
	err := client.Publish(t.Context(), "CML/Worker", map[string]string{"InstanceId": "i-1"}, []monitoring.Datum{
		{Metric: "IdleSeconds", Unit: monitoring.UnitSeconds, Value: 1.5}, {Metric: "RunningNodes", Unit: monitoring.UnitCount},
	})
	if err != nil {
		t.Fatal(err)
	}
	in := s.asked[0].input
	data := in["MetricData"].(cbor.List)
	if len(s.asked) != 1 || s.asked[0].operation != "PutMetricData" || in["Namespace"] != cbor.String("CML/Worker") || len(data) != 2 {
		t.Fatalf("asked %+v", s.asked)
	}
	for i, want := range []struct {
		name, unit string
		value      cbor.Float64
	}{{"IdleSeconds", "Seconds", 1.5}, {"RunningNodes", "Count", 0}} {
		d := data[i].(cbor.Map)
		// A value of zero is sent, and no time.
		value, there := d["Value"].(cbor.Float64)
		if single, ok := d["Value"].(cbor.Float32); ok {
			value, there = cbor.Float64(single), true
		}
		dimension := d["Dimensions"].(cbor.List)[0].(cbor.Map)
		if d["MetricName"] != cbor.String(want.name) || d["Unit"] != cbor.String(want.unit) || !there || value != want.value ||
			d["Timestamp"] != nil || dimension["Name"] != cbor.String("InstanceId") || dimension["Value"] != cbor.String("i-1") {
			t.Errorf("datum %d: %v", i, d)
		}
	}
}

func TestSyncTags(t *testing.T) {
	t.Parallel()
	s, client := serve(t, nil)
	if err := client.SyncTags(t.Context(), "arn", map[string]string{"a": "1"}, []string{"b", "a", "aws:c"}); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 2 || s.asked[0].operation != "UntagResource" || len(s.asked[0].input["TagKeys"].(cbor.List)) != 1 || s.asked[1].operation != "TagResource" {
		t.Errorf("%+v", s.asked)
	}
	s.asked = nil
	if err := client.SyncTags(t.Context(), "arn", nil, nil); err != nil || len(s.asked) != 0 {
		t.Errorf("nothing to do asked %+v, %v", s.asked, err)
	}
}

// Tags of AWS's own are none of ours.
func TestTags(t *testing.T) {
	t.Parallel()
	tag := func(key string) cbor.Map { return cbor.Map{"Key": cbor.String(key), "Value": cbor.String("1")} }
	_, client := serve(t, map[string][]answer{"ListTagsForResource": {{status: http.StatusOK, body: cbor.Map{"Tags": cbor.List{tag("aws:cloudformation:stack-name"), tag("a")}}}}})
	if got, err := client.Tags(t.Context(), "arn"); err != nil || !maps.Equal(got, map[string]string{"a": "1"}) {
		t.Errorf("%v, %v", got, err)
	}
}

// What an operation without output answers is not looked at; a page of a proxy is
// none of its answers.
func TestUnexpectedAnswers(t *testing.T) {
	t.Parallel()
	more := []answer{{status: 200, body: cbor.Map{"RequestId": cbor.String("1"), "New": cbor.List{cbor.Uint(1), &cbor.Nil{}}}}}
	_, c := serve(t, map[string][]answer{"PutMetricAlarm": more, "SetAlarmState": more, "DeleteAlarms": more, "PutMetricData": more})
	if err := c.PutAlarm(t.Context(), &monitoring.Alarm{Name: "a"}, nil); err != nil {
		t.Error(err)
	}
	if err := c.SetAlarmState(t.Context(), "a", monitoring.StateAlarm, "x"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteAlarm(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if err := c.Publish(t.Context(), "N", nil, []monitoring.Datum{{Metric: "M"}}); err != nil {
		t.Error(err)
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Sign in</html>") }))
	t.Cleanup(proxy.Close)
	if err := client(proxy.URL).PutAlarm(t.Context(), &monitoring.Alarm{Name: "a"}, nil); !fault.MayHaveTakenEffect(err) {
		t.Errorf("the page of a proxy: %v", err)
	}
	if err := client(proxy.URL).Publish(t.Context(), "N", nil, []monitoring.Datum{{Metric: "M"}}); !fault.MayHaveTakenEffect(err) {
		t.Errorf("the page of a proxy: %v", err)
	}
}
