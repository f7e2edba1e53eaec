package controller

import (
	"context"
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
		Count   *float64 `json:"count"`
		Percent *float64 `json:"percent"` // 0 to 100
	} `json:"cpu"`
	Memory Usage `json:"memory"`
	Disk   Usage `json:"disk"`
}

// Usage is in bytes; releases differ in whether they send a fraction.
type Usage struct {
	Used  *float64 `json:"used"`
	Free  *float64 `json:"free"`
	Total *float64 `json:"total"`
}

// DomInfo counts virtual machines; nil is not known. As with Usage, a whole
// number may come with a fraction.
type DomInfo struct {
	TotalNodes   *float64 `json:"total_nodes"`
	RunningNodes *float64 `json:"running_nodes"`
}

// RunningNodes adds up the nodes that run on all compute hosts. known is false
// when any host does not report them: a sum without it would be too low.
func (s SystemStats) RunningNodes() (n int, known bool) {
	for _, compute := range s.Computes {
		running := compute.Stats.DomInfo.RunningNodes
		if running == nil {
			return 0, false
		}
		n += int(*running)
	}
	return n, len(s.Computes) > 0
}

// TotalNodes adds up the nodes on all compute hosts, those that do not run
// included. known is as for RunningNodes.
func (s SystemStats) TotalNodes() (n int, known bool) {
	for _, compute := range s.Computes {
		total := compute.Stats.DomInfo.TotalNodes
		if total == nil {
			return 0, false
		}
		n += int(*total)
	}
	return n, len(s.Computes) > 0
}

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
