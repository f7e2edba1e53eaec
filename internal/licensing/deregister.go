package licensing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// deregistered is how a de-registration ended.
type deregistered struct {
	licensing controller.Licensing
	// asked: CML took a request of ours, or may have.
	asked bool
	// unconfirmed: CML could not tell Cisco's servers. lost: it has forgotten
	// the registration, and its answer, which would tell, did not arrive.
	unconfirmed, lost bool
	// retries: there is nothing to give back yet, but the agent of CML goes on
	// trying to register.
	retries bool
}

func (d deregistered) notes(known Known) []Note {
	const remove = "Look the product instance up in Cisco's Smart Software Manager and remove it if it is still there: %s."
	switch {
	case d.unconfirmed:
		return []Note{{NotReleased, fmt.Sprintf("CML has given its registration up, but could not tell Cisco's licence servers, which may count it still. "+remove, known.Holder())}}
	case d.lost:
		return []Note{{NotReleased, fmt.Sprintf("CML has given its registration up, but its answer was lost, so that nobody knows whether Cisco's licence servers were told. "+remove, known.Holder())}}
	case d.retries:
		return []Note{{NotReleased, fmt.Sprintf("CML has no registration to give back, but goes on trying to register by itself, and is counted once it succeeds. "+remove, known.Holder())}}
	}
	return nil
}

// deregister gives the registration back and waits until the status shows it.
// HTTP 400 means that there is none, or that nodes are running; the status and
// the number of nodes tell which. 409 waits.
func (s *server) deregister(ctx context.Context, stopLabs bool) (deregistered, error) {
	var out deregistered
	if stopLabs {
		if err := s.stopLabs(ctx); err != nil {
			return out, err
		}
	}
	began := time.Now()
	for taken, refused := 0, 0; ; {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		answer, err := s.client.DeregisterLicense(ctx)
		failure := err
		switch {
		case err == nil:
			taken++
			out.asked, out.unconfirmed, out.lost = true, answer.Unconfirmed, false
		case ctx.Err() != nil:
			out.asked, out.lost = true, true
			return out, err
		case ambiguous(err):
			out.asked, out.lost = true, true
		case again(err), fault.Is(err, fault.Invalid):
		default:
			return out, err
		}
		if out.licensing, err = s.shown(ctx, failure == nil, controller.Licensing.Unregistered); err != nil {
			return out, err
		}
		// Given up, and not at rest: there is nothing to ask for again.
		for taken > 0 && between(out.licensing) && time.Since(began) < s.polls(bootPolls) {
			if out.licensing, err = s.shown(ctx, true, controller.Licensing.Unregistered); err != nil {
				return out, err
			}
		}
		if out.licensing.Unregistered() {
			return out, nil
		}
		if fault.Is(failure, fault.Invalid) {
			if refused++; refused > repeats {
				return out, failure
			}
			done, err := s.refused(ctx, out.licensing, stopLabs, failure)
			if done || err != nil {
				out.retries = done && out.licensing.Registration.Status == retrying
				return out, err
			}
			continue
		}
		if taken >= repeats {
			return out, &Error{Kind: fault.WrongState, Text: "CML accepted the request to de-register, but is still registered"}
		}
		if err := s.pause(ctx, failure); err != nil {
			return out, err
		}
	}
}

// between reports whether a server is neither registered nor unregistered.
func between(l controller.Licensing) bool { return !l.Registered() && !l.Unregistered() }

// refused explains a 400 on a server that is still registered. done: there is
// nothing to give back; neither done nor an error: worth another try. Labs count
// as well as nodes, since CML may refuse for nodes that no compute host reports
// as running (cml-api.md 6.3).
func (s *server) refused(ctx context.Context, l controller.Licensing, stopLabs bool, failure error) (done bool, err error) {
	nodes, labs, err := s.activity(ctx)
	active := nodes > 0 || len(labs) > 0
	switch {
	case err != nil && ctx.Err() != nil:
		return false, err
	case err != nil:
		return false, failure
	case active && stopLabs:
		return false, s.patiently(ctx, s.stopAll) // somebody has started them again
	case active:
		return false, busy(nodes, labs, failure)
	case Broken(l), l.Registration.Status == retrying:
		return true, nil
	}
	return false, failure
}

// activity is what may keep CML from de-registering. A number of nodes that CML
// does not tell is zero.
func (s *server) activity(ctx context.Context) (nodes int, labs []controller.Lab, err error) {
	err = s.patiently(ctx, func(ctx context.Context) error {
		stats, err := s.client.SystemStats(ctx)
		nodes, _ = stats.RunningNodes()
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	listErr := s.patiently(ctx, func(ctx context.Context) (err error) {
		labs, err = s.client.ActiveLabs(ctx)
		return err
	})
	if nodes == 0 {
		err = listErr
	}
	return nodes, labs, err
}

// busy is the error for nodes that run and may not be stopped.
func busy(nodes int, labs []controller.Lab, failure error) error {
	list := controller.NameLabs(labs)
	if list == "" {
		list = "its labs could not be listed"
	}
	running := fmt.Sprintf("%d run", nodes)
	if nodes == 0 {
		running = "labs are started"
	}
	return &Error{Kind: fault.WrongState, Argument: ArgumentStop,
		Text: fmt.Sprintf("CML does not de-register while nodes are running, and %s: %s", running, list),
		Next: "stop these labs, or set `stop_labs = true` and apply that first; it stops the labs of all users.", Err: failure}
}

// stopLabs stops the labs of all users where nodes run.
func (s *server) stopLabs(ctx context.Context) error {
	return s.patiently(ctx, func(ctx context.Context) error {
		nodes, err := s.client.NodesRunning(ctx)
		if err == nil && nodes == 0 {
			return nil
		}
		return s.stopAll(ctx)
	})
}

// stopAll stops whatever is started.
func (s *server) stopAll(ctx context.Context) error {
	stopped, err := s.client.StopLabs(ctx, s.pace(), s.say)
	if len(stopped) > 0 {
		s.say("stopped the labs " + strings.Join(stopped, ", "))
	}
	return err
}
