package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// shows checks what the users of CML see.
func (w *world) shows(t *testing.T, when string, maintenance bool, outside string, notices ...string) {
	t.Helper()
	shown, out := w.Notices()
	if w.InMaintenance() != maintenance || out != outside || !slices.Equal(shown, notices) {
		t.Errorf("%s: maintenance %t with notice %q, shown are %q; want %t, %q, %q", when, w.InMaintenance(), out, shown, maintenance, outside, notices)
	}
}

func TestAnnounceAndWithdraw(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(*world)
		says    controller.Announcement
		closed  bool
		outside string
		shown   []string
		after   func(*testing.T, *world)
	}{
		"both":         {nil, controller.Announcement{Maintenance: true, Notice: "Stops soon"}, true, "Stops soon", []string{"Stops soon"}, nil},
		"without text": {nil, controller.Announcement{Maintenance: true}, true, controller.DefaultNotice, []string{controller.DefaultNotice}, nil},
		"notice alone": {nil, controller.Announcement{Notice: "Stops soon"}, false, "", []string{"Stops soon"}, nil},
		"nothing":      {nil, controller.Announcement{}, false, "", nil, nil},
		"a person's maintenance stays": {
			func(w *world) { w.SetMaintenance(true, "Disk exchange") },
			controller.Announcement{Maintenance: true, Notice: "Stops soon"}, true, "Disk exchange", []string{"Disk exchange", "Stops soon"},
			func(t *testing.T, w *world) { w.shows(t, "after", true, "Disk exchange", "Disk exchange") },
		},
		"also without notice": {
			func(w *world) { w.SetMaintenance(true, "") },
			controller.Announcement{Maintenance: true}, true, "", nil,
			func(t *testing.T, w *world) { w.shows(t, "after", true, "") },
		},
		"a notice that waits for its maintenance comes back": {
			func(w *world) { w.SetMaintenance(false, "For Sunday") },
			controller.Announcement{Maintenance: true, Notice: "Stops soon"}, true, "Stops soon", []string{"For Sunday", "Stops soon"},
			func(t *testing.T, w *world) { w.shows(t, "after", false, "For Sunday", "For Sunday") },
		},
		"no notice along": {
			func(w *world) { w.Switch(func(s *cml.Switches) { s.NoResolvedNotice = true }) },
			controller.Announcement{Maintenance: true, Notice: "Stops soon"}, true, "Stops soon", []string{"Stops soon"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := simulate(t)
			if c.before != nil {
				c.before(w)
			}
			client := w.client(t, w.admin(), controller.Transport{})
			for range 2 { // the second time changes nothing
				left, err := client.Announce(within(t, patience), quick, patience, c.says)
				if err != nil {
					t.Fatal(err)
				}
				if shown, _ := w.Notices(); left != slices.ContainsFunc(shown, func(label string) bool { return label == c.says.Notice || label == controller.DefaultNotice }) {
					t.Errorf("left: %t, shown are %q", left, shown)
				}
				w.shows(t, "announced", c.closed, c.outside, c.shown...)
			}
			for range 2 {
				if err := client.Withdraw(within(t, patience), quick, patience); err != nil {
					t.Fatal(err)
				}
				if c.after == nil {
					w.shows(t, "withdrawn", false, "")
				} else {
					c.after(t, w)
				}
			}
		})
	}
}

