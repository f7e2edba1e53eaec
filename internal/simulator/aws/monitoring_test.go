package aws_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
)

func (w *world) cloudwatch() *cloudwatch.Client {
	return cloudwatch.New(cloudwatch.Options{
		Region: home, BaseEndpoint: sdk.String(w.url), Credentials: static(), Retryer: sdk.NopRetryer{}, HTTPClient: w.http(),
	})
}

// past is a world that began two hours ago, so that it can be advanced without leaving the
// present behind.
func past(t *testing.T) *world {
	t.Helper()
	return newWorld(t, aws.Options{Clock: clock.New(-2 * time.Hour)})
}

// advanceTo advances to the next time that is a multiple of the period.
func (w *world) advanceTo(period time.Duration) time.Time {
	w.t.Helper()
	next := w.Now().Truncate(period).Add(period)
	w.advance(next.Sub(w.Now()))
	return next
}

func dimensions(pairs ...string) []types.Dimension {
	var out []types.Dimension
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, types.Dimension{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return out
}

// ask queries one metric.
func ask(namespace, name, stat string, period int32, pairs ...string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: sdk.String("m"), MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: &namespace, MetricName: &name, Dimensions: dimensions(pairs...)},
		Period: &period, Stat: &stat,
	}}
}

// values of one metric between two times, newest first.
func (w *world) values(from, to time.Time, query types.MetricDataQuery) ([]float64, []time.Time) {
	w.t.Helper()
	out, err := w.cloudwatch().GetMetricData(context.Background(), &cloudwatch.GetMetricDataInput{
		StartTime: &from, EndTime: &to, ScanBy: types.ScanByTimestampDescending, MetricDataQueries: []types.MetricDataQuery{query},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r := out.MetricDataResults[0]
	if *r.Id != *query.Id || *r.Label != *query.MetricStat.Metric.MetricName || r.StatusCode != types.StatusCodeComplete {
		w.t.Errorf("got %+v", r)
	}
	return r.Values, r.Timestamps
}

func same[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestCustomMetricsAreAggregated(t *testing.T) {
	w := past(t)
	begin := w.advanceTo(5 * time.Minute)
	put := func(minute int, data ...types.MetricDatum) {
		t.Helper()
		for i := range data {
			data[i].MetricName, data[i].Dimensions = sdk.String("IdleSeconds"), dimensions("InstanceId", "i-1", "Site", "lab")
			data[i].Timestamp = sdk.Time(begin.Add(time.Duration(minute) * time.Minute))
		}
		if _, err := w.cloudwatch().PutMetricData(context.Background(), &cloudwatch.PutMetricDataInput{Namespace: sdk.String("CML/Worker"), MetricData: data}); err != nil {
			t.Fatal(err)
		}
	}
	put(0, types.MetricDatum{Value: sdk.Float64(10), Unit: types.StandardUnitSeconds})
	put(3, types.MetricDatum{Values: []float64{20, 40}, Counts: []float64{1, 3}, Unit: types.StandardUnitSeconds})
	put(7, types.MetricDatum{StatisticValues: &types.StatisticSet{Sum: sdk.Float64(100), SampleCount: sdk.Float64(4), Minimum: sdk.Float64(5), Maximum: sdk.Float64(50)}})
	end := begin.Add(10 * time.Minute)
	for stat, want := range map[string][]float64{
		"Sum": {100, 150}, "SampleCount": {4, 5}, "Average": {25, 30}, "Minimum": {5, 10}, "Maximum": {50, 40}, "p50": {40},
	} {
		// the order of the dimensions does not matter
		values, times := w.values(begin, end, ask("CML/Worker", "IdleSeconds", stat, 300, "Site", "lab", "InstanceId", "i-1"))
		same(t, stat, values, want)
		if last := times[len(times)-1]; !last.Equal(begin) {
			t.Errorf("%s: %v, want %v", stat, times, begin)
		}
	}
	values, _ := w.values(begin.Add(59*time.Second), begin.Add(3*time.Minute), ask("CML/Worker", "IdleSeconds", "Sum", 60, "InstanceId", "i-1", "Site", "lab"))
	same(t, "start rounded down, end exclusive", values, []float64{10})
	values, _ = w.values(begin, end, ask("CML/Worker", "IdleSeconds", "Sum", 60, "InstanceId", "i-1"))
	same(t, "fewer dimensions are another metric", values, []float64{})
	query := ask("CML/Worker", "IdleSeconds", "Sum", 300, "InstanceId", "i-1", "Site", "lab")
	query.MetricStat.Unit = types.StandardUnitSeconds
	values, _ = w.values(begin, end, query)
	same(t, "only what has the unit", values, []float64{150})
}

func TestGetMetricDataPages(t *testing.T) {
	w := newWorld(t, aws.Options{Clock: clock.New(-2 * time.Hour), PageSize: 3})
	begin := w.advanceTo(time.Minute)
	for n := range 5 {
		w.Region(home).PublishMetric("N", "a", nil, begin.Add(time.Duration(n)*time.Minute), float64(n))
		w.Region(home).PublishMetric("N", "b", nil, begin.Add(time.Duration(n)*time.Minute), float64(10+n))
	}
	one, two := ask("N", "a", "Sum", 60), ask("N", "b", "Sum", 60)
	one.Id, two.Id = sdk.String("one"), sdk.String("two")
	got := map[string][]float64{}
	var statuses []string
	pages := cloudwatch.NewGetMetricDataPaginator(w.cloudwatch(), &cloudwatch.GetMetricDataInput{
		StartTime: &begin, EndTime: sdk.Time(begin.Add(time.Hour)), ScanBy: types.ScanByTimestampAscending, MetricDataQueries: []types.MetricDataQuery{one, two},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.MetricDataResults {
			got[*r.Id] = append(got[*r.Id], r.Values...)
			statuses = append(statuses, *r.Id+" "+string(r.StatusCode))
		}
	}
	same(t, "one", got["one"], []float64{0, 1, 2, 3, 4})
	same(t, "two", got["two"], []float64{10, 11, 12, 13, 14})
	same(t, "status codes", statuses, []string{
		"one PartialData", "two PartialData", "one Complete", "two PartialData", "two PartialData", "two Complete",
	})
	_, err := w.cloudwatch().GetMetricData(context.Background(), &cloudwatch.GetMetricDataInput{
		StartTime: &begin, EndTime: sdk.Time(begin.Add(time.Hour)), MetricDataQueries: []types.MetricDataQuery{one}, NextToken: sdk.String("nonsense"),
	})
	wantCode(t, err, "InvalidNextToken")
}

func TestInstanceMetrics(t *testing.T) {
	w := past(t)
	w.advanceTo(5 * time.Minute)
	basic := w.launch()
	detailed := w.launch(func(in *ec2.RunInstancesInput) {
		in.Monitoring = &ec2types.RunInstancesMonitoringEnabled{Enabled: sdk.Bool(true)}
		in.InstanceType = ec2types.InstanceTypeT3Large
	})
	begin := w.Now().Truncate(5 * time.Minute)
	w.advance(time.Minute) // both run
	region := w.Region(home)
	region.SetMetric(basic, "CPUUtilization", 41.6)
	region.SetMetricFrom(basic, "CPUUtilization", begin.Add(5*time.Minute), 80)
	region.SetMetric(basic, "NetworkIn", 3000)
	w.advance(begin.Add(11 * time.Minute).Sub(w.Now()))
	count := func(id, name string, period int32) []float64 {
		values, _ := w.values(begin, begin.Add(11*time.Minute), ask("AWS/EC2", name, "SampleCount", period, "InstanceId", id))
		return values
	}
	cpu, times := w.values(begin, begin.Add(11*time.Minute), ask("AWS/EC2", "CPUUtilization", "Average", 300, "InstanceId", basic))
	same(t, "CPU is whole percents", cpu, []float64{80, 42})
	if !times[1].Equal(begin) {
		t.Errorf("times are %v", times)
	}
	same(t, "points of basic monitoring", count(basic, "CPUUtilization", 60), []float64{1, 1})
	if got := len(count(detailed, "CPUUtilization", 60)); got != 11 {
		t.Errorf("%d points of detailed monitoring", got)
	}
	same(t, "packets come every five minutes", count(detailed, "NetworkPacketsIn", 60), []float64{1, 1})
	if got := len(count(basic, "StatusCheckFailed", 60)); got != 11 {
		t.Errorf("%d status checks", got)
	}
	same(t, "credits of a type without", count(basic, "CPUCreditBalance", 300), []float64{})
	same(t, "credits of a burstable type", count(detailed, "CPUCreditBalance", 300), []float64{1, 1})
	values, _ := w.values(begin, begin.Add(11*time.Minute), ask("AWS/EC2", "NetworkIn", "Sum", 300, "InstanceId", basic))
	same(t, "network", values, []float64{3000, 3000})

	region.SetStatus(basic, aws.Health{Instance: "impaired"})
	values, _ = w.values(begin, begin.Add(2*time.Minute), ask("AWS/EC2", "StatusCheckFailed", "Maximum", 300, "InstanceId", basic))
	same(t, "a failed check", values, []float64{1})

	region.StopMetric(basic, "NetworkIn")
	region.StopOutside(detailed)
	w.advance(20 * time.Minute)
	now := w.Now()
	values, _ = w.values(now.Add(-10*time.Minute), now, ask("AWS/EC2", "CPUUtilization", "Average", 60, "InstanceId", detailed))
	same(t, "a stopped machine", values, []float64{})
	values, _ = w.values(now.Add(-10*time.Minute), now, ask("AWS/EC2", "NetworkIn", "Sum", 60, "InstanceId", basic))
	same(t, "a metric that ended", values, []float64{})
}

func TestVolumeMetricsAndBareMetal(t *testing.T) {
	w := past(t)
	begin := w.advanceTo(5 * time.Minute)
	metal := w.launch(func(in *ec2.RunInstancesInput) { in.InstanceType = "m5zn.metal" })
	w.advance(6 * time.Minute)
	i, _ := w.Region(home).Instance(metal)
	w.Region(home).SetMetricFrom(i.VolumeIDs[0], "VolumeWriteBytes", begin, 5000)
	values, _ := w.values(begin, begin.Add(5*time.Minute), ask("AWS/EBS", "VolumeWriteBytes", "Sum", 300, "VolumeId", i.VolumeIDs[0]))
	same(t, "volume", values, []float64{25000})
	values, _ = w.values(begin, begin.Add(5*time.Minute), ask("AWS/EC2", "EBSWriteBytes", "Sum", 300, "InstanceId", metal))
	same(t, "bare metal has no EBS metrics of the instance", values, []float64{})

	names := map[string]bool{}
	pages := cloudwatch.NewListMetricsPaginator(w.cloudwatch(), &cloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Metrics {
			names[*m.Namespace+" "+*m.MetricName+" "+*m.Dimensions[0].Value] = true
		}
	}
	for name, want := range map[string]bool{
		"AWS/EC2 CPUUtilization " + metal: true, "AWS/EBS VolumeReadOps " + i.VolumeIDs[0]: true, "AWS/EC2 EBSReadOps " + metal: false,
	} {
		if names[name] != want {
			t.Errorf("listed %s: %v", name, !want)
		}
	}
}

func TestListMetricsFilters(t *testing.T) {
	w := newWorld(t, aws.Options{PageSize: 1})
	region, now := w.Region(home), w.Now()
	region.PublishMetric("A", "one", map[string]string{"InstanceId": "i-1"}, now, 1)
	region.PublishMetric("A", "one", map[string]string{"InstanceId": "i-2"}, now, 1)
	region.PublishMetric("A", "two", map[string]string{"InstanceId": "i-1", "Path": "/"}, now, 1)
	region.PublishMetric("A", "old", nil, now.Add(-4*time.Hour), 1)
	list := func(in *cloudwatch.ListMetricsInput) []string {
		t.Helper()
		var out []string
		pages := cloudwatch.NewListMetricsPaginator(w.cloudwatch(), in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Metrics {
				out = append(out, *m.MetricName)
			}
		}
		return out
	}
	same(t, "all", list(&cloudwatch.ListMetricsInput{Namespace: sdk.String("A")}), []string{"old", "one", "one", "two"})
	same(t, "recent", list(&cloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h}), []string{"one", "one", "two"})
	same(t, "of an instance", list(&cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: sdk.String("InstanceId"), Value: sdk.String("i-1")}}}), []string{"one", "two"})
	same(t, "with a dimension", list(&cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: sdk.String("Path")}}}), []string{"two"})
	same(t, "of another namespace", list(&cloudwatch.ListMetricsInput{Namespace: sdk.String("B")}), nil)
}

