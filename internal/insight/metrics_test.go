package insight_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const metrics = "cml_worker_metrics"

// measured is a lab that has run for half an hour, with the machine at work all the
// while. The world has come to the present by then, since the provider asks for the time
// that its own clock shows.
func measured(t *testing.T, kind string, detailed bool) *lab {
	t.Helper()
	const past = time.Hour
	l := newLabOf(t, kind, detailed, func(o *simulator.Options) { o.ClockOffset = -past })
	region := l.AWS.Region(home)
	for name, value := range map[string]float64{
		"CPUUtilization": 93, "NetworkIn": 30000, "NetworkOut": 60000, "EBSReadBytes": 3000, "EBSWriteBytes": 6000, "EBSReadOps": 300, "EBSWriteOps": 600,
		"NetworkPacketsIn": 900, "NetworkPacketsOut": 1500, "EBSIOBalance%": 5, "EBSByteBalance%": 60, "CPUCreditBalance": 250.5, "CPUCreditUsage": 1.25,
	} {
		region.SetMetric(l.id, name, value)
	}
	l.present()
	return l
}

// present brings the world to real time.
func (l *lab) present() {
	l.t.Helper()
	if behind := time.Until(l.Now()); behind < 0 {
		if err := l.Advance(-behind); err != nil {
			l.t.Fatal(err)
		}
	}
}

func float(f float64) knownvalue.Check { return knownvalue.Float64Exact(f) }

func (l *lab) measure(before func(), arguments string, want map[string]knownvalue.Check) resource.TestStep {
	return resource.TestStep{PreConfig: before, Config: l.admin() + l.data(metrics, arguments), ConfigStateChecks: values(metrics, want)}
}

func TestMetrics(t *testing.T) {
	l := measured(t, "m8i.2xlarge", false)
	recent := knownvalue.StringFunc(func(s string) error {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return err
		}
		if age := time.Since(at); age < -time.Minute || age > 20*time.Minute {
			return fmt.Errorf("it is %v old", age)
		}
		return nil
	})
	steps(t, l.measure(nil, "", map[string]knownvalue.Check{
		"region": text(home), "instance_state": text("running"), "period_seconds": number(300), "collected_at": recent,
		"cpu_percent": float(93), "network_in_bytes_per_second": float(100), "network_out_bytes_per_second": float(200),
		"ebs_read_bytes_per_second": float(10), "ebs_write_bytes_per_second": float(20), "status_check_failed": no,
		"timestamps": knownvalue.MapPartial(map[string]knownvalue.Check{"cpu_percent": recent, "status_check_failed": recent}),
		"alerts": knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectExact(map[string]knownvalue.Check{
			"attribute": text("cpu_percent"), "value": float(93), "threshold": float(90), "message": text("cpu_percent is 93.0, at or above 90")})}),
		// not asked for
		"cpu_maximum_percent": null, "memory_percent": null, "network_packets_in_per_second": null, "ebs_read_ops_per_second": null,
		"ebs_io_balance_percent": null, "cpu_credit_balance": null, "status_check_failed_instance": null, "system": null, "system_reason": null,
	}))
	asked := l.Recorder.Filter(func(r wire.Record) bool { return r.Service == "monitoring" })
	if len(asked) == 0 {
		t.Fatal("CloudWatch was not asked")
	}
	for _, r := range asked {
		if r.Operation != "GetMetricData" {
			t.Errorf("%s was asked", r.Operation)
		}
		if n := len(regexp.MustCompile("MetricStat").FindAll(r.Body, -1)); n != 6 {
			t.Errorf("%d metrics were asked for, which AWS charges", n)
		}
		// fifteen minutes, from the beginning of a period on
		if from, to := asksAbout(t, r.Body); to.Sub(from) < 15*time.Minute || to.Sub(from) >= 20*time.Minute || from.Minute()%5 != 0 || from.Second() != 0 {
			t.Errorf("asked about %s to %s", from, to)
		}
	}
	if n := l.Recorder.Count("cml", "*"); n > 0 {
		t.Errorf("CML was asked %d times", n)
	}
}

