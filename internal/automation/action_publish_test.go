package automation_test

import (
	"context"
	"maps"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const publishAction = "cml_worker_publish_metrics"

type object = map[string]any

// publishLab is a machine whose CML is ready, and somebody who may use it.
type publishLab struct {
	*acctest.World
	t    *testing.T
	id   string
	user string
}

func newPublishLab(t *testing.T, change ...func(*simulator.Options)) *publishLab {
	t.Helper()
	l := &publishLab{World: acctest.NewWorld(t, change...), t: t}
	in, err := l.EC2(home).Launch(t.Context(), instance.Launch{
		ImageID: aws.SeededID("ami", home, aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"}, NestedVirtualization: instance.LaunchNestedAuto,
		SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.id = in.ID
	l.eventually("CML to be ready", func() bool { m := l.CML.Machine(l.id); return m != nil && m.Phase() == cml.Ready })
	l.user = l.machine().AddUser(cml.Credentials{Username: "ann", Password: "anns-password"}, false)
	l.machine().SetLoad(cml.Load{CPUPercent: 5, MemoryUsed: 8 << 30, DiskUsed: 25 << 30, DiskTotal: 100 << 30})
	l.Recorder.Reset()
	return l
}

// behind lets a world begin in the past, so that time can go by in it which it
// does not get ahead of the clock of this machine by.
func behind(o *simulator.Options) { o.ClockOffset = -12 * time.Hour }

func (l *publishLab) machine() *cml.Machine { return l.CML.Machine(l.id) }

func (l *publishLab) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// pass lets time go by in which nobody uses the worker.
func (l *publishLab) pass(d time.Duration) {
	l.t.Helper()
	if err := l.Advance(d); err != nil {
		l.t.Fatal(err)
	}
}

func (l *publishLab) did(category, user string) {
	l.machine().AddEvent(cml.Event{Category: category, Time: l.Now(), Data: object{"user_id": user}})
}

// action is the action in a run of its own, as the account of CML.
func (l *publishLab) action(as cml.Credentials, more object) *protocol.Action {
	l.t.Helper()
	all := object{
		"controller": object{"port": l.Port(), "username": as.Username, "password": as.Password, "tls": object{"trust": "insecure"}},
		"endpoints":  []any{object{"ec2": l.Endpoint(), "sts": l.Endpoint(), "cloudwatch": l.Endpoint()}},
	}
	maps.Copy(all, more)
	return protocol.Serve(l.t, l.World, all).Action(publishAction)
}

// publish invokes the action as CML's administrator.
func (l *publishLab) publish(more object) protocol.Invoked {
	l.t.Helper()
	got := l.action(l.CML.Admin(), nil).Invoke(l.t.Context(), l.on(more), nil)
	got.Hides(l.t, l.CML.Admin().Password)
	return got
}

func (l *publishLab) on(more object) object {
	all := object{"worker_id": l.id}
	maps.Copy(all, more)
	return all
}

// seen are the values that CloudWatch has of this machine, newest first being
// the only one, by metric, with their units.
func (l *publishLab) seen() (values map[string]float64, units map[string]cwtypes.StandardUnit) {
	l.t.Helper()
	api := cloudwatch.New(cloudwatch.Options{
		Region: home, BaseEndpoint: sdk.String(l.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "x", ""),
	})
	values, units = map[string]float64{}, map[string]cwtypes.StandardUnit{}
	all, err := api.ListMetrics(context.Background(), &cloudwatch.ListMetricsInput{Namespace: sdk.String("CML/Worker")})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, m := range all.Metrics {
		if len(m.Dimensions) != 1 || *m.Dimensions[0].Name != "InstanceId" || *m.Dimensions[0].Value != l.id {
			l.t.Errorf("%s has the dimensions %v", *m.MetricName, m.Dimensions)
		}
		out, err := api.GetMetricStatistics(context.Background(), &cloudwatch.GetMetricStatisticsInput{
			Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: m.Dimensions, Period: sdk.Int32(3600), Statistics: []cwtypes.Statistic{cwtypes.StatisticMaximum},
			StartTime: sdk.Time(l.Now().Add(-2 * time.Hour)), EndTime: sdk.Time(l.Now().Add(time.Hour)),
		})
		if err != nil {
			l.t.Fatal(err)
		}
		for _, d := range out.Datapoints {
			values[*m.MetricName], units[*m.MetricName] = *d.Maximum, d.Unit
		}
	}
	return values, units
}

// want compares what CloudWatch has with what should be there: no more, no less.
func (l *publishLab) want(want map[string]float64) {
	l.t.Helper()
	got, _ := l.seen()
	if len(got) != len(want) {
		l.t.Errorf("CloudWatch has %v, want %v", got, want)
	}
	for name, w := range want {
		// Some seconds go by between the clock's move and the look.
		if v, there := got[name]; !there || math.Abs(v-w) > 60 || name != "IdleSeconds" && math.Abs(v-w) > 0.01 {
			l.t.Errorf("%s is %v, want %v", name, got[name], w)
		}
	}
}

// All five, in the units of the publisher.
func TestPublishMetrics(t *testing.T) {
	l := newPublishLab(t, behind)
	l.pass(time.Hour)
	l.did("user_activity", l.user)
	l.pass(30 * time.Minute)
	if _, err := l.machine().AddLab(cml.Lab{Title: "idle", Nodes: []cml.Node{{Label: "r1"}}}); err != nil {
		t.Fatal(err)
	}
	got := l.publish(nil)
	got.Warns(t, "[clock_skew]") // that of the simulated world
	got.Told(t, "asking CML on worker "+l.id, "sent to CML/Worker: IdleSeconds 1")
	if last := got.Progress[len(got.Progress)-1]; !strings.HasSuffix(last, ", RunningNodes 0, LabsStarted 0, MemoryPercent 25.0, DiskPercent 25.0") {
		t.Errorf("the end says %q", last)
	}
	l.want(map[string]float64{"IdleSeconds": 1800, "RunningNodes": 0, "LabsStarted": 0, "MemoryPercent": 25, "DiskPercent": 25})
	_, units := l.seen()
	for name, want := range map[string]cwtypes.StandardUnit{"IdleSeconds": "Seconds", "RunningNodes": "Count", "LabsStarted": "Count", "MemoryPercent": "Percent", "DiskPercent": "Percent"} {
		if units[name] != want {
			t.Errorf("%s in %s, want %s", name, units[name], want)
		}
	}
	if n := l.Recorder.Count("monitoring", "PutMetricData"); n != 1 || l.Recorder.Count("cml", "POST /authenticate") != 1 {
		t.Errorf("asked %q", l.Recorder.Operations(""))
	}
}

// A worker with running nodes is not idle, and one that nobody has used since
// its start is idle for no longer than it has been up.
func TestPublishIdleSeconds(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*publishLab)
		config  object
		want    map[string]float64
	}{
		"running nodes": {func(l *publishLab) {
			if _, err := l.machine().AddLab(cml.Lab{Title: "ospf", Nodes: []cml.Node{{Label: "r1"}, {Label: "r2"}}, Running: true}); err != nil {
				l.t.Fatal(err)
			}
			l.pass(2 * time.Hour)
		}, nil, map[string]float64{"IdleSeconds": 0, "RunningNodes": 2, "LabsStarted": 1, "MemoryPercent": 25, "DiskPercent": 25}},
		"before the start": {func(l *publishLab) {
			l.machine().AddEvent(cml.Event{Category: "start_lab", Time: l.Now().Add(-48 * time.Hour)})
			l.pass(40 * time.Minute)
		}, nil, map[string]float64{"IdleSeconds": 2400, "RunningNodes": 0, "LabsStarted": 0, "MemoryPercent": 25, "DiskPercent": 25}},
		"excluded account": {func(l *publishLab) {
			l.pass(40 * time.Minute)
			l.did("user_activity", l.user)
		}, object{"exclude_users": []any{"ann"}}, map[string]float64{"IdleSeconds": 2400, "RunningNodes": 0, "LabsStarted": 0, "MemoryPercent": 25, "DiskPercent": 25}},
		"publisher": {func(l *publishLab) {
			id := l.machine().AddUser(cml.Credentials{Username: "cml-publisher", Password: "a-long-password"}, false)
			l.pass(40 * time.Minute)
			l.did("user_activity", id)
		}, nil, map[string]float64{"IdleSeconds": 2400, "RunningNodes": 0, "LabsStarted": 0, "MemoryPercent": 25, "DiskPercent": 25}},
		"used just now": {func(l *publishLab) {
			l.pass(40 * time.Minute)
			l.did("user_activity", l.user)
		}, nil, map[string]float64{"IdleSeconds": 0, "RunningNodes": 0, "LabsStarted": 0, "MemoryPercent": 25, "DiskPercent": 25}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newPublishLab(t, behind)
			c.prepare(l)
			if got := l.publish(c.config); protocol.Has(got.Diagnostics, protocol.Failure, "") {
				t.Fatal(protocol.Show(got.Diagnostics))
			}
			l.want(c.want)
		})
	}
}

// A clock of CML that is ahead makes nobody idle for longer.
func TestPublishClockAhead(t *testing.T) {
	l := newPublishLab(t)
	l.machine().SetClockSkew(6 * time.Hour)
	l.publish(nil).Warns(t, "[clock_skew]")
	l.want(map[string]float64{"IdleSeconds": 0, "RunningNodes": 0, "LabsStarted": 0, "MemoryPercent": 25, "DiskPercent": 25})
}

// What cannot be read is left out and said, and never sent as zero.
func TestPublishLeavesOut(t *testing.T) {
	all := map[string]float64{"IdleSeconds": 0, "RunningNodes": 0, "LabsStarted": 0, "MemoryPercent": 25, "DiskPercent": 25}
	without := func(names ...string) map[string]float64 {
		out := maps.Clone(all)
		for _, n := range names {
			delete(out, n)
		}
		return out
	}
	refused := wire.Fault{Kind: wire.Error, Status: http.StatusForbidden}
	garbage := func(body string) wire.Fault {
		return wire.Fault{Kind: wire.Garbage, Status: 200, ContentType: "application/json", Body: body}
	}
	for name, c := range map[string]struct {
		operation string
		fault     wire.Fault
		want      map[string]float64
		warnings  []string
	}{
		"telemetry":      {"GET /telemetry/events", refused, without("IdleSeconds"), []string{"idleness is left out"}},
		"no telemetry":   {"GET /telemetry/events", garbage("[]"), without("IdleSeconds"), []string{"records no telemetry at all"}},
		"half telemetry": {"GET /telemetry/events", garbage(`[{"category": "start_lab"`), without("IdleSeconds"), []string{"idleness is left out"}},
		"load":           {"GET /system_stats", refused, map[string]float64{"LabsStarted": 0}, []string{"nodes, memory, disk and idleness are left out"}},
		"labs":           {"GET /labs", refused, without("LabsStarted"), []string{"started labs cannot be counted"}},
		"a part of the load": {"GET /system_stats", garbage(`{"computes": {"a": {"stats": {"dominfo": {"running_nodes": null}}}}, "all": {"memory": {"used": 1, "total": 0}, "disk": {"used": 1.5, "total": 6.0}}}`),
			map[string]float64{"LabsStarted": 0, "DiskPercent": 25}, []string{"running nodes are not known", "use of the memory is not known"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newPublishLab(t)
			l.did("user_activity", l.user)
			l.Faults.Add(wire.Rule{Service: "cml", Operation: c.operation, Fault: c.fault})
			l.publish(nil).Warns(t, c.warnings...)
			l.want(c.want)
		})
	}
	t.Run("no administrator", func(t *testing.T) {
		l := newPublishLab(t)
		l.did("start_lab", "")
		watcher := cml.Credentials{Username: "watcher", Password: "a-long-password"}
		l.machine().AddUser(watcher, false)
		got := l.action(watcher, nil).Invoke(t.Context(), l.on(nil), nil)
		got.Warns(t, "sees no labs and is no administrator")
		got.Hides(t, watcher.Password)
		l.want(without("LabsStarted"))
	})
	t.Run("nothing at all", func(t *testing.T) {
		l := newPublishLab(t)
		l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_stats", Fault: refused})
		l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /labs", Fault: refused})
		l.publish(nil).Blames(t, "", "CML told none of its numbers, so nothing was sent")
		l.want(nil)
	})
}

func TestPublishFaults(t *testing.T) {
	put := func(f wire.Fault, times int) func(*publishLab) {
		return func(l *publishLab) {
			l.Faults.Add(wire.Rule{Service: "monitoring", Operation: "PutMetricData", Times: times, Fault: f})
		}
	}
	for name, c := range map[string]struct {
		prepare  func(*publishLab)
		config   object
		words    []string
		argument string
		// sent: CloudWatch has the values. Where it took them without an answer,
		// that is no matter.
		sent, either bool
	}{
		"lost answer": {prepare: put(wire.Fault{Kind: wire.Reset, AfterEffect: true}, 1), sent: true},
		"throttled":   {prepare: put(wire.Fault{Kind: wire.Throttle}, 2), sent: true},
		"session ended": {prepare: func(l *publishLab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_stats", Times: 1, Fault: wire.Fault{Kind: wire.Error, Status: 401}})
		}, sent: true},
		"may not": {prepare: func(l *publishLab) { l.AWS.Deny(aws.DefaultAccountID, "cloudwatch:PutMetricData") },
			words: []string{"Unable to publish metrics of CML worker", "CloudWatch PutMetricData failed", "Missing permission: cloudwatch:PutMetricData"}},
		"wrong password": {prepare: func(l *publishLab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "POST /authenticate", Fault: wire.Fault{Kind: wire.Error, Status: 403, Message: "Authentication failed!"}})
		}, words: []string{"nothing was sent", "CML refused user name or password"}},
		"not ready": {prepare: func(l *publishLab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_information", Fault: wire.Fault{Kind: wire.Garbage, Status: 200, ContentType: "application/json", Body: `{"ready": false, "version": "2.9.0"}`}})
		}, words: []string{"nothing was sent", "not ready to start nodes"}},
		"stopped": {prepare: func(l *publishLab) {
			l.AWS.Region(home).StopOutside(l.id)
			l.eventually("stopped", func() bool { in, _ := l.AWS.Region(home).Instance(l.id); return in.State == "stopped" })
		}, words: []string{"nothing was sent", "the worker is stopped", "`cml_worker_start`"}, argument: "worker_id"},
		"time is up": {prepare: func(l *publishLab) {
			l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /telemetry/events", Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)}})
		}, config: object{"timeout": "1s"}, words: []string{"nothing was sent", "Worker", "is running now"}, argument: "timeout"},
		"CloudWatch does not answer": {prepare: put(wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)}, 0),
			config: object{"timeout": "2s"}, words: []string{"nobody knows whether CloudWatch has taken the values", "sent twice do no harm"}, argument: "timeout", either: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newPublishLab(t)
			l.did("user_activity", l.user)
			c.prepare(l)
			got := l.publish(c.config)
			if c.words == nil {
				got.Fine(t)
			} else {
				got.Blames(t, c.argument, c.words...)
			}
			if values, _ := l.seen(); !c.either && (len(values) == 5) != c.sent {
				t.Errorf("CloudWatch has %v", values)
			}
		})
	}
}