func TestGetMetricStatistics(t *testing.T) {
	w := newWorld(t, aws.Options{})
	begin := w.Now().Add(-time.Hour).Truncate(time.Minute)
	w.Region(home).PublishMetric("N", "a", nil, begin, 4)
	w.Region(home).PublishMetric("N", "a", nil, begin.Add(time.Minute), 6)
	in := func(change func(*cloudwatch.GetMetricStatisticsInput)) *cloudwatch.GetMetricStatisticsInput {
		out := &cloudwatch.GetMetricStatisticsInput{
			Namespace: sdk.String("N"), MetricName: sdk.String("a"), StartTime: &begin, EndTime: sdk.Time(begin.Add(10 * time.Minute)),
			Period: sdk.Int32(300), Statistics: []types.Statistic{types.StatisticSum, types.StatisticMaximum}, ExtendedStatistics: []string{"p90"},
		}
		change(out)
		return out
	}
	out, err := w.cloudwatch().GetMetricStatistics(context.Background(), in(func(*cloudwatch.GetMetricStatisticsInput) {}))
	if err != nil || len(out.Datapoints) != 1 || *out.Label != "a" {
		t.Fatalf("%v, %+v", err, out)
	}
	if d := out.Datapoints[0]; *d.Sum != 10 || *d.Maximum != 6 || d.Average != nil || d.ExtendedStatistics["p90"] != 6 || !d.Timestamp.Equal(begin) {
		t.Errorf("got %+v", d)
	}
	for want, change := range map[string]func(*cloudwatch.GetMetricStatisticsInput){
		"InvalidParameterValue":       func(in *cloudwatch.GetMetricStatisticsInput) { in.Period = sdk.Int32(61) },
		"InvalidParameterCombination": func(in *cloudwatch.GetMetricStatisticsInput) { in.StartTime = sdk.Time(begin.AddDate(0, 0, -7)) },
	} {
		_, err := w.cloudwatch().GetMetricStatistics(context.Background(), in(change))
		wantCode(t, err, want)
	}
}

