package automation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestScheduleValidation(t *testing.T) {
	l := newSchedLab(t)
	stop := "stop_cron = \"0 19 * * ? *\"\n"
	for name, c := range map[string]struct{ arguments, want string }{
		"no time":     {"", "Set at least one of start_cron, stop_cron and stop_at"},
		"cron()":      {`stop_cron = "cron(0 19 * * ? *)"`, `Write the six fields alone: "0 19 * * ? *"`},
		"unix":        {`start_cron = "0 8 * * 1-5"`, "has 5 fields, wanted are six"},
		"timezone":    {stop + `timezone = "Berlin"`, "is not a time zone"},
		"stop_at":     {`stop_at = "31.12.2099"`, "RFC 3339"},
		"window":      {stop + `retry_window = "30s"`, `between "1m" and "24h"`},
		"queue":       {stop + `dead_letter_arn = "arn:aws:sns:us-east-1:123456789012:x"`, `wanted is one of "sqs"`},
		"name":        {stop + `name = "office hours"`, "must consist of letters"},
		"long name":   {stop + fmt.Sprintf("name = %q", strings.Repeat("x", 57)), "between 1 and 56"},
		"group":       {stop + `group_name = "a/b"`, "must consist of letters"},
		"region":      {stop + `region = "us-east-1a"`, "is an availability zone"},
		"create time": {stop + "timeouts {\n create = \"-1m\"\n}", "Invalid duration"},
	} {
		t.Run(name, func(t *testing.T) {
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{Config: l.config(c.arguments), PlanOnly: true, ExpectError: says(c.want)}}})
		})
	}
	for name, replace := range map[string][3]string{
		"role":     {schedRole, "cml-scheduler", "is not the ARN of an IAM role"},
		"no role":  {schedRole, "", "at least 1"},
		"worker":   {l.id, "lab-01", "is not an instance id"},
		"nobody's": {l.id, "i-0123456789abcdef0", "Unable to create schedule of CML worker"},
	} {
		t.Run(name, func(t *testing.T) {
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
				Config: strings.Replace(l.config(stop), replace[0], replace[1], 1), ExpectError: says(replace[2])}}})
		})
	}
	if got := l.names(); len(got) > 0 {
		t.Errorf("schedules were made: %q", got)
	}
}

// What is to blame on an argument is said there, and nothing is left.
func TestScheduleRefusals(t *testing.T) {
	l := newSchedLab(t)
	r := l.serve(nil)
	for name, c := range map[string]struct {
		arguments map[string]any
		before    func()
		path      string
		says      []string
	}{
		"role that may not be passed": {
			before: func() { l.AWS.Deny(aws.DefaultAccountID, "iam:PassRole") }, path: "role_arn",
			says: []string{"iam:PassedToService", "Missing permission: iam:PassRole"},
		},
		"role that trusts others": {
			arguments: map[string]any{"role_arn": strings.Replace(schedRole, "cml-scheduler", "cml-admin", 1), "timeouts": map[string]any{"create": "1s"}},
			path:      "role_arn", says: []string{"scheduler.amazonaws.com do `sts:AssumeRole`"},
		},
		"no group":      {arguments: map[string]any{"group_name": "labs"}, path: "group_name", says: []string{"make the schedule group first"}},
		"quota":         {before: func() { l.AWS.Region(schedRegion).SetScheduleQuota(0) }, says: []string{"ServiceQuotaExceededException", "one-time schedules that have run count too"}},
		"no permission": {before: func() { l.AWS.Deny(aws.DefaultAccountID, "scheduler:CreateSchedule") }, says: []string{"Missing permission: scheduler:CreateSchedule"}},
		"protection":    {before: func() { l.AWS.Region(schedRegion).SetProtection(l.id, false, true) }, path: "worker_id", says: []string{"has stop protection"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.before != nil {
				c.before()
			}
			defer func() {
				l.AWS.Deny(aws.DefaultAccountID)
				l.AWS.Region(schedRegion).SetScheduleQuota(100)
				l.AWS.Region(schedRegion).SetProtection(l.id, false, false)
			}()
			config := r.Config(l.arguments(c.arguments))
			plan := r.Plan(r.Nothing(), config)
			all := plan.Diagnostics
			if !protocol.Has(all, protocol.Failure, "") {
				kept, diags := r.Apply(t.Context(), r.Nothing(), config)
				if all = diags; !kept.State.IsNull() {
					t.Errorf("the state is %s", kept.State)
				}
			}
			for _, text := range c.says {
				if !protocol.Has(all, protocol.Failure, text) {
					t.Errorf("no error says %q:\n%s", text, protocol.Show(all))
				}
			}
			for _, d := range all {
				if c.path != "" && !strings.Contains(protocol.Path(d), c.path) {
					t.Errorf("the error is at %q, wanted %q", protocol.Path(d), c.path)
				}
			}
			if got := l.names(); len(got) > 0 {
				t.Errorf("schedules are left: %q", got)
			}
		})
	}
}

