package automation_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// The role that lets alarms act on EC2 is made by CloudWatch only for who may.
func TestIdlePolicyWithoutRole(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	l.AWS.Deny(aws.DefaultAccountID, "iam:CreateServiceLinkedRole")
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: l.config(""), ExpectError: says("aws iam create-service-linked-role --aws-service-name events.amazonaws.com")},
		// Nothing was made, so that nothing is tainted.
		{PreConfig: func() { l.AWS.Deny(aws.DefaultAccountID, "cloudwatch:DescribeAlarms") }, Config: l.config(""), ExpectError: says("Missing permission: cloudwatch:DescribeAlarms")},
		{PreConfig: func() { l.AWS.Deny(aws.DefaultAccountID) }, Config: l.config(""), ConfigPlanChecks: planned(plancheck.ResourceActionCreate)},
	}})
}

// An answer that is lost is made up for by looking.
func TestIdlePolicyLostAnswers(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	lose := func(operation string, skip int) func() {
		return func() {
			l.Faults.Add(wire.Rule{Operation: operation, Skip: skip, Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
		}
	}
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{PreConfig: lose("PutMetricAlarm", 0), Config: l.config(whole)},
		{PreConfig: lose("PutMetricAlarm", 1), Config: l.config("idle_threshold = \"1h\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate)},
		{Config: l.config("idle_threshold = \"1h\""), ConfigPlanChecks: unchanged()},
		// Deleted all the same, and the next run finds it so.
		{PreConfig: lose("DeleteAlarms", 0), Config: l.provider(""), ExpectError: says("Unable to delete idle policy")},
		{Config: l.provider("")},
		{
			// An alarm that is not as it was put is no sign that the put was carried out.
			PreConfig: func() {
				l.Faults.Add(wire.Rule{Operation: "PutMetricAlarm", Skip: 2, Times: 1, Fault: wire.Fault{Kind: wire.Reset}})
			},
			Config: l.config(whole), ExpectError: says("Unable to create idle policy"),
		},
		{Config: l.config(whole), ConfigPlanChecks: planned(plancheck.ResourceActionReplace)},
	}})
}

// What is left half made stops nothing, and the next apply makes it anew.
func TestIdlePolicyHalfMade(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	l.fail("PutMetricAlarm", "InternalServiceFault", "no", 2, 1)
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: l.config(whole), ExpectError: says("Unable to create idle policy")},
		{
			PreConfig: func() {
				if a := l.stopAlarm(); *a.ActionsEnabled {
					t.Error("a half-made alarm would act")
				}
			},
			Config: l.config(whole), ConfigPlanChecks: planned(plancheck.ResourceActionReplace), Check: l.tag(l.stopName()),
		},
		{
			// The same on a change.
			PreConfig: func() { l.fail("PutMetricAlarm", "InternalServiceFault", "no", 1, 1) },
			Config:    l.config("idle_threshold = \"1h\""), ExpectError: says("Unable to change idle policy"),
		},
		{Config: l.config("idle_threshold = \"1h\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: l.tag(l.stopName())},
		{Config: l.config("idle_threshold = \"1h\""), ConfigPlanChecks: unchanged()},
	}})
}

func TestIdlePolicyFaults(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	throttled := l.Provider("max_retries = 4") + l.policy("")
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{
			PreConfig: func() {
				l.Faults.Add(wire.Rule{Operation: "PutMetricAlarm", Times: 2, Fault: wire.Fault{Kind: wire.Throttle}})
			},
			Config: throttled,
		},
		{
			// Tags are read where that is allowed.
			PreConfig: func() { l.AWS.Deny(aws.DefaultAccountID, "cloudwatch:ListTagsForResource") },
			Config:    l.config(""), ConfigPlanChecks: unchanged(),
		},
		{
			PreConfig: func() { l.AWS.Deny(aws.DefaultAccountID, "cloudwatch:DeleteAlarms") },
			Config:    l.config("idle_threshold = \"1h\""), ExpectError: says("Missing permission: cloudwatch:DeleteAlarms"),
		},
		{PreConfig: func() { l.AWS.Deny(aws.DefaultAccountID, "ec2:DescribeInstances") }, Config: l.config(""), ConfigPlanChecks: unchanged()},
		{
			// A tag that cannot be written is a warning.
			PreConfig: func() { l.AWS.Deny(aws.DefaultAccountID, "ec2:CreateTags", "ec2:DeleteTags") },
			Config:    l.config("idle_threshold = \"1h\""),
		},
		{PreConfig: func() { l.AWS.Deny(aws.DefaultAccountID) }, Config: l.config("idle_threshold = \"1h\""), ConfigPlanChecks: unchanged()},
	}})
}

