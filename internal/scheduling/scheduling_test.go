package scheduling_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	region = "us-east-1"
	role   = "arn:aws:iam::" + simulator.DefaultAccountID + ":role/cml-scheduler"
)

// world is a simulated EventBridge Scheduler with a client of ours before it.
type world struct {
	*scheduling.Client
	sim *simulator.Simulator
	cfg aws.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := aws.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""), HTTPClient: &http.Client{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	w := &world{Client: scheduling.NewFromConfig(cfg, server.URL, 5*time.Millisecond), sim: sim, cfg: cfg}
	w.cfg.BaseEndpoint = aws.String(server.URL)
	return w
}

func nightly() scheduling.Schedule {
	return scheduling.Schedule{
		Group: "default", Name: "lab-stop", Description: "ours", Expression: scheduling.Cron("0 19 ? * MON-FRI *"), Timezone: "Europe/Berlin",
		Action: scheduling.Stop, InstanceIDs: []string{"i-0123456789abcdef0"}, Partition: "aws", RoleARN: role,
		DeadLetterARN: "arn:aws:sqs:us-east-1:123456789012:failed", RetryWindow: 15 * time.Minute, Enabled: true,
	}
}

func (w *world) create(t *testing.T, s scheduling.Schedule) string {
	t.Helper()
	arn, mayExist, err := w.Create(context.Background(), s)
	if err != nil || mayExist {
		t.Fatalf("may exist: %v, %v", mayExist, err)
	}
	return arn
}

// What is written is read, and each difference has a name.
func TestWrittenAndRead(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	arn := w.create(t, nightly())
	read := func() *scheduling.Schedule {
		t.Helper()
		got, err := w.Get(ctx, "default", "lab-stop")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := nightly()
	if got := read(); len(want.Differences(got)) > 0 || got.ARN != arn || got.Action != scheduling.Stop || got.Partition != "aws" {
		t.Errorf("%q: %+v", want.Differences(got), got)
	}
	for what, change := range map[string]func(*scheduling.Schedule){
		"expression":        func(s *scheduling.Schedule) { s.Expression = scheduling.Cron("0 20 ? * MON-FRI *") },
		"time zone":         func(s *scheduling.Schedule) { s.Timezone = "UTC" },
		"description":       func(s *scheduling.Schedule) { s.Description = "theirs" },
		"target":            func(s *scheduling.Schedule) { s.Action = scheduling.Start },
		"instances":         func(s *scheduling.Schedule) { s.InstanceIDs = []string{"i-0fedcba9876543210"} },
		"dead-letter queue": func(s *scheduling.Schedule) { s.DeadLetterARN = "" },
		"retry window":      func(s *scheduling.Schedule) { s.RetryWindow = time.Hour },
		"state":             func(s *scheduling.Schedule) { s.Enabled = false },
	} {
		other := nightly()
		change(&other)
		if err := w.Update(ctx, other, nil); err != nil {
			t.Fatalf("%s: %s", what, err)
		}
		got := read()
		if diff := want.Differences(got); !slices.Equal(diff, []string{what}) || len(other.Differences(got)) > 0 {
			t.Errorf("%s: differences %q, %q", what, diff, other.Differences(got))
		}
	}
	if err := w.Delete(ctx, "default", "lab-stop"); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(ctx, "default", "lab-stop"); err != nil {
		t.Errorf("deleting what is gone: %s", err)
	}
	if _, err := w.Get(ctx, "default", "lab-stop"); !fault.Is(err, fault.NotFound) {
		t.Errorf("what is gone: %v", err)
	}
}

// What this package never writes is a difference too, but for the key.
func TestOddities(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	want := nightly()
	w.create(t, want)
	api := scheduler.NewFromConfig(w.cfg)
	const key = "arn:aws:kms:us-east-1:123456789012:key/1"
	if _, err := api.UpdateSchedule(ctx, &scheduler.UpdateScheduleInput{
		Name: aws.String(want.Name), Description: aws.String("ours"), KmsKeyArn: aws.String(key),
		StartDate: aws.Time(time.Now()), EndDate: aws.Time(time.Now().Add(time.Hour)), ActionAfterCompletion: types.ActionAfterCompletionDelete,
		ScheduleExpression: aws.String(want.Expression), ScheduleExpressionTimezone: aws.String(want.Timezone),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(5)},
		Target: &types.Target{
			Arn: aws.String("arn:aws:scheduler:::aws-sdk:ec2:stopInstances"), RoleArn: aws.String(role), Input: aws.String(`{ "InstanceIds": ["i-0123456789abcdef0"] }`),
			DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String(want.DeadLetterARN)},
			RetryPolicy:      &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(900), MaximumRetryAttempts: aws.Int32(3)},
		},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := w.Get(ctx, "default", want.Name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := want.Differences(got); !slices.Equal(diff, []string{"start date", "end date", "flexible time window", "deletion after completion", "number of retries"}) {
		t.Errorf("differences %q", diff)
	}
	if err := w.Update(ctx, want, got); err != nil {
		t.Fatal(err)
	}
	out, err := api.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String(want.Name)})
	if err != nil || aws.ToString(out.KmsKeyArn) != key || out.StartDate != nil || out.EndDate != nil {
		t.Errorf("%v, %+v", err, out)
	}
}

