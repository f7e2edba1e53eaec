package licensing

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Request says how a worker should be licensed.
type Request struct {
	Product string
	// Token is the registration token; "" where none is at hand, and then only
	// what is registered already can be adopted.
	Token string
	// ExtraNodes is the number of expansion nodes; nil leaves it.
	ExtraNodes *int
	// Transport is the way to the licence servers; nil leaves it. Empty members
	// are the defaults of CML.
	Transport *controller.LicenseTransport
	// Reregister lets a server that is registered for another product be
	// registered anew.
	Reregister bool
	// Again registers also a server that is registered for this product, unless
	// an earlier run has done so with the same version of the token.
	Again bool
	// Version is the version of the token, "" for none.
	Version string
	// AdoptInherited takes a registration over that came with the image.
	AdoptInherited bool
	// Ours: the registration is known to be no inherited one.
	Ours bool
	// Check, if set, may refuse the server by its status before anything is changed.
	Check func(controller.Licensing) error
}

// Result is how far a registration came. It is filled with an error, too.
type Result struct {
	// Licensing is the last status that was read.
	Licensing controller.Licensing
	// Touched: the server is, or may have been, registered by us or taken over.
	// From then on the licence must be known to somebody who gives it back.
	Touched bool
	// Fresh: there was no registration before.
	Fresh bool
	// Begun: a new registration was begun, as CML has acknowledged or shown.
	Begun bool
	// Inherited: what was taken over came with the image.
	Inherited bool
	// Adopted: the server was registered already, and no token was used.
	Adopted bool
	// OutOfCompliance: registered, but the account has fewer licences than are in use.
	OutOfCompliance bool
	Notes           []Note
}

// Half reports whether a change that failed has come as far as a new
// registration, whose token is used. What failed comes after it, or nobody knows yet.
func (r Result) Half() bool { return r.Begun && !Broken(r.Licensing) }

// Register brings the licence of a running worker to what is requested:
// transport, product, registration, expansion nodes, and waits until it is
// valid. What is so already is left alone, so that a run that was interrupted
// is finished by the next one without a second registration.
func (w *Worker) Register(ctx context.Context, in *instance.Instance, req Request) (Result, error) {
	var out Result
	s, err := w.server(ctx, in)
	if err != nil {
		return out, err
	}
	defer s.client.Close()
	s.mayBoot = true
	out.Licensing, err = s.settled(ctx)
	if err != nil {
		return out, err
	}
	out.Fresh = out.Licensing.Unregistered()
	before := out.Licensing
	err = s.register(ctx, req, &out)
	if err != nil {
		out.Licensing = s.last
	}
	if ctx.Err() != nil {
		// What was reached must be known, or it is lost.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		if l, readErr := s.client.Licensing(clean); readErr == nil {
			out.Licensing = l
			out.Begun = out.Begun || out.Touched && (l.Registered() || underWay(l)) && begun(before, l)
		}
	}
	return out, err
}

func (s *server) register(ctx context.Context, req Request, out *Result) error {
	adopts, err := s.judge(req, out)
	if err != nil {
		return err
	}
	if err := s.alone(ctx, req, out.Licensing); err != nil {
		return err
	}
	out.Adopted = adopts
	out.Touched = out.Licensing.Registered() && (adopts || req.Ours)
	if err := s.setTransport(ctx, req, out); err != nil {
		return err
	}
	if !adopts {
		if err := s.setProduct(ctx, req, out); err != nil {
			return err
		}
	}
	if err := checkNodes(req, out.Licensing); err != nil {
		return err
	}
	before := out.Licensing
	if !adopts {
		if err := s.request(ctx, req, out); err != nil {
			return err
		}
	}
	if out.Licensing, err = s.await(ctx, req, before, !adopts, controller.Licensing.Registered, out); err != nil {
		return err
	}
	if err := s.setNodes(ctx, req, out); err != nil {
		return err
	}
	if out.Licensing, err = s.await(ctx, req, out.Licensing, false, controller.Licensing.Valid, out); err != nil {
		return err
	}
	s.holds(ctx, req, out)
	return nil
}