func TestMetricsOfEveryKind(t *testing.T) {
	l := measured(t, "t3.large", true)
	l.AWS.Region(home).SetStatus(l.id, aws.Health{System: "impaired"})
	steps(t, l.measure(nil, `
  metrics    = ["cpu", "cpu_maximum", "network", "packets", "ebs_ops", "burst", "credits", "status", "status_details"]
  thresholds = { cpu_percent = 95, ebs_balance_percent = 5 }`, map[string]knownvalue.Check{
		"period_seconds": number(60), "cpu_percent": float(93), "cpu_maximum_percent": float(93),
		"network_in_bytes_per_second": float(500), "network_packets_in_per_second": float(3), "network_packets_out_per_second": float(5),
		"ebs_read_ops_per_second": float(5), "ebs_write_ops_per_second": float(10), "ebs_read_bytes_per_second": null,
		"ebs_io_balance_percent": float(5), "ebs_byte_balance_percent": float(60), "cpu_credit_balance": float(250.5), "cpu_credit_usage": float(1.25),
		"status_check_failed": yes, "status_check_failed_system": yes, "status_check_failed_instance": no, "status_check_failed_attached_ebs": no,
		"alerts": knownvalue.ListExact([]knownvalue.Check{
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"attribute": text("ebs_io_balance_percent"), "threshold": float(5)}),
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"attribute": text("status_check_failed"), "value": float(1)}),
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"attribute": text("status_check_failed_system")}),
		}),
	}))
	// Detailed monitoring makes not all of them come each minute.
	for _, r := range l.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "GetMetricData" }) {
		for name, seconds := range periods(t, r.Body) {
			want := int32(60)
			if strings.HasPrefix(name, "NetworkPackets") || strings.HasSuffix(name, "Balance%") || strings.HasPrefix(name, "CPUCredit") {
				want = 300
			}
			if seconds != want {
				t.Errorf("%s is asked for with a period of %d seconds, want %d", name, seconds, want)
			}
		}
	}
}

// asksAbout is the time that a GetMetricData looks at.
func asksAbout(t *testing.T, body []byte) (from, to time.Time) {
	t.Helper()
	in, err := cbor.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) time.Time {
		out, err := cbor.AsTime(in.(cbor.Map)[name])
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	return at("StartTime"), at("EndTime")
}

// periods are those of the metrics that a GetMetricData asks for.
func periods(t *testing.T, body []byte) map[string]int32 {
	t.Helper()
	in, err := cbor.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int32{}
	for _, q := range in.(cbor.Map)["MetricDataQueries"].(cbor.List) {
		stat := q.(cbor.Map)["MetricStat"].(cbor.Map)
		seconds, err := cbor.AsInt32(stat["Period"])
		if err != nil {
			t.Fatal(err)
		}
		out[string(stat["Metric"].(cbor.Map)["MetricName"].(cbor.String))] = seconds
	}
	if len(out) == 0 {
		t.Error("nothing is asked for")
	}
	return out
}

// Bare metal reports the disks volume by volume.
func TestMetricsOfBareMetal(t *testing.T) {
	l := newLabOf(t, "m5zn.metal", false, func(o *simulator.Options) { o.ClockOffset = -time.Hour })
	region := l.AWS.Region(home)
	region.AttachVolume(l.id, "/dev/sdf", 10)
	machine, _ := region.Instance(l.id)
	for i, id := range machine.VolumeIDs {
		region.SetMetric(id, "VolumeReadBytes", float64(60*(i+1)))
		region.SetMetric(id, "VolumeWriteOps", 120)
	}
	l.present()
	steps(t,
		l.measure(nil, `metrics = ["ebs", "ebs_ops", "burst"]`, map[string]knownvalue.Check{
			"ebs_read_bytes_per_second": float(3), "ebs_write_ops_per_second": float(4), "ebs_io_balance_percent": null,
			"timestamps": knownvalue.MapPartial(map[string]knownvalue.Check{"ebs_read_bytes_per_second": set}),
		}),
		// a sum without one of them would be too low
		l.measure(func() {
			region.SetMetricFrom(machine.VolumeIDs[1], "VolumeReadBytes", time.Time{}, 1)
			region.SetMetricFrom(machine.VolumeIDs[1], "VolumeReadBytes", time.Now().Add(-time.Hour), math.NaN())
		},
			`metrics = ["ebs", "ebs_ops"]`, map[string]knownvalue.Check{"ebs_read_bytes_per_second": null, "ebs_write_ops_per_second": float(4)}),
	)
}

