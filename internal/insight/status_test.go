package insight_test

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const status = "cml_worker_status"

func TestStatus(t *testing.T) {
	l := newLab(t, func(o *simulator.Options) {
		o.Timing = simulator.Quick()
		o.Timing.AWS.StatusInitializing = 0
	})
	begin := time.Date(2027, 1, 10, 8, 0, 0, 0, time.UTC)
	impaired := func() {
		l.AWS.Region(home).SetStatus(l.id, aws.Health{Instance: "impaired", Events: []aws.ScheduledEvent{
			{ID: "instance-event-3", Code: "instance-retirement", Description: "The instance is running on degraded hardware", NotBefore: begin.Add(48 * time.Hour)},
			{ID: "instance-event-1", Code: "system-reboot", Description: "[Completed] Done", NotBefore: begin},
			{ID: "instance-event-2", Code: "instance-stop", Description: "[Canceled] Not needed", NotBefore: begin},
			{ID: "instance-event-0", Code: "instance-stop", Description: "Some day"},
			{ID: "instance-event-4", Code: "system-maintenance", Description: "Power", NotBefore: begin, NotAfter: begin.Add(time.Hour)},
		}})
	}
	look := func(before func(), want map[string]knownvalue.Check) resource.TestStep {
		return resource.TestStep{PreConfig: before, Config: l.Provider("") + l.data(status, ""), ConfigStateChecks: values(status, want)}
	}
	events := look(impaired, map[string]knownvalue.Check{
		"instance_status": text("impaired"), "system_status": text("ok"), "passed": no,
		"events": knownvalue.ListExact([]knownvalue.Check{
			knownvalue.ObjectExact(map[string]knownvalue.Check{
				"id": text("instance-event-4"), "code": text("system-maintenance"), "description": text("Power"),
				"not_before": text("2027-01-10T08:00:00Z"), "not_after": text("2027-01-10T09:00:00Z")}),
			knownvalue.ObjectExact(map[string]knownvalue.Check{
				"id": text("instance-event-3"), "code": text("instance-retirement"), "description": text("The instance is running on degraded hardware"),
				"not_before": text("2027-01-12T08:00:00Z"), "not_after": null}),
			knownvalue.ObjectPartial(map[string]knownvalue.Check{"id": text("instance-event-0"), "not_before": null}),
		}),
	})
	steps(t,
		look(nil, map[string]knownvalue.Check{
			"region": text(home), "instance_state": text("running"), "system_status": text("ok"), "instance_status": text("ok"),
			"ebs_status": text("ok"), "passed": yes, "events": knownvalue.ListSizeExact(0)}),
		events,
		look(func() { l.AWS.Region(home).SetStatus(l.id, aws.Health{AttachedEBS: "impaired"}) }, map[string]knownvalue.Check{"ebs_status": text("impaired"), "passed": no}),
		look(l.stop, map[string]knownvalue.Check{
			"instance_state": text("stopped"), "system_status": text("not-applicable"), "instance_status": text("not-applicable"),
			"ebs_status": text("not-applicable"), "passed": no}),
		resource.TestStep{
			PreConfig:   func() { l.AWS.Region(home).TerminateOutside(l.id) },
			Config:      l.Provider("") + l.data(status, ""),
			ExpectError: says("CML worker not found"),
		},
	)
	for _, r := range l.Recorder.All() {
		if r.Service == "cml" {
			t.Errorf("CML was asked: %s", r.Operation)
		}
	}
}

func TestStatusElsewhereAndRefused(t *testing.T) {
	l := newLab(t)
	far := func(region string) resource.TestStep {
		return resource.TestStep{Config: l.Provider("") + l.data(status, "region = \""+region+"\"")}
	}
	other, own := far("us-west-2"), far(home)
	other.ExpectError = says("CML worker not found")
	own.ConfigStateChecks = values(status, map[string]knownvalue.Check{"region": text(home)})
	denied := resource.TestStep{
		PreConfig: func() {
			l.Faults.Add(wire.Rule{Service: "ec2", Operation: "DescribeInstanceStatus", Fault: wire.Fault{
				Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
		},
		Config: l.Provider("") + l.data(status, ""), ExpectError: says("ec2:DescribeInstanceStatus"),
	}
	steps(t, own, other, denied)
}