// judge decides whether what is registered already can stay.
func (s *server) judge(req Request, out *Result) (adopts bool, err error) {
	l := out.Licensing
	if l.ReservationMode {
		return false, &Error{Kind: fault.WrongState,
			Text: "CML is in reservation mode: its licence does not come from a token",
			Next: "leave reservation mode in CML first, or do not manage this licence with Terraform."}
	}
	if req.Check != nil {
		if err := req.Check(l); err != nil {
			return false, err
		}
	}
	same := l.ProductLicense.Active == req.Product
	switch {
	case !l.Registered():
	case !req.Ours && Inherited(l, s.in):
		if !req.AdoptInherited {
			return false, &Error{Kind: fault.WrongState,
				Text: fmt.Sprintf("CML was registered at %s, before this instance was launched: the registration came with its image, and belongs to the machine that the image was made of (%s)",
					l.Registration.RegisterTime.Attempted, KnownFrom(l).Holder()),
				Next: "set `adopt_inherited = true` to use it as it is (it is then never released from here), or de-register CML on this worker by hand, which also takes the licence from the other machine."}
		}
		out.Inherited = true
		adopts = same
	case same:
		// What was under way, or was made, is that of a run that was killed.
		adopts = (!req.Again || s.found || s.made(req, l)) && !Broken(l)
	}
	if l.Registered() && !same && !req.Reregister && !req.Ours {
		return false, &Error{Kind: fault.WrongState,
			Text: fmt.Sprintf("CML is registered for %s already, and the configuration asks for %s (%s)", l.ProductLicense.Active, req.Product, KnownFrom(l).Holder()),
			Next: "set `reregister = true` to give that registration back and register anew, or set `product` to what is registered.", Argument: "product"}
	}
	if !adopts && req.Token == "" {
		return false, &Error{Kind: fault.Invalid,
			Text: "CML must be registered, and there is no registration token",
			Next: "set `token_wo` to a token of the smart account that is still valid.", Argument: "token_wo"}
	}
	return adopts, nil
}

func (s *server) setTransport(ctx context.Context, req Request, out *Result) (err error) {
	if req.Transport == nil {
		return nil
	}
	want := *req.Transport
	done := func(l controller.Licensing) bool {
		got := l.Transport
		ssms := got.SSMS == want.SSMS || want.SSMS == "" && DefaultSSMS(l)
		return ssms && got.Proxy.Server == want.ProxyServer && int(got.Proxy.Port) == want.ProxyPort
	}
	out.Licensing, err = s.change(ctx, "transport", out.Licensing, done, func(ctx context.Context) error {
		return s.client.SetLicenseTransport(ctx, want)
	})
	return req.refusal(err, "transport", "check `transport`: CML takes an http(s) URL with a path, and a proxy with name and port.")
}

// setProduct chooses the product, which CML refuses while it is registered.
func (s *server) setProduct(ctx context.Context, req Request, out *Result) (err error) {
	done := func(l controller.Licensing) bool { return l.ProductLicense.Active == req.Product }
	if done(out.Licensing) {
		return nil
	}
	if out.Licensing.Registered() {
		s.say("giving the registration of " + out.Licensing.ProductLicense.Active + " back")
		known := KnownFrom(out.Licensing)
		gone, err := s.deregister(ctx, false)
		if err != nil {
			return err
		}
		out.Licensing, out.Inherited, out.Touched = gone.licensing, false, false
		out.Notes = append(out.Notes, gone.notes(known)...)
	}
	out.Licensing, err = s.change(ctx, "product licence", out.Licensing, done, func(ctx context.Context) error {
		return s.client.SetProductLicense(ctx, req.Product)
	})
	return req.refusal(err, "product", "check `product`: CML names its products `CML_Enterprise`, `CML_Education`, `CML_Personal` and `CML_Personal40`.")
}

