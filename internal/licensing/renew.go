package licensing

import (
	"context"
	"fmt"
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

// Renew renews what ends within a time, authorization and registration each,
// and waits until a later end shows. An unregistered server, and one that is
// good for longer, are left alone.
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
	for _, part := range []struct {
		name  string
		end   func(controller.Licensing) string
		renew func(context.Context) error
	}{
		{"authorization", func(l controller.Licensing) string { return l.Authorization.Expires }, s.client.RenewAuthorization},
		{"registration", func(l controller.Licensing) string { return l.Registration.Expires }, s.client.RenewRegistration},
	} {
		end, ok := controller.ParseLicenseTime(part.end(l))
		if !ok || !end.Before(time.Now().Add(within)) {
			continue
		}
		s.say("renewing the licence's " + part.name)
		if l, err = s.renew(ctx, part.name, end, part.end, part.renew); err != nil {
			return l, err
		}
	}
	return l, nil
}

// renew asks once, and again where CML was busy or the answer was lost: a
// renewal too many does no harm.
func (s *server) renew(ctx context.Context, name string, before time.Time, end func(controller.Licensing) string, ask func(context.Context) error) (controller.Licensing, error) {
	var l controller.Licensing
	asked, began := false, time.Now()
	err := wait.Poll(ctx, s.pace(), func(ctx context.Context) (bool, error) {
		if !asked {
			err := ask(ctx)
			if err != nil && !again(err) {
				return false, err
			}
			asked = err == nil
		}
		var err error
		if l, err = s.status(ctx); err != nil {
			return false, err
		}
		if now, ok := controller.ParseLicenseTime(end(l)); ok && now.After(before) {
			return true, nil
		}
		if time.Since(began) < s.polls(renewPolls) {
			return false, nil
		}
		text := fmt.Sprintf("the %s of the licence was to be renewed, and still ends at %s", name, before.Format(time.RFC3339))
		if agent := agentText(l.Authorization.RenewTime.Failure, ""); agent != "" && agent != "OK" {
			text += ": " + agent
		}
		return false, &Error{Kind: fault.Unreachable, Text: text, Next: "check that the worker reaches Cisco's licence servers."}
	})
	return l, err
}