// What is announced to stay outlives drains, and a drain's own goes beside it.
func TestAnnounceToStay(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	announce := func(a controller.Announcement) {
		t.Helper()
		for range 2 { // the second time changes nothing
			if _, err := c.Announce(within(t, patience), quick, patience, a); err != nil {
				t.Fatal(err)
			}
		}
	}
	withdraw := func(how func(context.Context, wait.Pace, time.Duration) error) {
		t.Helper()
		if err := how(within(t, patience), quick, patience); err != nil {
			t.Fatal(err)
		}
	}
	stays := controller.Announcement{Maintenance: true, Stays: true}
	w.SetMaintenance(false, "For Sunday")
	announce(stays)
	w.shows(t, "on", true, controller.KeptNotice, "For Sunday", controller.KeptNotice)
	announce(controller.Announcement{Maintenance: true, Notice: "Stops soon"})
	w.shows(t, "a drain comes", true, controller.KeptNotice, "For Sunday", controller.KeptNotice, "Stops soon")
	withdraw(c.Withdraw)
	w.shows(t, "the drain goes", true, controller.KeptNotice, "For Sunday", controller.KeptNotice)
	if m, err := c.PublicMaintenance(within(t, patience)); err != nil || m.ClosedByDrain() {
		t.Errorf("taken for a drain: %+v, %v", m, err)
	}
	withdraw(c.WithdrawAll)
	w.shows(t, "off", false, "For Sunday", "For Sunday")

	// A drain that is there already does not end it either.
	announce(controller.Announcement{Maintenance: true, Notice: "Stops soon"})
	announce(controller.Announcement{Maintenance: true, Notice: "Upgrade", Stays: true})
	w.shows(t, "after a drain", true, "Upgrade", "For Sunday", "Stops soon", "Upgrade")
	withdraw(c.Withdraw)
	w.shows(t, "the drain goes", true, "Upgrade", "For Sunday", "Upgrade")
	announce(controller.Announcement{Maintenance: true, Notice: "Stops soon"})
	withdraw(c.WithdrawAll)
	w.shows(t, "off", false, "For Sunday", "For Sunday")

	// What a person has switched on is never ended.
	w.SetMaintenance(true, "Disk exchange")
	announce(stays)
	withdraw(c.WithdrawAll)
	w.shows(t, "a person's", true, "Disk exchange", "For Sunday", "Disk exchange")
}

// An announcement that is made again with other words replaces its own notice.
func TestAnnounceInOtherWords(t *testing.T) {
	w := simulate(t)
	c := w.client(t, w.admin(), controller.Transport{})
	for _, a := range []controller.Announcement{{Notice: "Soon"}, {Maintenance: true, Notice: "Now"}} {
		if _, err := c.Announce(within(t, patience), quick, patience, a); err != nil {
			t.Fatal(err)
		}
	}
	w.shows(t, "announced", true, "Now", "Now")
}

// Whichever answer is lost, before or after its request took effect: one notice
// at the most, and none in the end.
func TestDrainLosesAnswers(t *testing.T) {
	const maintenance, notices = "PATCH /system/maintenance_mode", "POST /system/notices"
	for _, operation := range []string{"GET /system/maintenance_mode", "GET /system/notices", maintenance, notices, "DELETE /system/notices/{notice_id}"} {
		for _, f := range []wire.Fault{{Kind: wire.Drop}, {Kind: wire.Reset}, {Kind: wire.Error, Status: 502}} {
			t.Run(fmt.Sprintf("%s of %s", f.Kind, operation), func(t *testing.T) {
				w := simulate(t)
				c := w.client(t, w.admin(), controller.Transport{})
				w.faults.Add(wire.Rule{Service: "cml", Operation: operation, Times: 1, Fault: f})
				if _, err := c.Announce(within(t, patience), quick, patience, controller.Announcement{Maintenance: true, Notice: "Stops soon"}); err != nil {
					t.Fatal(err)
				}
				w.shows(t, "announced", true, "Stops soon", "Stops soon")
				if operation == "GET /system/maintenance_mode" || operation == maintenance {
					w.faults.Add(wire.Rule{Service: "cml", Operation: operation, Times: 1, Fault: f})
				}
				if err := c.Withdraw(within(t, patience), quick, patience); err != nil {
					t.Fatal(err)
				}
				w.shows(t, "withdrawn", false, "")
			})
		}
	}
}

func TestDrainIsRefused(t *testing.T) {
	w := simulate(t)
	jane := controller.Credentials{Username: "jane", Password: "correct horse"}
	w.AddUser(cml.Credentials{Username: jane.Username, Password: jane.Password}, false)
	c := w.client(t, jane, controller.Transport{})
	if _, err := c.Announce(within(t, patience), quick, patience, controller.Announcement{Maintenance: true}); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("got %v, want the refusal", err)
	}
	w.shows(t, "refused", false, "")
}

