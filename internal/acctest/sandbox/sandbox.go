// Package sandbox gives a real engine a world of its own: the provider built
// from this clone and installed from a mirror, a simulated AWS with CML behind
// it, and an environment in which nothing else exists.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/mirror"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
)

const (
	// Region is where an engine works that is told nothing else.
	Region = "us-east-1"
	// version under which the mirror has the provider; above every release, so
	// that an engine takes it.
	version = "99.0.0"
	// graceful is how long an engine has, once interrupted, to write its state
	// and end before it is killed.
	graceful = 20 * time.Second
)

// Sandbox is that world. Close ends it.
type Sandbox struct {
	// Dir holds all files; callers may add their own.
	Dir string
	// Engine runs the configurations.
	Engine engine.Engine
	// Simulator is the world.
	Simulator *simulator.Simulator

	settings []string
	mirrored []string // addresses of the providers in the mirror
}

// New starts the simulator and prepares the folder Dir; Build has to follow
// before an engine can use the provider. The simulator outlives ctx, since an
// engine that is interrupted still asks it while it ends.
func New(ctx context.Context, e engine.Engine, options simulator.Options) (*Sandbox, error) {
	dir, err := os.MkdirTemp("", "cml-sandbox-")
	if err != nil {
		return nil, fmt.Errorf("making room for the sandbox: %w", err)
	}
	s := &Sandbox{Dir: dir, Engine: e}
	if s.Simulator, err = simulator.Start(context.WithoutCancel(ctx), options); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	isolation, err := engine.Isolation(dir)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.settings = s.world(isolation)
	return s, nil
}

// world is what an engine has to know: isolation with a CLI configuration that
// knows the mirror, and the way to the simulator.
func (s *Sandbox) world(isolation []string) []string {
	admin := s.Simulator.CML.Admin()
	ours := slices.DeleteFunc(isolation, func(entry string) bool { return strings.HasPrefix(entry, "TF_") })
	return append(ours,
		"TF_CLI_CONFIG_FILE="+s.config(),
		"AWS_REGION="+Region,
		"AWS_ACCESS_KEY_ID=AKIADEMODEMODEMODEMO",
		"AWS_SECRET_ACCESS_KEY=demo",
		"AWS_ENDPOINT_URL="+s.Simulator.Endpoint(),
		"CML_USERNAME="+admin.Username,
		"CML_PASSWORD="+admin.Password,
		"CML_PORT="+strconv.Itoa(s.Simulator.Port()),
	)
}

func (s *Sandbox) config() string { return filepath.Join(s.Dir, "cli.tfrc") }

// Build compiles the provider into the mirror.
func (s *Sandbox) Build(ctx context.Context) error {
	program := filepath.Join(s.Dir, "terraform-provider-cml")
	if err := mirror.Build(ctx, ".", program, "-X main.version="+version); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	m := mirror.Mirror{Dir: filepath.Join(s.Dir, "mirror")}
	if err := m.Add(program, engine.Namespace, engine.TypeName, version); err != nil {
		return err
	}
	// The mirror has copies of its own.
	if err := os.Remove(program); err != nil {
		return fmt.Errorf("laying out the provider mirror: %w", err)
	}
	s.mirrored = append(s.mirrored, engine.Namespace+"/"+engine.TypeName)
	return m.WriteConfig(s.config(), true, s.mirrored...)
}

// StandIn compiles a program of this repository that stands in for a foreign
// provider, and lays it beside ours; it follows Build.
func (s *Sandbox) StandIn(ctx context.Context, packagePath, namespace, typeName string) error {
	program := filepath.Join(s.Dir, "stand-in")
	if err := mirror.Build(ctx, packagePath, program, ""); err != nil {
		return err
	}
	m := mirror.Mirror{Dir: filepath.Join(s.Dir, "mirror")}
	if err := m.Add(program, namespace, typeName, version); err != nil {
		return err
	}
	if err := os.Remove(program); err != nil {
		return fmt.Errorf("laying out the provider mirror: %w", err)
	}
	s.mirrored = append(s.mirrored, namespace+"/"+typeName)
	return m.WriteConfig(s.config(), true, s.mirrored...)
}

// Set adds a variable ("KEY=value") to what engines are told.
func (s *Sandbox) Set(entries ...string) { s.settings = append(s.settings, entries...) }

// Settings are the variables under which any engine, also one that a person
// starts, works in this world.
func (s *Sandbox) Settings() []string { return slices.Clone(s.settings) }

// Command prepares a run of the engine in dir. When ctx ends the engine is
// interrupted once and then has some time to write its state. Call the function
// after the run: it ends provider processes that a killed engine left.
func (s *Sandbox) Command(ctx context.Context, dir string, args ...string) (cmd *exec.Cmd, after func()) {
	cmd = exec.CommandContext(ctx, s.Engine.Path, args...)
	cmd.Dir = dir
	cmd.Env = append(append(engine.Clean(os.Environ()), s.settings...), "TF_IN_AUTOMATION=1", "TF_INPUT=0")
	cmd.WaitDelay = graceful
	ownGroup(cmd)
	return cmd, func() { endGroup(cmd) }
}

// Close ends the simulator, with everything that runs in it, and removes the
// folder.
func (s *Sandbox) Close() error {
	var err error
	if s.Simulator != nil {
		err = s.Simulator.Close()
	}
	return errors.Join(err, os.RemoveAll(s.Dir))
}