// An answer that leaves out what it may stands for the defaults of the service.
func TestSparseAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"Name": "lab-stop", "ScheduleExpression": "rate(1 day)", "Target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": "r"}}`))
	}))
	defer server.Close()
	c := scheduling.NewFromConfig(aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: &http.Client{}}, server.URL, 0)
	got, err := c.Get(context.Background(), "default", "lab-stop")
	if err != nil || !got.Enabled || got.Timezone != "UTC" || got.RetryWindow != 24*time.Hour || got.Action != "" || got.Group != "default" {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestLostAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		fault    wire.Fault
		then     *wire.Rule
		mayExist bool
		fails    bool
	}{
		"after it took effect": {fault: wire.Fault{Kind: wire.Reset, AfterEffect: true}},
		"before":               {fault: wire.Fault{Kind: wire.Reset}, fails: true, mayExist: true},
		"unknown": {fault: wire.Fault{Kind: wire.Reset, AfterEffect: true}, fails: true, mayExist: true,
			then: &wire.Rule{Operation: "GetSchedule", Fault: wire.Fault{Kind: wire.Error, Code: "InternalServerException", Status: 500}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sim.Faults.Add(wire.Rule{Operation: "CreateSchedule", Times: 1, Fault: c.fault})
			if c.then != nil {
				w.sim.Faults.Add(*c.then)
			}
			arn, mayExist, err := w.Create(context.Background(), nightly())
			if (err != nil) != c.fails || mayExist != c.mayExist || (arn == "") != c.fails {
				t.Errorf("%q, may exist %v, %v", arn, mayExist, err)
			}
		})
	}
}

// Who is canceled while the answer is on its way still learns what was made.
func TestCanceledCreation(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.sim.Faults.Add(wire.Rule{Operation: "CreateSchedule", Fault: wire.Fault{Kind: wire.SlowBody, Delay: wire.Duration(time.Minute)}})
	go func() {
		for ctx.Err() == nil {
			if _, err := w.Get(ctx, "default", "lab-stop"); err == nil {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if arn, mayExist, err := w.Create(ctx, nightly()); arn == "" || mayExist || err != nil {
		t.Errorf("%q, may exist: %t, %v", arn, mayExist, err)
	}
}

func TestTakenName(t *testing.T) {
	w := newWorld(t)
	other := nightly()
	other.Description = "somebody else's"
	w.create(t, other)
	_, mayExist, err := w.Create(context.Background(), nightly())
	var taken *scheduling.TakenError
	if !errors.As(err, &taken) || mayExist || taken.Found.Description != "somebody else's" {
		t.Errorf("may exist %v, %v", mayExist, err)
	}
	// One that says just the same is the one that was asked for.
	if arn, _, err := w.Create(context.Background(), other); err != nil || arn == "" {
		t.Errorf("%q, %v", arn, err)
	}
}

func TestRoles(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	t.Run("new", func(t *testing.T) {
		w.sim.AddRole(simulator.DefaultAccountID, simulator.Role{Name: "fresh", Services: []string{"scheduler.amazonaws.com"}}, 3)
		s := nightly()
		s.RoleARN = strings.Replace(role, "cml-scheduler", "fresh", 1)
		w.create(t, s)
		if n := w.sim.Recorder.Count("scheduler", "CreateSchedule"); n != 4 {
			t.Errorf("%d tries, want 4", n)
		}
		// By its token the service knows a try that it carried out already.
		tokens := map[string]bool{}
		for _, r := range w.sim.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "CreateSchedule" }) {
			var in struct{ ClientToken string }
			if err := json.Unmarshal(r.Body, &in); err != nil {
				t.Error(err)
			}
			tokens[in.ClientToken] = true
		}
		if len(tokens) != 1 || tokens[""] {
			t.Errorf("the tokens are %v, want one", tokens)
		}
	})
	t.Run("never", func(t *testing.T) {
		s := nightly()
		s.Name, s.RoleARN = "other", strings.Replace(role, "cml-scheduler", "cml-admin", 1)
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, mayExist, err := w.Create(short, s)
		if scheduling.RoleProblem(err) != scheduling.RoleNotAssumable || mayExist {
			t.Errorf("may exist %v, %v", mayExist, err)
		}
		if err := w.Update(short, s, nil); err == nil {
			t.Error("the update passes")
		}
	})
	t.Run("not passed", func(t *testing.T) {
		w.sim.Deny(simulator.DefaultAccountID, "iam:PassRole")
		defer w.sim.Deny(simulator.DefaultAccountID)
		s := nightly()
		s.Name = "third"
		if _, _, err := w.Create(ctx, s); scheduling.RoleProblem(err) != scheduling.RoleNotPassed {
			t.Errorf("%v", err)
		}
	})
}

// Somebody else's change of the same schedule is waited for.
func TestContention(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	w.create(t, nightly())
	conflict := wire.Fault{Kind: wire.Error, Code: "ConflictException", Status: 409}
	w.sim.Faults.Add(wire.Rule{Operation: "UpdateSchedule", Times: 2, Fault: conflict}, wire.Rule{Operation: "DeleteSchedule", Times: 2, Fault: conflict})
	if err := w.Update(ctx, nightly(), nil); err != nil {
		t.Error(err)
	}
	if err := w.Delete(ctx, "default", "lab-stop"); err != nil {
		t.Error(err)
	}
	if u, d := w.sim.Recorder.Count("scheduler", "UpdateSchedule"), w.sim.Recorder.Count("scheduler", "DeleteSchedule"); u != 3 || d != 3 {
		t.Errorf("%d updates and %d deletions, want 3 of each", u, d)
	}
}

func TestExpressions(t *testing.T) {
	t1 := time.Date(2026, 12, 31, 19, 30, 0, 0, time.FixedZone("", 3600))
	if got := scheduling.At(t1); got != "at(2026-12-31T18:30:00)" || !scheduling.Moment(got, "UTC").Equal(t1) {
		t.Error(got)
	}
	if got := scheduling.Moment("at(2026-12-31T19:30:00)", "Europe/Berlin"); !got.Equal(t1) {
		t.Error(got)
	}
	for _, bad := range []string{"cron(0 8 * * ? *)", "at(tomorrow)", ""} {
		if got := scheduling.Moment(bad, "UTC"); !got.IsZero() {
			t.Errorf("%q is %s", bad, got)
		}
	}
	if got := scheduling.Fields(scheduling.Cron("0 8 * * ? *")); got != "0 8 * * ? *" {
		t.Error(got)
	}
	if got := scheduling.Fields("rate(1 day)"); got != "" {
		t.Error(got)
	}
}