// What does not pass is an error once the patience is over: the last answer, or
// the lack of one.
func TestDrainLosesPatience(t *testing.T) {
	w := simulate(t)
	w.faults.Add(wire.Rule{Service: "cml", Operation: "PATCH /system/maintenance_mode", Fault: wire.Fault{Kind: wire.Error, Status: 502}})
	c := w.client(t, w.admin(), controller.Transport{})
	if left, err := c.Announce(within(t, patience), quick, 50*time.Millisecond, controller.Announcement{Maintenance: true}); !fault.Is(err, fault.NotReady) || !left {
		t.Errorf("got %t, %v", left, err)
	}
	// In whom nobody could look was nothing left.
	if err := w.HoldPhase(cml.Refused); err != nil {
		t.Fatal(err)
	}
	if left, err := c.Announce(within(t, patience), quick, 50*time.Millisecond, controller.Announcement{Maintenance: true}); !fault.Is(err, fault.Unreachable) || left {
		t.Errorf("got %t, %v", left, err)
	}
}

// A server that takes each request and shows nothing of it is not asked for ever.
func TestDrainThatNeverShows(t *testing.T) {
	ip, s := odd(t, func(out http.ResponseWriter, in *http.Request) {
		switch {
		case in.Method == http.MethodPost:
			_, _ = fmt.Fprint(out, `{"id": "n1", "label": "x"}`)
		case strings.HasSuffix(in.URL.Path, "/notices"):
			_, _ = fmt.Fprint(out, `[]`)
		default:
			_, _ = fmt.Fprint(out, `{"maintenance_mode": false, "notice": null}`)
		}
	})
	c := controller.New(ip, s, static, controller.Transport{})
	t.Cleanup(c.Close)
	if _, err := c.Announce(within(t, patience), quick, patience, controller.Announcement{Maintenance: true}); !fault.Is(err, fault.WrongState) {
		t.Errorf("got %v", err)
	}
}

func TestAwaitNoNodes(t *testing.T) {
	w := simulate(t)
	id := addLab(t, w, cml.Lab{Title: "ours", Running: true})
	c := w.client(t, w.admin(), controller.Transport{})
	if n, err := c.AwaitNoNodes(within(t, patience), quick, patience, 0, nil); n != 2 || err != nil || w.recorder.Count("cml", "GET /system_stats") != 1 {
		t.Errorf("%d nodes, %v", n, err)
	}
	if n, err := c.AwaitNoNodes(within(t, patience), quick, patience, 50*time.Millisecond, nil); n != 2 || err != nil {
		t.Errorf("%d nodes, %v", n, err)
	}
	w.faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_stats", Times: 2, Fault: wire.Fault{Kind: wire.Error, Status: 502}})
	if n, err := c.AwaitNoNodes(within(t, patience), quick, patience, patience, func(string) { w.RemoveLab(id) }); n != 0 || err != nil {
		t.Errorf("%d nodes, %v", n, err)
	}
	w.faults.Add(wire.Rule{Service: "cml", Operation: "GET /system_stats", Fault: wire.Fault{Kind: wire.Error, Status: 502}})
	if _, err := c.AwaitNoNodes(within(t, patience), quick, 20*time.Millisecond, patience, nil); !fault.Is(err, fault.NotReady) {
		t.Errorf("unreadable: %v", err)
	}
}

// Everybody may ask for the maintenance mode.
func TestPublicMaintenance(t *testing.T) {
	w := simulate(t)
	ask := func() controller.Maintenance {
		t.Helper()
		m, err := w.client(t, controller.Credentials{}, controller.Transport{}).PublicMaintenance(within(t, patience))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := ask(); m.On || m.ClosedByDrain() {
		t.Errorf("got %+v", m)
	}
	w.SetMaintenance(true, "Disk exchange")
	if m := ask(); !m.On || m.ClosedByDrain() {
		t.Errorf("got %+v", m)
	}
	w.SetMaintenance(false, "")
	if _, err := w.client(t, w.admin(), controller.Transport{}).Announce(within(t, patience), quick, patience, controller.Announcement{Maintenance: true}); err != nil {
		t.Fatal(err)
	}
	if m := ask(); !m.ClosedByDrain() {
		t.Errorf("got %+v", m)
	}
}
