// Package bench is what `make bench` runs: a few times that users feel, each
// beside one that is not ours, since seconds alone say more about the machine
// than about the provider.
package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/sandbox"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// Options of Run.
type Options struct {
	Engine engine.Engine
	// Out gets the figures.
	Out io.Writer
	// Refreshed is the number of workers that are refreshed, Unchanged the number
	// that are planned without a change.
	Refreshed, Unchanged int
}

// Figure is a time beside its base.
type Figure struct {
	What, Base         string
	Measured, Baseline time.Duration
	// Note says what else was counted.
	Note string
}

// Ratio is the measured time in units of the base.
func (f Figure) Ratio() float64 { return f.Measured.Seconds() / f.Baseline.Seconds() }

// Run takes all figures, prints each as it comes, and returns them.
func Run(ctx context.Context, o Options) (figures []Figure, err error) {
	box, err := sandbox.New(ctx, o.Engine, simulator.Options{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := box.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := box.Build(ctx); err != nil {
		return nil, err
	}
	b := bench{Sandbox: box}
	if _, err := fmt.Fprintf(o.Out, "%s, simulated AWS and CML with delays of tens of milliseconds\n\n%-38s %9s   %7s\n", o.Engine, "", "measured", "ratio"); err != nil {
		return nil, err
	}
	for _, take := range []func(context.Context) (Figure, error){
		b.start,
		func(ctx context.Context) (Figure, error) { return b.refresh(ctx, o.Refreshed) },
		func(ctx context.Context) (Figure, error) { return b.unchanged(ctx, o.Unchanged) },
		b.ready,
	} {
		f, err := take(ctx)
		if err != nil {
			return figures, err
		}
		figures = append(figures, f)
		if _, err := fmt.Fprintf(o.Out, "%-38s %7.2f s   %7.2f   of %s, %.2f s%s\n",
			f.What, f.Measured.Seconds(), f.Ratio(), f.Base, f.Baseline.Seconds(), f.Note); err != nil {
			return figures, err
		}
	}
	return figures, nil
}

// bench runs an engine in a sandbox.
type bench struct{ *sandbox.Sandbox }

// module makes a working folder with one configuration and initialises it.
func (b bench) module(ctx context.Context, name, hcl string) (dir string, err error) {
	dir = filepath.Join(b.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making room for %s: %w", name, err)
	}
	const head = "terraform {\n  required_providers {\n    cml = { source = \"cml-infra/cml\" }\n  }\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(head+hcl), 0o600); err != nil {
		return "", fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = b.time(ctx, dir, "init", "-input=false")
	return dir, err
}

// time runs the engine and says how long it took.
func (b bench) time(ctx context.Context, dir string, args ...string) (time.Duration, error) {
	cmd, after := b.Command(ctx, dir, args...)
	defer after()
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w\n%s", b.Engine.Kind, args[0], err, out)
	}
	return took, nil
}

// workers is a configuration with n workers that wait for nothing.
func workers(n int) string {
	return fmt.Sprintf(`
resource "cml_worker" "w" {
  count              = %d
  name               = "bench-${count.index}"
  ami_id             = %q
  instance_type      = "m8i.4xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
  readiness          = { until = "none" }
}
`, n, seeded("ami", 0x291), seeded("subnet", 0x00a), seeded("sg", 0x002))
}

func seeded(prefix string, serial int) string { return aws.SeededID(prefix, sandbox.Region, serial) }

// wide lets an engine work on as many resources at once as users of fleets do.
const wide = "-parallelism=50"

// start is the time until an engine knows the schema, beside that of an engine
// that only says its version.
func (b bench) start(ctx context.Context) (Figure, error) {
	dir, err := b.module(ctx, "start", "")
	if err != nil {
		return Figure{}, err
	}
	f := Figure{What: "provider start to schema", Base: "engine start (version)"}
	if f.Baseline, err = b.time(ctx, dir, "version"); err != nil {
		return f, err
	}
	f.Measured, err = b.time(ctx, dir, "providers", "schema", "-json")
	return f, err
}

// refresh is a plan that reads n workers, beside the same plan without reading.
func (b bench) refresh(ctx context.Context, n int) (Figure, error) {
	f := Figure{What: fmt.Sprintf("plan with refresh of %d workers", n), Base: "the plan without refresh"}
	dir, err := b.module(ctx, "refresh", workers(n))
	if err != nil {
		return f, err
	}
	if _, err := b.time(ctx, dir, "apply", "-auto-approve", "-input=false", wide); err != nil {
		return f, err
	}
	if f.Baseline, err = b.time(ctx, dir, "plan", "-input=false", "-refresh=false", wide); err != nil {
		return f, err
	}
	asked := b.Simulator.Recorder
	asked.Reset()
	if f.Measured, err = b.time(ctx, dir, "plan", "-input=false", wide); err != nil {
		return f, err
	}
	f.Note = fmt.Sprintf("; %d DescribeInstances, %d DescribeVolumes",
		asked.Count("ec2", "DescribeInstances"), asked.Count("ec2", "DescribeVolumes"))
	_, err = b.time(ctx, dir, "destroy", "-auto-approve", "-input=false", wide)
	return f, err
}

// unchanged is a plan of n workers without a change and without refresh, beside
// one of as many terraform_data.
func (b bench) unchanged(ctx context.Context, n int) (Figure, error) {
	f := Figure{What: fmt.Sprintf("plan of %d unchanged workers", n), Base: fmt.Sprintf("a plan of %d terraform_data", n)}
	for _, side := range []struct {
		name, hcl string
		took      *time.Duration
	}{
		{"data", fmt.Sprintf("resource \"terraform_data\" \"d\" {\n  count = %d\n  input = \"bench-${count.index}\"\n}\n", n), &f.Baseline},
		{"unchanged", workers(n), &f.Measured},
	} {
		dir, err := b.module(ctx, side.name, side.hcl)
		if err != nil {
			return f, err
		}
		if _, err := b.time(ctx, dir, "apply", "-auto-approve", "-input=false", wide); err != nil {
			return f, err
		}
		if *side.took, err = b.time(ctx, dir, "plan", "-input=false", "-refresh=false", wide); err != nil {
			return f, err
		}
	}
	return f, nil
}

// interval is that of the readiness wait which ready measures.
const interval = time.Second

// ready is the time from the moment at which CML is ready to the end of the
// apply that waits for it, beside the interval of the wait.
func (b bench) ready(ctx context.Context) (Figure, error) {
	f := Figure{What: "from CML ready to end of apply", Base: "readiness.interval", Baseline: interval}
	dir, err := b.module(ctx, "ready", fmt.Sprintf(`
resource "cml_worker" "w" {
  name               = "bench-ready"
  ami_id             = %q
  instance_type      = "m8i.4xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
  readiness          = { until = "ready", interval = %q }
}
`, seeded("ami", 0x291), seeded("subnet", 0x00a), seeded("sg", 0x002), interval))
	if err != nil {
		return f, err
	}
	known := map[string]bool{}
	for _, m := range b.Simulator.CML.Machines() {
		known[m.ID()] = true
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	became := make(chan time.Time, 1)
	go func() { became <- b.becameReady(watching, known) }()
	if _, err := b.time(ctx, dir, "apply", "-auto-approve", "-input=false"); err != nil {
		return f, err
	}
	end := time.Now()
	stop()
	at := <-became
	if at.IsZero() {
		return f, fmt.Errorf("the apply ended, but no CML got ready")
	}
	f.Measured = end.Sub(at)
	return f, nil
}

// becameReady returns when the first machine beside the known ones is ready;
// zero if ctx ends before.
func (b bench) becameReady(ctx context.Context, known map[string]bool) time.Time {
	const pace = time.Millisecond
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		for _, m := range b.Simulator.CML.Machines() {
			if !known[m.ID()] && m.Phase() == cml.Ready {
				return time.Now()
			}
		}
		select {
		case <-ctx.Done():
			return time.Time{}
		case <-tick.C:
		}
	}
}