// checkNodes refuses a count that cannot be set before a token is used.
func checkNodes(req Request, l controller.Licensing) error {
	if req.ExtraNodes == nil {
		return nil
	}
	f, ok := l.NodeFeature()
	switch {
	case !ok && *req.ExtraNodes > 0:
		return &Error{Kind: fault.Invalid, Text: fmt.Sprintf("the product %s has no expansion nodes", l.ProductLicense.Active),
			Next: "leave `extra_nodes` out, or choose a product that has them.", Argument: "extra_nodes"}
	case ok && (f.Min != nil && *req.ExtraNodes < int(*f.Min) || f.Max != nil && *req.ExtraNodes > int(*f.Max)):
		return &Error{Kind: fault.Invalid, Text: fmt.Sprintf("CML takes %s to %s expansion nodes, not %d", bound(f.Min), bound(f.Max), *req.ExtraNodes),
			Next: "set `extra_nodes` to a number in that range.", Argument: "extra_nodes"}
	}
	return nil
}

// bound is a bound of a feature in words.
func bound(n *controller.Whole) string {
	if n == nil {
		return "any number"
	}
	return strconv.Itoa(int(*n))
}

func (s *server) setNodes(ctx context.Context, req Request, out *Result) (err error) {
	if req.ExtraNodes == nil {
		return nil
	}
	if _, ok := out.Licensing.NodeFeature(); !ok {
		return nil
	}
	done := func(l controller.Licensing) bool {
		f, ok := l.NodeFeature()
		return ok && int(f.InUse) == *req.ExtraNodes
	}
	out.Licensing, err = s.change(ctx, "number of expansion nodes", out.Licensing, done, func(ctx context.Context) error {
		f, _ := out.Licensing.NodeFeature()
		return s.client.SetLicenseFeature(ctx, f.ID, *req.ExtraNodes)
	})
	return req.refusal(err, "extra_nodes", "set `extra_nodes` to a number that CML takes for this product, or leave it out.")
}

// refusal blames an argument for what CML does not take (HTTP 400).
func (req Request) refusal(err error, argument, next string) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Invalid {
		return err
	}
	return &Error{Kind: fault.Invalid, Text: fmt.Sprintf("CML refuses `%s`: %s", argument, or(agentText(f.Message, req.Token))), Next: next, Argument: argument, Err: err}
}

// request sends the registration until it is taken. A lost answer is looked up
// before it is sent again, and so is a refusal for the moment: what is
// registered meanwhile is not registered a second time.
func (s *server) request(ctx context.Context, req Request, out *Result) error {
	before := out.Licensing
	began := func(l controller.Licensing) bool { return begun(before, l) }
	s.begins(ctx, req, before)
	for taken := 0; taken < repeats; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.say("registering with Cisco's licence servers")
		err := s.client.RegisterLicense(ctx, req.Token, !before.Unregistered())
		switch {
		case err == nil:
			taken++
			out.Touched, out.Begun = true, true
		case ctx.Err() != nil:
			out.Touched = true // it may be under way all the same
			return err
		case ambiguous(err):
			out.Touched = true
		case fault.Is(err, fault.WrongState, fault.Unreachable, fault.Throttled):
		default:
			return req.refusal(err, "token_wo", "set `token_wo` to a registration token as Cisco's Smart Software Manager shows it, complete and unchanged.")
		}
		if err == nil && !before.Unregistered() {
			return nil // the old registration would be taken for the new one
		}
		var lookErr error
		if out.Licensing, lookErr = s.shown(ctx, err == nil || ambiguous(err), began); lookErr != nil {
			return lookErr
		}
		if began(out.Licensing) {
			out.Touched, out.Begun = true, true
			return nil
		}
		if err := s.pause(ctx, err); err != nil {
			return err
		}
	}
	return &Error{Kind: fault.WrongState, Text: "CML accepted the request to register, but does not begin"}
}