func TestBadMetricData(t *testing.T) {
	w := newWorld(t, aws.Options{})
	good := func() types.MetricDatum { return types.MetricDatum{MetricName: sdk.String("a"), Value: sdk.Float64(1)} }
	for name, c := range map[string]struct {
		want   string
		change func(*cloudwatch.PutMetricDataInput)
	}{
		"good":            {"", func(*cloudwatch.PutMetricDataInput) {}},
		"AWS's namespace": {"InvalidParameterValue", func(in *cloudwatch.PutMetricDataInput) { in.Namespace = sdk.String("AWS/EC2") }},
		"no data":         {"MissingParameter", func(in *cloudwatch.PutMetricDataInput) { in.MetricData = []types.MetricDatum{} }},
		"no value":        {"MissingParameter", func(in *cloudwatch.PutMetricDataInput) { in.MetricData[0].Value = nil }},
		"two forms":       {"InvalidParameterCombination", func(in *cloudwatch.PutMetricDataInput) { in.MetricData[0].Values = []float64{1} }},
		"infinite":        {"InvalidParameterValue", func(in *cloudwatch.PutMetricDataInput) { in.MetricData[0].Value = sdk.Float64(math.Inf(1)) }},
		"old": {"InvalidParameterValue", func(in *cloudwatch.PutMetricDataInput) {
			in.MetricData[0].Timestamp = sdk.Time(w.Now().AddDate(0, 0, -15))
		}},
		"future": {"InvalidParameterValue", func(in *cloudwatch.PutMetricDataInput) {
			in.MetricData[0].Timestamp = sdk.Time(w.Now().Add(3 * time.Hour))
		}},
		"unit":       {"InvalidParameterValue", func(in *cloudwatch.PutMetricDataInput) { in.MetricData[0].Unit = "Parsec" }},
		"resolution": {"InvalidParameterValue", func(in *cloudwatch.PutMetricDataInput) { in.MetricData[0].StorageResolution = sdk.Int32(30) }},
		"counts": {"InvalidParameterValue", func(in *cloudwatch.PutMetricDataInput) {
			in.MetricData[0] = types.MetricDatum{MetricName: sdk.String("a"), Values: []float64{1}, Counts: []float64{1, 2}}
		}},
		"dimension": {"MissingParameter", func(in *cloudwatch.PutMetricDataInput) { in.MetricData[0].Dimensions = dimensions("InstanceId", " ") }},
	} {
		in := &cloudwatch.PutMetricDataInput{Namespace: sdk.String("N"), MetricData: []types.MetricDatum{good()}}
		c.change(in)
		_, err := w.cloudwatch().PutMetricData(context.Background(), in)
		if got := code(err); got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
		}
	}
	// one bad datum, and none is taken
	bad := good()
	bad.Unit = "Parsec"
	_, err := w.cloudwatch().PutMetricData(context.Background(), &cloudwatch.PutMetricDataInput{Namespace: sdk.String("half"), MetricData: []types.MetricDatum{good(), bad}})
	wantCode(t, err, "InvalidParameterValue")
	if out, err := w.cloudwatch().ListMetrics(context.Background(), &cloudwatch.ListMetricsInput{Namespace: sdk.String("half")}); err != nil || len(out.Metrics) > 0 {
		t.Errorf("%v, %+v", err, out)
	}
}