// Alarms of a worker that is gone cost money: they stay in the state, with a
// warning, until they are destroyed.
func TestIdlePolicyOutlivesWorker(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	r := l.serve(nil).Resource("cml_worker_idle_policy")
	config := r.Config(map[string]any{"worker_id": l.id})
	made := r.Create(config)
	if made.Identity == nil || made.Identity.IdentityData == nil {
		t.Error("there is no identity")
	}
	l.AWS.Region(home).TerminateOutside(l.id)
	l.eventually("the worker to end", func() bool { return l.state() == "terminated" })
	for _, gone := range []func(){func() {}, func() { l.AWS.Region(home).Forget(l.id) }} {
		gone()
		read, diags := r.Read(made)
		r.Good(diags)
		if read.State.IsNull() || !protocol.Has(diags, protocol.Warning, "[idle_policy_left]") {
			t.Errorf("%s\n%s", read.State, protocol.Show(diags))
		}
	}
	gone, diags := r.Destroy(t.Context(), made)
	r.Good(diags)
	if !gone.State.IsNull() || protocol.Has(diags, protocol.Warning, "") || len(l.alarms()) != 0 {
		t.Errorf("%s\n%s", gone.State, protocol.Show(diags))
	}
	// And once more, of what is gone.
	gone, diags = r.Destroy(t.Context(), made)
	r.Good(diags)
	if !gone.State.IsNull() {
		t.Errorf("%s", gone.State)
	}
	if read, diags := r.Read(made); !read.State.IsNull() || protocol.Has(diags, protocol.Failure, "") {
		t.Errorf("%s\n%s", read.State, protocol.Show(diags))
	}
}

// serve is a provider that speaks to all of this world.
func (l *idleLab) serve(more map[string]any) *protocol.Server {
	config := map[string]any{"endpoints": []any{map[string]any{"ec2": l.Endpoint(), "sts": l.Endpoint(), "cloudwatch": l.Endpoint()}}}
	for k, v := range more {
		config[k] = v
	}
	return protocol.Serve(l.t, l.World, config)
}

// In another account the alarms look deleted, and are not.
func TestIdlePolicyOfAnotherAccount(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t, func(o *simulator.Options) {
		o.AWS.Accounts = []aws.Account{{ID: aws.DefaultAccountID}, {ID: "444455556666", Keys: []aws.Key{{AccessKeyID: "AKIAOTHER"}}}}
	})
	r := l.serve(nil).Resource("cml_worker_idle_policy")
	made := r.Create(r.Config(map[string]any{"worker_id": l.id}))
	other := l.serve(map[string]any{"access_key": "AKIAOTHER"}).Resource("cml_worker_idle_policy")
	if read, diags := other.Read(made); read.State.IsNull() || !protocol.Has(diags, protocol.Failure, "not visible with these credentials") {
		t.Errorf("read: %s\n%s", read.State, protocol.Show(diags))
	}
	if gone, diags := other.Destroy(t.Context(), made); gone.State.IsNull() || !protocol.Has(diags, protocol.Failure, "not visible with these credentials") {
		t.Errorf("destroy: %s\n%s", gone.State, protocol.Show(diags))
	}
	if _, diags := other.Apply(t.Context(), made, other.Config(map[string]any{"worker_id": l.id, "idle_threshold": "1h"})); !protocol.Has(diags, protocol.Failure, "not visible with these credentials") {
		t.Errorf("change:\n%s", protocol.Show(diags))
	}
	if len(l.alarms()) != 1 {
		t.Errorf("%d alarms", len(l.alarms()))
	}
}

// What a plan would refuse is refused in apply, where it is known only then.
func TestIdlePolicyKnownInApply(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	later := func(argument, value, more string) string {
		return fmt.Sprintf("%s\nresource \"terraform_data\" \"later\" { input = %q }\nresource \"cml_worker_idle_policy\" \"lab\" {\n  %s = terraform_data.later.output\n  %s\n}\n",
			l.provider(""), value, argument, more)
	}
	here, warned := fmt.Sprintf("worker_id = %q\n", l.id), fmt.Sprintf("idle_warning = \"20m\"\n  sns_topic_arn = %q\n", topic)
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{
			PreConfig: func() { l.AWS.Region(home).SetProtection(l.id, false, true) },
			Config:    later("worker_id", l.id, ""), ExpectError: says("has stop protection (disableApiStop)"),
		},
		{
			PreConfig: func() { l.AWS.Region(home).SetProtection(l.id, false, false) },
			Config:    later("idle_threshold", "10m", here+warned), ExpectError: says("Warning would come too late"),
		},
		{Config: later("sns_topic_arn", strings.Replace(topic, home, "us-west-2", 1), here), ExpectError: says("Topic is in another region")},
		{Config: later("idle_threshold", "30m", here+warned)},
		{Config: later("idle_threshold", "15m", here+warned), ExpectError: says("Warning would come too late")},
	}})
}