func TestMetricsOfCMLAndOfAnAgent(t *testing.T) {
	l := measured(t, "m8i.2xlarge", false)
	region := l.AWS.Region(home)
	for n := range 20 {
		when := time.Now().Add(-time.Duration(n) * time.Minute)
		region.PublishMetric("CWAgent", "mem_used_percent", map[string]string{"InstanceId": l.id, "ImageId": "ami-1", "InstanceType": "m8i.2xlarge"}, when, 41)
		region.PublishMetric("CWAgent", "mem_used_percent", map[string]string{"InstanceId": "i-0123456789abcdef0"}, when, 99)
	}
	l.server().SetLoad(cml.Load{CPUPercent: 12.5, MemoryUsed: 8 << 30, DiskUsed: 95 << 30, DiskTotal: 100 << 30})
	memory := l.measure(nil, `metrics = ["memory"]`, map[string]knownvalue.Check{
		"memory_percent": float(41), "timestamps": knownvalue.MapExact(map[string]knownvalue.Check{"memory_percent": set}), "collected_at": set, "cpu_percent": null})
	system := l.measure(nil, `metrics = ["system", "memory"]`, map[string]knownvalue.Check{
		"memory_percent": float(25), // CML's word counts more
		"timestamps":     knownvalue.MapSizeExact(0), "system_reason": null,
		"system": knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"cpu":           knownvalue.ObjectPartial(map[string]knownvalue.Check{"percent": float(12.5)}),
			"disk":          knownvalue.ObjectExact(map[string]knownvalue.Check{"used": number(95 << 30), "free": number(5 << 30), "total": number(100 << 30)}),
			"nodes_running": number(0), "orphans_total": number(0), "orphans_running": number(0)}),
		"alerts": knownvalue.ListExact([]knownvalue.Check{knownvalue.ObjectPartial(map[string]knownvalue.Check{"attribute": text("disk_percent"), "value": float(95)})}),
	})
	hold := func() {
		if err := l.server().HoldPhase(cml.Refused); err != nil {
			t.Fatal(err)
		}
	}
	steps(t, memory, system,
		l.measure(hold, `metrics = ["system", "memory", "cpu"]`, map[string]knownvalue.Check{
			"system": null, "system_reason": text("refused"), "system_message": set, "memory_percent": float(41), "cpu_percent": float(93)}))
	if n := l.Recorder.Count("cml", "GET /system_health") + l.Recorder.Count("cml", "GET /labs"); n > 0 {
		t.Errorf("%d questions whose answers nobody wants", n)
	}
}

// Nothing is there: null, and no error.
func TestMetricsThatAreNotThere(t *testing.T) {
	// Its clock is an hour behind: whatever it measures lies before the time that is
	// asked for, however many periods end while this test runs.
	l := newLab(t, func(o *simulator.Options) { o.ClockOffset = -time.Hour })
	nothing := map[string]knownvalue.Check{
		"cpu_percent": null, "network_in_bytes_per_second": null, "ebs_read_bytes_per_second": null, "status_check_failed": null,
		"collected_at": null, "timestamps": knownvalue.MapSizeExact(0), "alerts": knownvalue.ListSizeExact(0),
	}
	steps(t, l.measure(nil, "", nothing))
	l = measured(t, "m8i.2xlarge", false)
	stopped := map[string]knownvalue.Check{"instance_state": text("stopped")}
	for name, check := range nothing {
		stopped[name] = check
	}
	steps(t, l.measure(l.stop, `metrics = ["cpu", "network", "ebs", "status", "system"]`, stopped))
	if n := l.Recorder.Count("monitoring", "*"); n > 0 {
		t.Errorf("CloudWatch was asked %d times about a worker that does not run", n)
	}
}

// A permission that is missing costs the values and not the refresh.
func TestMetricsWithoutPermission(t *testing.T) {
	l := measured(t, "m8i.2xlarge", false)
	l.AWS.Deny(aws.DefaultAccountID, "cloudwatch:*", "ec2:DescribeInstanceTypes")
	l.server().SetLoad(cml.Load{CPUPercent: 50})
	steps(t, l.measure(nil, `metrics = ["cpu", "ebs", "memory", "system"]`, map[string]knownvalue.Check{
		"cpu_percent": null, "ebs_read_bytes_per_second": null, "collected_at": null,
		"system": knownvalue.ObjectPartial(map[string]knownvalue.Check{"cpu": knownvalue.ObjectPartial(map[string]knownvalue.Check{"percent": float(50)})}),
	}))
}

