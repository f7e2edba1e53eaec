package controller_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

var quick = wait.Pace{Interval: 5 * time.Millisecond}

// addLab adds a lab with two nodes.
func addLab(t *testing.T, w *world, l cml.Lab) string {
	t.Helper()
	l.Nodes = []cml.Node{{Label: "r1"}, {Label: "r2"}}
	id, err := w.AddLab(l)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestStopLabsOfAllUsers(t *testing.T) {
	w := simulate(t)
	w.SetTiming(cml.Timing{NodeStep: 40 * time.Millisecond})
	w.AddUser(cml.Credentials{Username: "bob", Password: "bobs-password"}, false)
	defined := addLab(t, w, cml.Lab{Title: "never started"})
	ours := addLab(t, w, cml.Lab{Title: "ours", Running: true})
	his := addLab(t, w, cml.Lab{Title: "his", Owner: "bob", Running: true})
	c := w.client(t, w.admin(), controller.Transport{})

	var said []string
	stopped, err := c.StopLabs(within(t, patience), quick, func(s string) { said = append(said, s) })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(stopped), fmt.Sprint([]string{ours, his}); got != want {
		t.Errorf("stopped %s, want %s", got, want)
	}
	if n := w.RunningNodes(); n != 0 {
		t.Errorf("%d nodes still run when the wait is over", n)
	}
	if n := w.recorder.Count("cml", "PUT /labs/{lab_id}/stop"); n != 2 {
		t.Errorf("%d stop requests, want one for each running lab", n)
	}
	if len(said) == 0 || !strings.Contains(said[0], ours) || strings.Contains(strings.Join(said, ""), defined) {
		t.Errorf("progress: %q", said)
	}

	w.recorder.Reset()
	if again, err := c.StopLabs(within(t, patience), quick, nil); err != nil || len(again) > 0 {
		t.Errorf("with everything stopped: %v, %v", again, err)
	}
	if w.recorder.Count("cml", "GET /labs") != 1 || w.recorder.Count("cml", "PUT /labs/{lab_id}/stop") != 0 {
		t.Error("labs that are stopped were asked to stop")
	}
}

func TestStopLabsTimesOut(t *testing.T) {
	w := simulate(t)
	id := addLab(t, w, cml.Lab{Title: "stubborn", Running: true, Stubborn: true})
	c := w.client(t, w.admin(), controller.Transport{})
	asked, err := c.StopLabs(within(t, 300*time.Millisecond), quick, nil)
	if !fault.Is(err, fault.Timeout) || !strings.Contains(err.Error(), id) {
		t.Errorf("got %v, want a time-out that names %s", err, id)
	}
	if len(asked) != 1 {
		t.Errorf("asked %v", asked)
	}
}

func TestStopLabsThatIsRemovedMeanwhile(t *testing.T) {
	w := simulate(t)
	id := addLab(t, w, cml.Lab{Title: "stubborn", Running: true, Stubborn: true})
	c := w.client(t, w.admin(), controller.Transport{})
	if _, err := c.StopLabs(within(t, patience), quick, func(string) { w.RemoveLab(id) }); err != nil {
		t.Error(err)
	}
}

func TestStopLabsWaitsForTheStateToo(t *testing.T) {
	// A server that has not begun to stop says that it has converged.
	var looks, puts atomic.Int32
	ip, s := odd(t, func(out http.ResponseWriter, in *http.Request) {
		switch {
		case strings.HasSuffix(in.URL.Path, "/labs"):
			if in.URL.Query().Get("show_all") != "true" {
				t.Error("asked for the caller's own labs only")
			}
			_, _ = fmt.Fprint(out, `["one"]`)
		case strings.HasSuffix(in.URL.Path, "/labs/one/state"):
			state := "STARTED"
			if puts.Load() > 0 && looks.Add(1) > 3 {
				state = "STOPPED"
			}
			_, _ = fmt.Fprintf(out, "%q", state)
		case strings.HasSuffix(in.URL.Path, "/check_if_converged"):
			_, _ = fmt.Fprint(out, "true")
		case strings.HasSuffix(in.URL.Path, "/stop") && in.Method == http.MethodPut:
			puts.Add(1)
			out.WriteHeader(http.StatusNoContent)
		default:
			t.Errorf("%s %s", in.Method, in.URL)
		}
	})
	c := controller.New(ip, s, static, controller.Transport{})
	t.Cleanup(c.Close)
	if _, err := c.StopLabs(within(t, patience), quick, nil); err != nil {
		t.Fatal(err)
	}
	if puts.Load() != 1 || looks.Load() < 4 {
		t.Errorf("%d stops, %d looks at the state", puts.Load(), looks.Load())
	}
}

func TestStopLabsIsRefused(t *testing.T) {
	ip, s := odd(t, func(out http.ResponseWriter, in *http.Request) {
		switch {
		case strings.HasSuffix(in.URL.Path, "/labs"):
			_, _ = fmt.Fprint(out, `["one"]`)
		case strings.HasSuffix(in.URL.Path, "/state"):
			_, _ = fmt.Fprint(out, `"STARTED"`)
		default:
			out.WriteHeader(http.StatusForbidden)
		}
	})
	c := controller.New(ip, s, static, controller.Transport{})
	t.Cleanup(c.Close)
	if _, err := c.StopLabs(within(t, patience), quick, nil); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("got %v, want the refusal", err)
	}
}