// Another worker gets a policy of its own.
func TestIdlePolicyOfAnotherWorker(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	second := launched(t, l.World)
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: l.config("")},
		{
			Config: strings.Replace(l.config(""), l.id, second, 1), ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate),
			Check: func(*terraform.State) error {
				if names := slices.Collect(maps.Keys(l.alarms())); !slices.Equal(names, []string{"cml-idle-" + second}) {
					return fmt.Errorf("the alarms are %q", names)
				}
				return l.tag("")(nil)
			},
		},
	}})
}

func TestIdlePolicyUnknowns(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	known := l.serve(nil).Resource("cml_worker_idle_policy")
	config := map[string]any{"worker_id": l.id, "idle_warning": "10m", "sns_topic_arn": topic}
	made := known.Create(known.Config(config))
	l.Recorder.Reset()

	r := l.serve(map[string]any{"secret_key": protocol.Unknown{}}).Resource("cml_worker_idle_policy")
	read, diags := r.Read(made)
	r.Good(diags)
	if !read.State.Equal(made.State) || !protocol.Has(diags, protocol.Warning, "[unknown_configuration]") {
		t.Errorf("%s\n%s", read.State, protocol.Show(diags))
	}
	r.Planned(r.Nothing(), r.Config(config))
	if n := len(l.Recorder.All()); n != 0 {
		t.Errorf("%d requests with a configuration that is not known", n)
	}

	// Everything but the worker may come with the apply, and so may that.
	unknown := map[string]any{"worker_id": protocol.Unknown{}}
	for _, name := range []string{"idle_threshold", "idle_warning", "sns_topic_arn", "cpu_threshold_percent", "signal", "region"} {
		unknown[name] = protocol.Unknown{}
	}
	if diags := known.Validate(known.Config(unknown)); protocol.Has(diags, protocol.Failure, "") {
		t.Errorf("validate:\n%s", protocol.Show(diags))
	}
	known.Planned(known.Nothing(), known.Config(unknown))
	config["idle_warning"] = protocol.Unknown{}
	if plan := known.Planned(made, known.Config(config)); member(t, plan, "warning_alarm_arn").IsKnown() || !member(t, plan, "alarm_arn").IsKnown() {
		t.Errorf("plan with a warning that is not known: %s", plan)
	}
}

// The plan tells what was done to the alarms, since no argument does.
func TestIdlePolicyTellsWhatChanged(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	r := l.serve(nil).Resource("cml_worker_idle_policy")
	config := r.Config(map[string]any{"worker_id": l.id})
	made := r.Create(config)
	l.off()
	read, diags := r.Read(made)
	r.Good(diags)
	plan := r.Plan(read, config)
	if !protocol.Has(plan.Diagnostics, protocol.Warning, "its actions are switched off. This plan puts them back. [idle_policy_changed]") {
		t.Errorf("the plan says\n%s", protocol.Show(plan.Diagnostics))
	}
	if member(t, r.Value(plan.PlannedState), "alarm_arn").IsKnown() || member(t, r.Value(plan.PlannedState), "alarm_state").IsNull() {
		t.Errorf("planned: %s", r.Value(plan.PlannedState))
	}
	mended, diags := r.Apply(t.Context(), read, config)
	r.Good(diags)
	if again := r.Plan(mended, config); protocol.Has(again.Diagnostics, protocol.Warning, "") || !r.Value(again.PlannedState).Equal(mended.State) {
		t.Errorf("after the apply: %s\n%s", r.Value(again.PlannedState), protocol.Show(again.Diagnostics))
	}
}

