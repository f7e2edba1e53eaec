package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// The defaults are fixed, so that a configuration written once keeps working.
const (
	defaultListen  = "127.0.0.1:4577"
	defaultCMLPort = 8443
)

// errUsage is returned after the flag package has told what is wrong.
var errUsage = errors.New("wrong usage")

// settings is what the command line says.
type settings struct {
	options   simulator.Options
	world     *simulator.World
	faults    []wire.Rule
	readyFile string
	printEnv  bool
}

// delays are the flags that change one delay of the preset.
func delays(t *simulator.Timing) []struct {
	name, usage string
	value       *time.Duration
} {
	return []struct {
		name, usage string
		value       *time.Duration
	}{
		{"pending", "instance: launch or start to running", &t.AWS.Pending},
		{"stopping", "instance: stop to stopped", &t.AWS.Stopping},
		{"shutting-down", "instance: terminate to terminated", &t.AWS.ShuttingDown},
		{"status-checks", "instance: running to status checks ok", &t.AWS.StatusInitializing},
		{"refused", "CML: boot to the first answer", &t.CML.Refused},
		{"bad-gateway", "CML: time of 502", &t.CML.BadGateway},
		{"not-ready", "CML: time of \"ready\": false", &t.CML.NotReady},
		{"flap-after", "CML: reboot once, so long after the first \"ready\": true (0: never)", &t.CML.FlapAfter},
		{"register", "licence: registration accepted to its result", &t.CML.Register},
		{"authorize", "licence: registered to in compliance", &t.CML.Authorize},
		{"deregister", "licence: duration of the de-registration call", &t.CML.Deregister},
		{"node-step", "labs: each step of a node's start and stop", &t.CML.NodeStep},
	}
}

const helpHead = `cml-simulator runs a simulated AWS (EC2, CloudWatch and more) with Cisco Modeling Labs workers on
this machine, for "terraform test" of modules that use the provider cml, without an account.

Each simulated instance has loopback addresses of its own (127.64.0.0/10) with a CML behind
them on one high port, over TLS; they change at stop and start as they do in AWS. Nothing
listens on, or talks to, anything but loopback. On macOS the addresses must first be
configured as aliases of lo0.

The world has a clock of its own, which the control API advances: half an hour of idleness, alarm
periods and schedules then pass in a moment. With --clock-offset it begins in the past.

  cml-simulator &                            # one terminal
  eval "$(cml-simulator --print-env)"        # another one
  terraform test

Usage: cml-simulator [flags]

`

const helpTail = `
The default world has, in each region of account 123456789012, a VPC, public and private
subnets, security groups, a key pair, and images named CML-2.9.1-Ubuntu-24.04 and the like.
In us-east-1: subnet-0c31000000000100a, sg-0c310000000001002, ami-0c310000000001291.
Other regions have the region's number instead of the 01. A worker runs the CML release that
its image's name tells. Types with virtualisation: *.metal, or m8i, c8i, r8i with nested
virtualisation enabled; on others CML never gets ready.

World file (all members optional):
  {
    "cml":  {"version": "2.9.1+build.7", "admin": {"username": "admin", "password": "secret-enough"},
             "users": [{"username": "jane", "password": "correct horse", "admin": false}],
             "labs": [{"title": "Branch", "owner": "jane", "running": true, "nodes": [{"label": "r1"}]}],
             "registered": "CML_Enterprise", "switches": {"BadTokenRetries": true}},
    "ssms": {"tokens": {"good-token": -1}, "rejected": [], "products": 10, "nodes": 100, "reachable": true},
    "regions": {"us-east-1": {"images": [{"name": "CML-2.10.0-Ubuntu-24.04"}],
             "security_groups": [{"name": "open", "ports": [443, 8443]}],
             "capacity": [{"type": "m8i.4xlarge", "place": "us-east-1a", "machines": 0}],
             "quotas": {"L-1216C47A": 64},
             "secrets": {"cml/lab": "{\"username\": \"admin\", \"password\": \"secret-enough\"}"},
             "parameters": {"/cml/lab": "secret-enough"}}},
    "instances": [{"name": "existing", "region": "us-east-1", "type": "m8i.2xlarge", "tags": {"team": "net"}}],
    "faults": [{"service": "ec2", "operation": "RunInstances", "times": 1, "kind": "error", "code": "InsufficientInstanceCapacity"}]
  }
Switches choose between behaviours of CML that nobody confirmed:
`

const helpControl = `
Control API, on the listen address (JSON; curl is enough):
`

