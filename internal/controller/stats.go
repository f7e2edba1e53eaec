package controller

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// SystemStats is the load of the server (cml-api.md 4.2).
type SystemStats struct {
	Computes map[string]ComputeStats `json:"computes"`
	All      Load                    `json:"all"`
}

// ComputeStats is the load of one compute host.
type ComputeStats struct {
	Hostname     string `json:"hostname"`
	IsController bool   `json:"is_controller"`
	Stats        struct {
		Load
		DomInfo DomInfo `json:"dominfo"`
	} `json:"stats"`
}

// Load is how much of a host, or of all hosts, is in use. A nil number was not
// reported.
type Load struct {
	CPU struct {
		Count   *Number `json:"count"`
		Percent *Number `json:"percent"` // 0 to 100
		// Load are the load averages over one, five and fifteen minutes, of a
		// compute host only.
		Load loads `json:"load"`
	} `json:"cpu"`
	Memory Usage `json:"memory"`
	Disk   Usage `json:"disk"`
}

// loads are nil where they come in another shape, which spoils nothing else.
type loads []*Number

// UnmarshalJSON implements json.Unmarshaler.
func (l *loads) UnmarshalJSON(data []byte) error {
	var all []*Number
	if json.Unmarshal(data, &all) == nil {
		*l = all
	}
	return nil
}

// Usage is in bytes; releases differ in whether they send a fraction.
type Usage struct {
	Used  *Number `json:"used"`
	Free  *Number `json:"free"`
	Total *Number `json:"total"`
}

// Percent is the used part; known is false when CML does not tell enough.
func (u Usage) Percent() (used float64, known bool) {
	if u.Used == nil || u.Total == nil || *u.Total <= 0 {
		return 0, false
	}
	return 100 * float64(*u.Used / *u.Total), true
}

// DomInfo counts virtual machines; nil is not known. As with Usage, a whole
// number may come with a fraction.
type DomInfo struct {
	TotalNodes     *Number `json:"total_nodes"`
	RunningNodes   *Number `json:"running_nodes"`
	TotalOrphans   *Number `json:"total_orphans"` // belong to no lab any more
	RunningOrphans *Number `json:"running_orphans"`
}

// RunningNodes adds up the nodes that run on all compute hosts. known is false
// when any host does not report them: a sum without it would be too low.
func (s SystemStats) RunningNodes() (n int, known bool) {
	return s.sum(func(d DomInfo) *Number { return d.RunningNodes })
}

// TotalNodes adds up the nodes on all compute hosts, those that do not run
// included. known is as for RunningNodes.
func (s SystemStats) TotalNodes() (n int, known bool) {
	return s.sum(func(d DomInfo) *Number { return d.TotalNodes })
}

// RunningOrphans adds up the virtual machines that run and belong to no lab.
// known is as for RunningNodes.
func (s SystemStats) RunningOrphans() (n int, known bool) {
	return s.sum(func(d DomInfo) *Number { return d.RunningOrphans })
}

// TotalOrphans is RunningOrphans with those that do not run.
func (s SystemStats) TotalOrphans() (n int, known bool) {
	return s.sum(func(d DomInfo) *Number { return d.TotalOrphans })
}

func (s SystemStats) sum(of func(DomInfo) *Number) (n int, known bool) {
	for _, compute := range s.Computes {
		one := of(compute.Stats.DomInfo)
		if one == nil {
			return 0, false
		}
		n += int(*one)
	}
	return n, len(s.Computes) > 0
}

// LoadAverage adds up the load averages of all compute hosts over one, five and
// fifteen minutes; nil when any host does not report three.
func (s SystemStats) LoadAverage() []float64 {
	var out []float64
	for _, compute := range s.Computes {
		load := compute.Stats.CPU.Load
		if len(load) != loadAverages {
			return nil
		}
		if out == nil {
			out = make([]float64, loadAverages)
		}
		for i, one := range load {
			if one == nil {
				return nil
			}
			out[i] += float64(*one)
		}
	}
	return out
}

// loadAverages is how many load averages a host has.
const loadAverages = 3

// SystemStats asks for the load of the server.
func (c *Client) SystemStats(ctx context.Context) (SystemStats, error) {
	var stats SystemStats
	err := c.Get(ctx, "/system_stats", nil, &stats)
	return stats, err
}

// NodesRunning asks how many nodes run on the server. A number that CML does
// not tell is fault.NotReady, never zero.
func (c *Client) NodesRunning(ctx context.Context) (int, error) {
	stats, err := c.SystemStats(ctx)
	if err != nil {
		return 0, err
	}
	n, known := stats.RunningNodes()
	if !known {
		return 0, &fault.Error{
			Kind:      fault.NotReady,
			Service:   serviceName,
			Operation: "GET /system_stats",
			Message:   c.where() + " does not report the number of running nodes",
		}
	}
	return n, nil
}

// Labs asks for the ids of the labs of all users; an account that is no
// administrator sees its own and those shared with it (cml-api.md 6.1).
func (c *Client) Labs(ctx context.Context) ([]string, error) {
	var ids []string
	err := c.Get(ctx, "/labs", url.Values{"show_all": {"true"}}, &ids)
	return ids, err
}

// LabsTotal counts what Labs lists.
func (c *Client) LabsTotal(ctx context.Context) (int, error) {
	ids, err := c.Labs(ctx)
	return len(ids), err
}
