package simulator_test

import (
	"encoding/xml"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// slow is a timing that real time does not bring about while a test runs.
func slow() simulator.Timing {
	timing := simulator.Quick()
	timing.AWS.Pending, timing.AWS.Stopping, timing.AWS.StatusInitializing = time.Minute, time.Minute, 2*time.Minute
	timing.CML = cml.Timing{Refused: time.Minute, BadGateway: time.Minute, NotReady: time.Minute, Noise: 10 * time.Minute}
	return timing
}

// near reports whether two times differ by less than what a busy machine takes for a test.
func near(a, b time.Time) bool { return a.Sub(b).Abs() < patience }

func TestAWorldThatBeginsInThePastIsAdvancedToThePresent(t *testing.T) {
	const past = 45 * time.Minute
	sim := start(t, simulator.Options{Control: true, ClockOffset: -past, Timing: slow()})
	if !near(sim.Now(), time.Now().Add(-past)) {
		t.Errorf("the world begins at %v", sim.Now())
	}
	id := launch(t, sim)
	region := sim.AWS.Region("us-east-1")
	i, _ := region.Instance(id)
	same(t, "state", i.State, "pending")

	var answer struct {
		Now    time.Time `json:"now"`
		Offset string    `json:"offset"`
	}
	decode(t, control(t, sim, 200, "POST", "time", `{"advance": "45m"}`), &answer)
	same(t, "offset", answer.Offset, "0s")
	if !near(answer.Now, time.Now()) {
		t.Errorf("the world is at %v", answer.Now)
	}
	i, _ = region.Instance(id)
	same(t, "state", i.State, "running")
	same(t, "phase", sim.CML.Machine(id).Phase(), cml.Ready)
	if !near(i.LaunchTime, time.Now().Add(-past)) {
		t.Errorf("launched at %v", i.LaunchTime)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"https://"+net.JoinHostPort(i.PublicIP, strconv.Itoa(sim.Port()))+"/api/v0/system_information", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if date := dateOf(t, request); !near(date, time.Now()) {
		t.Errorf("CML's Date is %v", date)
	}
}

func TestAdvanceMovesBothHalves(t *testing.T) {
	sim := start(t, simulator.Options{Control: true, Timing: slow()})
	began := sim.Now()
	id := launch(t, sim)
	if err := sim.Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	i, _ := sim.AWS.Region("us-east-1").Instance(id)
	same(t, "state", i.State, "running")
	ec2(t, sim, "us-east-1", "StopInstances", "InstanceId.1", id)
	control(t, sim, 200, "POST", "time", `{"advance": "2m"}`)

	var answer struct {
		State  string `xml:"reservationSet>item>instancesSet>item>instanceState>name"`
		Reason string `xml:"reservationSet>item>instancesSet>item>reason"`
	}
	if err := xml.Unmarshal(ec2(t, sim, "us-east-1", "DescribeInstances", "InstanceId.1", id), &answer); err != nil {
		t.Fatal(err)
	}
	same(t, "state", answer.State, "stopped")
	stopped, err := time.Parse("User initiated (2006-01-02 15:04:05 MST)", answer.Reason)
	if err != nil || !near(stopped, began.Add(time.Hour)) {
		t.Errorf("%q: %v", answer.Reason, err)
	}
	if !near(sim.Now(), began.Add(62*time.Minute)) {
		t.Errorf("the world is at %v", sim.Now())
	}
	var shown struct{ Offset string }
	decode(t, control(t, sim, 200, "GET", "time", ""), &shown)
	same(t, "offset", shown.Offset, "1h2m0s")

	for _, body := range []string{`{"advance": "-1s"}`, `{"advance": "soon"}`, `{"back": "1s"}`} {
		control(t, sim, 400, "POST", "time", body)
	}
}

// The telemetry of a running machine goes on while time is skipped, at its own times.
func TestTelemetryOfSkippedTime(t *testing.T) {
	sim := start(t, simulator.Options{Timing: slow()})
	id := launch(t, sim)
	if err := sim.Advance(61 * time.Minute); err != nil { // a minute of it pending
		t.Fatal(err)
	}
	ip := running(t, sim, id).PublicIP
	request := func(method, path, token, body string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method,
			"https://"+net.JoinHostPort(ip, strconv.Itoa(sim.Port()))+"/api/v0/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	admin := cml.DefaultAdmin()
	_, body := do(t, request("POST", "authenticate", "", `{"username": "`+admin.Username+`", "password": "`+admin.Password+`"}`))
	var token string
	decode(t, body, &token)
	_, body = do(t, request("GET", "telemetry/events", token, ""))
	var events []struct{ Category string }
	decode(t, body, &events)
	count := 0
	for _, e := range events {
		if e.Category == "system_stats" {
			count++
		}
	}
	same(t, "entries", count, 7) // at boot, and every ten minutes of an hour
}

// Credentials end by the clock of those who hold them.
func TestCredentialsDoNotFeelSkippedTime(t *testing.T) {
	sim := start(t, simulator.Options{AWS: aws.Options{
		Accounts: []aws.Account{{ID: aws.DefaultAccountID, Keys: []aws.Key{{AccessKeyID: "TEST", Expires: time.Now().Add(time.Hour)}}}},
	}})
	if err := sim.Advance(2 * time.Hour); err != nil {
		t.Fatal(err)
	}
	ec2(t, sim, "us-east-1", "DescribeInstances")
}

// dateOf is the Date of an answer.
func dateOf(t *testing.T, request *http.Request) time.Time {
	t.Helper()
	client := insecure()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	return date
}

// An alarm on a metric that the control API sets stops a machine in simulated time.
func TestAnAlarmActsInSimulatedTime(t *testing.T) {
	sim := start(t, simulator.Options{Control: true, Timing: slow()})
	id := launch(t, sim)
	control(t, sim, 200, "POST", "time", `{"advance": "10m"}`)
	control(t, sim, 204, "POST", "instances/"+id+"/metrics", `{"CPUUtilization": 1, "NetworkIn": null}`)
	control(t, sim, 400, "POST", "instances/"+id+"/metrics", `{"CPUUtilization": "low"}`)
	form := url.Values{
		"Action": {"PutMetricAlarm"}, "Version": {"2010-08-01"}, "AlarmName": {"idle"}, "Namespace": {"AWS/EC2"}, "MetricName": {"CPUUtilization"},
		"Dimensions.member.1.Name": {"InstanceId"}, "Dimensions.member.1.Value": {id}, "Statistic": {"Maximum"}, "Period": {"300"}, "EvaluationPeriods": {"2"},
		"Threshold": {"2"}, "ComparisonOperator": {"LessThanThreshold"}, "AlarmActions.member.1": {"arn:aws:automate:us-east-1:ec2:stop"},
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.Endpoint(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=TEST/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0")
	if status, body := do(t, request); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	control(t, sim, 200, "POST", "time", `{"advance": "30m"}`)
	i, _ := sim.AWS.Region("us-east-1").Instance(id)
	same(t, "state", i.State, "stopped")
	same(t, "phase", sim.CML.Machine(id).Phase(), cml.Off)
}
