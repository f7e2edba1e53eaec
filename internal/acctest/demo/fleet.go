package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// fleet is several workers that stop by themselves when nobody uses them.
var fleet = act{
	title:   "A fleet of CML workers",
	dirs:    []string{"demo-fleet", "demo-fleet-watch"},
	several: true,
	offset:  -untilLook - untilStop,
	prepare: prepareFleet,
	steps: []step{
		{"Apply: five workers in two regions, one of them stopped, each with an idle policy", createFleet},
		{"20 minutes later: who is there, who uses it, what does it cost, and whose is the sixth?", lookAtFleet},
		{"15 more minutes: the alarm stops the idle worker, with no Terraform running", idleStop},
		{"Plan again: nothing to do, the stop is accepted", planIsEmpty},
		{"Look again: the idle worker costs its volume only", lookAfterStop},
		{"Destroy the fleet: the sixth, which nobody here knows, stays", destroyFleet},
	},
}

const (
	// The two parts of the story's time; together they end at the time of this
	// machine, by which the provider looks back.
	untilLook, untilStop = 20 * time.Minute, 15 * time.Minute
	// published is how often the publisher on a worker reports.
	published = 5 * time.Minute
	// settling is how often a state is looked at that is about to change.
	settling = 50 * time.Millisecond

	west   = "us-west-2"
	orphan = "forgotten"
)

// regions of the story.
var regions = []string{"us-east-1", west}

