package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// drainMark begins the content of each notice of a drain. By it CML itself
// remembers what this provider has put there, whoever starts the worker next,
// and with whatever state.
const drainMark = "Shown by terraform-provider-cml until this worker has been started again."

// noticeBefore comes before the id of the notice that the maintenance mode had
// before, which is put back.
const noticeBefore = " Notice before: "

// DefaultNotice is the label of a maintenance mode without a text of its own.
const DefaultNotice = "This server is being stopped"

// Ours reports whether a drain has made the notice.
func (n Notice) Ours() bool { return strings.HasPrefix(n.Content, drainMark) }

// before is the id of the notice that this one stands in for, "" for none.
func (n Notice) before() string {
	_, id, _ := strings.Cut(n.Content, noticeBefore)
	return strings.TrimSpace(id)
}

// Announcement is what users notice of a worker that is about to stop.
type Announcement struct {
	// Maintenance keeps everybody but administrators out.
	Maintenance bool
	// Notice is shown to all users, "" for none.
	Notice string
}

// IsZero reports whether there is nothing to announce.
func (a Announcement) IsZero() bool { return a == Announcement{} }

// Announce makes an announcement, as an administrator. It may be repeated: what
// is there already is adopted. A maintenance mode that a person has switched on
// stays theirs, with their notice. What may pass by itself is tried again as
// long as the patience lasts; the error is then the last one. left: something
// of a drain is in CML, or may be.
func (c *Client) Announce(ctx context.Context, pace wait.Pace, patience time.Duration, a Announcement) (left bool, err error) {
	label := a.Notice
	if label == "" {
		label = DefaultNotice
	}
	err = c.persist(ctx, pace, patience, func(ctx context.Context) (bool, error) {
		m, all, err := c.doors(ctx)
		if err != nil {
			return false, err
		}
		var own *Notice
		for _, n := range all {
			if n.Ours() && (own == nil || n.ID == m.NoticeID) {
				own = &n
			}
		}
		left = left || own != nil
		theirs := m.On && (own == nil || m.NoticeID != own.ID)
		closes := a.Maintenance && !theirs
		switch {
		case a.Notice == "" && !closes:
			return true, nil
		case own == nil:
			content := drainMark
			if closes && m.NoticeID != "" {
				content += noticeBefore + m.NoticeID
			}
			left = true
			made, err := c.CreateNotice(ctx, label, content)
			if err != nil {
				return false, err
			}
			if made.ID == "" {
				return false, nil // an answer without a body: the next look finds it
			}
			own = &made
		case own.Label != label || !own.Enabled:
			if err := c.LabelNotice(ctx, own.ID, label); err != nil {
				return false, err
			}
		}
		if closes && !(m.On && m.NoticeID == own.ID) {
			return false, c.SetMaintenance(ctx, true, own.ID) // the next look shows it
		}
		return true, nil
	})
	return left, err
}

// Withdraw takes back what Announce has made, and nothing else. It may be
// repeated, and may find nothing. Patience and errors are as for Announce.
func (c *Client) Withdraw(ctx context.Context, pace wait.Pace, patience time.Duration) error {
	return c.persist(ctx, pace, patience, func(ctx context.Context) (bool, error) {
		m, all, err := c.doors(ctx)
		if err != nil {
			return false, err
		}
		left := false
		for _, n := range all {
			if !n.Ours() {
				continue
			}
			left = true
			if m.NoticeID == n.ID {
				before := n.before()
				if !has(all, before) {
					before = ""
				}
				if err := c.SetMaintenance(ctx, false, before); err != nil {
					return false, err
				}
			}
			if err := c.DeleteNotice(ctx, n.ID); err != nil && !fault.Is(err, fault.NotFound) {
				return false, err
			}
		}
		return !left, nil // the next look shows it
	})
}

// AwaitNoNodes waits until no node runs, at most for a time: 0 asks once. It
// returns how many run at the end. Patience and errors are as for Announce;
// progress, unless nil, hears the numbers.
func (c *Client) AwaitNoNodes(ctx context.Context, pace wait.Pace, patience, atMost time.Duration, progress func(string)) (nodes int, err error) {
	until, said := time.Now().Add(atMost), -1
	var since time.Time
	err = wait.Poll(ctx, pace, func(ctx context.Context) (bool, error) {
		n, err := c.NodesRunning(ctx)
		if err == nil {
			nodes, since = n, time.Time{}
			if n > 0 && n != said && progress != nil {
				progress(fmt.Sprintf("%d nodes still run", n))
				said = n
			}
			return n == 0 || !time.Now().Before(until), nil
		}
		if since.IsZero() {
			since = time.Now()
		}
		if ctx.Err() != nil || !passing(err) || time.Since(since) >= patience {
			return false, err
		}
		return false, nil
	})
	return nodes, err
}

// ClosedByDrain reports whether a drain has switched the maintenance mode on,
// as far as CML tells everybody.
func (m Maintenance) ClosedByDrain() bool { return m.On && m.Notice != nil && m.Notice.Ours() }

// doors is how CML is open to its users: the maintenance mode and all notices.
func (c *Client) doors(ctx context.Context) (Maintenance, []Notice, error) {
	m, err := c.Maintenance(ctx)
	if err != nil {
		return m, nil, err
	}
	all, err := c.Notices(ctx)
	return m, all, err
}

func has(all []Notice, id string) bool {
	for _, n := range all {
		if n.ID == id {
			return true
		}
	}
	return false
}

// settleRounds is how often a step may be taken by CML without showing.
const settleRounds = 20

// persist repeats a step until it is done, through what passes by itself, for
// as long as the patience lasts with one failure after the other.
func (c *Client) persist(ctx context.Context, pace wait.Pace, patience time.Duration, step func(context.Context) (bool, error)) error {
	var since time.Time
	taken := 0
	return wait.Poll(ctx, pace, func(ctx context.Context) (bool, error) {
		done, err := step(ctx)
		switch {
		case done:
			return true, nil
		case err == nil:
			since = time.Time{}
			if taken++; taken > settleRounds {
				return false, fault.New(fault.WrongState, "%s accepts a change of its maintenance mode or notices, but does not show it", c.where())
			}
			return false, nil
		case ctx.Err() != nil, !passing(err):
			return false, err
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) >= patience {
			return false, err
		}
		return false, nil
	})
}

// passing reports whether a failure may pass by itself.
func passing(err error) bool {
	return fault.Is(err, fault.Unreachable, fault.NotReady, fault.Server, fault.Throttled, fault.WrongState)
}
