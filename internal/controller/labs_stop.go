package controller

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// The states of a lab without active nodes (cml-api.md 6.2).
const (
	labDefined = "DEFINED_ON_CORE"
	labStopped = "STOPPED"
)

// StopLabs stops the labs of all users that are not stopped already, waits
// until all of their nodes are, and returns the ids of the labs that it asked
// to stop. An account that is no administrator reaches its own labs and those
// shared with it (cml-api.md 6.1, 6.4). A lab that somebody removes meanwhile
// counts as stopped. Nodes keep what is on their disks. The deadline of ctx is
// the time-out; progress, unless nil, hears which labs are still running.
func (c *Client) StopLabs(ctx context.Context, pace wait.Pace, progress func(string)) ([]string, error) {
	all, err := c.Labs(ctx)
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, id := range all {
		active, err := c.labActive(ctx, id)
		if err != nil {
			return asked, err
		}
		if !active {
			continue
		}
		_, err = c.Do(ctx, Call{Method: http.MethodPut, Path: "/labs/" + id + "/stop"})
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return asked, err
		}
		asked = append(asked, id)
	}
	return asked, c.awaitLabs(ctx, asked, pace, progress)
}

// awaitLabs waits until labs that were asked to stop are stopped: the request
// is answered before anything has stopped.
func (c *Client) awaitLabs(ctx context.Context, ids []string, pace wait.Pace, progress func(string)) error {
	left, said := slices.Clone(ids), ""
	const stopping = "stopping"
	_, err := wait.State[[]string]{
		What:    fmt.Sprintf("%d labs on %s to stop (%s)", len(ids), c.where(), strings.Join(ids, ", ")),
		Pending: []string{stopping}, Target: []string{labStopped},
		Find: func(ctx context.Context) ([]string, string, error) {
			for len(left) > 0 {
				done, err := c.labConverged(ctx, left[0])
				if err != nil {
					return left, "", err
				}
				if !done {
					if now := strings.Join(left, ", "); progress != nil && now != said {
						said = now
						progress("labs still stopping: " + now)
					}
					return left, stopping, nil
				}
				left = left[1:]
			}
			return nil, labStopped, nil
		},
		// A server that stops many nodes may be slow to answer for a while.
		Tolerate: func(err error) bool {
			return fault.Is(err, fault.Unreachable, fault.NotReady, fault.Server, fault.Throttled)
		},
		Pace: pace,
	}.Do(ctx)
	return err
}

// labConverged reports whether a lab has come to rest without active nodes.
// Both are asked, since right after the request a lab may not have begun to
// move.
func (c *Client) labConverged(ctx context.Context, id string) (bool, error) {
	var converged bool
	err := c.Get(ctx, "/labs/"+id+"/check_if_converged", nil, &converged)
	if fault.Is(err, fault.NotFound) {
		return true, nil
	}
	if err != nil || !converged {
		return false, err
	}
	active, err := c.labActive(ctx, id)
	return !active, err
}

// labActive reports whether a lab has, or may have, active nodes. A lab that is
// gone has none.
func (c *Client) labActive(ctx context.Context, id string) (bool, error) {
	var state string
	err := c.Get(ctx, "/labs/"+id+"/state", nil, &state)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && state != labDefined && state != labStopped, err
}
