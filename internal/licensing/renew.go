package licensing

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// renewPolls is how long a renewal may take to show: 60 s. Cisco's own tests
// give it 20 s (cml-api.md 5.6).
const renewPolls = 12

// DueWithin reports whether registration or authorization end within a time.
func DueWithin(l controller.Licensing, d time.Duration, now time.Time) bool {
	end := ExpiresAt(l)
	return l.Registered() && !end.IsZero() && end.Before(now.Add(d))
}

// Always is a time within which everything ends.
const Always = time.Duration(math.MaxInt64)

// Renew renews what ends within a time, authorization and registration each,
// and waits until a later end shows. An unregistered server, and one that is
// good for longer, are left alone; so is an end that CML does not tell, unless
// the time is Always. An error in the second part says that the first is done.
func (w *Worker) Renew(ctx context.Context, in *instance.Instance, within time.Duration) (controller.Licensing, error) {
	s, err := w.server(ctx, in)
	if err != nil {
		return controller.Licensing{}, err
	}
	defer s.client.Close()
	l, err := s.settled(ctx)
	if err != nil || !l.Registered() {
		return l, err
	}
	renewed := ""
	for _, part := range []part{
		{"authorization", func(l controller.Licensing) string { return l.Authorization.Expires },
			func(l controller.Licensing) controller.LicenseTime { return l.Authorization.RenewTime }, s.client.RenewAuthorization},
		{"registration", func(l controller.Licensing) string { return l.Registration.Expires },
			func(l controller.Licensing) controller.LicenseTime { return l.Registration.RenewTime }, s.client.RenewRegistration},
	} {
		end, ok := controller.ParseLicenseTime(part.end(l))
		if !ok && within != Always || ok && !end.Before(time.Now().Add(within)) {
			continue
		}
		s.say("renewing the licence's " + part.name)
		if l, err = s.renew(ctx, part, l); err != nil {
			if renewed != "" {
				err = &Error{Kind: fault.KindOf(err), Text: fmt.Sprintf("%s, but not its %s: %s", renewed, part.name, err), Err: err}
			}
			return l, err
		}
		renewed = fmt.Sprintf("the %s of the licence was renewed", part.name)
		if end, ok := controller.ParseLicenseTime(part.end(l)); ok {
			renewed += " and is good until " + end.Format(time.RFC3339)
		}
		s.say(renewed)
	}
	return l, nil
}

// part is what is renewed by itself: when it ends and how the last try went, in
// the words of a document, and the request.
type part struct {
	name string
	end  func(controller.Licensing) string
	last func(controller.Licensing) controller.LicenseTime
	ask  func(context.Context) error
}

// succeeded reports whether a try after another document's went well.
func (p part) succeeded(before, now controller.Licensing) bool {
	then, _ := controller.ParseLicenseTime(p.last(before).Attempted)
	at, ok := controller.ParseLicenseTime(p.last(now).Attempted)
	return ok && at.After(then) && (p.last(now).Success == "SUCCESS" || p.last(now).Status == "SUCCEEDED")
}

// renew asks once, and again where CML was busy or the answer was lost: a
// renewal too many does no harm. was is the document before it. It ends with a
// later end; where a try went well that does not move the end, a while after it.
func (s *server) renew(ctx context.Context, p part, was controller.Licensing) (controller.Licensing, error) {
	var (
		l       controller.Licensing
		refused error
		well    time.Time
	)
	before, _ := controller.ParseLicenseTime(p.end(was))
	asked, began := false, time.Now()
	err := wait.Poll(ctx, s.pace(), func(ctx context.Context) (bool, error) {
		if !asked {
			refused = p.ask(ctx)
			if refused != nil && !again(refused) {
				return false, refused
			}
			asked = refused == nil
		}
		var err error
		if l, err = s.status(ctx); err != nil {
			return false, err
		}
		if now, ok := controller.ParseLicenseTime(p.end(l)); ok && now.After(before) {
			return true, nil
		}
		if well.IsZero() && p.succeeded(was, l) {
			well = time.Now()
		}
		if !well.IsZero() && time.Since(well) >= s.polls(stalePolls) {
			return true, nil
		}
		if time.Since(began) < s.polls(renewPolls) {
			return false, nil
		}
		return false, p.unseen(l, before, refused)
	})
	return l, err
}

// unseen says why a renewal does not show.
func (p part) unseen(l controller.Licensing, before time.Time, refused error) error {
	text := fmt.Sprintf("the %s of the licence was to be renewed, and still ends at %s", p.name, before.Format(time.RFC3339))
	if before.IsZero() {
		text = fmt.Sprintf("the %s of the licence was to be renewed, and CML does not tell when it ends", p.name)
	}
	if refused != nil {
		return &Error{Kind: fault.KindOf(refused), Text: text + ": " + refused.Error(), Err: refused}
	}
	if agent := agentText(p.last(l).Failure, ""); agent != "" && agent != "OK" {
		text += ": " + agent
	}
	return &Error{Kind: fault.Unreachable, Text: text, Next: "check that the worker reaches Cisco's licence servers."}
}