// Only what stops is refused for a worker with stop protection, and only what is
// switched on.
func TestScheduleOfProtectedWorker(t *testing.T) {
	l := newSchedLab(t)
	l.AWS.Region(schedRegion).SetProtection(l.id, false, true)
	r := l.serve(nil)
	for name, c := range map[string]struct {
		arguments map[string]any
		refused   bool
	}{
		"start":        {map[string]any{"stop_cron": nil, "start_cron": "0 8 * * ? *"}, false},
		"stop":         {nil, true},
		"lease":        {map[string]any{"stop_cron": nil, "stop_at": nextYear}, true},
		"switched off": {map[string]any{"enabled": false}, false},
	} {
		if got := protocol.Has(r.Plan(r.Nothing(), r.Config(l.arguments(c.arguments))).Diagnostics, protocol.Failure, "has stop protection"); got != c.refused {
			t.Errorf("%s: refused is %v", name, got)
		}
	}
	// Protection that came between plan and apply.
	l.AWS.Region(schedRegion).SetProtection(l.id, false, false)
	kept := r.Create(r.Config(l.arguments(nil)))
	l.AWS.Region(schedRegion).SetProtection(l.id, false, true)
	// A plan may be that of a destroy, or lift the protection later: it warns.
	later := r.Config(l.arguments(map[string]any{"stop_cron": "0 20 * * ? *"}))
	for name, c := range map[string]struct {
		by       *protocol.Resource
		want     tftypes.Value
		warnings int
	}{
		"no change":    {r, r.Config(l.arguments(nil)), 1},
		"a change":     {r, later, 1},
		"switched off": {r, r.Config(l.arguments(map[string]any{"enabled": false})), 0},
		"start alone":  {r, r.Config(l.arguments(map[string]any{"stop_cron": nil, "start_cron": "0 8 * * ? *"})), 0},
		"silenced":     {l.serve(map[string]any{"suppress_warnings": []any{"stop_protected"}}), later, 0},
	} {
		diags := c.by.Plan(kept, c.want).Diagnostics
		if len(diags) != c.warnings || c.warnings > 0 && (!protocol.Has(diags, protocol.Warning, "EC2 refuses each stop of the schedules") || protocol.Path(diags[0]) != "worker_id") {
			t.Errorf("%s:\n%s", name, protocol.Show(diags))
		}
	}
	l.AWS.Deny(aws.DefaultAccountID, "ec2:DescribeInstanceAttribute")
	if diags := r.Plan(kept, later).Diagnostics; len(diags) > 0 {
		t.Errorf("without permission:\n%s", protocol.Show(diags))
	}
	l.AWS.Deny(aws.DefaultAccountID)
	if _, diags := r.Apply(t.Context(), kept, later); !protocol.Has(diags, protocol.Failure, "has stop protection") {
		t.Errorf("a change:\n%s", protocol.Show(diags))
	}
}