// What CloudWatch itself fails to read is told, and the rest is there.
func TestMetricsThatCloudWatchFailsToRead(t *testing.T) {
	l := newLab(t)
	failed := cbor.Map{"Id": cbor.String("m0"), "StatusCode": cbor.String("InternalError"), "Messages": cbor.List{cbor.Map{"Value": cbor.String("try later")}}}
	at := float64(time.Now().Add(-10 * time.Minute).Truncate(5 * time.Minute).Unix())
	other := cbor.Map{"Id": cbor.String("m1"), "StatusCode": cbor.String("Complete"), "Timestamps": cbor.List{&cbor.Tag{ID: 1, Value: cbor.Float64(at)}}, "Values": cbor.List{cbor.Uint(3000)}}
	l.Faults.Add(wire.Rule{Service: "monitoring", Operation: "GetMetricData", Fault: wire.Fault{
		Kind: wire.Garbage, ContentType: "application/cbor", Body: string(cbor.Encode(cbor.Map{"MetricDataResults": cbor.List{other, failed}}))}})
	server := protocol.Serve(t, l.World, map[string]any{"endpoints": []any{map[string]any{"cloudwatch": l.Endpoint(), "ec2": l.Endpoint(), "sts": l.Endpoint()}}})
	state, diags := server.Look(metrics, map[string]any{"worker_id": l.id, "metrics": []any{"cpu", "network"}})
	server.Good(diags)
	if !protocol.Has(diags, protocol.Warning, "may be null or old: cpu_percent. AWS said: InternalError: try later [metrics_unknown]") {
		t.Error(protocol.Show(diags))
	}
	if cpu, in := protocol.Text(t, state, "cpu_percent"), protocol.Text(t, state, "network_in_bytes_per_second"); cpu != "(null)" || in != `tftypes.Number<"10">` {
		t.Errorf("cpu_percent is %s, network_in_bytes_per_second %s", cpu, in)
	}
}

// A sum is as old as the oldest of its parts, and "from here on" begins there.
func TestMetricsAtTheirEdges(t *testing.T) {
	l := newLabOf(t, "m5zn.metal", false)
	l.AWS.Region(home).AttachVolume(l.id, "/dev/sdf", 10)
	older := time.Now().Add(-20 * time.Minute).Truncate(5 * time.Minute).UTC()
	at := func(id string, when time.Time, value float64) cbor.Map {
		return cbor.Map{"Id": cbor.String(id), "Timestamps": cbor.List{&cbor.Tag{ID: 1, Value: cbor.Float64(when.Unix())}}, "Values": cbor.List{cbor.Float64(value)}}
	}
	newer := older.Add(5 * time.Minute)
	l.Faults.Add(wire.Rule{Service: "monitoring", Operation: "GetMetricData", Fault: wire.Fault{Kind: wire.Garbage, ContentType: "application/cbor", Body: string(cbor.Encode(cbor.Map{
		"MetricDataResults": cbor.List{at("m0", newer, 90), at("m1", older, 300), at("m2", newer, 600), at("m3", newer, 1), at("m4", older, 2)}}))}})
	server := protocol.Serve(t, l.World, map[string]any{"endpoints": []any{map[string]any{"cloudwatch": l.Endpoint(), "ec2": l.Endpoint(), "sts": l.Endpoint()}}})
	state, diags := server.Look(metrics, map[string]any{"worker_id": l.id, "metrics": []any{"cpu", "ebs"}, "lookback": "1h"})
	server.Good(diags)
	for name, want := range map[string]string{
		"cpu_percent": `tftypes.Number<"90">`, "ebs_read_bytes_per_second": `tftypes.Number<"3">`, "ebs_write_bytes_per_second": `tftypes.Number<"0.01">`,
	} {
		if got := protocol.Text(t, state, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := protocol.Text(t, state, "timestamps"); !strings.Contains(got, older.Format(time.RFC3339)) {
		t.Errorf("timestamps are %s; that of a sum is %s", got, older)
	}
	if got := protocol.Text(t, state, "alerts"); !strings.Contains(got, "cpu_percent is 90.0, at or above 90") {
		t.Errorf("alerts are %s", got)
	}
}

func TestMetricsRefusals(t *testing.T) {
	l := measured(t, "m8i.2xlarge", false)
	broken := func() {
		l.Faults.Add(wire.Rule{Service: "monitoring", Operation: "GetMetricData", Fault: wire.Fault{Kind: wire.Error, Code: "ValidationError", Message: "something is odd"}})
	}
	steps(t,
		resource.TestStep{Config: l.admin() + l.data(metrics, `metrics = ["colour"]`), ExpectError: says("cpu_maximum")},
		resource.TestStep{Config: l.admin() + l.data(metrics, `metrics = []`), ExpectError: says("at least 1")},
		resource.TestStep{Config: l.admin() + l.data(metrics, `lookback = "30s"`), ExpectError: says("lookback")},
		resource.TestStep{Config: l.admin() + l.data(metrics, `thresholds = { cpu_percent = 101 }`), ExpectError: says("cpu_percent")},
		resource.TestStep{PreConfig: broken, Config: l.admin() + l.data(metrics, ""), ExpectError: says("something is odd")},
	)
}
