package licensing

import (
	"context"
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// deregistered is how a de-registration ended.
type deregistered struct {
	licensing controller.Licensing
	// asked: CML took a request of ours, or may have.
	asked bool
	// unconfirmed: CML could not tell Cisco's servers. lost: it has forgotten
	// the registration, and its answer, which would tell, did not arrive.
	unconfirmed, lost bool
}

func (d deregistered) notes(known Known) []Note {
	const remove = "Look the product instance up in Cisco's Smart Software Manager and remove it if it is still there: %s."
	switch {
	case d.unconfirmed:
		return []Note{{NotReleased, fmt.Sprintf("CML has given its registration up, but could not tell Cisco's licence servers, which may count it still. "+remove, known.Holder())}}
	case d.lost:
		return []Note{{NotReleased, fmt.Sprintf("CML has given its registration up, but its answer was lost, so that nobody knows whether Cisco's licence servers were told. "+remove, known.Holder())}}
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
	for taken, refused := 0, 0; ; {
		answer, err := s.client.DeregisterLicense(ctx)
		failure := err
		switch {
		case err == nil:
			taken++
			out.asked, out.unconfirmed, out.lost = true, answer.Unconfirmed, false
		case ambiguous(err):
			out.asked, out.lost = true, true
		case again(err), fault.Is(err, fault.Invalid):
		default:
			return out, err
		}
		if out.licensing, err = s.shown(ctx, failure == nil, controller.Licensing.Unregistered); err != nil {
			return out, err
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
				return out, err
			}
			continue
		}
		if taken >= repeats {
			return out, &Error{Kind: fault.WrongState, Text: "CML accepted the request to de-register, but is still registered"}
		}
		if err := wait.Sleep(ctx, s.polls(1)); err != nil {
			return out, err
		}
	}
}

// refused explains a 400 on a server that is still registered. done: there is
// nothing to give back; neither done nor an error: worth another try.
func (s *server) refused(ctx context.Context, l controller.Licensing, stopLabs bool, failure error) (done bool, err error) {
	var nodes int
	countErr := s.patiently(ctx, func(ctx context.Context) (err error) {
		nodes, err = s.client.NodesRunning(ctx)
		return err
	})
	if countErr != nil {
		if ctx.Err() != nil {
			return false, countErr
		}
		return false, failure
	}
	switch {
	case nodes > 0 && stopLabs:
		return false, s.stopLabs(ctx) // somebody has started them again
	case nodes > 0:
		return false, s.busy(ctx, nodes, failure)
	case Broken(l):
		return true, nil
	}
	return false, failure
}

// busy is the error for nodes that run and may not be stopped.
func (s *server) busy(ctx context.Context, nodes int, failure error) error {
	labs, err := s.client.ActiveLabs(ctx)
	list := controller.NameLabs(labs)
	if err != nil || list == "" {
		list = "its labs could not be listed"
	}
	return &Error{Kind: fault.WrongState,
		Text: fmt.Sprintf("CML does not de-register while nodes are running, and %d run: %s", nodes, list),
		Next: "stop these labs, or set `stop_labs = true` and apply that first; it stops the labs of all users.", Err: failure}
}

// stopLabs stops the labs of all users where nodes run.
func (s *server) stopLabs(ctx context.Context) error {
	return s.patiently(ctx, func(ctx context.Context) error {
		nodes, err := s.client.NodesRunning(ctx)
		if err == nil && nodes == 0 {
			return nil
		}
		stopped, err := s.client.StopLabs(ctx, s.pace(), s.say)
		if len(stopped) > 0 {
			s.say("stopped the labs " + strings.Join(stopped, ", "))
		}
		return err
	})
}