func TestScheduleOfTakenName(t *testing.T) {
	l := newSchedLab(t)
	l.foreign("cml-"+l.id+"-stop-at", "at(2099-01-01T00:00:00)")
	other := l.config("name = \"other\"\n" + officeHours)
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			// Also a part that this resource does not have now.
			{Config: l.config(officeHours), ExpectError: says("terraform import <address> default/cml-" + l.id)},
			{Config: other, Check: l.exist("-stop-at", "other-start", "other-stop")},
			{
				PreConfig: func() { l.foreign("other-stop-at", "at(2099-01-01T00:00:00)") },
				Config:    l.config("name = \"other\"\n" + officeHours + "stop_at = \"" + nextYear + "\"\n"), ExpectError: says("the schedule default/other-stop-at exists already"),
			},
			{Config: other, ConfigPlanChecks: unchanged()},
		},
		// What is not ours stays.
		CheckDestroy: l.exist("-stop-at", "other-stop-at"),
	})
}

// A failure after the first schedule loses none: the next apply replaces them.
func TestScheduleHalfMade(t *testing.T) {
	l := newSchedLab(t)
	broken := wire.Fault{Kind: wire.Error, Code: "ValidationException", Message: "no", Status: 400}
	l.fail("CreateSchedule", 1, 1, broken)
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: l.config(officeHours), ExpectError: says("Unable to create schedule of CML worker")},
			{
				PreConfig: func() {
					if got := l.names(); !slices.Equal(got, []string{"cml-" + l.id + "-stop"}) {
						t.Errorf("after the failure the schedules are %q", got)
					}
				},
				Config: l.config(officeHours), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionDestroyBeforeCreate), Check: l.exist("-start", "-stop"),
			},
			{
				// In an update what was done is in the state, and the rest is planned.
				PreConfig: func() { l.fail("UpdateSchedule", 0, 1, broken) },
				Config:    l.config("stop_cron = \"0 20 * * ? *\"\nstop_at = \"" + nextYear + "\"\n"), ExpectError: says("Unable to change schedule of CML worker"),
			},
			{
				PreConfig: func() { l.fail("DeleteSchedule", 0, 1, broken) },
				Config:    l.config("stop_cron = \"0 20 * * ? *\"\nstop_at = \"" + nextYear + "\"\n"), ExpectError: says("Unable to change schedule of CML worker"),
			},
			{
				PreConfig: func() { l.Recorder.Reset() },
				Config:    l.config("stop_cron = \"0 20 * * ? *\"\nstop_at = \"" + nextYear + "\"\n"), ConfigPlanChecks: schedPlanned(plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(l.changes("Delete"), l.exist("-stop", "-stop-at")),
			},
			{
				PreConfig: func() { l.fail("DeleteSchedule", 1, 1, broken) },
				Config:    l.config("stop_cron = \"0 20 * * ? *\"\n"), Destroy: true, ExpectError: says("Unable to delete schedule of CML worker"),
			},
		},
		CheckDestroy: l.exist(),
	})
}