func TestBadMetricQueries(t *testing.T) {
	w := newWorld(t, aws.Options{})
	for name, change := range map[string]func(*cloudwatch.GetMetricDataInput){
		"end before start": func(in *cloudwatch.GetMetricDataInput) { in.EndTime = sdk.Time(in.StartTime.Add(-time.Second)) },
		"period":           func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat.Period = sdk.Int32(90) },
		"statistic":        func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat.Stat = sdk.String("Mean") },
		"id":               func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].Id = sdk.String("Upper") },
		"twice": func(in *cloudwatch.GetMetricDataInput) {
			in.MetricDataQueries = append(in.MetricDataQueries, in.MetricDataQueries[0])
		},
		"nothing asked": func(in *cloudwatch.GetMetricDataInput) { in.MetricDataQueries[0].MetricStat = nil },
		"too many": func(in *cloudwatch.GetMetricDataInput) {
			for n := range 500 {
				q := in.MetricDataQueries[0]
				q.Id = sdk.String(fmt.Sprintf("m%d", n))
				in.MetricDataQueries = append(in.MetricDataQueries, q)
			}
		},
	} {
		in := &cloudwatch.GetMetricDataInput{
			StartTime: sdk.Time(w.Now().Add(-time.Hour)), EndTime: sdk.Time(w.Now()), MetricDataQueries: []types.MetricDataQuery{ask("N", "a", "Sum", 60)},
		}
		change(in)
		_, err := w.cloudwatch().GetMetricData(context.Background(), in)
		if code(err) != "ValidationError" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMonitoringPermissions(t *testing.T) {
	w := newWorld(t, aws.Options{})
	w.Deny(aws.DefaultAccountID, "cloudwatch:ListMetrics")
	_, err := w.cloudwatch().ListMetrics(context.Background(), &cloudwatch.ListMetricsInput{})
	wantCode(t, err, "AccessDenied")
}

// speak sends a request of the query protocol, or with a target of JSON.
func (w *world) speak(target, body string) (int, http.Header, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=TEST/20260101/"+home+"/monitoring/aws4_request, SignedHeaders=host, Signature=0")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if target != "" {
		request.Header.Set("Content-Type", "application/x-amz-json-1.0")
		request.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+target)
	}
	response, err := w.http().Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

