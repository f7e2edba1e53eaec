// Package licensing registers a worker with Cisco's licence servers and gives
// its licence back, each as one sequence of steps that may be interrupted
// anywhere and run again: it always begins with what CML says now, and every
// answer that was lost is looked up before anything is repeated.
package licensing

import (
	"context"
	"errors"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// Limits inside a sequence, in settled intervals of 5 s, so that they keep
// their proportion at another pace. The limit of the whole is the context's.
const (
	reachPolls      = 6   // 30 s: no connection to a machine that runs
	bootPolls       = 120 // 10 min: connected, but CML is not ready to answer
	retryPolls      = 6   // 30 s of RETRY_IN_PROGRESS
	compliancePolls = 12  // 60 s of OUT_OF_COMPLIANCE after COMPLETED
	stalePolls      = 3   // until a request that was taken must show
	showPolls       = 6   // until a change that was made must show
	// repeats is how often a request is made again that was taken and has no effect.
	repeats = 3
)

// lookLimit bounds a look without patience, as a refresh takes.
const lookLimit = 3 * time.Second

// cleanUp is how long what must not be left out may take after the end of the
// operation's own context.
const cleanUp = 15 * time.Second

// Worker is a worker whose licence is handled. Whoever acts on it holds the
// lock of the instance.
type Worker struct {
	Instances             *instance.Client
	InstanceID, AccountID string
	// Settings says how CML on the instance is reached.
	Settings func(*instance.Instance) controller.Settings
	// Credentials returns what gets the account of CML, nil for none. The
	// settings may name where it is kept.
	Credentials func(controller.Settings) func(context.Context) (controller.Credentials, error)
	Transport   controller.Transport
	// Interval is the settled pace; 0 means wait.DefaultInterval.
	Interval time.Duration
	// Progress, if set, hears what is being done.
	Progress func(string)
}

func (w *Worker) say(text string) {
	if w.Progress != nil {
		w.Progress(text)
	}
}

func (w *Worker) pace() wait.Pace { return wait.Pace{Interval: w.Interval} }

// polls is the duration of so many settled intervals.
func (w *Worker) polls(n int) time.Duration {
	interval := w.Interval
	if interval <= 0 {
		interval = wait.DefaultInterval
	}
	return time.Duration(n) * interval
}

// server is CML on a running worker, and who asks it.
type server struct {
	*Worker
	in     *instance.Instance
	client *controller.Client
	// mayBoot: a machine that was reached, or launched a short while ago, is given
	// the time of a boot when it cannot be reached.
	mayBoot, reached bool
	// found: a registration was under way that this run has not asked for.
	found bool
	// last is the last status that was read.
	last controller.Licensing
}

// freshLaunch is how long after its launch a machine may still be on its way,
// with the reboot at the end of a provisioning script (cml-api.md 3.1).
const freshLaunch = 20 * time.Minute

// reachLimit is how long CML may be out of reach of a machine that runs.
func (s *server) reachLimit() time.Duration {
	if s.mayBoot && (s.reached || time.Since(s.in.LaunchTime) < freshLaunch) {
		return s.polls(bootPolls)
	}
	return s.polls(reachPolls)
}

// boots reports whether a machine that was started a short while ago has not
// passed EC2's status checks yet: until then it is no wonder that it is out of
// reach. Where they cannot be read, it is taken to be up.
func (s *server) boots(ctx context.Context) bool {
	if time.Since(s.in.LaunchTime) >= freshLaunch {
		return false
	}
	status, err := s.Instances.StatusChecks(ctx, s.InstanceID)
	return err == nil && (status.System == instance.CheckInitializing || status.Instance == instance.CheckInitializing)
}

// NoCredentials reports whether an error says that there is nobody to ask CML as.
func NoCredentials(err error) bool { return errors.Is(err, errNoCredentials) }

var errNoCredentials = &Error{Kind: fault.Credentials,
	Text: "there are no credentials for CML",
	Next: "set `username` and `password`, or `token`, in the `controller` argument of the provider, or `controller.credentials` of the resource."}

// server prepares the questions; it asks nothing yet.
func (w *Worker) server(ctx context.Context, in *instance.Instance) (*server, error) {
	settings := w.Settings(in)
	resolve := w.Credentials(settings)
	if resolve == nil {
		return nil, errNoCredentials
	}
	credentials, err := resolve(ctx)
	if err != nil {
		return nil, err
	}
	address := settings.Pick(readiness.Addresses(in))
	return &server{Worker: w, in: in, client: controller.New(address, settings, credentials, w.Transport)}, nil
}

// Look asks CML for its licence once, within the bounds of a refresh.
func (w *Worker) Look(ctx context.Context, in *instance.Instance) (controller.Licensing, error) {
	s, err := w.server(ctx, in)
	if err != nil {
		return controller.Licensing{}, err
	}
	defer s.client.Close()
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	return s.client.Licensing(ctx)
}

// patiently repeats a question while CML cannot be reached, for as long as a
// route may take, and while it is not ready to answer, for as long as a boot
// may take.
func (s *server) patiently(ctx context.Context, ask func(context.Context) error) error {
	var (
		since time.Time
		last  error
	)
	err := wait.Poll(ctx, s.pace(), func(ctx context.Context) (bool, error) {
		err := ask(ctx)
		var limit time.Duration
		switch {
		case err == nil:
			s.reached = true
			return true, nil
		case ctx.Err() != nil:
			return false, err
		case fault.Is(err, fault.Unreachable):
			if limit = s.reachLimit(); s.boots(ctx) {
				since = time.Time{}
			}
		case fault.Is(err, fault.NotReady, fault.Server, fault.Throttled):
			limit = s.polls(bootPolls)
		default:
			return false, err
		}
		if since.IsZero() {
			since = time.Now()
		}
		last = err
		if time.Since(since) >= limit {
			return false, err
		}
		return false, nil
	})
	return cutShort(ctx, err, last)
}

// cutShort adds what CML answered last to the end of a context in a wait.
func cutShort(ctx context.Context, err, last error) error {
	if err == nil || last == nil || ctx.Err() == nil {
		return err
	}
	return &Error{Kind: fault.KindOf(err), Text: "waiting for CML ended: " + last.Error(), Err: err}
}

// pause comes before a request is made again that failed, nil for one that was
// taken and has no effect yet.
func (s *server) pause(ctx context.Context, failure error) error {
	return cutShort(ctx, wait.Sleep(ctx, s.polls(1)), failure)
}

// status is the licence as CML sees it now.
func (s *server) status(ctx context.Context) (controller.Licensing, error) {
	var l controller.Licensing
	err := s.patiently(ctx, func(ctx context.Context) error {
		var err error
		l, err = s.client.Licensing(ctx)
		return err
	})
	if err == nil {
		s.last = l
	}
	return l, err
}

// settled is the licence once no registration is under way; one that stays so
// is returned as it is after the time of a registration.
func (s *server) settled(ctx context.Context) (controller.Licensing, error) {
	var l controller.Licensing
	began := time.Now()
	err := wait.Poll(ctx, s.pace(), func(ctx context.Context) (bool, error) {
		var err error
		l, err = s.status(ctx)
		s.found = s.found || err == nil && underWay(l)
		return err == nil && (!underWay(l) || time.Since(began) >= s.polls(bootPolls)), err
	})
	return l, err
}

// ambiguous reports whether an error leaves open if a request took effect.
func ambiguous(err error) bool {
	if fault.Is(err, fault.NotReady, fault.Server) {
		return true
	}
	if !fault.Is(err, fault.Unreachable) {
		return false
	}
	switch controller.Reason(err) {
	case controller.ReasonRefused, controller.ReasonNoRoute, controller.ReasonDNS, controller.ReasonProxy:
		return false
	}
	return true
}

// again reports whether a request that failed may be repeated after a look.
func again(err error) bool {
	return fault.Is(err, fault.WrongState, fault.Unreachable, fault.NotReady, fault.Server, fault.Throttled)
}

// change makes a change until the status shows it, and returns that status. A
// refusal (HTTP 400) of what is already so is none.
func (s *server) change(ctx context.Context, what string, l controller.Licensing, done func(controller.Licensing) bool, do func(context.Context) error) (controller.Licensing, error) {
	for taken := 0; !done(l); {
		err := do(ctx)
		refused := fault.Is(err, fault.Invalid)
		switch {
		case err == nil:
			taken++
		case refused, again(err):
		default:
			return l, err
		}
		failure := err
		if l, err = s.shown(ctx, err == nil, done); err != nil {
			return l, err
		}
		if done(l) {
			break
		}
		if refused {
			return l, failure
		}
		if taken >= repeats {
			return l, &Error{Kind: fault.WrongState, Text: "CML accepted the request to set the " + what + ", but does not show it"}
		}
		if err := s.pause(ctx, failure); err != nil {
			return l, err
		}
	}
	return l, nil
}

// shown reads the status; where a request was taken, until it shows.
func (s *server) shown(ctx context.Context, taken bool, done func(controller.Licensing) bool) (controller.Licensing, error) {
	var l controller.Licensing
	began := time.Now()
	err := wait.Poll(ctx, s.pace(), func(ctx context.Context) (bool, error) {
		var err error
		l, err = s.status(ctx)
		return err == nil && (!taken || done(l) || time.Since(began) >= s.polls(showPolls)), err
	})
	return l, err
}
