package demo

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// stage is all that the story needs: an engine in a sandbox, in folders with
// the configurations.
type stage struct {
	story *story
	// terraform works in the first of the configurations, modules in each.
	terraform *terraform
	modules   map[string]*terraform
	sim       *simulator.Simulator
	// url of the first start.
	url string
	// workers are the ids of the fleet by name.
	workers map[string]string
}

// setUp starts the simulator, builds the provider and initialises the working
// folders. A stage that is not nil has to be closed, also with an error.
func setUp(ctx context.Context, o Options, a act, s *story) (*stage, error) {
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	o.Simulator.ClockOffset = a.offset
	box, err := sandbox.New(ctx, o.Engine, o.Simulator)
	if err != nil {
		return nil, err
	}
	st := &stage{story: s, sim: box.Simulator, modules: map[string]*terraform{}}
	log := &tail{path: filepath.Join(box.Dir, "provider.log")}
	for _, dir := range a.dirs {
		st.modules[dir] = &terraform{Sandbox: box, dir: filepath.Join(box.Dir, "work", dir), story: s, log: log}
	}
	st.terraform = st.modules[a.dirs[0]]
	s.say("   simulator  AWS at %s; CML on addresses in 127.64.0.0/10, port %d", st.sim.Endpoint(), st.sim.Port())

	s.say("   provider   is built from this clone; the first time takes minutes, for the AWS SDK")
	begin := time.Now()
	if err := box.Build(ctx); err != nil {
		return st, err
	}
	s.say("   provider   was built in %s", seconds(time.Since(begin)))

	box.Set(
		"TF_VAR_ami_id="+seeded("ami", aws.SerialImage291),
		"TF_VAR_subnet_id="+seeded("subnet", aws.SerialSubnetA),
		"TF_VAR_security_group_id="+seeded("sg", aws.SerialGroupCML),
	)
	if a.prepare != nil {
		if err := a.prepare(ctx, st); err != nil {
			return st, err
		}
	}
	for _, dir := range a.dirs {
		if err := st.lay(ctx, filepath.Join(root, "examples", dir), st.modules[dir]); err != nil {
			return st, err
		}
	}
	return st, nil
}

// lay copies one configuration into its working folder and initialises it.
func (s *stage) lay(ctx context.Context, from string, t *terraform) error {
	if err := os.CopyFS(t.dir, os.DirFS(from)); err != nil {
		return fmt.Errorf("copying %s: %w", from, err)
	}
	begin := time.Now()
	if _, err := t.quiet(ctx, "init", "-no-color", "-input=false"); err != nil {
		return err
	}
	s.story.say("   engine     ran init in %s: the provider comes from a mirror in a folder, no registry is asked", seconds(time.Since(begin)))
	return nil
}

func seeded(prefix string, serial int) string { return aws.SeededID(prefix, sandbox.Region, serial) }

// apply applies the configuration with the given state of power and shows the
// outputs; an output that is null is absent.
func (s *stage) apply(ctx context.Context, state string) (map[string]string, error) {
	if _, err := s.terraform.run(ctx, "apply", "-json", "-input=false", "-auto-approve", "-var", "state="+state); err != nil {
		return nil, err
	}
	out, err := s.terraform.outputs(ctx)
	if err != nil {
		return nil, err
	}
	s.story.say("   Outputs:")
	for _, name := range slices.Sorted(maps.Keys(out)) {
		s.story.say("     %-14s = %s", name, out[name])
	}
	return out, nil
}

// running is the number of instances that EC2 shows as running.
func (s *stage) running() int {
	n := 0
	for _, region := range regions {
		for _, i := range s.sim.AWS.Region(region).Instances() {
			if i.State == "running" {
				n++
			}
		}
	}
	return n
}

// left are the instances that are not terminated, and the volumes that are
// there: what would go on to cost money.
func (s *stage) left() []string {
	var left []string
	for _, i := range s.sim.AWS.Region(sandbox.Region).Instances() {
		if i.State != "terminated" {
			left = append(left, "instance "+i.ID+" ("+i.State+")")
		}
	}
	for _, v := range s.sim.AWS.Region(sandbox.Region).Volumes() {
		left = append(left, "volume "+v.ID)
	}
	return left
}

// summary tells how long each step took and what was asked.
func (s *stage) summary(steps []step, took []time.Duration) {
	s.story.say("")
	s.story.say("Done. The steps took")
	for i, step := range steps {
		s.story.say("   %7s  %d. %s", seconds(took[i]), i+1, step.title)
	}
	counts := map[string]int{}
	for _, r := range s.sim.Recorder.All() {
		counts[r.Service+" "+r.Operation]++
	}
	s.story.say("and the simulator was asked")
	for _, name := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	}) {
		s.story.say("   %7d  %s", counts[name], name)
	}
}

// keep leaves the simulator up until ctx ends and tells how to go on.
func (s *stage) keep(ctx context.Context) error {
	var b strings.Builder
	b.WriteString("# Makes Terraform, OpenTofu and the provider use the simulated world.\n")
	b.WriteString("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE CML_TOKEN\n")
	for _, entry := range s.terraform.Settings() {
		key, value, _ := strings.Cut(entry, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", key, value)
	}
	file := filepath.Join(s.terraform.Dir, "env")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("writing the settings: %w", err)
	}
	s.story.say(`
The simulated AWS and CML stay up until Ctrl-C. In another terminal:

   . %[1]s
   cd %[2]s
   %[3]s apply          # the demo's configuration; or, in a folder of yours:

   terraform {
     required_providers {
       cml = { source = "cml-infra/cml" }
     }
   }

   provider "cml" {}            # region, endpoints and credentials are in the environment

   resource "cml_worker" "mine" {
     name               = "mine"
     ami_id             = %[4]q
     instance_type      = "m8i.4xlarge"
     subnet_ids         = [%[5]q]
     security_group_ids = [%[6]q]
   }

then "%[3]s init" and "%[3]s apply". Ctrl-C here ends the simulator with all its machines
and removes %[7]s.`,
		file, s.terraform.dir, s.terraform.name(),
		seeded("ami", aws.SerialImage291), seeded("subnet", aws.SerialSubnetA), seeded("sg", aws.SerialGroupCML), s.terraform.Dir)
	<-ctx.Done()
	s.story.say("\nEnding the simulator.")
	return nil
}
