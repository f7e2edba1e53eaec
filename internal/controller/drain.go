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

// keptMark begins the content of a notice that stays, with its maintenance mode,
// until somebody takes it back: no start of the worker does.
const keptMark = "Shown by terraform-provider-cml until its action cml_worker_maintenance ends it."

// noticeBefore comes before the id of the notice that the maintenance mode had
// before, which is put back.
const noticeBefore = " Notice before: "

// DefaultNotice is the label of a maintenance mode without a text of its own,
// KeptNotice that of one that stays.
const (
	DefaultNotice = "This server is being stopped"
	KeptNotice    = "This server is in maintenance"
)

// Ours reports whether a drain has made the notice.
func (n Notice) Ours() bool { return strings.HasPrefix(n.Content, drainMark) }

// Kept reports whether this provider has made the notice to stay.
func (n Notice) Kept() bool { return strings.HasPrefix(n.Content, keptMark) }

// made reports whether this provider has made the notice.
func (n Notice) made() bool { return n.Ours() || n.Kept() }

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
	// Stays: neither the end of a drain nor the next start takes it back.
	Stays bool
}

// label is what users read.
func (a Announcement) label() string {
	switch {
	case a.Notice != "":
		return a.Notice
	case a.Stays:
		return KeptNotice
	}
	return DefaultNotice
}

// owns reports whether a notice is one of this kind of announcement.
func (a Announcement) owns(n Notice) bool {
	if a.Stays {
		return n.Kept()
	}
	return n.Ours()
}

// content is that of a new notice, which stands in for the one that the
// maintenance mode has now.
func (a Announcement) content(m Maintenance, all []Notice) string {
	out := drainMark
	if a.Stays {
		out = keptMark
	}
	before := m.NoticeID
	for _, n := range all {
		if n.ID == before && n.made() {
			before = n.before()
		}
	}
	if before != "" {
		out += noticeBefore + before
	}
	return out
}

// IsZero reports whether there is nothing to announce.
func (a Announcement) IsZero() bool { return a == Announcement{} }

// Announce makes an announcement, as an administrator. It may be repeated: what
// is there already is adopted. A maintenance mode that a person has switched on
// stays theirs, with their notice. What may pass by itself is tried again as
// long as the patience lasts; the error is then the last one. left: something
// of a drain is in CML, or may be.
func (c *Client) Announce(ctx context.Context, pace wait.Pace, patience time.Duration, a Announcement) (left bool, err error) {
	label := a.label()
	err = c.persist(ctx, pace, patience, func(ctx context.Context) (bool, error) {
		m, all, err := c.doors(ctx)
		if err != nil {
			return false, err
		}
		var own *Notice
		drains := false // a drain has switched the maintenance mode on
		for _, n := range all {
			if a.owns(n) && (own == nil || n.ID == m.NoticeID) {
				own = &n
			}
			drains = drains || n.ID == m.NoticeID && n.Ours()
		}
		left = left || own != nil
		theirs := m.On && (own == nil || m.NoticeID != own.ID) && !(a.Stays && drains)
		closes := a.Maintenance && !theirs
		switch {
		case a.Notice == "" && !closes:
			return true, nil
		case own == nil:
			content := a.content(Maintenance{}, nil)
			if closes {
				content = a.content(m, all)
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

// Withdraw takes back what Announce has made for a drain, and nothing else. It
// may be repeated, and may find nothing. Patience and errors are as for
// Announce.
func (c *Client) Withdraw(ctx context.Context, pace wait.Pace, patience time.Duration) error {
	return c.withdraw(ctx, pace, patience, Notice.Ours)
}

// WithdrawAll is Withdraw for all that this provider has announced.
func (c *Client) WithdrawAll(ctx context.Context, pace wait.Pace, patience time.Duration) error {
	return c.withdraw(ctx, pace, patience, Notice.made)
}

func (c *Client) withdraw(ctx context.Context, pace wait.Pace, patience time.Duration, made func(Notice) bool) error {
	return c.persist(ctx, pace, patience, func(ctx context.Context) (bool, error) {
		m, all, err := c.doors(ctx)
		if err != nil {
			return false, err
		}
		left := false
		for _, n := range all {
			if !made(n) {
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