func TestQueryProtocol(t *testing.T) {
	w := newWorld(t, aws.Options{})
	begin := w.Now().Add(-time.Hour).Truncate(time.Minute).UTC()
	status, _, body := w.speak("", url.Values{
		"Action": {"PutMetricData"}, "Version": {"2010-08-01"}, "Namespace": {"CML/Worker"},
		"MetricData.member.1.MetricName": {"IdleSeconds"}, "MetricData.member.1.Value": {"12.5"}, "MetricData.member.1.Unit": {"Seconds"},
		"MetricData.member.1.Dimensions.member.1.Name": {"InstanceId"}, "MetricData.member.1.Dimensions.member.1.Value": {"i-1"},
		"MetricData.member.1.Timestamp": {begin.Format(time.RFC3339)},
	}.Encode())
	if status != 200 || !strings.Contains(body, "<PutMetricDataResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><ResponseMetadata><RequestId>") {
		t.Fatalf("%d %s", status, body)
	}
	_, _, body = w.speak("", url.Values{
		"Action": {"GetMetricStatistics"}, "Version": {"2010-08-01"}, "Namespace": {"CML/Worker"}, "MetricName": {"IdleSeconds"},
		"Dimensions.member.1.Name": {"InstanceId"}, "Dimensions.member.1.Value": {"i-1"}, "Statistics.member.1": {"Minimum"}, "Period": {"60"},
		"StartTime": {begin.Format(time.RFC3339)}, "EndTime": {begin.Add(time.Minute).Format(time.RFC3339)},
	}.Encode())
	var answer struct {
		Label  string `xml:"GetMetricStatisticsResult>Label"`
		Points []struct {
			Timestamp time.Time
			Minimum   float64
			Unit      string
		} `xml:"GetMetricStatisticsResult>Datapoints>member"`
	}
	if err := xml.Unmarshal([]byte(body), &answer); err != nil || len(answer.Points) != 1 {
		t.Fatalf("%v in %s", err, body)
	}
	if p := answer.Points[0]; answer.Label != "IdleSeconds" || p.Minimum != 12.5 || p.Unit != "Seconds" || !p.Timestamp.Equal(begin) {
		t.Errorf("got %+v", answer)
	}
	status, _, body = w.speak("", "Action=PutMetricData&Version=2010-08-01&Namespace=N")
	if status != 400 || !strings.Contains(body, "<Error><Type>Sender</Type><Code>MissingParameter</Code>") {
		t.Errorf("%d %s", status, body)
	}
	status, _, body = w.speak("", "Action=ListMetrics&Version=2010-08-01&Colour=red")
	if status != 400 || !strings.Contains(body, "Colour") {
		t.Errorf("%d %s", status, body)
	}
}