// prepareFleet puts the world back in time, launches what nobody knows, and
// says where things are.
func prepareFleet(ctx context.Context, s *stage) error {
	err := s.sim.Apply(ctx, simulator.World{Instances: []simulator.InstanceWorld{{
		Name: orphan, Region: west, Type: "m8i.4xlarge",
	}}})
	if err != nil {
		return err
	}
	type defaults struct {
		AMIID            string   `json:"ami_id"`
		SubnetIDs        []string `json:"subnet_ids"`
		SecurityGroupIDs []string `json:"security_group_ids"`
	}
	all := map[string]defaults{}
	for _, region := range regions {
		all[region] = defaults{
			AMIID:            aws.SeededID("ami", region, aws.SerialImage291),
			SubnetIDs:        []string{aws.SeededID("subnet", region, aws.SerialSubnetA)},
			SecurityGroupIDs: []string{aws.SeededID("sg", region, aws.SerialGroupCML)},
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	s.terraform.Set("TF_VAR_region_defaults=" + string(text))
	return nil
}

func createFleet(ctx context.Context, s *stage) error {
	if _, err := s.terraform.run(ctx, "apply", "-json", "-input=false", "-auto-approve"); err != nil {
		return err
	}
	var ids map[string]string
	if err := s.terraform.output(ctx, "worker_ids", &ids); err != nil {
		return err
	}
	s.workers = ids
	known, err := json.Marshal(slices.Sorted(maps.Values(ids)))
	if err != nil {
		return err
	}
	s.terraform.Set("TF_VAR_known_worker_ids=" + string(known))
	for _, busy := range []string{"class", "metal", "team"} {
		lab := cml.Lab{Title: "Branch office", Running: true, Nodes: []cml.Node{{Label: "r1"}, {Label: "r2"}, {Label: "sw1"}}}
		if _, err := s.sim.CML.Machine(ids[busy]).AddLab(lab); err != nil {
			return err
		}
	}
	s.story.say("   Now students start labs on class, metal and team. Nobody uses idle.")
	return expect("number of running instances", s.running(), len(ids)) // parked is stopped, and the sixth runs
}

func lookAtFleet(ctx context.Context, s *stage) error {
	if err := s.pass(untilLook); err != nil {
		return err
	}
	s.story.say("   The simulated clock catches up with this machine's only at the end of step 3; until then the clocks differ.")
	seen, err := s.look(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		expect("what is known of idle", seen["idle"].Idle, "warning"),
		expect("what is known of class", seen["class"].Idle, "active"),
		expect("state of parked", seen["parked"].State, "stopped"),
		expect("whether metal is dear", seen["metal"].Hourly > 3, true),
	)
}

func idleStop(ctx context.Context, s *stage) error {
	if err := s.pass(untilStop); err != nil {
		return err
	}
	id := s.workers["idle"]
	for {
		i, _ := s.sim.AWS.Region(regions[0]).Instance(id)
		if i.State == "stopped" {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the idle worker is %s, not stopped: %w", i.State, context.Cause(ctx))
		case <-time.After(settling):
		}
	}
	s.story.say("   The alarm of idle went off, and CloudWatch stopped %s.", id)
	return expect("number of running instances", s.running(), 4)
}

func lookAfterStop(ctx context.Context, s *stage) error {
	seen, err := s.look(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		expect("state of idle", seen["idle"].State, "stopped"),
		expect("state of class", seen["class"].State, "running"),
		expect("whether a stopped worker is cheap", seen["idle"].Hourly < 0.1, true),
	)
}

func destroyFleet(ctx context.Context, s *stage) error {
	if _, err := s.terraform.run(ctx, "destroy", "-json", "-input=false", "-auto-approve"); err != nil {
		return err
	}
	var left []string
	for _, region := range regions {
		for _, i := range s.sim.AWS.Region(region).Instances() {
			if i.State != "terminated" {
				left = append(left, i.Tags["Name"])
			}
		}
		for name := range s.sim.AWS.Region(region).Alarms() {
			left = append(left, "alarm "+name)
		}
	}
	s.story.say("   Left: %s. No configuration knows it; it is for a person to decide.", strings.Join(left, ", "))
	return expect("what is left", strings.Join(left, ", "), orphan)
}

// pass lets the simulated time pass. The workers' publishers report meanwhile;
// they run here and not on the machines, so that the demo needs no Python.
func (s *stage) pass(d time.Duration) error {
	for ; d > 0; d -= published {
		if err := s.sim.Advance(published); err != nil {
			return err
		}
		s.publish()
	}
	return nil
}

// publish reports for each running worker of the fleet what its publisher
// would: for how long nobody has used it, 0 while nodes run.
func (s *stage) publish() {
	for _, region := range regions {
		for _, i := range s.sim.AWS.Region(region).Instances() {
			if i.State != "running" || i.Tags["Name"] == orphan {
				continue
			}
			idle := s.sim.Now().Sub(i.LaunchTime)
			if s.sim.CML.Machine(i.ID).RunningNodes() > 0 {
				idle = 0
			}
			s.sim.AWS.Region(region).PublishMetric("CML/Worker", "IdleSeconds", map[string]string{"InstanceId": i.ID}, s.sim.Now(), idle.Seconds())
		}
	}
}

// watched is a worker as the second configuration sees it.
type watched struct {
	Name   string   `json:"name"`
	Region string   `json:"region"`
	Type   string   `json:"instance_type"`
	State  string   `json:"instance_state"`
	Passed *bool    `json:"checks_passed"`
	Nodes  *int     `json:"nodes_running"`
	CPU    *float64 `json:"cpu_percent"`
	Idle   string   `json:"idle"`
	Hourly float64  `json:"hourly_now"`
}

// look applies the second configuration, which has no resources, and shows
// what it found, by name.
func (s *stage) look(ctx context.Context) (map[string]watched, error) {
	watch := s.modules["demo-fleet-watch"]
	if _, err := watch.run(ctx, "apply", "-json", "-input=false", "-auto-approve"); err != nil {
		return nil, err
	}
	var all []watched
	var orphans, missing []string
	if err := errors.Join(watch.output(ctx, "fleet", &all), watch.output(ctx, "orphans", &orphans), watch.output(ctx, "missing", &missing)); err != nil {
		return nil, err
	}
	s.story.say("   %-10s %-10s %-12s %-8s %-6s %5s %6s  %-8s %10s", "name", "region", "type", "state", "checks", "nodes", "cpu %", "used?", "USD/hour")
	seen := map[string]watched{}
	sum := 0.0
	for _, w := range slices.SortedFunc(slices.Values(all), func(a, b watched) int { return strings.Compare(a.Region+a.Name, b.Region+b.Name) }) {
		seen[w.Name] = w
		sum += w.Hourly
		s.story.say("   %-10s %-10s %-12s %-8s %-6s %5s %6s  %-8s %10.3f", w.Name, w.Region, w.Type, w.State, shown(w.Passed), shown(w.Nodes), shown(w.CPU), w.Idle, w.Hourly)
	}
	s.story.say("   %-72s %10.3f", "together", sum)
	s.story.say("   Known to no configuration: %s", strings.Join(orphans, ", "))
	return seen, errors.Join(
		expect("number of workers", len(all), len(s.workers)+1),
		expect("number of orphans", len(orphans), 1),
		expect("whether it is the orphan", strings.HasPrefix(strings.Join(orphans, ", "), orphan), true),
		expect("number of missing workers", len(missing), 0),
	)
}

// shown is a value that may be absent.
func shown[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}