// The policy of a cml_worker, in one configuration with it and its power.
func TestIdlePolicyBesideWorker(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	config := l.Provider(l.Controller(false)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
}

resource "cml_worker_power" "lab" {
  worker_id          = cml_worker.lab.id
  state              = "running"
  on_external_change = "accept"
}

resource "cml_worker_idle_policy" "lab" {
  worker_id     = cml_worker.lab.id
  idle_warning  = "20m"
  sns_topic_arn = %q
}
`, aws.SeededID("ami", home, aws.SerialImage290), aws.SeededID("subnet", home, aws.SerialSubnetA), aws.SeededID("sg", home, aws.SerialGroupCML), topic)
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: config},
		{Config: config, ConfigPlanChecks: unchanged()},
	}})
}

func TestIdlePolicyValidation(t *testing.T) {
	t.Parallel()
	r := protocol.Unconfigured(t).Resource("cml_worker_idle_policy")
	for name, tc := range map[string]struct {
		arguments map[string]any
		want      string
	}{
		"plain":            {map[string]any{}, ""},
		"whole":            {map[string]any{"idle_threshold": "31m", "idle_warning": "30m", "sns_topic_arn": topic}, ""},
		"processors":       {map[string]any{"signal": "cpu", "cpu_threshold_percent": 4.5, "idle_threshold": "24h"}, ""},
		"signal":           {map[string]any{"signal": "network"}, "value must be one of"},
		"no load":          {map[string]any{"signal": "cpu"}, "needs `cpu_threshold_percent`"},
		"load unused":      {map[string]any{"cpu_threshold_percent": 4}, "belongs to `signal = \"cpu\"`"},
		"load":             {map[string]any{"signal": "cpu", "cpu_threshold_percent": 0}, "between 0.1"},
		"uneven":           {map[string]any{"signal": "cpu", "cpu_threshold_percent": 4, "idle_threshold": "33m"}, `Write for instance "35m"`},
		"uneven warning":   {map[string]any{"signal": "cpu", "cpu_threshold_percent": 4, "idle_warning": "7m", "sns_topic_arn": topic}, `Write for instance "10m"`},
		"short":            {map[string]any{"idle_threshold": "4m"}, "between"},
		"long":             {map[string]any{"idle_threshold": "25h"}, "between"},
		"late":             {map[string]any{"idle_threshold": "30m", "idle_warning": "1800s", "sns_topic_arn": topic}, "worker is stopped after 30m"},
		"late, by default": {map[string]any{"idle_warning": "45m", "sns_topic_arn": topic}, "worker is stopped after 30m"},
		"nobody":           {map[string]any{"idle_warning": "10m"}, "Set `sns_topic_arn`"},
		"topic":            {map[string]any{"sns_topic_arn": "arn:aws:sqs:us-east-1:111122223333:x"}, "ARN of the service \"sqs\""},
		"worker":           {map[string]any{"worker_id": "lab-01"}, "not an instance id"},
		"tag":              {map[string]any{"tags": map[string]any{"aws:x": "y"}}, "aws:"},
	} {
		arguments := map[string]any{"worker_id": "i-0123456789abcdef0"}
		for k, v := range tc.arguments {
			arguments[k] = v
		}
		diags := r.Validate(r.Config(arguments))
		if tc.want == "" && protocol.Has(diags, protocol.Failure, "") || tc.want != "" && !protocol.Has(diags, protocol.Failure, tc.want) {
			t.Errorf("%s:\n%s", name, protocol.Show(diags))
		}
	}
}

// What needs the provider's configuration is refused in the plan.
func TestIdlePolicyPlanErrors(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	r := l.serve(nil).Resource("cml_worker_idle_policy")
	for want, arguments := range map[string]map[string]any{
		"The topic is in eu-west-1": {"sns_topic_arn": "arn:aws:sns:eu-west-1:111122223333:x"},
		"kept by this provider":     {"tags": map[string]any{"cml:x": "y"}},
	} {
		arguments["worker_id"] = l.id
		if plan := r.Plan(r.Nothing(), r.Config(arguments)); !protocol.Has(plan.Diagnostics, protocol.Failure, want) {
			t.Errorf("%s:\n%s", want, protocol.Show(plan.Diagnostics))
		}
	}
	// That there is such a worker is for apply to find out.
	_, diags := r.Apply(t.Context(), r.Nothing(), r.Config(map[string]any{"worker_id": "i-0123456789abcdef0"}))
	if !protocol.Has(diags, protocol.Failure, "InvalidInstanceID.NotFound") && !protocol.Has(diags, protocol.Failure, "does not exist") {
		t.Errorf("%s", protocol.Show(diags))
	}
	if len(l.calls()) != 0 {
		t.Errorf("CloudWatch was asked %v", l.calls())
	}
}