func TestJSONProtocol(t *testing.T) {
	w := newWorld(t, aws.Options{})
	now := w.Now()
	status, _, body := w.speak("PutMetricData", fmt.Sprintf(
		`{"Namespace": "CML/Worker", "MetricData": [{"MetricName": "RunningNodes", "Value": 3, "Timestamp": %d, "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}]}]}`, now.Add(-time.Minute).Unix()))
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	_, header, body := w.speak("GetMetricData", fmt.Sprintf(`{"StartTime": %d, "EndTime": %d, "MetricDataQueries": [{"Id": "a", "MetricStat": {"Stat": "Maximum", "Period": 60,
		"Metric": {"Namespace": "CML/Worker", "MetricName": "RunningNodes", "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}]}}}]}`, now.Add(-time.Hour).Unix(), now.Unix()))
	var answer struct {
		MetricDataResults []struct {
			ID         string `json:"Id"`
			Timestamps []float64
			Values     []float64
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || header.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Fatalf("%v in %s", err, body)
	}
	if r := answer.MetricDataResults; len(r) != 1 || len(r[0].Values) != 1 || r[0].Values[0] != 3 || int64(r[0].Timestamps[0]) != now.Add(-time.Minute).Truncate(time.Minute).Unix() {
		t.Errorf("got %s", body)
	}
	status, header, body = w.speak("PutMetricData", `{"Namespace": "N", "MetricData": [{"MetricName": "a", "Value": 1, "Unit": "Parsec"}]}`)
	if status != 400 || !strings.Contains(body, `"__type":"com.amazonaws.cloudwatch#InvalidParameterValueException"`) || header.Get("X-Amzn-Query-Error") != "InvalidParameterValue;Sender" {
		t.Errorf("%d %v %s", status, header, body)
	}
	status, _, body = w.speak("PutMetricData", `{"Namespace": "N", "Data": []}`)
	if status != 400 || !strings.Contains(body, "SerializationException") {
		t.Errorf("%d %s", status, body)
	}
}