// A server may leave out of its answers what the service model calls optional.
func TestScheduleOfTerseServer(t *testing.T) {
	l := newSchedLab(t)
	target, err := url.Parse(l.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(resp *http.Response) error {
		var body map[string]any
		if resp.Request.Method != http.MethodGet || resp.StatusCode != http.StatusOK {
			return nil
		}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			return err
		}
		for _, name := range []string{"Arn", "GroupName", "CreationDate", "LastModificationDate", "ActionAfterCompletion", "FlexibleTimeWindow"} {
			delete(body, name)
		}
		if body["State"] == "ENABLED" {
			delete(body, "State")
		}
		if body["ScheduleExpressionTimezone"] == "UTC" {
			delete(body, "ScheduleExpressionTimezone")
		}
		raw, err := json.Marshal(body)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
		resp.Header.Set("Content-Length", strconv.Itoa(len(raw)))
		return err
	}
	server := httptest.NewServer(proxy)
	defer server.Close()
	r := l.serve(map[string]any{"endpoints": []any{map[string]any{"ec2": l.Endpoint(), "sts": l.Endpoint(), "scheduler": server.URL}}})
	config := r.Config(l.arguments(map[string]any{"stop_at": nextYear}))
	made := r.Create(config)
	read, diags := r.Read(made)
	r.Good(diags)
	imported, more := l.importIdentity(r, "")
	r.Good(more)
	for name, kept := range map[string]protocol.Kept{"read": read, "imported": imported} {
		if plan := r.Planned(kept, config); !plan.Equal(made.State) || len(diags)+len(more) > 0 {
			t.Errorf("%s: %s is planned for %s\n%s", name, plan, made.State, protocol.Show(append(diags, more...)))
		}
	}
}

// What an update did before it failed is in the state that comes with the error.
func TestScheduleHalfChanged(t *testing.T) {
	l := newSchedLab(t)
	r := l.serve(nil)
	kept := r.Create(r.Config(l.arguments(nil)))
	l.fail("CreateSchedule", 0, 1, wire.Fault{Kind: wire.Error, Code: "ValidationException", Message: "no", Status: 400})
	half, diags := r.Apply(t.Context(), kept, r.Config(l.arguments(map[string]any{"stop_cron": "0 20 * * ? *", "start_cron": "0 8 * * ? *", "retry_window": "1h"})))
	if !protocol.Has(diags, protocol.Failure, "Unable to change schedule of CML worker") {
		t.Fatal(protocol.Show(diags))
	}
	for name, want := range map[string]string{"stop_cron": "0 20 * * ? *", "retry_window": "15m"} {
		if got := protocol.Text(t, half.State, name); got != want {
			t.Errorf("%s is %q, wanted %q", name, got, want)
		}
	}
	if start := member(t, half.State, "start_cron"); !start.IsNull() {
		t.Errorf("start_cron is %s, and was not made", start)
	}
}

// An answer that got lost leaves no schedule that nobody knows of.
func TestScheduleLostAnswers(t *testing.T) {
	lost := wire.Fault{Kind: wire.Reset, AfterEffect: true}
	once := map[string]any{"max_retries": 1}
	t.Run("found", func(t *testing.T) {
		l := newSchedLab(t)
		l.fail("CreateSchedule", 0, 1, lost)
		r := l.serve(once)
		r.Create(r.Config(l.arguments(nil)))
	})
	t.Run("repeated by its token", func(t *testing.T) {
		l := newSchedLab(t)
		l.fail("CreateSchedule", 0, 1, lost)
		r := l.serve(nil)
		r.Create(r.Config(l.arguments(nil)))
		if got := l.names(); len(got) != 1 {
			t.Errorf("the schedules are %q", got)
		}
	})
	t.Run("not known", func(t *testing.T) {
		l := newSchedLab(t)
		l.fail("CreateSchedule", 0, 1, lost)
		l.fail("GetSchedule", 3, 1, wire.Fault{Kind: wire.Error, Code: "InternalServerException", Status: 500})
		r := l.serve(once)
		config := r.Config(l.arguments(nil))
		kept, diags := r.Apply(t.Context(), r.Nothing(), config)
		if !protocol.Has(diags, protocol.Failure, "") || kept.State.IsNull() || protocol.Text(t, kept.State, "id") != "default/cml-"+l.id {
			t.Fatalf("the state is %s:\n%s", kept.State, protocol.Show(diags))
		}
		// The next refresh finds it, and a destroy without one deletes it.
		read, diags := r.Read(kept)
		r.Good(diags)
		if protocol.Text(t, read.State, "stop_schedule_arn") == "" {
			t.Errorf("the refresh finds %s", read.State)
		}
		if _, diags = r.Destroy(t.Context(), kept); len(diags) > 0 || len(l.names()) > 0 {
			t.Errorf("left are %q:\n%s", l.names(), protocol.Show(diags))
		}
	})
	t.Run("canceled", func(t *testing.T) {
		l := newSchedLab(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l.fail("CreateSchedule", 0, 1, wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Minute)})
		r := l.serve(nil)
		go func() {
			for l.Recorder.Count("scheduler", "CreateSchedule") == 0 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		// Whether the request still took effect, and when, is the server's affair.
		kept, diags := r.Apply(ctx, r.Nothing(), r.Config(l.arguments(nil)))
		if kept.State.IsNull() {
			t.Errorf("the schedule is in no state:\n%s", protocol.Show(diags))
		}
	})
}