// help writes the whole text.
func help(w io.Writer, flags *flag.FlagSet) {
	var text strings.Builder
	text.WriteString(helpHead)
	flags.VisitAll(func(f *flag.Flag) {
		kind, usage := flag.UnquoteUsage(f)
		fmt.Fprintf(&text, "  --%-34s %s", strings.TrimSpace(f.Name+" "+kind), usage)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(&text, " (default %s)", f.DefValue)
		}
		text.WriteString("\n")
	})
	text.WriteString(helpTail)
	text.WriteString(wrap(cml.SwitchNames(), 92))
	text.WriteString(helpControl)
	text.WriteString(simulator.ControlHelp)
	_, _ = io.WriteString(w, text.String()) // a closed terminal needs no help
}

// wrap joins words to indented lines.
func wrap(words []string, width int) string {
	var out strings.Builder
	line := " "
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		if len(line)+1+len(word) > width {
			out.WriteString(line + "\n")
			line = " "
		}
		line += " " + word
	}
	return out.String() + line + "\n"
}

// parse reads the command line and the files it names.
func parse(args []string, stdout, stderr io.Writer) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("cml-simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {}
	preset := flags.String("timing", "quick", "`preset` of all delays: quick (tens of milliseconds) or demo (seconds, to watch); the flags with a duration change one")
	chosen := map[string]*time.Duration{}
	for _, d := range delays(&simulator.Timing{}) {
		chosen[d.name] = flags.Duration(d.name, 0, d.usage)
		flags.Lookup(d.name).DefValue = ""
	}
	flags.StringVar(&s.options.Address, "listen", defaultListen, "loopback `address` and port of the AWS endpoint; port 0: a free one")
	flags.IntVar(&s.options.CML.Port, "cml-port", defaultCMLPort, "`port` of every CML; 0: a free one")
	flags.StringVar(&s.options.CML.Version, "cml-version", "", "`version` of every CML, such as 2.11.0, instead of what its image's name tells")
	flags.DurationVar(&s.options.ClockOffset, "clock-offset", 0, "`duration` from real time to the simulated world's at the start, such as -45m; the control API advances it")
	admin := cml.DefaultAdmin()
	flags.StringVar(&s.options.CML.Admin.Username, "admin-username", admin.Username, "`name` of CML's administrator where user data name none")
	flags.StringVar(&s.options.CML.Admin.Password, "admin-password", admin.Password, "`password` of that administrator")
	world := flags.String("world", "", "JSON `file` with what exists beside the default world")
	faults := flags.String("faults", "", "JSON `file` with a script of faults: an array of rules")
	flags.StringVar(&s.readyFile, "ready-file", "", "`file` to write once everything listens, with the environment as shell exports; removed at the end")
	flags.BoolVar(&s.printEnv, "print-env", false, "print the environment and the provider block for these flags, and end")

	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		help(stdout, flags)
		return nil, err
	case err != nil: // the flag package has written the reason
		fmt.Fprintln(stderr, "see --help")
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "unexpected argument %q; see --help\n", flags.Arg(0))
		return nil, errUsage
	}
	if s.options.Timing, err = simulator.ParseTiming(*preset); err != nil {
		return nil, err
	}
	flags.Visit(func(f *flag.Flag) {
		for _, d := range delays(&s.options.Timing) {
			if d.name == f.Name {
				*d.value = *chosen[d.name]
			}
		}
	})
	s.options.Control = true
	if err := s.files(*world, *faults); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *settings) files(world, faults string) error {
	if world != "" {
		data, err := os.ReadFile(world)
		if err != nil {
			return err
		}
		w, err := simulator.ReadWorld(data)
		if err != nil {
			return fmt.Errorf("%s: %w", world, err)
		}
		s.world = &w
	}
	if faults != "" {
		data, err := os.ReadFile(faults)
		if err != nil {
			return err
		}
		if err := new(wire.Faults).AddJSON(data); err != nil {
			return fmt.Errorf("%s: %w", faults, err)
		}
		if err := json.Unmarshal(data, &s.faults); err != nil {
			return fmt.Errorf("%s: %w", faults, err)
		}
	}
	return nil
}

// environment prints what a shell needs, without starting anything.
func (s *settings) environment(stdout io.Writer) error {
	host, port, err := net.SplitHostPort(s.options.Address)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", s.options.Address, err)
	}
	if number, err := strconv.Atoi(port); err != nil || number == 0 || s.options.CML.Port == 0 {
		return errors.New("--print-env needs fixed ports; with port 0 use --ready-file of the running simulator")
	}
	endpoint, admin := "http://"+net.JoinHostPort(host, port), s.options.CML.Admin
	if s.world != nil && s.world.CML.Admin != nil {
		admin = *s.world.CML.Admin
	}
	block := simulator.ProviderBlock(endpoint, s.options.CML.Port, admin)
	_, err = fmt.Fprintf(stdout, "%s\n# or in the configuration:\n# %s\n",
		simulator.Exports(simulator.Environment(endpoint, s.options.CML.Port, admin)),
		strings.ReplaceAll(strings.TrimSpace(block), "\n", "\n# "))
	return err
}
