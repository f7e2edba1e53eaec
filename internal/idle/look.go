package idle

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
)

// lookLimit is what all questions to CML may take together.
const lookLimit = 90 * time.Second

// Target is the worker to look at, as it was just read.
type Target struct {
	Machine  *instance.Instance
	Settings controller.Settings
	// Credentials returns the account to ask as; nil when there is none.
	Credentials func(context.Context) (controller.Credentials, error)
	Transport   controller.Transport
	// Tags are the managed tags, without prefix.
	Tags map[string]string
}

// Look observes a worker. What cannot be read is in Observation.Err; an error
// is a certificate that is not the pinned one, settings that make no sense, or
// the end of the context.
func Look(ctx context.Context, t Target, o Options) (Observation, error) {
	s := Observation{
		State: t.Machine.State, Started: t.Machine.LaunchTime, Local: time.Now(),
		Disabled: t.Tags[MarkerDetection] == MarkerDisabled,
	}
	if s.Started.IsZero() {
		s.Started = t.Machine.FirstLaunchTime
	}
	if s.State != instance.StateRunning {
		return s, nil
	}
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	s.Err = s.ask(limited, t, o)
	if ctx.Err() != nil {
		return s, context.Cause(ctx)
	}
	s.Read = s.Err == nil
	if wrong(s.Err, t.Settings) {
		return s, s.Err
	}
	return s, nil
}

// wrong tells what a person has to put right from what may be otherwise next
// time: another certificate than the pinned one, and settings that make no
// sense (a 400 of CML's is no such thing).
func wrong(err error, settings controller.Settings) bool {
	if f := fault.As(err); f != nil && f.Kind == fault.Invalid && f.StatusCode == 0 {
		return true
	}
	return fault.Is(err, fault.Untrusted) && settings.TLS.Fingerprint != ""
}

// session is a session with CML of some version.
type session struct {
	*controller.Client
	version string
}

// open opens a session with CML, once it says that it is ready. Whoever gets
// it closes it.
func open(ctx context.Context, t Target) (*session, error) {
	ip := t.Settings.Pick(readiness.Addresses(t.Machine))
	if ip == "" {
		return nil, fault.New(fault.NotReady, "the worker has none of the addresses of controller.address_preference")
	}
	anybody := controller.New(ip, t.Settings, controller.Credentials{}, t.Transport)
	defer anybody.Close()
	info, err := anybody.SystemInformation(ctx)
	if err != nil {
		return nil, err
	}
	if !info.Ready {
		return nil, fault.New(fault.NotReady, "CML says that it is not ready to start nodes yet")
	}
	if t.Credentials == nil {
		return nil, fault.New(fault.Credentials, "there are no credentials for CML, and its telemetry is for accounts only")
	}
	credentials, err := t.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("the credentials for CML cannot be read: %w", err)
	}
	client := controller.New(ip, t.Settings, credentials, t.Transport)
	if err := client.Authenticate(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return &session{client, info.Version}, nil
}

// ask fills in what CML tells.
func (s *Observation) ask(ctx context.Context, t Target, o Options) error {
	client, err := open(ctx, t)
	if err != nil {
		return err
	}
	defer client.Close()
	excluded := s.exclude(ctx, client.Client, o)
	if o.needsLoad() {
		stats, err := client.SystemStats(ctx)
		if err != nil {
			return err
		}
		if n, known := stats.RunningNodes(); known {
			s.Nodes = &n
		} else if o.NodesKeepAwake {
			return fault.New(fault.NotReady, "CML does not report the number of running nodes")
		}
		if s.CPUPercent = (*float64)(stats.All.CPU.Percent); s.CPUPercent == nil && o.CPUKeepAwake != nil {
			return fault.New(fault.NotReady, "CML does not report how busy its processors are")
		}
	}
	// Last, so that its clock is the newest.
	return s.events(ctx, client, o, excluded)
}

// events fills in what the telemetry tells; excluded are ids of users.
func (s *Observation) events(ctx context.Context, client *session, o Options, excluded []string) error {
	telemetry, err := client.NewestEvent(ctx, func(category, userID string) bool { return o.counts(category, userID, excluded) })
	if err != nil {
		return unread(err, client.version)
	}
	// Logins and calls make events, this look's own among them (cml-api.md 7.1):
	// where there is none at all, nothing is recorded, whoever uses CML.
	if telemetry.Empty {
		return fault.New(fault.NotReady, "CML records no telemetry at all, as where it was declined")
	}
	s.Now, s.Local = telemetry.Now, time.Now()
	if e := telemetry.Newest; e != nil {
		s.Last, s.Category, s.UserID = e.At, e.Category, e.UserID
	}
	return nil
}

// unread says what to do about a telemetry that CML does not give.
func unread(err error, version string) error {
	switch f := fault.As(err); {
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.NotFound, "CML %s has no telemetry to tell idleness by (%w); 2.9 and newer have it", version, err)
	case f != nil && f.Kind == fault.PermissionDenied && f.Operation == "GET /telemetry/events":
		return fault.New(fault.PermissionDenied, "CML does not show its telemetry to this account; ask as one that may read it: %w", err)
	}
	return err
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// exclude returns the ids of the users whose activity does not count. One that
// cannot be looked up counts, which keeps a worker running rather than stops it.
func (s *Observation) exclude(ctx context.Context, client *controller.Client, o Options) []string {
	var out []string
	note := func(who string, err error) {
		s.Notes = append(s.Notes, fmt.Sprintf("The id of %s could not be looked up, so its calls count as activity: %s", who, err))
	}
	if o.OwnUser {
		if id, err := client.OwnUserID(ctx); err == nil {
			out = append(out, id)
		} else {
			note("the provider's own account of CML", err)
		}
	}
	users := o.ExcludeUsers
	if o.OwnUser {
		users = append(slices.Clone(users), PublisherUser)
	}
	for _, user := range users {
		if uuid.MatchString(user) {
			out = append(out, user)
			continue
		}
		id, err := client.UserID(ctx, user)
		switch {
		case err == nil:
			out = append(out, id)
		case !fault.Is(err, fault.NotFound): // who does not exist does nothing
			note(fmt.Sprintf("the account %q", user), err)
		}
	}
	return out
}