func TestScheduleThrottled(t *testing.T) {
	l := newSchedLab(t)
	l.fail("CreateSchedule", 0, 2, wire.Fault{Kind: wire.Throttle})
	l.AWS.AddRole(aws.DefaultAccountID, aws.Role{Name: "fresh", Services: []string{"scheduler.amazonaws.com"}}, 2)
	r := l.serve(nil)
	r.Create(r.Config(l.arguments(map[string]any{"role_arn": strings.Replace(schedRole, "cml-scheduler", "fresh", 1)})))
}

// The schedules of a worker that is gone remain, with a warning, until they are
// destroyed.
func TestScheduleOutlivesWorker(t *testing.T) {
	l := newSchedLab(t)
	r := l.serve(nil)
	config := r.Config(l.arguments(nil))
	kept := r.Create(config)
	l.AWS.Region(schedRegion).TerminateOutside(l.id)
	read, diags := r.Read(kept)
	r.Good(diags)
	if !protocol.Has(diags, protocol.Warning, "does not exist any more. The schedules default/cml-"+l.id) || !read.State.Equal(kept.State) {
		t.Errorf("%s:\n%s", read.State, protocol.Show(diags))
	}
	l.AWS.Region(schedRegion).Forget(l.id)
	if left, diags := r.Destroy(t.Context(), read); !left.State.IsNull() || len(diags) > 0 || len(l.names()) > 0 {
		t.Errorf("left are %q:\n%s", l.names(), protocol.Show(diags))
	}
}

// Other credentials see no schedules, which proves nothing.
func TestScheduleOfAnotherAccount(t *testing.T) {
	l := newSchedLab(t, func(o *simulator.Options) {
		o.AWS.Accounts = append(o.AWS.Accounts, aws.Account{ID: "999999999999", Keys: []aws.Key{{AccessKeyID: "AKIASTRANGEREXAMPLE"}}})
	})
	kept := func() protocol.Kept { r := l.serve(nil); return r.Create(r.Config(l.arguments(nil))) }()
	r := l.serve(map[string]any{"access_key": "AKIASTRANGEREXAMPLE"})
	read, diags := r.Read(kept)
	if !protocol.Has(diags, protocol.Failure, "not visible with these credentials") || read.State.IsNull() {
		t.Errorf("%s:\n%s", read.State, protocol.Show(diags))
	}
	if _, diags = r.Apply(t.Context(), kept, r.Config(l.arguments(map[string]any{"stop_cron": "0 20 * * ? *"}))); !protocol.Has(diags, protocol.Failure, "not visible with these credentials") {
		t.Errorf("a change:\n%s", protocol.Show(diags))
	}
	left, diags := r.Destroy(t.Context(), kept)
	if !protocol.Has(diags, protocol.Failure, "not visible with these credentials") || left.State.IsNull() || len(l.names()) != 1 {
		t.Errorf("%s:\n%s", left.State, protocol.Show(diags))
	}
}