// Whoever interrupts it is told that nothing was sent.
func TestPublishInterrupted(t *testing.T) {
	l := newPublishLab(t)
	l.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /telemetry/events", Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := l.action(l.CML.Admin(), nil).Invoke(ctx, l.on(nil), func(message string) {
		if strings.HasPrefix(message, "asking CML") {
			cancel()
		}
	})
	got.Blames(t, "", "nothing was sent", "invoke the action again")
	l.want(nil)
}

// What is not known yet is no reason to fail, and nobody is asked.
func TestPublishOfUnknownValues(t *testing.T) {
	l := newPublishLab(t)
	for when, c := range map[string]struct{ provider, config object }{
		"worker":     {nil, object{"worker_id": protocol.Unknown{}}},
		"region":     {nil, l.on(object{"region": protocol.Unknown{}})},
		"controller": {nil, l.on(object{"controller": protocol.Unknown{}})},
		"users":      {nil, l.on(object{"exclude_users": protocol.Unknown{}})},
		"provider":   {object{"access_key": protocol.Unknown{}}, l.on(nil)},
	} {
		t.Run(when, func(t *testing.T) { l.action(l.CML.Admin(), c.provider).Waits(t, l.World, c.config) })
	}
	l.action(l.CML.Admin(), object{"access_key": protocol.Unknown{}}).Invoke(t.Context(), l.on(nil), nil).Blames(t, "", "access_key", "no value yet")
	l.action(l.CML.Admin(), nil).Invoke(t.Context(), object{"worker_id": "i-0fedcba9876543210"}, nil).Blames(t, "worker_id", "i-0fedcba9876543210")
}

func TestPublishValidates(t *testing.T) {
	s := protocol.Unconfigured(t)
	const id = "i-0123456789abcdef0"
	for at, config := range map[string]object{
		"worker_id":       {"worker_id": "lab"},
		"region":          {"worker_id": id, "region": "here"},
		"timeout":         {"worker_id": id, "timeout": "0s"},
		"controller.port": {"worker_id": id, "controller": object{"port": 0}},
		"exclude_users":   {"worker_id": id, "exclude_users": []any{""}},
	} {
		protocol.Invoked{Diagnostics: s.Action(publishAction).Validate(config)}.Blames(t, at)
	}
	if diags := s.Action(publishAction).Validate(object{"worker_id": id}); len(diags) > 0 {
		t.Errorf("the least configuration: %s", protocol.Show(diags))
	}
}