// begun reports whether a registration was begun between two looks.
func begun(before, now controller.Licensing) bool {
	return underWay(now) || now.Registration.RegisterTime.Attempted != before.Registration.RegisterTime.Attempted ||
		now.Registration.Status != before.Registration.Status
}

// await waits for the end of a registration or an authorization. requested: a
// request was sent, and until it shows, before is what the status still says.
func (s *server) await(ctx context.Context, req Request, before controller.Licensing, requested bool, done func(controller.Licensing) bool, out *Result) (controller.Licensing, error) {
	var (
		l                         controller.Licensing
		began                     = time.Now()
		retryingSince, shortSince time.Time
		told                      string
	)
	err := wait.Poll(ctx, s.pace(), func(ctx context.Context) (bool, error) {
		var err error
		if l, err = s.status(ctx); err != nil {
			return false, err
		}
		if now := l.Registration.Status + ", authorization " + l.Authorization.Status; now != told {
			told = now
			s.say("licence registration " + now)
		}
		if requested && !begun(before, l) && time.Since(began) < s.polls(stalePolls) {
			return false, nil
		}
		requested = requested && !begun(before, l)
		if done(l) {
			return true, nil
		}
		switch {
		case Broken(l):
			return false, s.broken(l, req.Token)
		case l.Registration.Status == retrying:
			return false, s.stillRetrying(&retryingSince, l, req.Token)
		case OutOfCompliance(l):
			if shortSince.IsZero() {
				shortSince = time.Now()
			}
			out.OutOfCompliance = time.Since(shortSince) >= s.polls(compliancePolls)
			return out.OutOfCompliance, nil
		case l.Unregistered() && time.Since(began) >= s.polls(bootPolls):
			return false, &Error{Kind: fault.WrongState, Text: "CML is not registered any more"}
		}
		return false, nil
	})
	if err != nil && ctx.Err() != nil {
		text := fmt.Sprintf("waiting for the licence ended at registration %s, authorization %s", or(l.Registration.Status), or(l.Authorization.Status))
		if agent := agentText(l.Registration.RegisterTime.Failure, req.Token); agent != "" && agent != "OK" {
			text += ": " + agent
		}
		err = &Error{Kind: fault.KindOf(err), Text: text, Err: err,
			Next: "see in CML how it ends; a longer limit in `timeouts` gives it more time."}
	}
	return l, err
}

func or(text string) string {
	if text == "" {
		return "not known"
	}
	return text
}

func (s *server) broken(l controller.Licensing, token string) error {
	text := fmt.Sprintf("the registration ended as %s (authorization %s)", or(l.Registration.Status), or(l.Authorization.Status))
	if agent := agentText(l.Registration.RegisterTime.Failure, token); agent != "" && agent != "OK" {
		text += ": " + agent
	}
	return &Error{Kind: fault.Invalid, Text: text,
		Next: "check in Cisco's Smart Software Manager that the token exists, has not expired and has uses left; set `token_wo` to a good one and raise `token_wo_version`.", Argument: "token_wo"}
}

// stillRetrying fails for an agent that goes on trying by itself: at once when
// it says why in vain, otherwise after a while.
func (s *server) stillRetrying(since *time.Time, l controller.Licensing, token string) error {
	if since.IsZero() {
		*since = time.Now()
	}
	if notValid(l.Registration.RegisterTime.Failure) {
		return s.broken(l, token)
	}
	if time.Since(*since) < s.polls(retryPolls) {
		return nil
	}
	text := "CML cannot register and keeps trying (RETRY_IN_PROGRESS)"
	if agent := agentText(l.Registration.RegisterTime.Failure, token); agent != "" && agent != "OK" {
		text += ": " + agent
	}
	ssms := l.Transport.SSMS
	return &Error{Kind: fault.Unreachable, Text: text,
		Next: fmt.Sprintf("check that the worker reaches %s by HTTPS, or set `transport.ssms` or `transport.proxy`.", or(ssms))}
}