func TestScheduleUnknowns(t *testing.T) {
	l := newSchedLab(t)
	unknown := tftypes.UnknownValue
	r := l.serve(nil)
	t.Run("arguments", func(t *testing.T) {
		for name := range map[string]any{"worker_id": 1, "role_arn": 1, "timezone": 1, "stop_cron": 1, "stop_at": 1, "name": 1, "group_name": 1, "enabled": 1, "retry_window": 1, "dead_letter_arn": 1} {
			config := r.Config(l.arguments(map[string]any{name: unknown}))
			if diags := r.Validate(config); len(diags) > 0 {
				t.Errorf("%s: %s", name, protocol.Show(diags))
			}
			plan := r.Planned(r.Nothing(), config)
			if id := member(t, plan, "id"); id.IsKnown() == (name == "worker_id" || name == "name" || name == "group_name") {
				t.Errorf("%s unknown: id is %s", name, id)
			}
		}
	})
	t.Run("provider", func(t *testing.T) {
		kept := r.Create(r.Config(l.arguments(nil)))
		later := l.serve(map[string]any{"region": unknown})
		l.Recorder.Reset()
		read, diags := later.Read(kept)
		later.Good(diags)
		if !read.State.Equal(kept.State) || !protocol.Has(diags, protocol.Warning, "known only after apply") || len(l.Recorder.All()) > 0 {
			t.Errorf("%s:\n%s", read.State, protocol.Show(diags))
		}
	})
}

// A worker that is made in the same apply.
func TestScheduleBesideWorker(t *testing.T) {
	l := newSchedLab(t)
	config := l.Provider(l.Controller(false)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
  readiness          = { until = "running" }
}

resource "cml_worker_schedule" "hours" {
  worker_id = cml_worker.lab.id
  role_arn  = %q
  stop_cron = "0 19 * * ? *"
}
`, aws.SeededID("ami", schedRegion, aws.SerialImage290), aws.SeededID("subnet", schedRegion, aws.SerialSubnetA), aws.SeededID("sg", schedRegion, aws.SerialGroupCML), schedRole)
	acctest.Test(t, resource.TestCase{
		Steps: []resource.TestStep{
			{Config: config, Check: resource.TestCheckResourceAttrPair(sched, "worker_id", "cml_worker.lab", "id")},
			// The tag on the worker is none of the worker's configuration.
			{Config: config, ConfigPlanChecks: unchanged()},
			{
				// A worker that vanished takes the schedule along, by replacement.
				PreConfig: func() {
					for _, in := range l.AWS.Region(schedRegion).Instances() {
						if in.ID != l.id {
							l.AWS.Region(schedRegion).TerminateOutside(in.ID)
						}
					}
				},
				Config: config, ConfigPlanChecks: schedPlanned(plancheck.ResourceActionDestroyBeforeCreate),
				Check: func(s *terraform.State) error {
					if got, want := l.names(), "cml-"+s.RootModule().Resources["cml_worker.lab"].Primary.ID+"-stop"; !slices.Equal(got, []string{want}) {
						return fmt.Errorf("the schedules are %q, wanted %q", got, want)
					}
					return nil
				},
			},
		},
		CheckDestroy: l.exist(),
	})
}

// What no argument shows is told.
func TestScheduleTellsWhatChanged(t *testing.T) {
	l := newSchedLab(t)
	r := l.serve(nil)
	kept := r.Create(r.Config(l.arguments(nil)))
	l.edit("-stop", func(in *scheduler.UpdateScheduleInput) { in.Description = nil })
	_, diags := r.Read(kept)
	if !protocol.Has(diags, protocol.Warning, "was changed outside of Terraform: description") {
		t.Error(protocol.Show(diags))
	}
	quiet := l.serve(map[string]any{"suppress_warnings": []any{"schedule_changed"}})
	if _, diags = quiet.Read(kept); len(diags) > 0 {
		t.Error(protocol.Show(diags))
	}
}

func member(t *testing.T, v tftypes.Value, name string) tftypes.Value {
	t.Helper()
	var members map[string]tftypes.Value
	if err := v.As(&members); err != nil {
		t.Fatal(err)
	}
	return members[name]
}
