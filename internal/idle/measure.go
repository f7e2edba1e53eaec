package idle

import (
	"context"
	"fmt"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// Measures are the numbers that CML tells of itself, by the rules of the
// publisher that runs on a worker (internal/publisher). nil is what could not
// be read: a zero would be a lie, and an alarm on IdleSeconds stops the machine.
type Measures struct {
	// IdleSeconds is the time since the last activity by CML's clock, or since the
	// machine's start where that is shorter; zero while nodes run.
	IdleSeconds *float64
	// Skew is how far CML's clock is ahead of the one here, where IdleSeconds was read.
	Skew time.Duration
	// RunningNodes and LabsStarted are counts.
	RunningNodes, LabsStarted *float64
	// MemoryPercent and DiskPercent are the used part of all hosts, 0 to 100.
	MemoryPercent, DiskPercent *float64
	// Missing are sentences about what is nil, and why.
	Missing []string
	// Notes are sentences about accounts whose calls count as activity, since
	// their ids could not be looked up.
	Notes []string
	// Err is the first failure behind Missing, nil for none.
	Err error
}

// lack notes what is missing.
func (m *Measures) lack(what string, err error) {
	m.Missing = append(m.Missing, fmt.Sprintf("%s: %s", what, err))
	if m.Err == nil {
		m.Err = err
	}
}

// Measure reads a worker's numbers. exclude are names or ids of accounts whose
// user_activity does not count, beside the one that asks and CML's built-in
// ones. An error is a worker that does not run, a CML that is not ready, an
// account that it refuses, a certificate that is not trusted, or the end of the
// context; anything less is in Missing.
func Measure(ctx context.Context, t Target, exclude []string) (Measures, error) {
	var m Measures
	if t.Machine.State != instance.StateRunning {
		return m, fault.New(fault.WrongState, "the worker is %s, and CML tells its numbers only while it runs", t.Machine.State)
	}
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	client, err := open(limited, t)
	if err != nil {
		return m, err
	}
	defer client.Close()
	m.load(limited, client)
	if m.RunningNodes != nil {
		m.idleness(limited, client, t, exclude)
	}
	m.labs(limited, client)
	if ctx.Err() != nil {
		return m, context.Cause(ctx)
	}
	return m, nil
}

// load reads nodes, memory and disk.
func (m *Measures) load(ctx context.Context, client *session) {
	stats, err := client.SystemStats(ctx)
	if err != nil {
		m.lack("The load of CML cannot be read, so nodes, memory, disk and idleness are left out", err)
		return
	}
	if n, known := stats.RunningNodes(); known {
		nodes := float64(n)
		m.RunningNodes = &nodes
	} else {
		m.lack("The running nodes are not known, so idleness is left out, too", fault.New(fault.NotReady, "CML does not tell them for all of its hosts"))
	}
	for _, part := range []struct {
		name  string
		usage controller.Usage
		to    **float64
	}{{"memory", stats.All.Memory, &m.MemoryPercent}, {"disk", stats.All.Disk, &m.DiskPercent}} {
		used, known := part.usage.Percent()
		if !known {
			m.lack("The use of the "+part.name+" is not known", fault.New(fault.NotReady, "CML does not tell it"))
			continue
		}
		used = min(max(used, 0), 100)
		*part.to = &used
	}
}

// idleness reads the telemetry, after the running nodes.
func (m *Measures) idleness(ctx context.Context, client *session, t Target, exclude []string) {
	const what = "The idleness is left out"
	o := Defaults()
	o.ExcludeUsers = exclude
	if t.Machine.LaunchTime.IsZero() {
		m.lack(what, fault.New(fault.NotReady, "EC2 does not tell when the machine was started"))
		return
	}
	var s Observation
	err := s.events(ctx, client, o, s.exclude(ctx, client.Client, o))
	m.Notes = s.Notes
	if err != nil {
		m.lack(what, err)
		return
	}
	idle := 0.0
	if *m.RunningNodes == 0 {
		// EC2 tells the start, so a clock of CML that is ahead must not age it.
		up := s.Now.Sub(t.Machine.LaunchTime) - max(0, s.Skew())
		since := up
		if !s.Last.IsZero() {
			since = min(up, s.Now.Sub(s.Last))
		}
		idle = max(0, since.Truncate(time.Second).Seconds())
	}
	m.IdleSeconds, m.Skew = &idle, s.Skew()
}

// labs counts the started ones of the labs that the account may see. One that
// is no administrator and sees none knows nothing.
func (m *Measures) labs(ctx context.Context, client *session) {
	const what = "The started labs cannot be counted"
	ids, err := client.Labs(ctx)
	if err == nil && len(ids) == 0 {
		var admin bool
		if admin, err = client.Administrator(ctx); err == nil && !admin {
			err = fault.New(fault.PermissionDenied, "the account sees no labs and is no administrator, who would see all")
		}
	}
	if err != nil {
		m.lack(what, err)
		return
	}
	n, err := client.LabsStarted(ctx, ids)
	if err != nil {
		m.lack(what, err)
		return
	}
	started := float64(n)
	m.LabsStarted = &started
}
